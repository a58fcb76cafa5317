#include "operator/reference.h"

#include "operator/catalog.h"

namespace tessera::operate {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics of tessera-operator

What the operator says about itself on its own `/metrics`. Alerts on it: `deploy/prometheus/tessera.rules.yaml`.
)";

}  // namespace

std::string metrics_reference() { return metrics::reference(kIntroduction, catalog::kAll); }

}  // namespace tessera::operate

#include "operator/reference.h"

#include <fmt/format.h>

#include "operator/catalog.h"

namespace tessera::operate {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics of tessera-operator

What the operator says about itself on its own `/metrics`. Alerts on it: `deploy/prometheus/tessera.rules.yaml`.

| metric | type | unit | labels | meaning | source |
| --- | --- | --- | --- | --- | --- |
)";

std::string_view or_dash(std::string_view text) { return text.empty() ? "–" : text; }

}  // namespace

std::string metrics_reference() {
  std::string out(kIntroduction);
  for (const Described* d : catalog::kAll)
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", d->metric.name, metrics::type_name(d->metric.type),
                       or_dash(d->metric.unit), or_dash(d->labels), d->metric.help, d->source);
  return out;
}

}  // namespace tessera::operate

#include "server/reference.h"

#include <fmt/format.h>

#include "server/catalog.h"
#include "server/settings.h"
#include "server/settings_environment.h"

namespace tessera::server {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics of tessera-server

What the server says on its `/metrics`: the fleet in a few families, and itself. Raw series are not here; who wants them
asks the Prometheus-compatible engine that keeps them.
)";

}  // namespace

std::string metrics_reference() { return metrics::reference(kIntroduction, catalog::kAll); }

std::string settings_reference() {
  std::string out = "| key | environment | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const SettingRow& row : setting_rows())
    out += fmt::format("| `{}` | `{}` | {} | {}{} |\n", row.key, variable_of(row.key), metrics::or_dash(row.fallback),
                       row.meaning, row.no_effect.empty() ? "" : fmt::format(". No effect: {}", row.no_effect));
  return out;
}

}  // namespace tessera::server

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

std::string settings_reference() {
  std::string out = "| key | environment | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const SettingRow& row : setting_rows())
    out += fmt::format("| `{}` | `{}` | {} | {}{} |\n", row.key, variable_of(row.key), or_dash(row.fallback),
                       row.meaning, row.no_effect.empty() ? "" : fmt::format(". No effect: {}", row.no_effect));
  return out;
}

}  // namespace tessera::server

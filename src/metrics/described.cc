#include "metrics/described.h"

#include <fmt/format.h>

namespace tessera::metrics {

std::string reference(std::string_view introduction, std::span<const Described* const> all) {
  std::string out(introduction);
  out += "\n| metric | type | unit | labels | meaning | source |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const Described* d : all)
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", d->metric.name, type_name(d->metric.type),
                       or_dash(d->metric.unit), or_dash(d->labels), d->metric.help, d->source);
  return out;
}

}  // namespace tessera::metrics

#include "server/field_selector.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::server {

std::vector<FieldTerm> read_field_selector(Query& query, const std::vector<std::string_view>& fields) {
  std::vector<FieldTerm> out;
  const auto text = query.text("fieldSelector");
  if (!text) return out;
  for (const std::string_view term : split(*text, ',')) {
    const auto equals = term.find('=');
    if (equals == std::string_view::npos) {
      query.fault("fieldSelector", fmt::format("'{}': field=value or field!=value is expected", term));
      continue;
    }
    const bool differs = equals > 0 && term[equals - 1] == '!';
    const std::string_view name = trim(term.substr(0, equals - (differs ? 1 : 0)));
    std::string_view value = term.substr(equals + 1);
    if (!differs && value.starts_with('=')) value.remove_prefix(1);
    const auto found = std::ranges::find(fields, name);
    if (found == fields.end())
      query.fault("fieldSelector", fmt::format("there is no field '{}'; there are {}", name, fmt::join(fields, ", ")));
    else
      out.push_back({static_cast<std::size_t>(found - fields.begin()), !differs, std::string(trim(value))});
  }
  return out;
}

}  // namespace tessera::server

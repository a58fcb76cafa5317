#include "server/settings_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace tessera::server {
namespace {

std::string upper(std::string_view text, char for_dash) {
  std::string out;
  for (const char c : text) {
    if (c == '-' && for_dash == '\0') continue;
    out += c == '.' ? '_' : c == '-' ? for_dash : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string as_yaml(std::string_view value, Shape shape) {
  if (shape == Shape::Text) return quoted(value);
  if (shape != Shape::List) return std::string(value);
  std::string out = "[";
  for (const std::string_view one : split(value, ','))
    if (!trim(one).empty()) out += (out.size() > 1 ? ", " : "") + quoted(trim(one));
  return out + "]";
}

}  // namespace

std::string variable_of(std::string_view key) { return upper(key, '\0'); }

Result<std::optional<config::Node>> from_environment(std::string_view key, Shape shape,
                                                     const Environment& environment) {
  for (const std::string& name : {variable_of(key), upper(key, '_')}) {
    const auto value = environment(name);
    if (!value || trim(*value).empty()) continue;
    return std::optional(TRY(config::load(as_yaml(*value, shape), fmt::format("environment {}", name))));
  }
  return std::optional<config::Node>();
}

}  // namespace tessera::server

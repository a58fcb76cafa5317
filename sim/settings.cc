#include "sim/settings.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

#include "sim/yaml.h"

namespace tessera::sim {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

}  // namespace

Outcome<Settings> load_settings(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Failure{fmt::format("settings {}: {}", file, std::strerror(errno))};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    const Yaml yaml = Yaml::load(text, file);
    Settings out;
    if (yaml.is_null()) return out;
    yaml.expect_map({"scenario", "state", "node", "library", "logFormat", "logLevel"});
    const auto read = [&](const char* key, std::string& into) {
      if (const auto value = yaml.find(key)) into = value->text();
    };
    read("scenario", out.scenario);
    read("state", out.state);
    read("node", out.node);
    read("library", out.library);
    if (const auto format = yaml.find("logFormat")) out.log_format = format->one_of({"text", "json"});
    if (const auto level = yaml.find("logLevel"))
      level->one_of({"debug", "info", "warn", "error"});  // errors only here
    return out;
  } catch (const ScenarioError& error) {
    return Failure{error.what()};
  }
}

std::string complaint(const std::string& what, bool json) {
  if (!json) return fmt::format("tessera-sim: {}\n", what);
  return fmt::format(
      "{{\"time\":\"{:%Y-%m-%dT%H:%M:%SZ}\",\"level\":\"error\",\"message\":\"tessera-sim\",\"why\":{}}}\n",
      fmt::gmtime(std::time(nullptr)), quoted(what));
}

}  // namespace tessera::sim

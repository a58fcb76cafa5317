#include "config/flag_file.h"

#include <CLI/CLI.hpp>
#include <map>

#include "base/text.h"
#include "config/yaml.h"

namespace tessera::config {

Result<void> apply_flag_file(const std::string& path, const std::vector<CLI::Option*>& options) {
  std::map<std::string, CLI::Option*> known;
  for (auto* option : options) {
    if (option->get_lnames().empty()) continue;
    if (const auto& name = option->get_lnames().front(); name != "help" && name != "version" && name != "config")
      known.emplace(camel_case(name), option);
  }
  std::vector<std::string_view> keys;
  for (const auto& [key, option] : known) keys.push_back(key);

  const auto document = TRY(load_file(path));
  TRY(document.only(keys));
  const auto entries = TRY(document.entries());
  for (const auto& [key, value] : entries) {
    auto* option = known.at(key);
    if (value.is_null() || option->count() > 0) continue;
    const std::string text = TRY(value.text());
    try {
      option->add_result(text);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return value.error(error.what());
    }
  }
  return {};
}

}  // namespace tessera::config

// Law: a text is settings or an error that says where; what is taken keeps the bounds that run() relies on.
#include <cassert>
#include <cstdint>

#include "server/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The first byte chooses who gets the rest: the file, or the environment under a name that settings ask for.
  const auto nothing = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  const auto variable = [&](std::string_view name) -> std::optional<std::string> {
    return !name.starts_with("TESSERA_") && !name.starts_with("SPRING_") ? std::optional(std::string(text.substr(1)))
                                                                         : std::nullopt;
  };
  const bool from_environment = !text.empty() && text[0] == '$';
  const auto settings = from_environment ? server::parse_settings("", "s.yaml", variable)
                                         : server::parse_settings(text, "s.yaml", nothing);
  if (!settings) {
    assert(!settings.error().what.empty());
    return 0;
  }
  assert(settings->collection_interval.count() >= 1000);
  assert(!settings->pool_max_devices || *settings->pool_max_devices >= 1);
  assert(settings->context_path.empty() || settings->context_path[0] == '/');
  return 0;
}

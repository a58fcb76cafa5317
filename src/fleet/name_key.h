#pragma once
// Names as numbers. A name of a session has a hundred letters, and a fleet has a million of them.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tessera::fleet {

/// 128 well mixed bits of a name: of ten million, two are the same with a probability of 1 in 10^24.
struct NameKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const NameKey&) const = default;
};

NameKey key_of(std::string_view name);

/// Of the text that the arguments make up.
template <class... Arguments>
NameKey key_of(fmt::format_string<Arguments...> form, Arguments&&... arguments)
  requires(sizeof...(Arguments) > 0)
{
  fmt::memory_buffer text;
  fmt::format_to(fmt::appender(text), form, std::forward<Arguments>(arguments)...);
  return key_of(std::string_view(text.data(), text.size()));
}

struct NameHash {
  std::size_t operator()(const NameKey& key) const { return key.low; }
};
template <class Value>
using ByName = std::unordered_map<NameKey, Value, NameHash>;

}  // namespace tessera::fleet

#include <cassert>
#include <cstdint>

#include "config/yaml.h"

namespace {

using tessera::config::Node;

std::size_t values_below(const Node& node, std::size_t depth) {
  assert(depth <= 64);
  assert(node.line() >= 1 && node.column() >= 1);
  std::size_t count = 1;
  if (const auto list = node.list())
    for (const auto& item : *list) count += values_below(item, depth + 1);
  if (const auto entries = node.entries())
    for (const auto& [key, value] : *entries) {
      assert(node.find(key));
      count += values_below(value, depth + 1);
    }
  const auto number = node.number(-5, 5);
  assert(!number || (*number >= -5 && *number <= 5));
  const auto integer = node.integer(-5, 5);
  assert(!integer || (*integer >= -5 && *integer <= 5));
  (void)node.flag();
  (void)node.duration();
  (void)node.texts();
  (void)node.text_map();
  assert(!node.text() || !(node.is_null() || node.is_map() || node.is_list()));
  return count;
}

}  // namespace

// Nothing throws, and whatever is loaded can be walked to its end, aliases and all, within the promised limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto node = tessera::config::load({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!node) {
    assert(node.error().code == tessera::Code::Invalid);
    assert(node.error().what.starts_with("fuzz.yaml:"));
    return 0;
  }
  assert(values_below(*node, 1) <= 100'000);
  return 0;
}

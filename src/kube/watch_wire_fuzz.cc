#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kube/json_slice.h"
#include "kube/watch_wire.h"

namespace {

using namespace tessera::kube;

void require(bool law) {
  if (!law) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::vector<std::string> lines_of(std::string_view text, std::size_t step) {
  std::vector<std::string> lines;
  LineCutter cutter(1U << 20U);
  for (std::size_t at = 0; at < text.size(); at += step)
    require(static_cast<bool>(cutter.feed(text.substr(at, step), [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    })));
  return lines;
}

}  // namespace

// Any bytes: the same lines come from any chunks; what is found lies within the text, and parts of JSON are JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto lines = lines_of(text, size + 1);
  require(lines == lines_of(text, 1) && lines == lines_of(text, 7));
  for (const auto& line : lines) {
    if (const auto event = read_watch_line(line)) {
      require(within(event->object, line) && is_json(event->object));
      if (const auto object = read_object(event->object)) require(!object->key.empty());
    }
  }
  if (const auto page = read_list_page(text))
    for (const auto& item : page->items) require(within(item.json, text) && is_json(item.json) && !item.key.empty());
  if (const auto found = member(text, "metadata")) require(within(*found, text) && (!is_json(text) || is_json(*found)));
  return 0;
}

#include "base/grid.h"

#include <algorithm>

#include "base/text.h"

namespace tessera {
namespace {

/// Code points, not bytes: what a terminal gives a column for.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

void append_grid(std::string& out, const std::vector<Cells>& lines, const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const Cells& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  for (const Cells& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - width(line[i]), ' ');
      const bool number = std::ranges::find(right, i) != right.end();
      text += number ? pad + line[i] : line[i] + pad;
      if (i + 1 < line.size()) text += "  ";
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
  }
}

std::string harmless(std::string_view text) {
  std::string out = valid_utf8(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; }, ' ');
  return out;
}

}  // namespace tessera

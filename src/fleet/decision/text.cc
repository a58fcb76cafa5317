#include "fleet/decision/text.h"

#include <fmt/format.h>

namespace tessera::fleet::decision {

std::string number_text(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string money_text(std::int64_t micros) {
  std::string text = fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
  while (text.ends_with('0') && text[text.size() - 3] != '.') text.pop_back();
  return text;
}

std::string time_text(Milliseconds time) {
  const std::int64_t minutes = time.count() / 60'000;
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return fmt::format("{} min", minutes);
  return minutes < 48 * 60 ? fmt::format("{} h", minutes / 60) : fmt::format("{} days", minutes / (24 * 60));
}

std::string join(std::span<const std::string> words) {
  constexpr std::size_t kShown = 4;
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool cut = words.size() > kShown && i + 1 == kShown;
    if (i > 0) out += cut || i + 1 == words.size() ? " and " : ", ";
    if (cut) return out + fmt::format("{} more", words.size() - i);
    out += words[i];
  }
  return out;
}

}  // namespace tessera::fleet::decision

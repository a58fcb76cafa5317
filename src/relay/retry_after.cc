#include "relay/retry_after.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"

namespace tessera::relay {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::int64_t kMaxSeconds = 10LL * 365 * 86'400;

std::optional<std::int64_t> digits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return parse_int(text);
}

std::optional<std::chrono::seconds> time_of_day(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3) return std::nullopt;
  const auto hour = digits(parts[0]), minute = digits(parts[1]), second = digits(parts[2]);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::seconds(*hour * 3'600 + *minute * 60 + *second);
}

std::optional<unsigned> month_of(std::string_view text) {
  const auto found = std::ranges::find(kMonths, lower(text));
  if (found == kMonths.end()) return std::nullopt;
  return static_cast<unsigned>(found - kMonths.begin()) + 1;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994": in all of them the
/// day comes before the year, and every part can be told by its look. The day of the week is not checked.
std::optional<EpochMs> parse_date(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, ',', ' ');
  std::ranges::replace(plain, '-', ' ');
  std::optional<std::chrono::seconds> time;
  std::optional<unsigned> month;
  std::vector<std::int64_t> numbers;
  for (const auto part : split(plain, ' ')) {
    if (const auto clock = time_of_day(part)) time = clock;
    if (const auto found = month_of(part)) month = found;
    if (const auto number = digits(part)) numbers.push_back(*number);
  }
  if (!time || !month || numbers.size() != 2 || numbers[0] > 31 || numbers[1] > 9'999) return std::nullopt;
  const std::int64_t year = numbers[1] >= 100 ? numbers[1] : numbers[1] + (numbers[1] < 70 ? 2'000 : 1'900);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(*month),
                                         std::chrono::day(static_cast<unsigned>(numbers[0]))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::duration_cast<Milliseconds>(std::chrono::sys_days(date).time_since_epoch() + *time).count();
}

}  // namespace

std::optional<Milliseconds> parse_retry_after(std::string_view header, EpochMs now) {
  header = trim(header);
  if (header.empty() || header.size() > 64) return std::nullopt;
  if (header.find_first_not_of("0123456789") == std::string_view::npos)  // so many that they fit no number: very long
    return Milliseconds(1'000 * std::min(parse_int(header).value_or(kMaxSeconds), kMaxSeconds));
  const auto date = parse_date(header);
  if (!date) return std::nullopt;
  return Milliseconds(std::max<EpochMs>(*date - now, 0));
}

}  // namespace tessera::relay

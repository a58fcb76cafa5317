#include "base/window.h"

#include <algorithm>

#include "base/text.h"

namespace tessera {
namespace {

constexpr unsigned kHour = 60;
constexpr unsigned kDay = 24 * kHour;
constexpr EpochMs kMinuteMs = 60'000;

/// "04:30".
std::optional<unsigned> minute_of_day(std::string_view text) {
  text = trim(text);
  if (text.size() != 5 || text[2] != ':' || text[0] == '+' || text[0] == '-' || text[3] == '+' || text[3] == '-')
    return std::nullopt;
  const auto hour = parse_int(text.substr(0, 2));
  const auto minute = parse_int(text.substr(3));
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  return static_cast<unsigned>(*hour) * kHour + static_cast<unsigned>(*minute);
}

}  // namespace

Result<std::vector<Window>> parse_windows(std::string_view text) {
  std::vector<Window> out;
  for (const std::string_view part : split(text, ',')) {
    const auto ends = split(part, '-');
    const auto from = minute_of_day(ends.front());
    const auto to = minute_of_day(ends.back());
    if (ends.size() != 2 || !from || !to || *from == *to)
      return fail(Code::Invalid, "'{}': a time of the day in UTC as 22:00-04:00 is expected", trim(part));
    out.push_back({*from, *to});
  }
  return out;
}

std::string text_of(std::span<const Window> windows) {
  std::string out;
  for (const Window& w : windows)
    out += fmt::format("{}{:02}:{:02}-{:02}:{:02}", out.empty() ? "" : ",", w.from / kHour, w.from % kHour,
                       w.to / kHour, w.to % kHour);
  return out;
}

bool is_open(std::span<const Window> windows, EpochMs time) {
  const auto minute = static_cast<unsigned>(time / kMinuteMs % kDay);
  return windows.empty() || std::ranges::any_of(windows, [&](const Window& w) {
           return w.from < w.to ? minute >= w.from && minute < w.to : minute >= w.from || minute < w.to;
         });
}

}  // namespace tessera

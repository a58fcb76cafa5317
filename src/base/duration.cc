#include "base/duration.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace tessera {
namespace {
struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr Unit kUnits[] = {  // "ms" before "m": the first match wins
    {"ms", 1},
    {"s", 1'000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
    {"w", 7 * 86'400'000},
    {"y", 365 * std::int64_t{86'400'000}}};
constexpr std::int64_t kLongest = 10'000 * kUnits[6].ms;  // what is reckoned with it does not overflow
constexpr std::size_t kShown = 5;                         // days are the longest that durations are written in
}  // namespace

EpochMs now_epoch_ms() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<Milliseconds> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  std::string_view rest = text;
  do {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc{}) return fail(Code::Invalid, "duration '{}': number expected at '{}'", text, rest);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto* unit = std::ranges::find_if(kUnits, [&](const Unit& u) { return rest.starts_with(u.name); });
    if (unit == std::end(kUnits))
      return fail(Code::Invalid, "duration '{}': one of ms, s, m, h, d, w, y expected at '{}'", text, rest);
    rest.remove_prefix(unit->name.size());
    std::int64_t ms = 0;
    if (__builtin_mul_overflow(count, unit->ms, &ms) || __builtin_add_overflow(total, ms, &total) || total > kLongest)
      return fail(Code::Invalid, "duration '{}': too long", text);
  } while (!rest.empty());
  return Milliseconds(total);
}

std::string format_duration(Milliseconds duration) {
  std::string out;
  std::int64_t rest = duration.count();
  for (std::size_t i = kShown; i-- > 0;) {
    const Unit& unit = kUnits[i];
    if (const std::int64_t count = rest / unit.ms; count > 0) out += fmt::format("{}{}", count, unit.name);
    rest %= unit.ms;
  }
  return out.empty() ? "0s" : out;
}

std::string format_time(EpochMs time) {
  const std::chrono::sys_time<Milliseconds> point{Milliseconds(time)};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(point);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (point - seconds).count());
}

}  // namespace tessera

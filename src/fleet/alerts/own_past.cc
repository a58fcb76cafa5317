#include "fleet/alerts/own_past.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/text.h"
#include "fleet/alerts/observe_device.h"

namespace tessera::fleet::alerts {
namespace {

using gpu::Reading;
using Value = std::optional<double>;

constexpr Milliseconds kForgotten{std::chrono::hours(1)};  ///< longer than any device is silent and still heard of
constexpr EpochMs kMinute = 60'000;
constexpr Milliseconds kLookback{std::chrono::minutes(5)};  ///< Prometheus': for so long a sample holds
constexpr int kCounted = 30, kEnough = 20;                  ///< whole minutes
constexpr int kKept = kCounted + 1;                         ///< the newest one may not be over yet
constexpr std::uint32_t kCountedBits = (1U << kCounted) - 1;

constexpr std::string_view kThrottled = "/throttled", kClock = "/clock";
constexpr std::size_t kHours = 24;  ///< at least

Value temperature(const Device& device) { return device.readings[Reading::TemperatureCelsius]; }
Value clock(const Device& device) { return device.readings[Reading::SmClockMhz]; }
Value throttled(const Device& device) { return held_down(device, kHeldDown); }
Value busy_now(const Device& device) {
  return device.presence == Presence::Present ? utilization_of(device) : std::nullopt;
}

/// The first whole minute that is not before a time.
EpochMs minute_of(EpochMs time) { return (time + kMinute - 1) / kMinute; }

}  // namespace

struct OwnPast::Row {
  std::optional<Signal> signal;  ///< absent: what another row is judged by
  std::string_view of;           ///< behind the device's key
  double busy;                   ///< for at least this share of the time
  Usual usual;
  Value (*now)(const Device&);
  bool recent = false;      ///< what is judged is how it was of late, not the sample
  bool low_clocks = false;  ///< it is judged where clocks are low alone

  Value value(const Device& device, Value busy_now) const {
    return busy_now && *busy_now >= busy ? now(device) : std::nullopt;
  }
};

// Six deviations are 12 °C, three tenths of the power limit, and half of the time, at least.
const OwnPast::Row OwnPast::kRows[] = {
    {Signal::OwnTemperatureDeviation, "", kBusy, {.at_least = kHours, .least_spread = 2}, temperature},
    {Signal::OwnPowerDeviation,
     "/power",
     kBusyAllTheTime,
     {.at_least = kHours, .least_spread = 0.05},
     power_of_limit,
     false,
     true},
    {std::nullopt, kClock, kBusyAllTheTime, {.at_least = kHours}, clock},
    {Signal::OwnThrottlingDeviation, kThrottled, kBusy, {.at_least = kHours, .least_spread = 0.08}, throttled, true},
};

OwnPast::OwnPast(OwnBaseline hours, std::string_view recent) : hours_(std::move(hours)) {
  for (const std::string_view line : split(recent, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() != 3) continue;  // or what another version has written
    if (const auto one = Recent::read(words[1], words[2])) recent_.insert_or_assign(std::string(words[0]), *one);
  }
}

std::string OwnPast::recent_text() const {
  std::string out;
  for (const auto& [name, one] : recent_)
    if (std::ranges::any_of(kRows, [&](const Row& row) { return row.recent && name.ends_with(row.of); }))
      fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\n", name, one.until, one.text());
  return out;
}

void OwnPast::Recent::go_on(EpochMs minute) {
  const EpochMs first = minute_of(until);
  if (minute <= first) {  // which is the open one
    const EpochMs back = std::min<EpochMs>(first - minute, kKept);
    known >>= back, held >>= back;
    return;
  }
  // What is too long ago is shifted out, and need not be so minute by minute.
  for (EpochMs each = std::max(first, minute - 2 * kKept) + 1; each <= minute; ++each) {
    const std::uint32_t holds = each * kMinute - until <= kLookback.count() ? 1 : 0;
    known = known << 1 | (known & holds), held = held << 1 | (held & holds);
  }
}

void OwnPast::Recent::take(EpochMs time, Value value) {
  go_on(minute_of(time));
  known = (known & ~1U) | (value ? 1 : 0);
  held = (held & ~1U) | (value && *value > 0 ? 1 : 0);
  until = time;
}

Value OwnPast::Recent::share(EpochMs now) const {
  Recent then = *this;
  then.go_on(now / kMinute);
  const int minutes = std::popcount(then.known & kCountedBits);
  if (minutes < kEnough) return std::nullopt;
  return static_cast<double>(std::popcount(then.held & kCountedBits)) / minutes;
}

/// The newest minute first.
std::string OwnPast::Recent::text() const {
  std::string out;
  for (int i = 0; i < kKept; ++i) out += (known >> i & 1) == 0 ? '-' : (held >> i & 1) == 0 ? '0' : '1';
  return out;
}

std::optional<OwnPast::Recent> OwnPast::Recent::read(std::string_view until, std::string_view text) {
  const auto time = parse_int(until);
  if (!time || text.size() != kKept || text.find_first_not_of("-01") != text.npos) return std::nullopt;
  Recent out{*time};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '-') out.known |= 1U << i;
    if (text[i] == '1') out.held |= 1U << i;
  }
  return out;
}

void OwnPast::note(const View& view) {
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices) {
      if (device.presence != Presence::Present) continue;
      const Value busy = busy_now(device);
      const std::string key = device_key(*node, device);
      for (const Row& row : kRows) note(row, device, key, busy, view.time);
    }
}

void OwnPast::note(const Row& row, const Device& device, const std::string& key, Value busy, EpochMs now) {
  const Value value = row.value(device, busy);
  std::string name = std::string(key).append(row.of);
  if (value) {
    Recent& recent = recent_[name];
    if (recent.until >= device.last_seen) return;
    if (row.recent)
      recent.take(device.last_seen, value);
    else
      recent.until = device.last_seen;
    hours_.add(name, device.last_seen, *value);
  } else if (row.recent) {
    // What it has told ends by a sample that says something else, or by a series that ends.
    const auto known = recent_.find(name);
    if (known == recent_.end() || (known->second.known & 1) == 0) return;
    known->second.take(known->second.until < device.last_seen ? device.last_seen : now, std::nullopt);
  }
}

void OwnPast::observe(const Device& device, const std::string& key, const std::shared_ptr<const Subject>& subject,
                      Round& round) const {
  const bool heard = device.presence == Presence::Present;
  const Value busy = busy_now(device);
  for (const Row& row : kRows) {
    const Value now = row.value(device, busy);
    if (!row.signal || (heard && row.low_clocks && !has_low_clocks(device, key))) continue;
    // While too little is known, as for some minutes after a restart, the deviation is unknown; it does not cease to
    // be.
    if (now || !heard)
      round.observations.push_back(
          {*row.signal, subject, device.last_seen, now ? deviation(row, device, key, *now) : std::nullopt});
  }
}

Value OwnPast::deviation(const Row& row, const Device& device, const std::string& key, double now) const {
  const Value judged = row.recent ? throttled_of_late(key, device.last_seen) : Value(now);
  return judged ? hours_.deviation(std::string(key).append(row.of), row.usual, *judged) : std::nullopt;
}

bool OwnPast::has_low_clocks(const Device& device, const std::string& key) const {
  const auto usual = hours_.centre(std::string(key).append(kClock), {.at_least = kHours});
  return clocks_are_low(device, usual ? Value(usual->median) : std::nullopt);
}

Value OwnPast::throttled_of_late(const std::string& key, EpochMs now) const {
  const auto known = recent_.find(std::string(key).append(kThrottled));
  if (known == recent_.end()) return std::nullopt;
  const Recent& recent = known->second;
  const bool tells = (recent.known & 1) != 0 && now - recent.until <= kLookback.count();
  return tells ? recent.share(now) : std::nullopt;
}

void OwnPast::forget(EpochMs now) {
  hours_.forget(now);
  std::erase_if(recent_, [&](const auto& one) { return std::abs(now - one.second.until) > kForgotten.count(); });
}

}  // namespace tessera::fleet::alerts

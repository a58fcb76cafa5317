#include "fleet/alerts/own_past.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "fleet/alerts/observe_device.h"

namespace tessera::fleet::alerts {
namespace {

using gpu::Reading;
using Value = std::optional<double>;

constexpr Milliseconds kForgotten{std::chrono::hours(1)};  ///< longer than any device is silent and still heard of
constexpr Milliseconds kHalfHour{std::chrono::minutes(30)}, kGap{std::chrono::minutes(5)};
constexpr double kEnough = 0.5;  // of a Recent's weight: 21 minutes

constexpr std::string_view kThrottled = "/throttled";

Value temperature(const Device& device) { return device.readings[Reading::TemperatureCelsius]; }
Value throttled(const Device& device) { return held_down(device, kHeldDown); }

}  // namespace

struct OwnPast::Row {
  Signal signal;
  std::string_view of;  ///< behind the device's key
  double busy;          ///< for at least this share of the time
  Usual usual;
  Value (*now)(const Device&);
  bool recent = false;  ///< what is judged is how it was of late, not the sample
};

// Six deviations are 12 °C, three tenths of the power limit, and half of the time, at least.
const OwnPast::Row OwnPast::kRows[] = {
    {Signal::OwnTemperatureDeviation, "", kBusy, {.at_least = 24, .least_spread = 2}, temperature},
    {Signal::OwnPowerDeviation, "/power", kBusyAllTheTime, {.at_least = 24, .least_spread = 0.05}, power_of_limit},
    {Signal::OwnThrottlingDeviation, kThrottled, kBusy, {.at_least = 24, .least_spread = 0.08}, throttled, true},
};

OwnPast::OwnPast(OwnBaseline hours, std::string_view recent) : hours_(std::move(hours)) {
  for (const std::string_view line : split(recent, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() != 4) continue;
    const auto until = parse_int(words[1]);
    const auto sum = parse_double(words[2]), weight = parse_double(words[3]);
    if (until && sum && weight) recent_.insert_or_assign(std::string(words[0]), Recent{*until, *sum, *weight});
  }
}

std::string OwnPast::recent_text() const {
  std::string out;
  for (const auto& [name, one] : recent_)
    if (std::ranges::any_of(kRows, [&](const Row& row) { return row.recent && name.ends_with(row.of); }))
      fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}\n", name, one.until, one.sum, one.weight);
  return out;
}

void OwnPast::Recent::take(EpochMs time, double value) {
  const double since = static_cast<double>(time - until);
  const double kept = std::exp(-since / static_cast<double>(kHalfHour.count()));
  const double added = time - until > kGap.count() ? 0 : 1 - kept;
  sum = sum * kept + value * added;
  weight = weight * kept + added;
  until = time;
}

Value OwnPast::Recent::mean() const { return weight < kEnough ? std::nullopt : Value(sum / weight); }

void OwnPast::observe(const Device& device, const std::string& key, const std::shared_ptr<const Subject>& subject,
                      Round& round) {
  const bool heard = device.presence == Presence::Present;
  const Value busy = heard ? utilization_of(device) : std::nullopt;
  for (const Row& row : kRows) {
    const Value now = busy && *busy >= row.busy ? row.now(device) : std::nullopt;
    // While too little is known, as for some minutes after a restart, the deviation is unknown; it does not cease to
    // be.
    if (now || !heard)
      round.observations.push_back(
          {row.signal, subject, device.last_seen, now ? deviation(row, device, key, *now) : std::nullopt});
  }
}

Value OwnPast::deviation(const Row& row, const Device& device, const std::string& key, double now) {
  const std::string name = std::string(key).append(row.of);
  Recent& recent = recent_[name];
  if (recent.until < device.last_seen) {
    recent.take(device.last_seen, now);
    hours_.add(name, device.last_seen, now);
  }
  const Value judged = row.recent ? recent.mean() : Value(now);
  return judged ? hours_.deviation(name, row.usual, *judged) : std::nullopt;
}

Value OwnPast::throttled_of_late(const std::string& key, EpochMs now) const {
  const auto known = recent_.find(std::string(key).append(kThrottled));
  if (known == recent_.end() || now - known->second.until > kGap.count()) return std::nullopt;
  return known->second.mean();
}

void OwnPast::forget(EpochMs now) {
  hours_.forget(now);
  std::erase_if(recent_, [&](const auto& one) { return std::abs(now - one.second.until) > kForgotten.count(); });
}

}  // namespace tessera::fleet::alerts

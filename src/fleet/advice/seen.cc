#include "fleet/advice/seen.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tessera::fleet::advice {
namespace {

constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;

struct Done {
  EpochMs begin = 0;
  std::int64_t observed_ms = 0;
  bool active = false;
};

void count_hours(Rhythm& into, const std::vector<Done>& slots) {
  struct Told {
    std::int64_t ms = 0;
    bool active = false;
  };
  std::map<EpochMs, Told> hours;  // by their begin
  for (const Done& one : slots) {
    Told& hour = hours[one.begin / kHour * kHour];
    hour.ms += one.observed_ms;
    hour.active = hour.active || one.active;
  }
  for (const auto& [begin, told] : hours) {
    Rhythm::Hour& hour = into.hours[static_cast<std::size_t>(begin % kDay / kHour)];
    if (told.active || told.ms * 10 >= kHour * 9) ++hour.days;
    if (told.active) ++hour.active_days;
  }
}

double share_of(std::int64_t ms, EpochMs from, EpochMs to) {
  return to > from ? std::min(1.0, static_cast<double>(ms) / static_cast<double>(to - from)) : 0;
}

Rhythm rhythm_of(const std::vector<Done>& slots, EpochMs from, EpochMs to, Milliseconds slot) {
  Rhythm out;
  out.from = out.quiet_since = out.told_until = from;
  out.to = to;
  std::int64_t observed = 0, since = 0;
  EpochMs before = from;  // end of the last active slot: who waited before his first work has made a pause, too
  for (const Done& one : slots) {
    observed += one.observed_ms;
    since += one.observed_ms;
    ++out.known_slots;
    out.told_until = std::min(to, one.begin + slot.count());
    if (!one.active) continue;
    ++out.active_slots;
    out.longest_pause = std::max(out.longest_pause, Milliseconds(one.begin - before));
    before = one.begin + slot.count();
    out.quiet_since = std::min(to, before);
    since = 0;
  }
  out.observed = share_of(observed, from, to);
  out.quiet_observed = share_of(since, out.quiet_since, to);
  count_hours(out, slots);
  return out;
}

/// A whole number of slots, so that nothing is cut in two.
EpochMs window_begin(EpochMs held_since, EpochMs to, const Windowing& how) {
  const EpochMs from = std::max(held_since + how.loading.count(), to - how.most.count()), slot = how.slot.count();
  return std::min(to, (from + slot - 1) / slot * slot);
}

std::optional<std::uint64_t> bytes_of(const std::optional<double>& value) {
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

}  // namespace

std::optional<double> percentile(std::vector<double> values, double share) {
  if (values.empty()) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::ranges::nth_element(values, at);
  return *at;
}

Seen sum_up(std::span<const Slot> slots, EpochMs held_since, EpochMs to, const Windowing& how) {
  const EpochMs from = window_begin(held_since, to, how);
  std::vector<Done> done;
  std::vector<double> busy, width, bandwidth, dram, memory;
  Seen out;
  for (const Slot& one : slots) {
    if (one.begin < from || one.begin >= to) continue;
    if (one.memory_bytes) memory.push_back(static_cast<double>(*one.memory_bytes));
    if (!one.busy) continue;
    const double peak = std::max(*one.busy, one.busy_most.value_or(0));
    const bool active = peak >= kQuiet;
    done.push_back({one.begin, one.observed_ms, active});
    busy.push_back(*one.busy);
    out.busy_most = std::max(out.busy_most.value_or(0), peak);
    if (!active || *one.busy <= 0) continue;
    if (one.sm) width.push_back(std::min(1.0, *one.sm / *one.busy));
    if (!one.dram) continue;
    bandwidth.push_back(std::min(1.0, *one.dram / *one.busy));
    dram.push_back(*one.dram);
  }
  out.rhythm = rhythm_of(done, from, to, how.slot);
  out.busy_p95 = percentile(std::move(busy), 0.95);
  if (2 * width.size() >= out.rhythm.active_slots) out.width_p95 = percentile(std::move(width), 0.95);
  if (2 * bandwidth.size() >= out.rhythm.active_slots) {
    out.bandwidth_p95 = percentile(std::move(bandwidth), 0.95);
    out.dram_p95 = percentile(std::move(dram), 0.95);
  }
  out.memory_p99 = bytes_of(percentile(memory, 0.99));
  out.memory_most = bytes_of(percentile(std::move(memory), 1));
  return out;
}

EngineSeen sum_up(std::span<const EngineSlot> slots, EpochMs held_since, EpochMs to, const Windowing& how) {
  const EpochMs from = window_begin(held_since, to, how);
  std::vector<Done> done;
  EngineSeen out;
  for (const EngineSlot& one : slots) {
    if (one.begin < from || one.begin >= to || one.observed_ms <= 0) continue;
    const double per_second = one.tokens * 1'000 / static_cast<double>(one.observed_ms);
    const bool active =
        one.finished > 0 || one.running_most > 0 || one.waiting_most > 0 || per_second >= kProbeTokensPerSecond;
    done.push_back({one.begin, one.observed_ms, active});
    out.tokens += one.tokens;
    out.finished += one.finished;
    out.preemptions += one.preemptions;
    out.waiting_most = std::max(out.waiting_most, one.waiting_most);
    out.running_most = std::max(out.running_most, one.running_most);
    out.tokens_per_second_most = std::max(out.tokens_per_second_most, per_second);
    if (one.kv_tokens_most) out.kv_tokens_most = std::max(out.kv_tokens_most.value_or(0), *one.kv_tokens_most);
  }
  out.rhythm = rhythm_of(done, from, to, how.slot);
  return out;
}

Quiet quiet_hours(const Rhythm& rhythm, unsigned days) {
  for (const Rhythm::Hour& one : rhythm.hours)
    if (one.days < days) return {};
  Quiet best;
  for (unsigned first = 0; first < kHoursOfDay; ++first) {
    unsigned count = 0;
    while (count < kHoursOfDay && rhythm.hours[(first + count) % kHoursOfDay].active_days == 0) ++count;
    if (count > best.count) best = {first, count};
  }
  return best;
}

}  // namespace tessera::fleet::advice

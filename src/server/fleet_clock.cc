#include "server/fleet_clock.h"

#include <algorithm>
#include <cstdlib>

#include "base/log.h"

namespace tessera::server {
namespace {

EpochMs in_ms(SteadyTime time) { return std::chrono::duration_cast<Milliseconds>(time.time_since_epoch()).count(); }

EpochMs between(EpochMs a, EpochMs b) { return std::abs(a - b); }

}  // namespace

FleetClock::Reading FleetClock::read_machine() { return {now_epoch_ms(), std::chrono::steady_clock::now()}; }

FleetClock::FleetClock(Milliseconds silence, Read read) : silence_(silence), read_(std::move(read)) {
  const Reading at = read_();
  offset_ = at.wall - in_ms(at.steady);
}

FleetClock::Times FleetClock::look() {
  const Reading at = read_();
  const EpochMs offset = at.wall - in_ms(at.steady);
  if (between(offset, offset_) < kStep.count()) {
    if (set_) log::info("the clock of this machine agrees again with the time that the fleet is judged by");
    set_.reset();
    offset_ = offset;
  } else if (!set_ || between(offset, *set_) >= kStep.count()) {
    log::warn("the clock of this machine was set; it is believed when samples agree with it",
              {{"by_seconds", std::to_string((offset - offset_) / 1'000)}});
    agreed_at_ = at.steady;
    set_ = offset;
  } else {
    set_ = offset;  // it is slewed
  }
  return {in_ms(at.steady) + offset_, at.wall, at.steady};
}

void FleetClock::believe(const Times& times, std::string_view why) {
  log::warn("the clock of this machine is believed as it was set",
            {{"by_seconds", std::to_string((*set_ - offset_) / 1'000)}, {"why", std::string(why)}});
  offset_ = times.wall - in_ms(times.steady);
  set_.reset();
}

EpochMs FleetClock::now() {
  const std::lock_guard lock(mutex_);
  const Times times = look();
  if (!set_ || times.steady - agreed_at_ < kBelieveAfter) return times.used;
  believe(times, "no sample says otherwise");
  return times.wall;
}

ClockRange FleetClock::range() {
  const std::lock_guard lock(mutex_);
  const Times times = look();
  return {times.used, times.wall};
}

// Samples may be late, but none is of the future. So of two times one that a sample is ahead of is not right; and where
// for as long as a source may be silent no sample is ahead of the earlier one, that is right.
void FleetClock::heard(EpochMs newest) {
  const std::lock_guard lock(mutex_);
  const Times times = look();
  if (!set_) return;
  const bool set_ahead = times.wall > times.used;
  const auto [earlier, later] = std::minmax(times.used, times.wall);
  const bool is_of_later = newest > earlier + kStep.count() && newest <= later + silence_.count();
  const bool is_of_earlier = !is_of_later && newest >= earlier - silence_.count();
  if (set_ahead ? is_of_earlier : is_of_later) {
    agreed_at_ = times.steady;
  } else if (set_ahead ? is_of_later : is_of_earlier && times.steady - agreed_at_ > silence_) {
    believe(times, "samples agree with it");
  }
}

Milliseconds FleetClock::disbelieved() const {
  const std::lock_guard lock(mutex_);
  return Milliseconds(set_ ? *set_ - offset_ : 0);
}

}  // namespace tessera::server

#pragma once
// The time that the fleet is judged by. It is the machine's wall clock, but a step of that (somebody sets it, a virtual
// machine goes on after a pause) is believed only when samples agree with it: a clock that is set wrong must not make
// all devices silent, refuse what is told, or drop what is kept.
#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/duration.h"

namespace tessera::server {

struct ClockRange {
  ClockRange(EpochMs now) : earliest(now), latest(now) {}
  ClockRange(EpochMs a, EpochMs b) : earliest(std::min(a, b)), latest(std::max(a, b)) {}
  EpochMs earliest, latest;
};

/// Thread-safe.
class FleetClock {
 public:
  struct Reading {
    EpochMs wall;
    SteadyTime steady;
  };
  using Read = std::function<Reading()>;

  static constexpr Milliseconds kStep{2'000};            ///< what is less is followed
  static constexpr Milliseconds kBelieveAfter{300'000};  ///< of a step, where no sample says anything of it

  /// `silence`: after which a source is silent; a sample that is older than that is none of now.
  explicit FleetClock(Milliseconds silence, Read read = read_machine);

  EpochMs now();
  /// From which samples of the past and the future are told: two times while it is open which of them is right.
  ClockRange range();
  /// The newest sample of a request that has just come, by its sender's clock.
  void heard(EpochMs newest);

  /// How far the machine's clock is ahead of now(), or behind it; 0 while it is believed.
  Milliseconds disbelieved() const;

  static Reading read_machine();

 private:
  struct Times {
    EpochMs used, wall;
    SteadyTime steady;
  };
  Times look();  ///< with mutex_
  void believe(const Times& times, std::string_view why);

  const Milliseconds silence_;
  const Read read_;
  mutable std::mutex mutex_;
  EpochMs offset_;              // all guarded by mutex_: of the wall clock to the steady one, as it is believed
  std::optional<EpochMs> set_;  ///< the offset that is not believed
  SteadyTime agreed_at_;        ///< when it was set, or a sample agreed with the time in use last
};

}  // namespace tessera::server

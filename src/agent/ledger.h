#pragma once
// What must not be lost between two scrapes: sessions that started or ended, seconds held. Counts since the agent
// started.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "agent/observation.h"

namespace tessera::agent {

/// Owned by the collecting thread; `update` once per collection, in time order.
class Ledger {
 public:
  /// A process storm must not fill the memory. What is over is left out and counted.
  struct Limits {
    std::size_t sessions;  ///< of one collection
    std::size_t ended;     ///< the last that ended stay
  };
  static constexpr Limits kLimits{65'536, 4'096};

  /// A state holds for at most 2.5 intervals: a longer gap between two collections was not observed, and not counted.
  explicit Ledger(Milliseconds interval, Limits limits = kLimits);

  /// Sets first_seen and peak memory of `observation`'s sessions, and who they were where that can no longer be asked;
  /// fills its ended, sessions_started, held and what was dropped, each under its device's present index. All lengths
  /// of time are taken from `now`: the observation's own time jumps when somebody sets the clock.
  void update(Observation& observation, SteadyTime now);

 private:
  using SessionKey = std::tuple<unsigned, Subject, std::uint64_t>;  // the PID first: it tells nearly all apart
  struct Followed {
    Session session;
    std::uint64_t round = 0;  ///< that saw it last
  };
  using Running = std::map<SessionKey, Followed, std::less<>>;
  struct Ended {
    Session session;
    SteadyTime noticed;
  };
  using HolderKey = std::tuple<Subject, Workload, std::string>;
  struct Held {
    HeldSeconds sum;
    SteadyTime last_held;
  };
  using Holders = std::map<HolderKey, Held, std::less<>>;
  Running::iterator known_as(const Session& session);
  Running::iterator follow(Session& session, Running::iterator before);
  void drop_sessions_over_limit(std::vector<Session>& sessions);
  void follow_sessions(Observation& observation, SteadyTime now);
  void follow_holders(Observation& observation, SteadyTime now);
  Holders::iterator adopt_uid(const Allocation& allocation);
  void follow_indices(const gpu::Snapshot& snapshot);
  void rename(const gpu::Device& device);
  bool observed(const Observation& observation, const Subject& subject) const;

  const Milliseconds longest_step_;
  const Limits limits_;
  Running running_;
  std::uint64_t round_ = 0;
  std::vector<Ended> ended_;
  std::uint64_t dropped_sessions_ = 0;
  std::uint64_t dropped_ended_ = 0;
  std::map<Subject, std::uint64_t> started_;
  Holders held_;
  std::map<std::string, unsigned> indices_;  // of the devices, by UUID
  std::optional<SteadyTime> last_update_;
};

}  // namespace tessera::agent

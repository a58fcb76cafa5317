#pragma once
// What must not be lost between two scrapes: sessions that started or ended, seconds held. Counts since the agent
// started.
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "agent/observation.h"

namespace tessera::agent {

/// Owned by the collecting thread; `update` once per collection, in time order.
class Ledger {
 public:
  /// A state holds for at most 2.5 intervals: a longer gap between two collections was not observed, and not counted.
  explicit Ledger(Milliseconds interval);

  /// Sets first_seen and peak memory of `observation`'s sessions, and who they were where that can no longer be asked;
  /// fills its ended, sessions_started and held.
  void update(Observation& observation);

 private:
  using SessionKey = std::tuple<Subject, unsigned, std::uint64_t>;
  using Running = std::map<SessionKey, Session>;
  using HolderKey = std::tuple<Subject, Workload, std::string>;
  Running::iterator known_as(const Session& session);
  void follow_sessions(Observation& observation);
  void follow_holders(Observation& observation);
  /// A pod's UID may become known after its name: the holder is the same.
  void adopt_uid(const HolderKey& key);
  bool observed(const Observation& observation, const Subject& subject) const;

  const EpochMs longest_step_;
  Running running_;
  std::vector<Session> ended_;
  std::map<Subject, std::uint64_t> started_;
  std::map<HolderKey, HeldSeconds> held_;
  EpochMs last_update_ = 0;
};

}  // namespace tessera::agent

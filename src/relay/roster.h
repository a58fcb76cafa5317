#pragma once
// Which of the replicas that share the targets are there, judged by their leases. Pure: it is told what was read, and
// when.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "kube/lease.h"
#include "relay/options.h"

namespace tessera::relay {

/// A replica as this one sees it.
struct Member {
  unsigned shard = 0;
  bool lives = true;
  std::string holder{};            ///< of its lease; empty: nobody, or not seen yet
  std::optional<EpochMs> heard{};  ///< when its last word was seen here
};

class Roster {
 public:
  /// Everybody counts as there until seen to be silent. `duration`: of a lease that names none.
  Roster(const Share& share, Milliseconds duration);

  /// The lease of each shard, in their order; nullopt: there is none. Says who came or went, and why.
  struct Change {
    unsigned shard;
    bool lives;
    std::string why;
  };
  std::vector<Change> look(const std::vector<std::optional<kube::Lease>>& found, SteadyTime when, EpochMs now);

  /// Who is silent until then is away.
  std::optional<SteadyTime> next_verdict() const;
  std::vector<unsigned> living() const;
  const std::vector<Member>& members() const { return members_; }

  /// The time from look to look: a sixth of the lease's duration, and short enough to find soon what was given back.
  static Milliseconds look_every(Milliseconds duration) { return std::min(duration / 6, Milliseconds(2'500)); }

 private:
  struct Watched {
    kube::LeaseSight sight;
    Milliseconds allowed;  ///< silence
  };
  void judge(Watched& watched, Member& member, const std::optional<kube::Lease>& lease, std::vector<Change>& changes);

  const unsigned own_;
  const Milliseconds duration_;
  std::vector<Watched> watched_;
  std::vector<Member> members_;
  SteadyTime looked_{};
};

}  // namespace tessera::relay

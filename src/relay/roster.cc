#include "relay/roster.h"

#include <algorithm>

namespace tessera::relay {

Roster::Roster(const Share& share, Milliseconds duration) : own_(share.index), duration_(duration) {
  const Milliseconds most_apart = 2 * look_every(duration);  // one look may fail
  for (unsigned shard = 0; shard < share.count; ++shard) {
    watched_.push_back({kube::LeaseSight(most_apart), duration});
    members_.push_back({.shard = shard});
  }
}

std::vector<Roster::Change> Roster::look(const std::vector<std::optional<kube::Lease>>& found, SteadyTime when,
                                         EpochMs now) {
  std::vector<Change> changes;
  looked_ = when;
  for (std::size_t shard = 0; shard < members_.size() && shard < found.size(); ++shard) {
    const auto& lease = found[shard];
    Watched& watched = watched_[shard];
    Member& member = members_[shard];
    watched.sight.saw(lease ? &*lease : nullptr, when);
    if (lease && watched.sight.silence() == Milliseconds(0)) member.heard = now;
    member.holder = lease ? lease->holder : "";
    // A word may be as old as the look before the one that found it: so much less silence is allowed after it, and
    // nobody is missed for longer than a lease lasts.
    const Milliseconds duration = lease && lease->duration.count() > 0 ? lease->duration : duration_;
    watched.allowed = duration - std::min(look_every(duration_), duration / 2);
    judge(watched, member, lease, changes);
  }
  return changes;
}

void Roster::judge(Watched& watched, Member& member, const std::optional<kube::Lease>& lease,
                   std::vector<Change>& changes) {
  const bool silent = watched.sight.silence() >= watched.allowed;
  const bool lives = member.shard == own_ || (!silent && !watched.sight.is_released());
  // Who is away comes back by a word, not by a lease that is gone.
  if (lives == member.lives || (lives && !lease)) return;
  member.lives = lives;
  const std::string why = lives                         ? "its lease is held again"
                          : !lease                      ? "it has no lease"
                          : watched.sight.is_released() ? "it gave its lease back"
                                                        : "its lease is not renewed";
  changes.push_back({member.shard, lives, why});
}

std::optional<SteadyTime> Roster::next_verdict() const {
  std::optional<SteadyTime> next;
  for (const Member& member : members_) {
    if (!member.lives || member.shard == own_) continue;
    const Watched& watched = watched_[member.shard];
    const SteadyTime then = looked_ + (watched.allowed - watched.sight.silence()) + Milliseconds(1);  // it is cut down
    next = std::min(next.value_or(then), then);
  }
  return next;
}

std::vector<unsigned> Roster::living() const {
  std::vector<unsigned> living;
  for (const Member& member : members_)
    if (member.lives) living.push_back(member.shard);
  return living;
}

}  // namespace tessera::relay

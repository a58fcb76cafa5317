#include "server/alerts/saved_tracks.h"

#include <algorithm>
#include <set>

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

/// A value that has changed is for those to see who do not lead, so it need not be the newest.
constexpr Milliseconds kValueAgain{std::chrono::minutes(5)};

SavedTracks::Key key_of(const alerts::Track& track) { return {track.rule, track.subject->key}; }

/// For how long its condition holds, or is cleared, depends on when it was observed last.
bool is_counting(const alerts::Track& track) { return track.phase == alerts::Phase::Pending || track.clear_since; }

}  // namespace

SavedTracks::SavedTracks(Milliseconds holds, std::vector<store::KeptTrack> kept, EpochMs looked)
    : holds_(holds), looked_(looked) {
  for (store::KeptTrack& one : kept) kept_.insert_or_assign(key_of(one.track), std::move(one));
}

std::vector<alerts::Track> SavedTracks::resumed() const {
  std::vector<alerts::Track> out;
  for (const auto& [key, one] : kept_) {
    out.push_back(one.track);
    if (is_fresh(one)) out.back().last = std::max(one.track.last, looked_);
  }
  return out;
}

bool SavedTracks::has_changed(const store::KeptTrack& before, const store::KeptTrack& now) const {
  alerts::Track as_now = before.track;
  as_now.last = now.track.last;
  as_now.value = now.track.value;
  if (before.looked == 0 || !(as_now == now.track)) return true;
  if (is_counting(now.track) && is_fresh(before) != is_fresh(now)) return true;
  return before.track.value != now.track.value && now.looked - before.looked >= kValueAgain.count();
}

SavedTracks::Changes SavedTracks::changes(const std::vector<alerts::Track>& tracks, EpochMs now) const {
  Changes out;
  std::set<Key> there;
  for (const alerts::Track& track : tracks) {
    store::KeptTrack one{track, now};
    const auto known = kept_.find(key_of(track));
    there.insert(key_of(track));
    if (is_counting(track) && is_fresh(one)) out.looked = now;
    if (known == kept_.end() || has_changed(known->second, one)) out.put.push_back(std::move(one));
  }
  for (const auto& [key, one] : kept_)
    if (!there.contains(key)) out.gone.push_back(key);
  return out;
}

void SavedTracks::saved(const Changes& changes) {
  for (const store::KeptTrack& one : changes.put) kept_.insert_or_assign(key_of(one.track), one);
  for (const Key& one : changes.gone) kept_.erase(one);
  looked_ = changes.looked.value_or(looked_);
}

}  // namespace tessera::server

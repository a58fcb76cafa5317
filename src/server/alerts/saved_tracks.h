#pragma once
// What the database has of tracks, and what a round has to write of them: what has changed. When a condition was
// observed last changes in each round; that is kept as one time for all of them. Pure.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/alerts.h"

namespace tessera::server {

class SavedTracks {
 public:
  using Key = std::pair<std::string, std::string>;  ///< rule, and key of the subject

  /// `holds`: as of the evaluator. `looked`: the newest round that is kept.
  explicit SavedTracks(Milliseconds holds, std::vector<store::KeptTrack> kept = {}, EpochMs looked = 0);

  /// What an evaluator goes on with. One that was observed within `holds` of the round in which it was written counts
  /// as observed in the newest round.
  std::vector<fleet::alerts::Track> resumed() const;

  struct Changes {
    std::vector<store::KeptTrack> put;
    std::vector<Key> gone;
    std::optional<EpochMs> looked;  ///< where something would be told otherwise without it
    bool empty() const { return put.empty() && gone.empty() && !looked; }
  };
  Changes changes(const std::vector<fleet::alerts::Track>& tracks, EpochMs now) const;
  /// They are in the database.
  void saved(const Changes& changes);

 private:
  bool is_fresh(const store::KeptTrack& one) const { return one.looked - one.track.last <= holds_.count(); }
  bool has_changed(const store::KeptTrack& before, const store::KeptTrack& now) const;

  Milliseconds holds_;
  EpochMs looked_;
  std::map<Key, store::KeptTrack> kept_;
};

}  // namespace tessera::server

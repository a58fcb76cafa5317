#pragma once
// Which sessions the database has noted as running, and what it lacks: a restart, or the server that leads next, goes
// on with what it has.
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/fleet.h"
#include "store/sessions.h"

namespace tessera::server {

/// One thread's. What changes() has told is done when saved() is called; until then it tells it again.
class SessionNotes {
 public:
  /// `rhythm`: a session that goes on as it was is noted once in so long.
  explicit SessionNotes(Milliseconds rhythm) : rhythm_(rhythm) {}

  /// The database has it, and it is the fleet's under this row. They are noted again one after the other, not all at
  /// once.
  void resumed(std::uint32_t row, const store::RunningSession& one, SteadyTime now);
  /// The database has it, and the fleet does not know it.
  void left_over(std::int64_t id);

  /// Sessions that have begun or are told of otherwise, and those that run no longer, at once; those whose numbers
  /// alone have changed when they were noted a rhythm ago. `all`: these at once too.
  const store::RunningChanges& changes(const fleet::Fleet& fleet, SteadyTime now, bool all);
  void saved();

 private:
  /// A row is used again, but not by a session that was first seen at the same time.
  struct Key {
    std::uint32_t row = 0;
    EpochMs first_seen = 0;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const {
      return std::hash<EpochMs>()(key.first_seen) * 31 + std::hash<std::uint32_t>()(key.row);
    }
  };
  struct Note {
    std::int64_t id = 0;
    std::shared_ptr<const fleet::SessionFacts> facts;
    std::optional<EpochMs> start;
    EpochMs last_seen = 0;
    SteadyTime time;
    std::uint64_t look = 0;  ///< the last of changes() that found it
  };
  bool is_to_note(const fleet::Session& session, SteadyTime now, bool all);

  const Milliseconds rhythm_;
  std::unordered_map<Key, Note, HashKey> notes_;  ///< as the database has them
  std::vector<std::int64_t> left_over_;
  store::RunningChanges changes_;
  SteadyTime time_;  ///< of changes_
  std::uint64_t look_ = 0;
  std::int64_t last_id_ = 0;
};

}  // namespace tessera::server

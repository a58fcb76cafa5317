#include "server/session_notes.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace tessera::server {

void SessionNotes::resumed(std::uint32_t row, const store::RunningSession& one, SteadyTime now) {
  constexpr std::int64_t kShares = 16;
  const fleet::Session& session = one.running.session;
  const SteadyTime noted = now - rhythm_ * (one.id % kShares) / kShares;
  notes_[{row, session.first_seen}] = {one.id, session.facts, session.start, session.last_seen, noted, 0};
  last_id_ = std::max(last_id_, one.id);
}

void SessionNotes::left_over(std::int64_t id) {
  left_over_.push_back(id);
  last_id_ = std::max(last_id_, id);
}

bool SessionNotes::is_to_note(const fleet::Session& session, SteadyTime now, bool all) {
  const auto known = notes_.find({session.row, session.first_seen});
  if (known == notes_.end()) return true;
  Note& note = known->second;
  note.look = look_;
  const bool same_facts = note.facts == session.facts || *note.facts == *session.facts;
  if (!same_facts || note.start != session.start) return true;
  return session.last_seen != note.last_seen && (all || now - note.time >= rhythm_);
}

const store::RunningChanges& SessionNotes::changes(const fleet::Fleet& fleet, SteadyTime now, bool all) {
  ++look_;
  time_ = now;
  // What was told last and is not known to be saved may be in the database all the same.
  for (const auto& [id, running] : changes_.now)
    if (!notes_.contains({running.session.row, running.session.first_seen})) left_over_.push_back(id);
  changes_ = {};
  std::unordered_set<std::int64_t> told;
  for (fleet::Running& one : fleet.running([&](const auto& session) { return is_to_note(session, now, all); })) {
    const auto known = notes_.find({one.session.row, one.session.first_seen});
    const std::int64_t id = known == notes_.end() ? ++last_id_ : known->second.id;
    if (told.insert(id).second) changes_.now.push_back({id, std::move(one)});
  }
  changes_.gone = left_over_;
  for (const auto& [key, note] : notes_)
    if (note.look != look_) changes_.gone.push_back(note.id);
  return changes_;
}

void SessionNotes::saved() {
  std::erase_if(notes_, [&](const auto& one) { return one.second.look != look_; });
  left_over_.clear();
  for (const auto& [id, running] : changes_.now) {
    const fleet::Session& session = running.session;
    notes_[{session.row, session.first_seen}] = {id, session.facts, session.start, session.last_seen, time_, look_};
  }
  changes_ = {};
}

}  // namespace tessera::server

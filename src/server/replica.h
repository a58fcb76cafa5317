#pragma once
// What servers that share a database tell each other through it: the leader what the fleet is, followers what they had
// accepted while they led.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/latest.h"
#include "journal/journal.h"
#include "server/keeper.h"
#include "store/live.h"

namespace tessera::server {

/// The leader's side, a thread: each second it writes what has changed in the published view, and passes on what was
/// handed over.
class Teller {
 public:
  using Take = std::function<void(const store::HandedOver&, const store::Position& before)>;
  /// `database` is the teller's alone, and guarded. `take` gets each record once, from `take_from` on: whatever speaks
  /// has been heard by then. The keeper drops them.
  Teller(std::unique_ptr<store::Database> database, std::int64_t epoch, const Latest<Published>& published, Take take,
         SteadyTime take_from);
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;

 private:
  Result<void> tell();
  Result<void> pass_on(const std::stop_token& stop);

  const std::unique_ptr<store::Database> database_;
  const Latest<Published>& published_;
  const Take take_;
  const SteadyTime take_from_;
  std::map<std::string, std::uint64_t> passed_on_;  ///< by journal, the last
  store::LiveWriter writer_;
  std::shared_ptr<const Published> told_;
  std::jthread thread_;  ///< last
};

/// On the way to leading behind another server: what this one's own journal still holds of when it led is handed over
/// too, to itself, and so counted beside what the other has.
/// Unavailable at the stop.
Result<void> set_aside(store::Database& database, const std::string& journal_id, std::int64_t epoch,
                       journal::Journal& journal, const std::stop_token& stop);

/// The follower's side, a thread: each second it publishes what the leader has told, and hands over what its own
/// journal still holds.
class Follower {
 public:
  /// `elsewhere`: whether another server leads. The journal's reading is the follower's while it lives.
  Follower(std::unique_ptr<store::Database> database, std::string journal_id, journal::Journal& journal,
           Latest<Published>& published, const Latest<fleet::ClusterView>& cluster, std::function<bool()> elsewhere);
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Whether there is a view to show.
  bool sees() const { return sees_; }

 private:
  Result<void> look();
  Result<void> hand_over(const std::stop_token& stop);

  const std::unique_ptr<store::Database> database_;
  const std::string journal_id_;
  journal::Journal& journal_;
  Latest<Published>& published_;
  const Latest<fleet::ClusterView>& cluster_;  ///< each server watches for itself
  const std::function<bool()> elsewhere_;
  store::LiveReader reader_;
  fleet::OverviewFold fold_;
  std::optional<journal::Record> record_, next_;  ///< read and not yet handed over
  std::atomic<bool> sees_ = false;
  std::jthread thread_;  ///< last
};

}  // namespace tessera::server

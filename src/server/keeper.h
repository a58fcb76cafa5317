#pragma once
// The thread that owns the fleet: takes accepted batches in their order, and publishes what the fleet is now.
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/latest.h"
#include "fleet/inventory/fleet.h"
#include "fleet/inventory/overview.h"
#include "fleet/serving/serving.h"
#include "journal/journal.h"
#include "server/batch.h"
#include "server/fleet_clock.h"
#include "server/inheritance.h"
#include "server/list_heads.h"
#include "server/sample_router.h"
#include "server/session_notes.h"
#include "store/archive.h"
#include "store/cluster_nodes.h"
#include "store/database.h"

namespace tessera::server {

/// What readers see: finished and immutable, but for what they keep of it for each other.
struct Published {
  std::shared_ptr<const fleet::View> view;
  std::shared_ptr<const fleet::ClusterView> cluster = std::make_shared<const fleet::ClusterView>();  ///< never null
  fleet::Overviews overviews;
  std::shared_ptr<const fleet::ServingView> serving = std::make_shared<const fleet::ServingView>();  ///< never null
  std::uint64_t applied = 0;  ///< journal's number of the last record that is in it
  std::int64_t epoch = 0;     ///< of the leader who made the view, where servers share a database; else 0
  std::shared_ptr<ListHeads> heads = std::make_shared<ListHeads>();  ///< never null
};

struct KeeperStats {
  std::uint64_t samples = 0;          ///< that told something of the fleet
  std::uint64_t ignored = 0;          ///< of series that say nothing here
  std::uint64_t not_newer = 0;        ///< double, or older than what is known
  std::uint64_t clamped = 0;          ///< ratios above 1 and percentages above 100 that were taken as that
  std::uint64_t series = 0;           ///< known now
  fleet::RefusedSeries refused{};     ///< series, by what there was no room for
  std::uint64_t refused_keys = 0;     ///< times that a series came which there was no room for at all
  std::uint64_t serving_refused = 0;  ///< series of serving engines that there was no room for
  std::uint64_t queued_bytes = 0;
  double publish_seconds = 0;        ///< of the last publication
  std::uint64_t sessions = 0;        ///< that have ended and are in the database
  std::uint64_t unsaved = 0;         ///< that have ended and are not in the database yet
  std::uint64_t failed_saves = 0;    ///< tries; what they held stays to be saved
  double save_seconds = 0;           ///< of the last save of usage
  std::uint64_t usage_rows = 0;      ///< of usage that were added to the database
  std::uint64_t usage_too_late = 0;  ///< left out: of a time that is not kept any longer
  bool failing = false;              ///< the last try failed
  EpochMs saved_at = 0;              ///< the last that did not; 0: none yet
  Milliseconds clock_disbelieved{};  ///< see FleetClock
};

struct KeeperOptions {
  fleet::FleetOptions fleet;
  fleet::ServingOptions serving;
  const Latest<fleet::ClusterView>* cluster = nullptr;  ///< null: none is watched
  store::ClusterNodes cluster_nodes;                    ///< as the database has them
  Milliseconds publish_every{1'000};
  Milliseconds save_every{5'000};
  Milliseconds forget_series_after{3'600'000};
  store::UsageRetention retention;
  store::Resumed resumed;                     ///< from before a restart
  std::size_t max_queued_bytes = 64U << 20U;  ///< as they are decompressed: a second of learning or two
  std::size_t max_series = 20'000'000;        ///< known at one time, whatever they say: of some 16 bytes each
  bool follows = false;                       ///< another server keeps the fleet: this keeper does nothing
  std::int64_t epoch = 0;                     ///< of this server's lease, where servers share a database
  FleetClock::Read read_clock = FleetClock::read_machine;
};

/// Thread-safe. `published` has a view from construction on. The destructor applies what is queued and saves.
class Keeper {
 public:
  /// `database` is the keeper's alone; what is saved is acknowledged in `journal`.
  Keeper(KeeperOptions options, Latest<Published>& published, store::Database& database, journal::Journal& journal);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// What everything is stamped and judged by.
  FleetClock& clock() { return clock_; }

  /// Whether there is room for another batch: who takes data in asks first.
  bool has_room() const;
  void wait_for_room();
  void take(Batch batch);
  /// Memory of a message that is done with, for the next one; empty where there is none.
  std::string spare_message();
  /// What the journal held at the start has all been taken.
  void caught_up();
  KeeperStats stats() const;

 private:
  void run(const std::stop_token& stop);
  void spare(std::string message);
  void apply(const Batch& batch);
  void publish();
  Result<void> save_cluster_nodes();
  struct KnownDevice {
    std::shared_ptr<const fleet::DeviceFacts> facts;
    std::string node;
    EpochMs last_seen = 0;
  };
  void end_recall();
  void note_arrival(const Batch& batch);
  void say_what_is_full();
  void gather(EpochMs now);
  void gather_devices();
  void go_on_with(const store::RunningSession& one);
  void save(bool usage, bool all_sessions);
  void save_inherited();
  void note_saved(SteadyTime begin);

  /// What is being kept of usage: it stays until it is in the database, whose state its position is.
  struct Pending {
    fleet::Usage usage;
    store::Progress progress;
  };
  struct Arrival {
    EpochMs time = 0;
    std::uint64_t sequence = 0;
  };

  const KeeperOptions options_;
  FleetClock clock_;
  Latest<Published>& published_;
  store::Database& database_;
  journal::Journal& journal_;
  mutable std::mutex mutex_;
  std::condition_variable_any queued_;
  std::condition_variable room_;
  std::deque<Batch> queue_;         // guarded by mutex_
  std::size_t queued_bytes_ = 0;    // guarded by mutex_
  std::vector<std::string> spare_;  // guarded by mutex_
  KeeperStats stats_;               // guarded by mutex_
  bool caught_up_ = false;          // guarded by mutex_
  // Below: the thread's own.
  fleet::Fleet fleet_;
  fleet::Serving serving_;
  store::ClusterNodes cluster_nodes_;  ///< as they are in the database
  SampleRouter router_;
  Inheritance inheritance_;
  std::vector<Inheritance::Share> inherited_;  ///< that is not in the database yet
  bool inheriting_failed_ = false;             ///< at the last try: said once
  fleet::OverviewFold fold_;
  std::array<bool, fleet::kBounded + 1> said_full_{};  ///< of series that there is no room for at all last
  std::vector<fleet::Ended> unsaved_;                  ///< sessions
  std::vector<fleet::LayoutSeen> unsaved_layouts_;
  std::vector<fleet::XidsSeen> unsaved_xids_;
  std::vector<fleet::Remembered> unsaved_devices_;
  SessionNotes session_notes_;
  std::optional<Pending> pending_;
  store::Archive archive_;
  store::Progress saved_;          ///< what the database has
  bool recalling_;                 ///< what is applied has been counted before the start
  std::uint64_t applied_ = 0;      ///< the newest record of the journal that is in the fleet
  std::deque<Arrival> arrivals_;   ///< of the last few minutes, one a second
  std::uint64_t recall_from_ = 0;  ///< behind it the journal is kept
  std::unordered_map<std::string, KnownDevice> known_devices_;  ///< in the database, by cluster and UUID
  bool save_failed_ = false;                                    ///< at the last try: said once
  SteadyTime started_ = std::chrono::steady_clock::now();
  std::jthread thread_;  ///< last: it ends before the rest goes
};

}  // namespace tessera::server

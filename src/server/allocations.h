#pragma once
// Allocations of devices and MIG instances to pods, between who asks for them, the engine that decides, the database
// that keeps them and the agents that cut. A decision is made, kept and told in one order, so that no slice is promised
// twice, whoever asks at the same time; the database holds against it too (store/allocations.h). A thread sees to what
// pods and time make of them.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/latest.h"
#include "fleet/alerts/actions.h"
#include "fleet/allocation/book.h"
#include "fleet/allocation/review.h"
#include "fleet/cost/facts.h"
#include "http/server.h"
#include "server/access/changes.h"
#include "server/allocation_choice.h"
#include "server/budgets/budgets.h"
#include "server/decision_round.h"
#include "server/decision_scene.h"
#include "server/events.h"
#include "server/keeper.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

/// Of those who have waited long and could not be served at all, so many are looked past for one that room can be kept
/// for.
inline constexpr unsigned kMostKeepers = 8;

struct AllocationOptions {
  bool leads = true;                       ///< false: another server does, and this one only tells
  bool may_cut = true;                     ///< gpu.management.mig.enabled
  bool may_switch_on = false;              ///< gpu.management.mig.switch-on
  bool cleanup = false;                    ///< gpu.management.mig.auto-cleanup
  Milliseconds cleanup_after{5 * 60'000};  ///< an instance has been idle, and its allocation over
  Milliseconds gone_after = fleet::AllocationReview::kGoneAfter;
  Milliseconds keep_room_after{10 * 60'000};  ///< for who has waited so long
  std::string policy = "default";             ///< of decision::policy_names()
  /// Whether a node is lent (spot), by its cluster, name and labels.
  std::function<bool(const std::string&, const std::string&, const fleet::LabelMap&)> lent{};
  std::map<std::string, std::int64_t> prices{};  ///< see Ground
  Milliseconds look_every{500};
  /// Devices on which nothing is promised, by cluster and UUID, with why.
  std::function<std::shared_ptr<const fleet::alerts::ExcludedDevices>()> excluded{};
  Milliseconds follow_every{1'000};  ///< how old the layouts may be that one who does not lead decides by
  /// What budgets say of a wish, those that refuse it first.
  std::function<std::vector<BudgetWord>(const Published&, const AllocationWish&)> budgets =
      [](const Published&, const AllocationWish&) { return std::vector<BudgetWord>(); };
  /// Who will pay for what a wish gets; without it nobody knows but by the wish itself.
  std::function<fleet::CostOwner(const Published&, const AllocationWish&)> payer{};
};

/// What a pod with a wish asks Kubernetes for, so that it can be served.
struct Foreseen {
  std::string resource;  ///< "nvidia.com/mig-2g.20gb"
  unsigned count = 1;
  bool now = false;      ///< there is room; else it is what would serve it on the same devices, were they free
  std::string sentence;  ///< of the engine: what it would get, or why it would wait
  std::string hint{};    ///< a near miss
};

std::string new_allocation_id();

/// Thread-safe. What is given outlives it.
class Allocations {
 public:
  /// `started`: whether the fleet is what it was before a restart.
  static Result<std::unique_ptr<Allocations>> open(const Latest<Published>& fleet, Changes& changes,
                                                   WantedLayouts& layouts, Events& events,
                                                   std::function<bool()> started, AllocationOptions options);
  ~Allocations();
  Allocations(const Allocations&) = delete;
  Allocations& operator=(const Allocations&) = delete;

  /// POST and DELETE, whose rights have been looked at.
  http::Response ask(const http::Request& request, const AllocationWish& wish);
  /// Changes nothing, waits for nobody who decides and is asked of any server. NotFound with the engine's words where
  /// none of the devices could ever serve it, Unavailable where nobody has told of devices yet. The wish has its
  /// cluster.
  Result<Foreseen> foresee(const AllocationWish& wish) const;
  http::Response release(const http::Request& request, const std::string& id);
  /// DELETE of an instance that nobody has.
  http::Response drop_instance(const http::Request& request, const fleet::Node& node, const fleet::Device& device,
                               const fleet::Part& part);

  /// By which it decides where nobody names another one.
  const std::string& policy() const { return options_.policy; }
  /// Who pays for it; its team is the one that was asked with where no rule names one.
  fleet::CostOwner owner_of(const Published& known, const fleet::PodAllocation& one) const;
  /// As of now; of a server that does not lead, as the database has it.
  std::shared_ptr<const fleet::AllocationBook> book() const;
  /// The fleet's devices as they are decided about: with what is promised, and without what is being cut.
  fleet::decision::Supply supply(const fleet::View& view) const;
  /// What is asked for, as of at most an hour before `now`.
  std::shared_ptr<const fleet::decision::Mix> demand(const fleet::AllocationBook& book, EpochMs now) const;
  /// One round of the thread; for tests, too.
  void look();
  /// How often a device has been made ready to be decided about, since the start.
  std::uint64_t devices_looked_at() const { return looked_at_devices_; }

 private:
  Allocations(const Latest<Published>& fleet, Changes& changes, WantedLayouts& layouts, Events& events,
              std::function<bool()> started, AllocationOptions options, fleet::AllocationBook book);

  /// What is to be kept, then told.
  struct Turns {
    std::vector<fleet::PodAllocation> turned{};
    std::vector<store::WantedLayout> layouts{};
    std::vector<store::KeptScene> scenes{};  ///< of those of `turned` that were decided about
    bool empty() const { return turned.empty() && layouts.empty(); }
  };
  void follow_layouts() const;
  /// What it would get now, with a near miss. By the stock that is kept, unless somebody decides by it or another
  /// server leads: then by one made for it.
  std::pair<fleet::decision::Verdict, std::string> verdict_now(const Published& known,
                                                               const AllocationWish& wish) const;
  /// On the fleet as if nobody had anything. Nobody who decides holds its lock, and nobody who holds it waits.
  DecisionRound round_if_free(const Published& known) const;
  /// What would serve it if all were free: where it may go now, else where its selector lets it, else anywhere, since
  /// labels and taints of nodes come and go.
  static fleet::decision::Verdict if_free(DecisionRound& free, const Published& known, const AllocationWish& wish);
  Ground ground(const fleet::View& view, const fleet::AllocationBook& book) const;
  /// Of whoever has the stock's lock: the fleet as it is now, and a book that is not older than what was touched.
  DecisionRound round(std::unique_lock<std::mutex> lock, const Published& known) const;
  DecisionRound round(const Published& known) const { return round(std::unique_lock(stock_.in_use()), known); }
  /// For `one`, who asks now: without the room that is kept for who has waited long before it.
  DecisionRound round_for(const Published& known, const fleet::PodAllocation& one) const;
  Surroundings surroundings(const Published& known) const;
  void touch(const fleet::PodAllocation& one);
  void touch_all();
  /// The wish with what its pod asks of a node beside devices.
  static AllocationWish with_pod(AllocationWish wish, const fleet::ClusterView& cluster);
  /// Whether room is kept for it, so that those behind do not take every piece of it.
  bool has_waited_long(const fleet::PodAllocation& one, EpochMs now) const;
  static bool keep_room(DecisionRound& round, const Published& known, const fleet::PodAllocation& one,
                        const AllocationWish& wish);
  /// What is decided for `one`, which is as it was asked, as a promise; Invalid where it can have none.
  static Result<Turns> promise(const Ground& ground, const fleet::decision::Decision& decided, const Json& shown,
                               const fleet::PodAllocation& one, const std::string& who);
  /// What a decision of this round was made on.
  store::KeptScene scene_of(const std::string& id, const DecisionRound& round, const AllocationWish& wish,
                            const fleet::decision::Scope& scope, const fleet::decision::Decision& decided) const;
  /// With the moves that would let it in, where there are any.
  fleet::decision::Refusal with_moves(fleet::decision::Refusal refusal, DecisionRound& round,
                                      const AllocationWish& wish) const;
  http::Response preview(const http::Request& request, const AllocationWish& wish) const;
  /// What is no longer to be made for one that is over or waits again.
  void stop_cutting(const Ground& after, const fleet::PodAllocation& of, const std::string& who, Turns& into) const;
  /// Why a promised part will not come about; its device is avoided from then on for a while.
  std::optional<std::string> why_not_kept(const std::string& cluster, const fleet::PromisedPart& part, bool stands,
                                          const Published& known);

  static Result<void> keep(store::Database& database, Turns& turns);
  void take(const Turns& turns, EpochMs time);
  void tell(const fleet::PodAllocation* before, const fleet::PodAllocation& after, EpochMs time);
  /// After a transaction of which nobody knows whether it came to be.
  void read_again();

  // The thread's rounds.
  void review(const Published& known);
  void keep_made(const fleet::AllocationBook& before, const Published& known, Turns& turns) const;
  /// What was there before a wish that is done is forgotten.
  void settle(const Published& known);
  /// What somebody else has made of a device takes the place of what was wanted for an allocation.
  void adopt(const Published& known);
  void serve_queue(const Published& known);
  enum class Served { Yes, No, Barred /* by a budget: no room helps */, Unkept /* the database takes nothing */ };
  /// One of the queue.
  Served serve(DecisionRound& round, const Published& known, const fleet::PodAllocation& one,
               const AllocationWish& wish);
  /// Why it waits, where that is new and was not told just before, or stale; it is kept with others', by keep_told().
  void tell_why(const fleet::PodAllocation& one, const std::string& why, EpochMs now,
                const std::function<Json()>& shown);
  void keep_told(EpochMs now);
  void clean_up(const Published& known);
  void drop_old(const Published& known);
  /// Keeps and takes them, with a line of the audit log for each new state; false where the database takes nothing.
  bool keep_and_take(Turns turns, EpochMs time);

  const Latest<Published>& fleet_;
  Changes& changes_;
  WantedLayouts& layouts_;
  Events& events_;
  const std::function<bool()> started_;
  const AllocationOptions options_;
  std::mutex& changing_;                ///< WantedLayouts::changing()
  Latest<fleet::AllocationBook> book_;  ///< written under changing_
  mutable std::atomic<std::uint64_t> looked_at_devices_{0};
  mutable std::mutex measuring_;
  mutable std::shared_ptr<const fleet::decision::Mix> demand_;  // guarded by measuring_
  mutable EpochMs demand_at_ = 0;                               // guarded by measuring_
  mutable std::mutex following_;
  mutable std::optional<SteadyTime> followed_at_;  // guarded by following_: when the layouts were read
  struct Avoided {
    EpochMs until = 0;
    std::string why;
  };
  mutable std::mutex avoiding_;
  std::map<InCluster, Avoided> avoided_;  ///< devices; guarded by avoiding_
  mutable DecisionStock stock_;
  mutable DecisionStock if_free_;
  mutable MixTexts mix_texts_;  ///< under the stock's lock
  mutable std::mutex touching_;
  mutable Surroundings touched_;               ///< devices, or all; guarded by touching_: not looked at since
  mutable std::uint64_t layouts_version_ = 0;  ///< up to which wanted layouts were looked at; under the stock's lock
  // Below: the thread's own.
  std::shared_ptr<const fleet::View> looked_at_;
  std::shared_ptr<const fleet::AllocationBook> queued_for_;
  fleet::PodSightings sightings_;
  fleet::AllocationReview review_;
  std::vector<fleet::PodAllocation> told_;     ///< why they wait, and not kept yet
  std::map<std::string, EpochMs> told_why_;    ///< when it was last written why one waits, by id
  std::map<std::string, EpochMs> idle_since_;  ///< instances whose allocation is over, by id and place
  EpochMs dropped_at_ = 0;
  bool failing_ = false;  ///< the database: said once
  std::jthread thread_;   ///< last: it uses all of the above
};

}  // namespace tessera::server

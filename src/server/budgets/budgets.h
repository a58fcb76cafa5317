#pragma once
// Budgets held against the ledger: a thread looks, after each bucket that is closed or corrected and after each change,
// how they stand, keeps each threshold that was crossed once (on the leader), and publishes what stands.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "fleet/alerts/observe_budgets.h"
#include "fleet/cost/facts.h"
#include "http/server.h"
#include "server/access/changes.h"
#include "server/budgets/spending.h"
#include "server/keeper.h"
#include "store/readers.h"

namespace tessera::server {

/// A budget and how it stands.
struct BudgetStanding {
  store::KeptBudget kept;
  std::optional<fleet::budgets::Standing> standing{};
  std::string trouble{};                              ///< why there is no standing; empty where there is one
  std::vector<fleet::budgets::Crossing> crossings{};  ///< of the period that the standing is of
};

/// Immutable.
struct BudgetBook {
  EpochMs time = 0;                     ///< of the last look; 0: none has succeeded yet
  std::optional<EpochMs> closed_until;  ///< of the ledger
  std::vector<BudgetStanding> budgets;  ///< by name
  std::vector<fleet::alerts::BudgetCrossed> in_force;

  const BudgetStanding* find(std::string_view id) const;
};

/// What a budget says of an allocation that its scope would pay for.
struct BudgetWord {
  store::KeptBudget kept;
  fleet::budgets::Standing standing;
  std::string sentence;  ///< without amounts: they are not everybody's to know
  bool refuses() const { return kept.budget.enforcement == fleet::budgets::Enforcement::Refuse; }
};

struct BudgetOptions {
  bool leads = true;
  std::string currency = "USD";   ///< of the ledger
  std::string time_zone = "UTC";  ///< of budgets that name none
  Milliseconds crossings_kept{std::chrono::hours(24 * 1'096)};
  Milliseconds look_every{5'000};  ///< 0: look() alone
};

struct BudgetStats {
  std::uint64_t looks = 0, failed_looks = 0;
};

/// Thread-safe. What is given outlives it.
class Budgets {
 public:
  /// `started`: whether the fleet is what it was before a restart.
  Budgets(const Latest<Published>& fleet, Changes& changes, store::Readers& readers, std::function<bool()> started,
          BudgetOptions options);
  ~Budgets();
  Budgets(const Budgets&) = delete;
  Budgets& operator=(const Budgets&) = delete;

  const BudgetOptions& options() const { return options_; }
  std::shared_ptr<const BudgetBook> book() const { return book_.get(); }
  BudgetStats stats() const;

  /// Absent before the first look: nobody knows then.
  std::optional<std::vector<fleet::alerts::BudgetCrossed>> in_force() const;
  /// Of budgets that have nothing left and are enforced, those that `owner` is in the scope of; those that refuse
  /// first. `overhead`: the platform's own pays for it, and the fleet alone has it in its sum.
  std::vector<BudgetWord> words(const fleet::CostOwner& owner, bool overhead, EpochMs now) const;

  /// POST, PUT and DELETE, whose rights have been looked at. The reply has the budget as it stands then.
  http::Response add(const http::Request& request, fleet::budgets::Budget budget);
  http::Response replace(const http::Request& request, const std::string& id, fleet::budgets::Budget budget);
  http::Response drop(const http::Request& request, const std::string& id);

  /// One round of the thread; for tests, too.
  Result<void> look();

 private:
  Result<void> look_now();
  /// What was judged last, and when a period turns: until then, and as long as all of it is the same, so is the book.
  struct Judged {
    std::vector<store::KeptBudget> kept;
    std::vector<fleet::budgets::Crossing> told;
    std::optional<store::LedgerVersion> ledger;
    bool operator==(const Judged&) const = default;
  };
  /// Publishes how they stand; what is told of anew is in `told` then.
  Result<void> judge(Judged& of, EpochMs now);
  BudgetStanding stand(const store::KeptBudget& kept, EpochMs now, const std::vector<fleet::budgets::Crossing>& told,
                       std::vector<fleet::budgets::Crossing>& fresh, std::map<std::string, EpochMs>& done);
  /// Of budgets that are as they were judged; others are judged by the next look.
  Result<void> keep(const std::vector<store::KeptBudget>& judged, std::vector<fleet::budgets::Crossing>& fresh,
                    std::map<std::string, EpochMs> done, EpochMs now);
  EpochMs time() const;
  /// What a change has come to, as it stands.
  http::Response shown_as_it_stands(http::Response made, const std::string& id);

  const Latest<Published>& fleet_;
  Changes& changes_;
  store::Readers& readers_;
  const std::function<bool()> started_;
  const BudgetOptions options_;
  Latest<BudgetBook> book_;
  std::mutex looking_;                          // held while it is looked how they stand
  Spending spending_;                           // guarded by looking_
  Judged judged_;                               // guarded by looking_
  std::map<std::string, EpochMs> done_until_;   // guarded by looking_: by budget, as the database has it
  EpochMs judged_from_ = 0, judged_until_ = 0;  // guarded by looking_
  bool failing_ = false;                        // guarded by looking_: said once
  mutable std::mutex mutex_;
  BudgetStats stats_;    // guarded by mutex_
  std::jthread thread_;  ///< last: it uses all of the above
};

/// The validator of a budget: of what it is, and not of how it stands.
std::string budget_etag(const store::KeptBudget& kept);

}  // namespace tessera::server

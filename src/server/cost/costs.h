#pragma once
// What is told of money: the ledger, the time that is not closed yet, and what the fleet costs an hour as it is.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/latest.h"
#include "fleet/cost/report.h"
#include "fleet/inventory/changes.h"
#include "server/cost/sight.h"
#include "server/keeper.h"
#include "store/cost_ledger.h"
#include "store/readers.h"
#include "store/served_tokens.h"

namespace tessera::server {

struct CostsUntil {
  std::optional<EpochMs> closed_until;  ///< absent: nothing is closed
  std::optional<EpochMs> known_until;   ///< what comes behind is of nobody yet
};

/// What the ledger says of some time, and what it comes to so far where it is not closed.
struct CostsKnown : CostsUntil {
  store::CostRows ledger;
};

/// Tokens and money bucket by bucket.
struct ServedTime {
  fleet::CostWindow window;  ///< cut to the time of which both are known
  std::vector<store::ServedTokens> tokens;
  std::vector<store::ServingCost> costs;
};

/// As if all were as it is for an hour.
struct HourlyCosts {
  fleet::ShareBy share_by{};  ///< of a device its instances
  std::vector<store::CostPosting> postings;
  fleet::CostSums all;
  std::map<std::pair<std::string, std::string>, fleet::Micros> owned;  ///< used and held, by team and project
};

/// What one question may come to: more is refused.
struct CostLimits {
  std::size_t rows = 1'000'000;                          ///< of the ledger, in all pieces
  std::size_t groups = 50'000;                           ///< likewise; some kB each
  std::size_t file_part_bytes = std::size_t{64} << 10U;  ///< of a file, so much is made at once
};

struct CostsOptions {
  CostSettings settings;
  fleet::OwnerRules owners;
  Milliseconds interval{30'000};  ///< between samples: usage of the last three may lack some
  Milliseconds again{10'000};     ///< the open time is worked out anew
  CostLimits limits{};
};

/// Thread-safe. What is given outlives it.
class Costs {
 public:
  Costs(CostsOptions options, const Latest<Published>& fleet, store::Readers& readers);

  const CostSettings& settings() const { return options_.settings; }
  const CostLimits& limits() const { return options_.limits; }
  const fleet::Currency& currency() const { return currency_; }
  const fleet::OwnerRules& owners() const { return options_.owners; }

  /// Each row's bucket is where its piece begins; corrections are told apart by the zone's months. Unavailable where
  /// the database does not answer.
  Result<CostsKnown> known(std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone, EpochMs now);

  /// Likewise piece by piece, so that no more than the rows of one are in memory. What `take` fails with ends it.
  /// Invalid for more rows than limits().
  Result<CostsUntil> each(std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone, EpochMs now,
                          const std::function<Result<void>(const fleet::CostWindow& piece, store::CostRows)>& take);

  /// What engines have read and made in a window, and what pods have cost in the same buckets. Invalid for more than
  /// limits().
  Result<ServedTime> served(fleet::CostWindow window, EpochMs now);

  /// What is asked for from `now` on, by the settings.
  Result<fleet::RateBook> rates(EpochMs now) const;

  /// Of the newest view; of one that is a few seconds old where it was asked for then.
  std::shared_ptr<const HourlyCosts> hourly();

  /// `cost.rate` where the fleet costs otherwise than when this was asked last, and each 15 s for those who have come
  /// since; for one who asks.
  std::vector<fleet::Change> changes();

 private:
  /// Buckets that are not closed yet, as far as they have come.
  struct Open {
    SteadyTime made;
    std::optional<EpochMs> closed_until, until;
    std::vector<std::pair<EpochMs, std::vector<store::CostPosting>>> buckets;
  };
  static Result<store::CostRows> rows_of(store::Database& database, const Open& open,
                                         std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone);
  Result<std::shared_ptr<const Open>> open_time(store::Database& database, EpochMs now);
  Result<std::shared_ptr<const Open>> make_open(store::Database& database, EpochMs now) const;
  Result<std::shared_ptr<const HourlyCosts>> make_hourly(const Published& known) const;

  const CostsOptions options_;
  const fleet::Currency currency_;
  const Latest<Published>& fleet_;
  store::Readers& readers_;
  std::mutex opening_;                         // held while the open time is worked out
  std::shared_ptr<const Open> open_;           // guarded by opening_
  std::mutex reckoning_;                       // held while the hour is worked out
  std::shared_ptr<const HourlyCosts> hourly_;  // guarded by reckoning_, as are the two below
  std::weak_ptr<const fleet::View> hour_of_;
  SteadyTime hour_made_{};
  std::optional<fleet::HourlyCost> told_;  ///< of who asks for changes
  SteadyTime told_at_{};
};

}  // namespace tessera::server

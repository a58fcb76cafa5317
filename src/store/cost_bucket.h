#pragma once
// What a bucket of the cost ledger comes to, from the usage of its time.
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/cost/owner_rules.h"
#include "fleet/cost/rates.h"
#include "store/cost_ledger.h"
#include "store/cost_shares.h"

namespace tessera::store {

/// What is not in the usage.
struct CostRules {
  const fleet::RateBook& rates;
  fleet::PostingOptions posting{};
  /// A device that is silent costs for so long still, unless its node is known to have left its cluster.
  Milliseconds unobserved_for{std::chrono::hours(24)};
  EpochMs usage_from = std::numeric_limits<EpochMs>::min();  ///< of what is before, no usage is kept
  EpochMs until = std::numeric_limits<EpochMs>::max();  ///< nothing costs anything from then on: of a bucket that lasts
  struct Place {
    std::string pool;
    fleet::Purchase purchase = fleet::Purchase::OnDemand;
    bool operator==(const Place&) const = default;
  };
  std::function<Place(std::string_view cluster, std::string_view node, EpochMs time)> place_of = [](auto, auto, auto) {
    return Place();
  };
  /// Names the owner, whose cluster, namespace, pod and uid are there already; true: the platform's own.
  std::function<bool(fleet::CostOwner&)> name_owner = [](auto&) { return false; };
  /// Into how many replicas a part was shared; 1: it was not.
  std::function<std::int64_t(const CostPart& part, EpochMs time)> replicas_of = [](auto&, auto) { return 1; };
  /// How many of them a pod held.
  std::function<std::int64_t(const CostHolder& holder)> replicas_held = [](auto&) { return 1; };
};

/// By the five-minute usage. Every device that was there then has its whole time in it; one that has been silent for
/// too long, or whose node had gone, was not, although it is back since.
Result<std::vector<CostPosting>> cost_of_bucket(Database& database, EpochMs bucket, const CostRules& rules);

/// Of one that is closed, as it has to come to be. A device of which less is known by now than was entered (it, or its
/// usage, is not kept any more, or not in this database) stays as it was entered: what is forgotten is still billed.
Result<std::vector<CostPosting>> corrected_cost_of_bucket(Database& database, EpochMs bucket, const CostRules& rules);

}  // namespace tessera::store

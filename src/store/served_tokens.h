#pragma once
// Tokens that serving engines have read and made, over time.
#include <optional>
#include <string>
#include <vector>

#include "fleet/cost/facts.h"
#include "fleet/cost/posting.h"
#include "store/database.h"

namespace tessera::store {

/// Of all engines of one model for which one pod answers, in one bucket of the cost ledger.
struct ServedTokens {
  std::string cluster;
  std::string space;
  std::string pod;
  std::string model;
  std::vector<std::string> pods;  ///< of its replica, the first itself
  double prompt = 0;
  double cached = 0;  ///< of the prompt's
  double generated = 0;
  EpochMs bucket = 0;
  std::optional<std::int64_t> observed_ms{};  ///< in so much of it counters were told; absent: nobody knows
  bool operator==(const ServedTokens&) const = default;
};

/// What a pod has cost in one bucket, of one kind: what somebody pays for (is_allocated).
struct ServingCost {
  EpochMs bucket = 0;
  fleet::CostOwner owner;
  fleet::CostKind kind = fleet::CostKind::Used;
  fleet::CostAmount amount;
};

/// In a transaction of the caller's: adds to what is there of `bucket`, whatever they say of theirs. To the thousandth
/// of a token.
Result<void> add_served_tokens(Database& database, EpochMs bucket, const std::vector<ServedTokens>& tokens);
/// Of the buckets in [from, to), in their order; within one by cluster, namespace, pod, model and replica.
Result<std::vector<ServedTokens>> served_tokens(Database& database, EpochMs from, EpochMs to);
/// What the ledger has of those buckets for namespaces that have tokens since then, `most` at most: Invalid for more.
Result<std::vector<ServingCost>> serving_costs(Database& database, EpochMs from, EpochMs to, std::size_t most);
/// The earliest bucket; absent: there is none.
Result<std::optional<EpochMs>> first_served_tokens(Database& database);
Result<void> drop_served_tokens_before(Database& database, EpochMs time);

}  // namespace tessera::store

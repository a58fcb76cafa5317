#pragma once
// Tokens that serving engines have read and made, over time.
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace tessera::store {

/// Of all engines of one model for which one pod answers.
struct ServedTokens {
  std::string cluster;
  std::string space;
  std::string pod;
  std::string model;
  std::vector<std::string> pods;  ///< of its replica, the first itself
  double prompt = 0;
  double cached = 0;  ///< of the prompt's
  double generated = 0;
  bool operator==(const ServedTokens&) const = default;
};

/// In a transaction of the caller's: adds to what is there of the bucket, which is one of the cost ledger. To the
/// thousandth of a token.
Result<void> add_served_tokens(Database& database, EpochMs bucket, const std::vector<ServedTokens>& tokens);
/// Sums of the buckets in [from, to), by cluster, namespace, pod, model and replica.
Result<std::vector<ServedTokens>> served_tokens(Database& database, EpochMs from, EpochMs to);
/// The earliest bucket; absent: there is none.
Result<std::optional<EpochMs>> first_served_tokens(Database& database);
Result<void> drop_served_tokens_before(Database& database, EpochMs time);

}  // namespace tessera::store

#pragma once
// What serving engines read and make, summed up for the past: by the pace that they tell at each look. Pure; one
// thread's own.
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/serving/serving.h"
#include "store/served_tokens.h"

namespace tessera::server {

class TokenLog {
 public:
  /// What was done since the last look, quarter by quarter. Of a gap between two looks nothing is known.
  void look(const fleet::ServingView& serving, const fleet::ClusterView& cluster, EpochMs now);

  /// By bucket of the ledger, once a minute; empty in between.
  std::vector<std::pair<EpochMs, std::vector<store::ServedTokens>>> due(EpochMs now) const;
  /// What was due is in the database.
  void kept(EpochMs now);

 private:
  void add(const fleet::ServingView& serving, const fleet::ClusterView& cluster, EpochMs from, EpochMs to);

  using Key = std::tuple<EpochMs, std::string, std::string, std::string, std::string, std::vector<std::string>>;
  std::map<Key, store::ServedTokens> sums_;  ///< by bucket and what they are of
  std::optional<EpochMs> looked_;
  EpochMs kept_at_ = 0;
};

}  // namespace tessera::server

#pragma once
// Quotas that refuse pods for which the fleet has room, look by look.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fleet/advice/facts.h"
#include "fleet/cluster/cluster.h"
#include "server/advice/refusals.h"
#include "store/quota_seen.h"

namespace tessera::server {

/// How many more of a resource pods that ask for `each` of it could get: of nodes that are ready, and that take any pod
/// that tolerates GPUs' taint. What pods without a node wait for is theirs.
std::int64_t room_for(const fleet::ClusterView& cluster, const std::string& resource, std::int64_t each);

/// What a look shows of each quota, of the time since the last one. `standing`: who is refused now. One of some of the
/// pods alone is left out, and one beside which another quota of its namespace speaks of the same resource: to raise
/// one of them may change nothing.
std::vector<store::QuotaSeen> quotas_seen(const fleet::ClusterView& cluster, const std::vector<QuotaRefusal>& standing,
                                          EpochMs since, EpochMs now);

/// Of quotas that are there, as long as they have been as large as they are. `seen`: of [from, now). `price`: of one
/// more of a resource an hour.
std::vector<fleet::advice::QuotaShortage> shortages_of(
    const fleet::ClusterView& cluster, const std::vector<store::QuotaSeen>& seen, EpochMs from, EpochMs now,
    const std::function<std::optional<fleet::Micros>(const std::string&)>& price);

}  // namespace tessera::server

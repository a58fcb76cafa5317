#pragma once
// The body of POST /gpu/allocations, read and checked.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/cluster/node_demands.h"
#include "fleet/decision/need.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

inline constexpr Milliseconds kAllocationLease{10 * 60'000};

struct AllocationWish {
  std::optional<std::string> cluster{};  ///< absent: the only one that there is
  std::string space;                     ///< namespace
  std::string pod;
  fleet::decision::Need need;
  std::string node{};  ///< only on this one; empty: any
  std::string team{};
  bool waits = false;
  bool may_move = false;  ///< its owner will have it put elsewhere
  bool dry_run = false;
  std::string policy{};  ///< of decision::policy_names(); empty: the server's
  Milliseconds lease = kAllocationLease;
  std::string assumed{};  ///< how a model's memory was reckoned; empty: none was named
  std::string asked{};    ///< the members as they were given, in a fixed order, without dryRun: JSON
  // What no body says: whoever asks for a pod that it has before it.
  std::string pod_uid{};
  std::set<std::string> nodes{};                ///< one of these, now; empty: any
  std::optional<fleet::NodeDemands> demands{};  ///< absent: those of the pod as the cluster shows it, if it does
};

/// Invalid with the member that is wrong and what is expected.
Result<AllocationWish> parse_allocation_wish(std::string_view body);

/// As parse_allocation_wish(), of what was taken before and is kept: also of what an earlier version took.
Result<AllocationWish> read_kept_wish(std::string_view request);

/// Whether two texts that were taken for one pod ask for the same: by what they mean, not by how it is written. Without
/// `policy` a wish goes by the server's.
bool ask_the_same(std::string_view request, std::string_view other, std::string_view policy);

/// MiB, rounded up, of "20G" (decimal), "20Gi" (binary), "512Mi", "20000M", "1T", "1Ti".
Result<std::uint64_t> parse_memory(std::string_view text);

}  // namespace tessera::server

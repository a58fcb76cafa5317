#pragma once
// What allocations become by what is seen of pods and devices, and by time: a promise is ready, a pod has come, is
// gone, or did not come. Pure.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/allocation/book.h"
#include "fleet/allocation/sightings.h"
#include "fleet/cluster/cluster.h"

namespace tessera::fleet {

/// What allocations are held against.
struct Scene {
  const View& view;
  const ClusterView& cluster;
  const PodSightings& pods;  ///< of this view
  /// Why a part of a cluster will not come to be what was promised ("failed: …"): it is not to be cut, or, where it
  /// stands, no pod is given it. Absent: nobody says so.
  std::function<std::optional<std::string>(const std::string& cluster, const PromisedPart& part, bool stands)>
      refused{};
};

class AllocationReview {
 public:
  static constexpr Milliseconds kGoneAfter{60'000};
  /// After a start nothing has been told yet: what is not known then has not left.
  static constexpr Milliseconds kToldWithin{5 * 60'000};
  /// A promise outlasts what is wrong with its device for less than that: a driver that was too slow for one collection
  /// answers the next one, and what is taken back is destroyed.
  static constexpr Milliseconds kUnhealthyFor{2 * 60'000};
  /// A pod of which nothing has been seen for so long, on devices that are told of, has gone. Where the cluster is
  /// watched, its word is enough.
  explicit AllocationReview(Milliseconds gone_after = kGoneAfter) : gone_after_(gone_after) {}

  /// Leases that were timed before, by a server whose clock may be another one: with the next look they are timed anew.
  void inherit(const AllocationBook& book);

  /// What has changed, in an order in which the book takes it; one may turn several times.
  std::vector<PodAllocation> turns(const AllocationBook& book, const Scene& scene);

 private:
  class Look;
  using DeviceKey = std::pair<std::string, std::string>;  // cluster and UUID
  /// Since when it has been so in each look.
  struct Unhealthy {
    std::optional<EpochMs> at_all;
    std::optional<EpochMs> but_answering;  ///< by something else than that its driver does not answer
  };
  void note_health(const AllocationBook& book, const View& view);
  void see(Look& look, const PodAllocation& one);
  /// Whether a device that it is on would tell of it: none that is silent does.
  static bool would_be_told(const Look& look, const PodAllocation& one, EpochMs since);
  static bool has_left(const Look& look, const PodAllocation& one);
  /// Whether something is known of each device that was promised.
  static bool is_told_of(const Look& look, const PodAllocation& one);

  const Milliseconds gone_after_;
  std::optional<EpochMs> began_;                           ///< the first look
  std::map<std::string, EpochMs> inherited_;               ///< ends of leases by id, until the book has newer ones
  std::map<std::string, EpochMs, std::less<>> last_seen_;  ///< by id: pods of those that are bound
  std::map<DeviceKey, Unhealthy> unhealthy_;               ///< devices on which something is promised
};

}  // namespace tessera::fleet

#pragma once
// All allocations, and whose each slice of a device is. What stands here is what the database has: a book made of its
// rows is the same.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/allocation/allocation.h"

namespace tessera::fleet {

class AllocationBook {
 public:
  AllocationBook() = default;
  /// Of what was kept; Invalid where two of them have the same slice.
  static Result<AllocationBook> of(const std::vector<PodAllocation>& known);

  /// Whether it could be put: Invalid, naming who has it, where a part is another one's, or where the pod has another
  /// allocation that is not over. Only those on its devices are looked at.
  Result<void> may_put(const PodAllocation& one) const;
  /// Takes the place of what was there by its id. Where it may not be put, nothing changes.
  Result<void> put(PodAllocation one);
  /// Of one that is over.
  void drop(std::string_view id);

  const PodAllocation* find(std::string_view id) const;
  /// Its allocation that is not over; null where it has none.
  const PodAllocation* of_pod(std::string_view cluster, std::string_view space, std::string_view pod) const;
  /// Whose a part is, of those that are not over, leaving one out.
  const PodAllocation* owner_of(std::string_view cluster, const PromisedPart& part, std::string_view but = {}) const;
  /// The first number of a replica that nobody has, leaving one out; absent where all are somebody's.
  std::optional<unsigned> free_replica(std::string_view cluster, std::string_view device_uuid, unsigned replicas,
                                       std::string_view but = {}) const;
  /// On a device, of those that are not over.
  struct Taken {
    const PodAllocation* by = nullptr;
    const PromisedPart* part = nullptr;
  };
  std::vector<Taken> taken(std::string_view cluster, std::string_view device_uuid) const;

  /// By id.
  const std::map<std::string, PodAllocation, std::less<>>& all() const { return all_; }
  /// Those that wait, in the order of their turn: higher priority first, then who has waited longer.
  std::vector<const PodAllocation*> queue() const;

  bool operator==(const AllocationBook& other) const { return all_ == other.all_; }

 private:
  std::map<std::string, PodAllocation, std::less<>> all_;
  using Key = std::pair<std::string, std::string>;                ///< cluster, and a pod's or a device's name
  std::map<Key, std::string> pods_;                               ///< ids of those that are not over
  std::map<Key, std::vector<std::string>, std::less<>> devices_;  ///< likewise, each as often as it has parts there
  void note(const PodAllocation& one);
  void forget(const PodAllocation& one);
};

}  // namespace tessera::fleet

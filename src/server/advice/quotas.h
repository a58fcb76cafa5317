#pragma once
// Quotas against what namespaces had at once, slot by slot.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fleet/advice/facts.h"
#include "server/keeper.h"
#include "store/advice.h"

namespace tessera::server {

/// "nvidia.com/mig-1g.10gb.me", as the device plugin lists an instance of "1g.10gb+me".
inline constexpr const char* kMigResource = "nvidia.com/mig-";
std::string mig_resource(std::string profile);

/// Of the cluster whose quotas are known; of the slots that each namespace with one is told of.
class QuotaSight {
 public:
  QuotaSight(const Published& known, const fleet::advice::Windowing& how, EpochMs now);

  /// Nobody has a quota: nothing else needs to be read for it.
  bool is_empty() const { return counts_.empty(); }
  /// A device of which something was known in the slot that begins then, whoever had it.
  void tell(EpochMs begin, const std::string& device_uuid);
  void see(const store::HeldSlot& one);
  /// Of what is seen and told so far: a slot counts as told when each GPU node of the cluster that had come by then has
  /// told in it, for a namespace's pods may be on any of them. A namespace that has a part of a shared device is left
  /// out: how many replicas it had is not kept.
  std::vector<fleet::advice::Quota> quotas() const;

 private:
  using Counts = std::vector<std::uint32_t>;               ///< of parts, by slot
  using ResourceOf = std::pair<std::string, std::string>;  ///< namespace, resource

  std::vector<bool> told_by_all() const;
  void count(const std::string& space, const std::string& resource, std::size_t slot);

  const Published& known_;
  std::vector<std::shared_ptr<const fleet::ClusterQuota>> quotas_;  ///< of all pods of a namespace
  const EpochMs slot_, from_, to_;
  std::map<std::string, std::size_t, std::less<>> node_of_;  ///< of the cluster, by device's UUID
  std::vector<std::vector<bool>> told_;                      ///< by node and slot
  std::map<ResourceOf, Counts> counts_;                      ///< of what quotas speak of
};

}  // namespace tessera::server

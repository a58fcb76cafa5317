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

/// Of the cluster whose quotas are known; of the slots that each namespace with one is told of.
class QuotaSight {
 public:
  QuotaSight(const Published& known, const fleet::advice::Windowing& how, EpochMs now);

  void see(const store::HeldSlot& one);
  /// Of what is seen so far. A namespace that has a part of a shared device is left out: how many replicas it had is
  /// not kept.
  std::vector<fleet::advice::Quota> quotas() const;

 private:
  using Counts = std::vector<std::uint32_t>;               ///< of parts, by slot
  using ResourceOf = std::pair<std::string, std::string>;  ///< namespace, resource

  void count(const std::string& space, const std::string& resource, std::size_t slot);

  const Published& known_;
  std::vector<std::shared_ptr<const fleet::ClusterQuota>> quotas_;  ///< of all pods of a namespace
  const EpochMs slot_, from_, to_;
  std::vector<bool> told_;               ///< by slot: of any pod of the cluster
  std::map<ResourceOf, Counts> counts_;  ///< of what quotas speak of
};

}  // namespace tessera::server

#include "fleet/inventory/restricted.h"

#include <algorithm>

#include "fleet/inventory/parts.h"
#include "fleet/inventory/xids.h"

namespace tessera::fleet {
namespace {

using gpu::Reading;

// What a board tells of its condition and not of how it is used.
constexpr Reading kConditions[] = {Reading::TemperatureCelsius,
                                   Reading::MemoryTemperatureCelsius,
                                   Reading::SlowdownTemperatureCelsius,
                                   Reading::EccCorrectedVolatileTotal,
                                   Reading::EccUncorrectedVolatileTotal,
                                   Reading::EccCorrectedAggregateTotal,
                                   Reading::EccUncorrectedAggregateTotal,
                                   Reading::RetiredPagesCorrected,
                                   Reading::RetiredPagesUncorrected,
                                   Reading::RetiredPagesPending,
                                   Reading::RemappedRowsCorrectable,
                                   Reading::RemappedRowsUncorrectable,
                                   Reading::RowRemapPending,
                                   Reading::RowRemapFailure,
                                   Reading::ClocksEventReasons,
                                   Reading::PowerLimitWatts,
                                   Reading::PcieLinkWidth};

bool is_boards_fault(unsigned xid) { return xid_of(xid).blame == Blame::Device; }

/// What a neighbour on the same board may know of it.
void keep_conditions(Device& device) {
  gpu::Readings kept;
  for (const Reading one : kConditions)
    if (const auto value = device.readings[one]) kept.set(one, *value);
  if (const auto xid = device.readings[Reading::XidLast];
      xid && *xid > 0 && *xid < 1e6 && is_boards_fault(static_cast<unsigned>(*xid)))
    kept.set(Reading::XidLast, *xid);
  device.readings = kept;
  std::erase_if(device.xids, [](const auto& one) { return !is_boards_fault(one.first); });
  device.quiet_since.reset();
  auto facts = std::make_shared<DeviceFacts>(*device.facts);
  facts->profiles.reset();  // what is free beside the others cannot be told
  device.facts = std::move(facts);
}

/// False where nothing of it is his.
bool restrict(Device& device, const Mine& mine, bool& changed) {
  const auto is_others = [&](const auto& one) { return !mine(one.facts->workload); };
  changed |= std::erase_if(device.sessions, is_others) > 0;
  changed |= std::erase_if(device.allocations, is_others) > 0;
  if (device.sessions.empty() && device.allocations.empty()) return false;
  const auto has = [&](const Instance& instance) {
    const auto covered = [&](const auto& one) { return covers(one.part, instance.part); };
    return std::ranges::any_of(device.sessions, covered) || std::ranges::any_of(device.allocations, covered);
  };
  const bool cut = is_cut(device);
  const bool neighbours = std::erase_if(device.instances, [&](const Instance& one) { return !has(one); }) > 0;
  // Others may have had an instance here that is free now, so a cut board is never told as a whole.
  if (cut) keep_conditions(device);
  changed |= neighbours || cut;
  return true;
}

}  // namespace

std::shared_ptr<const Node> restricted(const std::shared_ptr<const Node>& node, const Mine& mine) {
  const auto is_his = [&](const auto& one) { return mine(one.facts->workload); };
  const auto has = [&](const Device& device) {
    return std::ranges::any_of(device.sessions, is_his) || std::ranges::any_of(device.allocations, is_his);
  };
  if (std::ranges::none_of(node->devices, has)) return nullptr;  // most nodes: nothing is copied
  auto out = std::make_shared<Node>();
  out->cluster = node->cluster;
  out->name = node->name;
  bool changed = false;
  for (Device device : node->devices) {
    if (restrict(device, mine, changed)) {
      out->last_seen = std::max(out->last_seen, device.last_seen);
      out->devices.push_back(std::move(device));
    } else {
      changed = true;
    }
  }
  return changed ? out : node;
}

std::shared_ptr<const ClusterView> restricted(const ClusterView& whole, const std::set<std::string>& spaces,
                                              const View& seen) {
  auto out = std::make_shared<ClusterView>();
  out->watched = whole.watched;
  out->synced = whole.synced;
  out->cluster = whole.cluster;
  out->team_labels = whole.team_labels;
  auto pod_use = std::make_shared<ResourceUses>();
  for (const std::string& space : spaces) {
    const std::string prefix = pod_key(space, "");
    if (const auto known = whole.namespaces.find(space); known != whole.namespaces.end())
      out->namespaces.insert(*known);
    for (auto pod = whole.pods.lower_bound(prefix); pod != whole.pods.end() && pod->first.starts_with(prefix); ++pod) {
      out->pods.insert(*pod);
      if (!whole.pod_use) continue;
      if (const auto use = whole.pod_use->find(pod->first); use != whole.pod_use->end()) pod_use->insert(*use);
    }
  }
  if (whole.pod_use) out->pod_use = std::move(pod_use);
  for (const auto& node : seen.nodes) {
    const ClusterNode* known = whole.node(node->cluster, node->name);
    if (!known) continue;
    auto mine = std::make_shared<ClusterNode>(*known);
    mine->allocatable.clear();
    mine->capacity.clear();
    out->nodes.emplace(node->name, std::move(mine));
  }
  return out;
}

}  // namespace tessera::fleet

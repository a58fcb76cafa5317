#include "server/advice/quotas.h"

#include <algorithm>
#include <set>

namespace tessera::server {
namespace {

constexpr const char* kWholeGpu = "nvidia.com/gpu";

std::set<std::string> spaces_that_share(const Published& known) {
  std::set<std::string> out;
  for (const auto& node : known.view->nodes)
    for (const fleet::Device& device : node->devices)
      for (const fleet::Allocation& one : device.allocations)
        if (one.facts->shared) out.insert(one.facts->workload.space);
  return out;
}

}  // namespace

std::string mig_resource(std::string profile) {
  std::ranges::replace(profile, '+', '.');
  return kMigResource + profile;
}

QuotaSight::QuotaSight(const Published& known, const fleet::advice::Windowing& how, EpochMs now)
    : known_(known),
      slot_(how.slot.count()),
      from_((now - how.most.count()) / slot_ * slot_),
      to_(now / slot_ * slot_) {
  if (!known.cluster || !known.cluster->quotas_synced) return;
  const auto slots = static_cast<std::size_t>((to_ - from_) / slot_);
  for (const auto& [name, one] : known.cluster->quotas) {
    if (one->scoped) continue;  // of which of the pods that were it speaks nobody can tell
    quotas_.push_back(one);
    for (const auto& [resource, hard] : one->hard) counts_.try_emplace({one->space, resource}, slots);
  }
  for (const auto& node : known.view->nodes) {
    if (node->cluster != known.cluster->cluster || node->devices.empty()) continue;
    for (const fleet::Device& device : node->devices) node_of_[device.facts->uuid] = told_.size();
    told_.emplace_back(slots);
  }
}

void QuotaSight::tell(EpochMs begin, const std::string& device_uuid) {
  const auto node = node_of_.find(device_uuid);
  if (node == node_of_.end() || begin < from_ || begin >= to_) return;
  told_[node->second][static_cast<std::size_t>((begin - from_) / slot_)] = true;
}

std::vector<bool> QuotaSight::told_by_all() const {
  const auto slots = static_cast<std::size_t>((to_ - from_) / slot_);
  std::vector<bool> any(slots), all(slots, true);
  for (const auto& node : told_) {
    // Before its first slot it was not there; afterwards it is silent where it does not tell.
    for (auto slot = static_cast<std::size_t>(std::ranges::find(node, true) - node.begin()); slot < slots; ++slot) {
      any[slot] = any[slot] || node[slot];
      all[slot] = all[slot] && node[slot];
    }
  }
  for (std::size_t slot = 0; slot < slots; ++slot) any[slot] = any[slot] && all[slot];
  return any;
}

void QuotaSight::see(const store::HeldSlot& one) {
  if (counts_.empty() || one.cluster != known_.cluster->cluster || one.slot.begin < from_ || one.slot.begin >= to_)
    return;
  const auto slot = static_cast<std::size_t>((one.slot.begin - from_) / slot_);
  // By the single strategy an instance is a GPU: nobody can tell afterwards, so it counts as both.
  count(one.space, kWholeGpu, slot);
  if (one.gpu_instance) count(one.space, mig_resource(one.profile), slot);
}

void QuotaSight::count(const std::string& space, const std::string& resource, std::size_t slot) {
  if (const auto at = counts_.find({space, resource}); at != counts_.end()) ++at->second[slot];
}

std::vector<fleet::advice::Quota> QuotaSight::quotas() const {
  std::vector<fleet::advice::Quota> out;
  const std::vector<bool> told = told_by_all();
  const auto first = std::ranges::find(told, true);
  if (counts_.empty() || first == told.end()) return out;
  // What has been told of for an hour less than all of the window has been told of for all of it.
  constexpr EpochMs kHour = 3'600'000;
  const EpochMs began = from_ + (first - told.begin()) * slot_, from = began - from_ <= kHour ? from_ : began;
  const double observed = static_cast<double>(std::ranges::count(told, true) * slot_) / static_cast<double>(to_ - from);
  const auto sharing = spaces_that_share(known_);
  for (const auto& one : quotas_) {
    if (sharing.contains(one->space)) continue;
    for (const auto& [resource, hard] : one->hard) {
      const Counts& counts = counts_.at({one->space, resource});
      const auto used = one->used.find(resource);
      const std::int64_t most = std::max<std::int64_t>(used == one->used.end() ? 0 : used->second,
                                                       counts.empty() ? 0 : std::ranges::max(counts));
      out.push_back({known_.cluster->cluster, one->space, one->name, resource, hard, from, to_, observed, most});
    }
  }
  return out;
}

}  // namespace tessera::server

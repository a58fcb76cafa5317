#include "fleet/allocation/book.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tessera::fleet {
namespace {

/// Names of Kubernetes have no slash.
std::string pod_name(std::string_view space, std::string_view pod) {
  std::string out(space);
  return out.append("/").append(pod);
}

}  // namespace

Result<AllocationBook> AllocationBook::of(const std::vector<PodAllocation>& known) {
  AllocationBook out;
  for (const PodAllocation& one : known) TRY(out.put(one));
  return out;
}

Result<void> AllocationBook::may_put(const PodAllocation& one) const {
  if (is_over(one.state)) return {};
  if (const auto* other = of_pod(one.cluster, one.space, one.pod); other && other->id != one.id)
    return fail(Code::Invalid, "pod {}/{} has allocation {} already", one.space, one.pod, other->id);
  for (const PromisedPart& part : one.parts)
    if (const auto* owner = owner_of(one.cluster, part, one.id))
      return fail(Code::Invalid, "{} at {}+{} of device {} is promised to {}/{} by allocation {}",
                  part.profile.empty() ? "the whole" : part.profile, part.placement.start, part.placement.size,
                  part.device_uuid, owner->space, owner->pod, owner->id);
  return {};
}

Result<void> AllocationBook::put(PodAllocation one) {
  TRY(may_put(one));
  if (const auto before = all_.find(one.id); before != all_.end()) forget(before->second);
  const std::string id = one.id;
  note(all_.insert_or_assign(id, std::move(one)).first->second);
  return {};
}

void AllocationBook::note(const PodAllocation& one) {
  if (is_over(one.state)) return;
  pods_[{one.cluster, pod_name(one.space, one.pod)}] = one.id;
  for (const PromisedPart& part : one.parts) devices_[{one.cluster, part.device_uuid}].push_back(one.id);
}

void AllocationBook::forget(const PodAllocation& one) {
  if (is_over(one.state)) return;
  pods_.erase({one.cluster, pod_name(one.space, one.pod)});
  for (const PromisedPart& part : one.parts) {
    const auto found = devices_.find(Key{one.cluster, part.device_uuid});
    if (found == devices_.end()) continue;
    std::erase(found->second, one.id);
    if (found->second.empty()) devices_.erase(found);
  }
}

void AllocationBook::drop(std::string_view id) {
  const auto found = all_.find(id);
  if (found == all_.end()) return;
  forget(found->second);
  all_.erase(found);
}

const PodAllocation* AllocationBook::find(std::string_view id) const {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : &found->second;
}

const PodAllocation* AllocationBook::of_pod(std::string_view cluster, std::string_view space,
                                            std::string_view pod) const {
  const auto found = pods_.find(Key{cluster, pod_name(space, pod)});
  return found == pods_.end() ? nullptr : find(found->second);
}

std::vector<AllocationBook::Taken> AllocationBook::taken(std::string_view cluster, std::string_view device_uuid) const {
  std::vector<Taken> out;
  const auto found = devices_.find(Key{cluster, device_uuid});
  if (found == devices_.end()) return out;
  std::vector<std::string> ids = found->second;  // once each, though one may have several parts there
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  for (const std::string& id : ids) {
    const PodAllocation& one = all_.find(id)->second;
    for (const PromisedPart& part : one.parts)
      if (part.device_uuid == device_uuid) out.push_back({&one, &part});
  }
  return out;
}

const PodAllocation* AllocationBook::owner_of(std::string_view cluster, const PromisedPart& part,
                                              std::string_view but) const {
  for (const Taken& one : taken(cluster, part.device_uuid))
    if (one.by->id != but && overlap(*one.part, part)) return one.by;
  return nullptr;
}

std::optional<unsigned> AllocationBook::free_replica(std::string_view cluster, std::string_view device_uuid,
                                                     unsigned replicas, std::string_view but) const {
  std::vector<bool> is_taken(replicas);
  for (const Taken& one : taken(cluster, device_uuid))
    if (one.by->id != but && one.part->placement.start < replicas) is_taken[one.part->placement.start] = true;
  const auto found = std::ranges::find(is_taken, false);
  if (found == is_taken.end()) return std::nullopt;
  return static_cast<unsigned>(found - is_taken.begin());
}

std::vector<const PodAllocation*> AllocationBook::queue() const {
  std::vector<const PodAllocation*> out;
  for (const auto& [id, one] : all_)
    if (one.state == AllocationState::Waiting) out.push_back(&one);
  std::ranges::sort(out, {},
                    [](const PodAllocation* one) { return std::tuple(-one->priority, one->asked_at, one->id); });
  return out;
}

}  // namespace tessera::fleet

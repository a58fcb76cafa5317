#include "fleet/inventory/pods.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tessera::fleet {
namespace {

/// Of a part that nobody describes yet.
const gpu::Readings kNoReadings;

/// The label is what this container holds, not what the device has.
unsigned replicas_of(const AllocationFacts& facts) { return std::max(1U, facts.replicas.value_or(1)); }

/// Names by UID: one exporter may know the pod of a process by its UID while another names the holder.
std::map<std::string, std::pair<std::string, std::string>> names_by_uid(const Node& node) {
  std::map<std::string, std::pair<std::string, std::string>> out;
  const auto note = [&](const Workload& of) {
    if (!of.pod_uid.empty() && !of.pod.empty()) out[of.pod_uid] = {of.space, of.pod};
  };
  for (const Device& device : node.devices) {
    for (const Allocation& one : device.allocations) note(one.facts->workload);
    for (const Session& one : device.sessions) note(one.facts->workload);
  }
  return out;
}

class Folding {
 public:
  explicit Folding(const Node& node) : node_(node), names_(names_by_uid(node)) {}

  void add(const Device& device, const Allocation& one) {
    Pod& pod = pod_of(one.facts->workload, one.first_seen, one.last_seen);
    for (PodPart* part : parts_of_pod(pod, device, one.part)) {
      part->held = true;
      part->shared |= one.facts->shared;
      if (one.facts->shared) part->replicas += replicas_of(*one.facts);
      if (!one.facts->resource.empty()) part->resource = one.facts->resource;
      if (one.used) part->used = *one.used || part->used.value_or(false);
      note_container(*part, one.facts->workload.container);
    }
  }

  void add(const Device& device, const Session& one) {
    Pod& pod = pod_of(one.facts->workload, one.first_seen, one.last_seen);
    pod.sessions = pod.sessions.value_or(0) + 1;
    auto parts = parts_of_pod(pod, device, one.part);
    for (PodPart* part : parts) {
      part->used = true;
      note_container(*part, one.facts->workload.container);
    }
    if (one.memory_bytes) parts.front()->memory_bytes = parts.front()->memory_bytes.value_or(0) + *one.memory_bytes;
  }

  std::vector<Pod> finish() {
    std::vector<Pod> out;
    for (auto& [key, pod] : pods_) {
      finish(pod);
      out.push_back(std::move(pod));
    }
    return out;
  }

 private:
  Pod& pod_of(const Workload& told, EpochMs first_seen, EpochMs last_seen) {
    Workload of = told;
    if (of.pod.empty())
      if (const auto named = names_.find(of.pod_uid); named != names_.end()) std::tie(of.space, of.pod) = named->second;
    const auto [entry, fresh] = pods_.try_emplace({of.space, of.pod, of.pod.empty() ? of.pod_uid : std::string()});
    Pod& pod = entry->second;
    if (fresh) {
      pod.node = &node_;
      pod.space = of.space;
      pod.name = of.pod;
      pod.first_seen = first_seen;
    }
    if (!of.pod_uid.empty()) pod.uid = of.pod_uid;
    pod.first_seen = std::min(pod.first_seen, first_seen);
    pod.last_seen = std::max(pod.last_seen, last_seen);
    return pod;
  }

  /// At least one.
  static std::vector<PodPart*> parts_of_pod(Pod& pod, const Device& device, const Part& told) {
    std::vector<DevicePart> wanted;
    for (const DevicePart& part : parts_of(device))
      if (covers(told, part.part)) wanted.push_back(part);
    if (wanted.empty()) wanted.push_back({told, nullptr, &kNoReadings, std::nullopt});
    for (const DevicePart& part : wanted)
      if (find(pod, device, part.part) == pod.parts.end())
        pod.parts.push_back({&device, part, {}, {}, false, false, {}, {}, 0});
    std::vector<PodPart*> out;  // after the last insertion: until then they move
    for (const DevicePart& part : wanted) out.push_back(&*find(pod, device, part.part));
    return out;
  }

  static std::vector<PodPart>::iterator find(Pod& pod, const Device& device, const Part& part) {
    return std::ranges::find_if(pod.parts,
                                [&](const PodPart& one) { return one.device == &device && one.part.part == part; });
  }

  static void note_container(PodPart& part, const std::string& container) {
    if (container.empty() || std::ranges::count(part.containers, container) > 0) return;
    part.containers.insert(std::ranges::upper_bound(part.containers, container), container);
  }

  static void finish(Pod& pod) {
    std::map<const Device*, std::vector<DevicePart>> by_device;
    bool known = true;
    pod.use = {Use::Unknown, std::nullopt};
    for (const PodPart& one : pod.parts) {
      by_device[one.device].push_back(one.part);
      if (tells_sessions(*one.device)) pod.sessions = pod.sessions.value_or(0);
      const UseSince use = use_of(*one.device, one.part);
      if (use.use == Use::Active) pod.use.use = Use::Active;
      if (use.use == Use::Idle && pod.use.use != Use::Active) pod.use.use = Use::Idle;
      known &= use.use == Use::Idle && use.idle_since;
      if (known) pod.use.idle_since = std::max(use.idle_since, pod.use.idle_since);
    }
    if (!known) pod.use.idle_since.reset();
    for (const auto& [device, parts] : by_device) pod.utilization.add(*device, parts);
  }

  const Node& node_;
  std::map<std::string, std::pair<std::string, std::string>> names_;
  std::map<std::tuple<std::string, std::string, std::string>, Pod> pods_;
};

}  // namespace

unsigned replicas_held(const Device& device) {
  unsigned out = 0;
  for (const Allocation& one : device.allocations) out += replicas_of(*one.facts);
  return out;
}

std::vector<Pod> pods_of(const Node& node) {
  Folding folding(node);
  for (const Device& device : node.devices) {
    if (device.presence == Presence::Retired) continue;
    for (const Allocation& one : device.allocations)
      if (one.facts->workload.is_pod()) folding.add(device, one);
    for (const Session& one : device.sessions)
      if (one.facts->workload.is_pod()) folding.add(device, one);
  }
  return folding.finish();
}

}  // namespace tessera::fleet

#include "fleet/inventory/overview.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "fleet/inventory/catalogue.h"

namespace tessera::fleet {
namespace {

using gpu::Reading;

template <class Array, class Name>
void count(Array& array, Name name, std::uint64_t by = 1) {
  array[static_cast<std::size_t>(name)] += by;
}

template <class Array>
void add_all(Array& to, const Array& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void add_all(std::map<std::string, std::uint64_t>& to, const std::map<std::string, std::uint64_t>& from) {
  for (const auto& [name, number] : from) to[name] += number;
}

/// How much of the device a container holds.
double share_held(const Device& device, const std::vector<DevicePart>& parts, const Allocation& allocation) {
  if (!allocation.part.gpu_instance) return 1;
  const auto whole = whole_weight(device, gpu::Weight::ComputeSlices);
  double held = 0;
  for (const DevicePart& part : parts)
    if (covers(allocation.part, part.part)) held += part_weight(device, part, gpu::Weight::ComputeSlices).value_or(0);
  return whole && *whole > 0 ? held / *whole : 0;
}

void add_namespaces(Overview& out, const Device& device, const std::vector<DevicePart>& parts) {
  std::map<std::string_view, std::vector<DevicePart>> had;
  const auto note = [&](const std::string& space, const Part& told) {
    auto& of = had[space];
    for (const DevicePart& part : parts)
      if (covers(told, part.part) && std::ranges::find(of, part.part, &DevicePart::part) == of.end())
        of.push_back(part);
  };
  for (const Allocation& one : device.allocations) {
    const std::string& space = one.facts->workload.space;
    if (space.empty()) continue;
    NamespaceUse& use = out.namespaces[space];
    ++use.allocations;
    use.held_devices += share_held(device, parts, one);
    note(space, one.part);
  }
  for (const Session& one : device.sessions) {
    const std::string& space = one.facts->workload.space;
    if (space.empty()) continue;
    ++out.namespaces[space].sessions;
    note(space, one.part);
  }
  for (const auto& [space, of] : had) {
    NamespaceUse& use = out.namespaces[std::string(space)];
    if (!of.empty()) use.utilization.add(device, of);
    if (tells_sessions(device)) ++use.tell_sessions;
  }
}

void add_instances(Overview& out, const Device& device, const std::vector<DevicePart>& parts,
                   const std::string& model) {
  for (const DevicePart& part : parts) {
    if (!part.instance) continue;
    ++out.mig_instances;
    count(out.instances_by_use, use_of(device, part).use);
    const std::string& profile = part.instance->facts->profile;
    if (!profile.empty()) ++out.instances_by_profile[profile_key(model, profile).value_or(profile)];
  }
}

DeviceSummary summary_of(const Device& device, const std::vector<DevicePart>& parts) {
  UtilizationSum sum;
  sum.add(device, parts);
  const auto mean = sum.device();
  return {device.presence, health_of(device), use_of(device), mean ? std::optional(mean->ratio) : std::nullopt,
          memory_used_bytes(device)};
}

void add_device(Overview& out, const Device& device, const DeviceSummary& summary,
                const std::vector<DevicePart>& parts) {
  count(out.by_presence, device.presence);
  if (device.presence == Presence::Retired) return;
  const std::string model = model_key_of(device.facts->name);
  ++out.devices;
  ++out.devices_by_model[model];
  out.allocations += device.allocations.size();
  out.sessions += device.sessions.size();
  if (tells_sessions(device)) ++out.tell_sessions;
  const auto without_pod = [](const Session& one) { return !one.facts->workload.is_pod(); };
  out.unattributed_sessions += static_cast<std::uint64_t>(std::ranges::count_if(device.sessions, without_pod));
  count(out.by_health, summary.health);
  count(out.by_use, summary.use.use);
  for (const Problem& problem : problems_of(device)) count(out.findings, problem.severity);
  out.utilization.add(device, parts);
  out.power_watts.add(device.readings[Reading::PowerWatts]);
  out.memory_used_bytes.add(summary.memory_used_bytes);
  out.memory_total_bytes.add(memory_total_bytes(device));
  add_instances(out, device, parts, model);
  add_namespaces(out, device, parts);
}

}  // namespace

void Overview::add(const Overview& other) {
  nodes += other.nodes;
  devices += other.devices;
  mig_instances += other.mig_instances;
  allocations += other.allocations;
  sessions += other.sessions;
  unattributed_sessions += other.unattributed_sessions;
  tell_sessions += other.tell_sessions;
  add_all(by_health, other.by_health);
  add_all(by_presence, other.by_presence);
  add_all(by_use, other.by_use);
  add_all(instances_by_use, other.instances_by_use);
  add_all(findings, other.findings);
  utilization.add(other.utilization);
  power_watts.add(other.power_watts);
  memory_used_bytes.add(other.memory_used_bytes);
  memory_total_bytes.add(other.memory_total_bytes);
  add_all(devices_by_model, other.devices_by_model);
  add_all(instances_by_profile, other.instances_by_profile);
  for (const auto& [name, use] : other.namespaces) {
    NamespaceUse& mine = namespaces[name];
    mine.allocations += use.allocations;
    mine.held_devices += use.held_devices;
    mine.sessions += use.sessions;
    mine.tell_sessions += use.tell_sessions;
    mine.utilization.add(use.utilization);
  }
}

NodeOverview overview_of(const Node& node) {
  NodeOverview out;
  out.devices.reserve(node.devices.size());
  for (const Device& device : node.devices) {
    const auto parts = parts_of(device);
    out.devices.push_back(summary_of(device, parts));
    add_device(out.sum, device, out.devices.back(), parts);
  }
  out.sum.nodes = out.sum.devices > 0 ? 1 : 0;
  return out;
}

Overviews OverviewFold::of(const View& view) {
  std::vector<Known> next;
  next.reserve(view.nodes.size());
  Overviews out;
  auto before = known_.begin();
  const auto name = [](const Node& node) { return std::tie(node.cluster, node.name); };
  for (const auto& node : view.nodes) {
    while (before != known_.end() && name(*before->node) < name(*node)) ++before;
    const bool same = before != known_.end() && before->node == node;
    next.push_back(same ? *before : Known{node, std::make_shared<const NodeOverview>(overview_of(*node))});
    out.clusters[node->cluster].add(next.back().overview->sum);
    out.nodes.push_back(next.back().overview);
  }
  known_ = std::move(next);
  for (const auto& [cluster, overview] : out.clusters) out.all.add(overview);
  return out;
}

}  // namespace tessera::fleet

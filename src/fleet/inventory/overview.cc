#include "fleet/inventory/overview.h"

#include <algorithm>

#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {
namespace {

using gpu::Reading;

/// What a container's part of the device weighs, in compute slices.
double slices_held(const Device& device, const Allocation& allocation) {
  if (!allocation.part.gpu_instance) return whole_weight(device, gpu::Weight::ComputeSlices).value_or(1);
  for (const ListedInstance& one : listed_instances(device)) {
    const Part& part = one.instance->part;
    const bool same_ci = !allocation.part.compute_instance || part.compute_instance == allocation.part.compute_instance;
    if (part.gpu_instance == allocation.part.gpu_instance && same_ci)
      return one.instance->facts->compute_slices.value_or(0);
  }
  return 0;
}

void add_memory(Overview& out, const Device& device) {
  std::optional<double> used = device.readings[Reading::MemoryUsedBytes];
  std::optional<double> total = device.readings[Reading::MemoryTotalBytes];
  if (!total && device.facts->memory_bytes) total = static_cast<double>(*device.facts->memory_bytes);
  // In MIG mode each instance tells for itself.
  if (!used)
    for (const ListedInstance& one : listed_instances(device))
      if (const auto part = (*one.readings)[Reading::MemoryUsedBytes]) used = used.value_or(0) + *part;
  out.memory_used_bytes.add(used);
  out.memory_total_bytes.add(total);
}

void add_state(Overview& out, const Device& device) {
  const auto problems = problems_of(device);
  if (!problems.empty() && problems.front().severity == Severity::Critical) {
    ++out.unhealthy;
  } else if (device.presence == Presence::Stale) {
    ++out.unknown;
  } else if (!device.allocations.empty()) {
    ++out.held;
    const auto unused = [](const Allocation& one) { return one.used == false; };
    if (std::ranges::all_of(device.allocations, unused)) ++out.held_idle;
  } else if (device.sessions.empty()) {
    ++out.free;
  } else {
    ++out.held;  // by a process outside Kubernetes
  }
}

}  // namespace

Overview overview_of(const View& view) {
  Overview out;
  out.time = view.time;
  FleetMean mean;
  std::map<std::string, NamespaceUse> spaces;
  for (const auto& node : view.nodes) {
    ++out.nodes;
    for (const Device& device : node->devices) {
      if (device.presence == Presence::Retired) continue;
      ++out.devices;
      ++out.devices_by_model[model_key_of(device.facts->name)];
      if (device.facts->mig_enabled == true) ++out.mig_devices;
      out.mig_instances += listed_instances(device).size();
      out.allocations += device.allocations.size();
      out.sessions += device.sessions.size();
      out.power_watts.add(device.readings[Reading::PowerWatts]);
      add_memory(out, device);
      add_state(out, device);
      mean.add(device, gpu::Weight::ComputeSlices);
      for (const Allocation& one : device.allocations) {
        NamespaceUse& space = spaces[one.facts->workload.space];
        ++space.allocations;
        space.slices_held += slices_held(device, one);
      }
    }
  }
  out.utilization = mean.device();
  out.allocated_utilization = mean.allocated();
  out.simple_utilization = mean.simple();
  for (auto& [name, use] : spaces) {
    use.name = name;
    out.namespaces.push_back(use);
  }
  std::ranges::stable_sort(out.namespaces, std::greater<>(), &NamespaceUse::slices_held);
  return out;
}

}  // namespace tessera::fleet

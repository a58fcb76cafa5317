#include "fleet/inventory/node.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::fleet {

std::string device_id(std::string_view node, unsigned index) { return fmt::format("{}-GPU-{:02}", node, index); }

Instance* find_instance(Device& device, const Part& part) {
  const auto found = std::ranges::lower_bound(device.instances, part, {}, &Instance::part);
  return found != device.instances.end() && found->part == part ? &*found : nullptr;
}

Instance& instance_at(Device& device, const Part& part, EpochMs time) {
  const auto place = std::ranges::lower_bound(device.instances, part, {}, &Instance::part);
  if (place != device.instances.end() && place->part == part) return *place;
  Instance fresh;
  fresh.part = part;
  fresh.facts = std::make_shared<const InstanceFacts>();
  fresh.first_seen = fresh.last_seen = time;
  return *device.instances.insert(place, std::move(fresh));
}

void drop_instance(Device& device, const Part& part) {
  std::erase_if(device.instances, [&](const Instance& one) { return one.part == part; });
  // What is left of a GPU instance whose last compute instance has gone are old readings.
  const auto of_same = [&](const Instance& one) { return one.part.gpu_instance == part.gpu_instance; };
  if (std::ranges::count_if(device.instances, of_same) == 1)
    std::erase_if(device.instances, [&](const Instance& one) {
      return of_same(one) && !one.part.compute_instance && part.compute_instance;
    });
}

std::vector<ListedInstance> listed_instances(const Device& device) {
  std::vector<ListedInstance> out;
  const gpu::Readings* readings = nullptr;
  std::optional<unsigned> gpu_instance;
  for (std::size_t i = 0; i < device.instances.size(); ++i) {
    const Instance& instance = device.instances[i];
    if (instance.part.gpu_instance != gpu_instance) readings = nullptr;
    gpu_instance = instance.part.gpu_instance;
    if (instance.part.compute_instance) {
      out.push_back({&instance, readings ? readings : &instance.readings});
      continue;
    }
    // Sorted by part, so that a GPU instance stands before its compute instances.
    readings = &instance.readings;
    const bool has_parts = i + 1 < device.instances.size() && device.instances[i + 1].part.gpu_instance == gpu_instance;
    if (!has_parts) out.push_back({&instance, readings});
  }
  return out;
}

}  // namespace tessera::fleet

#include "fleet/inventory/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tessera::fleet {

std::string device_id(std::string_view node, unsigned index) { return fmt::format("{}-GPU-{:02}", node, index); }

std::string_view presence_name(Presence presence) {
  constexpr std::array<std::string_view, kPresences> kNames = {"present", "stale", "missing", "retired"};
  return kNames[static_cast<std::size_t>(presence)];
}

std::string session_id(std::string_view cluster, std::string_view uuid, const Session& session) {
  const auto number = [](std::optional<unsigned> part) { return part ? std::to_string(*part) : std::string("-"); };
  std::string text = fmt::format("{}/{}/{}/{}/{}/{}", cluster, uuid, number(session.part.gpu_instance),
                                 number(session.part.compute_instance), session.facts->pid, session.start.value_or(0));
  // Where processes are not told apart, pods are.
  const Workload& of = session.facts->workload;
  if (session.facts->pid == 0)
    text += fmt::format("/{}/{}/{}/{}/{}", session.facts->command, of.space, of.pod, of.container, of.pod_uid);
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return fmt::format("{:016x}", hash);
}

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
  const Instance* whole = nullptr;
  std::optional<unsigned> gpu_instance;
  for (std::size_t i = 0; i < device.instances.size(); ++i) {
    const Instance& instance = device.instances[i];
    // Sorted by part, so that a GPU instance stands before its compute instances.
    if (instance.part.gpu_instance != gpu_instance) whole = &instance;
    gpu_instance = instance.part.gpu_instance;
    const bool has_parts = i + 1 < device.instances.size() && device.instances[i + 1].part.gpu_instance == gpu_instance;
    if (!instance.part.compute_instance && has_parts) continue;
    const Instance& teller = whole->part.compute_instance ? instance : *whole;
    out.push_back({&instance, &teller.readings, teller.quiet_since});
  }
  return out;
}

}  // namespace tessera::fleet

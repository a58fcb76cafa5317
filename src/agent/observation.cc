#include "agent/observation.h"

#include <algorithm>

namespace tessera::agent {

std::string gpu_name(unsigned index, std::optional<unsigned> gpu_instance, std::optional<unsigned> compute_instance) {
  std::string name = std::to_string(index);
  for (const auto& id : {gpu_instance, compute_instance})
    if (id) (name += '_') += std::to_string(*id);
  return name;
}

Subject subject_of(const gpu::Device& device) { return {std::to_string(device.index), device.uuid, {}, {}}; }

Subject subject_of(const gpu::Device& device, const gpu::Instance& instance) {
  return {gpu_name(device.index, instance.gpu_instance, instance.compute_instance), device.uuid, instance.gpu_instance,
          instance.compute_instance};
}

bool lists_sessions(const gpu::Device& device) {
  return device.health == gpu::Health::Up || device.health == gpu::Health::Lost;
}

std::optional<double> Observation::sessions_coverage() const {
  if (!driver_up || snapshot.devices.empty()) return std::nullopt;
  if (!sessions_known()) return 0;
  const auto known = std::ranges::count_if(snapshot.devices, lists_sessions);
  return static_cast<double>(known) / static_cast<double>(snapshot.devices.size());
}

std::string_view outcome_name(Outcome outcome) {
  static constexpr std::string_view kNames[kOutcomeCount] = {"pod",  "holder",    "unnamed", "host",
                                                             "gone", "no_access", "conflict"};
  return kNames[static_cast<std::size_t>(outcome)];
}

}  // namespace tessera::agent

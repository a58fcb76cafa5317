#include "agent/observation.h"

namespace tessera::agent {

Subject subject_of(const gpu::Device& device) { return {fmt::format("{}", device.index), device.uuid, {}, {}}; }

Subject subject_of(const gpu::Device& device, const gpu::Instance& instance) {
  return {fmt::format("{}_{}_{}", device.index, instance.gpu_instance, instance.compute_instance), device.uuid,
          instance.gpu_instance, instance.compute_instance};
}

std::string_view outcome_name(Outcome outcome) {
  static constexpr std::string_view kNames[kOutcomeCount] = {"pod", "unnamed", "host", "gone", "no_access", "conflict"};
  return kNames[static_cast<std::size_t>(outcome)];
}

}  // namespace tessera::agent

#include "fleet/decision/need.h"

#include <array>

namespace tessera::fleet::decision {

std::string_view workload_type_name(WorkloadType type) {
  constexpr std::array<std::string_view, kWorkloadTypes> kNames = {"Training", "Inference", "Batch", "Interactive"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view mig_use_name(MigUse use) {
  constexpr std::array<std::string_view, 3> kNames = {"Allowed", "Required", "Never"};
  return kNames[static_cast<std::size_t>(use)];
}

Result<void> check(const Need& need) {
  if (need.devices == 0) return fail(Code::Invalid, "0 devices are asked for: 1 or more expected");
  if (need.compute_milli.value_or(0) > 1000)
    return fail(Code::Invalid, "{} thousandths of a device's compute are asked for: at most 1000, and more devices",
                *need.compute_milli);
  if (need.devices > 1 && need.mig == MigUse::Required)
    return fail(Code::Invalid,
                "{} MIG instances for one workload: instances have neither peer-to-peer nor NVLink between them, and a "
                "process sees one; ask for one larger instance, or for whole devices",
                need.devices);
  if (need.mig == MigUse::Never && need.compute_slices)
    return fail(Code::Invalid, "compute slices are those of a MIG instance, and the workload is to have none");
  if (need.mig != MigUse::Required && !need.profile.empty())
    return fail(Code::Invalid, "{} is a MIG instance, and the workload is not to have one for certain", need.profile);
  return {};
}

}  // namespace tessera::fleet::decision

#pragma once
// What a workload asks of the fleet's GPUs.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::fleet::decision {

enum class WorkloadType : std::uint8_t { Training, Inference, Batch, Interactive };
inline constexpr std::size_t kWorkloadTypes = 4;
std::string_view workload_type_name(WorkloadType type);  ///< "Training"

enum class MigUse : std::uint8_t { Allowed, Required, Never };
std::string_view mig_use_name(MigUse use);  ///< "Allowed"

/// Memory and compute are of each device. With neither and without a profile, a whole device is asked for.
struct Need {
  unsigned devices = 1;
  std::optional<std::uint64_t> memory_mib{};  ///< at least, by what the driver reports
  std::optional<unsigned> compute_milli{};    ///< at least, in thousandths of the device's; see is_enough()
  std::optional<unsigned> compute_slices{};   ///< at least, of a MIG instance
  std::string profile{};                      ///< "2g.20gb": an instance of it and of no other; empty: any
  /// Of what is no MIG instance, what the pod asks Kubernetes for: "nvidia.com/gpu", "nvidia.com/gpu.shared"; empty:
  /// any.
  std::string resource{};
  std::vector<std::string> models{};  ///< keys (`H100_80GB`) of those that will do; empty: any
  WorkloadType type = WorkloadType::Inference;
  MigUse mig = MigUse::Allowed;
  std::string owner{};  ///< "namespace/pod"
  int priority = 0;
  std::optional<std::int64_t> most_price_micros{};  ///< per hour, for all of it
  bool same_node = true;                            ///< several devices on one node
  // Beside its devices, of the node that it runs on: what a node is chosen by, and no device fails by.
  std::int64_t cpu_milli = 0;
  std::int64_t node_memory_mib = 0;
  auto operator<=>(const Need&) const = default;

  bool whole() const { return !memory_mib && !compute_milli && !compute_slices && profile.empty(); }
};

/// Invalid where no fleet could ever serve it: no device at all, more than a whole device, a profile without MIG, or
/// several devices that have to be MIG instances, between which there is neither peer-to-peer nor NVLink.
Result<void> check(const Need& need);

}  // namespace tessera::fleet::decision

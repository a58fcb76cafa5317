#pragma once
// The kubelet's pod-resources API (v1.PodResourcesLister/List): who holds which device. gRPC over HTTP/2 on a unix
// socket, spoken through libcurl and protobuf-lite. Allocation truth: it says who may use a device, not who does.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::kube {

/// One device id held by one container. Ids of one resource listed per NUMA node are merged.
struct HeldDevice {
  std::string space;  ///< namespace
  std::string pod;
  std::string container;
  std::string resource;   ///< "nvidia.com/gpu", "nvidia.com/mig-1g.10gb"; the DRA driver's name for claims
  std::string device_id;  ///< as the kubelet has it: see parse_device_id
  bool operator==(const HeldDevice&) const = default;
};

/// What a device id points at; exactly one of uuid, minor is set.
struct DeviceRef {
  std::string uuid;                      ///< "GPU-…" or "MIG-…", without replica suffix
  std::optional<unsigned> minor;         ///< GKE "nvidia0", DRA "gpu-0": /dev/nvidiaN, not the NVML index
  std::optional<unsigned> gpu_instance;  ///< GKE "nvidia0/gi3"; old "MIG-GPU-<uuid>/<gi>/<ci>" sets uuid to the GPU's
  std::optional<unsigned> compute_instance;
  std::string replica;  ///< "0" of "GPU-…::0" or of "/vgpu0"; empty: not shared
  bool operator==(const DeviceRef&) const = default;
};

/// Reads every form in which device plugins name NVIDIA devices; nullopt for others ("all", "tegra", foreign plugins).
std::optional<DeviceRef> parse_device_id(std::string_view id);

/// Reads the body of a List reply (without gRPC framing). Any bytes: an error says what was malformed.
/// Only resources whose name passes `wanted_resource` are kept.
Result<std::vector<HeldDevice>> parse_pod_resources(std::string_view message);
bool wanted_resource(std::string_view resource);

class PodResources {
 public:
  explicit PodResources(std::filesystem::path socket);
  ~PodResources();
  PodResources(const PodResources&) = delete;
  PodResources& operator=(const PodResources&) = delete;
  /// Asks the kubelet; blocks for at most `deadline`. Replies over 16 MiB are refused. Unavailable when it is away or
  /// busy (resource exhausted), Denied without access to the socket, Invalid when it speaks nonsense.
  Result<std::vector<HeldDevice>> list(Milliseconds deadline);

 private:
  std::filesystem::path socket_;
};

}  // namespace tessera::kube

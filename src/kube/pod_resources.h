#pragma once
// The kubelet's pod-resources API (v1.PodResourcesLister/List): who holds which device. gRPC over HTTP/2 on a unix
// socket, spoken through libcurl and protobuf-lite. Allocation truth: it says who may use a device, not who does.
#include <filesystem>
#include <functional>
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

/// What a device id points at; exactly one of uuid, minor is set. Hex digits are lower case.
struct DeviceRef {
  std::string uuid{};                      ///< "GPU-…" or "MIG-…", without replica suffix
  std::optional<unsigned> minor{};         ///< GKE "nvidia0", DRA "gpu-0": /dev/nvidiaN, not the NVML index
  std::optional<unsigned> gpu_instance{};  ///< GKE "nvidia0/gi3"; old "MIG-GPU-<uuid>/<gi>/<ci>" sets uuid to the GPU's
  std::optional<unsigned> compute_instance{};
  /// DRA "gpu-0-mig-1g5gb-19-0": GPU instance profile id and first memory slice of an instance of GPU `minor`. Where
  /// they are set the id never means the whole GPU.
  std::optional<unsigned> mig_profile{}, mig_start{};
  std::string replica{};  ///< "0" of "GPU-…::0" or of "/vgpu0"; empty: not shared
  bool operator==(const DeviceRef&) const = default;
};

/// Reads every form in which device plugins name NVIDIA devices; nullopt for others ("all", "tegra", foreign plugins).
std::optional<DeviceRef> parse_device_id(std::string_view id);

/// Reads the body of a List reply (without gRPC framing). Any bytes: an error says what was malformed.
/// Only resources whose name passes `wanted_resource` are kept. Memory stays bounded: a pod of more than 1 MiB or more
/// than 100,000 devices in all are refused.
Result<std::vector<HeldDevice>> parse_pod_resources(std::string_view message);

/// `nvidia.com/…`: gpu, gpu.shared, mig-<profile> and the names that a device plugin's configuration gives; Volcano's
/// `volcano.sh/vgpu-number`, whose ids are NVIDIA's; and the DRA driver `gpu.nvidia.com`. Under nvidia.com also stand
/// things that are no GPU (network functions, GPUs passed through to virtual machines): parse_device_id knows none of
/// their ids.
bool wanted_resource(std::string_view resource);

/// Some kubelets (before 1.34) go on listing ended pods whose devices are given to others already. Where several pods
/// hold one unshared device id, drops those that are not `live`, unless that would drop all. Replicas are left alone.
std::vector<HeldDevice> prefer_live(std::vector<HeldDevice> held,
                                    const std::function<bool(const HeldDevice& holder)>& live);

class PodResources {
 public:
  explicit PodResources(std::filesystem::path socket);
  ~PodResources();
  PodResources(const PodResources&) = delete;
  PodResources& operator=(const PodResources&) = delete;
  /// Asks the kubelet; blocks for at most `deadline`. Replies over 16 MiB are refused. Unavailable when it is away,
  /// busy (resource exhausted) or no HTTP/2 server; Denied without access to the socket; Invalid when its reply is
  /// nonsense. A kubelet without v1 is asked for v1alpha1. Each call makes its own connection: a restarted kubelet has
  /// a new socket.
  Result<std::vector<HeldDevice>> list(Milliseconds deadline);

 private:
  std::filesystem::path socket_;
};

}  // namespace tessera::kube

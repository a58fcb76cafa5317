#include "kube/pod_resources.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "kube/grpc.h"

namespace {

using tessera::kube::DeviceRef;
using tessera::kube::parse_device_id;

constexpr std::size_t kMostBytes = 1U << 20U;

void require(bool law) {
  if (!law) std::abort();
}

// Exactly one of UUID and minor is there; a UUID alone reads back as itself, as a replica and as the old MIG form.
void check_device_id(std::string_view id) {
  const auto ref = parse_device_id(id);
  if (!ref) return;
  require(ref->uuid.empty() == ref->minor.has_value());
  require(ref->mig_profile.has_value() == ref->mig_start.has_value());
  if (ref->uuid.empty()) return;
  require(ref->uuid.size() == 40 && (ref->uuid.starts_with("GPU-") || ref->uuid.starts_with("MIG-")));
  require(parse_device_id(ref->uuid) == DeviceRef{.uuid = ref->uuid});
  require(parse_device_id(ref->uuid + "::7") == DeviceRef{.uuid = ref->uuid, .replica = "7"});
}

}  // namespace

// The same bytes as a reply, as a device id and as a gRPC body. Whatever is accepted names a pod, a wanted resource and
// a device.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_device_id(bytes);
  const auto message = tessera::kube::grpc_unframe(bytes, kMostBytes);
  require(!message || tessera::kube::grpc_frame(*message) == bytes);
  const auto held = tessera::kube::parse_pod_resources(bytes);
  if (!held) return 0;
  for (const auto& device : *held) {
    require(!device.pod.empty() && !device.device_id.empty() && tessera::kube::wanted_resource(device.resource));
    check_device_id(device.device_id);
  }
  // A reply is a sequence of pods: two in a row are the pods of both.
  const auto twice = tessera::kube::parse_pod_resources(std::string(bytes) + std::string(bytes));
  require(twice && twice->size() == 2 * held->size());
  return 0;
}

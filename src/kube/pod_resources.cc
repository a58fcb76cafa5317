#include "kube/pod_resources.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

#include "kube/grpc.h"
#include "pod_resources.pb.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kMostReplyBytes = 16U << 20U;
constexpr int kMostPodBytes = 1 << 20;  // messages in memory take up to 60 times their bytes on the wire
constexpr std::size_t kMostDevices = 100'000;
constexpr std::uint32_t kPodTag = 1U << 3U | 2U;  // field 1, length-delimited

constexpr std::string_view kResourcePrefix = "nvidia.com/";
constexpr std::string_view kResources[] = {"volcano.sh/vgpu-number", "gpu.nvidia.com"};

constexpr std::string_view kPaths[] = {"/v1.PodResourcesLister/List", "/v1alpha1.PodResourcesLister/List"};

/// Takes the devices of one container; an id that comes once per NUMA node is taken once.
class Devices {
 public:
  Devices(std::vector<HeldDevice>& out, const wire::PodResources& pod, const wire::ContainerResources& container)
      : out_(out), pod_(pod), container_(container) {}
  void take(const std::string& resource, const std::string& id) {
    if (id.empty() || !wanted_resource(resource) || !seen_.emplace(resource, id).second) return;
    out_.push_back({pod_.namespace_(), pod_.name(), container_.name(), resource, id});
  }

 private:
  std::vector<HeldDevice>& out_;
  const wire::PodResources& pod_;
  const wire::ContainerResources& container_;
  std::set<std::pair<std::string_view, std::string_view>> seen_;  // into the messages, which outlive this
};

void take_devices(const wire::PodResources& pod, std::vector<HeldDevice>& out) {
  if (pod.name().empty()) return;
  for (const auto& container : pod.containers()) {
    Devices devices(out, pod, container);
    for (const auto& group : container.devices())
      for (const auto& id : group.device_ids()) devices.take(group.resource_name(), id);
    for (const auto& claim : container.dynamic_resources())
      for (const auto& device : claim.claim_resources()) devices.take(device.driver_name(), device.device_name());
  }
}

/// Skips a field that is not ours; false where it is malformed.
bool skip_field(google::protobuf::io::CodedInputStream& in, std::uint32_t tag) {
  std::uint64_t number = 0;
  std::uint32_t length = 0;
  switch (tag & 7U) {
    case 0:
      return in.ReadVarint64(&number);
    case 1:
      return in.Skip(8);
    case 2:
      return in.ReadVarint32(&length) && length <= std::numeric_limits<int>::max() && in.Skip(static_cast<int>(length));
    case 5:
      return in.Skip(4);
    default:
      return false;
  }
}

Result<std::vector<HeldDevice>> failed(const GrpcReply& reply, std::string_view path,
                                       const std::filesystem::path& socket) {
  if (reply.status == kGrpcResourceExhausted)
    return fail(Code::Unavailable, "call {} over {}: the kubelet is busy (resource exhausted: {}); ask less often",
                path, socket.string(), reply.status_text);
  const bool denied = reply.status == kGrpcPermissionDenied || reply.status == kGrpcUnauthenticated;
  return fail(denied ? Code::Denied : Code::Unavailable, "call {} over {}: gRPC status {}: {}", path, socket.string(),
              reply.status, reply.status_text);
}

}  // namespace

bool wanted_resource(std::string_view resource) {
  return (resource.starts_with(kResourcePrefix) && resource.size() > kResourcePrefix.size()) ||
         std::ranges::find(kResources, resource) != std::end(kResources);
}

// The pods of the reply are read one at a time: a whole reply of empty messages would fill the node's memory.
Result<std::vector<HeldDevice>> parse_pod_resources(std::string_view message) {
  if (message.size() > kMostReplyBytes)
    return fail(Code::Invalid, "pod-resources: a reply of {} bytes, more than the {} that are taken", message.size(),
                kMostReplyBytes);
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  std::vector<HeldDevice> held;
  for (std::size_t pods = 0; in.CurrentPosition() < static_cast<int>(message.size());) {
    const auto at = in.CurrentPosition();
    const auto tag = in.ReadTag();
    if (tag != kPodTag) {
      if (tag >> 3U == 0 || !skip_field(in, tag))
        return fail(Code::Invalid, "pod-resources: a malformed field at byte {} of {}", at, message.size());
      continue;
    }
    ++pods;
    std::uint32_t length = 0;
    const bool whole =
        in.ReadVarint32(&length) && length <= message.size() - static_cast<std::size_t>(in.CurrentPosition());
    if (!whole)
      return fail(Code::Invalid, "pod-resources: pod {} at byte {} of {} is cut off", pods, at, message.size());
    if (length > kMostPodBytes)
      return fail(Code::Invalid, "pod-resources: pod {} has {} bytes, more than the {} that are taken", pods, length,
                  kMostPodBytes);
    wire::PodResources pod;
    if (!pod.ParseFromArray(message.data() + in.CurrentPosition(), static_cast<int>(length)) ||
        !in.Skip(static_cast<int>(length)))
      return fail(Code::Invalid, "pod-resources: pod {} at byte {} of {} is malformed", pods, at, message.size());
    take_devices(pod, held);
    if (held.size() > kMostDevices)
      return fail(Code::Invalid, "pod-resources: more than {} devices held", kMostDevices);
  }
  return held;
}

std::vector<HeldDevice> prefer_live(std::vector<HeldDevice> held,
                                    const std::function<bool(const HeldDevice& holder)>& live) {
  struct Holders {
    const HeldDevice* first;
    bool several_pods = false;
  };
  std::unordered_map<std::string_view, Holders> by_device;
  for (const auto& device : held) {
    auto& holders = by_device.try_emplace(device.device_id, Holders{&device}).first->second;
    holders.several_pods |= holders.first->pod != device.pod || holders.first->space != device.space;
  }
  std::set<std::string> contended;  // by several pods, one of which is live
  for (const auto& device : held) {
    if (!by_device.at(device.device_id).several_pods || !live(device)) continue;
    const auto ref = parse_device_id(device.device_id);
    if (!ref || ref->replica.empty()) contended.insert(device.device_id);
  }
  std::erase_if(held, [&](const HeldDevice& device) { return contended.contains(device.device_id) && !live(device); });
  return held;
}

PodResources::PodResources(std::filesystem::path socket) : socket_(std::move(socket)) {}
PodResources::~PodResources() = default;

namespace {
constexpr int kTries = 3;

/// A server that answers before it has read the whole question may reset the stream after its answer (RFC 9113, 8.1),
/// which curl 7.88 now and then reports as a failed call: the question is asked again while most of the time is left.
Result<GrpcReply> ask(const std::filesystem::path& socket, std::string_view path, SteadyTime end,
                      Milliseconds deadline) {
  for (int tried = 1;; ++tried) {
    const auto left = std::chrono::ceil<Milliseconds>(end - std::chrono::steady_clock::now());
    auto reply = grpc_call(socket, path, "", std::max(left, Milliseconds(1)), kMostReplyBytes);
    const bool time_left = end - std::chrono::steady_clock::now() > deadline / 2;
    if (reply || reply.error().code != Code::Unavailable || tried == kTries || !time_left) return reply;
  }
}
}  // namespace

Result<std::vector<HeldDevice>> PodResources::list(Milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  GrpcReply reply;
  std::string_view asked;
  for (const auto path : kPaths) {
    asked = path;
    reply = TRY(ask(socket_, path, end, deadline));
    if (reply.status != kGrpcUnimplemented) break;
  }
  if (reply.status != kGrpcOk) return failed(reply, asked, socket_);
  auto held = parse_pod_resources(reply.message);
  if (!held) return fail(held.error().code, "call {} over {}: {}", asked, socket_.string(), held.error().what);
  return held;
}

}  // namespace tessera::kube

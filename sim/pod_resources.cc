#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sim/kubelet.h"

namespace tessera::sim {
namespace {

// The few forms of protobuf that the replies need: length-delimited fields with small numbers.
void put_field(std::string& out, unsigned number, const std::string& value) {
  constexpr unsigned kLengthDelimited = 2;
  out += static_cast<char>(number << 3U | kLengthDelimited);
  std::size_t length = value.size();
  for (; length >= 0x80U; length >>= 7U) out += static_cast<char>(0x80U | (length & 0x7FU));
  out += static_cast<char>(length);
  out += value;
}

// The id that the device plugin gives the kubelet; empty when the MIG instance is gone.
std::string device_id(const Node& node, const State& state, const HoldSpec& hold) {
  std::string id;
  if (!hold.instance) {
    id = node.spec().gpus[hold.gpu].uuid;
  } else {
    for (const InstanceState& gi : state.gpus[hold.gpu].instances)
      for (const ComputeState& ci : gi.compute)
        if (gi.origin == hold.instance && ci.id == hold.compute) id = node.mig_uuid(hold.gpu, gi, ci);
  }
  if (!id.empty() && hold.replica) id += fmt::format("::{}", *hold.replica);
  return id;
}

// What a pod that came later was given: the resource, and its id; nothing when the MIG instance is gone.
std::optional<std::pair<std::string, std::string>> given(const Node& node, const State& state, const HeldByPod& held) {
  const GpuSpec& spec = node.spec().gpus[held.gpu];
  if (!held.gi) return std::pair(std::string("nvidia.com/gpu"), spec.uuid);
  for (const InstanceState& gi : state.gpus[held.gpu].instances)
    if (gi.id == *held.gi && !gi.compute.empty()) {
      std::string resource = "nvidia.com/mig-" + compute_name(profile_of(spec, gi), gi.compute.front().profile);
      std::ranges::replace(resource, '+', '.');
      return std::pair(resource, node.mig_uuid(held.gpu, gi, gi.compute.front()));
    }
  return std::nullopt;
}

std::string container_devices(const std::string& resource, const std::vector<std::string>& ids) {
  std::string out;
  put_field(out, 1, resource);
  for (const std::string& id : ids) put_field(out, 2, id);
  return out;
}

}  // namespace

std::string list_pod_resources(const Node& node, const State& state, std::int64_t at) {
  std::string out;
  const double seconds = static_cast<double>(at - state.started) / 1e6;
  for (const PodSpec& pod : node.spec().pods) {
    if (!round_start(pod.window, seconds)) continue;
    std::string message;
    put_field(message, 1, pod.name);
    put_field(message, 2, pod.ns);
    for (const ContainerSpec& container : pod.containers) {
      std::string inner;
      put_field(inner, 1, container.name);
      std::map<std::string, std::vector<std::string>> by_resource;
      for (const HoldSpec& hold : container.devices)
        if (const std::string id = device_id(node, state, hold); !id.empty()) by_resource[hold.resource].push_back(id);
      for (const auto& [resource, ids] : by_resource) put_field(inner, 2, container_devices(resource, ids));
      put_field(message, 3, inner);
    }
    put_field(out, 1, message);
  }
  for (const HeldByPod& held : state.held) {
    const std::size_t slash = held.pod.find('/');
    std::string message, inner;
    put_field(message, 1, held.pod.substr(slash + 1));
    put_field(message, 2, held.pod.substr(0, slash));
    put_field(inner, 1, "main");
    if (const auto device = given(node, state, held))
      put_field(inner, 2, container_devices(device->first, {device->second}));
    put_field(message, 3, inner);
    put_field(out, 1, message);
  }
  return out;
}

std::string list_allocatable(const Node& node, const State& state) {
  std::map<std::string, std::vector<std::string>> by_resource;
  for (std::size_t gpu = 0; gpu < state.gpus.size(); ++gpu) {
    const GpuSpec& spec = node.spec().gpus[gpu];
    if (!state.gpus[gpu].mig) by_resource["nvidia.com/gpu"].push_back(spec.uuid);
    for (const InstanceState& gi : state.gpus[gpu].instances)
      for (const ComputeState& ci : gi.compute) {
        std::string resource = "nvidia.com/mig-" + compute_name(profile_of(spec, gi), ci.profile);
        std::ranges::replace(resource, '+', '.');
        by_resource[resource].push_back(node.mig_uuid(gpu, gi, ci));
      }
  }
  // Replicas that somebody holds exist too.
  for (const PodSpec& pod : node.spec().pods)
    for (const ContainerSpec& container : pod.containers)
      for (const HoldSpec& hold : container.devices)
        if (const std::string id = hold.replica ? device_id(node, state, hold) : ""; !id.empty())
          by_resource[hold.resource].push_back(id);
  std::string out;
  for (const auto& [resource, ids] : by_resource) put_field(out, 1, container_devices(resource, ids));
  return out;
}

}  // namespace tessera::sim

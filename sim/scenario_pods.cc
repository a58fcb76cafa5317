// Pods, and what processes and pods have in common: life windows and names.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario_parts.h"
#include "sim/units.h"

namespace tessera::sim {
namespace {

HoldSpec read_hold(const Yaml& item, const NodeSpec& node) {
  item.expect_map({"resource", "gpu", "instance", "compute", "replica"});
  HoldSpec hold;
  if (node.gpus.empty()) item.refuse("no device (the node has no GPU)");
  hold.gpu = item.at("gpu").whole(0, node.gpus.size() - 1);
  const GpuSpec& gpu = node.gpus[hold.gpu];
  hold.resource = "nvidia.com/gpu";
  if (const auto instance = item.find("instance")) {
    if (gpu.layout.empty()) instance->refuse("no instance (that GPU has no MIG layout)");
    hold.instance = instance->whole(0, gpu.layout.size() - 1);
    const InstanceSpec& held = gpu.layout[*hold.instance];
    if (held.compute.empty()) instance->refuse("an instance with a compute instance");
    if (const auto compute = item.find("compute")) hold.compute = compute->whole(0, held.compute.size() - 1);
    hold.resource = "nvidia.com/mig-" + compute_name(*held.profile, held.compute[hold.compute]);
    std::ranges::replace(hold.resource, '+', '.');
  }
  read_text(item, "resource", hold.resource);
  if (const auto replica = item.find("replica")) hold.replica = static_cast<unsigned>(replica->whole(0, 1000));
  return hold;
}

}  // namespace

void read_text(const Yaml& map, const char* key, std::string& out) {
  if (const auto value = map.find(key)) out = value->text();
}
void read_seconds(const Yaml& map, const char* key, double low, double& out) {
  if (const auto value = map.find(key)) out = value->seconds(low);
}

Window read_window(const Yaml& map) {
  Window window;
  constexpr double kAnyPast = -4e8;
  read_seconds(map, "start", kAnyPast, window.start);
  if (const auto end = map.find("end")) {
    window.end = end->seconds(kAnyPast);
    if (*window.end <= window.start) end->refuse("an end after the start");
  }
  if (const auto every = map.find("every")) {
    if (!window.end) every->refuse("an end beside every (how long each round is alive)");
    window.every = every->seconds(0.1);
    if (*window.every < *window.end - window.start) every->refuse("a period not shorter than end - start");
  }
  return window;
}

bool is_kubernetes_name(const std::string& name) {
  return name.size() <= 253 && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

void read_pod(const Yaml& item, std::uint64_t seed, NodeSpec& node) {
  item.expect_map({"namespace", "name", "uid", "qos", "runtime", "start", "end", "containers"});
  PodSpec pod{.ns = "default",
              .name = item.at("name").text(),
              .uid = {},
              .qos = "burstable",
              .runtime = "containerd",
              .window = {},
              .containers = {}};
  read_text(item, "namespace", pod.ns);
  for (const char* key : {"namespace", "name"})
    if (const auto value = item.find(key); value && !is_kubernetes_name(value->text()))
      value->refuse("a Kubernetes name (a-z, 0-9, '-', '.')");
  const std::string full = pod.ns + "/" + pod.name;
  for (const PodSpec& other : node.pods)
    if (other.ns == pod.ns && other.name == pod.name)
      item.at("name").refuse(fmt::format("a pod name other than {}, which is taken,", full));
  const std::uint64_t identity = hash_text(node.name + "/" + full, seed);
  pod.uid = random_uuid(identity);
  read_text(item, "uid", pod.uid);
  if (pod.uid.find_first_not_of("0123456789abcdef-") != std::string::npos)
    item.at("uid").refuse("a pod UID (hex and '-')");
  if (const auto qos = item.find("qos")) pod.qos = qos->one_of({"guaranteed", "burstable", "besteffort"});
  if (const auto runtime = item.find("runtime")) pod.runtime = runtime->one_of({"containerd", "crio", "docker"});
  pod.window = read_window(item);
  const auto add = [&](ContainerSpec container) {
    if (container.id.empty()) container.id = random_hex(hash_text(container.name, identity), 64);
    pod.containers.push_back(std::move(container));
  };
  if (const auto list = item.find("containers")) {
    list->each(64, [&](const Yaml& entry) {
      entry.expect_map({"name", "id", "devices"});
      ContainerSpec container{.name = "main", .id = {}, .devices = {}};
      read_text(entry, "name", container.name);
      if (!is_kubernetes_name(container.name)) entry.at("name").refuse("a container name (a-z, 0-9, '-')");
      read_text(entry, "id", container.id);
      if (!container.id.empty() &&
          (container.id.size() != 64 || container.id.find_first_not_of("0123456789abcdef") != std::string::npos))
        entry.at("id").refuse("a container id of 64 hex digits");
      if (const auto devices = entry.find("devices"))
        devices->each(256, [&](const Yaml& device) { container.devices.push_back(read_hold(device, node)); });
      add(std::move(container));
    });
  }
  if (pod.containers.empty()) add({.name = "main", .id = {}, .devices = {}});
  node.pods.push_back(std::move(pod));
}

// A process names "namespace/pod" and a container of it; without a container, the pod's first.
void connect_processes(const Yaml& item, NodeSpec& node) {
  for (GpuSpec& gpu : node.gpus) {
    for (ProcessSpec& process : gpu.processes) {
      if (process.pod.empty()) continue;
      if (process.pod.find('/') == std::string::npos) process.pod = "default/" + process.pod;
      const auto pod =
          std::ranges::find_if(node.pods, [&](const PodSpec& p) { return p.ns + "/" + p.name == process.pod; });
      if (pod == node.pods.end())
        item.refuse(fmt::format("a pod '{}' in pods, as process '{}' names it,", process.pod, process.id));
      if (process.container.empty()) process.container = pod->containers.front().name;
      if (std::ranges::find(pod->containers, process.container, &ContainerSpec::name) == pod->containers.end())
        item.refuse(fmt::format("a container '{}' in pod '{}', as process '{}' names it,", process.container,
                                process.pod, process.id));
    }
  }
}

}  // namespace tessera::sim

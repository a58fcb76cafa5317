#include "server/beside_devices.h"

#include <cmath>

namespace tessera::server {
namespace {

constexpr double kMib = 1024.0 * 1024;

AskedBeside asked_by(const fleet::ClusterPod& pod) {
  return {std::llround(1'000 * pod.cpu_request_cores.value_or(0)),
          static_cast<std::int64_t>(std::ceil(pod.memory_request_bytes.value_or(0) / kMib))};
}

}  // namespace

BesideDevices beside_devices(const fleet::ClusterView& cluster) {
  BesideDevices out;
  for (const auto& [name, node] : cluster.nodes) {
    if (!node->allocatable_cpu_cores || !node->allocatable_memory_bytes) continue;
    const std::int64_t cpu = std::llround(1'000 * *node->allocatable_cpu_cores);
    const auto memory = static_cast<std::int64_t>(*node->allocatable_memory_bytes / kMib);
    out.emplace_hint(out.end(), name, fleet::decision::Beside{cpu, memory, cpu, memory});
  }
  for (const auto& [key, pod] : cluster.pods)
    if (const auto on = out.find(pod->node); on != out.end()) on->second = less(on->second, asked_by(*pod));
  return out;
}

std::map<std::string, AskedBeside> promised_beside(const fleet::ClusterView& cluster,
                                                   const fleet::AllocationBook& book) {
  std::map<std::string, AskedBeside> out;
  for (const auto& [id, one] : book.all()) {
    if (one.state != fleet::AllocationState::Promised || one.parts.empty()) continue;
    const fleet::ClusterPod* pod = cluster.pod(one.cluster, one.space, one.pod);
    if (!pod || !pod->node.empty()) continue;
    const AskedBeside asked = asked_by(*pod);
    AskedBeside& sum = out[one.parts.front().node];
    sum.cpu_milli += asked.cpu_milli;
    sum.memory_mib += asked.memory_mib;
  }
  return out;
}

fleet::decision::Beside less(fleet::decision::Beside of, const AskedBeside& promised) {
  of.free_cpu_milli -= promised.cpu_milli;
  of.free_memory_mib -= promised.memory_mib;
  return of;
}

void ask_beside(fleet::decision::Need& need, const fleet::ClusterPod* pod) {
  if (!pod) return;
  const AskedBeside asked = asked_by(*pod);
  need.cpu_milli = asked.cpu_milli;
  need.node_memory_mib = asked.memory_mib;
}

}  // namespace tessera::server

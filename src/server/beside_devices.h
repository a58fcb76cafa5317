#pragma once
// What nodes of a cluster have beside their devices, CPU and memory, as far as the server knows of pods: those that ask
// for GPUs, hold one, or have one promised. Of all other pods the scheduler alone knows, so what is free here is never
// less than what is free in truth.
#include <map>
#include <string>

#include "fleet/allocation/book.h"
#include "fleet/cluster/cluster.h"
#include "fleet/decision/need.h"
#include "fleet/decision/supply.h"

namespace tessera::server {

/// By name; a node of which the cluster tells no amounts is not among them.
using BesideDevices = std::map<std::string, fleet::decision::Beside>;
BesideDevices beside_devices(const fleet::ClusterView& cluster);

/// What pods of the cluster ask for that have a promise on a node and are not there yet.
struct AskedBeside {
  std::int64_t cpu_milli = 0, memory_mib = 0;
  bool operator==(const AskedBeside&) const = default;
};
std::map<std::string, AskedBeside> promised_beside(const fleet::ClusterView& cluster,
                                                   const fleet::AllocationBook& book);
fleet::decision::Beside less(fleet::decision::Beside of, const AskedBeside& promised);

/// Of the pod itself, where the cluster shows it.
void ask_beside(fleet::decision::Need& need, const fleet::ClusterPod* pod);

}  // namespace tessera::server

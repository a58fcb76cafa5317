#pragma once
// What advice is given by: who holds what, what it costs, and what was told of it. Nothing of it is guessed: what is
// not known is absent, and then what would need it is not said.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fleet/advice/seen.h"
#include "fleet/cost/posting.h"

namespace tessera::fleet::advice {

inline constexpr unsigned kMemorySlices = 8;  ///< of a device, each with its share of the bandwidth

/// A profile that a device's driver offers.
struct Size {
  std::string profile;  ///< "1g.10gb"
  unsigned compute_slices = 0;
  std::uint64_t memory_bytes = 0;
  std::optional<Micros> per_hour;
  unsigned memory_slices = 0;  ///< of the device's kMemorySlices: its bandwidth
};

/// A device or an instance that a pod holds.
struct Holding {
  std::string pod;
  std::string container;  ///< empty: not known
  std::string resource;   ///< "nvidia.com/gpu"
  std::string node;
  std::string device_id;
  std::string model;    ///< "H100_80GB"
  std::string profile;  ///< empty: the whole device
  unsigned compute_slices = 1;
  unsigned device_slices = 1;  ///< of the whole device
  unsigned memory_slices = kMemorySlices;
  std::uint64_t memory_bytes = 0;
  bool shared = false;             ///< by time-slicing or MPS: what was seen is of all who share it
  std::optional<Micros> per_hour;  ///< of what it holds; absent without a rate
  std::vector<Size> sizes;         ///< that the device can be cut into
  Seen seen;
};

/// Another model that serves the same one.
struct Alternative {
  std::string model;             ///< of GPU
  std::string product;           ///< as its nodes' label nvidia.com/gpu.product says it; empty: they have none
  Micros per_hour = 0;           ///< a device
  double tokens_per_second = 0;  ///< a device, by `benchmark`
  std::uint64_t memory_bytes = 0;
  std::string benchmark;  ///< its name and version
};

/// How much memory a served model takes.
struct ServedNeed {
  std::uint64_t fixed_bytes = 0;  ///< weights and what the engine needs beside
  std::uint64_t bytes_per_token = 0;
  /// Of a request: where the KV cache has no room for one, the engine does not start.
  std::uint64_t context_tokens = 0;
  double utilization = 0.9;  ///< of the memory, that the engine takes
};

struct Serves {
  std::string model;                 ///< as its engine names it; empty: not told
  unsigned gpus = 1;                 ///< of a replica
  std::optional<EngineSeen> engine;  ///< absent: its metrics are not told
  std::optional<ServedNeed> need;    ///< absent: the model's shape is not known
  std::vector<Alternative> alternatives;
  /// Tokens a second of a device of the model that it has, by the benchmark of the alternatives; absent: not told.
  std::optional<double> benchmarked;
};

/// Pods of one owner, with all that they hold.
struct Workload {
  std::string cluster;
  std::string space;  ///< namespace
  std::string kind;   ///< "Deployment"; empty: a pod that nobody owns
  std::string name;   ///< of the owner, or of the pod
  std::string team, project;
  std::vector<std::string> pods;
  std::vector<Holding> holds;
  std::optional<Serves> serves;  ///< it is a serving engine, whether its metrics are told or not
  bool interruptible = false;    ///< by its own label
  /// OnDemand where all of its pods are.
  Purchase purchase = Purchase::OnDemand;
  std::optional<Micros> spot_per_hour;             ///< of all that it holds, where there are nodes of that kind
  std::pair<std::string, std::string> spot_label;  ///< of these nodes
  /// What its pods ask of nodes by nodeSelector.
  std::map<std::string, std::string> node_selector;
};

/// All devices of one model that are bought on demand.
struct Pool {
  std::string cluster;
  std::string model;
  EpochMs from = 0, to = 0;
  EpochMs told_until = 0;          ///< end of the last hour that was told: behind it there may be none of them
  double observed = 0;             ///< of the window
  std::int64_t held_at_least = 0;  ///< devices that somebody held, at each time of it
  std::optional<Micros> on_demand_per_hour, reserved_per_hour;
};

/// What alerts said of a device.
struct Trouble {
  std::string cluster, node, device_id, model;
  std::string alert;         ///< "GPUThermalThrottling"
  EpochMs from = 0, to = 0;  ///< the window
  double observed = 0;       ///< of it the device was
  unsigned times = 0;        ///< it began to fire
  Milliseconds firing{0};
  std::optional<Micros> per_hour;
  std::string device_uuid{};
  std::string copy_of{};  ///< the built-in rule whose copy fired; empty: it is built in
};

/// Devices that moves would free.
struct Scattered {
  std::string cluster;
  std::string model;
  EpochMs since = 0;  ///< at each look since then there were such moves
  EpochMs now = 0;
  double observed = 0;             ///< share of that time in which it was looked at
  std::vector<std::string> frees;  ///< device ids
  std::vector<std::string> moves;  ///< a sentence each
  std::optional<Micros> per_hour;  ///< a device
};

/// What a namespace may have of one resource by its ResourceQuota, and what it had.
struct Quota {
  std::string cluster;
  std::string space;     ///< namespace
  std::string name;      ///< of the ResourceQuota
  std::string resource;  ///< as pods ask for it: "nvidia.com/gpu"
  std::int64_t hard = 0;
  EpochMs from = 0, to = 0;
  double observed = 0;        ///< of the window
  std::int64_t had_most = 0;  ///< at once, in the window; what is promised now is in it
};

/// A ResourceQuota that was looked at again and again: when it refused pods for which the fleet had room. What the
/// fleet had no room for is not in it.
struct QuotaShortage {
  std::string cluster;
  std::string space;  ///< namespace
  std::string name;   ///< of the ResourceQuota
  std::string resource;
  std::int64_t hard = 0;
  EpochMs from = 0, to = 0;  ///< in which it was as large as it is
  EpochMs told_until = 0;
  double observed = 0;  ///< of the window
  struct Day {
    Milliseconds refused{0};
    std::int64_t wanted = 0;  ///< beyond it, at once at most
  };
  std::vector<Day> days{};  ///< on which it refused any
  EpochMs refused_last = 0;
  std::int64_t unused_elsewhere = 0;  ///< that other namespaces may have by their quotas, and have not now
  std::optional<Micros> per_hour{};   ///< of one more, by the dearest that it may be
};

struct Facts {
  EpochMs now = 0;
  std::vector<Workload> workloads;
  std::vector<Pool> pools;
  std::vector<Trouble> troubles;
  std::vector<Scattered> scattered;
  std::vector<Quota> quotas;
  std::vector<QuotaShortage> shortages;
};

}  // namespace tessera::fleet::advice

// What changes on a simulated node and is shared by all processes: MIG layouts, faults, events, spawned children.
//
// A plain value with a text form; store.h keeps it in a file. Times are microseconds of the wall clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/outcome.h"
#include "sim/scenario.h"

namespace tessera::sim {

struct ComputeState {
  unsigned id = 0, profile = 0, start = 0;  // profile: compute profile index
  unsigned slot = 0;                        // MIG device index
  std::uint64_t serial = 0;                 // grows with every creation: a new instance has a new UUID
  bool operator==(const ComputeState&) const = default;
};

struct InstanceState {
  unsigned id = 0, profile = 0, start = 0;  // profile: MigProfile::index
  std::optional<std::size_t> origin;        // the layout entry of the scenario that it stands for: load and processes
  std::uint64_t serial = 0;
  std::vector<ComputeState> compute;
  bool operator==(const InstanceState&) const = default;
};

struct GpuFaults {
  std::int64_t hang_until = 0;
  bool lost = false, denied = false;
  bool absent = false;         // not counted by the driver
  std::uint64_t throttle = 0;  // clocks event reason bits that are forced
  std::int64_t throttle_since = 0;
  std::optional<double> temperature;  // C
  // ECC since driver load and over the lifetime; rows; flags.
  std::uint64_t sbe_volatile = 0, dbe_volatile = 0, sbe_aggregate = 0, dbe_aggregate = 0;
  unsigned rows_correctable = 0, rows_uncorrectable = 0, rows_pending = 0, rows_failure = 0;
  unsigned pcie_replays = 0;
  bool operator==(const GpuFaults&) const = default;
};

struct GpuState {
  bool mig = false, mig_pending = false;
  std::uint32_t handles = 0;  // grows when all handles to the GPU become invalid
  std::vector<InstanceState> instances;
  GpuFaults faults;
  std::int64_t loaded = 0;  // counters count from here
  double load_base = 0;     // percent-seconds integrated up to load_time
  std::int64_t load_time = 0;
  double thermal_ns = 0, power_ns = 0;  // limited by throttle faults that are over
  bool operator==(const GpuState&) const = default;
};

struct Event {
  std::uint64_t sequence = 0, type = 0, data = 0;
  unsigned gpu = 0, gi = ~0U, ci = ~0U;
  bool operator==(const Event&) const = default;
};

// A forced answer of one function.
struct ForcedReturn {
  std::string symbol;
  int gpu = -1;  // -1: any
  int code = 0;
  bool operator==(const ForcedReturn&) const = default;
};

struct Spawned {
  std::string id;
  unsigned pid = 0;
  std::int64_t started = 0, ended = 0;  // ended 0: alive
  bool operator==(const Spawned&) const = default;
};

// A pod that came while the scenario ran, and what the device plugin gave it.
struct HeldByPod {
  std::string pod;  // "namespace/name"
  unsigned gpu = 0;
  std::optional<unsigned> gi;  // GPU instance; none: the whole GPU
  bool operator==(const HeldByPod&) const = default;
};

struct State {
  std::uint64_t scenario = 0;  // Scenario::hash
  std::int64_t started = 0;
  std::uint64_t serial = 0, sequence = 0;      // last ones given out
  std::optional<bool> unprivileged, stride32;  // override the scenario
  std::vector<GpuState> gpus;
  std::vector<Event> events;  // the newest kKeptEvents
  std::vector<ForcedReturn> forced;
  std::vector<Spawned> spawned;
  std::vector<HeldByPod> held;
  bool operator==(const State&) const = default;

  static constexpr std::size_t kKeptEvents = 256, kKeptSpawned = 4096;
  void add_event(Event event);

  // What the driver calls GPU 0, 1, …: those that are there, in the scenario's order.
  unsigned counted() const;
  std::optional<unsigned> gpu_at(unsigned index) const;
  unsigned index_of(unsigned gpu) const;
};

State initial_state(const Scenario& scenario, const NodeSpec& node, std::int64_t now);

// MIG instances as the scenario lays them out at start and after a GPU reset keeps none.
std::string write_state(const State& state);
Outcome<State> read_state(std::string_view text);

}  // namespace tessera::sim

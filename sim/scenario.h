// What a simulated fleet is: the structs that a scenario YAML file is read into. The format is described in README.md.
//
// Reading is pure (text in, value out) and total: any text gives a scenario in which every reference and every MIG
// layout is legal, or one error that names file, line and what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/load.h"
#include "sim/models.h"
#include "sim/outcome.h"

namespace tessera::sim {

// Seconds since the scenario's start; without an end, for ever; with `every`, again after each such period.
struct Window {
  double start = 0;
  std::optional<double> end, every;
  bool operator==(const Window&) const = default;
};

enum class ProcessType { Compute, Graphics, ComputeAndGraphics, Mps };

struct ProcessSpec {
  std::string id;    // names a spawned child; one id on several GPUs is one process
  unsigned pid = 0;  // 0: started by the player, which records the PID
  std::string command;
  ProcessType type = ProcessType::Compute;
  std::optional<std::uint64_t> memory;  // bytes; nothing: the driver may not tell
  std::optional<LoadSpec> sm;           // nothing: a share of the device's or instance's load
  double encoder = 0, decoder = 0;      // percent
  std::optional<std::size_t> instance;  // index in the layout
  std::size_t compute = 0;              // index in that instance's compute instances
  Window window;
  std::string pod, container;  // "namespace/name"; empty: a host process
  bool operator==(const ProcessSpec&) const = default;
};

struct InstanceSpec {
  const MigProfile* profile = nullptr;
  unsigned start = 0;
  std::vector<unsigned> compute;  // compute profile indices
  std::optional<LoadSpec> load;
  bool operator==(const InstanceSpec&) const = default;
};

// What a load of 100 % means for the other counters, as factors of the load.
struct Activity {
  double sm = 0.85, occupancy = 0.45, tensor = 0.5, dram = 0.4, fp64 = 0, fp32 = 0.2, fp16 = 0.1, integer = 0.1;
  double memory = 0.5;  // utilization.memory: share of time, not of bytes
  double encoder = 0, decoder = 0;
  bool operator==(const Activity&) const = default;
};

// MiB/s at a load of 100 %.
struct Traffic {
  double tx = 0, rx = 0;
  bool operator==(const Traffic&) const = default;
};

struct GpuSpec {
  const Model* model = nullptr;
  std::string name, uuid, serial;  // as answered
  unsigned minor = 0;
  bool mig = false;
  std::vector<InstanceSpec> layout;
  std::optional<LoadSpec> load;  // nothing: the sum of its processes
  Activity activity;
  Traffic pcie{900, 1800}, nvlink{24000, 24000};
  std::optional<double> temperature;  // C; nothing: follows the load
  std::uint64_t unattributed = 0;     // bytes used by no process
  std::vector<ProcessSpec> processes;
  bool operator==(const GpuSpec&) const = default;
};

struct HoldSpec {
  std::string resource;
  std::size_t gpu = 0;
  std::optional<std::size_t> instance;
  std::size_t compute = 0;
  std::optional<unsigned> replica;
  bool operator==(const HoldSpec&) const = default;
};

struct ContainerSpec {
  std::string name, id;
  std::vector<HoldSpec> devices;
  bool operator==(const ContainerSpec&) const = default;
};

struct PodSpec {
  std::string ns, name, uid, qos, runtime;
  Window window;
  std::vector<ContainerSpec> containers;
  bool operator==(const PodSpec&) const = default;
};

struct DriverSpec {
  std::string version, generation;  // empty: the library's own
  unsigned cuda = 0;                // major * 1000 + minor * 10; 0: the library's own
  bool unprivileged = false;
  bool stride32 = false, memory_temperature_double = false, pcie_wrap32 = false, legacy_mig_uuid = false;
  std::vector<std::string> drop_symbols;
  bool operator==(const DriverSpec&) const = default;
};

struct NodeSpec {
  std::string name;
  DriverSpec driver;
  std::string cgroup_version = "2", cgroup_driver = "systemd";  // "1", "2", "hybrid"; "systemd", "cgroupfs"
  std::vector<GpuSpec> gpus;
  std::vector<PodSpec> pods;
  bool operator==(const NodeSpec&) const = default;
};

struct Scenario {
  std::uint64_t seed = 1;
  std::uint64_t hash = 0;  // of the text: tells whether a state belongs to it
  std::vector<NodeSpec> nodes;
  const NodeSpec* node(std::string_view name) const;  // empty: the first
  bool operator==(const Scenario&) const = default;
};

// `file` is for error texts and for finding replay files beside it.
Outcome<Scenario> parse_scenario(std::string_view text, const std::string& file);
Outcome<Scenario> load_scenario(const std::string& file);
std::string_view default_scenario_text();

}  // namespace tessera::sim

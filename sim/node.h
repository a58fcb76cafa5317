// One simulated node as it is at an instant: scenario and state together, and the numbers that follow from them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/load.h"
#include "sim/scenario.h"
#include "sim/state.h"
#include "sim/store.h"

namespace tessera::sim {

// Where a node is read from. Empty strings: the environment (TESSERA_SIM_SCENARIO, _NODE, _STATE), then the defaults.
struct NodeOptions {
  std::string scenario, node, state;
};

// A process that the driver lists.
struct LiveProcess {
  const ProcessSpec* spec;
  std::size_t index;  // in its GPU's list
  unsigned pid;
  std::int64_t started;  // us
};

class Node {
 public:
  static Outcome<std::shared_ptr<Node>> open(const NodeOptions& options);

  const Scenario& scenario() const { return scenario_; }
  const NodeSpec& spec() const { return *spec_; }
  const std::string& scenario_path() const { return scenario_path_; }  // empty: the built-in one
  Store& store() { return *store_; }

  // Processes of a GPU at `at`; with `instance`, only those of that GPU instance.
  void each_process(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at,
                    const std::function<void(const LiveProcess&)>& visit) const;
  std::size_t count_processes(const State& state, std::size_t gpu, const InstanceState* instance,
                              std::int64_t at) const;

  // Percent of the whole device, or of the instance.
  double load(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const;
  // Percent-seconds since the driver was loaded (device) or since the scenario started (instance).
  double load_integral(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const;
  double process_load(const State& state, std::size_t gpu, const LiveProcess& process, std::int64_t at) const;

  // Call before anything that changes who adds to a GPU's load: what was integrated so far stays.
  void fold(State& state, std::size_t gpu, std::int64_t now) const;

  double power_watts(const State& state, std::size_t gpu, std::int64_t at) const;
  double energy_joules(const State& state, std::size_t gpu, std::int64_t at) const;
  double temperature(const State& state, std::size_t gpu, std::int64_t at) const;
  std::uint64_t memory_used(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const;

  std::string mig_uuid(std::size_t gpu, const InstanceState& gi, const ComputeState& ci) const;
  std::string bus_id(std::size_t gpu) const;  // "00000000:17:00.0"
  std::uint64_t identity(const std::string& of) const;

 private:
  struct Signals {
    std::optional<Signal> gpu;
    std::vector<std::optional<Signal>> instances, processes;
  };
  Node() = default;
  Outcome<int> make_signals();
  double own_integral(const State& state, std::size_t gpu, std::size_t process, std::int64_t at) const;
  double present_integral(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const;

  Scenario scenario_;
  const NodeSpec* spec_ = nullptr;
  std::string scenario_path_;
  std::vector<Signals> signals_;
  std::unique_ptr<Store> store_;
};

const MigProfile& profile_of(const GpuSpec& gpu, const InstanceState& instance);

// Where in its window a process or pod is: the start of the round that holds `at`, or nothing.
std::optional<double> round_start(const Window& window, double at);

}  // namespace tessera::sim

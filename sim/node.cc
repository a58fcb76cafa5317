#include "sim/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "sim/units.h"

namespace tessera::sim {
namespace {

double seconds_between(std::int64_t from, std::int64_t to) { return static_cast<double>(to - from) / 1e6; }
std::int64_t after(std::int64_t from, double seconds) { return from + static_cast<std::int64_t>(seconds * 1e6); }

std::string or_environment(const std::string& value, const char* name) {
  if (!value.empty()) return value;
  const char* set = std::getenv(name);
  return set ? set : "";
}

// Compute instances have their ids in the order of the layout, and a re-created one gets the free id again.
bool in_instance(const ProcessSpec& process, const InstanceState& instance) {
  return process.instance && instance.origin == process.instance &&
         std::ranges::find(instance.compute, process.compute, &ComputeState::id) != instance.compute.end();
}

}  // namespace

const MigProfile& profile_of(const GpuSpec& gpu, const InstanceState& instance) {
  return *gpu.model->mig->by_index(instance.profile);
}

std::optional<double> round_start(const Window& window, double at) {
  if (at < window.start) return std::nullopt;
  double start = window.start;
  if (window.every) start += std::floor((at - window.start) / *window.every) * *window.every;
  if (window.end && at >= start + (*window.end - window.start)) return std::nullopt;
  return start;
}

Outcome<std::shared_ptr<Node>> Node::open(const NodeOptions& options) {
  std::shared_ptr<Node> node(new Node);
  node->scenario_path_ = or_environment(options.scenario, "TESSERA_SIM_SCENARIO");
  std::string root = or_environment(options.state, "TESSERA_SIM_STATE");
  if (node->scenario_path_.empty() && !root.empty()) {  // a state remembers whose it is
    std::ifstream known(root + "/scenario");
    std::getline(known, node->scenario_path_);
  }
  auto scenario = node->scenario_path_.empty() ? parse_scenario(default_scenario_text(), "built-in scenario")
                                               : load_scenario(node->scenario_path_);
  if (!scenario) return scenario.error();
  node->scenario_ = *std::move(scenario);
  const std::string name = or_environment(options.node, "TESSERA_SIM_NODE");
  node->spec_ = node->scenario_.node(name);
  if (!node->spec_)
    return Failure{fmt::format("scenario {}: has no node '{}'",
                               node->scenario_path_.empty() ? "(built in)" : node->scenario_path_, name)};
  if (auto made = node->make_signals(); !made) return made.error();
  if (root.empty()) root = state_root(node->scenario_.hash);
  auto store = Store::open(root + "/" + node->spec_->name,
                           [&] { return initial_state(node->scenario_, *node->spec_, wall_microseconds()); });
  if (!store) return store.error();
  node->store_ = *std::move(store);
  if (!node->scenario_path_.empty()) {
    char absolute[4096];
    if (::realpath(node->scenario_path_.c_str(), absolute)) node->scenario_path_ = absolute;
    std::ifstream known(root + "/scenario");
    std::string path;
    std::getline(known, path);
    if (path != node->scenario_path_) std::ofstream(root + "/scenario") << node->scenario_path_ << '\n';
  }
  return node;
}

Outcome<int> Node::make_signals() {
  ReplayFiles files;
  std::optional<Failure> failed;
  const auto make = [&](const std::optional<LoadSpec>& spec) -> std::optional<Signal> {
    if (!spec || failed) return std::nullopt;
    auto signal = Signal::make(*spec, files);
    if (!signal) failed = signal.error();
    return signal ? std::optional(*std::move(signal)) : std::nullopt;
  };
  for (const GpuSpec& gpu : spec_->gpus) {
    Signals& signals = signals_.emplace_back();
    signals.gpu = make(gpu.load);
    for (const InstanceSpec& instance : gpu.layout) signals.instances.push_back(make(instance.load));
    for (const ProcessSpec& process : gpu.processes) signals.processes.push_back(make(process.sm));
  }
  if (failed) return *failed;
  return 0;
}

void Node::each_process(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at,
                        const std::function<void(const LiveProcess&)>& visit) const {
  const GpuSpec& spec = spec_->gpus[gpu];
  const GpuState& now = state.gpus[gpu];
  const double seconds = seconds_between(state.started, at);
  for (std::size_t i = 0; i < spec.processes.size(); ++i) {
    const ProcessSpec& process = spec.processes[i];
    if (instance ? !in_instance(process, *instance) : process.instance.has_value() != now.mig) continue;
    if (!instance && now.mig &&
        std::ranges::none_of(now.instances, [&](const InstanceState& gi) { return in_instance(process, gi); }))
      continue;
    if (process.pid != 0) {
      if (const auto start = round_start(process.window, seconds))
        visit({&process, i, process.pid, after(state.started, *start)});
      continue;
    }
    for (const Spawned& child : state.spawned)
      if (child.id == process.id && child.started <= at && (child.ended == 0 || at < child.ended))
        visit({&process, i, child.pid, child.started});
  }
}

std::size_t Node::count_processes(const State& state, std::size_t gpu, const InstanceState* instance,
                                  std::int64_t at) const {
  std::size_t count = 0;
  each_process(state, gpu, instance, at, [&](const LiveProcess&) { ++count; });
  return count;
}

double Node::process_load(const State& state, std::size_t gpu, const LiveProcess& process, std::int64_t at) const {
  const Signals& signals = signals_[gpu];
  if (const auto& own = signals.processes[process.index]) return own->at(seconds_between(process.started, at));
  // No load of its own: the processes without one share that of their device or instance.
  const auto& origin = process.spec->instance;
  const std::optional<Signal>& shared = origin ? signals.instances[*origin] : signals.gpu;
  if (!shared) return 0;
  std::size_t sharers = 0;
  each_process(state, gpu, nullptr, at, [&](const LiveProcess& other) {
    if (other.spec->instance == origin && !signals.processes[other.index]) ++sharers;
  });
  return shared->at(seconds_between(state.started, at)) / static_cast<double>(std::max<std::size_t>(sharers, 1));
}

double Node::load(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const {
  const Signals& signals = signals_[gpu];
  const GpuState& now = state.gpus[gpu];
  if (!instance && now.mig) {
    const MigFamily& family = *spec_->gpus[gpu].model->mig;
    double sum = 0;
    for (const InstanceState& gi : now.instances)
      sum += load(state, gpu, &gi, at) * family.by_index(gi.profile)->compute_slices;
    return std::min(sum / family.compute_slices, 100.0);
  }
  if (instance && instance->compute.empty()) return 0;
  const std::optional<Signal>* given =
      instance ? (instance->origin ? &signals.instances[*instance->origin] : nullptr) : &signals.gpu;
  if (given && *given) return (*given)->at(seconds_between(state.started, at));
  double sum = 0;
  each_process(state, gpu, instance, at, [&](const LiveProcess& p) { sum += process_load(state, gpu, p, at); });
  return std::min(sum, 100.0);
}

double Node::own_integral(const State& state, std::size_t gpu, std::size_t index, std::int64_t at) const {
  const ProcessSpec& process = spec_->gpus[gpu].processes[index];
  const auto& signal = signals_[gpu].processes[index];
  if (!signal) return 0;
  double sum = 0;
  if (process.pid == 0) {
    for (const Spawned& child : state.spawned)
      if (child.id == process.id && child.started < at)
        sum += signal->integral(seconds_between(child.started, child.ended == 0 ? at : std::min(at, child.ended)));
    return sum;
  }
  const Window& window = process.window;
  const double age = seconds_between(state.started, at) - window.start;
  if (age <= 0) return 0;
  const double life = window.end ? *window.end - window.start : age;
  if (!window.every) return signal->integral(std::min(age, life));
  const double rounds = std::floor(age / *window.every);
  return rounds * signal->integral(life) + signal->integral(std::min(age - rounds * *window.every, life));
}

double Node::present_integral(const State& state, std::size_t gpu, const InstanceState* instance,
                              std::int64_t at) const {
  const GpuSpec& spec = spec_->gpus[gpu];
  const GpuState& now = state.gpus[gpu];
  if (!instance && now.mig) {
    double sum = 0;
    for (const InstanceState& gi : now.instances)
      sum += present_integral(state, gpu, &gi, at) * profile_of(spec, gi).compute_slices;
    return sum / spec.model->mig->compute_slices;
  }
  if (instance && instance->compute.empty()) return 0;
  const Signals& signals = signals_[gpu];
  const std::optional<Signal>* given =
      instance ? (instance->origin ? &signals.instances[*instance->origin] : nullptr) : &signals.gpu;
  if (given && *given) return (*given)->integral(seconds_between(state.started, at));
  double sum = 0;
  for (std::size_t i = 0; i < spec.processes.size(); ++i)
    if (instance ? in_instance(spec.processes[i], *instance) : !spec.processes[i].instance)
      sum += own_integral(state, gpu, i, at);
  return sum;
}

double Node::load_integral(const State& state, std::size_t gpu, const InstanceState* instance, std::int64_t at) const {
  if (instance) return present_integral(state, gpu, instance, at);
  const GpuState& now = state.gpus[gpu];
  return now.load_base + present_integral(state, gpu, nullptr, at) -
         present_integral(state, gpu, nullptr, now.load_time);
}

void Node::fold(State& state, std::size_t gpu, std::int64_t now) const {
  const double sum = load_integral(state, gpu, nullptr, now);
  state.gpus[gpu].load_base = sum;
  state.gpus[gpu].load_time = now;
}

double Node::power_watts(const State& state, std::size_t gpu, std::int64_t at) const {
  const Model& model = *spec_->gpus[gpu].model;
  return model.idle_watts + (model.tdp_watts - model.idle_watts) * load(state, gpu, nullptr, at) / 100;
}

double Node::energy_joules(const State& state, std::size_t gpu, std::int64_t at) const {
  const Model& model = *spec_->gpus[gpu].model;
  return model.idle_watts * seconds_between(state.gpus[gpu].loaded, at) +
         (model.tdp_watts - model.idle_watts) * load_integral(state, gpu, nullptr, at) / 100;
}

double Node::temperature(const State& state, std::size_t gpu, std::int64_t at) const {
  if (const auto& forced = state.gpus[gpu].faults.temperature) return *forced;
  if (const auto& given = spec_->gpus[gpu].temperature) return *given;
  constexpr double kIdle = 32, kRise = 45;
  return kIdle + kRise * load(state, gpu, nullptr, at) / 100;
}

std::uint64_t Node::memory_used(const State& state, std::size_t gpu, const InstanceState* instance,
                                std::int64_t at) const {
  std::uint64_t sum = instance ? 0 : spec_->gpus[gpu].unattributed;
  each_process(state, gpu, instance, at, [&](const LiveProcess& p) { sum += p.spec->memory.value_or(0); });
  return sum;
}

std::uint64_t Node::identity(const std::string& of) const { return hash_text(spec_->name + "/" + of, scenario_.seed); }

std::string Node::mig_uuid(std::size_t gpu, const InstanceState& gi, const ComputeState& ci) const {
  if (spec_->driver.legacy_mig_uuid) return fmt::format("MIG-{}/{}/{}", spec_->gpus[gpu].uuid, gi.id, ci.id);
  return "MIG-" + random_uuid(identity(fmt::format("gpu{}/gi{}/ci{}/{}", gpu, gi.id, ci.id, ci.serial)));
}

std::string Node::bus_id(std::size_t gpu) const {
  return fmt::format("{:08X}:{:02X}:00.0", gpu / 16, 0x07 + 0x0E * (gpu % 16));
}

}  // namespace tessera::sim

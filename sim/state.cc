#include "sim/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "sim/layout.h"

namespace tessera::sim {
namespace {

// -1 stands for "not set" in the file; nothing outside this file sees it.
long long optional_number(const auto& value) { return value ? static_cast<long long>(*value) : -1LL; }

void lay_out(const GpuSpec& spec, GpuState& gpu, std::uint64_t& serial) {
  unsigned slot = 0;
  for (std::size_t i = 0; i < spec.layout.size(); ++i) {
    const InstanceSpec& wanted = spec.layout[i];
    InstanceState instance{.id = instance_id(*spec.model->mig, *wanted.profile, wanted.start),
                           .profile = wanted.profile->index,
                           .start = wanted.start,
                           .origin = i,
                           .serial = ++serial,
                           .compute = {}};
    const auto starts = lay_out_compute(*wanted.profile, wanted.compute);  // the scenario's reader saw that they fit
    for (std::size_t ci = 0; starts && ci < starts->size(); ++ci)
      instance.compute.push_back({.id = static_cast<unsigned>(ci),
                                  .profile = wanted.compute[ci],
                                  .start = (*starts)[ci],
                                  .slot = slot++,
                                  .serial = ++serial});
    gpu.instances.push_back(std::move(instance));
  }
}

void write_gpu(std::string& out, std::size_t index, const GpuState& gpu) {
  const GpuFaults& f = gpu.faults;
  fmt::format_to(std::back_inserter(out), "gpu {} {:d} {:d} {} {} {} {} {} {}\n", index, gpu.mig, gpu.mig_pending,
                 gpu.handles, gpu.loaded, gpu.load_base, gpu.load_time, gpu.thermal_ns, gpu.power_ns);
  fmt::format_to(std::back_inserter(out), "faults {} {:d} {:d} {:d} {} {} {:d} {} {} {} {} {} {} {} {} {} {}\n",
                 f.hang_until, f.lost, f.denied, f.absent, f.throttle, f.throttle_since, f.temperature.has_value(),
                 f.temperature.value_or(0), f.sbe_volatile, f.dbe_volatile, f.sbe_aggregate, f.dbe_aggregate,
                 f.rows_correctable, f.rows_uncorrectable, f.rows_pending, f.rows_failure, f.pcie_replays);
  for (const InstanceState& gi : gpu.instances) {
    fmt::format_to(std::back_inserter(out), "gi {} {} {} {} {}\n", gi.id, gi.profile, gi.start,
                   optional_number(gi.origin), gi.serial);
    for (const ComputeState& ci : gi.compute)
      fmt::format_to(std::back_inserter(out), "ci {} {} {} {} {}\n", ci.id, ci.profile, ci.start, ci.slot, ci.serial);
  }
}

bool read_faults(std::istream& in, GpuFaults& f) {
  bool hot = false;
  double temperature = 0;
  in >> f.hang_until >> f.lost >> f.denied >> f.absent >> f.throttle >> f.throttle_since >> hot >> temperature >>
      f.sbe_volatile >> f.dbe_volatile >> f.sbe_aggregate >> f.dbe_aggregate >> f.rows_correctable >>
      f.rows_uncorrectable >> f.rows_pending >> f.rows_failure >> f.pcie_replays;
  if (hot) f.temperature = temperature;
  return !in.fail();
}

// One line of the file; the nested ones belong to the last gpu and gi line.
bool read_line(std::istream& in, const std::string& word, State& state) {
  if (word == "node") {
    long long unprivileged = -1, stride32 = -1;
    in >> state.scenario >> state.started >> state.serial >> state.sequence >> unprivileged >> stride32;
    if (unprivileged >= 0) state.unprivileged = unprivileged != 0;
    if (stride32 >= 0) state.stride32 = stride32 != 0;
  } else if (word == "gpu") {
    GpuState& gpu = state.gpus.emplace_back();
    std::size_t index = 0;
    in >> index >> gpu.mig >> gpu.mig_pending >> gpu.handles >> gpu.loaded >> gpu.load_base >> gpu.load_time >>
        gpu.thermal_ns >> gpu.power_ns;
  } else if (word == "faults" && !state.gpus.empty()) {
    return read_faults(in, state.gpus.back().faults);
  } else if (word == "gi" && !state.gpus.empty()) {
    InstanceState& gi = state.gpus.back().instances.emplace_back();
    long long origin = -1;
    in >> gi.id >> gi.profile >> gi.start >> origin >> gi.serial;
    if (origin >= 0) gi.origin = static_cast<std::size_t>(origin);
  } else if (word == "ci" && !state.gpus.empty() && !state.gpus.back().instances.empty()) {
    ComputeState& ci = state.gpus.back().instances.back().compute.emplace_back();
    in >> ci.id >> ci.profile >> ci.start >> ci.slot >> ci.serial;
  } else if (word == "event") {
    Event& event = state.events.emplace_back();
    in >> event.sequence >> event.type >> event.data >> event.gpu >> event.gi >> event.ci;
  } else if (word == "forced") {
    ForcedReturn& forced = state.forced.emplace_back();
    in >> forced.symbol >> forced.gpu >> forced.code;
  } else if (word == "spawned") {
    Spawned& child = state.spawned.emplace_back();
    in >> child.pid >> child.started >> child.ended >> child.id;
  } else if (word == "held") {
    HeldByPod& held = state.held.emplace_back();
    long long gi = -1;
    in >> held.gpu >> gi >> held.pod;
    if (gi >= 0) held.gi = static_cast<unsigned>(gi);
  } else {
    return false;
  }
  return !in.fail();
}

}  // namespace

void State::add_event(Event event) {
  event.sequence = ++sequence;
  events.push_back(event);
  if (events.size() > kKeptEvents) events.erase(events.begin());
}

unsigned State::counted() const {
  return static_cast<unsigned>(std::ranges::count(gpus, false, [](const GpuState& gpu) { return gpu.faults.absent; }));
}

std::optional<unsigned> State::gpu_at(unsigned index) const {
  for (unsigned gpu = 0; gpu < gpus.size(); ++gpu)
    if (!gpus[gpu].faults.absent && index-- == 0) return gpu;
  return std::nullopt;
}

unsigned State::index_of(unsigned gpu) const {
  return static_cast<unsigned>(
      std::ranges::count_if(gpus.begin(), gpus.begin() + gpu, [](const GpuState& g) { return !g.faults.absent; }));
}

State initial_state(const Scenario& scenario, const NodeSpec& node, std::int64_t now) {
  State state;
  state.scenario = scenario.hash;
  state.started = now;
  for (const GpuSpec& spec : node.gpus) {
    GpuState& gpu = state.gpus.emplace_back();
    gpu.mig = gpu.mig_pending = spec.mig;
    gpu.loaded = gpu.load_time = now;
    if (spec.mig) lay_out(spec, gpu, state.serial);
  }
  return state;
}

std::string write_state(const State& state) {
  std::string out = "tessera-sim-state 1\n";
  fmt::format_to(std::back_inserter(out), "node {} {} {} {} {} {}\n", state.scenario, state.started, state.serial,
                 state.sequence, optional_number(state.unprivileged), optional_number(state.stride32));
  for (std::size_t i = 0; i < state.gpus.size(); ++i) write_gpu(out, i, state.gpus[i]);
  for (const Event& e : state.events)
    fmt::format_to(std::back_inserter(out), "event {} {} {} {} {} {}\n", e.sequence, e.type, e.data, e.gpu, e.gi, e.ci);
  for (const ForcedReturn& f : state.forced)
    fmt::format_to(std::back_inserter(out), "forced {} {} {}\n", f.symbol, f.gpu, f.code);
  for (const Spawned& s : state.spawned)
    fmt::format_to(std::back_inserter(out), "spawned {} {} {} {}\n", s.pid, s.started, s.ended, s.id);
  for (const HeldByPod& h : state.held)
    fmt::format_to(std::back_inserter(out), "held {} {} {}\n", h.gpu, h.gi ? static_cast<long long>(*h.gi) : -1, h.pod);
  out += "end\n";  // a cut file is noticed
  return out;
}

Outcome<State> read_state(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != "tessera-sim-state 1")
    return Failure{fmt::format("line 1: 'tessera-sim-state 1' expected, found '{}'", line.substr(0, 60))};
  State state;
  for (std::size_t number = 2; std::getline(lines, line); ++number) {
    if (line == "end") return state;
    std::istringstream in(line);
    in.imbue(std::locale::classic());
    std::string word;
    in >> word;
    if (!read_line(in, word, state))
      return Failure{fmt::format("line {}: cannot be read: '{}'", number, line.substr(0, 60))};
  }
  return Failure{"the last line, 'end', is missing"};
}

}  // namespace tessera::sim

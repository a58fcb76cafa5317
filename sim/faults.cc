#include "sim/faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "nvml/abi.h"
#include "sim/mig.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

// Runs `change` on the state, after checking the GPU's number where there is one.
template <class Change>
Outcome<std::string> change(Node& node, std::optional<unsigned> gpu, Change body) {
  const std::size_t count = node.spec().gpus.size();
  if (gpu && *gpu >= count)
    return Failure{
        fmt::format("--gpu {}: node {} has GPUs 0 to {}", *gpu, node.spec().name, static_cast<long>(count) - 1)};
  std::string words;
  const bool written = node.store().update([&](State& state) {
    words = body(state);
    return true;
  });
  if (!written) return Failure{fmt::format("state {}: cannot be written", node.store().directory())};
  return words;
}

struct Reason {
  const char* name;
  u64 bit;
};
constexpr Reason kReasons[] = {{"sw-power", kReasonSwPowerCap},  {"hw-slowdown", kReasonHwSlowdown},
                               {"sync-boost", kReasonSyncBoost}, {"sw-thermal", kReasonSwThermal},
                               {"hw-thermal", kReasonHwThermal}, {"hw-power", kReasonHwPowerBrake},
                               {"app-clocks", kReasonAppClocks}, {"display", kReasonDisplayClocks}};

// What a throttle fault has cost so far moves into the counters.
void end_throttle(GpuState& gpu, std::int64_t now) {
  const double ns = static_cast<double>(now - gpu.faults.throttle_since) * 1000;
  if (gpu.faults.throttle & (kReasonSwThermal | kReasonHwThermal)) gpu.thermal_ns += ns;
  if (gpu.faults.throttle & (kReasonSwPowerCap | kReasonHwPowerBrake)) gpu.power_ns += ns;
  gpu.faults.throttle = 0;
  gpu.faults.throttle_since = 0;
}

// The driver starts on the GPU anew: counters since load start at zero, instances are gone.
void attach(const Node& node, State& state, unsigned gpu, std::int64_t now) {
  if (node.spec().gpus[gpu].model->architecture >= kHopper) state.gpus[gpu].mig_pending = false;
  reset_gpu(node, state, gpu, now);
}

// The numbers of later GPUs shift when one goes; when one comes back, no handle is sure to be good.
void set_absent(const Node& node, State& state, unsigned gpu, bool absent, std::int64_t now) {
  if (state.gpus[gpu].faults.absent == absent) return;
  state.gpus[gpu].faults.absent = absent;
  for (unsigned i = absent ? gpu : 0; i < state.gpus.size(); ++i) ++state.gpus[i].handles;
  if (!absent) attach(node, state, gpu, now);
}

}  // namespace

Outcome<std::string> fault_hang(Node& node, unsigned gpu, double seconds) {
  return change(node, gpu, [&](State& state) {
    state.gpus[gpu].faults.hang_until = wall_microseconds() + static_cast<std::int64_t>(seconds * 1e6);
    return fmt::format("GPU {} answers nothing for {} s", gpu, seconds);
  });
}

Outcome<std::string> fault_lost(Node& node, unsigned gpu, bool off) {
  return change(node, gpu, [&](State& state) {
    state.gpus[gpu].faults.lost = !off;
    return fmt::format("GPU {} is {}", gpu, off ? "back" : "lost");
  });
}

Outcome<std::string> fault_absent(Node& node, unsigned gpu, bool off) {
  return change(node, gpu, [&](State& state) {
    set_absent(node, state, gpu, !off, wall_microseconds());
    return fmt::format("GPU {} is {}: {} left, numbered anew", gpu, off ? "there again" : "gone", state.counted());
  });
}

Outcome<std::string> fault_denied(Node& node, std::optional<unsigned> gpu, bool off) {
  return change(node, gpu, [&](State& state) {
    if (gpu) {
      state.gpus[*gpu].faults.denied = !off;
      return fmt::format("GPU {} {}", *gpu, off ? "may be opened" : "may not be opened");
    }
    state.unprivileged = !off;
    return fmt::format("calls that need root are {}", off ? "allowed" : "refused");
  });
}

Outcome<std::string> fault_xid(Node& node, const XidFault& fault) {
  return change(node, fault.gpu, [&](State& state) {
    state.add_event({.type = kEventXid,
                     .data = fault.code,
                     .gpu = fault.gpu,
                     .gi = fault.gi.value_or(kNoInstance),
                     .ci = fault.ci.value_or(kNoInstance)});
    return fmt::format("XID {} on GPU {}", fault.code, fault.gpu);
  });
}

Outcome<std::string> fault_ecc(Node& node, unsigned gpu, std::uint64_t corrected, std::uint64_t uncorrected) {
  return change(node, gpu, [&](State& state) {
    GpuFaults& faults = state.gpus[gpu].faults;
    faults.sbe_volatile += corrected;
    faults.sbe_aggregate += corrected;
    faults.dbe_volatile += uncorrected;
    faults.dbe_aggregate += uncorrected;
    if (corrected > 0) state.add_event({.type = kEventSingleBitEcc, .data = corrected, .gpu = gpu});
    if (uncorrected > 0) state.add_event({.type = kEventDoubleBitEcc, .data = uncorrected, .gpu = gpu});
    return fmt::format("GPU {}: {} corrected and {} uncorrected ECC errors more", gpu, corrected, uncorrected);
  });
}

Outcome<std::string> fault_remap(Node& node, const RemapFault& fault) {
  return change(node, fault.gpu, [&](State& state) {
    GpuFaults& faults = state.gpus[fault.gpu].faults;
    faults.rows_correctable += fault.correctable;
    faults.rows_uncorrectable += fault.uncorrectable;
    faults.rows_pending = fault.pending ? 1 : 0;
    faults.rows_failure = fault.failure ? 1 : 0;
    return fmt::format("GPU {}: {} correctable and {} uncorrectable rows remapped, pending {}, failure {}", fault.gpu,
                       faults.rows_correctable, faults.rows_uncorrectable, faults.rows_pending, faults.rows_failure);
  });
}

std::string throttle_reasons() {
  std::vector<std::string> names;
  for (const Reason& reason : kReasons) names.emplace_back(reason.name);
  return fmt::format("{}, off", fmt::join(names, ", "));
}

Outcome<std::string> fault_throttle(Node& node, unsigned gpu, const std::string& reason) {
  const auto* known = std::ranges::find(kReasons, reason, [](const Reason& r) { return std::string(r.name); });
  if (known == std::end(kReasons) && reason != "off")
    return Failure{fmt::format("--reason {}: one of {} expected", reason, throttle_reasons())};
  return change(node, gpu, [&](State& state) {
    GpuState& target = state.gpus[gpu];
    const std::int64_t now = wall_microseconds();
    const u64 before = target.faults.throttle;
    end_throttle(target, now);
    if (reason == "off") return fmt::format("GPU {} runs at full clocks", gpu);
    target.faults.throttle = before | known->bit;
    target.faults.throttle_since = now;
    return fmt::format("GPU {} is held down: {}", gpu, reason);
  });
}

Outcome<std::string> fault_temperature(Node& node, unsigned gpu, std::optional<double> celsius) {
  return change(node, gpu, [&](State& state) {
    state.gpus[gpu].faults.temperature = celsius;
    return celsius ? fmt::format("GPU {} is at {} C", gpu, *celsius)
                   : fmt::format("GPU {} follows its load again", gpu);
  });
}

Outcome<std::string> fault_replays(Node& node, unsigned gpu, unsigned count) {
  return change(node, gpu, [&](State& state) {
    state.gpus[gpu].faults.pcie_replays += count;
    return fmt::format("GPU {}: {} PCIe replays in all", gpu, state.gpus[gpu].faults.pcie_replays);
  });
}

Outcome<std::string> fault_stride32(Node& node, bool on) {
  return change(node, std::nullopt, [&](State& state) {
    state.stride32 = on;
    return fmt::format("process entries of the _v3 calls have {} bytes", on ? 32 : 24);
  });
}

Outcome<std::string> fault_return(Node& node, const std::string& symbol, int code, std::optional<unsigned> gpu) {
  if (!symbol.starts_with("nvml") || symbol.find(' ') != std::string::npos)
    return Failure{fmt::format("--symbol {}: a function such as nvmlDeviceGetMemoryInfo_v2 expected", symbol)};
  return change(node, gpu, [&](State& state) {
    const int which = gpu ? static_cast<int>(*gpu) : -1;
    std::erase_if(state.forced, [&](const ForcedReturn& f) { return f.symbol == symbol && f.gpu == which; });
    if (code == 0) return fmt::format("{} answers as it should", symbol);
    state.forced.push_back({symbol, which, code});
    return fmt::format("{} answers {}", symbol, code);
  });
}

Outcome<std::string> fault_clear(Node& node, std::optional<unsigned> gpu) {
  return change(node, gpu, [&](State& state) {
    const std::int64_t now = wall_microseconds();
    for (unsigned i = 0; i < state.gpus.size(); ++i) {
      if (gpu && *gpu != i) continue;
      GpuFaults& faults = state.gpus[i].faults;
      end_throttle(state.gpus[i], now);
      set_absent(node, state, i, false, now);
      faults.hang_until = 0;
      faults.lost = faults.denied = false;
      faults.temperature.reset();
      faults.rows_pending = faults.rows_failure = 0;
    }
    std::erase_if(state.forced, [&](const ForcedReturn& f) { return !gpu || f.gpu == static_cast<int>(*gpu); });
    if (!gpu) {
      state.unprivileged.reset();
      state.stride32.reset();
    }
    return gpu ? fmt::format("GPU {} is well", *gpu) : std::string("all GPUs are well");
  });
}

Outcome<std::string> reload_driver(Node& node) {
  return change(node, std::nullopt, [&](State& state) {
    const std::int64_t now = wall_microseconds();
    for (unsigned gpu = 0; gpu < state.gpus.size(); ++gpu) attach(node, state, gpu, now);
    return std::string("driver loaded anew: counters start at zero, MIG instances are gone");
  });
}

}  // namespace tessera::sim

// What every exported function goes through: initialised, handle valid, device neither hung, lost nor denied.
//
// Handles are numbers, not addresses: any value a caller may pass can be checked, and a handle to a MIG device names a
// slot, so it is reused by the next instance in that slot, as on real drivers. A handle to a GPU is good until the GPU
// goes, one before it goes, or any comes back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "nvml/abi.h"
#include "sim/exports.h"
#include "sim/generation.h"
#include "sim/node.h"

namespace tessera::sim {

using namespace nvml::abi;

// The state at the moment of one call.
struct Call {
  Node& node;
  std::shared_ptr<const State> state;
  std::int64_t now;
  bool privileged() const { return !state->unprivileged.value_or(node.spec().driver.unprivileged); }
};

// What a Device handle stands for.
struct Target {
  unsigned gpu;
  const GpuSpec& spec;
  const GpuState& state;
  const InstanceState* gi;  // null: the physical device
  const ComputeState* ci;
  bool is_mig() const { return gi != nullptr; }
};

Return init_driver();
Return shutdown_driver();
std::shared_ptr<Node> running_node();  // null before init

Device device_handle(const State& state, unsigned gpu);
Device device_handle(unsigned gpu);  // as of now; null before init
Device mig_handle(const State& state, unsigned gpu, unsigned slot);
GpuInstance instance_handle(unsigned gpu, const InstanceState& gi);
ComputeInstance compute_handle(unsigned gpu, const InstanceState& gi, const ComputeState& ci);

struct InstanceKey {
  unsigned gpu, gi;
  std::uint32_t serial;
};
std::optional<unsigned> gpu_of(Device handle);  // also of a MIG device
std::optional<InstanceKey> key_of(GpuInstance handle);
std::optional<InstanceKey> key_of(ComputeInstance handle);  // serial: of the compute instance
std::optional<Target> find_target(const Call& call, Device handle);

// Waits out a hang and answers forced returns, lost and denied for `gpu` (-1: no device involved). Renews the call's
// state.
Return admit(Call& call, const char* function, int gpu);

Return copy_text(const std::string& text, char* out, u32 length);

// Runs `body(Call&)` on the initialised node.
template <class Body>
Return on_node(const char* function, Body body) {
  try {
    const std::shared_ptr<Node> node = running_node();
    if (!node) return kUninitialized;
    Call call{*node, node->store().current(), wall_microseconds()};
    if (const Return refused = admit(call, function, -1); refused != kSuccess) return refused;
    return body(call);
  } catch (...) {  // no exception may cross a C border
    return kUnknownError;
  }
}

// Runs `body(Call&, const Target&)` on any device handle.
template <class Body>
Return on_device(const char* function, Device handle, Body body) {
  try {
    const std::shared_ptr<Node> node = running_node();
    if (!node) return kUninitialized;
    Call call{*node, node->store().current(), wall_microseconds()};
    const auto gpu = gpu_of(handle);
    if (!gpu || *gpu >= call.state->gpus.size()) return kInvalidArgument;
    if (const Return refused = admit(call, function, static_cast<int>(*gpu)); refused != kSuccess) return refused;
    const auto target = find_target(call, handle);
    return target ? body(call, *target) : kInvalidArgument;  // a MIG device that was destroyed
  } catch (...) {
    return kUnknownError;
  }
}

// The same for calls that only the physical device answers.
template <class Body>
Return on_gpu(const char* function, Device handle, Body body, Return on_mig_handle = kNotSupported) {
  return on_device(function, handle, [&](Call& call, const Target& target) {
    return target.is_mig() ? on_mig_handle : body(call, target);
  });
}

// And for those that only a MIG device answers.
template <class Body>
Return on_mig(const char* function, Device handle, Body body) {
  return on_device(function, handle, [&](Call& call, const Target& target) {
    return target.is_mig() ? body(call, target) : kInvalidArgument;
  });
}

}  // namespace tessera::sim

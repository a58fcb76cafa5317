#include "sim/driver.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <mutex>

namespace tessera::sim {
namespace {

struct Running {
  std::mutex mutex;
  unsigned references = 0;
  std::shared_ptr<Node> node;
};
Running& running() {
  static Running one;
  return one;
}

// Handle: a mark, the kind, the GPU, a small number (slot + 1 or GPU instance id) and a serial.
enum class Kind : std::uint64_t { Device = 1, Instance = 2, Compute = 3 };
constexpr std::uint64_t kMark = 0x7E5;

std::uint64_t pack(Kind kind, unsigned gpu, unsigned small, std::uint32_t serial) {
  return kMark << 52U | static_cast<std::uint64_t>(kind) << 48U | static_cast<std::uint64_t>(gpu & 0xFFU) << 40U |
         static_cast<std::uint64_t>(small & 0xFFU) << 32U | serial;
}

std::optional<InstanceKey> unpack(Kind kind, std::uint64_t value) {
  if (value >> 52U != kMark || ((value >> 48U) & 0xFU) != static_cast<std::uint64_t>(kind)) return std::nullopt;
  return InstanceKey{static_cast<unsigned>((value >> 40U) & 0xFFU), static_cast<unsigned>((value >> 32U) & 0xFFU),
                     static_cast<std::uint32_t>(value)};
}

}  // namespace

Device device_handle(const State& state, unsigned gpu) {
  return std::bit_cast<Device>(pack(Kind::Device, gpu, 0, state.gpus[gpu].handles));
}
Device device_handle(unsigned gpu) {
  const auto node = running_node();
  const auto state = node ? node->store().current() : nullptr;
  return state && gpu < state->gpus.size() ? device_handle(*state, gpu) : nullptr;
}
Device mig_handle(const State& state, unsigned gpu, unsigned slot) {
  return std::bit_cast<Device>(pack(Kind::Device, gpu, slot + 1, state.gpus[gpu].handles));
}
GpuInstance instance_handle(unsigned gpu, const InstanceState& gi) {
  return std::bit_cast<GpuInstance>(pack(Kind::Instance, gpu, gi.id, static_cast<std::uint32_t>(gi.serial)));
}
ComputeInstance compute_handle(unsigned gpu, const InstanceState& gi, const ComputeState& ci) {
  return std::bit_cast<ComputeInstance>(pack(Kind::Compute, gpu, gi.id, static_cast<std::uint32_t>(ci.serial)));
}

std::optional<unsigned> gpu_of(Device handle) {
  const auto key = unpack(Kind::Device, std::bit_cast<std::uint64_t>(handle));
  return key ? std::optional(key->gpu) : std::nullopt;
}
std::optional<InstanceKey> key_of(GpuInstance handle) {
  return unpack(Kind::Instance, std::bit_cast<std::uint64_t>(handle));
}
std::optional<InstanceKey> key_of(ComputeInstance handle) {
  return unpack(Kind::Compute, std::bit_cast<std::uint64_t>(handle));
}

std::optional<Target> find_target(const Call& call, Device handle) {
  const auto key = unpack(Kind::Device, std::bit_cast<std::uint64_t>(handle));
  if (!key || key->gpu >= call.state->gpus.size()) return std::nullopt;
  const GpuSpec& spec = call.node.spec().gpus[key->gpu];
  const GpuState& state = call.state->gpus[key->gpu];
  if (state.faults.absent || state.handles != key->serial) return std::nullopt;
  if (key->gi == 0) return Target{key->gpu, spec, state, nullptr, nullptr};
  for (const InstanceState& gi : state.instances)
    for (const ComputeState& ci : gi.compute)
      if (ci.slot + 1 == key->gi) return Target{key->gpu, spec, state, &gi, &ci};
  return std::nullopt;
}

Return init_driver() {
  const std::lock_guard hold(running().mutex);
  if (!running().node) {
    auto node = Node::open({});
    if (!node) {  // a real driver would stay silent; somebody who simulates one wants to know
      std::fprintf(stderr, "tessera-sim: %s\n", node.error().what.c_str());
      return kDriverNotLoaded;
    }
    for (const ForcedReturn& forced : (*node)->store().current()->forced)
      if (forced.symbol == "nvmlInit_v2") return static_cast<Return>(forced.code);
    running().node = *std::move(node);
  }
  ++running().references;
  return kSuccess;
}

Return shutdown_driver() {
  const std::lock_guard hold(running().mutex);
  if (running().references == 0) return kUninitialized;
  if (--running().references == 0) running().node.reset();
  return kSuccess;
}

std::shared_ptr<Node> running_node() {
  const std::lock_guard hold(running().mutex);
  return running().node;
}

Return admit(Call& call, const char* function, int gpu) {
  if (gpu >= 0) {
    const auto index = static_cast<std::size_t>(gpu);
    while (call.now < call.state->gpus[index].faults.hang_until) {
      const std::uint32_t seen = call.node.store().generation();
      call.state = call.node.store().current();
      const std::int64_t until = call.state->gpus[index].faults.hang_until;
      call.node.store().wait(seen, std::chrono::microseconds(std::max<std::int64_t>(until - wall_microseconds(), 0)));
      call.state = call.node.store().current();
      call.now = wall_microseconds();
    }
    if (call.state->gpus[index].faults.lost) return kGpuIsLost;
    if (call.state->gpus[index].faults.denied) return kNoPermission;
  }
  for (const ForcedReturn& forced : call.state->forced)
    if (forced.symbol == function && (forced.gpu < 0 || forced.gpu == gpu)) return static_cast<Return>(forced.code);
  return kSuccess;
}

Return copy_text(const std::string& text, char* out, u32 length) {
  if (!out) return kInvalidArgument;
  if (text.size() + 1 > length) return kInsufficientSize;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return kSuccess;
}

}  // namespace tessera::sim

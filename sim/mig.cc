#include "sim/mig.h"

#include <algorithm>

namespace tessera::sim {
namespace {

// Runs `change` on the shared state; a directory that cannot be written answers as a driver without rights.
template <class Change>
Return change_state(Call& call, Change change) {
  Return code = kNoPermission;
  call.node.store().update([&](State& state) {
    code = change(state);
    return code == kSuccess;
  });
  return code;
}

void announce(State& state, const GpuSpec& spec, unsigned gpu) {
  if (spec.model->architecture >= kAmpere) state.add_event({.type = kEventMigConfigChange, .gpu = gpu});
}

std::optional<unsigned> free_slot(const GpuSpec& spec, const GpuState& gpu) {
  for (unsigned slot = 0; slot < spec.model->mig->max_devices; ++slot) {
    const bool used = std::ranges::any_of(gpu.instances, [&](const InstanceState& gi) {
      return std::ranges::find(gi.compute, slot, &ComputeState::slot) != gi.compute.end();
    });
    if (!used) return slot;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Placed> placed_on(const GpuSpec& spec, const GpuState& state) {
  std::vector<Placed> out;
  for (const InstanceState& gi : state.instances) out.push_back({&profile_of(spec, gi), gi.start});
  return out;
}

const InstanceState* find_instance(const GpuState& state, const InstanceKey& key) {
  const auto found = std::ranges::find_if(state.instances, [&](const InstanceState& gi) {
    return gi.id == key.gi && static_cast<std::uint32_t>(gi.serial) == key.serial;
  });
  return found == state.instances.end() ? nullptr : &*found;
}
InstanceState* find_instance(GpuState& state, const InstanceKey& key) {
  return const_cast<InstanceState*>(find_instance(static_cast<const GpuState&>(state), key));
}

CreatedInstance create_instance(Call& call, unsigned gpu, unsigned profile_id, std::optional<Placement> where) {
  const GpuSpec& spec = call.node.spec().gpus[gpu];
  const MigProfile* profile = spec.model->mig->by_id(profile_id);
  if (!profile || (where && where->size != profile->size)) return {kInvalidArgument};
  CreatedInstance out{kUnknownError};
  out.code = change_state(call, [&](State& state) {
    GpuState& now = state.gpus[gpu];
    if (!now.mig) return kNotSupported;
    const auto present = placed_on(spec, now);
    const auto start = where ? std::optional(where->start) : pick_start(*spec.model->mig, present, *profile);
    if (where && !may_start_at(*profile, where->start)) return kInvalidArgument;
    if (!start || !fits(*spec.model->mig, present, *profile, *start)) return kInsufficientResources;
    call.node.fold(state, gpu, call.now);
    out.instance = {.id = instance_id(*spec.model->mig, *profile, *start),
                    .profile = profile->index,
                    .start = *start,
                    .origin = std::nullopt,
                    .serial = ++state.serial,
                    .compute = {}};
    now.instances.push_back(out.instance);
    announce(state, spec, gpu);
    return kSuccess;
  });
  return out;
}

Return destroy_instance(Call& call, const InstanceKey& key) {
  const GpuSpec& spec = call.node.spec().gpus[key.gpu];
  return change_state(call, [&](State& state) {
    GpuState& now = state.gpus[key.gpu];
    const InstanceState* instance = find_instance(now, key);
    if (!instance) return kInvalidArgument;
    if (!instance->compute.empty()) return kInUse;
    call.node.fold(state, key.gpu, call.now);
    now.instances.erase(now.instances.begin() + (instance - now.instances.data()));
    announce(state, spec, key.gpu);
    return kSuccess;
  });
}

std::vector<unsigned> free_compute_starts(const GpuSpec& spec, const InstanceState& instance, unsigned profile) {
  const MigProfile& shape = profile_of(spec, instance);
  std::vector<unsigned> out;
  for (unsigned start = 0; start < shape.compute_slices; ++start) {
    if (!compute_may_start_at(shape, profile, start)) continue;
    const unsigned end = start + compute_shape(profile)->slices;
    const bool free = std::ranges::none_of(instance.compute, [&](const ComputeState& other) {
      return start < other.start + compute_shape(other.profile)->slices && other.start < end;
    });
    if (free) out.push_back(start);
  }
  return out;
}

CreatedCompute create_compute(Call& call, const InstanceKey& key, unsigned profile, std::optional<Placement> where) {
  const GpuSpec& spec = call.node.spec().gpus[key.gpu];
  CreatedCompute out{kUnknownError};
  out.code = change_state(call, [&](State& state) {
    GpuState& now = state.gpus[key.gpu];
    InstanceState* instance = find_instance(now, key);
    if (!instance) return kInvalidArgument;
    const MigProfile& shape = profile_of(spec, *instance);
    if (!compute_shape_fits(shape, profile)) return kInvalidArgument;
    if (where && (where->size != compute_shape(profile)->slices || !compute_may_start_at(shape, profile, where->start)))
      return kInvalidArgument;
    const auto starts = free_compute_starts(spec, *instance, profile);
    const auto slot = free_slot(spec, now);
    if (starts.empty() || !slot || (where && std::ranges::find(starts, where->start) == starts.end()))
      return kInsufficientResources;
    call.node.fold(state, key.gpu, call.now);
    unsigned id = 0;
    while (std::ranges::find(instance->compute, id, &ComputeState::id) != instance->compute.end()) ++id;
    out.compute = {.id = id,
                   .profile = profile,
                   .start = where ? where->start : starts.front(),
                   .slot = *slot,
                   .serial = ++state.serial};
    instance->compute.push_back(out.compute);
    announce(state, spec, key.gpu);
    return kSuccess;
  });
  return out;
}

Return destroy_compute(Call& call, const InstanceKey& key) {
  const GpuSpec& spec = call.node.spec().gpus[key.gpu];
  return change_state(call, [&](State& state) {
    for (InstanceState& gi : state.gpus[key.gpu].instances) {
      const auto ci = std::ranges::find_if(
          gi.compute, [&](const ComputeState& c) { return static_cast<std::uint32_t>(c.serial) == key.serial; });
      if (gi.id != key.gi || ci == gi.compute.end()) continue;
      bool used = false;
      call.node.each_process(state, key.gpu, &gi, call.now,
                             [&](const LiveProcess& p) { used = used || p.spec->compute == ci->id; });
      if (used) return kInUse;
      call.node.fold(state, key.gpu, call.now);
      gi.compute.erase(ci);
      announce(state, spec, key.gpu);
      return kSuccess;
    }
    return kInvalidArgument;
  });
}

Return set_mig_mode(Call& call, unsigned gpu, bool on, Return& activation) {
  const GpuSpec& spec = call.node.spec().gpus[gpu];
  activation = kSuccess;
  return change_state(call, [&](State& state) {
    GpuState& now = state.gpus[gpu];
    now.mig_pending = on;
    if (now.mig == on) return kSuccess;
    // Before Hopper the mode changes with a GPU reset only, and nobody may use the GPU then.
    if (spec.model->architecture < kHopper) {
      activation = kResetRequired;
    } else if (call.node.count_processes(state, gpu, nullptr, call.now) > 0) {
      activation = kInUse;
    } else {
      call.node.fold(state, gpu, call.now);
      now.mig = on;
      now.instances.clear();
      announce(state, spec, gpu);
    }
    return kSuccess;
  });
}

void reset_gpu(const Node& node, State& state, unsigned gpu, std::int64_t now) {
  GpuState& target = state.gpus[gpu];
  const bool changed = target.mig != target.mig_pending || !target.instances.empty();
  target.mig = target.mig_pending;
  target.instances.clear();
  target.faults.lost = false;
  target.faults.hang_until = 0;
  target.faults.sbe_volatile = target.faults.dbe_volatile = 0;
  target.faults.rows_pending = 0;
  target.load_base = target.thermal_ns = target.power_ns = 0;
  target.load_time = target.loaded = now;
  if (changed) announce(state, node.spec().gpus[gpu], gpu);
}

}  // namespace tessera::sim

// GPU instances and the compute instances inside them.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/mig.h"

using namespace tessera::sim;

namespace {

// Runs `body(call, key, spec, instance)` on a live GPU instance.
template <class Body>
Return on_instance(const char* function, GpuInstance handle, bool root, Body body) {
  const auto key = key_of(handle);
  if (!key) return running_node() ? kInvalidArgument : kUninitialized;
  return on_gpu(function, device_handle(key->gpu), [&](Call& call, const Target& t) {
    if (root && !call.privileged()) return kNoPermission;
    const InstanceState* instance = find_instance(t.state, *key);
    return instance ? body(call, *key, t, *instance) : kInvalidArgument;  // destroyed meanwhile
  });
}

template <class Info>
void fill(const MigFamily& family, const MigProfile& gi, u32 index, Info& out) {
  out.id = index;
  out.sliceCount = compute_shape(index)->slices;
  out.instanceCount = gi.compute_slices / out.sliceCount;
  out.multiprocessorCount = compute_sm(family, gi, index);
  out.sharedCopyEngineCount = gi.copy_engines;
  out.sharedDecoderCount = gi.decoders;
  out.sharedEncoderCount = gi.encoders;
  out.sharedJpegCount = gi.jpegs;
  out.sharedOfaCount = gi.ofas;
}

Return check_profile(const MigProfile& gi, u32 index, u32 engine) {
  if (index >= kCiProfileCount || engine != kEngineShared) return kInvalidArgument;
  return compute_shape_fits(gi, index) ? kSuccess : kNotSupported;
}

}  // namespace

TESSERA_EXPORT Return nvmlGpuInstanceDestroy(GpuInstance instance) {
  return on_instance(__func__, instance, true,
                     [&](Call& call, const InstanceKey& key, const Target&, const InstanceState&) {
                       return destroy_instance(call, key);
                     });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetInfo(GpuInstance instance, GpuInstanceInfo* out) {
  return on_instance(__func__, instance, false,
                     [&](Call&, const InstanceKey& key, const Target& t, const InstanceState& gi) {
                       if (!out) return kInvalidArgument;
                       const MigProfile& profile = profile_of(t.spec, gi);
                       *out = {device_handle(key.gpu), gi.id, profile.id, {gi.start, profile.size}};
                       return kSuccess;
                     });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstanceProfileInfo(GpuInstance instance, u32 index, u32 engine,
                                                                   ComputeInstanceProfileInfo* out) {
  return on_instance(__func__, instance, false,
                     [&](Call&, const InstanceKey&, const Target& t, const InstanceState& gi) {
                       if (!out) return kInvalidArgument;
                       const MigProfile& profile = profile_of(t.spec, gi);
                       if (const Return missing = check_profile(profile, index, engine); missing != kSuccess)
                         return missing;
                       *out = {};
                       fill(*t.spec.model->mig, profile, index, *out);
                       return kSuccess;
                     });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstanceProfileInfoV(GpuInstance instance, u32 index, u32 engine,
                                                                    void* out) {
  return on_instance(
      __func__, instance, false, [&](Call&, const InstanceKey&, const Target& t, const InstanceState& gi) {
        if (!out) return kInvalidArgument;
        const MigProfile& profile = profile_of(t.spec, gi);
        if (const Return missing = check_profile(profile, index, engine); missing != kSuccess) return missing;
        u32 word = 0;
        std::memcpy(&word, out, sizeof word);
        constexpr unsigned kThirdSince = 1203;
        const bool third = word == kVersionWord<ComputeInstanceProfileInfoV3> && generation().header >= kThirdSince;
        if (!third && word != kVersionWord<ComputeInstanceProfileInfoV2>) return kArgumentVersionMismatch;
        ComputeInstanceProfileInfoV3 info{};  // v2 is its front part
        info.version = word;
        fill(*t.spec.model->mig, profile, index, info);
        const std::string name = fmt::format("MIG {}", compute_name(profile, index));
        std::memcpy(info.name, name.data(), std::min(name.size(), sizeof info.name - 1));
        std::memcpy(out, &info, third ? sizeof(ComputeInstanceProfileInfoV3) : sizeof(ComputeInstanceProfileInfoV2));
        return kSuccess;
      });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstanceRemainingCapacity(GpuInstance instance, u32 index, u32* out) {
  return on_instance(__func__, instance, true,
                     [&](Call&, const InstanceKey&, const Target& t, const InstanceState& gi) {
                       if (!out || !compute_shape_fits(profile_of(t.spec, gi), index)) return kInvalidArgument;
                       // The legal starts of one profile never overlap each other, so each free one is one more
                       // instance.
                       *out = static_cast<u32>(free_compute_starts(t.spec, gi, index).size());
                       return kSuccess;
                     });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstancePossiblePlacements(GpuInstance instance, u32 index,
                                                                          Placement* out, u32* count) {
  return on_instance(__func__, instance, true,
                     [&](Call&, const InstanceKey&, const Target& t, const InstanceState& gi) {
                       const MigProfile& profile = profile_of(t.spec, gi);
                       if (!count || !compute_shape_fits(profile, index)) return kInvalidArgument;
                       u32 found = 0;
                       for (unsigned start = 0; start < profile.compute_slices; ++start) {
                         if (!compute_may_start_at(profile, index, start)) continue;
                         if (out && found < *count) out[found] = {start, compute_shape(index)->slices};
                         ++found;
                       }
                       const bool fitted = !out || found <= *count;
                       *count = found;
                       return fitted ? kSuccess : kInsufficientSize;
                     });
}

namespace {
Return create(const char* function, GpuInstance instance, u32 index, std::optional<Placement> where,
              ComputeInstance* out) {
  return on_instance(function, instance, true,
                     [&](Call& call, const InstanceKey& key, const Target&, const InstanceState& gi) {
                       if (!out) return kInvalidArgument;
                       const CreatedCompute made = create_compute(call, key, index, where);
                       if (made.code == kSuccess) *out = compute_handle(key.gpu, gi, made.compute);
                       return made.code;
                     });
}
}  // namespace

TESSERA_EXPORT Return nvmlGpuInstanceCreateComputeInstance(GpuInstance instance, u32 index, ComputeInstance* out) {
  return create(__func__, instance, index, std::nullopt, out);
}
TESSERA_EXPORT Return nvmlGpuInstanceCreateComputeInstanceWithPlacement(GpuInstance instance, u32 index,
                                                                        const Placement* where, ComputeInstance* out) {
  if (!where) return running_node() ? kInvalidArgument : kUninitialized;
  return create(__func__, instance, index, *where, out);
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstances(GpuInstance instance, u32 index, ComputeInstance* out,
                                                         u32* count) {
  return on_instance(__func__, instance, true,
                     [&](Call&, const InstanceKey& key, const Target& t, const InstanceState& gi) {
                       if (!out || !count || !compute_shape_fits(profile_of(t.spec, gi), index))
                         return kInvalidArgument;
                       u32 found = 0;
                       for (const ComputeState& ci : gi.compute)
                         if (ci.profile == index) out[found++] = compute_handle(key.gpu, gi, ci);
                       *count = found;
                       return kSuccess;
                     });
}

TESSERA_EXPORT Return nvmlGpuInstanceGetComputeInstanceById(GpuInstance instance, u32 id, ComputeInstance* out) {
  return on_instance(__func__, instance, true,
                     [&](Call&, const InstanceKey& key, const Target&, const InstanceState& gi) {
                       if (!out) return kInvalidArgument;
                       const auto ci = std::ranges::find(gi.compute, id, &ComputeState::id);
                       if (ci == gi.compute.end()) return kNotFound;
                       *out = compute_handle(key.gpu, gi, *ci);
                       return kSuccess;
                     });
}

TESSERA_EXPORT Return nvmlComputeInstanceGetInfo_v2(ComputeInstance compute, ComputeInstanceInfo* out) {
  const auto key = key_of(compute);
  if (!key) return running_node() ? kInvalidArgument : kUninitialized;
  return on_gpu(__func__, device_handle(key->gpu), [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    for (const InstanceState& gi : t.state.instances)
      for (const ComputeState& ci : gi.compute) {
        if (gi.id != key->gi || static_cast<std::uint32_t>(ci.serial) != key->serial) continue;
        *out = {device_handle(t.gpu),
                instance_handle(t.gpu, gi),
                ci.id,
                ci.profile,
                {ci.start, compute_shape(ci.profile)->slices}};
        return kSuccess;
      }
    return kInvalidArgument;
  });
}

TESSERA_EXPORT Return nvmlComputeInstanceDestroy(ComputeInstance compute) {
  const auto key = key_of(compute);
  if (!key) return running_node() ? kInvalidArgument : kUninitialized;
  return on_gpu(__func__, device_handle(key->gpu), [&](Call& call, const Target&) {
    return call.privileged() ? destroy_compute(call, *key) : kNoPermission;
  });
}

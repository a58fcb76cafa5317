// MIG devices: mode, handles, attributes, GPU-instance profiles.
#include <fmt/format.h>

#include <cstring>

#include "sim/mig.h"

using namespace tessera::sim;

namespace {

// Runs `body` on a physical device that can do MIG; `root` calls need rights.
template <class Body>
Return on_capable(const char* function, Device device, bool root, Body body) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (!t.spec.model->mig) return kNotSupported;
    if (root && !call.privileged()) return kNoPermission;
    return body(call, t);
  });
}

void put_name(const std::string& name, char (&out)[96]) {
  std::memset(out, 0, sizeof out);
  std::memcpy(out, name.data(), std::min(name.size(), sizeof out - 1));
}

// Fields that the three forms have in common.
template <class Info>
void fill(const MigProfile& profile, Info& out) {
  out.id = profile.id;
  out.sliceCount = profile.compute_slices;
  out.instanceCount = profile.max_instances;
  out.multiprocessorCount = profile.sm;
  out.copyEngineCount = profile.copy_engines;
  out.decoderCount = profile.decoders;
  out.encoderCount = profile.encoders;
  out.jpegCount = profile.jpegs;
  out.ofaCount = profile.ofas;
  out.memorySizeMB = profile.memory_mib;
}

Return give_profile(const MigProfile& profile, void* out) {
  u32 word = 0;
  std::memcpy(&word, out, sizeof word);
  const std::string name = fmt::format("MIG {}", profile.name);
  constexpr unsigned kThirdSince = 1203;
  if (word == kVersionWord<GpuInstanceProfileInfoV2>) {
    auto& info = *static_cast<GpuInstanceProfileInfoV2*>(out);
    info = versioned<GpuInstanceProfileInfoV2>();
    fill(profile, info);
    put_name(name, info.name);
    return kSuccess;
  }
  if (word == kVersionWord<GpuInstanceProfileInfoV3> && generation().header >= kThirdSince) {
    auto& info = *static_cast<GpuInstanceProfileInfoV3*>(out);
    info = versioned<GpuInstanceProfileInfoV3>();
    fill(profile, info);
    info.capabilities = profile.graphics ? kGiGraphics : 0U;
    put_name(name, info.name);
    return kSuccess;
  }
  return kArgumentVersionMismatch;
}

Return profile_by_index(const Target& t, u32 index, const MigProfile*& out) {
  if (index >= kGiProfileCount) return kInvalidArgument;
  out = t.spec.model->mig->by_index(index);
  return out ? kSuccess : kNotSupported;
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetMigMode(Device device, u32* current, u32* pending) {
  return on_capable(__func__, device, false, [&](Call&, const Target& t) {
    if (!current || !pending) return kInvalidArgument;
    *current = t.state.mig ? kMigEnabled : kMigDisabled;
    *pending = t.state.mig_pending ? kMigEnabled : kMigDisabled;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceSetMigMode(Device device, u32 mode, Return* activation) {
  return on_capable(__func__, device, true, [&](Call& call, const Target& t) {
    if (mode > kMigEnabled || !activation) return kInvalidArgument;
    return set_mig_mode(call, t.gpu, mode == kMigEnabled, *activation);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMaxMigDeviceCount(Device device, u32* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.spec.model->mig && t.state.mig ? t.spec.model->mig->max_devices : 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, u32 index, Device* out) {
  return on_capable(__func__, device, false, [&](Call& call, const Target& t) {
    if (!t.state.mig) return kNotSupported;
    if (!out || index >= t.spec.model->mig->max_devices) return kInvalidArgument;
    const Device handle = mig_handle(*call.state, t.gpu, index);
    if (!find_target(call, handle)) return kNotFound;
    *out = handle;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device device, Device* out) {
  return on_mig(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = device_handle(*call.state, t.gpu);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceIsMigDeviceHandle(Device device, u32* out) {
  return on_device(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.is_mig() ? 1 : 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceId(Device device, u32* out) {
  return on_mig(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.gi->id;
    return kSuccess;
  });
}
TESSERA_EXPORT Return nvmlDeviceGetComputeInstanceId(Device device, u32* out) {
  return on_mig(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.ci->id;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetAttributes_v2(Device device, DeviceAttributes* out) {
  return on_mig(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    const MigProfile& profile = profile_of(t.spec, *t.gi);
    *out = {};
    out->multiprocessorCount = compute_sm(*t.spec.model->mig, profile, t.ci->profile);
    out->sharedCopyEngineCount = profile.copy_engines;
    out->sharedDecoderCount = profile.decoders;
    out->sharedEncoderCount = profile.encoders;
    out->sharedJpegCount = profile.jpegs;
    out->sharedOfaCount = profile.ofas;
    out->gpuInstanceSliceCount = profile.compute_slices;
    out->computeInstanceSliceCount = compute_shape(t.ci->profile)->slices;
    out->memorySizeMB = profile.memory_mib;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceProfileInfo(Device device, u32 index, GpuInstanceProfileInfo* out) {
  return on_capable(__func__, device, false, [&](Call&, const Target& t) {
    const MigProfile* profile = nullptr;
    if (!out) return kInvalidArgument;
    if (const Return missing = profile_by_index(t, index, profile); missing != kSuccess) return missing;
    *out = {};
    fill(*profile, *out);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceProfileInfoV(Device device, u32 index, void* out) {
  return on_capable(__func__, device, false, [&](Call&, const Target& t) {
    const MigProfile* profile = nullptr;
    if (!out) return kInvalidArgument;
    if (const Return missing = profile_by_index(t, index, profile); missing != kSuccess) return missing;
    return give_profile(*profile, out);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceProfileInfoByIdV(Device device, u32 id, void* out) {
  return on_capable(__func__, device, false, [&](Call&, const Target& t) {
    const MigProfile* profile = t.spec.model->mig->by_id(id);
    if (!profile || !out) return kInvalidArgument;
    return give_profile(*profile, out);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstancePossiblePlacements_v2(Device device, u32 id, Placement* out, u32* count) {
  return on_capable(__func__, device, true, [&](Call&, const Target& t) {
    const MigProfile* profile = t.spec.model->mig->by_id(id);
    if (!profile || !count) return kInvalidArgument;
    const auto all = static_cast<u32>(profile->starts.size());
    if (out && *count < all) {
      *count = all;
      return kInsufficientSize;
    }
    *count = all;
    for (u32 i = 0; out && i < all; ++i) out[i] = {static_cast<u32>(profile->starts[i] - '0'), profile->size};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceRemainingCapacity(Device device, u32 id, u32* out) {
  return on_capable(__func__, device, true, [&](Call&, const Target& t) {
    const MigProfile* profile = t.spec.model->mig->by_id(id);
    if (!profile || !out) return kInvalidArgument;
    if (!t.state.mig) return kNotSupported;
    *out = remaining_capacity(*t.spec.model->mig, placed_on(t.spec, t.state), *profile);
    return kSuccess;
  });
}

namespace {
Return create(const char* function, Device device, u32 id, std::optional<Placement> where, GpuInstance* out) {
  return on_capable(function, device, true, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (!t.state.mig) return kNotSupported;
    const CreatedInstance made = create_instance(call, t.gpu, id, where);
    if (made.code == kSuccess) *out = instance_handle(t.gpu, made.instance);
    return made.code;
  });
}
}  // namespace

TESSERA_EXPORT Return nvmlDeviceCreateGpuInstance(Device device, u32 id, GpuInstance* out) {
  return create(__func__, device, id, std::nullopt, out);
}
TESSERA_EXPORT Return nvmlDeviceCreateGpuInstanceWithPlacement(Device device, u32 id, const Placement* where,
                                                               GpuInstance* out) {
  if (!where) return running_node() ? kInvalidArgument : kUninitialized;
  return create(__func__, device, id, *where, out);
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstances(Device device, u32 id, GpuInstance* out, u32* count) {
  return on_capable(__func__, device, true, [&](Call&, const Target& t) {
    const MigProfile* profile = t.spec.model->mig->by_id(id);
    if (!profile || !out || !count) return kInvalidArgument;
    if (!t.state.mig) return kNotSupported;
    u32 found = 0;
    for (const InstanceState& gi : t.state.instances)
      if (gi.profile == profile->index && found < profile->max_instances) out[found++] = instance_handle(t.gpu, gi);
    *count = found;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuInstanceById(Device device, u32 id, GpuInstance* out) {
  return on_capable(__func__, device, true, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    if (!t.state.mig) return kNotSupported;
    for (const InstanceState& gi : t.state.instances) {
      if (gi.id != id) continue;
      *out = instance_handle(t.gpu, gi);
      return kSuccess;
    }
    return kNotFound;
  });
}

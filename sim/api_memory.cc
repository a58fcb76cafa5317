// Memory and utilization.
#include <algorithm>
#include <cmath>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

constexpr u64 kMiB = 1048576;
constexpr u64 kInstanceReserveMiB = 16;

struct Amounts {
  u64 total, reserved, used;
};

Amounts amounts(Call& call, const Target& t) {
  Amounts out{};
  if (t.is_mig()) {
    out.total = profile_of(t.spec, *t.gi).memory_mib * kMiB;
    out.reserved = kInstanceReserveMiB * kMiB;
  } else {
    out.total = t.spec.model->memory_mib * kMiB;
    out.reserved = t.spec.model->reserved_mib * kMiB;
  }
  out.used = std::min<u64>(call.node.memory_used(*call.state, t.gpu, t.gi, call.now), out.total - out.reserved);
  return out;
}

// Totals over all instances are for the privileged.
bool may_see(const Call& call, const Target& t) { return t.is_mig() || !t.state.mig || call.privileged(); }

constexpr u32 kSampleMicroseconds = 166667;

// Engines: a share of the load, or what the processes say for themselves.
Return engine(const char* function, Device device, u32* percent, u32* period, double Activity::* factor,
              double ProcessSpec::* own) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (t.state.mig) return kNotSupported;
    if (!percent || !period) return kInvalidArgument;
    double sum = factor ? call.node.load(*call.state, t.gpu, nullptr, call.now) * (t.spec.activity.*factor) : 0;
    if (own)
      call.node.each_process(*call.state, t.gpu, nullptr, call.now, [&](const LiveProcess& p) { sum += p.spec->*own; });
    *percent = static_cast<u32>(std::lround(std::min(sum, 100.0)));
    *period = kSampleMicroseconds;
    return kSuccess;
  });
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetMemoryInfo(Device device, Memory* out) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (!may_see(call, t)) return kNoPermission;
    const Amounts a = amounts(call, t);
    *out = {a.total, a.total - a.reserved - a.used, a.reserved + a.used};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2* out) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<MemoryV2>) return kArgumentVersionMismatch;
    if (!may_see(call, t)) return kNoPermission;
    const Amounts a = amounts(call, t);
    *out = {out->version, a.total, a.reserved, a.total - a.reserved - a.used, a.used};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetBAR1MemoryInfo(Device device, Bar1Memory* out) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (!may_see(call, t)) return kNoPermission;
    constexpr u64 kLarge = 131072 * kMiB, kSmall = 256 * kMiB, kUsed = 4 * kMiB;
    u64 total = t.spec.model->data_center ? kLarge : kSmall;
    if (t.is_mig()) total = total / t.spec.model->mig->memory_slices * profile_of(t.spec, *t.gi).size;
    *out = {total, total - kUsed, kUsed};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetUtilizationRates(Device device, Utilization* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (t.state.mig) return kNotSupported;
    if (!out) return kInvalidArgument;
    const double load = call.node.load(*call.state, t.gpu, nullptr, call.now);
    out->gpu = static_cast<u32>(std::lround(load));
    out->memory = static_cast<u32>(std::lround(std::min(load * t.spec.activity.memory, 100.0)));
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetEncoderUtilization(Device device, u32* percent, u32* period) {
  return engine(__func__, device, percent, period, &Activity::encoder, &ProcessSpec::encoder);
}
TESSERA_EXPORT Return nvmlDeviceGetDecoderUtilization(Device device, u32* percent, u32* period) {
  return engine(__func__, device, percent, period, &Activity::decoder, &ProcessSpec::decoder);
}

namespace {
// JPEG and optical-flow engines: from Turing on, and idle unless somebody simulates media work.
Return idle_engine(const char* function, Device device, u32* percent, u32* period) {
  return on_gpu(function, device, [&](Call&, const Target& t) {
    if (t.state.mig || t.spec.model->architecture < kTuring) return kNotSupported;
    if (!percent || !period) return kInvalidArgument;
    *percent = 0;
    *period = kSampleMicroseconds;
    return kSuccess;
  });
}
}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetJpgUtilization(Device device, u32* percent, u32* period) {
  return idle_engine(__func__, device, percent, period);
}
TESSERA_EXPORT Return nvmlDeviceGetOfaUtilization(Device device, u32* percent, u32* period) {
  return idle_engine(__func__, device, percent, period);
}

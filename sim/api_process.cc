// Process lists and process utilization.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

enum class List { Compute, Graphics, Mps };

bool belongs(ProcessType type, List list) {
  switch (type) {
    case ProcessType::Compute:
      return list == List::Compute;
    case ProcessType::Graphics:
      return list == List::Graphics;
    case ProcessType::ComputeAndGraphics:
      return list != List::Mps;
    case ProcessType::Mps:
      return list == List::Mps;
  }
  return false;
}

// One entry in its widest form. Shorter forms are its front part.
std::vector<ProcessDetail> entries(Call& call, const Target& t, std::optional<List> list) {
  std::vector<ProcessDetail> out;
  const auto add = [&](const InstanceState* gi, std::optional<unsigned> only_compute) {
    call.node.each_process(*call.state, t.gpu, gi, call.now, [&](const LiveProcess& process) {
      if (list && !belongs(process.spec->type, *list)) return;
      if (only_compute && process.spec->compute != *only_compute) return;
      ProcessDetail entry{};
      entry.pid = process.pid;
      entry.usedGpuMemory = process.spec->memory.value_or(kNoValue64);
      entry.gpuInstanceId = gi ? gi->id : kNoInstance;
      entry.computeInstanceId = gi ? static_cast<u32>(process.spec->compute) : kNoInstance;
      out.push_back(entry);
    });
  };
  if (t.is_mig()) {
    add(t.gi, t.ci->id);
  } else if (t.state.mig) {
    for (const InstanceState& gi : t.state.instances) add(&gi, std::nullopt);
  } else {
    add(nullptr, std::nullopt);
  }
  return out;
}

// The size protocol of the lists, for entries of `stride` bytes.
Return running(const char* function, Device device, u32* count, void* out, List list, std::size_t stride) {
  return on_device(function, device, [&](Call& call, const Target& t) {
    if (!count) return kInvalidArgument;
    if (t.state.mig && !t.is_mig() && !call.privileged()) return kNoPermission;
    const auto found = entries(call, t, list);
    const u32 room = *count;
    *count = static_cast<u32>(found.size());
    if (found.size() > room) return kInsufficientSize;
    if (!found.empty() && !out) return kInvalidArgument;
    for (std::size_t i = 0; i < found.size(); ++i) std::memcpy(static_cast<char*>(out) + i * stride, &found[i], stride);
    return kSuccess;
  });
}

// Some drivers write a wider entry from the _v3 calls without saying so.
std::size_t v3_stride() {
  const auto node = running_node();
  if (!node) return sizeof(ProcessInfo);
  const bool wide = node->store().current()->stride32.value_or(node->spec().driver.stride32 || generation().stride32);
  return wide ? sizeof(ProcessDetail) : sizeof(ProcessInfo);
}

// The driver keeps a few samples per process, half a second apart, and only of those that used something.
constexpr std::int64_t kSampleStep = 500'000;
constexpr std::int64_t kKeptSamples = 4;

std::vector<ProcessUtilizationInfo> samples(Call& call, const Target& t, u64 last_seen) {
  std::vector<ProcessUtilizationInfo> out;
  const std::int64_t newest = call.now / kSampleStep * kSampleStep;
  for (std::int64_t at = newest - (kKeptSamples - 1) * kSampleStep; at <= newest; at += kSampleStep) {
    if (static_cast<u64>(at) <= last_seen) continue;
    call.node.each_process(*call.state, t.gpu, nullptr, at, [&](const LiveProcess& process) {
      const double sm = call.node.process_load(*call.state, t.gpu, process, at);
      ProcessUtilizationInfo sample{};
      sample.timeStamp = static_cast<u64>(at);
      sample.pid = process.pid;
      sample.smUtil = static_cast<u32>(std::lround(sm));
      sample.memUtil = static_cast<u32>(std::lround(std::min(sm * t.spec.activity.memory, 100.0)));
      sample.encUtil = static_cast<u32>(std::lround(process.spec->encoder));
      sample.decUtil = static_cast<u32>(std::lround(process.spec->decoder));
      if (sample.smUtil + sample.memUtil + sample.encUtil + sample.decUtil > 0) out.push_back(sample);
    });
  }
  return out;
}

}  // namespace

#define RUNNING(symbol, entry, list, stride)                            \
  TESSERA_EXPORT Return symbol(Device device, u32* count, entry* out) { \
    return running(__func__, device, count, out, list, stride);         \
  }
RUNNING(nvmlDeviceGetComputeRunningProcesses, ProcessInfoV1, List::Compute, sizeof(ProcessInfoV1))
RUNNING(nvmlDeviceGetComputeRunningProcesses_v2, ProcessInfo, List::Compute, sizeof(ProcessInfo))
RUNNING(nvmlDeviceGetComputeRunningProcesses_v3, ProcessInfo, List::Compute, v3_stride())
RUNNING(nvmlDeviceGetGraphicsRunningProcesses, ProcessInfoV1, List::Graphics, sizeof(ProcessInfoV1))
RUNNING(nvmlDeviceGetGraphicsRunningProcesses_v2, ProcessInfo, List::Graphics, sizeof(ProcessInfo))
RUNNING(nvmlDeviceGetGraphicsRunningProcesses_v3, ProcessInfo, List::Graphics, v3_stride())
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses, ProcessInfoV1, List::Mps, sizeof(ProcessInfoV1))
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses_v2, ProcessInfo, List::Mps, sizeof(ProcessInfo))
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses_v3, ProcessInfo, List::Mps, v3_stride())
#undef RUNNING

TESSERA_EXPORT Return nvmlDeviceGetRunningProcessDetailList(Device device, ProcessDetailList* out) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<ProcessDetailList>) return kArgumentVersionMismatch;
    if (t.spec.model->architecture < kHopper) return kNotSupported;
    if (t.state.mig && !t.is_mig() && !call.privileged()) return kNoPermission;
    constexpr unsigned kAllSince = 1303;
    if (out->mode > kProcessAll || (out->mode == kProcessAll && generation().header < kAllSince))
      return kInvalidArgument;
    const auto list = out->mode == kProcessAll ? std::nullopt : std::optional(static_cast<List>(out->mode));
    const auto found = entries(call, t, list);
    const u32 room = out->procArray ? out->numProcArrayEntries : 0;
    out->numProcArrayEntries = static_cast<u32>(found.size());
    if (found.size() > room) return kInsufficientSize;
    std::copy(found.begin(), found.end(), out->procArray);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetConfComputeMemSizeInfo(Device device, ConfComputeMemSizeInfo* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = {0, u64{t.spec.model->memory_mib} * 1024};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetProcessUtilization(Device device, ProcessUtilizationSample* out, u32* count,
                                                      u64 last_seen) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (t.state.mig) return kNotSupported;
    if (!count) return kInvalidArgument;
    const auto found = samples(call, t, last_seen);
    const u32 room = out ? *count : 0;
    if (found.empty()) {
      *count = 0;
      return kNotFound;
    }
    *count = static_cast<u32>(found.size());
    if (found.size() > room) return kInsufficientSize;
    std::transform(found.begin(), found.end(), out, [](const ProcessUtilizationInfo& s) {
      return ProcessUtilizationSample{s.pid, s.timeStamp, s.smUtil, s.memUtil, s.encUtil, s.decUtil};
    });
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetProcessesUtilizationInfo(Device device, ProcessesUtilizationInfo* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<ProcessesUtilizationInfo>) return kArgumentVersionMismatch;
    if (t.state.mig) return kNotSupported;
    const auto found = samples(call, t, out->lastSeenTimeStamp);
    const u32 room = out->procUtilArray ? out->processSamplesCount : 0;
    out->processSamplesCount = static_cast<u32>(found.size());
    if (found.empty()) return kNotFound;
    if (found.size() > room) return kInsufficientSize;
    std::copy(found.begin(), found.end(), out->procUtilArray);
    return kSuccess;
  });
}

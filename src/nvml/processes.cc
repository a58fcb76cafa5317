#include "nvml/processes.h"

#include <algorithm>
#include <cstring>

namespace tessera::nvml {
namespace {

constexpr std::size_t kEntryBytes = static_cast<std::size_t>(Stride::Wide);
constexpr unsigned kSlack = 16;     // a list may grow between two calls
constexpr unsigned kMostTries = 5;  // and again
constexpr unsigned kMostEntries = 1U << 20U;

using WideList = abi::Return (*)(abi::Device, abi::u32*, abi::ProcessInfo*);
using NarrowList = abi::Return (*)(abi::Device, abi::u32*, abi::ProcessInfoV1*);

struct ListRow {
  ProcessList list;
  Call device_call;
  Call instance_call;
  WideList Api::* v3;
  WideList Api::* v2;
  NarrowList Api::* v1;
};
constexpr ListRow kLists[] = {
    {ProcessList::Compute, Call::ComputeProcesses, Call::InstanceComputeProcesses,
     &Api::nvmlDeviceGetComputeRunningProcesses_v3, &Api::nvmlDeviceGetComputeRunningProcesses_v2,
     &Api::nvmlDeviceGetComputeRunningProcesses},
    {ProcessList::Graphics, Call::GraphicsProcesses, Call::InstanceGraphicsProcesses,
     &Api::nvmlDeviceGetGraphicsRunningProcesses_v3, &Api::nvmlDeviceGetGraphicsRunningProcesses_v2,
     &Api::nvmlDeviceGetGraphicsRunningProcesses},
    {ProcessList::Mps, Call::MpsProcesses, Call::InstanceMpsProcesses, &Api::nvmlDeviceGetMPSComputeRunningProcesses_v3,
     &Api::nvmlDeviceGetMPSComputeRunningProcesses_v2, &Api::nvmlDeviceGetMPSComputeRunningProcesses},
};

template <class T>
T at(std::span<const std::byte> raw, std::size_t offset) {
  T out;
  std::memcpy(&out, raw.data() + offset, sizeof out);
  return out;
}

abi::ProcessInfo entry_at(std::span<const std::byte> raw, std::size_t index, Stride stride) {
  const auto bytes = raw.subspan(index * static_cast<std::size_t>(stride));
  if (stride != Stride::Narrow) return at<abi::ProcessInfo>(bytes, 0);
  const auto narrow = at<abi::ProcessInfoV1>(bytes, 0);
  return {narrow.pid, narrow.usedGpuMemory, abi::kNoInstance, abi::kNoInstance};
}

bool makes_sense(std::span<const std::byte> raw, std::size_t count, Stride stride,
                 std::optional<std::uint64_t> most_memory) {
  for (std::size_t i = 0; i < count; ++i) {
    const abi::ProcessInfo entry = entry_at(raw, i, stride);
    if (entry.pid == 0) return false;
    if (entry.usedGpuMemory != abi::kNoValue64 && most_memory && entry.usedGpuMemory > *most_memory) return false;
  }
  return true;
}

/// Whether the driver wrote more than `count` entries of this stride: the memory was zeroed before.
bool touched_beyond(std::span<const std::byte> raw, std::size_t count, Stride stride) {
  const auto tail = raw.first(count * kEntryBytes).subspan(count * static_cast<std::size_t>(stride));
  return std::ranges::any_of(tail, [](std::byte b) { return b != std::byte{0}; });
}

std::optional<unsigned> instance_id(unsigned id) { return id == abi::kNoInstance ? std::nullopt : std::optional(id); }

}  // namespace

bool writes_wide_entries(const Api& api) {
  return api.nvmlDeviceGetConfComputeMemSizeInfo && !api.nvmlDeviceGetRunningProcessDetailList;
}

Stride written_stride(std::span<const std::byte> raw, std::size_t count, Stride expected,
                      std::optional<std::uint64_t> most_memory) {
  count = std::min(count, raw.size() / kEntryBytes);
  if (expected == Stride::Narrow || count < 2) return expected;
  const Stride seen = touched_beyond(raw, count, Stride::Usual) ? Stride::Wide : Stride::Usual;
  const bool believed = makes_sense(raw, count, seen, most_memory) || !makes_sense(raw, count, expected, most_memory);
  return believed ? seen : expected;
}

std::vector<ProcessEntry> decode_processes(std::span<const std::byte> raw, std::size_t count, Stride stride) {
  count = std::min(count, raw.size() / kEntryBytes);
  std::vector<ProcessEntry> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const abi::ProcessInfo entry = entry_at(raw, i, stride);
    if (entry.pid == 0) continue;
    const bool told = entry.usedGpuMemory != abi::kNoValue64;
    out.push_back({entry.pid, told ? std::optional<std::uint64_t>(entry.usedGpuMemory) : std::nullopt,
                   instance_id(entry.gpuInstanceId), instance_id(entry.computeInstanceId)});
  }
  return out;
}

void merge_processes(std::vector<gpu::Process>& into, const std::vector<ProcessEntry>& entries, ProcessList list) {
  const auto key = [](const auto& p) { return std::tuple(p.pid, p.gpu_instance, p.compute_instance); };
  const auto before = [&](const gpu::Process& a, const auto& b) { return key(a) < key(b); };
  for (const ProcessEntry& entry : entries) {
    auto place = std::lower_bound(into.begin(), into.end(), entry, before);
    if (place == into.end() || key(*place) != key(entry)) {
      gpu::Process process;
      process.pid = entry.pid;
      process.gpu_instance = entry.gpu_instance;
      process.compute_instance = entry.compute_instance;
      place = into.insert(place, process);
    }
    // Each list tells the process's whole memory on the device, so they are not added.
    if (entry.used_memory_bytes)
      place->used_memory_bytes = std::max(place->used_memory_bytes.value_or(0), *entry.used_memory_bytes);
    place->compute |= list == ProcessList::Compute;
    place->graphics |= list == ProcessList::Graphics;
    place->mps |= list == ProcessList::Mps;
  }
}

void ProcessLists::read(Asking& asking, bool instance, std::optional<std::uint64_t> most_memory,
                        std::vector<gpu::Process>& out) {
  for (const ListRow& row : kLists) {
    const WideList v3 = asking.api.*row.v3;
    const WideList wide = v3 ? v3 : asking.api.*row.v2;
    const NarrowList narrow = asking.api.*row.v1;
    const Call call = instance ? row.instance_call : row.device_call;
    if (!asking.may_ask(call, wide || narrow)) continue;

    abi::Return code = abi::kInsufficientSize;
    unsigned capacity = static_cast<unsigned>(buffer_.size() * sizeof(std::uint64_t) / kEntryBytes);
    capacity = std::max(capacity, kSlack);
    unsigned count = 0;
    for (unsigned i = 0; i < kMostTries && code == abi::kInsufficientSize; ++i) {
      buffer_.assign(capacity * kEntryBytes / sizeof(std::uint64_t), 0);
      count = capacity;
      code = wide ? wide(asking.handle, &count, reinterpret_cast<abi::ProcessInfo*>(buffer_.data()))
                  : narrow(asking.handle, &count, reinterpret_cast<abi::ProcessInfoV1*>(buffer_.data()));
      if (code == abi::kInsufficientSize) capacity = std::min(std::max(count, capacity) + kSlack, kMostEntries);
    }
    if (!asking.note(call, code)) continue;
    const Stride expected = !wide ? Stride::Narrow : v3 && wide_ ? Stride::Wide : Stride::Usual;
    const auto raw = std::as_bytes(std::span(buffer_));
    const Stride stride = written_stride(raw, count, expected, most_memory);
    wide_met_ |= stride == Stride::Wide;
    merge_processes(out, decode_processes(raw, count, stride), row.list);
  }
}

std::map<unsigned, ProcessShare> mean_shares(std::span<const abi::ProcessUtilizationSample> samples,
                                             std::uint64_t last_seen) {
  struct Sum {
    double sm = 0, memory = 0, count = 0;
  };
  std::map<unsigned, Sum> sums;
  for (const auto& sample : samples) {
    if (sample.pid == 0 || sample.timeStamp <= last_seen || sample.smUtil > 100 || sample.memUtil > 100) continue;
    Sum& sum = sums[sample.pid];
    sum.sm += sample.smUtil;
    sum.memory += sample.memUtil;
    ++sum.count;
  }
  std::map<unsigned, ProcessShare> out;
  for (const auto& [pid, sum] : sums) out[pid] = {sum.sm / sum.count, sum.memory / sum.count};
  return out;
}

std::optional<std::map<unsigned, ProcessShare>> ProcessUtilization::ask(Asking& asking, std::size_t about) {
  unsigned count = static_cast<unsigned>(std::max(samples_.size(), about + kSlack));
  abi::Return code = abi::kInsufficientSize;
  for (unsigned i = 0; i < kMostTries && code == abi::kInsufficientSize; ++i) {
    samples_.assign(std::min(count, kMostEntries), {});
    count = static_cast<unsigned>(samples_.size());
    code = asking.api.nvmlDeviceGetProcessUtilization(asking.handle, samples_.data(), &count, last_seen_);
    if (code == abi::kInsufficientSize) count = std::max(count, static_cast<unsigned>(samples_.size())) + kSlack;
  }
  if (code == abi::kNotFound) return std::map<unsigned, ProcessShare>{};  // no new sample of anybody
  if (!asking.note(Call::ProcessUtilization, code)) return std::nullopt;
  samples_.resize(std::min<std::size_t>(count, samples_.size()));
  return mean_shares(samples_, last_seen_);
}

void ProcessUtilization::read(Asking& asking, std::uint64_t wall_us, std::vector<gpu::Process>& running) {
  constexpr std::uint64_t kIdleUs = std::chrono::microseconds(kIdleWindow).count();
  if (!asking.may_ask(Call::ProcessUtilization, asking.api.nvmlDeviceGetProcessUtilization != nullptr)) return;
  if (window_start_ == 0 || wall_us < window_start_) {  // the first look, or the clock was set back
    last_seen_ = window_start_ = wall_us;
    last_.reset();
    return;
  }
  const auto shares = ask(asking, running.size());
  if (!shares) return;
  const bool long_enough = wall_us - window_start_ >= kIdleUs;
  if (long_enough) {
    for (const auto& sample : samples_) last_seen_ = std::max<std::uint64_t>(last_seen_, sample.timeStamp);
    window_start_ = wall_us;
    last_ = *shares;
  }
  for (gpu::Process& process : running) {
    auto found = shares->find(process.pid);
    const bool now = found != shares->end();
    if (!now && !last_) continue;
    if (!now) found = last_->find(process.pid);
    const bool idle = !now && found == last_->end();
    process.sm_util_percent = idle ? 0 : found->second.sm_percent;
    process.memory_util_percent = idle ? 0 : found->second.memory_percent;
  }
}

}  // namespace tessera::nvml

#include "nvml/device_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "nvml/codes.h"
#include "nvml/identity.h"
#include "nvml/readings.h"

namespace tessera::nvml {
namespace {

using gpu::Health;
using gpu::Reading;

/// Facts that hardly ever change are read again this often.
constexpr std::chrono::minutes kRefresh{10};

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

std::uint64_t wall_us() {
  using std::chrono::microseconds, std::chrono::duration_cast, std::chrono::system_clock;
  return static_cast<std::uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

Health health_of(abi::Return code) {
  if (is_lost(code)) return Health::Lost;
  return code == abi::kNoPermission ? Health::Denied : Health::Failed;
}

}  // namespace

gpu::Device without_values(const gpu::Device& device) {
  gpu::Device out = device;
  out.readings = {};
  out.processes.clear();
  for (gpu::Instance& instance : out.instances) instance.readings = {};
  return out;
}

DeviceReader::DeviceReader(std::shared_ptr<const Library> library, std::shared_ptr<EventWatch> events, unsigned index)
    : library_(std::move(library)),
      events_(std::move(events)),
      api_(library_->api()),
      memory_(fmt::format("GPU {}", index)),
      lists_(writes_wide_entries(api_)) {
  known_.index = index;
}

gpu::Device DeviceReader::collect() {
  const SteadyTime started = steady_now();
  const auto finish = [&](gpu::Device device) {
    device.collection_seconds = std::chrono::duration<double>(steady_now() - started).count();
    return device;
  };
  driver_gone_ = false;
  abi::Device handle = nullptr;
  abi::Return code = api_.nvmlDeviceGetHandleByIndex_v2 ? api_.nvmlDeviceGetHandleByIndex_v2(known_.index, &handle)
                                                        : abi::kFunctionNotFound;
  if (code != abi::kSuccess) return finish(unhealthy(code, "nvmlDeviceGetHandleByIndex"));
  char uuid[abi::kUuidBuffer + 1] = {};
  code = api_.nvmlDeviceGetUUID ? api_.nvmlDeviceGetUUID(handle, uuid, abi::kUuidBuffer) : abi::kFunctionNotFound;
  if (code != abi::kSuccess) return finish(unhealthy(code, "nvmlDeviceGetUUID"));
  if (known_.uuid != uuid) begin(handle, uuid);
  if (started >= refresh_at_) refresh(handle);
  if (events_) events_->listen(handle, known_.uuid);

  Asking asking(api_, handle, Asking::Handle::Device, memory_, steady_now);
  read_mig_mode(asking);
  read_modes(asking, known_);
  gpu::Device out = known_;
  read_device(asking, out);
  // A layout that changes while it is read is read once more, so that no number lands on another instance.
  if (out.mig_enabled == true && !read_instances(asking, out, false)) read_instances(asking, out, true);
  profile(asking, out);
  out.clamped_values = clamped_;
  if (asking.broken() != abi::kSuccess) return finish(unhealthy(asking.broken(), "reading"));
  known_.memory_bytes = out.memory_bytes;
  return finish(std::move(out));
}

/// Another device than before has this index: nothing that was learned holds.
void DeviceReader::begin(abi::Device handle, const std::string& uuid) {
  gpu::Device fresh;
  fresh.index = known_.index;
  fresh.uuid = uuid;
  known_ = std::move(fresh);
  total_bytes_.reset();
  clamped_ = 0;
  fields_ = {};
  drop_layout({});
  refresh(handle);
  reread_profiles_ = true;
}

void DeviceReader::refresh(abi::Device handle) {
  read_identity(api_, handle, known_);
  const GpmSupport support = gpm_support(api_, handle);
  known_.profiling_supported = support.supported;
  known_.profiling_why = support.why;
  if (!support.supported) gpm_.reset();
  if (support.supported && !gpm_) gpm_ = std::make_unique<Gpm>(library_, std::nullopt);
  refresh_at_ = steady_now() + kRefresh;
}

gpu::Device DeviceReader::unhealthy(abi::Return code, const char* call) {
  gpu::Device out = known_;
  for (const MigDevice& device : layout_) out.instances.push_back(device.identity);
  out.clamped_values = clamped_;
  out.health = health_of(code);
  driver_gone_ = is_driver_gone(code);
  const std::string_view what_to_do = advice(code);
  out.why = fmt::format("{}: {}{}{}", call, describe(api_, code), what_to_do.empty() ? "" : ". ", what_to_do);
  // It may come back as another handle, after a reset: then everything is taken anew, registration of events included.
  if (is_lost(code) && events_ && !known_.uuid.empty()) events_->forget(known_.uuid);
  gpm_.reset();
  instance_gpm_.clear();
  utilization_.forget();
  forget_absences();
  refresh_at_ = {};
  return out;
}

void DeviceReader::read_mig_mode(Asking& asking) {
  abi::u32 current = 0;
  abi::u32 pending = 0;
  const auto before = known_.mig_enabled;
  known_.mig_pending.reset();
  if (asking.ask(Call::MigMode, api_.nvmlDeviceGetMigMode, &current, &pending)) {
    known_.mig_enabled = current == abi::kMigEnabled;
    if (pending != current) known_.mig_pending = pending == abi::kMigEnabled;
  } else if (asking.broken() == abi::kSuccess) {
    known_.mig_enabled.reset();
  }
  known_.max_mig_devices.reset();
  abi::u32 slots = 0;
  if (known_.mig_enabled && asking.ask(Call::MigSlots, api_.nvmlDeviceGetMaxMigDeviceCount, &slots))
    known_.max_mig_devices = slots;

  const std::uint64_t changes = events_ ? events_->mig_changes(known_.uuid) : 0;
  if (before == known_.mig_enabled && changes == mig_changes_) return;
  mig_changes_ = changes;
  reread_profiles_ |= before != known_.mig_enabled;
  forget_absences();
}

void DeviceReader::read_device(Asking& asking, gpu::Device& out) {
  const bool mig = out.mig_enabled == true;
  read_memory(asking, Call::MemoryV2, Call::Memory, out.readings);
  if (const auto total = out.readings[Reading::MemoryTotalBytes]) total_bytes_ = static_cast<std::uint64_t>(*total);
  if (reread_profiles_ && asking.broken() == abi::kSuccess) {
    known_.profiles = known_.mig_enabled ? read_profiles(asking, total_bytes_) : std::vector<gpu::Profile>{};
    const auto largest = std::ranges::max_element(known_.profiles, {}, &gpu::Profile::compute_slices);
    const bool any = largest != known_.profiles.end();
    known_.compute_slices = any ? largest->compute_slices : 1;
    // Outside MIG mode a device may have more SMs than all of its instances together.
    known_.sm_count = any && mig ? largest->sm_count : std::nullopt;
    known_.memory_bytes = any ? largest->memory_bytes : 0;
    reread_profiles_ = false;
    out.profiles = known_.profiles;
    out.compute_slices = known_.compute_slices;
    out.sm_count = known_.sm_count;
    out.memory_bytes = known_.memory_bytes;
  }
  // In MIG mode the driver tells the device's total to root only; the largest profile is then the nearest truth.
  if (total_bytes_) out.memory_bytes = *total_bytes_;
  read_scalars(asking, mig, out.readings);
  fields_.read(asking, out.readings);
  if (mig) return;
  lists_.read(asking, false, total_bytes_, out.processes);
  utilization_.read(asking, wall_us(), out.processes);
}

/// True if every instance answered for itself; on the last try those that did not are left out instead.
bool DeviceReader::read_instances(Asking& asking, gpu::Device& out, bool last_try) {
  out.instances.clear();
  out.processes.clear();
  auto layout = read_layout(asking, known_.profiles, layout_, total_bytes_);
  if (!layout) return true;
  if (!same_instances(*layout, layout_)) {
    drop_layout(std::move(*layout));
  } else {
    layout_ = std::move(*layout);  // the same instances, perhaps by other handles
  }
  for (const MigDevice& found : layout_)
    if (!read_instance(asking, found, out, last_try) && !last_try) return false;
  return true;
}

bool DeviceReader::read_instance(Asking& device, const MigDevice& found, gpu::Device& out, bool last_try) {
  Asking asking(api_, found.handle, last_try ? Asking::Handle::Device : Asking::Handle::Instance, memory_, steady_now);
  gpu::Instance instance = found.identity;
  std::vector<gpu::Process> processes;
  read_memory(asking, Call::InstanceMemoryV2, Call::InstanceMemory, instance.readings);
  lists_.read(asking, true, instance.memory_bytes, processes);
  // The driver reuses a handle for the next instance, so what was read is this instance's only if it still is.
  if (asking.broken() != abi::kSuccess || uuid_of(api_, found.handle) != instance.uuid) return false;
  for (gpu::Process& process : processes) {
    process.gpu_instance = instance.gpu_instance;
    process.compute_instance = instance.compute_instance;
    out.processes.push_back(process);
  }
  if (known_.profiling_supported && device.broken() == abi::kSuccess) {
    // Both compute instances of a GPU instance get its value: the driver cannot tell them apart.
    auto& gpm = instance_gpm_.try_emplace(instance.gpu_instance, library_, instance.gpu_instance).first->second;
    clamped_ += gpm.read(device, found.handle, instance.readings);
  }
  out.instances.push_back(std::move(instance));
  return true;
}

void DeviceReader::profile(Asking& asking, gpu::Device& out) {
  if (!gpm_ || asking.broken() != abi::kSuccess) return;
  clamped_ += gpm_->read(asking, nullptr, out.readings);
  const auto tx = out.readings[Reading::NvlinkTxBytesPerSecond];
  const auto rx = out.readings[Reading::NvlinkRxBytesPerSecond];
  // Links of the fifth generation have no counter for all links together; GPM has their sum.
  if (tx && rx && !out.readings[Reading::NvlinkMegabytesPerSecond])
    out.readings.set(Reading::NvlinkMegabytesPerSecond, (*tx + *rx) / 1024 / 1000);
}

void DeviceReader::forget_absences() {
  memory_.forget();
  fields_.forget_absences();
}

/// GPM samples die with the layout that they were taken of. What was absent may exist now, as remapped rows on a device
/// without instances; and an instance that went while it was asked has told nothing about the others.
void DeviceReader::drop_layout(Layout next) {
  forget_absences();
  layout_ = std::move(next);
  instance_gpm_.clear();
  gpm_.reset();
  if (known_.profiling_supported) gpm_ = std::make_unique<Gpm>(library_, std::nullopt);
}

}  // namespace tessera::nvml

#pragma once
// Everything about one device and its MIG instances, once per collection. Knows no threads and no deadlines: its calls
// last as long as the driver takes.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gpu/device.h"
#include "nvml/binding.h"
#include "nvml/calls.h"
#include "nvml/events.h"
#include "nvml/field_values.h"
#include "nvml/gpm.h"
#include "nvml/mig.h"
#include "nvml/processes.h"

namespace tessera::nvml {

/// What stays of a device that did not answer: who it is and how it is cut, but no reading and no process, which would
/// be old.
gpu::Device without_values(const gpu::Device& device);

class DeviceReader {
 public:
  /// `events` may be null.
  DeviceReader(std::shared_ptr<const Library> library, std::shared_ptr<EventWatch> events, unsigned index);

  /// The device that has this index now. Never fails: what went wrong is in its health and why.
  gpu::Device collect();

  /// Of the last answer: the driver itself is gone, not this device only.
  bool driver_gone() const { return driver_gone_; }
  /// Whether the driver has written process entries wider than its branch is known to.
  bool wide_entries_met() const { return lists_.wide_met(); }

 private:
  void begin(abi::Device handle, const std::string& uuid);
  void refresh(abi::Device handle);
  gpu::Device unhealthy(abi::Return code, const char* call);
  void read_mig_mode(Asking& asking);
  void read_device(Asking& asking, gpu::Device& out);
  bool read_instances(Asking& asking, gpu::Device& out, bool last_try);
  bool read_instance(Asking& device, const MigDevice& found, gpu::Device& out, bool last_try);
  void profile(Asking& asking, gpu::Device& out);
  void forget_absences();
  void drop_layout(Layout next);

  std::shared_ptr<const Library> library_;  // outlives the samples below, whose freeing calls into it
  std::shared_ptr<EventWatch> events_;
  const Api& api_;
  gpu::Device known_;  // identity, modes and profiles; no readings
  CallMemory memory_;
  SteadyTime refresh_at_;
  std::uint64_t mig_changes_ = 0;
  bool reread_profiles_ = false;
  std::optional<std::uint64_t> total_bytes_;
  Layout layout_;
  FieldValues fields_;
  ProcessLists lists_;
  ProcessUtilization utilization_;
  std::uint64_t clamped_ = 0;
  bool driver_gone_ = false;
  std::unique_ptr<Gpm> gpm_;
  std::map<unsigned, Gpm> instance_gpm_;  // by GPU instance
};

}  // namespace tessera::nvml

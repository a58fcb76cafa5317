#pragma once
// Cutting a device: GPU instances created at a placement of our choice, destroyed, and the MIG mode. The one part of
// this room that changes anything; all of it needs root, or the capability mig/config.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"
#include "nvml/binding.h"

namespace tessera::nvml {

/// A GPU instance as the driver lists it; unlike gpu::Instance also one that has no compute instance (yet).
struct StandingInstance {
  unsigned id = 0;
  unsigned profile = 0;  ///< gpu::Profile::id
  gpu::Placement placement;
  std::vector<unsigned> compute_instances;  ///< ids, ascending
  bool operator==(const StandingInstance&) const = default;
};

/// One device, for as long as this object lives: it holds the driver's library, so drop it when the work is done, for a
/// driver that is exchanged must be unloaded by all. Calls last as long as the driver takes.
///
/// Every error says what was tried, on what, the driver's answer and what to do. Its code tells what a caller can do:
/// Unavailable: in use, it may work later. Denied: rights are missing. NotFound: there is no such instance (any more).
/// Invalid: no room, not supported, or a driver too old. Internal: anything else, such as a lost device.
class MigWriter {
 public:
  /// `uuid` as gpu::Device::uuid.
  static Result<MigWriter> open(std::shared_ptr<const Library> library, const std::string& uuid);

  /// All GPU instances of these profiles, by placement. Nothing where MIG mode is off.
  Result<std::vector<StandingInstance>> instances(std::span<const gpu::Profile> profiles) const;

  /// A GPU instance with a compute instance over all of it. If the second cannot be had, the first is taken back.
  Result<void> create(const gpu::Profile& profile, gpu::Placement where) const;

  /// The compute instance over all of a GPU instance that has none.
  Result<void> complete(const StandingInstance& instance) const;

  /// Its compute instances, then the GPU instance itself; no other is touched. NotFound if under its id stands another
  /// by now. The driver refuses while a process is in it.
  Result<void> destroy(const StandingInstance& instance) const;

  /// For a device whose mode changes without a reset (Hopper and later): NVML may reset an earlier one by itself, so
  /// do not call this there. Unavailable while anything uses the device.
  Result<void> set_mode(bool on) const;

 private:
  MigWriter(std::shared_ptr<const Library> library, std::string uuid, abi::Device device)
      : library_(std::move(library)), uuid_(std::move(uuid)), device_(device) {}
  const Api& api() const { return library_->api(); }
  Result<abi::GpuInstance> find(const StandingInstance& instance, const std::string& tried) const;
  Result<std::vector<unsigned>> compute_instances(abi::GpuInstance instance, const std::string& tried) const;
  Result<void> cover(abi::GpuInstance instance, const std::string& tried) const;
  Error refusal(const std::string& tried, const char* function, abi::Return code) const;
  /// Calls a function of the driver, which an old one may lack.
  template <class... Parameters, class... Arguments>
  Result<void> call(const std::string& tried, const char* name, abi::Return (*function)(Parameters...),
                    Arguments... arguments) const;

  std::shared_ptr<const Library> library_;
  std::string uuid_;
  abi::Device device_;
};

}  // namespace tessera::nvml

#pragma once
// GPM: the profiling metrics that NVML has from Hopper on, computed by the driver from two samples of its counters.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "gpu/reading.h"
#include "nvml/binding.h"
#include "nvml/calls.h"
#include "nvml/rate.h"

namespace tessera::nvml {

/// One metric that we ask for. Ratios exist per GPU instance; the links belong to the whole device.
struct GpmRow {
  abi::u32 id;
  gpu::Reading reading;
  enum class Kind { Ratio, Link } kind;
};
std::span<const GpmRow> gpm_rows();

/// The driver's percent as a ratio, or its MiB/s as bytes per second; nothing where it is no number. A ratio above 1 is
/// cut to 1 and counted in `clamped`.
std::optional<double> gpm_value(GpmRow::Kind kind, double value, std::uint64_t& clamped);

/// Whether GPM answers on a device, and one sentence of why not.
struct GpmSupport {
  bool supported = false;
  std::string why;
};
GpmSupport gpm_support(const Api& api, abi::Device device);

/// The samples of one subject: a device, or one GPU instance of it. The newer one is kept for the next round.
class Gpm {
 public:
  /// Without `gpu_instance`: the whole device.
  Gpm(std::shared_ptr<const Library> library, std::optional<unsigned> gpu_instance)
      : library_(std::move(library)), gpu_instance_(gpu_instance) {}

  /// Sets the readings over the time since the round before; none in the first. A round less than 100 ms after the last
  /// one gives the last readings again, as the driver's rule wants. `device` is the physical device's;
  /// `mig_handle` serves drivers that sample an instance only by its own handle. Returns how many values were clamped.
  std::uint64_t read(Asking& device, abi::Device mig_handle, gpu::Readings& out);

 private:
  struct Free {
    std::shared_ptr<const Library> library;
    void operator()(abi::GpmSample sample) const;
  };
  using Sample = std::unique_ptr<std::remove_pointer_t<abi::GpmSample>, Free>;
  Sample allocate() const;
  bool take(Asking& device, abi::Device mig_handle, abi::GpmSample sample) const;
  std::uint64_t compute(const Api& api, gpu::Readings& out) const;

  std::shared_ptr<const Library> library_;
  std::optional<unsigned> gpu_instance_;
  Sample older_, newer_;
  bool sampled_ = false;  // newer_ holds a sample
  SteadyTime time_;
  gpu::Readings last_;
};

}  // namespace tessera::nvml

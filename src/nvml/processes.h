#pragma once
// Running processes: the driver's compute, graphics and MPS lists made one, and each process's share of the device.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "nvml/calls.h"

namespace tessera::nvml {

/// How many bytes the driver puts between two entries of a process list. The unsuffixed calls use 16, the later ones
/// 24; some drivers of branches 530 and early 535 write 32 from the `_v3` calls without a new name.
enum class Stride : std::size_t { Narrow = 16, Usual = 24, Wide = 32 };

/// Drivers with wide entries export the confidential-computing accessor but not yet the detail list.
bool writes_wide_entries(const Api& api);

/// One entry of one list.
struct ProcessEntry {
  unsigned pid = 0;
  std::optional<std::uint64_t> used_memory_bytes;
  std::optional<unsigned> gpu_instance;
  std::optional<unsigned> compute_instance;
  bool operator==(const ProcessEntry&) const = default;
};

/// The stride of `count` entries in memory that was zeroed before the driver wrote to it, and holds 32 bytes an entry.
/// What the driver really wrote tells it; `expected` decides where that makes no sense (a PID of 0, more memory than
/// `most_memory`), and for a single entry, which looks the same in both.
Stride written_stride(std::span<const std::byte> raw, std::size_t count, Stride expected,
                      std::optional<std::uint64_t> most_memory);
std::vector<ProcessEntry> decode_processes(std::span<const std::byte> raw, std::size_t count, Stride stride);

enum class ProcessList { Compute, Graphics, Mps };

/// Adds a list to the processes found so far: one process for each (pid, GPU instance, compute instance).
void merge_processes(std::vector<gpu::Process>& into, const std::vector<ProcessEntry>& entries, ProcessList list);

/// Mean of the samples newer than `last_seen` of each PID; samples above 100 % are not believed.
struct ProcessShare {
  double sm_percent = 0;
  double memory_percent = 0;
};
std::map<unsigned, ProcessShare> mean_shares(std::span<const abi::ProcessUtilizationSample> samples,
                                             std::uint64_t last_seen);

/// The three lists of one handle. Keeps its buffer, because the lists keep their length.
class ProcessLists {
 public:
  explicit ProcessLists(bool wide) : wide_(wide) {}
  /// `where`: the instance that the handle is, for entries that do not say.
  void read(Asking& asking, bool instance, std::optional<std::uint64_t> most_memory, std::vector<gpu::Process>& out);
  /// Whether this driver has ever written wide entries.
  bool wide_met() const { return wide_met_; }

 private:
  bool wide_;
  bool wide_met_ = false;
  std::vector<std::uint64_t> buffer_;
};

/// Each process's utilization over the last interval; not in MIG mode, where no driver has it.
class ProcessUtilization {
 public:
  /// The driver samples at least this often, and only who is busy: a process without a sample in a shorter time may be
  /// busy all the same.
  static constexpr Milliseconds kIdleWindow{900};

  /// Fills the utilization of `running`: the mean of the samples since the last round that was kIdleWindow long. One
  /// without any is 0 once the window is that long, and keeps its last value before that. Nothing at the first call,
  /// and nothing for one round after the wall clock was set back. `wall_us` is the wall clock now, in microseconds.
  void read(Asking& asking, std::uint64_t wall_us, std::vector<gpu::Process>& running);
  void forget() { *this = ProcessUtilization(); }

 private:
  /// Nothing where the driver has no answer.
  std::optional<std::map<unsigned, ProcessShare>> ask(Asking& asking, std::size_t about);

  std::vector<abi::ProcessUtilizationSample> samples_;    // the driver's last answer
  std::uint64_t last_seen_ = 0;                           // the newest sample before the window, by the driver
  std::uint64_t window_start_ = 0;                        // by our wall clock; 0: none yet
  std::optional<std::map<unsigned, ProcessShare>> last_;  // of the last window that was long enough
};

}  // namespace tessera::nvml

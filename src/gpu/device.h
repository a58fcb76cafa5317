#pragma once
// What one collection knows about the GPUs of a node: plain values, no behaviour, no driver.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gpu/reading.h"

namespace tessera::gpu {

/// An interval on the memory-slice axis of a device (NVML's GpuInstancePlacement).
struct Placement {
  unsigned start = 0;
  unsigned size = 0;
  auto operator<=>(const Placement&) const = default;
};

/// A GPU-instance profile that the driver offers on one device.
struct Profile {
  unsigned id = 0;   ///< the driver's profile id, device dependent
  std::string name;  ///< "1g.10gb", "1g.10gb+me"
  unsigned compute_slices = 0;
  std::optional<unsigned> sm_count;
  std::uint64_t memory_bytes = 0;
  unsigned max_instances = 0;
  std::vector<Placement> placements;  ///< legal ones; empty where the driver refuses to tell (needs root)
};

/// One MIG device: a compute instance (CI) within a GPU instance (GI).
struct Instance {
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
  std::string uuid;                    ///< "MIG-…"
  std::string profile;                 ///< "1g.10gb"; "1c.3g.40gb" where the CI is a part of its GI
  std::optional<Placement> placement;  ///< of the GI; absent where the driver refuses to tell (needs root)
  unsigned compute_slices = 0;         ///< of this CI: what it weighs
  unsigned gi_compute_slices = 0;      ///< of the whole GI
  std::optional<unsigned> sm_count;    ///< of this CI
  std::uint64_t memory_bytes = 0;      ///< of the GI, shared by its CIs
  Readings readings;
};

/// What NVML calls a running process, on a device or on one instance.
struct Process {
  unsigned pid = 0;  ///< exactly NVML's
  std::optional<unsigned> gpu_instance;
  std::optional<unsigned> compute_instance;
  bool compute = false;   ///< in the compute list
  bool graphics = false;  ///< in the graphics list
  bool mps = false;       ///< an MPS client
  std::optional<std::uint64_t> used_memory_bytes;
  std::optional<double> sm_util_percent;  ///< share of time over the last interval; absent in MIG mode
  std::optional<double> memory_util_percent;
};

/// Whether a device answered in this collection, and if not, why.
enum class Health { Up, Slow /* missed the deadline */, Lost, Denied, Failed };

struct Device {
  unsigned index = 0;
  std::string uuid;  ///< "GPU-…"; identifies the device, the index does not
  Health health = Health::Up;
  std::string why;  ///< one sentence when not Up
  std::string name;
  std::string pci_bus_id;  ///< "00000000:3B:00.0"
  std::optional<unsigned> minor;
  std::optional<int> numa_node;  ///< of its PCI slot, by the kernel; absent where the kernel does not know
  std::optional<std::string> serial;
  std::optional<std::string> architecture;        ///< "Hopper"
  std::optional<std::string> compute_capability;  ///< "9.0"
  std::optional<unsigned> compute_mode;           ///< NVML's number: 0 default, 2 prohibited, 3 exclusive process
  std::optional<bool> persistence_mode;
  std::optional<unsigned> virtualization_mode;
  std::optional<bool> ecc_enabled;
  std::optional<bool> mig_enabled;  ///< absent: not MIG-capable
  std::optional<bool> mig_pending;  ///< the mode after the next reset, where it differs
  std::optional<unsigned> max_mig_devices;
  unsigned compute_slices = 1;       ///< of the whole device: the largest profile's, 1 where there are no profiles
  std::optional<unsigned> sm_count;  ///< of the whole device
  std::uint64_t memory_bytes = 0;
  bool profiling_supported = false;  ///< GPM answers on this device
  std::string profiling_why;         ///< one sentence where it does not
  Readings readings;
  std::vector<Profile> profiles;
  std::vector<Instance> instances;
  std::vector<Process> processes;
  std::map<unsigned, std::uint64_t> xid_counts;  ///< XID code -> events since this program started
  std::uint64_t clamped_values = 0;              ///< ratios above 1 that were taken as 1, since this program started
  double collection_seconds = 0;                 ///< time its worker took for this collection
};

struct Driver {
  std::string version;
  std::string nvml_version;
  bool simulated = false;
  bool abi_mismatch = false;  ///< it writes process entries otherwise than its header says; they are read as written
};

struct Snapshot {
  std::int64_t time_ms = 0;  ///< epoch, UTC; end of the collection
  Driver driver;
  std::string inventory_why;  ///< one sentence where the list of devices could not be read; `devices` is then the last
  std::vector<Device> devices;  ///< by index
};

}  // namespace tessera::gpu

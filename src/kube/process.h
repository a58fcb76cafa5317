#pragma once
// Who a PID is: start time, command name, pod and container, read from a /proc tree. Guards against PID reuse by
// reading the start time before and after.
#include <filesystem>
#include <optional>
#include <string>

#include "base/duration.h"
#include "base/result.h"
#include "kube/cgroup.h"

namespace tessera::kube {

struct ProcessIdentity {
  unsigned pid = 0;
  std::uint64_t start_ticks = 0;  ///< clock ticks since boot (field 22 of stat): with the PID, identifies the process
  EpochMs start_time = 0;
  std::string command;  ///< comm, at most 15 bytes, may hold any byte
  CgroupOwner owner;    ///< empty for a host process
};

/// Why a process has no identity.
enum class Unidentified { Gone, NoAccess, Conflict /* two pods in its cgroup file */, Unreadable };

struct ProcessLookup {
  std::optional<ProcessIdentity> identity;
  Unidentified why = Unidentified::Gone;  ///< meaningful without identity only
  std::string detail;                     ///< error text for the log
};

/// Reads processes below `proc` ("/proc", or a mount or simulation of it).
class ProcessTable {
 public:
  explicit ProcessTable(std::filesystem::path proc);
  ProcessLookup look_up(unsigned pid) const;
  /// Start time alone (one small read): tells whether a cached identity still holds. nullopt when the process is gone.
  std::optional<std::uint64_t> start_ticks(unsigned pid) const;

 private:
  std::filesystem::path proc_;
  std::optional<EpochMs> boot_time_;  ///< btime of /proc/stat
};

/// What keeps attribution from working at all, found at start and rechecked now and then.
struct Blindness {
  bool no_proc = false;            ///< the /proc tree cannot be read
  bool no_host_pid = false;        ///< not in the initial PID namespace: NVML's PIDs are not ours
  bool cgroup_namespaced = false;  ///< in a private cgroup namespace: paths start with `/..`, pods may be cut off
  bool hidepid = false;            ///< other users' processes are hidden
  bool operator==(const Blindness&) const = default;
};
Blindness look_for_blindness(const std::filesystem::path& proc);

}  // namespace tessera::kube

#pragma once
// What one collection knows, complete: the driver's snapshot, joined with who the processes are and who holds what.
// A finished, immutable value: the page, the JSON view and the table are all made from it.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/duration.h"
#include "gpu/device.h"
#include "kube/process.h"

namespace tessera::agent {

/// A device, or one of its MIG instances: what a session runs on and what a pod holds.
struct Subject {
  std::string gpu;   ///< "0", or "<gpu>_<gi>_<ci>": "0_1_0"
  std::string uuid;  ///< of the physical device
  std::optional<unsigned> gpu_instance;
  std::optional<unsigned> compute_instance;
  /// The UUID identifies, the index in `gpu` can change while we run.
  auto identity() const { return std::tie(uuid, gpu_instance, compute_instance); }
  bool operator==(const Subject& other) const {  // the numbers first: most that are compared are of one device
    return gpu_instance == other.gpu_instance && compute_instance == other.compute_instance && uuid == other.uuid;
  }
  auto operator<=>(const Subject& other) const { return identity() <=> other.identity(); }
};
/// `Subject::gpu`: the index, or "<gpu>_<gi>_<ci>".
std::string gpu_name(unsigned index, std::optional<unsigned> gpu_instance, std::optional<unsigned> compute_instance);
Subject subject_of(const gpu::Device& device);
Subject subject_of(const gpu::Device& device, const gpu::Instance& instance);

/// Whether the device's sessions are known: one that hangs or may not be opened lists nothing; one that is lost has
/// none any more.
bool lists_sessions(const gpu::Device& device);

struct Workload {
  std::string space;  ///< namespace
  std::string pod;
  std::string container;
  std::string pod_uid;
  auto operator<=>(const Workload&) const = default;
};

/// How sure we are of whose a process is, and where not, why.
enum class Outcome {
  Pod,       ///< pod and names known
  Holder,    ///< pod UID known, its names from the kubelet: its pod alone holds what it runs on
  Unnamed,   ///< pod UID known, its names not (yet)
  Host,      ///< not in a pod's cgroup
  Gone,      ///< ended between the driver's list and our look
  NoAccess,  ///< /proc does not let us look
  Conflict   ///< its cgroup file names two pods
};
inline constexpr std::size_t kOutcomeCount = 7;
std::string_view outcome_name(Outcome outcome);

/// A process using a subject. Identified by subject, PID and process start; start_ticks 0 where unknown.
struct Session {
  Subject subject;
  unsigned pid = 0;
  std::uint64_t start_ticks = 0;
  EpochMs start_time = 0;  ///< of the process; 0 where unknown
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
  std::string command;  ///< empty where unknown
  Workload workload;
  std::string container_id;  ///< empty where unknown
  Outcome outcome = Outcome::Gone;
  std::string type;  ///< C, G, C+G, M+C: as nvidia-smi shows it
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> memory_ratio;  ///< of the device or instance, 0..1
  std::optional<double> sm_percent;
  std::optional<double> memory_percent;
  std::uint64_t peak_memory_bytes = 0;
  bool unallocated = false;  ///< surely runs on what its pod does not hold; meaningful where allocations are known
};

/// A container holding a subject by the kubelet's word.
struct Allocation {
  Subject subject;
  Workload workload;
  std::string resource;
  bool shared = false;    ///< through replicas: others may hold the same subject
  unsigned replicas = 0;  ///< of it held by this container, where shared
  /// Whether a process of the pod runs on the subject; absent where that cannot be seen, or a process there may be its.
  std::optional<bool> used;
};

/// What the kubelet said, and how well it could be asked.
struct AllocationState {
  bool known = false;   ///< the list is of a time when the kubelet answered, not older than three polls
  EpochMs asked = 0;    ///< when the kubelet was asked for this list
  std::string problem;  ///< of the last call, empty if it went well
  std::uint64_t failures = 0;
  std::vector<Allocation> list;
  std::size_t unmatched = 0;  ///< held devices that no device here bears
  std::vector<Workload> unmatched_holders;
};

struct HeldSeconds {
  Subject subject;
  Workload workload;
  std::string resource;
  double seconds = 0;
};

struct Observation {
  EpochMs time = 0;
  bool driver_up = false;
  std::string driver_problem;  ///< why not up
  gpu::Snapshot snapshot;
  kube::Blindness blindness;
  std::string names_problem;      ///< why pod names cannot be found, empty if they can
  std::vector<Session> sessions;  ///< running, ordered by subject and PID
  std::vector<Session> ended;     ///< in the last five minutes
  bool kubernetes = true;         ///< attribution to pods is switched on
  AllocationState allocations;
  std::map<Subject, std::uint64_t> sessions_started;  ///< since the agent started, by subject
  std::vector<HeldSeconds> held;                      ///< since the agent started
  std::uint64_t dropped_sessions = 0;                 ///< over the limit, since the agent started
  std::uint64_t dropped_ended = 0;                    ///< the same of ended ones
  double collection_seconds = 0;
  std::uint64_t collections = 0;

  /// Whether process rows may be shown: without the host's PID namespace the driver's PIDs are not ours to name.
  bool sessions_known() const { return !blindness.no_host_pid && !blindness.no_proc; }
  /// Devices whose sessions are known over all, 0..1; absent where no device is known.
  std::optional<double> sessions_coverage() const;
};

}  // namespace tessera::agent

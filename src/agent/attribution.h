#pragma once
// Process truth: from the driver's process lists to sessions with pod and container.
#include <unordered_map>
#include <vector>

#include "agent/observation.h"
#include "kube/live_pids.h"
#include "kube/pod_names.h"
#include "kube/process.h"

namespace tessera::agent {

/// Owned by the collecting thread. Remembers who a PID is for as long as its start time stays, and looks again at its
/// cgroup every few minutes (a process can be moved) and while its pod has no name yet.
class Attribution {
 public:
  Attribution(const std::string& proc, const std::string& pod_logs);

  /// The running sessions of a snapshot, ordered by subject and PID, with first_seen unset.
  std::vector<Session> sessions(const gpu::Snapshot& snapshot, SteadyTime now);

  /// UID of a pod known by name, for holders that the kubelet names.
  std::string uid_of(const std::string& space, const std::string& pod, SteadyTime now);

  const std::optional<std::string>& names_problem() const { return names_.blind(); }

 private:
  struct Known {
    kube::ProcessLookup lookup;
    SteadyTime looked;
    bool seen = false;  ///< in the collection that is running
  };
  const kube::ProcessLookup& identify(unsigned pid, SteadyTime now);
  Session session_of(const gpu::Process& process, const Subject& subject, std::uint64_t capacity, SteadyTime now);

  kube::ProcessTable table_;
  kube::LivePids live_;
  kube::PodNames names_;
  std::unordered_map<unsigned, Known> known_;
};

/// "C", "G", "C+G", "M+C" as nvidia-smi shows it.
std::string process_type(const gpu::Process& process);

}  // namespace tessera::agent

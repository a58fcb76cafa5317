#pragma once
// Allocation truth: which container holds which device or instance, by the kubelet's word.
#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "agent/observation.h"
#include "base/latest.h"
#include "kube/pod_resources.h"

namespace tessera::agent {

struct KubeletReply {
  bool known = false;
  SteadyTime time;
  EpochMs asked = 0;  ///< when the answer in `held` was asked for
  std::string problem;
  std::uint64_t failures = 0;
  std::vector<kube::HeldDevice> held;
};

/// Asks the kubelet in a thread of its own, so that a hanging kubelet delays no collection. The last good list stands
/// for three polls, then it is unknown.
class KubeletPoll {
 public:
  KubeletPoll(std::string socket, Milliseconds period);
  /// One question now, in the calling thread: for runs that collect once.
  void ask();
  /// Starts the thread; it ends with this object.
  void start();
  /// For a thread that was started: an answer is wanted in two seconds or so, not at the end of the period.
  void ask_soon() { wanted_ = true; }
  std::shared_ptr<const KubeletReply> latest() const { return latest_.get(); }

 private:
  kube::PodResources kubelet_;
  Milliseconds period_;
  Latest<KubeletReply> latest_;
  std::atomic<bool> wanted_ = false;
  std::jthread thread_;
};

/// Joins held device ids with the devices of a snapshot: by GPU UUID, MIG UUID, minor number, GI id. Several replicas
/// of one subject in one container become one allocation. `uid_of` finds a pod's UID by namespace and name. Ids that
/// match no device here are counted in `unmatched`. Whether they are used is left open.
AllocationState match_allocations(const KubeletReply& reply, const gpu::Snapshot& snapshot,
                                  const std::vector<Session>& sessions,
                                  const std::function<std::string(const std::string&, const std::string&)>& uid_of);

/// Says of each allocation whether it is used, and of each session whether it is unallocated, as far as that can be
/// seen.
void judge_use(Observation& observation);

/// Whether a pod's process has begun since the kubelet was asked, on what its pod was not said to hold.
bool outdated(const Observation& observation);

}  // namespace tessera::agent

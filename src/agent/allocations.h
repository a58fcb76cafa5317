#pragma once
// Allocation truth: which container holds which device or instance, by the kubelet's word.
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
  std::shared_ptr<const KubeletReply> latest() const { return latest_.get(); }

 private:
  kube::PodResources kubelet_;
  Milliseconds period_;
  Latest<KubeletReply> latest_;
  std::jthread thread_;
};

/// Joins held device ids with the devices of a snapshot: by GPU UUID, MIG UUID, minor number, GI id. Several replicas
/// of one subject in one container become one allocation. `uid_of` finds a pod's UID by namespace and name. Ids that
/// match no device here are counted in `unmatched`.
AllocationState match_allocations(const KubeletReply& reply, const gpu::Snapshot& snapshot,
                                  const std::vector<Session>& sessions,
                                  const std::function<std::string(const std::string&, const std::string&)>& uid_of);

}  // namespace tessera::agent

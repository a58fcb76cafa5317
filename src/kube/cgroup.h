#pragma once
// From the text of /proc/PID/cgroup to the pod and container that it names. Pure; defined on any bytes.
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::kube {

/// Empty strings where the path does not say. A pod without container id is a process directly in the pod's cgroup.
struct CgroupOwner {
  std::string pod_uid;       ///< lower case with dashes; 32 hex digits without dashes for static pods
  std::string container_id;  ///< 64 lower-case hex digits
  std::string runtime;       ///< containerd, cri-o, docker, podman, nerdctl
  bool operator==(const CgroupOwner&) const = default;
};

/// Reads cgroup v1, v2 and hybrid files: lines `id:controllers:path`, split at the first two colons. A line with a pod
/// is preferred; lines that name two different pods are an error.
Result<CgroupOwner> parse_cgroup(std::string_view file);

}  // namespace tessera::kube

#pragma once
// A pod as the API server tells it: what is needed to find its metrics. Values of environment variables are never read:
// they may be secrets.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::kube {

struct ContainerPort {
  std::string name{};  ///< may be empty
  std::uint16_t number = 0;
  std::string protocol = "TCP";
  bool operator==(const ContainerPort&) const = default;
};

struct PodContainer {
  std::string name{};
  std::string image{};
  std::vector<std::string> command{}, args{};
  std::vector<ContainerPort> ports{};
  bool init = false;     ///< of spec.initContainers
  bool sidecar = false;  ///< an init container that goes on running (restartPolicy Always)
  std::string id{};      ///< "containerd://…" of the container that runs or ran last; empty: none yet
  bool operator==(const PodContainer&) const = default;
};

struct Pod {
  std::string space{};  ///< namespace
  std::string name{};
  std::string uid{};
  std::map<std::string, std::string> labels{}, annotations{};
  std::string phase{};             ///< Pending, Running, Succeeded, Failed, Unknown
  std::string ip{};                ///< empty: none yet
  std::vector<std::string> ips{};  ///< all, `ip` first
  std::string host_ip{};
  std::string node{};  ///< empty: not scheduled
  bool host_network = false;
  std::optional<bool> ready{};  ///< its Ready condition; absent: not known
  bool deleting = false;        ///< has a deletion timestamp
  std::string controller_kind{}, controller_name{};
  std::vector<PodContainer> containers{};  ///< init containers first, each part in the order of the spec
  bool operator==(const Pod&) const = default;
};

/// Invalid says what is not as the API promises; unknown members are passed over, and null is taken for absent.
Result<Pod> parse_pod(std::string_view json);

}  // namespace tessera::kube

#pragma once
// From pod UID and container id to names, without an API server: the kubelet's log directories name all three.
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::kube {

struct PodName {
  std::string space;  ///< namespace
  std::string pod;
  std::string container;  ///< empty where only the pod is known
  bool operator==(const PodName&) const = default;
};

/// A listing of <logs>/pods and <logs>/containers (as under /var/log). Not thread-safe: the collecting thread owns it.
/// Lists again when asked for an unknown id, at most once per second of `now`, and only where a directory has changed.
class PodNames {
 public:
  explicit PodNames(std::filesystem::path logs);
  /// nullptr-like nullopt where neither directory knows the pod or the container.
  std::optional<PodName> find(const std::string& pod_uid, const std::string& container_id, SteadyTime now);
  /// UID of the pod of that name, for holders that are known by name only (pod-resources has no UID). Of several, the
  /// newest. Lists again at most once per second of `now`, since a name can pass to a new pod.
  std::optional<std::string> uid_of(const std::string& space, const std::string& pod, SteadyTime now);
  /// Whether both directories could be listed at the last try; the error text if not. Names of ids that are already
  /// known stay.
  const std::optional<std::string>& blind() const { return blind_; }

 private:
  void list();
  bool may_list_again(SteadyTime now);

  std::filesystem::path logs_;
  std::unordered_map<std::string, PodName> by_container_;
  std::unordered_map<std::string, PodName> by_uid_;
  std::unordered_map<std::string, std::string> uid_by_name_;
  /// When the directories changed last, as seen before they were listed; the smallest time where one is not there.
  struct Stamps {
    std::filesystem::file_time_type pods = std::filesystem::file_time_type::min();
    std::filesystem::file_time_type containers = std::filesystem::file_time_type::min();
    bool operator==(const Stamps&) const = default;
  };

  std::optional<SteadyTime> asked_;
  Stamps stamps_;
  bool settled_ = false;  ///< a change after that listing shows in the stamps
  std::optional<std::string> blind_;
};

}  // namespace tessera::kube

#pragma once
// Inside the room: what the operator watches in the API server, and what it keeps of it.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/watch.h"
#include "operator/plan.h"

namespace tessera::operate {

/// A resource that is watched.
struct Source {
  std::string api_version, kind;
  std::string called;  ///< what it is found under: the kind, unless that is watched twice
  std::string path;
  std::string labels{}, fields{};  ///< selectors
  /// What is kept of an object; nullopt: nothing. Null: all of it.
  std::optional<nlohmann::ordered_json> (*keep)(const nlohmann::ordered_json& object) = nullptr;
};

/// What events of volumes that are not mounted are found under.
inline constexpr const char* kMountEvents = "MountEvent";

/// What the Secret of the webhook's certificate is found under.
inline constexpr const char* kAdmissionSecrets = "AdmissionSecret";

/// The resource itself, all kinds of which the operator makes objects, and what tells why pods do not come.
std::vector<Source> sources(const Facts& facts);

/// "/apis/apps/v1/daemonsets"; of one namespace where `home` is not empty.
std::string path_of(std::string_view api_version, std::string_view plural, std::string_view home = {});
/// Of one object of a kind of kinds(), or of a Secret.
std::string path_of(const ObjectKey& key, const Facts& facts);

// ---- What is kept, for tests

/// Reason of a pod whose containers are being made: no trouble, unless an event says that its volumes are not mounted.
inline constexpr const char* kBeingMade = "BeingMade";

/// Of a pod that does not come up: component, pod, uid, node, container, image, reason, message.
std::optional<nlohmann::ordered_json> trouble_of_pod(const nlohmann::ordered_json& pod);
/// Of an event that says why a pod was not made: uid of its controller, message.
std::optional<nlohmann::ordered_json> refusal_of_event(const nlohmann::ordered_json& event);
/// Of an event that says why a volume is not mounted, such as a Secret that is not there: uid of the pod, message.
std::optional<nlohmann::ordered_json> mount_failure_of_event(const nlohmann::ordered_json& event);

}  // namespace tessera::operate

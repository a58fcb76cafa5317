#include "operator/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kOurs = "app.kubernetes.io/managed-by=tessera-operator";
/// Claims of a StatefulSet get their labels from its selector on older servers, which managed-by is no part of.
constexpr std::string_view kOurClaims = "app.kubernetes.io/part-of=tessera,app.kubernetes.io/instance";
constexpr std::size_t kLongestMessage = 400;

std::string text_at(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& part(const Json& object, const char* name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

/// What a waiting container means. A pull that failed and the pause before the next one alternate: they are one thing.
struct Waiting {
  std::string_view reason, meaning;
};
constexpr Waiting kWaiting[] = {{"ErrImagePull", "ImagePullFailing"},
                                {"ImagePullBackOff", "ImagePullFailing"},
                                {"InvalidImageName", "ImagePullFailing"},
                                {"ErrImageNeverPull", "ImagePullFailing"},
                                {"RegistryUnavailable", "ImagePullFailing"},
                                {"CreateContainerConfigError", "ContainerNotMade"},
                                {"CreateContainerError", "ContainerNotMade"},
                                {"RunContainerError", "ContainerNotMade"},
                                {"CrashLoopBackOff", "Crashing"}};

/// By name: what the operator may see of a kind may be that alone.
std::string named(std::string_view name) { return fmt::format("metadata.name={}", name); }

Json trouble(const Json& pod, std::string_view reason, std::string message) {
  const Json& metadata = part(pod, "metadata");
  return {{"component", text_at(part(metadata, "labels"), "app.kubernetes.io/component")},
          {"instance", text_at(part(metadata, "labels"), "app.kubernetes.io/instance")},
          {"pod", text_at(metadata, "namespace") + '/' + text_at(metadata, "name")},
          {"uid", text_at(metadata, "uid")},
          {"node", text_at(part(pod, "spec"), "nodeName")},
          {"reason", reason},
          {"message", message.substr(0, kLongestMessage)}};
}

/// When the pod became ready, or ceased to be, as RFC 3339; empty where it does not say.
std::string ready_since(const Json& pod) {
  for (const Json& one : part(part(pod, "status"), "conditions"))
    if (text_at(one, "type") == "Ready") return text_at(one, "lastTransitionTime");
  return {};
}

/// Started anew more than once, and not ready since: the pause before the next start comes and goes, and it is one
/// thing.
bool ends_again_and_again(const Json& pod, const Json& status) {
  constexpr int kRestarts = 2;
  const Json &restarts = part(status, "restartCount"), &ready = part(status, "ready");
  if (!restarts.is_number_integer() || restarts.get<std::int64_t>() < kRestarts) return false;
  if (!ready.is_boolean() || ready.get<bool>()) return false;
  const std::string started = text_at(part(part(status, "state"), "running"), "startedAt");
  return started.empty() || ready_since(pod) <= started;  // else it was ready meanwhile
}

bool is_being_made(const Json& pod) {
  for (const auto* list : {"initContainerStatuses", "containerStatuses"})
    for (const Json& one : part(part(pod, "status"), list))
      if (text_at(part(part(one, "state"), "waiting"), "reason") == "ContainerCreating") return true;
  return false;
}

std::optional<Json> trouble_of_container(const Json& pod, const Json& status) {
  const Json& waiting = part(part(status, "state"), "waiting");
  std::string reason = text_at(waiting, "reason");
  if (reason.empty() && ends_again_and_again(pod, status)) reason = "CrashLoopBackOff";
  const auto* const row = std::ranges::find(kWaiting, reason, &Waiting::reason);
  if (row == std::end(kWaiting)) return std::nullopt;
  const std::string container = text_at(status, "name");
  if (row->meaning == "ImagePullFailing")
    return trouble(pod, row->meaning, fmt::format("image {} cannot be pulled", text_at(status, "image")));
  if (row->meaning == "Crashing")
    return trouble(pod, row->meaning, fmt::format("container {} ends again and again: see its log", container));
  return trouble(pod, row->meaning,
                 fmt::format("container {} is not made: {}: {}", container, reason, text_at(waiting, "message")));
}

}  // namespace

std::optional<Json> trouble_of_pod(const Json& pod) {
  const Json& status = part(pod, "status");
  for (const auto* list : {"initContainerStatuses", "containerStatuses"})
    for (const Json& one : part(status, list))
      if (auto found = trouble_of_container(pod, one)) return found;
  for (const Json& condition : part(status, "conditions"))
    if (text_at(condition, "type") == "PodScheduled" && text_at(condition, "reason") == "Unschedulable")
      return trouble(pod, "Unschedulable", fmt::format("no node takes it: {}", text_at(condition, "message")));
  if (is_being_made(pod)) return trouble(pod, kBeingMade, "");
  return std::nullopt;
}

std::optional<Json> refusal_of_event(const Json& event) {
  const Json& about = part(event, "involvedObject");
  const std::string kind = text_at(about, "kind");
  if (kind != "DaemonSet" && kind != "StatefulSet" && kind != "ReplicaSet") return std::nullopt;
  return Json{{"uid", text_at(about, "uid")}, {"message", text_at(event, "message").substr(0, kLongestMessage)}};
}

std::optional<Json> mount_failure_of_event(const Json& event) {
  const Json& about = part(event, "involvedObject");
  if (text_at(about, "kind") != "Pod") return std::nullopt;
  return Json{{"uid", text_at(about, "uid")}, {"message", text_at(event, "message").substr(0, kLongestMessage)}};
}

std::string path_of(std::string_view api_version, std::string_view plural, std::string_view home) {
  const std::string_view root = api_version.find('/') == std::string_view::npos ? "/api/" : "/apis/";
  return home.empty() ? fmt::format("{}{}/{}", root, api_version, plural)
                      : fmt::format("{}{}/namespaces/{}/{}", root, api_version, home, plural);
}

std::string path_of(const ObjectKey& key, const Facts& facts) {
  if (key.kind == "Secret") return path_of(key.api_version, "secrets", key.home) + '/' + key.name;
  const auto known = kinds(facts);
  const auto row = std::ranges::find(known, key.kind, &Kind::kind);
  return path_of(key.api_version, row->plural, key.home) + '/' + key.name;
}

std::vector<Source> sources(const Facts& facts) {
  const auto source = [](std::string_view api_version, std::string_view kind, std::string_view plural) {
    return Source{std::string(api_version), std::string(kind), std::string(kind), path_of(api_version, plural)};
  };
  std::vector<Source> out{source(kApiVersion, kKind, "gpumonitors")};
  for (const Kind& kind : kinds(facts)) {
    Source one = source(kind.api_version, kind.kind, kind.plural);
    // Of namespaces all: those of others matter too.
    if (kind.kind != "Namespace") one.labels = kind.kind == "PersistentVolumeClaim" ? kOurClaims : kOurs;
    if (kind.kind == kWebhookKind) one.fields = named(kAdmission);
    out.push_back(std::move(one));
  }
  Source keys = source("v1", "Secret", "secrets"), certificate = keys;
  keys.fields = named(kKeys);
  // That it is there, and nothing of what is in it.
  keys.keep = [](const Json& secret) { return std::optional(Json{{"metadata", part(secret, "metadata")}}); };
  certificate.fields = named(kAdmission);
  certificate.called = kAdmissionSecrets;
  certificate.keep = [](const Json& secret) {
    return std::optional(Json{{"metadata", part(secret, "metadata")}, {"data", part(secret, "data")}});
  };
  Source pods = source("v1", "Pod", "pods"), events = source("v1", "Event", "events");
  pods.labels = kOurs;
  pods.keep = trouble_of_pod;
  events.fields = "reason=FailedCreate";
  events.keep = refusal_of_event;
  Source mounts = events;
  mounts.called = kMountEvents;
  mounts.fields = "reason=FailedMount";
  mounts.keep = mount_failure_of_event;
  for (Source* one : {&keys, &certificate, &pods, &events, &mounts}) out.push_back(std::move(*one));
  return out;
}

}  // namespace tessera::operate

#include "tests/kube_stub/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/kube_stub/store_text.h"

namespace tessera::kube_stub {
namespace {

constexpr std::size_t kMaxHistory = 100'000;

std::string now_text() { return format_time(now_epoch_ms() / 1000 * 1000).substr(0, 19) + "Z"; }

}  // namespace

Answer status_answer(int code, std::string_view reason, const std::string& message) {
  return {code, std::make_shared<const Json>(Json{{"kind", "Status"},
                                                  {"apiVersion", "v1"},
                                                  {"metadata", Json::object()},
                                                  {"status", code < 400 ? "Success" : "Failure"},
                                                  {"message", message},
                                                  {"reason", reason},
                                                  {"code", code}})};
}

Store::Store()
    : resources_{
          {"", "v1", "namespaces", "Namespace", false, {"ns"}},
          {"", "v1", "nodes", "Node", false, {"no"}},
          {"", "v1", "pods", "Pod", true, {"po"}},
          {"", "v1", "resourcequotas", "ResourceQuota", true, {"quota"}},
          {"", "v1", "services", "Service", true, {"svc"}},
          {"", "v1", "configmaps", "ConfigMap", true, {"cm"}},
          {"", "v1", "secrets", "Secret", true, {}},
          {"", "v1", "serviceaccounts", "ServiceAccount", true, {"sa"}},
          {"", "v1", "events", "Event", true, {"ev"}},
          {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, {"pvc"}},
          {"apps", "v1", "daemonsets", "DaemonSet", true, {"ds"}},
          {"apps", "v1", "deployments", "Deployment", true, {"deploy"}},
          {"apps", "v1", "statefulsets", "StatefulSet", true, {"sts"}},
          {"coordination.k8s.io", "v1", "leases", "Lease", true, {}},
          {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true, {}},
          {"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false, {}},
          {"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false, {}},
          {"rbac.authorization.k8s.io", "v1", "roles", "Role", true, {}},
          {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true, {}},
          {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true, {"netpol"}},
          {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, {"pdb"}},
          {"admissionregistration.k8s.io",
           "v1",
           "mutatingwebhookconfigurations",
           "MutatingWebhookConfiguration",
           false,
           {}},
          {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false, {"crd"}}} {}

void Store::add_resource(Resource resource) {
  const std::lock_guard lock(mutex_);
  resources_.push_back(std::move(resource));
}

std::vector<Resource> Store::resources() const {
  const std::lock_guard lock(mutex_);
  return resources_;
}

const Object* Store::find(const Resource& resource, const Key& key) const {
  const auto kind = objects_.find(resource.id());
  if (kind == objects_.end()) return nullptr;
  const auto object = kind->second.find(key);
  return object == kind->second.end() ? nullptr : &object->second;
}

// The caller holds the lock. What the server owns in metadata is set here, whatever was sent.
Answer Store::write(const Resource& resource, const Key& key, Json object, Object before) {
  object["apiVersion"] = resource.api_version();
  object["kind"] = resource.kind;
  Json& metadata = object["metadata"];
  metadata["name"] = key.second;
  if (resource.namespaced) metadata["namespace"] = key.first;
  const Json old = before ? metadata_of(*before) : Json::object();
  if (before && text_at(metadata, "uid").empty()) metadata["uid"] = old.at("uid");
  if (text_at(metadata, "uid").empty()) metadata["uid"] = fmt::format("00000000-0000-4000-8000-{:012}", ++made_);
  metadata["creationTimestamp"] = before ? old.at("creationTimestamp") : Json(now_text());
  const bool respecified = before && before->value("spec", Json()) != object.value("spec", Json());
  if (old.contains("deletionTimestamp")) {
    metadata["deletionTimestamp"] = old["deletionTimestamp"];
    if (metadata.value("finalizers", Json::array()).empty()) return erase(resource, key, before);
  }
  metadata["generation"] = before ? old.value("generation", 1) + (respecified ? 1 : 0) : 1;
  if (before) {
    metadata["resourceVersion"] = old.at("resourceVersion");
    if (object == *before) return {200, before};  // nothing changed: no new version, no event
  }
  metadata["resourceVersion"] = std::to_string(++version_);
  const int code = before ? 200 : 201;
  const Object made = std::make_shared<const Json>(std::move(object));
  objects_[resource.id()][key] = made;
  history_.push_back({version_, resource.id(), std::move(before), made, made});
  if (history_.size() > kMaxHistory) {
    forgotten_ = history_.front().version;
    history_.pop_front();
  }
  changed_.notify_all();
  return {code, made};
}

Answer Store::get(const Resource& resource, const std::string& space, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const Object* const found = find(resource, {space, name});
  return found ? Answer{200, *found} : not_found(resource, name);
}

Answer Store::put(const Json& object) {
  const std::string api_version = text_at(object, "apiVersion");
  const std::string kind = text_at(object, "kind");
  const std::lock_guard lock(mutex_);
  const auto resource = std::find_if(resources_.begin(), resources_.end(), [&](const Resource& r) {
    return r.kind == kind && r.api_version() == api_version;
  });
  if (resource == resources_.end())
    return status_answer(404, "NotFound",
                         fmt::format("no resource of apiVersion '{}' and kind '{}'", api_version, kind));
  const Json metadata = metadata_of(object);
  const std::string space = text_at(metadata, "namespace");
  const Key key{!resource->namespaced ? "" : space.empty() ? "default" : space, text_at(metadata, "name")};
  if (key.second.empty()) return status_answer(422, "Invalid", "metadata.name: Required value");
  const Object* const found = find(*resource, key);
  return write(*resource, key, object, found ? *found : nullptr);
}

Store::Listing Store::list(const Resource& resource, const std::string& space) const {
  const std::lock_guard lock(mutex_);
  Listing listing;
  listing.version = version_;
  const auto kind = objects_.find(resource.id());
  if (kind == objects_.end()) return listing;
  for (const auto& [key, object] : kind->second)
    if (space.empty() || key.first == space) listing.items.push_back(object);
  return listing;
}

std::uint64_t Store::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

void Store::compact() {
  const std::lock_guard lock(mutex_);
  forgotten_ = version_;
  history_.clear();
}

bool Store::remembers(std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  return version >= forgotten_;
}

std::vector<Change> Store::changes_after(std::uint64_t version, SteadyTime deadline, std::uint64_t& wakes) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline,
                      [&] { return wakes_ != wakes || (!history_.empty() && history_.back().version > version); });
  wakes = wakes_;
  const auto first = std::upper_bound(history_.begin(), history_.end(), version,
                                      [](std::uint64_t v, const Change& change) { return v < change.version; });
  return {first, history_.end()};
}

void Store::wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

}  // namespace tessera::kube_stub

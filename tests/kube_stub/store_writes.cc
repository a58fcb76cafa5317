// What clients write: fields with their owners, status apart from the rest, and what goes with its owner.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/kube_stub/defaults.h"
#include "tests/kube_stub/ownership.h"
#include "tests/kube_stub/store.h"
#include "tests/kube_stub/store_text.h"

namespace tessera::kube_stub {
namespace {

Answer conflict(const Resource& resource, const std::string& name) {
  return status_answer(409, "Conflict",
                       fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been modified; please "
                                   "apply your changes to the latest version and try again",
                                   resource.plural, name));
}

bool stale(const Json& object, const Json& present) {
  const std::string wanted = text_at(metadata_of(object), "resourceVersion");
  return !wanted.empty() && wanted != text_at(metadata_of(present), "resourceVersion");
}

/// Kinds whose status is written by itself alone.
bool has_status(const std::string& kind) {
  static const char* const kKinds[] = {"Namespace",   "Node",
                                       "Pod",         "Service",
                                       "DaemonSet",   "Deployment",
                                       "StatefulSet", "PersistentVolumeClaim",
                                       "GpuMonitor",  "PodDisruptionBudget"};
  return std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds);
}

/// The status as it was, whatever a write beside it says.
void keep_status(Json& object, const Object& before) {
  object.erase("status");
  if (before && before->contains("status")) object["status"] = before->at("status");
}

/// What of a StatefulSet can never change.
Json fixed_part(const Json& object) {
  Json spec = object.value("spec", Json::object());
  for (const auto* name : {"replicas", "template", "updateStrategy", "minReadySeconds",
                           "persistentVolumeClaimRetentionPolicy", "revisionHistoryLimit", "ordinals"})
    spec.erase(name);
  return spec;
}

}  // namespace

void Store::ask_for_namespaces() {
  const std::lock_guard lock(mutex_);
  namespaces_ = true;
}

// The caller holds the lock.
bool Store::is_strict_fault(const Resource& resource, const Key& key, Answer& fault) const {
  if (!namespaces_ || !resource.namespaced) return false;
  const auto spaces = objects_.find("/namespaces");
  if (spaces != objects_.end() && spaces->second.contains({"", key.first})) return false;
  fault = status_answer(404, "NotFound", fmt::format("namespaces \"{}\" not found", key.first));
  return true;
}

// The caller holds the lock.
Answer Store::write_by_client(const Resource& resource, const Key& key, Json object, Object before) {
  if (Answer fault; !before && is_strict_fault(resource, key, fault)) return fault;
  set_defaults(object);
  if (before && resource.kind == "StatefulSet" && fixed_part(object) != fixed_part(*before))
    return status_answer(422, "Invalid",
                         fmt::format("StatefulSet.apps \"{}\" is invalid: spec: Forbidden: updates to statefulset spec "
                                     "for fields other than 'replicas', 'template', and 'updateStrategy' are forbidden",
                                     key.second));
  return write(resource, key, std::move(object), std::move(before));
}

Answer Store::create(const Resource& resource, const std::string& space, Json object, const Writer& writer) {
  const std::lock_guard lock(mutex_);
  std::string name = text_at(metadata_of(object), "name");
  if (const auto stem = text_at(metadata_of(object), "generateName"); name.empty() && !stem.empty())
    name = stem + fmt::format("{:05}", ++made_);
  if (name.empty())
    return status_answer(422, "Invalid", "metadata.name: Required value: name or generateName is required");
  if (find(resource, {space, name}))
    return status_answer(409, "AlreadyExists", fmt::format("{} \"{}\" already exists", resource.plural, name));
  if (has_status(resource.kind)) keep_status(object, nullptr);
  object["apiVersion"] = resource.api_version();
  note_update(nullptr, object, writer);
  return write_by_client(resource, {space, name}, std::move(object), nullptr);
}

Answer Store::replace(const Resource& resource, const std::string& space, const std::string& name, Json object,
                      const std::string& part, const Writer& writer) {
  const std::lock_guard lock(mutex_);
  const Object* const found = find(resource, {space, name});
  if (!found) return not_found(resource, name);
  if (stale(object, **found)) return conflict(resource, name);
  if (!part.empty()) {
    Json whole = **found;
    whole[part] = object.value(part, Json::object());
    return write(resource, {space, name}, std::move(whole), *found);
  }
  if (has_status(resource.kind)) keep_status(object, *found);
  object["apiVersion"] = resource.api_version();
  note_update(found->get(), object, writer);
  return write_by_client(resource, {space, name}, std::move(object), *found);
}

// The caller holds the lock.
Answer Store::apply(const Resource& resource, const Key& key, const Json& wanted, const Object* found,
                    const Writer& writer) {
  if (metadata_of(wanted).contains("managedFields"))
    return status_answer(400, "BadRequest", "metadata.managedFields must be nil");
  if (text_at(wanted, "apiVersion") != resource.api_version() || text_at(wanted, "kind") != resource.kind)
    return status_answer(400, "BadRequest", "the body's apiVersion and kind are not those of the path");
  if (found && stale(wanted, **found)) return conflict(resource, key.second);
  if (!found && !text_at(metadata_of(wanted), "resourceVersion").empty()) return not_found(resource, key.second);
  Json own = wanted;
  if (has_status(resource.kind)) own.erase("status");
  Applied made = applied(found ? found->get() : nullptr, own, writer);
  if (!made.conflicts.empty()) {
    Answer out = status_answer(409, "Conflict",
                               fmt::format("Apply failed with {} conflicts: conflict with \"{}\": {}",
                                           made.conflicts.size(), made.conflicts[0].manager, made.conflicts[0].field));
    Json body = *out.body;
    for (const auto& [manager, field] : made.conflicts)
      body["details"]["causes"].push_back({{"reason", "FieldManagerConflict"},
                                           {"message", fmt::format("conflict with \"{}\"", manager)},
                                           {"field", field}});
    return {409, std::make_shared<const Json>(std::move(body))};
  }
  if (found && has_status(resource.kind)) keep_status(made.object, *found);
  return write_by_client(resource, key, std::move(made.object), found ? *found : nullptr);
}

Answer Store::patch(const Resource& resource, const std::string& space, const std::string& name, const Json& patch,
                    const std::string& content_type, const std::string& part, const Writer& writer) {
  const std::lock_guard lock(mutex_);
  const Object* const found = find(resource, {space, name});
  if (content_type.starts_with("application/apply-patch") && part.empty())
    return apply(resource, {space, name}, patch, found, writer);
  if (!found) return not_found(resource, name);
  Json object = **found;
  if (content_type.starts_with("application/json-patch")) {
    try {
      object = object.patch(patch);
    } catch (const Json::exception& e) {
      return status_answer(422, "Invalid", e.what());
    }
  } else if (!patch.is_object()) {
    return status_answer(400, "BadRequest", "the patch is no object");
  } else if (stale(patch, **found)) {
    return conflict(resource, name);
  } else if (part.empty()) {
    object.merge_patch(patch);
  } else {
    object[part].merge_patch(patch.value(part, Json::object()));
  }
  if (!part.empty()) return write(resource, {space, name}, std::move(object), *found);
  if (has_status(resource.kind)) keep_status(object, *found);
  note_update(found->get(), object, writer);
  return write_by_client(resource, {space, name}, std::move(object), *found);
}

Answer Store::remove(const Resource& resource, const std::string& space, const std::string& name) {
  return remove(resource, space, name, Json::object());
}

Answer Store::remove(const Resource& resource, const std::string& space, const std::string& name, const Json& options) {
  const std::lock_guard lock(mutex_);
  const Object* const found = find(resource, {space, name});
  if (!found) return not_found(resource, name);
  const Json wanted = options.value("preconditions", Json::object());
  if (const std::string uid = text_at(wanted, "uid"); !uid.empty() && uid != text_at(metadata_of(**found), "uid"))
    return status_answer(409, "Conflict", "Precondition failed: UID in precondition is another one");
  const Object before = *found;
  if (text_at(options, "propagationPolicy") == "Orphan") collect(text_at(metadata_of(*before), "uid"), true);
  if (metadata_of(*before).value("finalizers", Json::array()).empty()) return erase(resource, {space, name}, before);
  if (metadata_of(*before).contains("deletionTimestamp")) return {200, before};
  Json going = *before;
  going["metadata"]["deletionTimestamp"] = going["metadata"]["creationTimestamp"];
  going["metadata"]["deletionGracePeriodSeconds"] = 0;
  return write(resource, {space, name}, std::move(going), before);
}

// The caller holds the lock.
Answer Store::erase(const Resource& resource, const Key& key, const Object& before) {
  const Object kept = before;  // `before` may be the place that is erased
  Json last = *kept;
  last["metadata"]["resourceVersion"] = std::to_string(++version_);
  const Object told = std::make_shared<const Json>(std::move(last));
  objects_[resource.id()].erase(key);
  history_.push_back({version_, resource.id(), kept, nullptr, told});
  changed_.notify_all();
  collect(text_at(metadata_of(*kept), "uid"), false);
  return {200, told};
}

/// Garbage collection, at once where the real one takes a second: what this was the last owner of goes too; orphans
/// only lose the owner. The caller holds the lock.
void Store::collect(const std::string& owner, bool orphan) {
  const auto resources = resources_;
  for (const Resource& resource : resources) {
    std::vector<std::pair<Key, Object>> owned;
    for (const auto& [key, object] : objects_[resource.id()])
      for (const Json& reference : metadata_of(*object).value("ownerReferences", Json::array()))
        if (text_at(reference, "uid") == owner) owned.emplace_back(key, object);
    for (const auto& [key, object] : owned) {
      Json left = *object;
      Json& owners = left["metadata"]["ownerReferences"];
      std::erase_if(owners.get_ref<Json::array_t&>(),
                    [&](const Json& reference) { return text_at(reference, "uid") == owner; });
      const bool last = owners.empty();
      if (last) left["metadata"].erase("ownerReferences");
      if (last && !orphan)
        erase(resource, key, object);
      else
        write(resource, key, std::move(left), object);
    }
  }
}

}  // namespace tessera::kube_stub

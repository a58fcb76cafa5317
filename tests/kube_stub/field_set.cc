#include "tests/kube_stub/field_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

/// Lists that merge, by name, and what their items are told apart by; no key: a set of plain values.
struct Merging {
  std::string_view list;
  std::string_view has;  // a member of the items, where one name is several lists
  std::vector<std::string> keys;
};
const Merging kMerging[] = {{"containers", "", {"name"}},
                            {"initContainers", "", {"name"}},
                            {"volumes", "", {"name"}},
                            {"env", "", {"name"}},
                            {"imagePullSecrets", "", {"name"}},
                            {"ownerReferences", "", {"uid"}},
                            {"volumeMounts", "", {"mountPath"}},
                            {"ports", "containerPort", {"containerPort", "protocol"}},
                            {"ports", "targetPort", {"port", "protocol"}},
                            {"conditions", "", {"type"}},
                            {"finalizers", "", {}}};

const Merging* merging(std::string_view list, const Json& items) {
  for (const Merging& one : kMerging)
    if (one.list == list && (one.has.empty() || (!items.empty() && items.front().contains(std::string(one.has)))))
      return &one;
  return nullptr;
}

std::string item_name(const Merging& by, const Json& item) {
  if (by.keys.empty()) return "v:" + item.dump();
  Json key = Json::object();
  for (const std::string& one : by.keys) key[one] = item.value(one, Json());
  return "k:" + key.dump();
}

void add_fields(const Json& value, std::string_view name, FieldPath& path, Fields& out) {
  const Merging* const by = value.is_array() && !value.empty() ? merging(name, value) : nullptr;
  if (!(value.is_object() && !value.empty()) && !by) {
    out.insert(path);
    return;
  }
  if (by) {
    for (const Json& item : value) {
      path.push_back(item_name(*by, item));
      out.insert(path);  // the item itself
      if (item.is_object()) add_fields(item, "", path, out);
      path.pop_back();
    }
    return;
  }
  for (const auto& [key, member] : value.items()) {
    path.push_back("f:" + key);
    add_fields(member, key, path, out);
    path.pop_back();
  }
}

Json* child(Json& at, const std::string& step, std::string_view list) {
  if (step.starts_with("f:")) {
    if (!at.is_object()) return nullptr;
    const auto found = at.find(step.substr(2));
    return found == at.end() ? nullptr : &*found;
  }
  const Merging* const by = at.is_array() ? merging(list, at) : nullptr;
  if (!by) return nullptr;
  const auto found = std::find_if(at.begin(), at.end(), [&](const Json& item) { return item_name(*by, item) == step; });
  return found == at.end() ? nullptr : &*found;
}

/// Where `path` leads, up to `steps` of it.
Json* walk(Json& object, const FieldPath& path, std::size_t steps) {
  Json* at = &object;
  std::string list;
  for (std::size_t i = 0; i < steps && at; ++i) {
    at = child(*at, path[i], list);
    list = path[i].substr(2);
  }
  return at;
}

void merge_into(Json& live, const Json& applied, std::string_view name) {
  const Merging* const by = applied.is_array() && !applied.empty() ? merging(name, applied) : nullptr;
  if (applied.is_object() && live.is_object()) {
    for (const auto& [key, value] : applied.items()) merge_into(live[key], value, key);
  } else if (by && live.is_array()) {
    for (const Json& item : applied) {
      Json* const same = child(live, item_name(*by, item), name);
      if (same)
        merge_into(*same, item, "");
      else
        live.push_back(item);
    }
  } else {
    live = applied;
  }
}

}  // namespace

Fields fields_of(const Json& object) {
  Json own = object;
  for (const auto* name : {"apiVersion", "kind", "status"}) own.erase(name);
  if (own.contains("metadata"))
    for (const auto* name : {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
                             "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"})
      own["metadata"].erase(name);
  if (own.contains("metadata") && own["metadata"].empty()) own.erase("metadata");
  Fields out;
  FieldPath path;
  if (!own.empty()) add_fields(own, "", path, out);
  return out;
}

const Json* value_at(const Json& object, const FieldPath& path) {
  return walk(const_cast<Json&>(object), path, path.size());
}

void remove_at(Json& object, const FieldPath& path) {
  Json* const parent = walk(object, path, path.size() - 1);
  if (!parent) return;
  if (path.back().starts_with("f:")) {
    if (parent->is_object()) parent->erase(path.back().substr(2));
    return;
  }
  const std::string list = path.size() > 1 ? path[path.size() - 2].substr(2) : "";
  if (Json* const item = child(*parent, path.back(), list)) parent->erase(parent->begin() + (item - &parent->front()));
}

Json merged(const Json& live, const Json& applied) {
  Json out = live;
  merge_into(out, applied, "");
  return out;
}

std::string dotted(const FieldPath& path) {
  std::string out;
  for (const std::string& step : path) {
    if (step.starts_with("f:")) {
      out += '.' + step.substr(2);
      continue;
    }
    out += '[';
    if (step.starts_with("v:")) {
      out += '=' + step.substr(2);
    } else {
      const Json keys = Json::parse(step.substr(2));
      for (const auto& [key, value] : keys.items())
        out += fmt::format("{}{}={}", out.back() == '[' ? "" : ",", key, value.dump());
    }
    out += ']';
  }
  return out;
}

Json fields_v1(const Fields& fields) {
  Json out = Json::object();
  for (const FieldPath& path : fields) {
    Json* at = &out;
    for (const std::string& step : path) at = &(*at)[step];
    if (path.back().starts_with("k:") || path.back().starts_with("v:"))
      (*at)["."] = Json::object();
    else if (at->is_null())
      *at = Json::object();
  }
  return out;
}

Fields from_fields_v1(const Json& tree) {
  Fields out;
  FieldPath path;
  const auto visit = [&](const auto& self, const Json& at) -> void {
    for (const auto& [step, below] : at.items()) {
      if (step == ".") {
        out.insert(path);
        continue;
      }
      path.push_back(step);
      if (below.empty())
        out.insert(path);
      else
        self(self, below);
      path.pop_back();
    }
  };
  visit(visit, tree);
  return out;
}

}  // namespace tessera::kube_stub

#include "tests/kube_stub/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tessera::kube_stub {
namespace {

constexpr const char* kGroup = "rbac.authorization.k8s.io";

Resource rbac(const char* plural, const char* kind, bool namespaced) {
  return {kGroup, "v1", plural, kind, namespaced, {}};
}

bool has(const Json& list, const std::string& value) {
  return list.is_array() &&
         std::any_of(list.begin(), list.end(), [&](const Json& one) { return one == value || one == "*"; });
}

bool fits(const Json& rule, const Ask& ask) {
  const Json names = rule.value("resourceNames", Json::array());
  return has(rule.value("apiGroups", Json()), ask.group) && has(rule.value("resources", Json()), ask.resource) &&
         has(rule.value("verbs", Json()), ask.verb) && (names.empty() || (!ask.name.empty() && has(names, ask.name)));
}

bool binds(const Json& binding, const std::string& user) {
  for (const Json& subject : binding.value("subjects", Json::array())) {
    const std::string name = subject.value("name", "");
    if (subject.value("kind", "") == "ServiceAccount" &&
        user == fmt::format("system:serviceaccount:{}:{}", subject.value("namespace", ""), name))
      return true;
    if (subject.value("kind", "") == "User" && user == name) return true;
  }
  return false;
}

Json rules_of(const Store& store, const Json& ref, const std::string& space) {
  const bool cluster = ref.value("kind", "") == "ClusterRole";
  const Answer role = cluster ? store.get(rbac("clusterroles", "ClusterRole", false), "", ref.value("name", ""))
                              : store.get(rbac("roles", "Role", true), space, ref.value("name", ""));
  return role.code == 200 ? role.body->value("rules", Json::array()) : Json::array();
}

bool any_fits(const Json& rules, const Ask& ask) {
  return std::any_of(rules.begin(), rules.end(), [&](const Json& rule) { return fits(rule, ask); });
}

bool covers(const Store& store, const std::string& user, const Json& rules, const std::string& space) {
  for (const Json& rule : rules)
    for (const Json& group : rule.value("apiGroups", Json::array()))
      for (const Json& resource : rule.value("resources", Json::array()))
        for (const Json& verb : rule.value("verbs", Json::array()))
          if (!is_allowed(store, {user, verb, group, resource, space, ""})) return false;
  return true;
}

}  // namespace

bool is_allowed(const Store& store, const Ask& ask) {
  for (const Object& binding : store.list(rbac("clusterrolebindings", "ClusterRoleBinding", false), "").items)
    if (binds(*binding, ask.user) && any_fits(rules_of(store, binding->at("roleRef"), ""), ask)) return true;
  if (ask.space.empty()) return false;
  for (const Object& binding : store.list(rbac("rolebindings", "RoleBinding", true), ask.space).items)
    if (binds(*binding, ask.user) && any_fits(rules_of(store, binding->at("roleRef"), ask.space), ask)) return true;
  return false;
}

bool may_grant(const Store& store, const std::string& user, const Json& object) {
  const std::string kind = object.value("kind", "");
  const std::string space = object.value("metadata", Json::object()).value("namespace", "");
  if (kind == "Role" || kind == "ClusterRole") return covers(store, user, object.value("rules", Json::array()), space);
  if (kind == "RoleBinding" || kind == "ClusterRoleBinding")
    return covers(store, user, rules_of(store, object.value("roleRef", Json::object()), space), space);
  return true;
}

}  // namespace tessera::kube_stub

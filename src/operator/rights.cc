#include "operator/rights.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

Json rule(std::string_view group, Json resources, Json verbs) {
  return {{"apiGroups", Json::array({group})}, {"resources", std::move(resources)}, {"verbs", std::move(verbs)}};
}

/// Of one object.
Json rule_of(std::string_view group, std::string_view plural, std::string_view name, Json verbs) {
  Json out = rule(group, Json::array({plural}), std::move(verbs));
  out["resourceNames"] = Json::array({name});
  return out;
}

constexpr std::string_view kWebhookGroup = "admissionregistration.k8s.io", kWebhooks = "mutatingwebhookconfigurations";

std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

/// To apply, to see what becomes of it, and to delete what is left over. A namespace is made and never deleted.
void add_kinds(Json& rules) {
  std::map<std::string_view, Json> by_group;
  for (const Kind& kind : kinds({}))
    if (kind.kind != "Namespace" && kind.kind != kWebhookKind)
      by_group[group_of(kind.api_version)].push_back(kind.plural);
  const Json verbs = Json::array({"get", "list", "watch", "create", "patch", "delete"});
  for (const auto& [group, resources] : by_group) rules.push_back(rule(group, resources, verbs));
  rules.push_back(rule("", Json::array({"namespaces"}), Json::array({"get", "list", "watch", "create", "patch"})));
}

}  // namespace

Json rights() {
  const Json read = Json::array({"get", "list", "watch"});
  Json rules = Json::array();
  // The resource itself: its finalizer, its status, and on clusters that check it the right to own.
  rules.push_back(rule(kGroup, Json::array({"gpumonitors"}), Json::array({"get", "list", "watch", "patch"})));
  rules.push_back(rule(kGroup, Json::array({"gpumonitors/status"}), Json::array({"get", "patch"})));
  rules.push_back(rule(kGroup, Json::array({"gpumonitors/finalizers"}), Json::array({"update"})));
  add_kinds(rules);
  // API keys are made once, and go with the resource; the webhook's certificate is renewed. Of all other Secrets, and
  // of what else API servers ask before they take a pod, the operator sees nothing.
  rules.push_back(rule("", Json::array({"secrets"}), Json::array({"create"})));
  rules.push_back(rule_of("", "secrets", kKeys, Json::array({"get", "list", "watch", "delete"})));
  rules.push_back(rule_of("", "secrets", kAdmission, Json::array({"get", "list", "watch", "patch", "delete"})));
  rules.push_back(rule(kWebhookGroup, Json::array({kWebhooks}), Json::array({"create"})));
  rules.push_back(
      rule_of(kWebhookGroup, kWebhooks, kAdmission, Json::array({"get", "list", "watch", "patch", "delete"})));
  // Why pods do not come, what targets match, and to tell of it.
  rules.push_back(rule("", Json::array({"pods"}), read));
  rules.push_back(rule("", Json::array({"events"}), Json::array({"list", "watch", "create"})));
  // Its own lease; the relays' leases, which it grants.
  rules.push_back(
      rule("coordination.k8s.io", Json::array({"leases"}), Json::array({"get", "list", "create", "update"})));
  // Granted to the server.
  rules.push_back(rule("", Json::array({"nodes", "resourcequotas"}), read));
  rules.push_back(rule("", Json::array({"pods"}), Json::array({"patch", "delete"})));
  rules.push_back(rule("", Json::array({"nodes"}), Json::array({"patch"})));
  rules.push_back(rule("metrics.k8s.io", Json::array({"nodes", "pods"}), Json::array({"get", "list"})));
  rules.push_back(rule("authentication.k8s.io", Json::array({"tokenreviews"}), Json::array({"create"})));
  return rules;
}

Json operator_role() {
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "ClusterRole"},
          {"metadata", {{"name", "tessera-operator"}, {"labels", {{"app.kubernetes.io/part-of", "tessera"}}}}},
          {"rules", rights()}};
}

}  // namespace tessera::operate

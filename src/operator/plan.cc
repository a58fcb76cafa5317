#include "operator/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// The components; a new one is a line here.
constexpr void (*kComponents[])(Making&) = {make_namespaces, make_node_agent, make_node_exporter, make_promql,
                                            make_server,     make_admission,  make_relay};

/// From this version on a PodDisruptionBudget is policy/v1.
constexpr unsigned kPolicyV1 = 21;

}  // namespace

/// In the order in which they are applied: what others need, first.
std::vector<Kind> kinds(const Facts& facts) {
  std::vector<Kind> out{
      {"v1", "Namespace", "namespaces", false},
      {"v1", "ServiceAccount", "serviceaccounts"},
      {"rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false},
      {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false},
      {"rbac.authorization.k8s.io/v1", "Role", "roles"},
      {"rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"},
      {"v1", "ConfigMap", "configmaps"},
      {"v1", "PersistentVolumeClaim", "persistentvolumeclaims"},
      {"v1", "Service", "services"},
      {"networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"},
      {facts.minor >= kPolicyV1 ? "policy/v1" : "policy/v1beta1", "PodDisruptionBudget", "poddisruptionbudgets"},
      {"cert-manager.io/v1", "Certificate", "certificates"},
      {"apps/v1", "DaemonSet", "daemonsets"},
      {"apps/v1", "Deployment", "deployments"},
      {"apps/v1", "StatefulSet", "statefulsets"},
      {"admissionregistration.k8s.io/v1", kWebhookKind, "mutatingwebhookconfigurations", false}};
  if (!facts.cert_manager) std::erase_if(out, [](const Kind& one) { return one.kind == "Certificate"; });
  return out;
}

TextMap inventory_labels(const GpuMonitor& monitor) {
  return {{"app.kubernetes.io/instance", monitor.name},
          {"app.kubernetes.io/managed-by", "tessera-operator"},
          {"app.kubernetes.io/part-of", "tessera"}};
}

std::string url_of(const Part& part, int port) {
  return fmt::format("http://{}.{}.svc:{}", part.name, part.home, port);
}

Plan make_plan(const GpuMonitor& monitor, const Facts& facts) {
  Plan out;
  Making making{monitor, facts, out};
  for (const auto component : kComponents) component(making);
  const auto order = kinds(facts);
  const auto rank = [&](const Json& one) {
    const ObjectKey key = key_of(one);
    const auto kind = std::ranges::find(order, key.kind, &Kind::kind) - order.begin();
    return std::tuple(kind, key.home, key.name);
  };
  std::sort(out.objects.begin(), out.objects.end(), [&](const Json& a, const Json& b) { return rank(a) < rank(b); });
  return out;
}

ObjectKey key_of(const Json& object) {
  const Json& metadata = object.at("metadata");
  return {object.at("apiVersion"), object.at("kind"), metadata.value("namespace", ""), metadata.at("name")};
}

std::vector<ObjectKey> left_over(const std::vector<ObjectKey>& present, const Plan& plan) {
  std::set<ObjectKey> wanted;
  for (const Json& object : plan.objects) wanted.insert(key_of(object));
  std::vector<ObjectKey> out;
  for (const ObjectKey& key : present)
    if (!wanted.contains(key) && key.kind != "Namespace" && key.kind != "PersistentVolumeClaim") out.push_back(key);
  return out;
}

}  // namespace tessera::operate

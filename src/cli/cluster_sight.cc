#include "cli/cluster_sight.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cluster_calls.h"
#include "kube/quantity.h"

namespace tessera::cli {
namespace {

const kube::Query kOurs = {{"labelSelector", "app.kubernetes.io/part-of=tessera"}};

/// Of NVIDIA's exporter, by its chart and by the GPU operator.
constexpr const char* kDcgmExporters[] = {"app.kubernetes.io/name=dcgm-exporter,app.kubernetes.io/part-of!=tessera",
                                          "app=nvidia-dcgm-exporter"};

/// What each of our programs lists of the cluster.
constexpr struct {
  std::string_view program, group, resource;
} kNeeded[] = {
    {"tessera-relay", "", "pods"},
    {"tessera-server", "", "nodes"},
    {"tessera-server", "", "namespaces"},
    {"tessera-server", "", "pods"},
    {"tessera-operator", "apps", "daemonsets"},
    {"tessera-operator", "tessera.dev", "gpumonitors"},
};

/// Nothing to a list that was not to be seen.
void append(JsonValue& to, const JsonValue& from) {
  if (!to.is_array()) return;
  for (const JsonValue& one : from) to.push_back(one);
}

/// Takes out of a list what is being deleted, and gives that.
JsonValue take_leaving(JsonValue& list) {
  JsonValue staying = JsonValue::array(), leaving = JsonValue::array();
  if (!list.is_array()) return leaving;
  for (JsonValue& one : list) {
    JsonValue& to = member(one, "metadata.deletionTimestamp").is_null() ? staying : leaving;
    to.push_back(std::move(one));
  }
  list = std::move(staying);
  return leaving;
}

/// Whether the account may list it; nullopt: we may not ask.
std::optional<bool> may_list(ClusterCalls& calls, const JsonValue& pod, std::string_view group,
                             std::string_view resource, const std::string& in) {
  const std::string space = text_cell(pod, "metadata.namespace");
  JsonValue attributes = {{"verb", "list"}, {"group", group}, {"resource", resource}};
  if (!in.empty()) attributes["namespace"] = in;
  const JsonValue review = {
      {"apiVersion", "authorization.k8s.io/v1"},
      {"kind", "SubjectAccessReview"},
      {"spec",
       {{"user", fmt::format("system:serviceaccount:{}:{}", space, text_cell(pod, "spec.serviceAccountName"))},
        {"groups", {"system:serviceaccounts", "system:serviceaccounts:" + space, "system:authenticated"}},
        {"resourceAttributes", std::move(attributes)}}}};
  const auto answer = calls.json(
      {.path = "/apis/authorization.k8s.io/v1/subjectaccessreviews", .method = "POST", .body = review.dump()});
  if (answer) return member(*answer, "status.allowed") == true;
  calls.note(answer.error().what);
  return std::nullopt;
}

/// The namespaces that an account has a Role of ours in: a relay of a few namespaces need not see the others.
std::set<std::string> namespaces_of(const JsonValue& bindings, const std::string& account) {
  std::set<std::string> out;
  for (const JsonValue& binding : bindings)
    for (const JsonValue& subject : list_at(binding, "subjects"))
      if (text_cell(subject, "name") == account) out.insert(text_cell(binding, "metadata.namespace"));
  return out;
}

void look_at_rights(ClusterCalls& calls, ClusterSight& sight) {
  const JsonValue bindings = calls.items("/apis/rbac.authorization.k8s.io/v1/rolebindings", kOurs);
  std::set<std::string> seen;
  for (const JsonValue& pod : sight.pods) {
    const std::string account = text_cell(pod, "spec.serviceAccountName");
    const std::string called = text_cell(pod, "metadata.namespace") + '/' + account;
    if (!seen.insert(called).second) continue;
    for (const auto& [program, group, resource] : kNeeded) {
      if (label_of(pod, "app.kubernetes.io/name") != program) continue;
      const auto all = may_list(calls, pod, group, resource, "");
      if (!all) return;
      const auto few = namespaces_of(bindings, account);
      const bool some = !*all && program == "tessera-relay" && std::ranges::any_of(few, [&](const std::string& in) {
        return may_list(calls, pod, group, resource, in).value_or(false);
      });
      if (!*all && !some) sight.missing_rights.push_back({called, fmt::format("list {}", resource)});
    }
  }
}

/// By the API server's way to pods, which asks for the right "get" on "pods/proxy".
void look_at_targets(ClusterCalls& calls, ClusterSight& sight) {
  for (const JsonValue& pod : sight.pods) {
    if (label_of(pod, "app.kubernetes.io/name") != "tessera-relay" || text_cell(pod, "status.phase") != "Running")
      continue;
    auto page =
        calls.json({.path = fmt::format("/api/v1/namespaces/{}/pods/{}:9411/proxy/targets",
                                        text_cell(pod, "metadata.namespace"), text_cell(pod, "metadata.name"))});
    if (page)
      sight.targets[place_of(pod)] = *std::move(page);
    else
      calls.note(page.error().what);
  }
}

}  // namespace

Result<ClusterSight> look_at_cluster(kube::ApiServer server, Milliseconds patience) {
  ClusterSight out;
  out.url = server.url;
  ClusterCalls calls(std::move(server), patience);
  const auto version = calls.json({.path = "/version"});
  if (!version && version.error().code != Code::NotFound) return version.error();
  if (version) out.version = text_cell(*version, "gitVersion");
  out.nodes = calls.items("/api/v1/nodes");
  out.pods = calls.items("/api/v1/pods", kOurs);
  for (const char* selector : kDcgmExporters)
    append(out.pods, calls.items("/api/v1/pods", {{"labelSelector", selector}}));
  out.leaving = take_leaving(out.pods);
  out.daemon_sets = calls.items("/apis/apps/v1/daemonsets", kOurs);
  take_leaving(out.daemon_sets);
  out.refusals =
      calls.items("/api/v1/events", {{"fieldSelector", "reason=FailedCreate,involvedObject.kind=DaemonSet"}});
  out.monitors = calls.items("/apis/tessera.dev/v1alpha1/gpumonitors", {}, true);
  std::set<std::string> spaces;
  for (const JsonValue& set : out.daemon_sets) spaces.insert(text_cell(set, "metadata.namespace"));
  out.namespaces = JsonValue::array();
  for (const std::string& space : spaces)
    if (auto one = calls.json({.path = "/api/v1/namespaces/" + space})) out.namespaces.push_back(*std::move(one));
  look_at_rights(calls, out);
  look_at_targets(calls, out);
  out.unseen = calls.unseen();
  return out;
}

double gpu_resources(const JsonValue& node, std::string_view of) {
  const JsonValue& resources = member(node, fmt::format("status.{}", of));
  double out = 0;
  if (!resources.is_object()) return out;
  for (const auto& [name, amount] : resources.items())
    if ((name.starts_with("nvidia.com/gpu") || name.starts_with("nvidia.com/mig-")) && amount.is_string())
      out += kube::parse_quantity(amount.get<std::string>()).value_or(0);
  return out;
}

bool is_gpu_node(const JsonValue& node) {
  static constexpr struct {
    const char *key, *value;  ///< without a value: any
  } kLabels[] = {{"nvidia.com/gpu.present", "true"},
                 {"feature.node.kubernetes.io/pci-10de.present", "true"},
                 {"cloud.google.com/gke-accelerator", ""},
                 {"k8s.amazonaws.com/accelerator", ""},
                 {"kubernetes.azure.com/accelerator", "nvidia"}};
  const bool labelled = std::ranges::any_of(kLabels, [&](const auto& one) {
    const std::string value = label_of(node, one.key);
    return !value.empty() && (one.value[0] == 0 || value == one.value);
  });
  return labelled || gpu_resources(node, "capacity") > 0;
}

}  // namespace tessera::cli

#include "server/node_changes/cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utc.h"
#include "kube/json_slice.h"
#include "kube/status.h"
#include "server/cluster_objects.h"

namespace tessera::server::nodes {
namespace {

using Json = nlohmann::ordered_json;
using kube::text_member;

constexpr Milliseconds kDeadline{10'000};
constexpr std::string_view kManager = "tessera-server";
constexpr const char* kNodes = "/api/v1/nodes";
constexpr const char* kFile = "config.yaml";
constexpr const char* kPage = "100";  // nodes have some 20 kB each, for their lists of images
constexpr int kMostLists = 3;         // a list that takes longer than the server remembers begins anew

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }

std::string node_path(const std::string& name) { return fmt::format("{}/{}", kNodes, name); }

/// Who else has the label among the fields that he set.
std::string label_owner(std::string_view metadata) {
  const std::string field = fmt::format("f:{}", kConfigLabel);
  std::string out;
  kube::each_item(at(metadata, "managedFields"), [&](std::string_view entry) {
    const std::string manager = text_member(entry, "manager");
    const bool ours = manager == kConfigManager && text_member(entry, "operation") == "Apply";
    if (!ours && kube::member(at(at(at(entry, "fieldsV1"), "f:metadata"), "f:labels"), field)) out = manager;
  });
  return out;
}

PluginPod plugin_pod(std::string_view json) {
  const std::string_view metadata = at(json, "metadata");
  PluginPod out{text_member(metadata, "namespace"), text_member(metadata, "name"), text_member(metadata, "uid")};
  out.going = !text_member(metadata, "deletionTimestamp").empty();
  kube::each_item(at(at(json, "status"), "conditions"), [&](std::string_view condition) {
    if (text_member(condition, "type") == "Ready" && text_member(condition, "status") == "True")
      out.ready_since = parse_utc(text_member(condition, "lastTransitionTime")).value_or(0);
  });
  return out;
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string map_path(const std::string& config_map) {
  const auto slash = config_map.find('/');
  return fmt::format("/api/v1/namespaces/{}/configmaps/{}", config_map.substr(0, slash), config_map.substr(slash + 1));
}

}  // namespace

SeenNode read_seen_node(std::string_view json) {
  SeenNode out;
  out.node = read_node(json);
  const std::string_view metadata = at(json, "metadata");
  out.uid = text_member(metadata, "uid");
  out.version = text_member(metadata, "resourceVersion");
  out.change = read_annotation(text_member(at(metadata, "annotations"), kAnnotation));
  out.label_owner = label_owner(metadata);
  return out;
}

std::vector<PluginPod> read_plugin_pods(std::string_view list) {
  std::vector<PluginPod> out;
  kube::each_item(at(list, "items"), [&](std::string_view item) { out.push_back(plugin_pod(item)); });
  return out;
}

Cluster::Cluster(kube::ApiServer server) : api_(std::move(server)) {}

Error Cluster::refused(const kube::ApiRequest& request, const http::ClientResponse& reply) {
  const kube::Status status = kube::read_status(reply.status, reply.body, reply.header("retry-after"));
  asked_pause_ = status.retry_after.value_or(Milliseconds(0));
  return kube::refusal(status, api_.tried(request), kube::needed_right(request.method, request.path, false));
}

Result<std::optional<std::string>> Cluster::get(kube::ApiRequest request, const std::stop_token& stop) {
  request.deadline = kDeadline;
  auto reply = TRY(api_.send(request, stop));
  if (reply.status == 404) return std::optional<std::string>();
  if (reply.status / 100 != 2) return refused(request, reply);
  if (!kube::is_json(reply.body)) return fail(Code::Unavailable, "{}: the reply is no JSON", api_.tried(request));
  return std::optional(std::move(reply.body));
}

Result<std::optional<SeenNode>> Cluster::node(const std::string& name, const std::stop_token& stop) {
  const auto json = TRY(get({.path = node_path(name)}, stop));
  return json ? std::optional(read_seen_node(*json)) : std::nullopt;
}

Result<std::vector<std::string>> Cluster::annotated(const std::stop_token& stop) {
  std::vector<std::string> out;
  std::string next;
  int expired = 0;
  for (;;) {
    kube::ApiRequest request{.path = kNodes, .query = {{"limit", kPage}}};
    if (!next.empty()) request.query.emplace_back("continue", next);
    request.deadline = kDeadline;
    const auto reply = TRY(api_.send(request, stop));
    if (reply.status == 410 && ++expired < kMostLists) {
      next.clear();
      out.clear();
      continue;
    }
    if (reply.status / 100 != 2) return refused(request, reply);
    if (!kube::is_json(reply.body)) return fail(Code::Unavailable, "{}: the reply is no JSON", api_.tried(request));
    kube::each_item(at(reply.body, "items"), [&](std::string_view item) {
      const std::string_view metadata = at(item, "metadata");
      if (kube::member(at(metadata, "annotations"), kAnnotation)) out.push_back(text_member(metadata, "name"));
    });
    next = text_member(at(reply.body, "metadata"), "continue");
    if (next.empty()) return out;
  }
}

Result<std::vector<PluginPod>> Cluster::plugin_pods(const std::string& node, const Rules& rules,
                                                    const std::stop_token& stop) {
  std::vector<PluginPod> out;
  const std::string path =
      rules.plugin_space.empty() ? "/api/v1/pods" : fmt::format("/api/v1/namespaces/{}/pods", rules.plugin_space);
  for (const std::string& selector : rules.plugin_selectors) {
    const auto list = TRY(
        get({.path = path, .query = {{"labelSelector", selector}, {"fieldSelector", "spec.nodeName=" + node}}}, stop));
    if (!list) continue;
    for (PluginPod& pod : read_plugin_pods(*list))
      if (std::ranges::find(out, pod.uid, &PluginPod::uid) == out.end()) out.push_back(std::move(pod));
  }
  return out;
}

Result<Written> Cluster::apply(const std::string& path, std::string_view manager, std::string body,
                               const std::stop_token& stop) {
  kube::ApiRequest request{.path = path, .query = {{"fieldManager", std::string(manager)}}};
  request.method = "PATCH";
  request.content_type = "application/apply-patch+yaml";  // which JSON is, too
  request.body = std::move(body);
  request.deadline = kDeadline;
  const auto reply = TRY(api_.send(request, stop));
  if (reply.status / 100 == 2) return Written::Done;
  const kube::Status status = kube::read_status(reply.status, reply.body, reply.header("retry-after"));
  if (status.code == 404 || (status.code == 409 && status.cause != "FieldManagerConflict")) return Written::Again;
  return refused(request, reply);
}

Result<Written> Cluster::write(const SeenNode& node, const std::optional<Progress>& change,
                               const std::stop_token& stop) {
  Json body{{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", {{"name", node.node.name}, {"uid", node.uid}, {"resourceVersion", node.version}}}};
  if (change) body["metadata"]["annotations"][std::string(kAnnotation)] = annotation_text(*change);
  if (change && change->cordoned) body["spec"]["unschedulable"] = true;
  return apply(node_path(node.node.name), kManager, dumped(body), stop);
}

Result<Written> Cluster::label(const SeenNode& node, const std::string& entry, const std::stop_token& stop) {
  Json body{{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", {{"name", node.node.name}, {"uid", node.uid}, {"resourceVersion", node.version}}}};
  body["metadata"]["labels"][std::string(kConfigLabel)] = entry;
  return apply(node_path(node.node.name), kConfigManager, dumped(body), stop);
}

Result<Written> Cluster::remove(const PluginPod& pod, const std::stop_token& stop) {
  kube::ApiRequest request{.path = fmt::format("/api/v1/namespaces/{}/pods/{}", pod.space, pod.name)};
  request.method = "DELETE";
  request.body = dumped({{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", pod.uid}}}});
  request.deadline = kDeadline;
  const auto reply = TRY(api_.send(request, stop));
  if (reply.status / 100 == 2) return Written::Done;
  if (reply.status == 404 || reply.status == 409) return Written::Again;
  return refused(request, reply);
}

Result<std::optional<std::string>> Cluster::config_file(const std::string& config_map, const std::stop_token& stop) {
  const auto json = TRY(get({.path = map_path(config_map)}, stop));
  return json ? std::optional(text_member(at(*json, "data"), kFile)) : std::nullopt;
}

Result<Written> Cluster::write_config_file(const std::string& config_map, const std::string& text,
                                           const std::stop_token& stop) {
  const auto slash = config_map.find('/');
  const Json body{{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata", {{"namespace", config_map.substr(0, slash)}, {"name", config_map.substr(slash + 1)}}},
                  {"data", {{kFile, text}}}};
  return apply(map_path(config_map), kManager, dumped(body), stop);
}

}  // namespace tessera::server::nodes

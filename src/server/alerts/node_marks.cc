#include "server/alerts/node_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "kube/json_slice.h"
#include "kube/status.h"

namespace tessera::server {
namespace {

using Json = nlohmann::ordered_json;
using kube::text_member;

constexpr Milliseconds kDeadline{5'000};
constexpr std::string_view kEffect = "NoSchedule";

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }

/// Names come with samples: none of them leads to another object.
Result<std::string> path_of(const std::string& node) {
  const bool is_name =
      !node.empty() &&
      std::ranges::all_of(
          node, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; }) &&
      node.find("..") == std::string::npos && node.front() != '.';
  if (!is_name) return fail(Code::Invalid, "'{}' is no name of a node", valid_utf8(node));
  return "/api/v1/nodes/" + node;
}

/// Of this very node, as it was read.
Json patch_of(std::string_view node) {
  const std::string_view metadata = at(node, "metadata");
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", text_member(metadata, "name")},
            {"uid", text_member(metadata, "uid")},
            {"resourceVersion", text_member(metadata, "resourceVersion")}}}};
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Result<std::string> taints_with(std::string_view node_json, const fleet::alerts::NodeMarks& marks, bool add) {
  const std::string_view before = at(at(node_json, "spec"), "taints");
  Json taints = before.empty() ? Json::array() : Json::parse(before, nullptr, false);
  if (!taints.is_array()) return fail(Code::Unavailable, "the node's taints are no list");
  Json out = Json::array();
  std::optional<std::string> ours;
  for (Json& one : taints) {
    const bool is_this = one.is_object() && one.value("key", "") == kAlertTaint && one.value("effect", "") == kEffect;
    if (!is_this) {
      out.push_back(std::move(one));
      continue;
    }
    ours = one.value("value", "");
    if (marks.ours.contains(*ours)) continue;
    if (!add) return std::string();  // somebody has put another one in its place
    return fail(Code::Invalid, "the taint {}={}:{} is there already, and is not ours: take it away", kAlertTaint, *ours,
                kEffect);
  }
  const bool wanted = !marks.taint.empty() && (add || ours);
  if (wanted) out.push_back({{"key", kAlertTaint}, {"value", marks.taint}, {"effect", kEffect}});
  if (wanted ? ours == marks.taint : !ours) return std::string();
  return dumped(out);
}

Result<std::string> NodeMarker::read(const std::string& node, const std::stop_token& stop) {
  kube::ApiRequest request{.path = TRY(path_of(node))};
  request.deadline = kDeadline;
  auto reply = TRY(api_.send(request, stop));
  if (reply.status / 100 != 2)
    return kube::refusal(kube::read_status(reply.status, reply.body, reply.header("retry-after")), api_.tried(request),
                         kube::needed_right(request.method, request.path, false));
  if (!kube::is_json(reply.body)) return fail(Code::Unavailable, "{}: the reply is no JSON", api_.tried(request));
  return std::move(reply.body);
}

Result<void> NodeMarker::patch(kube::ApiRequest request, const std::stop_token& stop) {
  request.method = "PATCH";
  request.query = {{"fieldManager", std::string(kAlertManager)}};
  request.deadline = kDeadline;
  const auto reply = TRY(api_.send(request, stop));
  if (reply.status / 100 == 2) return {};
  return kube::refusal(kube::read_status(reply.status, reply.body, reply.header("retry-after")), api_.tried(request),
                       kube::needed_right(request.method, request.path, false));
}

Result<void> NodeMarker::cordon(const std::string& node, bool on, const std::stop_token& stop) {
  Json body = patch_of(TRY(read(node, stop)));
  if (on) body["spec"]["unschedulable"] = true;
  kube::ApiRequest request{.path = TRY(path_of(node))};
  request.content_type = "application/apply-patch+yaml";  // which JSON is, too
  request.body = dumped(body);
  return patch(std::move(request), stop);
}

Result<void> NodeMarker::taint(const std::string& node, const fleet::alerts::NodeMarks& marks, bool add,
                               const std::stop_token& stop) {
  const std::string known = TRY(read(node, stop));
  const std::string taints = TRY(taints_with(known, marks, add));
  if (taints.empty()) return {};
  Json body = patch_of(known);
  body["spec"]["taints"] = Json::parse(taints);
  kube::ApiRequest request{.path = TRY(path_of(node))};
  request.content_type = "application/merge-patch+json";
  request.body = dumped(body);
  return patch(std::move(request), stop);
}

}  // namespace tessera::server

#include "cli/cluster_calls.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/status.h"

namespace tessera::cli {

Result<JsonValue> ClusterCalls::json(kube::ApiRequest request) {
  request.deadline = patience_;
  const auto reply = TRY(api_.send(request));
  if (reply.status / 100 != 2)
    return kube::refusal(kube::read_status(reply.status, reply.body), api_.tried(request),
                         kube::needed_right(request.method, request.path, false));
  JsonValue out = JsonValue::parse(reply.body, nullptr, false);
  if (out.is_discarded()) return fail(Code::Invalid, "{}: the answer is no JSON", api_.tried(request));
  return out;
}

JsonValue ClusterCalls::items(const std::string& path, kube::Query query, bool optional) {
  JsonValue out = JsonValue::array();
  query.emplace_back("limit", "500");
  for (std::string more;;) {
    kube::Query asked = query;
    if (!more.empty()) asked.emplace_back("continue", more);
    auto page = json({.path = path, .query = asked});
    if (!page && optional && page.error().code == Code::NotFound) return nullptr;
    if (!page) {
      note(page.error().what);
      return nullptr;
    }
    for (const JsonValue& one : list_at(*page, "items")) out.push_back(one);
    const JsonValue& next = member(*page, "metadata.continue");
    if (!next.is_string() || next.get<std::string>().empty()) return out;
    more = next.get<std::string>();
  }
}

std::string label_of(const JsonValue& object, const char* key) {
  const JsonValue& labels = member(object, "metadata.labels");
  const auto found = labels.is_object() ? labels.find(key) : labels.end();
  return labels.is_object() && found != labels.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string place_of(const JsonValue& object) {
  return fmt::format("{}/{}", text_cell(object, "metadata.namespace"), text_cell(object, "metadata.name"));
}

const JsonValue& list_at(const JsonValue& object, std::string_view path) {
  static const JsonValue kNone = JsonValue::array();
  const JsonValue& found = member(object, path);
  return found.is_array() ? found : kNone;
}

}  // namespace tessera::cli

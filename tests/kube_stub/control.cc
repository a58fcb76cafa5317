#include "tests/kube_stub/control.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace tessera::kube_stub {
namespace {

http::Response say(int status, const Json& body) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = body.dump() + "\n";
  return response;
}

http::Response say(const Result<void>& result) {
  return result ? say(200, Json::object()) : say(400, {{"error", result.error().what}});
}

/// One object or a list of them: `apply` to each, until one fails.
template <class Apply>
http::Response each(const http::Request& request, const Apply& apply) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return say(400, {{"error", "the body is no JSON"}});
  const Json items = body.is_array() ? body : Json::array({body});
  for (const auto& item : items) {
    if (!item.is_object()) return say(400, {{"error", "not an object"}});
    const Answer answer = apply(item);
    if (answer.code >= 400) return say(answer.code, *answer.body);
  }
  return say(200, {{"objects", items.size()}});
}

Answer remove(Store& store, const Json& object) {
  const auto resources = store.resources();
  const auto resource = std::find_if(resources.begin(), resources.end(), [&](const Resource& r) {
    return r.kind == object.value("kind", "") && r.api_version() == object.value("apiVersion", "");
  });
  if (resource == resources.end()) return status_answer(404, "NotFound", "no such kind");
  const Json metadata = object.value("metadata", Json::object());
  return store.remove(*resource, resource->namespaced ? metadata.value("namespace", "default") : "",
                      metadata.value("name", ""));
}

http::Response add_fault(Stub& stub, const http::Request& request) {
  Json fault = Json::parse(request.body, nullptr, false);
  if (!fault.is_object()) return say(400, {{"error", "the body is no JSON object"}});
  if (const auto away = fault.find("away"); away != fault.end()) {
    if (!away->is_boolean()) return say(400, {{"error", "away is true or false"}});
    const bool go = away->get<bool>();
    fault.erase("away");
    if (go)
      stub.go_away();
    else if (const auto back = stub.come_back(); !back)
      return say(back);
  }
  const auto added = stub.faults().add(fault);
  stub.wake();
  return say(added);
}

http::Response add_resource(Stub& stub, const http::Request& request) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return say(400, {{"error", "the body is no JSON object"}});
  stub.store().add_resource({body.value("group", ""),
                             body.value("version", "v1"),
                             body.value("plural", ""),
                             body.value("kind", ""),
                             body.value("namespaced", true),
                             {}});
  return say(200, Json::object());
}

http::Response show_stats(const Stub& stub) {
  const StubStats stats = stub.stats();
  return say(200, {{"lists", stats.lists},
                   {"watches", stats.watches},
                   {"open_watches", stats.open_watches},
                   {"refused", stats.refused}});
}

}  // namespace

std::vector<http::Route> control_routes(Stub& stub) {
  using http::Request;
  return {{"PUT", "/control/objects",
           [&](const Request& r) { return each(r, [&](const Json& object) { return stub.store().put(object); }); }},
          {"DELETE", "/control/objects",
           [&](const Request& r) { return each(r, [&](const Json& object) { return remove(stub.store(), object); }); }},
          {"POST", "/control/resources", [&](const Request& r) { return add_resource(stub, r); }},
          {"POST", "/control/faults", [&](const Request& r) { return add_fault(stub, r); }},
          {"DELETE", "/control/faults",
           [&](const Request&) {
             stub.faults().clear();
             return say(200, Json::object());
           }},
          {"POST", "/control/compact",
           [&](const Request&) {
             stub.compact();
             stub.wake();
             return say(200, Json::object());
           }},
          {"GET", "/control/stats", [&](const Request&) { return show_stats(stub); }}};
}

}  // namespace tessera::kube_stub

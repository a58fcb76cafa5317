#include "server/routes.h"

#include <nlohmann/json.hpp>

#include "server/problem.h"

namespace tessera::server {
namespace {
using Json = nlohmann::ordered_json;

http::Response text(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

http::Response json(const Json& value) {
  http::Response out;
  out.content_type = "application/json";
  out.body = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return out;
}

}  // namespace

std::vector<http::Route> routes(Told told, const std::string& context_path) {
  const std::string api = context_path + "/api/v1";
  return {
      {"GET", "/livez", [](const http::Request&) { return text(200, "ok\n"); }},
      {"GET", "/readyz", [](const http::Request&) { return text(200, "ok\n"); }},
      {"POST", api + "/write", [&intake = told.intake](const http::Request& request) { return intake.write(request); }},
      {"GET", api + "/gpu/overview",
       [&fleet = told.fleet](const http::Request&) {
         return json(Json{{"totalGpuDevices", fleet.get()->overview.devices}});
       }},
  };
}

}  // namespace tessera::server

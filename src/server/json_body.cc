#include "server/json_body.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"
#include "server/problem.h"

namespace tessera::server {

http::Response json_reply(const http::Request& request, const Json& value) {
  http::Response out;
  out.content_type = "application/json";
  out.body = json_text(value);
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

std::optional<http::Response> refused_body(const http::Request& request, std::size_t most) {
  // Any page of the web may have a browser post a form here; JSON it asks for first.
  if (!lower(trim(request.header("Content-Type"))).starts_with("application/json"))
    return reply({415, "unsupported-type", "Content-Type: application/json expected"}, request);
  if (request.body.size() > most)
    return reply({413, "too-large", fmt::format("a body of at most {} bytes expected", most)}, request);
  return std::nullopt;
}

}  // namespace tessera::server

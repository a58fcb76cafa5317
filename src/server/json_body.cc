#include "server/json_body.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/problem.h"

namespace tessera::server {
namespace {
constexpr std::size_t kLongestBody = 64U << 10U;
}

std::optional<http::Response> refused_body(const http::Request& request) {
  // Any page of the web may have a browser post a form here; JSON it asks for first.
  if (!lower(trim(request.header("Content-Type"))).starts_with("application/json"))
    return reply({415, "unsupported-type", "Content-Type: application/json expected"}, request);
  if (request.body.size() > kLongestBody)
    return reply({413, "too-large", fmt::format("a body of at most {} bytes expected", kLongestBody)}, request);
  return std::nullopt;
}

}  // namespace tessera::server

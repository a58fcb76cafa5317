#pragma once
// Replies that say no, as RFC 9457 has them.
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace tessera::server {

/// What is wrong with one parameter.
struct Fault {
  std::string parameter;
  std::string detail;
};

struct Problem {
  int status = 400;
  std::string_view type;  ///< "invalid-parameter": what a program may branch on
  std::string detail;     ///< what was tried, on what, why it failed, and what to do
  std::vector<Fault> faults{};
};

/// The caller's own X-Request-Id where it is one that can be logged; otherwise a new one.
std::string request_id(const http::Request& request);

/// `application/problem+json`, with the request's id in it and in its header. 503 and 429 have Retry-After.
http::Response reply(const Problem& problem, const http::Request& request);

/// The last touch to every reply: what the server itself refuses becomes a problem too, and all have an id and the
/// headers that keep browsers from doing more with a reply than to show it.
void finish_reply(const http::Request& request, http::Response& response, bool tls);

}  // namespace tessera::server

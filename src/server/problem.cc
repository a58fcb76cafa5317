#include "server/problem.h"

#include <nlohmann/json.hpp>

namespace tessera::server {
namespace {

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 401:
      return "Not signed in";
    case 403:
      return "Forbidden";
    case 404:
      return "Not found";
    case 406:
      return "Not acceptable";
    case 409:
      return "Conflict";
    case 413:
      return "Too large";
    case 415:
      return "Unsupported media type";
    case 429:
      return "Too many requests";
    case 503:
      return "Not available now";
    default:
      return "Error";
  }
}

}  // namespace

http::Response problem(int status, std::string_view detail) {
  http::Response out;
  out.status = status;
  out.content_type = "application/problem+json";
  out.body = nlohmann::ordered_json{
      {"type", "about:blank"},
      {"title", title_of(status)},
      {"status", status},
      {"detail",
       detail}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return out;
}

}  // namespace tessera::server

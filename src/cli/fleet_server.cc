#include "cli/fleet_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/grid.h"
#include "base/text.h"

namespace tessera::cli {
namespace {

constexpr std::size_t kMostBytes = 256U << 20U;
constexpr std::size_t kLongestKey = 64U << 10U;
constexpr std::size_t kLongestCa = 4U << 20U;

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~' || c == ',';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string_view advice(int status) {
  switch (status) {
    case 401:
      return "; name a file with an API key by --key-file or TESSERA_KEY_FILE";
    case 403:
      return "; the key may not do that: ask for one with another scope";
    case 404:
      return "; is this a tessera-server, and of this version? --server URL names another";
    default:
      return "";
  }
}

}  // namespace

Error problem_of(const http::ClientResponse& reply, std::string_view url) {
  const JsonValue body = JsonValue::parse(reply.body, nullptr, false);
  std::string what = fmt::format("HTTP status {}", reply.status);
  if (body.is_object() && body.contains("detail") && body["detail"].is_string())
    what = harmless(body["detail"].get<std::string>());
  const bool found = body.is_object() && body.contains("detail");
  return fail(reply.status == 404   ? Code::NotFound
              : reply.status == 401 ? Code::Denied
              : reply.status == 403 ? Code::Denied
                                    : Code::Unavailable,
              "{}: {}{}", url, what, reply.status == 404 && found ? "" : advice(reply.status));
}

namespace {

Error unreached(const Error& error, const std::string& url) {
  return fail(error.code, "{}; --server URL or TESSERA_SERVER names another{}", error.what,
              url.starts_with("https:") ? ", --ca-file FILE or TESSERA_CA_FILE the CA of its certificate" : "");
}

Result<JsonValue> object_in(const http::ClientResponse& reply, const std::string& url) {
  if (reply.status != 200) return problem_of(reply, url);
  JsonValue out = JsonValue::parse(reply.body, nullptr, false);
  if (!out.is_object()) return fail(Code::Invalid, "{}: no JSON object, so this is no tessera-server", url);
  return out;
}

}  // namespace

Result<FleetServer> FleetServer::open(const ServerPlace& place) {
  std::string url = place.url;
  while (url.ends_with('/')) url.pop_back();
  const auto scheme = url.find("://");
  if (scheme == std::string::npos)
    return fail(Code::Invalid, "server '{}': a URL is expected, as http://127.0.0.1:8080", place.url);
  const auto slash = url.find('/', scheme + 3);
  std::string key;
  if (!place.key_file.empty()) {
    const auto text = read_file(place.key_file, kLongestKey);
    if (!text) return fail(Code::Invalid, "API key: {}", text.error().what);
    key = trim(*text);
    if (key.empty()) return fail(Code::Invalid, "API key: {} is empty", place.key_file);
  }
  if (!place.ca_file.empty())
    if (const auto pem = read_file(place.ca_file, kLongestCa); !pem)
      return fail(Code::Invalid, "certificates of --ca-file: {}", pem.error().what);
  return FleetServer(url.substr(0, slash), slash == std::string::npos ? url + "/k8s-monitor" : url, std::move(key),
                     place);
}

void FleetServer::prepare(http::ClientRequest& request, std::string_view accept) const {
  request.headers.emplace_back("Accept", accept);
  if (!key_.empty()) request.home_headers = {{"Authorization", "Bearer " + key_}};
  request.ca_file = ca_file_;
  request.deadline = patience_;
  request.max_body_bytes = kMostBytes;
}

Result<http::ClientResponse> FleetServer::send(http::ClientRequest request, std::string_view accept) {
  prepare(request, accept);
  auto reply = client_->send(request);
  if (!reply) return unreached(reply.error(), request.url);
  return reply;
}

Result<http::ClientResponse> FleetServer::get(const std::string& url, std::string_view accept) {
  http::ClientRequest request;
  request.url = url;
  return send(std::move(request), accept);
}

std::string FleetServer::url_of(std::string_view path, const Parameters& query) const {
  std::string out = api_url(path);
  char before = '?';
  for (const auto& [name, value] : query) {
    out += fmt::format("{}{}={}", before, name, encoded(value));
    before = '&';
  }
  return out;
}

Result<http::ClientResponse> FleetServer::api(std::string_view path, const Parameters& query, std::string_view accept) {
  return get(url_of(path, query), accept);
}

Result<void> FleetServer::file(std::string_view path, const Parameters& query,
                               const std::function<bool(std::string_view)>& take) {
  http::ClientRequest request;
  request.url = url_of(path, query);
  prepare(request, "text/csv");
  request.stall_limit = patience_;
  const auto reply = client_->stream(request, take, {});
  if (!reply) return unreached(reply.error(), request.url);
  if (reply->status != 200) return problem_of(*reply, api_url(path));
  return {};
}

Result<http::ClientResponse> FleetServer::root(std::string_view path) { return get(root_url(path), "*/*"); }

Result<JsonValue> FleetServer::json(std::string_view path, const Parameters& query) {
  return object_in(TRY(api(path, query, "application/json")), api_url(path));
}

Result<std::string> FleetServer::csv(std::string_view path, const Parameters& query) {
  auto reply = TRY(api(path, query, "text/csv"));
  if (reply.status != 200) return problem_of(reply, api_url(path));
  return std::move(reply.body);
}

Result<JsonValue> FleetServer::post(std::string_view path, const JsonValue& body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = api_url(path);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body.dump(-1, ' ', false, JsonValue::error_handler_t::replace);
  return object_in(TRY(send(std::move(request), "application/json")), api_url(path));
}

Result<JsonValue> FleetServer::post_file(std::string_view path, const Parameters& query, std::string_view type,
                                         std::string body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = url_of(path, query);
  request.headers = {{"Content-Type", std::string(type)}};
  request.body = std::move(body);
  return object_in(TRY(send(std::move(request), "application/json")), api_url(path));
}

}  // namespace tessera::cli

#include "server/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

namespace tessera::server {
namespace {
using Json = nlohmann::ordered_json;

struct Title {
  std::string_view type;
  std::string_view title;
};
constexpr Title kTitles[] = {{"invalid-parameter", "Invalid parameter"},
                             {"invalid-samples", "Invalid samples"},
                             {"invalid-records", "Invalid records"},
                             {"not-found", "Not found"},
                             {"ambiguous-id", "Ambiguous id"},
                             {"cannot-be-cut", "The device cannot be cut"},
                             {"layout-unknown", "Nobody knows how it is cut"},
                             {"device-in-use", "Somebody has what stands in the way"},
                             {"illegal-layout", "The driver allows no such layout"},
                             {"unknown-profile", "No profile of this device"},
                             {"another-node", "The key of another node"},
                             {"unknown-cluster", "Nothing is known of that cluster"},
                             {"another-site", "A page of another site"},
                             {"not-leading", "Another server leads"},
                             {"unauthorized", "Who are you"},
                             {"out-of-scope", "Out of scope"},
                             {"restricted", "Restricted"},
                             {"too-many-requests", "Too many requests"},
                             {"idempotency-key-reused", "Idempotency-Key used twice"},
                             {"precondition-failed", "Changed meanwhile"},
                             {"sign-in-refused", "The sign-in was refused"},
                             {"issuer-unavailable", "The issuer is away"},
                             {"cluster-unavailable", "The cluster's API server is away"},
                             {"database-unavailable", "The database takes nothing"},
                             {"bad-request", "Bad request"},
                             {"method-not-allowed", "Method not allowed"},
                             {"timeout", "Too slow"},
                             {"internal", "Failed inside the server"},
                             {"too-large", "Too large"},
                             {"unsupported-type", "Unsupported media type"},
                             {"disabled", "Switched off"},
                             {"upstream", "No reply from the metrics engine"},
                             {"no-room", "No room"},
                             {"over-budget", "A budget is spent"},
                             {"name-taken", "Another one has the name"},
                             {"already-allocated", "Allocated otherwise"},
                             {"starting", "Starting"},
                             {"busy", "Too much at once"},
                             {"journal-full", "Nothing can be written"}};

std::string_view title_of(std::string_view type) {
  const auto* found = std::ranges::find(kTitles, type, &Title::type);
  return found == std::end(kTitles) ? type : found->title;
}

/// Types of what http refuses by itself.
std::string_view type_of(int status) {
  constexpr std::pair<int, std::string_view> kTypes[] = {
      {401, "unauthorized"}, {404, "not-found"}, {405, "method-not-allowed"}, {408, "timeout"}, {413, "too-large"},
      {414, "too-large"},    {431, "too-large"}, {500, "internal"},           {503, "busy"}};
  for (const auto& [known, type] : kTypes)
    if (known == status) return type;
  return "bad-request";
}

// A page that a browser is led to shows text and runs nothing; another site may not put it into a frame.
constexpr std::pair<std::string_view, std::string_view> kHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"}};

std::string fresh_id() {
  static const std::uint64_t start = (std::uint64_t{std::random_device()()} << 32U) ^ std::random_device()();
  static std::atomic<std::uint64_t> count = 0;
  return fmt::format("{:016x}", start + count++);
}

}  // namespace

std::string request_id(const http::Request& request) {
  const std::string_view own = request.header("X-Request-Id");
  const auto fine = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (!own.empty() && own.size() <= 64 && std::ranges::all_of(own, fine)) return std::string(own);
  return fresh_id();
}

http::Response reply(const Problem& problem, const http::Request& request) {
  const std::string id = request_id(request);
  Json body{{"type", fmt::format("urn:tessera:problem:{}", problem.type)},
            {"title", title_of(problem.type)},
            {"status", problem.status},
            {"detail", problem.detail},
            {"requestId", id}};
  for (const Fault& fault : problem.faults)
    body["errors"].push_back({{"parameter", fault.parameter}, {"detail", fault.detail}});
  http::Response out;
  out.status = problem.status;
  out.content_type = "application/problem+json";
  out.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  out.headers.emplace_back("X-Request-Id", id);
  if (problem.status == 503 || problem.status == 429) out.headers.emplace_back("Retry-After", "1");
  return out;
}

void finish_reply(const http::Request& request, http::Response& response, bool tls) {
  if (response.by_server) {
    std::string detail = std::move(response.body);
    while (detail.ends_with('\n')) detail.pop_back();
    http::Response problem = reply({response.status, type_of(response.status), std::move(detail)}, request);
    for (auto& header : response.headers)
      if (header.first != "Retry-After") problem.headers.push_back(std::move(header));
    response = std::move(problem);
  }
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(response.headers, [&](const auto& header) { return header.first == name; });
  };
  for (const auto& [name, value] : kHeaders)
    if (!has(name)) response.headers.emplace_back(name, value);
  if (tls && !has("Strict-Transport-Security"))
    response.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
  if (!has("X-Request-Id")) response.headers.emplace_back("X-Request-Id", request_id(request));
}

}  // namespace tessera::server

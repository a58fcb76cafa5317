#include "server/proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "server/batch.h"
#include "server/problem.h"

namespace tessera::server {
namespace {
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

Result<std::string> secret_in(const std::string& path) {
  const std::string text = TRY(read_file(path, 64U << 10U));
  return std::string(trim(text));
}

http::Response bad_gateway(const http::Request& request, int status, std::string detail) {
  return reply({status, "upstream", std::move(detail)}, request);
}

}  // namespace

Proxy::Proxy(ProxyOptions options) : options_(std::move(options)) {}

const std::vector<std::string>& Proxy::paths() {
  static const std::vector<std::string> kPaths = {"/api/v1/query", "/api/v1/query_range", "/api/v1/series",
                                                  "/api/v1/labels"};
  return kPaths;
}

ProxyStats Proxy::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Result<http::ClientRequest> Proxy::request_to(std::string_view path, std::string_view query) const {
  http::ClientRequest out;
  out.url = options_.url;
  while (out.url.ends_with('/')) out.url.pop_back();
  out.url += path;
  if (!query.empty()) out.url += fmt::format("?{}", query);
  out.headers = {{"Accept", "application/json"}};
  out.deadline = options_.deadline;
  out.max_body_bytes = options_.max_reply_bytes;
  out.ca_file = options_.ca_file;
  if (!options_.bearer_token_file.empty())
    out.home_headers = {{"Authorization", "Bearer " + TRY(secret_in(options_.bearer_token_file))}};
  if (!options_.username.empty()) {
    out.basic_user = options_.username;
    if (!options_.password_file.empty()) out.basic_password = TRY(secret_in(options_.password_file));
  }
  return out;
}

Result<http::ClientResponse> Proxy::ask(const http::ClientRequest& request) {
  std::unique_ptr<http::Client> client;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      client = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!client) client = std::make_unique<http::Client>();
  auto reply = client->send(request);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
  return reply;
}

http::Response Proxy::forward(const http::Request& request, const std::string& path) {
  if (!configured())
    return reply(
        {404, "not-found",
         fmt::format("{}: no engine keeps raw series for this server: prometheus.url is not set", request.path)},
        request);
  const std::string_view type = request.header("Content-Type");
  if (request.body.size() > options_.max_request_bytes || request.query.size() > options_.max_request_bytes)
    return reply({413, "too-large", fmt::format("a query of more than {} bytes", options_.max_request_bytes)}, request);
  if (request.method == "POST" && !lower(type).starts_with(kForm))
    return reply({415, "unsupported-type", fmt::format("Content-Type '{}': {} expected", type, kForm)}, request);
  {
    const std::lock_guard lock(mutex_);
    if (busy_ >= options_.at_once) {
      ++stats_.refused;
      return reply({503, "busy", fmt::format("{} queries are under way already: ask again soon", busy_)}, request);
    }
    ++busy_;
    ++stats_.requests;
  }
  auto asked = request_to(path, request.query);
  if (asked && request.method == "POST") {
    asked->method = "POST";
    asked->body = request.body;
    asked->headers.emplace_back("Content-Type", std::string(kForm));
  }
  const auto begin = Clock::now();
  auto got = asked ? ask(*asked) : Result<http::ClientResponse>(asked.error());
  // What the engine says of our credentials is no word to the caller, and neither are redirects.
  const bool usable = got && got->status != 401 && got->status != 403 && (got->status < 300 || got->status >= 400) &&
                      got->header("content-type").starts_with("application/json");
  {
    const std::lock_guard lock(mutex_);
    --busy_;
    if (!usable) ++stats_.failed;
  }
  if (!got) {
    // Where the secret is kept is for the log.
    log::warn("the engine behind prometheus.url gave no reply", {{"path", path}, {"why", got.error().what}});
    const bool late = Clock::now() - begin >= options_.deadline;
    return bad_gateway(request, late ? 504 : 502,
                       late ? fmt::format("the engine behind prometheus.url gave no reply within {}",
                                          format_duration(options_.deadline))
                            : "the engine behind prometheus.url cannot be reached: the server's log says why");
  }
  if (!usable)
    return bad_gateway(request, 502,
                       fmt::format("the engine behind prometheus.url answered with HTTP status {} and {}", got->status,
                                   got->header("content-type").empty() ? "no type" : "not what it should"));
  http::Response out;
  out.status = got->status;
  out.content_type = "application/json";
  out.body = std::move(got->body);
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

http::Response Proxy::label_values(const http::Request& request) {
  const std::string name(request.param("name"));
  if (!is_label_name(name))
    return reply(
        {400, "invalid-parameter", fmt::format("'{}' can be no label's name", valid_utf8(name).substr(0, 200))},
        request);
  return forward(request, "/api/v1/label/" + name + "/values");
}

std::optional<std::string> Proxy::trouble() {
  constexpr auto kLook = 10s;
  {
    const std::lock_guard lock(mutex_);
    if (looked_ && Clock::now() - *looked_ < kLook) return trouble_;
    looked_ = Clock::now();
  }
  std::optional<std::string> found;
  auto request = request_to("/api/v1/query", "query=1");
  if (request) request->deadline = std::min(options_.deadline, Milliseconds(2'000));
  const auto got = request ? ask(*request) : Result<http::ClientResponse>(request.error());
  if (!got)
    found = got.error().what;
  else if (got->status != 200)
    found = fmt::format("HTTP status {}", got->status);
  const std::lock_guard lock(mutex_);
  trouble_ = found;
  return found;
}

}  // namespace tessera::server

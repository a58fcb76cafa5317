#include "kube/api.h"

#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "kube/status.h"

namespace tessera::kube {
namespace {

constexpr std::chrono::seconds kFilesFresh{60};
constexpr std::size_t kMaxTokenBytes = 64U << 10U;
constexpr std::size_t kMaxCaBytes = 4U << 20U;

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace

Result<ApiServer> in_cluster(const std::filesystem::path& account) {
  const char* const host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* const port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (!host || !*host || !port || !*port)
    return fail(Code::NotFound,
                "Kubernetes API: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod; "
                "name the API server in the configuration");
  ApiServer server;
  const bool ipv6 = std::string_view(host).find(':') != std::string_view::npos;
  server.url = ipv6 ? fmt::format("https://[{}]:{}", host, port) : fmt::format("https://{}:{}", host, port);
  server.token_file = account / "token";
  server.ca_file = account / "ca.crt";
  return server;
}

std::string with_query(std::string_view path, const Query& query) {
  std::string url(path);
  char before = path.find('?') == std::string_view::npos ? '?' : '&';
  for (const auto& [name, value] : query) {
    url += before + percent_encoded(name) + '=' + percent_encoded(value);
    before = '&';
  }
  return url;
}

Api::Api(ApiServer server) : server_(std::move(server)), client_(std::make_unique<http::Client>()) {
  while (server_.url.ends_with('/')) server_.url.pop_back();
}
Api::~Api() = default;

// The files are symbolic links that are swapped as a whole: opened by path each time.
Result<void> Api::refresh() {
  if (!server_.token_file.empty()) {
    token_ = trim(TRY(read_file(server_.token_file, kMaxTokenBytes)));
    if (token_.empty()) return fail(Code::Invalid, "{}: the token file is empty", server_.token_file.string());
  }
  if (!server_.ca_file.empty()) {
    std::string ca = TRY(read_file(server_.ca_file, kMaxCaBytes));
    if (ca != ca_ && !ca_.empty()) client_ = std::make_unique<http::Client>();  // drops what the old CA vouched for
    ca_ = std::move(ca);
  }
  read_again_ = std::chrono::steady_clock::now() + kFilesFresh;
  return {};
}

Result<http::ClientRequest> Api::http_request(const ApiRequest& request) {
  if (std::chrono::steady_clock::now() >= read_again_) TRY(refresh());
  http::ClientRequest out;
  out.url = server_.url + with_query(request.path, request.query);
  out.method = request.method;
  out.body = request.body;
  out.deadline = request.deadline;
  out.stall_limit = request.stall_limit;
  out.max_body_bytes = request.max_body_bytes;
  out.headers = {{"Accept", "application/json"}, {"User-Agent", server_.user_agent}};
  if (!token_.empty()) out.headers.emplace_back("Authorization", "Bearer " + token_);
  if (!request.body.empty()) out.headers.emplace_back("Content-Type", request.content_type);
  out.ca_file = server_.ca_file.string();
  if (server_.prepare) TRY(server_.prepare(out));
  return out;
}

Result<http::ClientResponse> Api::with_token(const ApiRequest& request, const Call& call) {
  auto reply = call(TRY(http_request(request)));
  const bool may_have_new = !server_.token_file.empty() || server_.prepare;
  if (!reply || reply->status != 401 || !may_have_new) return reply;
  read_again_ = {};
  return call(TRY(http_request(request)));
}

Result<http::ClientResponse> Api::send(const ApiRequest& request) {
  return with_token(request, [&](const http::ClientRequest& out) { return client_->send(out); });
}

Result<http::ClientResponse> Api::send(const ApiRequest& request, const std::stop_token& stop) {
  ApiRequest bounded = request;
  bounded.stall_limit = request.deadline;
  std::string body;
  auto reply = TRY(stream(
      bounded,
      [&](std::string_view chunk) {
        body += chunk;
        return body.size() <= request.max_body_bytes;
      },
      stop));
  if (body.size() > request.max_body_bytes)
    return fail(Code::Invalid, "{}: the reply is longer than {} bytes", tried(request), request.max_body_bytes);
  if (reply.status / 100 == 2) reply.body = std::move(body);
  return reply;
}

Result<http::ClientResponse> Api::stream(const ApiRequest& request,
                                         const std::function<bool(std::string_view)>& on_chunk,
                                         const std::stop_token& stop) {
  return with_token(request, [&](const http::ClientRequest& out) { return client_->stream(out, on_chunk, stop); });
}

std::string Api::tried(const ApiRequest& request) const {
  return fmt::format("{} {}{}", request.method, server_.url, request.path);
}

Result<std::string> Api::get(std::string_view path, const Query& query) {
  ApiRequest request;
  request.path = path;
  request.query = query;
  auto reply = TRY(send(request));
  if (reply.status / 100 == 2) return std::move(reply.body);
  return refusal(read_status(reply.status, reply.body, reply.header("retry-after")), tried(request),
                 needed_right(request.method, path, false));
}

}  // namespace tessera::kube

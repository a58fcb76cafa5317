#include "agent/layout/exchange.h"

#include <algorithm>

#include "base/files.h"
#include "base/grid.h"
#include "base/text.h"
#include "http/router.h"

namespace tessera::agent::layout {
namespace {
using namespace std::chrono_literals;

constexpr std::size_t kMostBytes = 1U << 20U;
constexpr std::size_t kLongestToken = 64U << 10U;
constexpr std::size_t kExcerpt = 200;
constexpr Milliseconds kFirstPause = 1s;
constexpr unsigned kMostDoublings = 6;  // about a minute
constexpr std::int64_t kMostRetrySeconds = 300;

std::string_view advice(int status) {
  switch (status) {
    case 401:
      return "; name a file with this node's key or ServiceAccount token by --token-file";
    case 403:
      return "; the key or token is not this node's: each node has its own";
    case 404:
      return "; is this a tessera-server that plans MIG layouts? --server URL names another";
    case 409:
      return "; the server does not know this cluster: --cluster must be the name that its metrics come with";
    default:
      return "";
  }
}

}  // namespace

Exchange::Exchange(std::string url, ServerPlace place)
    : url_(std::move(url)), place_(std::move(place)), client_(std::make_unique<http::Client>()) {}

Result<Exchange> Exchange::open(const ServerPlace& place, const Ourselves& us) {
  std::string url = place.url;
  while (url.ends_with('/')) url.pop_back();
  const auto scheme = url.find("://");
  if (scheme == std::string::npos)
    return fail(Code::Invalid, "--server '{}': a URL is expected, as https://tessera.example.org", place.url);
  if (url.find('/', scheme + 3) == std::string::npos) url += "/k8s-monitor";
  return Exchange(fmt::format("{}/api/v1/nodes/{}/layout?cluster={}", url, http::percent_encoded(us.node),
                              http::percent_encoded(us.cluster)),
                  place);
}

Answer Exchange::ask(const std::string& report, Milliseconds wait, Milliseconds patience, const std::stop_token& stop) {
  http::ClientRequest request;
  request.url = url_;
  if (wait > 0ms) request.url += "&wait=" + format_duration(wait);  // a server may refuse a wait of nothing
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "tessera-agent/" TESSERA_VERSION}};
  request.body = report;
  request.deadline = wait + patience;
  request.stall_limit = wait + patience;  // the head may come at once, and what is wanted later
  request.ca_file = place_.ca_file;
  if (!place_.token_file.empty()) {
    const auto token = read_file(place_.token_file, kLongestToken);
    if (!token) return {.trouble = fmt::format("the token of --token-file: {}", token.error().what)};
    request.home_headers = {{"Authorization", fmt::format("Bearer {}", trim(*token))}};
  }
  std::string body;
  const auto take = [&](std::string_view chunk) {
    body += chunk;
    return body.size() <= kMostBytes;
  };
  const auto reply = client_->stream(request, take, stop);
  if (!reply) return {.trouble = reply.error().what};
  if (reply->status == 204 || (reply->status == 200 && trim(body).empty())) return {};
  if (reply->status == 200 && body.size() <= kMostBytes) return {.document = std::move(body)};
  Answer out{.trouble =
                 fmt::format("{}: {}: {}{}", url_,
                             reply->status == 200 ? "a document over 1 MiB" : fmt::format("status {}", reply->status),
                             harmless(std::string_view(reply->body).substr(0, kExcerpt)), advice(reply->status))};
  const auto seconds = parse_int(reply->header("retry-after"));
  if (seconds && *seconds >= 0) out.retry_after = std::chrono::seconds(std::min(*seconds, kMostRetrySeconds));
  return out;
}

Milliseconds BackOff::next() {
  const Milliseconds most = kFirstPause * (1 << std::min(tries_++, kMostDoublings));
  return Milliseconds(std::uniform_int_distribution<Milliseconds::rep>(most.count() / 2, most.count())(random_));
}

}  // namespace tessera::agent::layout

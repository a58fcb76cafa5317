#include "server/access/node_tokens.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "kube/status.h"
#include "server/access/secret.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::json;

constexpr Milliseconds kKnownFor = 60s;
constexpr Milliseconds kPatience = 5s;
constexpr std::ptrdiff_t kMostWaiting = 4;
constexpr std::string_view kAccount = "system:serviceaccount:";

std::string text_at(const Json& value, const char* pointer) {
  const Json::json_pointer where(pointer);
  if (!value.contains(where)) return {};
  const Json& found = value.at(where);
  return found.is_string() ? found.get<std::string>() : "";
}

/// What a bound token says beside its user, of which each is a list of one.
std::string extra(const Json& review, std::string_view name) {
  return text_at(review, fmt::format("/status/user/extra/authentication.kubernetes.io~1{}/0", name).c_str());
}

bool is_for_us(const Json& review) {
  const Json::json_pointer where("/status/audiences");
  if (!review.contains(where) || !review.at(where).is_array()) return false;
  for (const Json& one : review.at(where))
    if (one == kTokenAudience) return true;
  return false;
}

/// A body of the API server, or why it is none.
Result<Json> body_of(Result<http::ClientResponse> reply, const std::string& tried) {
  if (!reply) return fail(Code::Unavailable, "{}: {}", tried, reply.error().what);
  if (reply->status == 404) return fail(Code::NotFound, "{}: status 404", tried);
  if (reply->status / 100 != 2)
    return fail(Code::Unavailable, "{}: status {}: {}", tried, reply->status,
                text_at(Json::parse(reply->body, nullptr, false), "/message"));
  Json body = Json::parse(reply->body, nullptr, false);
  if (!body.is_object()) return fail(Code::Unavailable, "{}: the reply is no JSON", tried);
  return body;
}

}  // namespace

std::string node_key_name(const std::string& cluster, const std::string& node) {
  return cluster == "default" ? node : cluster + '/' + node;
}

NodeTokens::NodeTokens(kube::ApiServer server, std::set<std::string> accounts)
    : accounts_(std::move(accounts)), asking_(kMostWaiting), api_(std::move(server)) {}

Result<std::string> NodeTokens::node_of(const std::string& token, SteadyTime now) {
  const std::string digest = sha256_hex(token);
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(digest); known != known_.end() && now < known->second.until)
      return known->second.node;
  }
  auto node = ask(token);
  if (!node) return node;
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& one) { return one.second.until <= now; });
  known_[digest] = {*node, now + kKnownFor};
  return node;
}

Result<std::string> NodeTokens::ask(const std::string& token) {
  if (!asking_.try_acquire())
    return fail(Code::Unavailable, "too many tokens wait for the cluster's API server to look at them");
  const std::lock_guard lock(api_mutex_);
  auto node = review(token);
  asking_.release();
  return node;
}

Result<std::string> NodeTokens::review(const std::string& token) {
  const kube::ApiRequest request{
      .path = "/apis/authentication.k8s.io/v1/tokenreviews",
      .method = "POST",
      .body = Json{{"apiVersion", "authentication.k8s.io/v1"},
                   {"kind", "TokenReview"},
                   {"spec", {{"token", token}, {"audiences", Json::array({kTokenAudience})}}}}
                  .dump(-1, ' ', false, Json::error_handler_t::replace),
      .deadline = kPatience};
  auto reply = body_of(api_.send(request), api_.tried(request));
  if (!reply) return fail(Code::Unavailable, "{}", reply.error().what);
  const Json& review = *reply;
  if (!review.contains(Json::json_pointer("/status/authenticated")) ||
      review.at(Json::json_pointer("/status/authenticated")) != true || !is_for_us(review))
    return fail(Code::Invalid, "the cluster's API server does not take this token for the audience '{}': {}",
                kTokenAudience, text_at(review, "/status/error"));
  const std::string user = text_at(review, "/status/user/username");
  const auto colon = user.rfind(':');
  if (!user.starts_with(kAccount) || colon <= kAccount.size())
    return fail(Code::Denied, "'{}' is no service account", user);
  const std::string space = user.substr(kAccount.size(), colon - kAccount.size()), account = user.substr(colon + 1);
  if (!accounts_.contains(space + '/' + account))
    return fail(Code::Denied, "the token is of the service account {}/{}; server.access.node-accounts has {}", space,
                account, fmt::join(accounts_, ", "));
  const std::string pod = extra(review, "pod-name");
  if (pod.empty()) return fail(Code::Denied, "the token is bound to no pod: a projected volume makes one that is");
  if (std::string node = extra(review, "node-name"); !node.empty()) return node;  // Kubernetes 1.30 and later
  return node_of_pod(space, pod, extra(review, "pod-uid"));
}

Result<std::string> NodeTokens::node_of_pod(const std::string& space, const std::string& name, const std::string& uid) {
  const kube::ApiRequest request{.path = fmt::format("/api/v1/namespaces/{}/pods/{}", space, name),
                                 .deadline = kPatience};
  auto pod = body_of(api_.send(request), api_.tried(request));
  if (!pod && pod.error().code != Code::NotFound) return pod.error();
  const std::string node = pod ? text_at(*pod, "/spec/nodeName") : "";
  if (node.empty() || text_at(*pod, "/metadata/uid") != uid)
    return fail(Code::Denied, "the pod {}/{} of the token is gone, or is on no node", space, name);
  return node;
}

}  // namespace tessera::server

#include "operator/client.h"

#include <nlohmann/json.hpp>

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

constexpr Milliseconds kDeadline = 10s;
constexpr std::size_t kMaxBytes = 16U << 20U;

std::string dumped(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Client::Client(kube::ApiServer server, Counts& counts) : api_(std::move(server)), counts_(counts) {}

Result<Reply> Client::call(kube::ApiRequest request, const std::stop_token& stop) {
  request.deadline = kDeadline;
  request.max_body_bytes = kMaxBytes;
  auto reply = api_.send(request, stop);
  counts_.note_call(request.method, reply ? reply->status : 0);
  if (!reply) return reply.error();
  if (reply->status / 100 == 2) return Reply{{.code = reply->status}, std::move(reply->body), {}};
  Reply out{kube::read_status(reply->status, reply->body, reply->header("retry-after")), {}, {}};
  out.trouble =
      kube::refusal(out.status, api_.tried(request), kube::needed_right(request.method, request.path, false)).what;
  return out;
}

Result<Reply> Client::get(const std::string& path, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.path = path;
  return call(std::move(request), stop);
}

Result<Reply> Client::create(const std::string& path, const Json& object, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "POST";
  request.path = path;
  request.query = {{"fieldManager", kFieldManager}};
  request.body = dumped(object);
  return call(std::move(request), stop);
}

Result<Reply> Client::apply(const std::string& path, const Json& object, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path = path;
  request.query = {{"fieldManager", kFieldManager}, {"force", "true"}};
  request.content_type = "application/apply-patch+yaml";  // which JSON is, too
  request.body = dumped(object);
  return call(std::move(request), stop);
}

Result<Reply> Client::merge(const std::string& path, const Json& patch, const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path = path;
  request.query = {{"fieldManager", kFieldManager}};
  request.content_type = "application/merge-patch+json";
  request.body = dumped(patch);
  return call(std::move(request), stop);
}

Result<Reply> Client::remove(const std::string& path, const std::string& uid, bool orphan,
                             const std::stop_token& stop) {
  kube::ApiRequest request;
  request.method = "DELETE";
  request.path = path;
  request.body = dumped({{"apiVersion", "v1"},
                         {"kind", "DeleteOptions"},
                         {"propagationPolicy", orphan ? "Orphan" : "Background"},
                         {"preconditions", {{"uid", uid}}}});
  return call(std::move(request), stop);
}

}  // namespace tessera::operate

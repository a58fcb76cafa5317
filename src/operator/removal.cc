#include "operator/removal.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/log.h"
#include "kube/status.h"
#include "operator/spec.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Milliseconds kSettle = 5s;  // within which each API server knows of a new right, and of a new kind

/// What it has come to by one question.
struct Look {
  bool gone = false;
  std::string waits_for{};
};

std::string path_of(const Options& options) {
  return fmt::format("/apis/{}/gpumonitors/{}", kApiVersion, options.remove);
}

/// The finalizers of a resource that is being deleted: who still has to say that he is done.
std::string finalizers(const std::string& body) {
  const Json object = Json::parse(body, nullptr, false);
  const Json::json_pointer where("/metadata/finalizers");
  if (!object.is_object() || !object.contains(where)) return "the API server";
  const auto names = object.at(where).get<std::vector<std::string>>();
  return fmt::format("the finalizer{} {}", names.size() == 1 ? "" : "s", fmt::join(names, ", "));
}

/// `settled`: what a moment may heal has had that moment. DELETE asks as well as GET does: what is being deleted is
/// answered with what it still waits for.
Result<Look> ask(kube::Api& api, const Options& options, bool settled, const std::stop_token& stop) {
  const kube::ApiRequest request{.path = path_of(options), .method = "DELETE"};
  const auto reply = api.send(request, stop);
  if (!reply) return Look{false, reply.error().what};
  const kube::Status status = kube::read_status(reply->status, reply->body);
  // Of an API server that does not serve the kind yet, 404 says nothing of the resource.
  if (reply->status == 404 && (status.reason == "NotFound" || settled)) return Look{true};
  if (reply->status / 100 == 2) return Look{false, finalizers(reply->body)};
  const Error refused = kube::refusal(status, api.tried(request), kube::needed_right("DELETE", request.path, false));
  // An authorizer of another API server learns of a new right a moment later.
  if (refused.code == Code::Denied && settled) return refused;
  return Look{false, refused.what};
}

}  // namespace

Result<void> remove_monitor(const Options& options, const std::stop_token& stop, Milliseconds patience) {
  kube::ApiServer server = TRY(kube::in_cluster(options.service_account));
  server.user_agent = "tessera-operator/" TESSERA_VERSION;
  kube::Api api(server);
  const SteadyTime begin = std::chrono::steady_clock::now();
  std::string told;
  for (;;) {
    const bool settled = std::chrono::steady_clock::now() - begin > kSettle;
    const Look look = TRY(ask(api, options, settled, stop));
    if (look.gone) break;
    if (look.waits_for != told)
      log::info("waiting until the GpuMonitor is gone", {{"name", options.remove}, {"waits for", look.waits_for}});
    told = look.waits_for;
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now - begin > patience || !wait_until(now + 1s, stop))
      return fail(
          Code::Unavailable,
          "the GpuMonitor {} is still there, waiting for {}: is the operator running? Where none runs any more, "
          "free it: kubectl patch gpumonitor {} --type=merge --patch '{{\"metadata\":{{\"finalizers\":null}}}}'",
          options.remove, told, options.remove);
  }
  log::info("GpuMonitor gone", {{"name", options.remove}});
  return {};
}

}  // namespace tessera::operate

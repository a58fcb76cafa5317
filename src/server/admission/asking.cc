#include "server/admission/asking.h"

#include <nlohmann/json.hpp>

#include "fleet/cluster/owners.h"
#include "server/access/viewer.h"
#include "server/admission/labels.h"

namespace tessera::server {
namespace {

http::Request as_webhook() {
  static const auto kViewer = [] {
    auto out = std::make_shared<Viewer>();
    out->caller = out->actor = "tessera-server (webhook)";
    return out;
  }();
  http::Request out;
  out.method = "POST";
  out.path = "/gpu/allocations";
  out.caller = std::make_shared<const Caller>(Caller{kViewer, {}});
  return out;
}

Result<void> done(const http::Response& reply) {
  constexpr int kAway = 503;
  if (reply.status / 100 == 2) return {};
  const Json problem = Json::parse(reply.body, nullptr, false);
  return fail(reply.status == kAway ? Code::Unavailable : Code::Invalid, "{}",
              problem.is_object() ? problem.value("detail", "") : "");
}

}  // namespace

Result<AllocationWish> wish_of_pod(const fleet::ClusterPod& pod, const fleet::ClusterView& cluster) {
  if (pod.requests.size() != 1)
    return fail(Code::Invalid, "the pod asks for {} kinds of GPUs, and one is expected", pod.requests.size());
  const auto& [resource, count] = *pod.requests.begin();
  const std::string team(fleet::team_of(cluster, cluster.cluster, pod.space, pod.name));
  AllocationWish out = TRY(wish_of_labels(pod.labels, {.cluster = cluster.cluster,
                                                       .space = pod.space,
                                                       .pod = pod.name,
                                                       .resource = resource,
                                                       .priority = pod.priority,
                                                       .team = team}));
  if (count != out.need.devices)
    return fail(Code::Invalid, "the pod asks for {} of {}, and its labels for {}", count, resource, out.need.devices);
  return out;
}

Result<void> ask_for(Allocations& allocations, const AllocationWish& wish) {
  return done(allocations.ask(as_webhook(), wish));
}

Result<void> release(Allocations& allocations, const std::string& id) {
  return done(allocations.release(as_webhook(), id));
}

}  // namespace tessera::server

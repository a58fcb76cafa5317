#include "server/admission/extender.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/every.h"
#include "base/text.h"
#include "kube/json_slice.h"
#include "server/admission/asking.h"
#include "server/admission/gate_steps.h"
#include "server/admission/labels.h"
#include "server/api_json.h"
#include "server/cluster_objects.h"

namespace tessera::server {
namespace {

constexpr int kBest = 10;
constexpr Milliseconds kLook{50};
/// The kubelet refuses a pod whose device it does not list, so that is waited for without end.
constexpr Milliseconds kPatience = Milliseconds::max();

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }
std::string json_string(std::string_view text) { return json_text(Json(valid_utf8(text))); }

/// The scheduler's words: with its names in capitals, as Go writes what has no names for JSON.
struct Args {
  fleet::ClusterPod pod;
  bool by_name = false;                                           ///< NodeNames; else Nodes
  std::vector<std::pair<std::string, std::string_view>> nodes{};  ///< by name; the object as it came, where it did
};

std::optional<Args> args_of(std::string_view body) {
  if (!kube::is_json(body)) return std::nullopt;
  const std::string_view names = at(body, "NodeNames"), nodes = at(body, "Nodes"), pod = at(body, "Pod");
  if (!pod.starts_with('{')) return std::nullopt;
  Args out{read_pod(pod), names.starts_with('[')};
  if (out.by_name)
    kube::each_item(names, [&](std::string_view one) { out.nodes.emplace_back(kube::text_of(one), one); });
  else
    kube::each_item(at(nodes, "items"), [&](std::string_view one) {
      out.nodes.emplace_back(kube::text_member(at(one, "metadata"), "name"), one);
    });
  return out;
}

/// As the webhook left it: what a pod asks for itself, and has a label besides, is the scheduler's alone.
bool is_ours(const fleet::ClusterPod& pod) {
  return asks_by_label(pod.labels) && pod.requests.size() == 1 && pod.notes.contains(std::string(kDecisionNote));
}

/// Where the pod may go now: a node, or nowhere with the reason. An error is that nobody can say.
struct Place {
  std::string node, why;
};

/// The pod as the cluster shows it, with that view; null where it does not within the patience.
std::shared_ptr<const Published> shown(const fleet::ClusterPod& pod, const ExtenderGround& ground) {
  const SteadyTime until = std::chrono::steady_clock::now() + ground.patience;
  do {
    const auto known = ground.known();
    const auto* seen = known->cluster->pod(known->cluster->cluster, pod.space, pod.name);
    if (seen && seen->uid == pod.uid) return known;
  } while (std::chrono::steady_clock::now() < until && wait_until(std::chrono::steady_clock::now() + kLook, {}));
  return nullptr;
}

/// Whether the scheduler has kept the node of what is ready from the pod for so long that something of its own is in
/// the way, CPU say: what is wanted of a node is looked at when it asks, and while a node is being cut it offers it
/// not.
bool is_shut_out(const GateStep& step, const Args& args, const fleet::PodAllocation* own, EpochMs now) {
  constexpr Milliseconds kOfferedWithin{60'000};
  if (step.what != GateStep::What::Open || !own || !own->ready_since) return false;
  const bool offered = std::ranges::any_of(args.nodes, [&](const auto& one) { return one.first == step.node; });
  return !offered && now - *own->ready_since > kOfferedWithin.count();
}

/// Asks for an allocation on the nodes that are offered; what is to be done then.
Result<std::optional<GateStep>> ask(const Args& args, const ExtenderGround& ground, const Published& known) {
  const fleet::ClusterView& cluster = *known.cluster;
  const fleet::ClusterPod& pod = *cluster.pod(cluster.cluster, args.pod.space, args.pod.name);
  AllocationWish wish = TRY(wish_of_pod(pod, cluster));
  wish.pod_uid = pod.uid;
  for (const auto& [name, object] : args.nodes) wish.nodes.insert(name);
  TRY(ground.ask(wish));
  return step_of(pod, cluster, *ground.book(), known.view->time, kPatience);
}

Result<Place> place_of(const Args& args, const ExtenderGround& ground) {
  auto known = ground.known();
  if (!known || !known->view) return fail(Code::Unavailable, "tessera-server has just begun");
  if (!known->cluster->synced)
    return fail(Code::Unavailable, "tessera-server does not see the cluster (cluster-metadata)");
  const auto book = ground.book();
  auto step = step_of(args.pod, *known->cluster, *book, known->view->time, kPatience);
  const auto* own = book->of_pod(known->cluster->cluster, args.pod.space, args.pod.name);
  const bool shut_out = step && is_shut_out(*step, args, own, known->view->time);
  if (step && (step->what == GateStep::What::Ask || shut_out)) {
    known = shown(args.pod, ground);
    if (!known) return Place{"", "the cluster has not shown this pod to tessera-server yet"};
    if (shut_out) TRY(ground.release(own->id));
    step = TRY(ask(args, ground, *known));
  }
  if (!step) return Place{"", "the allocation of the pod that had this name is about to end"};
  if (step->what == GateStep::What::Open) return Place{step->node, "the pod's allocation is on node " + step->node};
  return Place{"", step->note};
}

/// The reply's members are told apart by whether the scheduler has nodes in its cache, as in its question.
std::string filtered(const Args& args, const std::vector<std::string_view>& kept, const std::string& failed,
                     const std::string& error) {
  std::string list;
  for (const std::string_view one : kept) {
    if (!list.empty()) list += ',';
    list += one;
  }
  std::string out = args.by_name ? R"({"Nodes":null,"NodeNames":[)" : R"({"Nodes":{"metadata":{},"items":[)";
  out += list;
  out += args.by_name ? "]" : R"(]},"NodeNames":null)";
  // That others leave the node would not help: whoever goes by the second list tries no preemption.
  out += R"(,"FailedNodes":{)" + failed + R"(},"FailedAndUnresolvableNodes":{)" + failed + R"(},"Error":)";
  out += json_string(error) + '}';
  return out;
}

}  // namespace

std::string filter_nodes(std::string_view body, const ExtenderGround& ground) {
  const auto args = args_of(body);
  if (!args) return filtered({}, {}, "", "tessera: the body is no ExtenderArgs");
  std::vector<std::string_view> kept;
  if (!is_ours(args->pod)) {
    for (const auto& [name, object] : args->nodes) kept.push_back(object);
    return filtered(*args, kept, "", "");
  }
  const auto place = place_of(*args, ground);
  if (!place) return filtered(*args, {}, "", "tessera: " + place.error().what);
  std::string failed;
  for (const auto& [name, object] : args->nodes) {
    if (name == place->node) {
      kept.push_back(object);
      continue;
    }
    if (!failed.empty()) failed += ',';
    failed += json_string(name) + ':' + json_string("tessera: " + place->why);
  }
  return filtered(*args, kept, failed, "");
}

std::string prioritize_nodes(std::string_view body, const ExtenderGround& ground) {
  const auto args = args_of(body);
  Json out = Json::array();
  if (!args) return json_text(out);
  const auto known = ground.known();
  const auto book = ground.book();
  const auto* own =
      known && is_ours(args->pod) ? book->of_pod(known->cluster->cluster, args->pod.space, args->pod.name) : nullptr;
  const std::string node = own && !own->parts.empty() ? own->parts.front().node : "";
  for (const auto& [name, object] : args->nodes)
    out.push_back({{"Host", valid_utf8(name)}, {"Score", !name.empty() && name == node ? kBest : 0}});
  return json_text(out);
}

}  // namespace tessera::server

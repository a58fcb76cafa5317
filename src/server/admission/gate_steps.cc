#include "server/admission/gate_steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/json_slice.h"
#include "server/admission/labels.h"
#include "server/allocations_json.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
using fleet::AllocationState;
using What = GateStep::What;

constexpr const char* kHostname = "kubernetes.io/hostname";

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }
bool is_object(std::string_view value) { return value.starts_with('{'); }

GateStep step(What what, const fleet::ClusterPod& pod, const std::string& note = {}, bool warning = false,
              std::string node = {}) {
  return {what, pod.space, pod.name, pod.uid, clipped(note), warning, std::move(node)};
}

/// "2g.20gb of w-1", "2 devices of w-1", "a share of a device of w-1".
std::string what(const fleet::PodAllocation& one) {
  const fleet::PromisedPart& part = one.parts.front();
  if (!part.profile.empty()) return fmt::format("{} of {}", part.profile, part.node);
  if (part.replicas > 0) return fmt::format("a share of a device of {}", part.node);
  return fmt::format("{} of {}", one.parts.size() == 1 ? "a device" : fmt::format("{} devices", one.parts.size()),
                     part.node);
}

/// Of a resource on a node, in the eyes of one pod that is to go there.
struct Amounts {
  std::int64_t listed = 0;      ///< whoever has it
  std::int64_t had = 0;         ///< by pods that are on the node
  std::int64_t on_its_way = 0;  ///< to pods that have no node yet, and come before this one
};

/// A pod that is past the gate gets its node from the scheduler; until then the node seems to have what it goes for.
/// Of two at the gate, and of two that never were at one, the one that was ready first comes first.
bool comes_before(const fleet::ClusterPod& one, const fleet::PodAllocation& its, const fleet::ClusterPod& other,
                  const fleet::PodAllocation& others) {
  if (!waits_at_gate(one) && waits_at_gate(other)) return true;
  return std::pair(its.ready_since, std::string_view(its.id)) <
         std::pair(others.ready_since, std::string_view(others.id));
}

Amounts amounts_for(const fleet::ClusterPod& pod, const fleet::PodAllocation& own, const std::string& resource,
                    const fleet::ClusterView& cluster, const fleet::AllocationBook& book) {
  Amounts out;
  const std::string& node = own.parts.front().node;
  const fleet::ClusterNode* of = cluster.node(cluster.cluster, node);
  if (!of) return out;
  if (const auto listed = of->allocatable.find(resource); listed != of->allocatable.end()) out.listed = listed->second;
  for (const auto& [key, other] : cluster.pods) {
    const auto asked = other->requests.find(resource);
    if (asked == other->requests.end()) continue;
    if (other->node == node) out.had += asked->second;
    if (!other->node.empty() || other->deleting) continue;
    const fleet::PodAllocation* its = book.of_pod(cluster.cluster, other->space, other->name);
    const bool goes_there = its && its->id != own.id && its->state == AllocationState::Promised && its->ready_since &&
                            its->parts.front().node == node;
    if (goes_there && comes_before(*other, *its, pod, own)) out.on_its_way += asked->second;
  }
  return out;
}

GateStep step_of_ready(const fleet::ClusterPod& pod, const fleet::PodAllocation& one, const fleet::ClusterView& cluster,
                       const fleet::AllocationBook& book, EpochMs now, Milliseconds patience) {
  const auto& [resource, count] = *pod.requests.begin();
  const std::string& node = one.parts.front().node;
  if (!cluster.nodes.contains(node))
    return step(What::Tell, pod, fmt::format("promised: {}, which the cluster has no node of that name for", what(one)),
                true);
  const Amounts amounts = amounts_for(pod, one, resource, cluster, book);
  if (amounts.listed - amounts.had - amounts.on_its_way >= count)
    return step(What::Open, pod, fmt::format("ready: {}", what(one)), false, node);
  if (amounts.listed >= count)
    return step(What::Tell, pod,
                fmt::format("promised: {} stands, and other pods {} all of the {} that it lists", what(one),
                            amounts.on_its_way > 0 ? "of the node, or on their way to it, have" : "of the node have",
                            resource));
  if (now - *one.ready_since < patience.count())
    return step(What::Tell, pod,
                fmt::format("promised: {} stands, and the device plugin there does not list it as {} yet", what(one),
                            resource));
  return step(
      What::Open, pod,
      fmt::format("ready: {} stands, but the device plugin there has not listed it as {} within {}: the pod waits "
                  "for that at the scheduler now",
                  what(one), resource, format_duration(patience)),
      true, node);
}

Json required(const Json& requirement, const char* kind) {
  return {{"nodeSelectorTerms", Json::array({Json{{kind, Json::array({requirement})}}})}};
}

void add(Json& patch, const std::string& path, Json value) {
  patch.push_back({{"op", "add"}, {"path", path}, {"value", std::move(value)}});
}
void test(Json& patch, const std::string& path, Json value) {
  patch.push_back({{"op", "test"}, {"path", path}, {"value", std::move(value)}});
}

/// One of its terms has to hold, so each gets the node.
void add_affinity(Json& patch, std::string_view spec, const NodeName& node) {
  constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
  const Json requirement = {{"key", node.key}, {"operator", "In"}, {"values", {node.value}}};
  const char* const kind = node.is_field ? "matchFields" : "matchExpressions";
  const std::string_view affinity = at(spec, "affinity"), of_nodes = at(affinity, "nodeAffinity");
  const std::string_view terms = at(at(of_nodes, kRequired), "nodeSelectorTerms");
  if (!is_object(affinity))
    return add(patch, "/spec/affinity", {{"nodeAffinity", {{kRequired, required(requirement, kind)}}}});
  if (!is_object(of_nodes))
    return add(patch, "/spec/affinity/nodeAffinity", {{kRequired, required(requirement, kind)}});
  const std::string path = fmt::format("/spec/affinity/nodeAffinity/{}", kRequired);
  if (!terms.starts_with('[')) return add(patch, path, required(requirement, kind));
  std::size_t number = 0;
  kube::each_item(terms, [&](std::string_view term) {
    const std::string own = fmt::format("{}/nodeSelectorTerms/{}/{}", path, number++, kind);
    const bool has_any = at(term, "matchExpressions").starts_with('[') || at(term, "matchFields").starts_with('[');
    if (!has_any) return;  // no node at all is what it stands for, and it may not be changed
    at(term, kind).starts_with('[') ? add(patch, own + "/-", requirement) : add(patch, own, Json::array({requirement}));
  });
}

}  // namespace

std::optional<GateStep> step_of(const fleet::ClusterPod& pod, const fleet::ClusterView& cluster,
                                const fleet::AllocationBook& book, EpochMs now, Milliseconds patience) {
  if (!asks_by_label(pod.labels) || pod.requests.size() != 1)
    return step(What::Tell, pod, "waiting: its labels and resources are not those that it was admitted with", true);
  const fleet::PodAllocation* one = book.of_pod(cluster.cluster, pod.space, pod.name);
  if (!one) return step(What::Ask, pod);
  if (!one->pod_uid.empty() && one->pod_uid != pod.uid) return std::nullopt;  // its namesake's, which is about to end
  if (one->state == AllocationState::Waiting) return step(What::Tell, pod, "waiting: " + one->why);
  if (one->parts.empty()) return std::nullopt;
  if (const std::string resource = resource_of(one->parts.front()); !pod.requests.contains(resource))
    return step(What::Tell, pod,
                fmt::format("waiting: allocation {} is of {}, and the pod asks for {}: release it", one->id, resource,
                            pod.requests.begin()->first),
                true);
  if (!one->ready_since) return step(What::Tell, pod, fmt::format("promised: {} is being cut", what(*one)));
  return step_of_ready(pod, *one, cluster, book, now, patience);
}

/// What keeps it there may take hours, and may choose its nodes: a place that is promised before lies idle meanwhile.
std::optional<GateStep> step_of_other_gates(const fleet::ClusterPod& pod) {
  std::vector<std::string_view> others;
  for (const std::string& gate : pod.gates)
    if (gate != kGate) others.push_back(gate);
  return step(What::Tell, pod,
              fmt::format("waiting: for its other scheduling gates first: {}", fmt::join(others, ", ")));
}

bool waits_at_gate(const fleet::ClusterPod& pod) {
  return !pod.deleting && pod.node.empty() && std::ranges::count(pod.gates, kGate) > 0;
}

std::vector<GateStep> gate_steps(const fleet::ClusterView& cluster, const fleet::AllocationBook& book, EpochMs now,
                                 Milliseconds patience) {
  std::vector<GateStep> out;
  if (!cluster.synced) return out;
  for (const auto& [key, pod] : cluster.pods) {
    if (!waits_at_gate(*pod)) continue;
    auto one = pod->gates.size() > 1 ? step_of_other_gates(*pod) : step_of(*pod, cluster, book, now, patience);
    const auto note = pod->notes.find(std::string(kStateNote));
    const bool told = one && one->what == What::Tell && note != pod->notes.end() && note->second == one->note;
    if (one && !told) out.push_back(*std::move(one));
  }
  return out;
}

NodeName name_for_affinity(const fleet::ClusterView& cluster, const std::string& node) {
  if (const fleet::ClusterNode* of = cluster.node(cluster.cluster, node))
    if (const auto found = of->labels.find(kHostname); found != of->labels.end())
      return {false, kHostname, found->second};
  return {true, "metadata.name", node};
}

std::string opening_patch(std::string_view pod, const NodeName& node, const std::string& note) {
  const std::string_view metadata = at(pod, "metadata"), spec = at(pod, "spec");
  std::optional<std::size_t> place;
  std::size_t number = 0;
  kube::each_item(at(spec, "schedulingGates"), [&](std::string_view gate) {
    if (kube::text_member(gate, "name") == kGate) place = number;
    ++number;
  });
  if (!place) return {};
  Json out = Json::array();
  test(out, "/metadata/uid", kube::text_member(metadata, "uid"));
  test(out, "/metadata/resourceVersion", kube::text_member(metadata, "resourceVersion"));
  add_affinity(out, spec, node);
  out.push_back({{"op", "remove"}, {"path", fmt::format("/spec/schedulingGates/{}", *place)}});
  const std::string annotation = "tessera.dev~1gpu-allocation";
  is_object(at(metadata, "annotations")) ? add(out, "/metadata/annotations/" + annotation, note)
                                         : add(out, "/metadata/annotations", Json{{std::string(kStateNote), note}});
  return json_text(out);
}

}  // namespace tessera::server

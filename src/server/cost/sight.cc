#include "server/cost/sight.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "fleet/inventory/parts.h"

namespace tessera::server {
namespace {

constexpr EpochMs kKeepAgain = 24 * 3'600'000;  // so that what is still there is not dropped as old

/// How clouds and provisioners say that a node may be taken away.
struct PurchaseLabel {
  std::string_view label, value;
  fleet::Purchase purchase;
};
constexpr PurchaseLabel kPurchaseLabels[] = {
    {"tessera.dev/purchase", "spot", fleet::Purchase::Spot},
    {"tessera.dev/purchase", "reserved", fleet::Purchase::Reserved},
    {"karpenter.sh/capacity-type", "spot", fleet::Purchase::Spot},
    {"karpenter.sh/capacity-type", "reserved", fleet::Purchase::Reserved},
    {"eks.amazonaws.com/capacityType", "SPOT", fleet::Purchase::Spot},
    {"eks.amazonaws.com/capacityType", "CAPACITY_BLOCK", fleet::Purchase::Reserved},
    {"cloud.google.com/gke-spot", "true", fleet::Purchase::Spot},
    {"cloud.google.com/gke-preemptible", "true", fleet::Purchase::Spot},
    {"kubernetes.azure.com/scalesetpriority", "spot", fleet::Purchase::Spot},
};

std::string_view label(const fleet::LabelMap& labels, std::string_view name) {
  const auto found = labels.find(std::string(name));
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

void place_by_labels(const CostSettings& settings, const fleet::LabelMap& labels, store::CostRules::Place& out) {
  for (const std::string& name : settings.pool_labels)
    if (out.pool.empty()) out.pool = label(labels, name);
  if (const auto said = purchase_said(labels)) out.purchase = said->purchase;
}

bool fits(const std::string& pattern, std::string_view name) {
  return pattern.empty() || fleet::matches(pattern, name);
}

void name_fields(const fleet::OwnerFound& found, fleet::CostOwner& into) {
  into.team = found[fleet::OwnerField::Team].value;
  into.project = found[fleet::OwnerField::Project].value;
  into.cost_centre = found[fleet::OwnerField::CostCentre].value;
  into.labels = found.labels;
}

}  // namespace

std::optional<PurchaseSaid> purchase_said(const fleet::LabelMap& labels) {
  for (const PurchaseLabel& one : kPurchaseLabels)
    if (label(labels, one.label) == one.value)
      return PurchaseSaid{one.purchase, std::string(one.label), std::string(one.value)};
  return std::nullopt;
}

store::CostRules::Place place_of(const CostSettings& settings, std::string_view cluster, std::string_view node,
                                 const fleet::LabelMap* labels) {
  store::CostRules::Place out;
  if (labels) place_by_labels(settings, *labels, out);
  const auto row = std::ranges::find_if(
      settings.nodes, [&](const NodePlace& one) { return fits(one.cluster, cluster) && fits(one.node, node); });
  if (row == settings.nodes.end()) return out;
  if (!row->pool.empty()) out.pool = row->pool;
  if (row->purchase) out.purchase = *row->purchase;
  return out;
}

CostSight::CostSight(const CostSettings& settings, fleet::OwnerRules rules, const CostMemory& kept)
    : settings_(settings), rules_(std::move(rules)) {
  for (const store::CostPlace& one : kept.places)
    places_[{one.cluster, one.node}].set(one.begins, {one.pool, one.purchase});
  for (const store::CostShared& one : kept.shared) shared_[one.part].set(one.begins, one.replicas);
  for (const store::CostHeld& one : kept.held) held_[one.by].replicas = one.replicas;
  for (const fleet::CostOwner& one : kept.pods) pod_at({{one.cluster, one.space, one.pod}, one.pod_uid}).owner = one;
}

CostSight::Pod& CostSight::pod_at(PodKey key) {
  newest_[key.first] = key.second;
  return pods_[std::move(key)];
}

void CostSight::look(const fleet::View& view, std::shared_ptr<const fleet::ClusterView> cluster, EpochMs now) {
  if (cluster->synced || !cluster->watched) cluster_ = std::move(cluster);
  look_at_pods(now);
  for (const auto& node : view.nodes) {
    look_at_place(*node, now);
    for (const fleet::Device& device : node->devices) look_at_shares(*node, device, now);
  }
}

void CostSight::look_at_place(const fleet::Node& node, EpochMs now) {
  const fleet::ClusterNode* known = cluster_->node(node.cluster, node.name);
  if (!known) return;  // it has left, or nobody tells: then it is what the settings say
  const store::CostRules::Place place = place_of(settings_, node.cluster, node.name, &known->labels);
  auto& places = places_[{node.cluster, node.name}];
  if (places.set(now, place))
    unkept_.places.push_back({node.cluster, node.name, places.last_change(), place.pool, place.purchase});
}

/// How many replicas the device plugin makes of a device is told by the node's labels (GPU feature discovery); 0 where
/// nobody tells.
std::int64_t CostSight::replicas_made(const fleet::Node& node, const fleet::Device& device,
                                      const fleet::Part& part) const {
  const fleet::ClusterNode* known = cluster_->node(node.cluster, node.name);
  if (!known) return 0;
  const std::string_view profile = fleet::profile_of(device, part);
  const std::string resource = profile.empty() ? "nvidia.com/gpu" : fmt::format("nvidia.com/mig-{}", profile);
  return parse_int(label(known->labels, resource + ".replicas")).value_or(0);
}

/// Where nobody tells how many replicas there are, those that are held are all. Who has a part for himself says that it
/// is shared no longer; while nobody has it, it stays what it was.
void CostSight::look_at_shares(const fleet::Node& node, const fleet::Device& device, EpochMs now) {
  std::map<store::CostPart, std::pair<fleet::Part, std::int64_t>> parts;  // and how many replicas are held
  std::map<store::CostHolder, std::int64_t> held;
  for (const fleet::Allocation& one : device.allocations) {
    if (!one.facts->shared && one.facts->resource.empty()) continue;  // of a series that does not know
    const store::CostPart part{node.cluster, device.facts->uuid, one.part.gpu_instance};
    auto& [of, count] = parts.try_emplace(part, one.part, 0).first->second;
    if (!one.facts->shared) continue;
    const fleet::Workload& whose = one.facts->workload;
    const std::int64_t replicas = one.facts->replicas.value_or(1);
    count += replicas;
    held[{part, whose.space, whose.pod, whose.pod_uid}] += replicas;
  }
  for (const auto& [part, seen] : parts) {
    const auto& [of, count] = seen;
    const std::int64_t replicas = count == 0 ? 1 : std::max(replicas_made(node, device, of), count);
    auto& shared = shared_[part];
    if (shared.set(now, replicas)) unkept_.shared.push_back({part, shared.last_change(), replicas});
  }
  for (const auto& [holder, replicas] : held) note_held(holder, replicas, now);
}

void CostSight::note_held(const store::CostHolder& holder, std::int64_t replicas, EpochMs now) {
  auto known = held_.find(holder);
  if (known == held_.end()) {
    if (replicas == 1) return;
    known = held_.emplace(holder, Held{}).first;
  }
  if (known->second.replicas != replicas) known->second.kept_at = 0;
  known->second.replicas = replicas;
  known->second.last_seen = now;
}

bool CostSight::Held::is_unkept(EpochMs now) const {
  return last_seen != 0 && last_seen >= kept_at && (kept_at == 0 || now - kept_at > kKeepAgain);
}

fleet::OwnerFound CostSight::found(std::string_view cluster, std::string_view space, const fleet::LabelMap* pod) const {
  fleet::PodLabels of{space, pod, nullptr, nullptr};
  const auto known = cluster == cluster_->cluster ? cluster_->namespaces.find(space) : cluster_->namespaces.end();
  if (known != cluster_->namespaces.end()) {
    of.space_labels = &known->second->labels;
    of.space_annotations = &known->second->annotations;
  }
  return find_owner(rules_, of);
}

void CostSight::look_at_pods(EpochMs now) {
  for (const auto& [key, pod] : cluster_->pods) {
    Pod& of = pod_at({{cluster_->cluster, pod->space, pod->name}, pod->uid});
    of.last_seen = now;
    const auto known = cluster_->namespaces.find(pod->space);
    const auto space = known == cluster_->namespaces.end() ? nullptr : known->second;
    if (of.seen == pod && of.space == space) continue;
    of.seen = pod;
    of.space = space;
    fleet::CostOwner owner{cluster_->cluster, pod->space, pod->name, pod->uid, {}, {}, {}};
    name_fields(found(cluster_->cluster, pod->space, &pod->labels), owner);
    if (of.owner == owner) continue;
    of.owner = std::move(owner);
    of.kept_at = 0;
  }
}

CostMemory CostSight::unkept(EpochMs now) const {
  CostMemory out = unkept_;
  for (const auto& [key, pod] : pods_)
    if (pod.seen && pod.last_seen >= pod.kept_at && (pod.kept_at == 0 || now - pod.kept_at > kKeepAgain))
      out.pods.push_back(pod.owner);
  for (const auto& [holder, held] : held_)
    if (held.is_unkept(now)) out.held.push_back({holder, held.replicas});
  return out;
}

void CostSight::kept(EpochMs now) {
  unkept_ = {};
  for (auto& [holder, held] : held_)
    if (held.is_unkept(now)) held.kept_at = now;
  for (auto& [key, pod] : pods_)
    if (pod.seen && (pod.kept_at == 0 || now - pod.kept_at > kKeepAgain)) pod.kept_at = now;
}

void CostSight::forget_before(EpochMs time) {
  std::erase_if(pods_, [&](const auto& one) { return one.second.seen && one.second.last_seen < time; });
  std::erase_if(held_, [&](const auto& one) { return one.second.last_seen != 0 && one.second.last_seen < time; });
  std::erase_if(newest_, [&](const auto& one) { return !pods_.contains({one.first, one.second}); });
}

const fleet::CostOwner* CostSight::pod_of(const fleet::CostOwner& owner) const {
  const PodName name{owner.cluster, owner.space, owner.pod};
  const auto newest = newest_.find(name);
  if (newest == newest_.end()) return nullptr;
  const auto known = pods_.find({name, owner.pod_uid.empty() ? newest->second : owner.pod_uid});
  return known == pods_.end() ? nullptr : &known->second.owner;
}

bool CostSight::name(fleet::CostOwner& owner) const {
  const auto by_space = found(owner.cluster, owner.space, nullptr);
  name_fields(by_space, owner);
  if (const fleet::CostOwner* known = pod_of(owner))
    std::tie(owner.team, owner.project, owner.cost_centre, owner.labels) =
        std::tie(known->team, known->project, known->cost_centre, known->labels);
  return by_space.overhead;
}

std::int64_t CostSight::replicas_of(const store::CostPart& part, EpochMs time) const {
  const auto known = shared_.find(part);
  const std::int64_t* replicas = known == shared_.end() ? nullptr : known->second.at(time);
  return replicas ? *replicas : 1;
}

std::int64_t CostSight::replicas_held(const store::CostHolder& holder) const {
  const auto known = held_.find(holder);
  return known == held_.end() ? 1 : known->second.replicas;
}

store::CostRules CostSight::rules(const fleet::RateBook& rates) const {
  store::CostRules out{.rates = rates};
  out.posting = settings_.posting;
  out.place_of = [this](std::string_view cluster, std::string_view node, EpochMs time) {
    const auto known = places_.find({std::string(cluster), std::string(node)});
    const auto* place = known == places_.end() ? nullptr : known->second.at(time);
    return place ? *place : place_of(settings_, cluster, node, nullptr);
  };
  out.name_owner = [this](fleet::CostOwner& owner) { return name(owner); };
  out.replicas_of = [this](const store::CostPart& part, EpochMs time) { return replicas_of(part, time); };
  out.replicas_held = [this](const store::CostHolder& holder) { return replicas_held(holder); };
  return out;
}

}  // namespace tessera::server

#include "fleet/allocation/sightings.h"

#include <algorithm>
#include <tuple>

#include "fleet/inventory/pods.h"

namespace tessera::fleet {
namespace {

std::string pod_name(std::string_view space, std::string_view pod) {
  std::string out(space);
  return out.append("/").append(pod);
}

/// A GPU instance and each compute instance in it are told of on their own, and not all by whom knows the place.
const InstanceFacts* told_of(const Device& device, unsigned gpu_instance) {
  const InstanceFacts* out = nullptr;
  for (const Instance& one : device.instances)
    if (one.part.gpu_instance == gpu_instance && one.facts && !one.facts->profile.empty() &&
        (!out || (!out->placement && one.facts->placement)))
      out = one.facts.get();
  return out;
}

}  // namespace

const Node* find_node(const View& view, std::string_view cluster, std::string_view name) {
  const auto at = std::ranges::lower_bound(view.nodes, std::tuple(cluster, name), {}, [](const auto& one) {
    return std::tuple(std::string_view(one->cluster), std::string_view(one->name));
  });
  return at == view.nodes.end() || (*at)->cluster != cluster || (*at)->name != name ? nullptr : at->get();
}

const Device* find_device(const View& view, std::string_view cluster, std::string_view node, std::string_view uuid) {
  const Node* on = find_node(view, cluster, node);
  if (!on) return nullptr;
  const auto found =
      std::ranges::find(on->devices, uuid, [](const Device& one) { return std::string_view(one.facts->uuid); });
  return found == on->devices.end() ? nullptr : &*found;
}

gpu::Placement whole_of(const Device& device) {
  unsigned axis = 1;
  if (device.facts->profiles)
    for (const gpu::Profile& profile : *device.facts->profiles)
      for (const gpu::Placement& one : profile.placements) axis = std::max(axis, one.start + one.size);
  return {0, axis};
}

std::optional<PromisedPart> place_of(const Node& node, const Device& device, const Part& part) {
  PromisedPart out{node.name, device.facts->uuid, "", whole_of(device)};
  if (!part.gpu_instance) return out;
  const InstanceFacts* facts = told_of(device, *part.gpu_instance);
  if (!facts || !facts->placement) return std::nullopt;
  out.profile = facts->profile;
  out.placement = *facts->placement;
  return out;
}

bool stands(const Device& device, const PromisedPart& part) {
  if (part.profile.empty()) return !is_cut(device);
  return std::ranges::any_of(device.instances, [&](const Instance& one) {
    return one.facts && one.facts->placement == part.placement && one.facts->profile == part.profile;
  });
}

void PodSightings::forget(const Key& name, const KnownNode& node) {
  for (const Key& pod : node.pods) {
    const auto found = pods_.find(pod);
    if (found == pods_.end()) continue;
    found->second.erase(name.second);
    if (found->second.empty()) pods_.erase(found);
  }
}

void PodSightings::take(const View& view) {
  ++turn_;
  for (const auto& node : view.nodes) {
    const Key name{node->cluster, node->name};
    KnownNode& known = nodes_[name];
    known.turn = turn_;
    if (known.node == node) continue;
    forget(name, known);
    known.node = node;
    known.pods.clear();
    for (const Pod& pod : pods_of(*node)) {
      if (pod.name.empty()) continue;
      const Key key{node->cluster, pod_name(pod.space, pod.name)};
      SeenPod seen{node->name, pod.uid, {}};
      for (const PodPart& part : pod.parts) {
        seen.held = seen.held || part.held;
        auto place = place_of(*node, *part.device, part.part.part);
        if (place && place->profile.empty() && part.shared) {
          place->replicas = part.replicas;
          place->resource = part.resource;
        }
        if (place && std::ranges::find(seen.parts, *place) == seen.parts.end()) seen.parts.push_back(*std::move(place));
      }
      pods_[key].insert_or_assign(node->name, std::move(seen));
      known.pods.push_back(key);
    }
  }
  std::erase_if(nodes_, [&](const auto& one) {
    const bool left = one.second.turn != turn_;
    if (left) forget(one.first, one.second);
    return left;
  });
}

std::vector<const SeenPod*> PodSightings::of(std::string_view cluster, std::string_view space,
                                             std::string_view pod) const {
  std::vector<const SeenPod*> out;
  const auto found = pods_.find({std::string(cluster), pod_name(space, pod)});
  if (found == pods_.end()) return out;
  for (const auto& [node, seen] : found->second) out.push_back(&seen);
  return out;
}

std::string PodSightings::other_on(std::string_view cluster, const PromisedPart& part, std::string_view space,
                                   std::string_view pod) const {
  const auto node = nodes_.find({std::string(cluster), part.node});
  if (node == nodes_.end()) return {};
  const std::string own = pod_name(space, pod);
  unsigned others = 0;
  for (const Key& key : node->second.pods) {
    if (key.second == own) continue;
    for (const PromisedPart& one : pods_.at(key).at(part.node).parts) {
      if (part.replicas == 0 ? !overlap(one, part) : one.device_uuid != part.device_uuid) continue;
      others += std::max(1U, one.replicas);
      if (others >= std::max(1U, part.replicas)) return key.second;
    }
  }
  return {};
}

}  // namespace tessera::fleet

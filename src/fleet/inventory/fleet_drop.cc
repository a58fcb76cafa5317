// What has left for good gives its room back: in a cluster that grows and shrinks each day, names never stop coming.
#include <algorithm>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/parts.h"

namespace tessera::fleet {

std::uint32_t Fleet::new_subject() {
  const std::uint32_t number = next_subject();
  if (free_subjects_.empty())
    subjects_.emplace_back();
  else
    free_subjects_.pop_back();
  return number;
}

std::uint32_t Fleet::new_node() {
  const std::uint32_t number = next_node();
  if (free_nodes_.empty())
    nodes_.emplace_back();
  else
    free_nodes_.pop_back();
  return number;
}

/// For so long, that nothing is told of it any more and nothing that is kept of it counts on its number.
bool Fleet::has_left_for_good(const NodeState& of, const Device& device, EpochMs now) const {
  const EpochMs heard = std::max({device.last_seen, device.heard, of.back});
  switch (device.presence) {
    case Presence::Retired:
      return now - heard > kRetiredKept.count();
    case Presence::Missing:
      return now - heard > kMissingKept.count();
    default:
      return false;
  }
}

std::vector<std::uint32_t> Fleet::subjects_at(const NodeState& of, std::uint32_t position) const {
  std::vector<std::uint32_t> out;
  for (const std::uint32_t subject : of.subjects)
    if (subjects_[subject].device == position) out.push_back(subject);
  return out;
}

/// Of no series and no count.
bool Fleet::is_unused(std::uint32_t subject) const {
  return subjects_[subject].slots == 0 && meter_.is_unused(subject);
}

void Fleet::drop_device(std::uint32_t node, std::uint32_t position) {
  const Device device = nodes_[node].node->devices[position];
  for (const std::uint32_t subject : subjects_at(nodes_[node], position)) {
    subject_by_name_.erase(subject_name(nodes_[node].node->cluster, device.facts->uuid, subjects_[subject].part));
    subjects_[subject] = {};
    meter_.drop(subject);
    free_subjects_.push_back(subject);
    std::erase(nodes_[node].subjects, subject);
  }
  take_out(node, position);
  --devices_;
}

void Fleet::drop_node(std::uint32_t number) {
  const Node& node = *nodes_[number].node;
  node_by_name_.erase(node.cluster + '/' + node.name);
  std::erase(order_, number);
  nodes_[number] = {.node = std::make_shared<Node>()};
  free_nodes_.push_back(number);
}

std::vector<DeviceName> Fleet::drop_gone(EpochMs now) {
  std::vector<DeviceName> out;
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    bool dropped = false;
    for (auto position = static_cast<std::uint32_t>(nodes_[number].node->devices.size()); position-- > 0;) {
      const NodeState& of = nodes_[number];
      const Device& device = of.node->devices[position];
      if (!has_left_for_good(of, device, now)) continue;
      if (!std::ranges::all_of(subjects_at(of, position), [&](std::uint32_t one) { return is_unused(one); })) continue;
      out.push_back({of.node->cluster, device.facts->uuid});
      drop_device(number, position);
      dropped = true;
    }
    // One whose boards have all moved to others has nothing left that could be dropped.
    const Node& node = *nodes_[number].node;
    if (!node.devices.empty() || node.name.empty()) continue;
    if (dropped || now - node.last_seen > kRetiredKept.count()) drop_node(number);
  }
  return out;
}

}  // namespace tessera::fleet

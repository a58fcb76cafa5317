#include "server/decision_stock.h"

#include <algorithm>

#include "server/differences.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

bool is_decided_about(const fleet::Device& device) { return device.presence != fleet::Presence::Retired; }

}  // namespace

void DecisionStock::follow(const Ground& ground, std::shared_ptr<const decision::Mix> mix, Surroundings now) {
  if (!policy_ || mix_ != mix) {
    if (stock_ && policy_) stock_->forget(*policy_);
    for (const auto& one : others_)
      if (stock_) stock_->forget(*one);
    others_.clear();
    policy_ = *decision::make_policy(policy_name_, *mix);
    mix_ = std::move(mix);
  }
  if (!stock_ || now.all || !now.nodes || !look_at_what_changed(ground, now)) rebuild(ground);
  look_beside(ground, now);
  ways_.follow(ground.book, now.cluster, now.all, now.turned);
  stock_->set_time(ground.view.time);
  before_ = std::move(now);
}

decision::Policy& DecisionStock::policy(const std::string& name) {
  if (name.empty() || name == policy_name_) return *policy_;
  const auto known = std::ranges::find(others_, name, [](const auto& one) { return one->name(); });
  if (known != others_.end()) {
    std::rotate(known, known + 1, others_.end());
    return *others_.back();
  }
  if (others_.size() == decision::kMinds - 1) {
    stock_->forget(*others_.front());
    others_.erase(others_.begin());
  }
  others_.push_back(*decision::make_policy(name, *mix_));
  return *others_.back();
}

decision::Candidate DecisionStock::seen(const Ground& ground, const fleet::Node& node,
                                        const fleet::Device& device) const {
  decision::Candidate out = candidate_of(ground, node, device);
  return seen_ == Seen::AsIfFree ? emptied(std::move(out)) : out;
}

void DecisionStock::rebuild(const Ground& ground) {
  nodes_.clear();
  node_at_.clear();
  node_of_.clear();
  decision::Supply supply{ground.view.time, {}, {}};
  for (const auto& node : ground.view.nodes) {
    NodeSeen of{node, static_cast<std::uint32_t>(supply.candidates.size()), 0};
    const auto number = static_cast<std::uint32_t>(nodes_.size());
    for (const fleet::Device& device : node->devices) {
      if (!is_decided_about(device)) continue;
      supply.candidates.push_back(seen(ground, *node, device));
      node_of_.emplace(device.facts->uuid, number);
      ++of.count;
    }
    node_at_[{node->cluster, node->name}] = number;
    nodes_.push_back(std::move(of));
  }
  stock_ = std::make_unique<decision::Stock>(std::move(supply));
  ways_.forget_devices();
  before_ = {};
  beside_.clear();
  promised_.clear();
}

bool DecisionStock::look_at(const Ground& ground, NodeSeen& of) {
  std::uint32_t at = of.first;
  for (const fleet::Device& device : of.node->devices) {
    if (!is_decided_about(device)) continue;
    if (at == of.first + of.count || stock_->supply().candidates[at].uuid != device.facts->uuid) return false;
    decision::Candidate now = seen(ground, *of.node, device);
    if (!(now == stock_->supply().candidates[at])) stock_->set(at, std::move(now));
    ++at;
  }
  return at == of.first + of.count;
}

/// Nodes of the view that are not those that it had are found by their addresses, which a view keeps where nothing has
/// changed.
bool DecisionStock::look_at_what_changed(const Ground& ground, const Surroundings& now) {
  if (ground.view.nodes.size() != nodes_.size()) return false;
  for (const std::uint32_t number : touched_nodes(now))
    if (ground.view.nodes[number] == nodes_[number].node && !look_at(ground, nodes_[number])) return false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto& node = ground.view.nodes[i];
    if (node == nodes_[i].node) continue;
    if (node->name != nodes_[i].node->name || node->cluster != nodes_[i].node->cluster) return false;
    nodes_[i].node = node;
    if (!look_at(ground, nodes_[i])) return false;
  }
  return true;
}

std::set<std::uint32_t> DecisionStock::touched_nodes(const Surroundings& now) const {
  std::set<std::uint32_t> out;
  const auto add_node = [&](const InCluster& node) {
    if (const auto found = node_at_.find(node); found != node_at_.end()) out.insert(found->second);
  };
  const auto add_device = [&](const InCluster& device) {
    const auto [first, last] = node_of_.equal_range(device.second);
    for (auto one = first; one != last; ++one) out.insert(one->second);
  };
  for (const InCluster& node : *now.nodes) add_node(node);
  for (const InCluster& device : now.devices) add_device(device);
  differences(before_.kept_from, now.kept_from, add_device);
  static const std::map<InCluster, std::string> kNone;
  if (before_.excluded != now.excluded)
    differences(before_.excluded ? *before_.excluded : kNone, now.excluded ? *now.excluded : kNone, add_device);
  if (before_.cluster != now.cluster) {
    static const fleet::ClusterView::ByName<fleet::ClusterNode> kNoNodes;
    differences(before_.cluster ? before_.cluster->nodes : kNoNodes, now.cluster->nodes,
                [&](const std::string& name) { add_node({now.cluster->cluster, name}); });
  }
  return out;
}

/// Counted as promised_beside() will count it: of a pod that is on a node already nothing is left to be asked for.
void DecisionStock::take_beside(const std::string& cluster, const std::string& node, const decision::Need& need) {
  const auto pod = before_.cluster->pods.find(need.owner);
  if (cluster != before_.cluster->cluster || pod == before_.cluster->pods.end() || !pod->second->node.empty()) return;
  AskedBeside& asked = promised_[node];
  asked.cpu_milli += need.cpu_milli;
  asked.memory_mib += need.node_memory_mib;
  if (const auto beside = beside_.find(node); beside != beside_.end())
    stock_->set_beside(cluster, node, less(beside->second, asked));
}

void DecisionStock::look_beside(const Ground& ground, const Surroundings& now) {
  std::set<std::string> changed;
  const auto note = [&](const std::string& name) { changed.insert(name); };
  if (before_.cluster != now.cluster) {
    BesideDevices beside = beside_devices(*now.cluster);
    differences(beside_, beside, note);
    beside_ = std::move(beside);
  }
  std::map<std::string, AskedBeside> promised = promised_beside(*now.cluster, ground.book);
  differences(promised_, promised, note);
  promised_ = std::move(promised);
  for (const std::string& name : changed) {
    const auto beside = beside_.find(name);
    const auto asked = promised_.find(name);
    stock_->set_beside(now.cluster->cluster, name,
                       beside == beside_.end()    ? std::nullopt
                       : asked == promised_.end() ? std::optional(beside->second)
                                                  : std::optional(less(beside->second, asked->second)));
  }
}

}  // namespace tessera::server

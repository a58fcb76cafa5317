// A small cluster, played with everything that can come between: servers that are killed at any point, writes whose
// reply is lost, people who cordon and uncordon or cut by hand, agents and plugins that are slow or never do it.
// Whatever happens, what is promised holds, and once it is quiet everything comes to its end or says why not.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "server/node_changes/next_step.h"

namespace tessera::server::nodes {
namespace {

constexpr EpochMs kSecond = 1'000, kLifetime = 600 * kSecond;

using Cut = std::vector<std::string>;
const Cut kLayouts[] = {{"1g.10gb", "1g.10gb"}, {"2g.20gb"}, {"3g.40gb", "1g.10gb"}};

struct PlayedNode {
  // The API server's.
  std::set<std::string> cordoned_by;  // "us", "admin": who owns the field, as server-side apply has it
  std::optional<Progress> annotation;
  std::int64_t version = 1;
  std::optional<std::string> plugin;  // UID of its pod; absent: there is none now
  EpochMs plugin_ready = 0;
  Cut plugin_lists;  // what stood when it was started
  // The node's.
  Cut stands = kLayouts[0];
  bool told_before = false;  // a document is in force
  EpochMs in_force_until = 0;
  bool agent_works = true, plugin_works = true;
  // The server's memory.
  bool told = false;
  std::optional<EpochMs> told_until{};  // a document that this server gave is in force; 0: it has taken it back
  // What is wanted.
  Cut wanted = kLayouts[0];
  std::int64_t generation = 0;
  std::optional<EpochMs> asked_at{};  // by somebody
  bool held = false;
  bool by_hand = false;  // cut by somebody else since: its agent keeps its hands off
  // For the law.
  bool opened_by_admin = false;  // since our cordon
  bool admins = false;           // he has cordoned, and has not uncordoned since
  std::optional<EpochMs> ours_since{};
};

fleet::GpuAmounts amounts(const Cut& cut) {
  fleet::GpuAmounts out;
  for (const std::string& one : cut) ++out[mig_resource(one)];
  return out;
}

class Cluster {
 public:
  Cluster(std::uint64_t seed, Rules rules, std::size_t nodes) : random_(seed), rules_(std::move(rules)) {
    for (std::size_t i = 0; i < nodes; ++i) {
      nodes_.emplace_back();
      nodes_.back().plugin = new_uid();
      nodes_.back().plugin_lists = nodes_.back().stands;
    }
  }

  void disturb() {
    now_ += number(1, 90) * kSecond;
    PlayedNode& node = nodes_[number(0, nodes_.size() - 1)];
    switch (number(0, 14)) {
      case 0:
        if (node.cordoned_by.empty()) node.cordoned_by = {"admin"}, node.admins = true;
        ++node.version;
        break;
      case 1:
        node.opened_by_admin = true;
        node.cordoned_by.clear();
        node.admins = false;
        ++node.version;
        break;
      case 2:
        kill_server();
        break;
      case 3:
        node.agent_works = !node.agent_works;
        break;
      case 4:
        node.plugin_works = !node.plugin_works;
        break;
      case 5:
        node.held = !node.held;
        break;
      case 6:
        want(node, kLayouts[number(0, 2)]);
        break;
      case 7:
        if (node.held) break;
        node.stands = {"7g.80gb"};
        node.by_hand = true;
        node.plugin.reset();  // as who cuts by hand has it list anew
        break;
      default:
        live(number(0, 3) == 0);
    }
    check();
  }

  /// Nobody disturbs any more; of `broken` nodes agent or plugin does nothing.
  void calm(bool agents, bool plugins) {
    for (PlayedNode& node : nodes_) {
      node.agent_works = agents;
      node.plugin_works = plugins;
      node.held = false;
      if (node.cordoned_by.erase("admin") > 0 && node.cordoned_by.empty()) node.opened_by_admin = true;
      node.admins = false;
      node.ours_since.reset();
    }
    for (int i = 0; i < 500; ++i) {
      now_ += 100 * kSecond;
      live(false);
      check();
      for (PlayedNode& node : nodes_) longest_ = std::max(longest_, cordoned_for(node));
    }
  }
  const std::vector<PlayedNode>& nodes() const { return nodes_; }
  std::size_t begun() const { return begun_; }
  /// That a node was cordoned by us at one time, since it is calm.
  EpochMs longest() const { return longest_; }

 private:
  EpochMs cordoned_for(PlayedNode& node) const {
    if (!node.cordoned_by.contains("us")) node.ours_since.reset();
    if (node.cordoned_by.contains("us") && !node.ours_since) node.ours_since = now_;
    return node.ours_since ? now_ - *node.ours_since : 0;
  }
  std::uint64_t number(std::uint64_t least, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
  }
  std::string new_uid() { return "u" + std::to_string(++uids_); }

  void want(PlayedNode& node, const Cut& layout) {
    node.wanted = layout;
    node.asked_at = number(0, 1) == 0 ? std::optional(now_) : std::nullopt;
    node.by_hand = false;  // it is planned from what stands
    ++node.generation;
  }

  void kill_server() {
    for (PlayedNode& node : nodes_) {
      node.told = false;
      node.told_until.reset();
    }
    started_ = now_;
  }

  void live(bool faults) {
    for (PlayedNode& node : nodes_) {
      agent(node);
      plugin(node);
    }
    server(faults);
  }

  /// It asks, and does a step of what it was told.
  void agent(PlayedNode& node) {
    if (node.in_force_until <= now_) node.told_before = false;
    if (!node.agent_works) return;
    if (node.told) {
      node.told_before = true;
      node.in_force_until = now_ + kLifetime;
      node.told_until = node.in_force_until;
    } else {
      node.told_before = false;
      node.told_until = 0;
    }
    if (!node.told_before || node.held || node.by_hand || node.stands == node.wanted) return;
    EXPECT_TRUE(node.annotation && node.annotation->stage == Stage::Changing)
        << "it cuts on a node that is not prepared";
    EXPECT_TRUE(!node.cordoned_by.empty() || node.opened_by_admin || !rules_.cordon) << "it cuts on an open node";
    if (node.stands.empty())
      node.stands = node.wanted;
    else
      node.stands.clear();
  }

  void plugin(PlayedNode& node) {
    if (node.plugin || !node.plugin_works) return;
    node.plugin = new_uid();
    node.plugin_ready = now_;
    node.plugin_lists = node.stands;
  }

  NodeSight sight(const PlayedNode& node) const {
    NodeSight out;
    out.unschedulable = !node.cordoned_by.empty();
    out.change = node.annotation;
    const Course course = node.stands == node.wanted ? Course::Stands
                          : node.by_hand             ? Course::Ended
                          : node.held                ? Course::Held
                                                     : Course::Open;
    out.devices = {{"GPU-1", node.generation, course, {}, node.asked_at, course == Course::Ended}};
    out.agent_asks = true;
    out.let_go = !node.told && node.told_until.value_or(started_ + kLifetime) <= now_;
    out.listing = compare({CutDevice{true, node.stands}}, Strategy::Mixed,
                          node.plugin ? amounts(node.plugin_lists) : fleet::GpuAmounts());
    if (node.plugin) out.plugins = {{"gpu", "plugin", *node.plugin, node.plugin_ready}};
    return out;
  }

  void server(bool faults) {
    Pool pool{nodes_.size(), 0, 0};
    for (const PlayedNode& node : nodes_) {
      if (node.cordoned_by.empty()) ++pool.schedulable;
      if (is_under_way(node.annotation)) ++pool.under_way;
    }
    for (PlayedNode& node : nodes_) {
      const NodeSight seen = sight(node);
      const Verdict verdict = next_step(seen, rules_, why_not_begin(pool, rules_, seen), now_);
      node.told = verdict.told;
      EXPECT_EQ(verdict.changed.empty(), seen.devices[0].course != Course::Ended)
          << "who was promised something waits for what never comes";
      if (verdict.act == Verdict::Act::Nothing) continue;
      const std::uint64_t fault = faults ? number(0, 3) : 3;  // killed before, killed after, somebody else was quicker
      if (fault == 2) continue;
      if (fault != 0) carry_out(node, verdict, pool);
      if (fault < 2) return kill_server();
    }
  }

  void carry_out(PlayedNode& node, const Verdict& verdict, Pool& pool) {
    if (verdict.act == Verdict::Act::Restart) {
      if (std::ranges::count(node.annotation->replaced, *node.plugin) > 0) node.plugin.reset();
      return;
    }
    const bool was_ours = node.annotation && node.annotation->cordoned && node.cordoned_by.contains("us");
    const bool is_ours = verdict.act == Verdict::Act::Write && verdict.change.cordoned;
    if (is_ours && !was_ours) {
      // Who has taken ours away and cordoned it again has both, as server-side apply has it.
      const bool goes_on = node.annotation && node.annotation->cordoned;
      EXPECT_TRUE(goes_on || node.cordoned_by.empty()) << "somebody else's cordon is taken for ours";
      node.opened_by_admin = false;
      ++begun_;
    }
    if (was_ours && !is_ours) {
      EXPECT_FALSE(node.told_before && node.in_force_until > now_) << "opened while its agent may cut";
      EXPECT_FALSE(sight(node).listing.too_much) << "opened while it promises what does not stand";
    }
    if (is_ours)
      node.cordoned_by.insert("us");
    else
      node.cordoned_by.erase("us");
    if (!is_under_way(node.annotation) && verdict.act == Verdict::Act::Write && is_under_way(verdict.change))
      ++pool.under_way;
    if (is_ours && !was_ours) --pool.schedulable;
    node.annotation = verdict.act == Verdict::Act::Write ? std::optional(verdict.change) : std::nullopt;
    ++node.version;
  }

  void check() const {
    std::size_t ours = 0;
    for (const PlayedNode& node : nodes_) {
      if (node.cordoned_by.contains("us")) {
        ++ours;
        EXPECT_TRUE(node.annotation && node.annotation->cordoned) << "a cordon that nobody would end";
      }
      EXPECT_TRUE(!node.admins || node.cordoned_by.contains("admin")) << "an admin's cordon was lifted";
    }
    EXPECT_LE(ours, std::max<std::size_t>(1, nodes_.size() / static_cast<std::size_t>(rules_.one_node_per)));
  }

  std::mt19937_64 random_;
  Rules rules_;
  std::vector<PlayedNode> nodes_;
  EpochMs now_ = 1'800'000'000'000;
  EpochMs started_ = 0;
  std::uint64_t uids_ = 0;
  std::size_t begun_ = 0;
  EpochMs longest_ = 0;
};

void disturbed(Cluster& cluster) {
  for (int i = 0; i < 300; ++i) cluster.disturb();
}

struct NodeChangeProperties : testing::TestWithParam<std::uint64_t> {};

TEST_P(NodeChangeProperties, EverythingStandsInTheEndAndNoCordonOfOursIsLeft) {
  Rules rules;
  rules.one_node_per = GetParam() % 2 == 0 ? 10 : 2;
  Cluster cluster(GetParam(), rules, 6);
  disturbed(cluster);
  cluster.calm(true, true);
  EXPECT_GT(cluster.begun(), 0U);
  for (const PlayedNode& node : cluster.nodes()) {
    if (!node.by_hand) EXPECT_EQ(node.stands, node.wanted);
    EXPECT_FALSE(node.cordoned_by.contains("us"));
    EXPECT_FALSE(node.annotation) << annotation_text(*node.annotation);
    EXPECT_TRUE(node.plugin_lists == node.stands);
  }
}

TEST_P(NodeChangeProperties, WhatNeverComesIsToldAndLeavesNoNodeCordoned) {
  const Rules rules;
  // Each limit once, the last document's life, and a round for each of what is decided.
  const EpochMs bound = (rules.agent_limit + rules.plugin_limit).count() + kLifetime + 6 * 100 * kSecond;
  for (const auto& [agents, plugins] : {std::pair{false, true}, {true, false}}) {
    Cluster cluster(GetParam(), rules, 5);
    disturbed(cluster);
    cluster.calm(agents, plugins);
    EXPECT_LE(cluster.longest(), bound);
    for (const PlayedNode& node : cluster.nodes()) {
      if (!node.annotation) continue;
      const bool told = node.annotation->stage != Stage::Stopped || !node.annotation->trouble.empty();
      EXPECT_TRUE(told);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, NodeChangeProperties, testing::Range<std::uint64_t>(0, 30));

}  // namespace
}  // namespace tessera::server::nodes

// Several relays that split the targets: a dead one's go to the others and come back, where leases tell of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/e2e_relay/cluster.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"

namespace tessera::e2e {
namespace {
/// Target to the shards that scrape it.
using Split = std::map<std::string, std::set<std::size_t>>;

class Sharing : public testing::Test {
 protected:
  static constexpr int kTargets = 24;

  /// All at once: who starts alone would take the others for away.
  void start(std::size_t count, const std::vector<std::string>& flags, const std::map<std::string, std::string>& more) {
    for (std::size_t shard = 0; shard < count; ++shard) {
      std::vector<std::string> all = cluster_.flags();
      all.insert(all.end(), {"--shard", fmt::format("{}/{}", shard, count)});
      all.insert(all.end(), flags.begin(), flags.end());
      relays_.push_back(std::make_unique<Relay>(global() + "scrape_configs:\n" + targets_.job("load"), all, more));
    }
  }
  nlohmann::json seen_by(std::size_t shard) { return nlohmann::json::parse(relays_[shard]->page("/targets")); }
  Split split(const std::set<std::size_t>& running) {
    Split owners;
    for (int target = 0; target < kTargets; ++target) owners[std::to_string(target)];
    for (const std::size_t shard : running) {
      const auto seen = seen_by(shard);
      for (const auto& target : seen["targets"]) owners[target["labels"]["target"]].insert(shard);
    }
    return owners;
  }
  /// Whether each target comes to be scraped by exactly one of these.
  bool is_split_among(const std::set<std::size_t>& running) {
    return eventually(
        [&] { return std::ranges::all_of(split(running), [](const auto& entry) { return entry.second.size() == 1; }); },
        kLong);
  }

  /// The pages of a target that were served from then on.
  std::vector<EpochMs> served_since(const std::string& target, EpochMs then) const {
    std::vector<EpochMs> times = targets_.served(std::stoi(target));
    std::erase_if(times, [then](EpochMs time) { return time <= then; });
    return times;
  }

  static constexpr std::chrono::minutes kLong{2};
  Cluster cluster_;
  CountingTargets targets_{kTargets, 2};
  std::vector<std::unique_ptr<Relay>> relays_;
};

/// A dead replica's targets move within its lease, and are asked for within an interval after it. What the machine
/// takes comes on top: a fixed part, and some times of what it makes the pages of the living ones late meanwhile,
/// because to look at the leases and to tell the targets are several steps, and to ask for a page is one.
TEST_F(Sharing, TheTargetsOfAKilledRelayGoToTheOthersAndComeBack) {
  constexpr EpochMs kLease = 10'000, kInterval = 250, kSlack = 3'000, kSteps = 4;  // twice the lease would be seen
  start(3, {"--shard-lease", "relay", "--shard-lease-duration", "10s"}, cluster_.environment());
  const auto living = [this](std::size_t shard) {
    return relays_[shard]->metric("tessera_relay_shard_members", {"state=\"living\""});
  };
  for (std::size_t shard = 0; shard < 3; ++shard)
    ASSERT_TRUE(eventually([&] { return living(shard) == 3; }, kLong)) << relays_[shard]->process().output();
  ASSERT_TRUE(is_split_among({0, 1, 2}));
  const Split before = split({0, 1, 2});
  std::set<std::size_t> owners;
  for (const auto& [target, shards] : before) owners.insert(shards.begin(), shards.end());
  EXPECT_EQ(owners.size(), 3U) << "each has some";

  const EpochMs killed = now_epoch_ms();
  relays_[1]->kill();
  const EpochMs dead = now_epoch_ms();
  ASSERT_TRUE(is_split_among({0, 2})) << relays_[0]->process().output() << relays_[2]->process().output();
  const Split without = split({0, 2});
  for (const auto& [target, shards] : before) {
    if (shards.contains(1)) continue;
    EXPECT_EQ(without.at(target), shards) << "target " << target << " has no reason to move";
  }
  EXPECT_TRUE(targets_.asked(2)) << "all of them are scraped";
  EpochMs moved = 0, late = 0;
  for (const auto& [target, shards] : before) {
    if (!shards.contains(1)) continue;
    const auto times = served_since(target, dead);
    ASSERT_GE(times.size(), 2U) << "target " << target;
    moved = std::max(moved, times[1] - killed);  // the first may be what the dead one had asked for
  }
  for (const auto& [target, shards] : before) {
    if (shards.contains(1)) continue;
    EpochMs last = killed;
    for (const EpochMs time : served_since(target, killed)) {
      if (last <= killed + moved) late = std::max(late, time - last - kInterval);
      last = time;
    }
  }
  EXPECT_LE(moved, kLease + 2 * kInterval + kSlack + kSteps * late) << "with pages up to " << late << " ms late";
  EXPECT_TRUE(relays_[0]->process().says("replica is away, its targets go to the others shard=1"));
  EXPECT_TRUE(eventually([&] {
    const auto sharing = seen_by(0)["sharing"];
    return sharing["members"][1]["state"] == "away" && sharing["held"] == true;
  })) << seen_by(0)["sharing"];

  relays_[1]->start();
  EXPECT_TRUE(eventually([&] { return split({0, 1, 2}) == before; }, kLong)) << relays_[0]->process().output();
  EXPECT_TRUE(relays_[0]->process().says("replica is back and has its targets again shard=1"));
  EXPECT_TRUE(targets_.asked(2));
}

/// The lease outlasts the test: only the word that it is given back moves the targets.
TEST_F(Sharing, ARelayThatEndsWellIsNotWaitedFor) {
  start(2, {"--shard-lease", "relay", "--shard-lease-duration", "1h"}, cluster_.environment());
  ASSERT_TRUE(eventually([&] { return relays_[1]->metric("tessera_relay_shard_lease_held") == 1; }));
  ASSERT_TRUE(is_split_among({0, 1}));
  const Split before = split({0, 1});
  EXPECT_EQ(relays_[1]->stop(), 0);
  EXPECT_TRUE(is_split_among({0})) << relays_[0]->process().output();
  EXPECT_TRUE(targets_.asked(2));
  relays_[1]->start();
  EXPECT_TRUE(eventually([&] { return split({0, 1}) == before; }, kLong)) << relays_[0]->process().output();
}

TEST_F(Sharing, WithoutAnApiServerTheSplitIsStatic) {
  const std::map<std::string, std::string> no_pod = {{"KUBERNETES_SERVICE_HOST", ""}, {"KUBERNETES_SERVICE_PORT", ""}};
  start(3, {}, no_pod);
  ASSERT_TRUE(is_split_among({0, 1, 2}));
  EXPECT_TRUE(relays_[0]->process().says("the split of targets is static"));
  EXPECT_FALSE(seen_by(0).contains("sharing"));
  EXPECT_EQ(relays_[0]->sum("tessera_relay_shard_members"), 0);
  const Split before = split({0, 2});
  relays_[1]->kill();
  int others = 0;  // a target of somebody who lives
  while (before.at(std::to_string(others)).empty()) ++others;
  const auto served = targets_.served(others).size();
  EXPECT_TRUE(eventually([&] { return targets_.served(others).size() > served + 4; }));
  EXPECT_EQ(split({0, 2}), before);
}

}  // namespace
}  // namespace tessera::e2e

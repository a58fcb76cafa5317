#include "server/decision_stock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "fleet/decision/samples.h"
#include "server/allocations_json.h"
#include "server/decision_round.h"
#include "server/wanted_layouts.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr EpochMs kStart = 1'800'000'000'000;

/// A fleet of which this and that changes, and what a stock is told of it.
class Changing {
 public:
  /// `moves`: of devices that can be cut a slice is held, by a pod that may move.
  explicit Changing(std::uint64_t seed, bool moves = false) : random_(seed), moves_(moves) {
    for (unsigned i = 0; i < 12; ++i) view_.nodes.push_back(node(i));
    cluster_.cluster = "c";
    cluster_.watched = cluster_.synced = true;
    for (unsigned i = 0; i < 12; ++i) put_cluster_node(i);
    publish();
  }

  void change() {
    view_.time += 1'000;
    switch (random_() % 8) {
      case 0:
        some();
        view_.nodes[last_] = node(last_);
        break;
      case 1:
        put_cluster_node(some());
        break;
      case 2:
        promise();
        break;
      case 3:
        release();
        break;
      case 4:
        layouts.want({"c",
                      uuid(some(), 0),
                      fmt::format("w-{:02}", last_),
                      ++generation_,
                      {{"2g.20gb", {static_cast<unsigned>(2 * (random_() % 3)), 2}}},
                      {},
                      "ada",
                      view_.time});
        break;
      case 5:
        layouts.leave_uncut({{fmt::format("w-{:02}", some()), "its agent is silent"}});
        break;
      case 6:
        avoided_ = {{{"c", uuid(some(), 1)}, "its plugin lists nothing"}};
        break;
      default:
        excluded_ = std::make_shared<const std::map<InCluster, std::string>>(
            std::map<InCluster, std::string>{{{"c", uuid(some(), 1)}, "an alert fires"}});
    }
    if (grows && random_() % 40 == 0) view_.nodes.push_back(node(static_cast<unsigned>(view_.nodes.size())));
    publish();
  }

  Ground ground() {
    Ground out{*published_, book_, [this](const std::string& cluster, const std::string& device) {
                 ++looked_at;
                 return layouts.of(cluster, device);
               }};
    out.prices = {{"H100_80GB", 4'000'000}};
    out.uncut = [this](const std::string& cluster, const std::string& name) {
      return layouts.why_uncut(cluster, name);
    };
    out.avoided = [this](const std::string& cluster, const std::string& device) {
      const auto found = avoided_.find({cluster, device});
      return found == avoided_.end() ? "" : found->second;
    };
    out.excluded = [all = excluded_](const std::string& cluster, const std::string& device) {
      const auto found = all->find({cluster, device});
      return found == all->end() ? "" : found->second;
    };
    out.cluster = known_cluster_.get();
    out.lent = [nodes = known_cluster_](const std::string& cluster, const std::string& name) {
      const auto* of = nodes->node(cluster, name);
      return of && of->labels.contains("spot");
    };
    return out;
  }
  Surroundings surroundings() {
    Surroundings out;
    out.devices = std::exchange(touched_, {});
    out.cluster = known_cluster_;
    out.kept_from = avoided_;
    out.excluded = excluded_;
    out.nodes = layouts.changed_since(version_);
    return out;
  }

  /// A pod that is on no node yet.
  void add_pod(const std::string& name, bool may_move = false) {
    fleet::ClusterPod pod;
    pod.space = "ml";
    pod.name = name;
    pod.cpu_request_cores = 4;
    pod.memory_request_bytes = 1024.0 * 1024 * 1024;
    if (may_move) pod.labels["tessera.dev/may-move"] = "true";
    cluster_.pods[fleet::pod_key(pod.space, pod.name)] = std::make_shared<const fleet::ClusterPod>(pod);
    known_cluster_ = std::make_shared<const fleet::ClusterView>(cluster_);
  }

  WantedLayouts layouts{0, {}};
  std::size_t looked_at = 0;
  bool grows = true;  ///< nodes come, too: then all is looked at

 private:
  unsigned some() { return last_ = static_cast<unsigned>(random_() % 12); }
  static std::string uuid(unsigned number, unsigned device) { return fmt::format("GPU-{}-{}", number, device); }

  std::shared_ptr<const fleet::Node> node(unsigned number) {
    fleet::Node out{"c", fmt::format("w-{:02}", number), {}, view_.time};
    for (unsigned i = 0; i < 2; ++i) {
      auto facts = std::make_shared<fleet::DeviceFacts>();
      facts->uuid = uuid(number, i);
      facts->index = i;
      facts->name = "NVIDIA H100 80GB HBM3";
      facts->mig_enabled = i == 0;
      facts->memory_bytes = 81'559 * decision::kMib;
      facts->profiles = decision::plain_h100_profiles();
      fleet::Device device;
      device.facts = std::move(facts);
      device.up = true;
      device.presence = random_() % 6 == 0 ? fleet::Presence::Stale : fleet::Presence::Present;
      device.last_seen = view_.time;
      if (i == 0 && moves_) hold_some(number, device);
      out.devices.push_back(std::move(device));
    }
    return std::make_shared<const fleet::Node>(std::move(out));
  }

  void hold_some(unsigned number, fleet::Device& device) {
    auto facts = std::make_shared<fleet::InstanceFacts>();
    facts->profile = "1g.10gb";
    facts->placement = gpu::Placement{number % 2 == 0 ? 1U : 5U, 1};
    fleet::Instance instance;
    instance.part.gpu_instance = 3;
    instance.facts = std::move(facts);
    device.instances.push_back(std::move(instance));
    auto held = std::make_shared<fleet::AllocationFacts>();
    held->workload.space = "ml";
    held->workload.pod = fmt::format("m-{}", number);
    fleet::Allocation allocation;
    allocation.part.gpu_instance = 3;
    allocation.facts = std::move(held);
    device.allocations.push_back(std::move(allocation));
  }

  void put_cluster_node(unsigned number) {
    fleet::ClusterNode out;
    out.name = fmt::format("w-{:02}", number);
    out.allocatable_cpu_cores = 64;
    out.allocatable_memory_bytes = 256.0 * 1024 * 1024 * 1024;
    if (random_() % 3 == 0) out.labels["spot"] = "true";
    cluster_.nodes[out.name] = std::make_shared<const fleet::ClusterNode>(out);
    known_cluster_ = std::make_shared<const fleet::ClusterView>(cluster_);
  }

  void promise() {
    fleet::PodAllocation one;
    one.id = fmt::format("a-{}", ++asked_);
    one.cluster = "c";
    one.space = "ml";
    one.pod = fmt::format("p-{}", asked_);
    one.state = fleet::AllocationState::Promised;
    const unsigned number = some();
    one.parts = {{fmt::format("w-{:02}", number), uuid(number, 1), "", {}, false}};
    if (random_() % 2 == 0)
      one.parts = {{fmt::format("w-{:02}", number),
                    uuid(number, 0),
                    "1g.10gb",
                    {static_cast<unsigned>(random_() % 7), 1},
                    true}};
    if (!book_.put(one)) return;
    add_pod(one.pod);
    promised_.push_back(one.id);
    touched_.insert({"c", one.parts.front().device_uuid});
  }

  void release() {
    if (promised_.empty()) return;
    fleet::PodAllocation one = *book_.find(promised_.back());
    promised_.pop_back();
    one.state = fleet::AllocationState::Released;
    ASSERT_TRUE(book_.put(one));
    touched_.insert({"c", one.parts.front().device_uuid});
  }

  void publish() { published_ = std::make_shared<const fleet::View>(view_); }

  std::mt19937_64 random_;
  const bool moves_;
  fleet::View view_{kStart, {}};
  std::shared_ptr<const fleet::View> published_;
  fleet::ClusterView cluster_;
  std::shared_ptr<const fleet::ClusterView> known_cluster_;
  fleet::AllocationBook book_;
  std::map<InCluster, std::string> avoided_;
  std::shared_ptr<const std::map<InCluster, std::string>> excluded_ =
      std::make_shared<const std::map<InCluster, std::string>>();
  std::vector<std::string> promised_;
  std::set<InCluster> touched_;
  std::uint64_t version_ = 0;
  std::int64_t generation_ = 0;
  unsigned last_ = 0, asked_ = 0;
};

void expect_same(const decision::Supply& kept, const decision::Supply& made) {
  ASSERT_EQ(kept.as_of, made.as_of);
  ASSERT_EQ(kept.candidates.size(), made.candidates.size());
  for (std::size_t i = 0; i < made.candidates.size(); ++i) {
    ASSERT_TRUE(kept.candidates[i] == made.candidates[i]) << made.candidates[i].id;
  }
  ASSERT_EQ(kept.nodes, made.nodes);
}

TEST(DecisionStock, IsWhatASupplyMadeAnewIsHoweverItCameToBe) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Changing fleet(seed);
    DecisionStock stock("default");
    const auto mix = std::make_shared<const decision::Mix>();
    for (int step = 0; step < 120; ++step) {
      for (auto changes = static_cast<int>(seed); changes > 0; --changes) fleet.change();
      Surroundings now = fleet.surroundings();
      const Ground ground = fleet.ground();
      const std::unique_lock lock(stock.in_use());
      stock.follow(ground, mix, std::move(now));
      expect_same(stock.stock().supply(), supply_of(ground));
      if (testing::Test::HasFatalFailure()) return;
      const decision::Need one{.mig = decision::MigUse::Never};
      const auto policy = *decision::make_policy("default", {});
      const auto lived = decision::decide(stock.stock(), one, stock.policy());
      const auto anew = decision::decide(supply_of(ground), one, *policy);
      ASSERT_EQ(lived.index(), anew.index());
      if (const auto* decided = std::get_if<decision::Decision>(&lived)) {
        ASSERT_EQ(decided->grants[0].device_uuid, std::get<decision::Decision>(anew).grants[0].device_uuid)
            << "seed " << seed << ", step " << step;
      }
    }
  }
}

TEST(DecisionStock, LooksAtNothingAgainThatHasNotChanged) {
  Changing fleet(7);
  fleet.grows = false;
  DecisionStock stock("default");
  const auto mix = std::make_shared<const decision::Mix>();
  const auto devices_for = [&](int changes) {
    for (; changes > 0; --changes) fleet.change();
    Surroundings now = fleet.surroundings();
    const Ground ground = fleet.ground();
    const std::unique_lock lock(stock.in_use());
    const std::size_t before = fleet.looked_at;
    stock.follow(ground, mix, std::move(now));
    return fleet.looked_at - before;
  };
  EXPECT_EQ(devices_for(0), 24U);
  EXPECT_EQ(devices_for(0), 0U);
  std::size_t most = 0;
  for (int i = 0; i < 20; ++i) most = std::max(most, devices_for(1));
  EXPECT_LE(most, 4U) << "of one change at most two nodes with two devices";
}

TEST(DecisionRound, OpensTheRoomAgainThatItKept) {
  Changing fleet(3);
  DecisionStock stock("default");
  const auto mix = std::make_shared<const decision::Mix>();
  const Ground ground = fleet.ground();
  {
    std::unique_lock lock(stock.in_use());
    stock.follow(ground, mix, fleet.surroundings());
    DecisionRound round(stock, std::move(lock));
    const decision::Need need{.memory_mib = 9'000};
    EXPECT_TRUE(round.keep_room("a", need, {}, "it is kept for ml/a"));
    EXPECT_TRUE(round.keeps_room_for("a"));
    const decision::Need none{.memory_mib = 1'000'000, .mig = decision::MigUse::Never};
    EXPECT_FALSE(round.keep_room("b", none, {}, "it is kept for ml/b")) << "no device could ever serve it";
    EXPECT_FALSE(round.keeps_room_for("b"));
  }
  const std::unique_lock lock(stock.in_use());
  expect_same(stock.stock().supply(), supply_of(ground));
}

TEST(DecisionRound, APromiseTakesCpuAndMemoryOfItsNodeOnce) {
  Changing fleet(3);
  fleet.add_pod("a");
  fleet.add_pod("b");
  DecisionStock stock("default");
  const auto mix = std::make_shared<const decision::Mix>();
  const Ground ground = fleet.ground();
  const decision::Supply before = supply_of(ground);
  const decision::Beside all = before.nodes.at({"c", "w-00"});
  const auto left = [&] { return stock.stock().supply().nodes.at({"c", "w-00"}); };
  {
    std::unique_lock lock(stock.in_use());
    stock.follow(ground, mix, fleet.surroundings());
    DecisionRound round(stock, std::move(lock));
    decision::Decision decided;
    decided.grants.resize(2);
    for (std::size_t i = 0; i < 2; ++i) {
      decided.grants[i].candidate = i;
      decided.grants[i].cluster = "c";
      decided.grants[i].node = "w-00";
    }
    for (const char* owner : {"ml/a", "ml/b", "ml/unknown"})
      round.promised(ground, decided, {.devices = 2, .owner = owner, .cpu_milli = 4'000, .node_memory_mib = 1'024});
    EXPECT_EQ(left().free_cpu_milli, all.free_cpu_milli - 8'000) << "of a pod that is not there nothing is known";
    EXPECT_EQ(left().free_memory_mib, all.free_memory_mib - 2'048);
  }
  const std::unique_lock lock(stock.in_use());
  stock.follow(ground, mix, fleet.surroundings());
  expect_same(stock.stock().supply(), before);  // the book has no promise: it was taken back
}

/// Wishes of a few kinds, some of which nothing serves.
AllocationWish some_wish(std::mt19937_64& random, int number) {
  AllocationWish out;
  out.cluster = random() % 8 == 0 ? "d" : "c";
  out.space = "ml";
  out.pod = fmt::format("p-{}", number);
  out.need.owner = "ml/" + out.pod;
  out.need.priority = static_cast<int>(random() % 3);
  out.need.memory_mib = 20'000 * (1 + random() % 4);
  out.need.mig = random() % 2 == 0 ? decision::MigUse::Never : decision::MigUse::Required;
  if (random() % 3 == 0) out.node = fmt::format("w-{:02}", random() % 2);
  if (random() % 3 == 0) out.nodes = {"w-03", "w-04"};
  if (random() % 3 == 0) out.demands = fleet::NodeDemands{{{"spot", "true"}}, {}, {}};
  if (random() % 3 == 0) out.need.most_price_micros = 1'000'000 * (1 + static_cast<std::int64_t>(random() % 4));
  if (random() % 4 == 0) out.need.models = {random() % 2 == 0 ? "H100_80GB" : "A100_80GB"};
  if (random() % 6 == 0) out.need.devices = 2;
  if (out.need.devices == 2) out.need.mig = decision::MigUse::Never;
  out.need.cpu_milli = 30'000 * static_cast<std::int64_t>(random() % 4);
  out.need.node_memory_mib = 100'000 * static_cast<std::int64_t>(random() % 4);
  return out;
}

/// All that a refusal says.
std::string text_of(const decision::Refusal& refusal) { return refusal_json(refusal).dump(1); }

TEST(DecisionRound, SaysOfEachWishWhatItWouldSayOfItAlone) {
  std::mt19937_64 random(5);
  std::map<decision::RemedyKind, int> remedies;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Changing fleet(seed, true);
    for (unsigned i = 0; i < 12; ++i) fleet.add_pod(fmt::format("m-{}", i), true);
    for (int i = 0; i < 60; ++i) fleet.change();
    DecisionStock stock("default");
    const Ground ground = fleet.ground();
    std::unique_lock lock(stock.in_use());
    const Surroundings now = fleet.surroundings();
    stock.follow(ground, std::make_shared<const decision::Mix>(), now);
    DecisionRound round(stock, std::move(lock));
    for (int i = 0; i < 150; ++i) {
      const AllocationWish wish = some_wish(random, i);
      const decision::Scope scope = scope_of(wish, *now.cluster);
      const auto alone = round.decide_in_short(wish, scope);
      const auto said = round.decide_once(wish, *now.cluster);
      ASSERT_EQ(alone.index(), said.index());
      if (const auto* sentence = std::get_if<std::string>(&alone)) {
        auto& refused = *std::get<DecisionRound::Refused*>(said);
        ASSERT_EQ(refused.sentence, *sentence);
        auto in_full = std::get<decision::Refusal>(round.decide(wish, scope));
        if (const auto way = round.way_in(wish, ground.book)) decision::add_moves(in_full, *way);
        ASSERT_EQ(text_of(round.in_full(refused, wish, *now.cluster, ground.book)), text_of(in_full));
        ASSERT_EQ(&round.in_full(refused, wish, *now.cluster, ground.book), &*refused.in_full);
        for (const decision::Remedy& one : in_full.remedies) ++remedies[one.kind];
      }
      if (i % 10 == 9) round.keep_room(wish.pod, {.memory_mib = 9'000}, {}, "it is kept for " + wish.pod);
    }
  }
  for (const auto kind : {decision::RemedyKind::Move, decision::RemedyKind::PayMore, decision::RemedyKind::OtherModel})
    EXPECT_GT(remedies[kind], 0) << decision::remedy_kind_name(kind) << ": nothing of it was drawn";
}

TEST(DecisionRound, DecidesOnceAboutWishesThatAreAlike) {
  Changing fleet(4);
  DecisionStock stock("default");
  const Ground ground = fleet.ground();
  std::unique_lock lock(stock.in_use());
  const Surroundings now = fleet.surroundings();
  stock.follow(ground, std::make_shared<const decision::Mix>(), now);
  DecisionRound round(stock, std::move(lock));
  AllocationWish wish;
  wish.cluster = "c";
  wish.need = {.memory_mib = 1'000'000, .mig = decision::MigUse::Never, .owner = "ml/a"};
  const auto said = [&] { return std::get<DecisionRound::Refused*>(round.decide_once(wish, *now.cluster)); };
  const DecisionRound::Refused* first = said();
  wish.need.owner = "ml/b";
  wish.need.priority = 7;
  EXPECT_EQ(said(), first);
  wish.need.cpu_milli = 40'000;
  wish.need.node_memory_mib = 1'000;
  EXPECT_EQ(said(), first) << "what is asked beside devices refuses nobody";
  wish.need.memory_mib = 2'000'000;
  EXPECT_NE(said(), first) << "it is asked for otherwise";
}

}  // namespace
}  // namespace tessera::server

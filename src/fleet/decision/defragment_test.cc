#include "fleet/decision/defragment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Of its own node, so that places are named by nodes.
Candidate alone(unsigned number) { return h100(4 * number); }

Piece movable(unsigned profile, unsigned start, unsigned size, std::string held_by) {
  Piece out = piece(profile, start, size, std::move(held_by));
  out.may_move = true;
  return out;
}

Scope only(std::set<std::string> nodes) {
  return [nodes = std::move(nodes)](const std::string&, const std::string& node) -> std::optional<std::string> {
    return nodes.contains(node) ? "" : "of node " + node + ": it is cordoned";
  };
}

/// A 1g is in the way of each 3g of three devices.
Supply blocked() {
  Supply out;
  for (unsigned i = 0; i < 3; ++i) {
    out.candidates.push_back(alone(i));
    out.candidates[i].pieces = {movable(k1g, 0, 1, "ml/a" + std::to_string(i)),
                                movable(k1g, 4, 1, "ml/b" + std::to_string(i))};
  }
  return out;
}

const Need kBig{.memory_mib = 40'000};

std::set<std::string> nodes_of(const Way& way) {
  std::set<std::string> out;
  for (const Move& one : way.moves) out.insert(one.to.node);
  return out;
}

TEST(Defragment, ARefusalNamesTheMoveThatLetsIn) {
  const Supply supply = blocked();
  const auto policy = *make_policy("default", {});
  Refusal refusal = std::get<Refusal>(decide(supply, kBig, *policy));
  refusal.remedies = {{RemedyKind::Wait, "", ""}, {RemedyKind::OtherModel, "", ""}};
  Stock stock(supply);
  const auto way = make_way(stock, kBig, *policy, 2);
  ASSERT_TRUE(way);
  add_moves(refusal, *way);
  ASSERT_EQ(refusal.remedies.size(), 3U);
  const Remedy& move = refusal.remedies[1];
  EXPECT_EQ(move.kind, RemedyKind::Move) << "after what is easier, before what is not";
  EXPECT_EQ(move.device_id, way->grant.device_id);
  ASSERT_EQ(move.moves.size(), 1U);
  EXPECT_EQ(move.moves[0].from_device_id, supply.candidates[move.moves[0].from].id);
  EXPECT_THAT(move.sentence, HasSubstr("If " + move.moves[0].holder + " goes from the 1g.10gb at"));
  EXPECT_THAT(move.sentence, HasSubstr("there is room for a 3g.40gb"));
}

TEST(Defragment, RoomIsMadeWhereWhoWaitsMayGoAndNobodyIsSentWhereHeMayNot) {
  Stock stock(blocked());
  const auto policy = *make_policy("default", {});
  const auto moves_to = [](std::set<std::string> nodes) {
    return [nodes = std::move(nodes)](const std::string&) { return Terms{.scope = only(nodes)}; };
  };
  const auto there = make_way(stock, kBig, *policy, 2, only({"w-01"}));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->grant.node, "w-01");
  EXPECT_FALSE(make_way(stock, kBig, *policy, 2, only({"w-09"})));

  const auto to = make_way(stock, kBig, *policy, 2, only({"w-01"}), moves_to({"w-02"}));
  ASSERT_TRUE(to);
  EXPECT_THAT(nodes_of(*to), ElementsAre("w-02"));
  EXPECT_FALSE(make_way(stock, kBig, *policy, 2, only({"w-01"}), moves_to({"w-09"})));

  EXPECT_THAT(free_devices(stock, *policy, 8, moves_to({"w-09"})).freed, IsEmpty());
  const Consolidation onto = free_devices(stock, *policy, 8, moves_to({"w-02"}));
  EXPECT_THAT(onto.freed, ElementsAre(0U, 1U));
  for (const Move& one : onto.moves) EXPECT_EQ(one.to.node, "w-02");
}

TEST(Defragment, EachIsPlacedByItsOwnPolicyAndAsWhatItIs) {
  // By "bestfit" the 1g goes where least is left beside it, by "spread" where most is.
  Supply supply{0, {alone(0), alone(1), alone(2)}};
  supply.candidates[0].pieces = {movable(k1g, 0, 1, "ml/a"), piece(k3g, 4, 4, "ml/b")};
  supply.candidates[1].pieces = {piece(k4g, 0, 4, "ml/c")};
  const auto plans = *make_policy("bestfit", {}), own = *make_policy("spread", {});
  Stock stock(supply);
  const auto to = [&](const TermsOf& terms_of) {
    const auto way = make_way(stock, kBig, *plans, 1, only({"w-00"}), terms_of);
    return way ? way->moves[0].to.node : std::string();
  };
  EXPECT_EQ(to({}), "w-01");
  EXPECT_EQ(to([&](const std::string&) { return Terms{.policy = own.get()}; }), "w-02");
  // A node that may be taken away is nothing to a batch, by "default", and counts against it for others.
  supply.candidates[1].may_be_taken = true;
  stock = Stock(supply);
  const auto by_type = *make_policy("default", {});
  const auto as = [&](WorkloadType type) {
    return to([&, type](const std::string&) { return Terms{.policy = by_type.get(), .type = type}; });
  };
  EXPECT_EQ(as(WorkloadType::Batch), "w-01");
  EXPECT_EQ(as(WorkloadType::Interactive), "w-02");
}

TEST(Defragment, APodIsGivenWhatItAsksKubernetesFor) {
  Supply supply{0, {alone(0), alone(1)}};
  supply.candidates[0].pieces = {movable(k1gDouble, 0, 2, "ml/a"), piece(k3g, 4, 4, "ml/b")};
  // On the other device only a 2g stands idle, as large in memory and not to be cut; it is another resource.
  supply.candidates[1].pieces = {piece(k2g, 0, 2), piece(k3g, 4, 4, "ml/c")};
  supply.candidates[1].may_cut = false;
  const auto policy = *make_policy("default", {});
  Stock stock(supply);
  EXPECT_FALSE(make_way(stock, kBig, *policy, 2, only({"w-00"})));
  supply.candidates[1].may_cut = true;
  stock.set(1, supply.candidates[1]);
  const auto way = make_way(stock, kBig, *policy, 2, only({"w-00"}));
  ASSERT_TRUE(way);
  ASSERT_EQ(way->moves.size(), 1U);
  EXPECT_EQ(way->moves[0].profile, "1g.20gb");
  EXPECT_EQ(way->moves[0].to.profile, "1g.20gb");
}

TEST(Defragment, EveryPlaceOfAPlanIsInItsPodsScope) {
  std::mt19937 random(29);
  const auto policy = *make_policy("default", {});
  int ways = 0, freed = 0;
  for (int round = 0; round < 200; ++round) {
    Supply supply;
    std::map<std::string, std::set<std::string>> may_go;
    const auto some_nodes = [&] {
      std::set<std::string> out;
      for (unsigned i = 0; i < 4; ++i)
        if (random() % 2 == 0) out.insert(alone(i).node);
      return out;
    };
    for (unsigned i = 0; i < 4; ++i) {
      supply.candidates.push_back(alone(i));
      for (unsigned start = 0; start < 7; ++start) {
        if (random() % 4 > 0) continue;
        const std::string holder = "ml/" + std::to_string(7 * i + start);
        supply.candidates[i].pieces.push_back(movable(k1g, start, 1, holder));
        may_go[holder] = some_nodes();
      }
    }
    const auto own = some_nodes();
    const TermsOf terms_of = [&](const std::string& holder) { return Terms{.scope = only(may_go.at(holder))}; };
    Stock stock(supply);
    if (const auto way = make_way(stock, kBig, *policy, 3, only(own), terms_of)) {
      ++ways;
      EXPECT_TRUE(own.contains(way->grant.node));
      for (const Move& one : way->moves) EXPECT_TRUE(may_go.at(one.holder).contains(one.to.node)) << one.sentence;
    }
    for (const Move& one : free_devices(stock, *policy, 4, terms_of).moves) {
      ++freed;
      EXPECT_TRUE(may_go.at(one.holder).contains(one.to.node)) << one.sentence;
    }
    EXPECT_EQ(stock.supply().candidates, supply.candidates) << "a plan changes nothing";
  }
  EXPECT_GT(ways, 20);
  EXPECT_GT(freed, 20);
}

}  // namespace
}  // namespace tessera::fleet::decision

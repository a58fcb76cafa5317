// What a refusal of several devices says would help does help: each remedy is carried out, and then it fits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "fleet/decision/decide.h"
#include "fleet/decision/near_miss.h"
#include "fleet/decision/random_fleet.h"

namespace tessera::fleet::decision {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Candidate card(unsigned number, std::string_view model, std::string held_by = {}, int idle_minutes = -1) {
  Candidate out = test_candidate(number, model, 24'000);
  out.held_by = std::move(held_by);
  if (idle_minutes >= 0) out.idle = Milliseconds(60'000 * idle_minutes);
  return out;
}

Refusal refused(const Supply& supply, const Need& need, const Scope& scope = {}) {
  const auto policy = *make_policy("default", {});
  auto verdict = decide(supply, need, *policy, scope);
  EXPECT_TRUE(std::holds_alternative<Refusal>(verdict));
  return std::get<Refusal>(std::move(verdict));
}

std::vector<std::string> sentences(const Refusal& refusal) {
  std::vector<std::string> out;
  for (const Remedy& one : refusal.remedies) out.push_back(one.sentence);
  return out;
}

TEST(RemediesTogether, OneIdleDeviceIsNoRoomForSix) {
  // On the first node three of four are held by one who is idle, on the second one is.
  Supply supply{0,
                {card(0, "RTX4090"), card(1, "RTX4090", "ml/tune", 5), card(2, "RTX4090", "ml/tune", 1),
                 card(3, "RTX4090", "ml/tune", 7), card(4, "RTX4090", "ml/one", 60), card(5, "L40S")}};
  const Need need{.devices = 6, .models = {"RTX4090"}};
  EXPECT_THAT(sentences(refused(supply, need)), IsEmpty()) << "no node has six";
  Need four = need;
  four.devices = 4;
  EXPECT_THAT(sentences(refused(supply, four)),
              ElementsAre("the devices w-00-GPU-01, w-00-GPU-02 and w-00-GPU-03, which ml/tune has, have been idle for "
                          "1 min: without them there is room"));
  four.same_node = false;
  EXPECT_EQ(refused(supply, four).remedies.size(), 1U) << "without ml/one there are two";
  Need two = four;
  two.devices = 2;
  EXPECT_THAT(sentences(refused(supply, two)),
              ElementsAre(HasSubstr("w-01-GPU-00, which ml/one has, has been idle for 60 min: without it"),
                          HasSubstr("ml/tune"), "there is room with w-01-GPU-01, a L40S"));
  supply.candidates[2].idle.reset();
  EXPECT_THAT(sentences(refused(supply, {.devices = 4, .models = {"RTX4090"}})), IsEmpty())
      << "who works on one of them will not go";
}

TEST(RemediesTogether, AnotherModelHasToHaveAsMany) {
  const Need need{.devices = 2, .models = {"H100_80GB"}};
  EXPECT_THAT(sentences(refused({0, {card(0, "L40S"), card(4, "L40S")}}, need)), IsEmpty());
  EXPECT_THAT(sentences(refused({0, {card(0, "L40S"), card(1, "T4"), card(4, "L40S"), card(5, "L40S")}}, need)),
              ElementsAre("there is room with w-01-GPU-00 and w-01-GPU-01, each of them a L40S"));
}

TEST(RemediesTogether, WhatIsKeptForOneReasonComesBackTogether) {
  Supply supply{0, {card(0, "T4"), card(1, "T4"), card(4, "T4"), card(5, "T4")}};
  for (const unsigned at : {0U, 1U}) {
    supply.candidates[at].unfit = "the node is being rebooted";
    supply.candidates[at].withheld = true;
  }
  supply.candidates[2].unfit = "its memory is broken";
  EXPECT_THAT(
      sentences(refused(supply, {.devices = 2})),
      ElementsAre("w-01-GPU-00 would do if it were well: its memory is broken",
                  "w-00-GPU-00 and w-00-GPU-01 would do once they are given again: the node is being rebooted"));
  EXPECT_THAT(sentences(refused(supply, {.devices = 3})), IsEmpty());
  const Scope barred = [](const std::string&, const std::string& node) {
    return std::optional<std::string>(node == "w-01" ? "of node w-01: it is cordoned" : "");
  };
  EXPECT_THAT(sentences(refused(supply, {.devices = 2}, barred)), ElementsAre(HasSubstr("the node is being rebooted")))
      << "on a cordoned node a repair alone is not enough";
}

TEST(RemediesTogether, ALittleLessIsToldOfWhereAsManyAreAsLarge) {
  const Need need{.devices = 2, .memory_mib = 24'576};
  Supply supply{0, {card(0, "RTX4090"), card(4, "RTX4090")}};
  EXPECT_THAT(sentences(refused(supply, need)), IsEmpty());
  EXPECT_FALSE(near_miss(supply, need)) << "they are of two nodes";
  EXPECT_FALSE(near_miss(Stock(supply), need));
  supply.candidates.push_back(card(5, "RTX4090", "ml/busy"));
  EXPECT_THAT(sentences(refused(supply, need)), IsEmpty()) << "there is no room yet";
  ASSERT_TRUE(near_miss(supply, need)) << "but with less there could be";
  EXPECT_EQ(near_miss(Stock(supply), need)->sentence, near_miss(supply, need)->sentence);
  supply.candidates.back().held_by.clear();
  EXPECT_THAT(sentences(refused(supply, need)),
              ElementsAre(HasSubstr("24,576 MiB are asked for and RTX4090 has 24,000")));
}

/// Nodes of whole devices of a few models, some ill, some kept, some held by pods that have one or several.
Supply some_nodes(Random& random) {
  Supply out;
  const unsigned devices = 4 + static_cast<unsigned>(random() % 24);
  for (unsigned i = 0; i < devices; ++i) {
    constexpr std::array kModels = {"L40S", "RTX4090", "T4"};
    const auto model = (i / 4 + random() % 5 / 4) % kModels.size();
    Candidate one = test_candidate(i, kModels[model], 15'000 + 500 * model);
    if (random() % 4 > 0) one.price_micros = 1'000'000 * (1 + static_cast<std::int64_t>(random() % 2));
    if (random() % 2 == 0) one.held_by = fmt::format("ml/{}-{}", one.node, random() % 2);
    if (!one.held_by.empty() && random() % 5 > 0) one.idle = Milliseconds(60'000 * (random() % 9));
    if (random() % 6 == 0) one.unfit = random() % 2 == 0 ? "it is silent" : "its memory is broken";
    one.withheld = !one.unfit.empty() && random() % 2 == 0;
    out.candidates.push_back(std::move(one));
  }
  return out;
}

Need some_several(Random& random) {
  Need out{.devices = 2 + static_cast<unsigned>(random() % 3), .same_node = random() % 3 > 0};
  if (random() % 2 == 0) out.models = {"RTX4090"};
  if (random() % 3 == 0) out.memory_mib = 15'100 + 500 * (random() % 3);
  if (random() % 3 == 0) out.most_price_micros = 1'000'000 * (1 + static_cast<std::int64_t>(random() % 6));
  return out;
}

/// The fleet, the need and the scope once somebody has done as he was told.
struct Carried {
  Supply supply;
  Need need;
  Scope scope;
};

Carried carried_out(const Remedy& remedy, Carried all) {
  const auto found = std::ranges::find(all.supply.candidates, remedy.device_id, &Candidate::id);
  const Candidate on = *found;
  const auto on_node = [&](auto change) {
    for (Candidate& one : all.supply.candidates)
      if (one.node == on.node) change(one);
  };
  switch (remedy.kind) {
    case RemedyKind::AskForLess:
      all.need.memory_mib = *on.memory_bytes / kMib;
      return all;
    case RemedyKind::PayMore:
      all.need.most_price_micros.reset();
      return all;
    case RemedyKind::OtherModel:
      all.need.models.push_back(on.model);
      return all;
    case RemedyKind::Wait:
      if (remedy.sentence.find("has been idle") + 1 || remedy.sentence.find("have been idle") + 1) {
        on_node([&](Candidate& one) {
          if (one.held_by == on.held_by) one.held_by.clear();
        });
        return all;
      }
      if (on.unfit.empty()) {
        all.scope = [before = all.scope, node = on.node](const std::string& cluster, const std::string& name) {
          return name == node ? std::optional<std::string>("") : before(cluster, name);
        };
        return all;
      }
      [[fallthrough]];
    default:
      on_node([&](Candidate& one) {
        if (one.unfit == on.unfit && one.withheld == on.withheld) one.unfit.clear();
      });
      return all;
  }
}

TEST(RemediesTogether, WhoDoesAsHeIsToldIsServed) {
  Random random(41);
  std::map<RemedyKind, int> told;
  int without = 0;
  for (int round = 0; round < 600; ++round) {
    const auto policy = *make_policy(policy_names()[random() % policy_names().size()], {});
    const Carried now{some_nodes(random), some_several(random), some_scope(random)};
    Stock stock(now.supply);
    const auto verdict = decide(stock, now.need, *policy, now.scope);
    const auto* refusal = std::get_if<Refusal>(&verdict);
    if (!refusal) continue;
    without += refusal->remedies.empty() ? 1 : 0;
    const auto same = decide(now.supply, now.need, *policy, now.scope);
    ASSERT_EQ(sentences(*refusal), sentences(std::get<Refusal>(same))) << "a stock says what its supply says";
    for (const Remedy& one : refusal->remedies) {
      ++told[one.kind];
      const Carried then = carried_out(one, now);
      const auto after = decide(then.supply, then.need, *policy, then.scope);
      ASSERT_TRUE(std::holds_alternative<Decision>(after))
          << "round " << round << ", " << policy->name() << ": " << one.sentence;
    }
  }
  for (const auto kind :
       {RemedyKind::AskForLess, RemedyKind::Wait, RemedyKind::Repair, RemedyKind::PayMore, RemedyKind::OtherModel})
    EXPECT_GT(told[kind], 5) << remedy_kind_name(kind);
  EXPECT_GT(without, 20);
}

}  // namespace
}  // namespace tessera::fleet::decision

#include "fleet/decision/keep_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {
namespace {

const Need kBig{.memory_mib = 81'000, .mig = MigUse::Required}, kHalf{.memory_mib = 40'000, .mig = MigUse::Required},
    kSmall{.memory_mib = 9'000, .mig = MigUse::Required};

Candidate device(unsigned number, std::initializer_list<unsigned> ones = {}) {
  Candidate out = test_candidate(number, "H100_80GB", 81'559, plain_h100_profiles());
  for (const unsigned at : ones) out.pieces.push_back({.placed = {k1g, {at, 1}}, .held_by = "ml/small"});
  return out;
}

std::optional<Grant> granted(const Supply& supply, const Need& need) {
  const auto policy = make_policy("firstfit", {});
  const auto verdict = decide(supply, need, **policy);
  const auto* decision = std::get_if<Decision>(&verdict);
  return decision ? std::optional(decision->grants.front()) : std::nullopt;
}

/// What others see.
Supply kept_of(const Supply& supply, const Need& need, std::string_view why) {
  Stock stock(supply);
  keep_room(stock, need, why);
  return stock.supply();
}

TEST(KeepRoom, TheDeviceThatIsNearestToBeingFreeIsKept) {
  const Supply supply{0, {device(0, {0, 3, 5}), device(1, {2}), device(2, {1, 4})}};
  const Supply kept = kept_of(supply, kBig, "it is kept for ml/big");
  EXPECT_EQ(granted(supply, kSmall)->candidate, 0U);
  Supply only = kept;
  only.candidates[0].unfit = only.candidates[2].unfit = "ill";
  EXPECT_FALSE(granted(only, kSmall)) << "a 7g takes all of it";
  EXPECT_TRUE(granted(kept, kSmall));
}

TEST(KeepRoom, BesideWhatIsKeptOthersFindRoom) {
  const Supply kept = kept_of({0, {device(0, {1, 5, 6})}}, kHalf, "it is kept for ml/half");
  const auto grant = granted(kept, kSmall);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->placed->placement.start, 4U) << "a 3g at 0 has one in its way, and one at 4 has two";
}

TEST(KeepRoom, WhatStandsThereIdleIsGivenToNobody) {
  Supply supply{0, {device(0, {1})}};
  supply.candidates[0].pieces.push_back({.placed = {k1g, {2, 1}}});
  ASSERT_EQ(granted(supply, kSmall)->placed->placement.start, 2U);
  const auto grant = granted(kept_of(supply, kBig, "it is kept"), kSmall);
  EXPECT_FALSE(grant);
}

/// What the one device says to who asks for room on it.
Miss miss_of(const Supply& kept, const Need& need) {
  const auto refusal = std::get<Refusal>(decide(kept, need, **make_policy("firstfit", {})));
  EXPECT_EQ(refusal.misses.size(), 1U);
  return refusal.misses.front();
}

TEST(KeepRoom, ARefusalSaysForWhomItIsKept) {
  const Supply all = kept_of({0, {device(0, {1})}}, kBig, "it is kept for ml/big");
  for (const Need& need : {kBig, kHalf, kSmall}) {
    const Miss miss = miss_of(all, need);
    EXPECT_EQ(miss.cause, Cause::Withheld);
    EXPECT_THAT(miss.nearest.front().what, testing::StartsWith("it is kept for ml/big"));
  }
  const Supply half = kept_of({0, {device(0, {1, 4, 5, 6})}}, kHalf, "it is kept for ml/half");
  const Miss beside = miss_of(half, kSmall);
  EXPECT_EQ(beside.cause, Cause::Withheld);
  EXPECT_THAT(beside.nearest.front().what,
              testing::StartsWith("it is kept for ml/half, and beside that there is no room for a 1g.10gb: ml/small"));
  const Supply full = kept_of({0, {device(0, {0, 1, 2, 3, 4, 5, 6})}}, kHalf, "it is kept for ml/half");
  EXPECT_EQ(miss_of(full, kSmall).cause, Cause::Held) << "nobody is kept from what others have";
}

/// Of a device that has to be switched to MIG for who waits nobody gets all before that, but others a part beside it.
TEST(KeepRoom, OfADeviceThatIsNotCutYetNobodyHasAll) {
  Candidate off = device(0);
  off.mig = MigMode::Off;
  off.may_switch_on = true;
  const Need whole{.mig = MigUse::Never};
  const Supply supply{0, {off}};
  ASSERT_TRUE(granted(supply, whole));
  const Supply kept = kept_of(supply, kHalf, "it is kept for ml/half");
  EXPECT_FALSE(granted(kept, whole));
  EXPECT_EQ(miss_of(kept, whole).cause, Cause::Withheld);
  EXPECT_EQ(miss_of(kept, whole).nearest.front().what, "it is kept for ml/half");
  const auto beside = granted(kept, kSmall);
  ASSERT_TRUE(beside);
  EXPECT_GE(beside->placed->placement.start, 4U);
  Supply two = kept;
  two.candidates.push_back(device(1));
  two.candidates[1].mig = MigMode::None;
  EXPECT_EQ(granted(two, whole)->candidate, 1U);
}

TEST(KeepRoom, SeveralDevicesAreKeptOnOneNode) {
  Supply supply;
  for (unsigned i = 0; i < 16; ++i) {  // two nodes of eight
    supply.candidates.push_back(test_candidate(i, "H100_80GB", 81'559));
    if (i % 8 < 6 || i >= 8) supply.candidates.back().held_by = "ml/other";
  }
  const Supply kept = kept_of(supply, {.devices = 4}, "it is kept for ml/four");
  std::size_t closed = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const bool is_kept = !kept.candidates[i].unfit.empty();
    closed += is_kept;
    EXPECT_TRUE(!is_kept || i < 8) << i;
    if (i == 6 || i == 7) {
      EXPECT_TRUE(is_kept) << i;
    }
  }
  EXPECT_EQ(closed, 4U);
}

TEST(KeepRoom, IsKeptWhereWhoWaitsMayGoAndCanBePutBack) {
  const Supply supply{0, {device(0), device(4, {1}), device(5, {1, 2})}};  // of two nodes
  Stock stock(supply);
  const Before before = keep_room(stock, kBig, "it is kept", [](const std::string&, const std::string& node) {
    return node == "w-00" ? std::optional<std::string>("its taint is not tolerated") : "";
  });
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before.front().first, 1U) << "the nearest of those that it may have";
  EXPECT_NE(stock.supply().candidates, supply.candidates);
  for (const auto& [at, candidate] : before) stock.set(at, candidate);
  EXPECT_EQ(stock.supply().candidates, supply.candidates);
}

TEST(KeepRoom, NothingIsKeptForWhatCanNeverBeServed) {
  const Supply supply{0, {device(0, {0}), device(1)}};
  EXPECT_EQ(kept_of(supply, {.memory_mib = 500'000}, "it is kept").candidates, supply.candidates);
  EXPECT_EQ(kept_of(supply, {.devices = 3, .mig = MigUse::Never}, "it is kept").candidates, supply.candidates);
}

/// Whatever others take of what is left to them, once those have gone who were there before, the one who waits fits.
TEST(KeepRoom, WhoWaitsFitsOnceThoseHaveGoneWhoWereThereBefore) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    Supply supply;
    for (unsigned i = 0; i < 3; ++i) {
      supply.candidates.push_back(device(i));
      for (unsigned at = 0; at < 7; ++at)
        if (random() % 2 == 0)
          supply.candidates.back().pieces.push_back({.placed = {k1g, {at, 1}}, .held_by = "ml/old"});
    }
    const Need& need = random() % 2 == 0 ? kBig : kHalf;
    if (granted(supply, need)) continue;
    Supply others = kept_of(supply, need, "it is kept");
    for (;;) {
      const auto grant = granted(others, kSmall);
      if (!grant) break;
      others.candidates[grant->candidate] = with(others.candidates[grant->candidate], *grant, "ml/new");
      supply.candidates[grant->candidate] = with(supply.candidates[grant->candidate], *grant, "ml/new");
    }
    for (Candidate& one : supply.candidates) one = without(one, "ml/old", true);
    EXPECT_TRUE(granted(supply, need)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tessera::fleet::decision

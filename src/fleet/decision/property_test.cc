// What holds of every decision and of every refusal, on random fleets; and the exact optimum of small ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <tuple>

#include "fleet/decision/decide.h"
#include "fleet/decision/defragment.h"
#include "fleet/decision/random_fleet.h"
#include "fleet/decision/room_value.h"

namespace tessera::fleet::decision {
namespace {

bool is_legal(const Candidate& on, const gpu::Layout& layout) {
  gpu::Layout taken;
  for (const gpu::Placed& one : layout) {
    const gpu::Profile* profile = on.profile(one.profile);
    if (!profile || !gpu::fits(on.offered(), taken, *profile, one.placement)) return false;
    taken.push_back(one);
  }
  return true;
}

gpu::Layout held(const Candidate& on) {
  gpu::Layout out;
  for (const Piece& one : on.pieces)
    if (!one.held_by.empty()) out.push_back(one.placed);
  return out;
}

/// By trying every place of every profile, without what the engine is made of.
bool anything_fits(const Supply& supply, const Need& need) {
  const std::uint64_t bytes = need.memory_mib.value_or(0) * kMib;
  for (const Candidate& on : supply.candidates) {
    if (!on.unfit.empty() || !on.held_by.empty()) continue;
    if (on.mig != MigMode::On) {
      if (need.mig != MigUse::Required && on.memory_bytes >= bytes) return true;
      continue;
    }
    const unsigned slices = need.whole() ? *on.compute_slices() : need.compute_slices.value_or(0);
    for (const gpu::Profile& profile : on.offered()) {
      if (profile.memory_bytes < bytes || profile.compute_slices < slices) continue;
      for (const gpu::Placement at : profile.placements) {
        gpu::Layout layout = held(on);
        layout.push_back({profile.id, at});
        const bool stands = std::ranges::any_of(
            on.pieces, [&](const Piece& one) { return one.held_by.empty() && one.placed == layout.back(); });
        if ((on.may_cut || stands) && is_legal(on, layout)) return true;
      }
    }
  }
  return false;
}

/// What was decided is legal beside what is held, is enough, and leaves whoever has something alone.
void expect_sound(const Candidate& on, const Need& need, const Grant& grant) {
  ASSERT_TRUE(on.unfit.empty());
  ASSERT_GE(grant.memory_bytes.value_or(0), need.memory_mib.value_or(0) * kMib);
  ASSERT_TRUE(on.held_by.empty());
  if (!grant.placed) {
    ASSERT_EQ(grant.kind, Kind::Device);
    ASSERT_TRUE(on.pieces.empty());
    return;
  }
  ASSERT_GE(*grant.compute_slices, need.compute_slices.value_or(0));
  gpu::Layout with_it = held(on);
  with_it.push_back(*grant.placed);
  ASSERT_TRUE(is_legal(on, with_it)) << grant.profile << " at " << grant.placed->placement.start;
  if (grant.kind == Kind::Instance) return;
  ASSERT_TRUE(grant.partition);
  gpu::Layout now;
  for (const Piece& one : on.pieces) now.push_back(one.placed);
  for (const PartitionStep& step : grant.partition->steps) {
    if (!step.create) {
      ASSERT_EQ(std::erase(now, step.placed), 1U);
      ASSERT_EQ(std::ranges::count(held(on), step.placed), 0) << "somebody has it";
    } else {
      now.push_back(step.placed);
    }
    ASSERT_TRUE(is_legal(on, now));
  }
  ASSERT_EQ(std::ranges::count(now, *grant.placed), 1);
}

TEST(DecisionProperty, IsSoundAndARefusalIsTrue) {
  Random random(7);
  int decided = 0, refused = 0;
  std::vector<std::unique_ptr<Policy>> policies;
  for (const std::string_view name : policy_names()) policies.push_back(*make_policy(name, {}));
  for (int round = 0; round < 200; ++round) {
    const Supply supply = some_fleet(1 + static_cast<unsigned>(random() % 4), random);
    const Need need = some_need(random);
    for (const auto& policy : policies) {
      const std::string_view name = policy->name();
      const auto verdict = decide(supply, need, *policy);
      if (const auto* decision = std::get_if<Decision>(&verdict)) {
        ++decided;
        ASSERT_EQ(decision->grants.size(), 1U);
        expect_sound(supply.candidates[decision->grants[0].candidate], need, decision->grants[0]);
        if (HasFatalFailure()) return;
      } else {
        ++refused;
        ASSERT_FALSE(anything_fits(supply, need)) << name << ", round " << round;
        std::size_t devices = 0;
        for (const Miss& miss : std::get<Refusal>(verdict).misses) devices += miss.devices;
        ASSERT_EQ(devices, supply.candidates.size()) << "each device fails by one thing";
      }
      Stock stock(supply);
      const auto placed = place(stock, need, *policy);
      ASSERT_EQ(placed.has_value(), std::holds_alternative<Decision>(verdict));
      if (!placed) continue;
      const Grant& other = std::get<Decision>(verdict).grants[0];
      ASSERT_EQ(placed->candidate, other.candidate) << "a stock decides as its supply does";
      ASSERT_EQ(placed->placed, other.placed);
    }
  }
  EXPECT_GT(decided, 200);
  EXPECT_GT(refused, 200);
}

std::vector<std::tuple<std::size_t, std::string, std::optional<gpu::Placed>>> places(const Decision& decision) {
  std::vector<std::tuple<std::size_t, std::string, std::optional<gpu::Placed>>> out;
  for (const Grant& one : decision.grants) out.emplace_back(one.candidate, one.profile, one.placed);
  for (const RunnerUp& one : decision.runners_up) out.emplace_back(one.grant.candidate, one.why_not, one.grant.placed);
  return out;
}

/// All that a refusal says.
std::vector<std::string> said(const Refusal& refusal) {
  std::vector<std::string> out = {refusal.sentence};
  for (const Miss& one : refusal.misses) {
    out.push_back(fmt::format("{} {} {}", cause_name(one.cause), one.devices, one.sentence));
    for (const Nearest& near : one.nearest) out.push_back(fmt::format("{}: {}", near.device_id, near.what));
  }
  for (const Remedy& one : refusal.remedies)
    out.push_back(fmt::format("{} {} {}", remedy_kind_name(one.kind), one.device_id, one.sentence));
  return out;
}

TEST(DecisionProperty, AStockSaysWhatItsSupplySays) {
  Random random(23);
  int decided = 0, refused = 0;
  for (int round = 0; round < 300; ++round) {
    const auto policy = *make_policy(policy_names()[random() % policy_names().size()], {});
    Supply supply = some_fleet(1 + static_cast<unsigned>(random() % 24), random);
    idle_and_priced(supply, random);
    // Of each device as of its own driver: they are alike all the same.
    for (Candidate& one : supply.candidates)
      if (one.profiles) one.profiles = std::make_shared<const std::vector<gpu::Profile>>(*one.profiles);
    Need need = some_need(random);
    if (random() % 4 == 0) need = {.devices = 2, .same_node = random() % 2 == 0};
    if (random() % 4 == 0) need.most_price_micros = static_cast<std::int64_t>(random() % 2'000'000);
    if (random() % 6 == 0) need.models = {"T4"};
    if (random() % 2 == 0) some_left_beside(supply, random);
    if (random() % 3 > 0) need.cpu_milli = static_cast<std::int64_t>(random() % 40'000);
    const Scope scope = some_scope(random);
    Stock stock(supply);
    const auto expected = decide(supply, need, *policy, scope);
    const auto verdict = decide(stock, need, *policy, scope);
    const auto in_short = decide_in_short(stock, need, *policy, scope);
    ASSERT_EQ(verdict.index(), expected.index());
    ASSERT_EQ(in_short.index(), expected.index());
    if (const auto* decision = std::get_if<Decision>(&expected)) {
      ++decided;
      for (const auto* other : {&std::get<Decision>(verdict), &std::get<Decision>(in_short)}) {
        ASSERT_EQ(other->reason.sentence, decision->reason.sentence);
        ASSERT_EQ(places(*other), places(*decision));
      }
    } else {
      ++refused;
      ASSERT_EQ(std::get<std::string>(in_short), std::get<Refusal>(expected).sentence);
      ASSERT_EQ(said(std::get<Refusal>(verdict)), said(std::get<Refusal>(expected)));
    }
  }
  EXPECT_GT(decided, 50);
  EXPECT_GT(refused, 50);
}

TEST(DecisionProperty, DevicesOfOneModelAreAlikeThoughEachToldOfItself) {
  Supply supply;
  for (unsigned i = 0; i < 100; ++i) {
    supply.candidates.push_back(h100(i));
    supply.candidates[i].profiles = std::make_shared<const std::vector<gpu::Profile>>(*h100_profiles());
  }
  Stock stock(supply);
  EXPECT_EQ(stock.kinds().size(), 1U);
  Candidate other = supply.candidates[3];
  other.profiles = std::make_shared<const std::vector<gpu::Profile>>(*h100_profiles());
  stock.set(3, other);
  EXPECT_EQ(stock.kinds().size(), 1U);
  other.profiles = a100_profiles();
  stock.set(3, other);
  EXPECT_EQ(stock.kinds().size(), 2U);
}

TEST(DecisionProperty, NothingOverlapsHoweverManyComeAndGo) {
  Random random(11);
  for (const std::string_view name : policy_names()) {
    const auto policy = *make_policy(name, {});
    Supply supply;
    for (unsigned i = 0; i < 3; ++i) supply.candidates.push_back(h100(i));
    Stock stock(supply);
    std::vector<std::pair<std::string, std::size_t>> there;
    for (int step = 0; step < 200; ++step) {
      if (!there.empty() && random() % 3 == 0) {
        std::swap(there[random() % there.size()], there.back());
        const auto [holder, at] = there.back();
        there.pop_back();
        stock.set(at, without(stock.supply().candidates[at], holder, random() % 2 == 0));
      } else if (const auto grant = place(stock, some_need(random), *policy)) {
        const std::string holder = fmt::format("ml/{}", step);
        stock.set(grant->candidate, with(stock.supply().candidates[grant->candidate], *grant, holder));
        there.emplace_back(holder, grant->candidate);
      }
      std::size_t pieces_held = 0;
      for (const Candidate& one : stock.supply().candidates) {
        gpu::Layout layout;
        for (const Piece& piece : one.pieces) layout.push_back(piece.placed);
        ASSERT_TRUE(is_legal(one, layout)) << name << ", step " << step;
        pieces_held += held(one).size();
      }
      ASSERT_EQ(pieces_held, there.size()) << "each has one, and nobody two";
    }
  }
}

TEST(DecisionProperty, NoReplicaOfASharedDeviceIsGivenTwice) {
  Random random(31);
  const auto policy = *make_policy("default", {});
  for (const unsigned replicas : {2U, 3U, 7U, 48U, 64U, 150U}) {
    Supply supply{0, {t4(0), t4(1)}};
    for (Candidate& one : supply.candidates) one.shares = Shares{replicas, replicas, *one.memory_bytes};
    Stock stock(supply);
    std::map<std::size_t, unsigned> given;
    for (unsigned i = 0; i < 3 * replicas; ++i) {
      Need need{.compute_milli = random() % 2};
      if (random() % 2 == 0) need.memory_mib = 4;
      const auto grant = place(stock, need, *policy);
      if (!grant) continue;
      ASSERT_EQ(grant->kind, Kind::Share);
      ++given[grant->candidate];
      stock.set(grant->candidate, with(stock.supply().candidates[grant->candidate], *grant, "ml/a"));
    }
    EXPECT_EQ(given[0], replicas);
    EXPECT_EQ(given[1], replicas);
  }
}

TEST(DecisionProperty, EachMoveOfAWayIsLegalWhenItIsMade) {
  Random random(13);
  int ways = 0;
  const auto policy = *make_policy("default", {});
  for (int round = 0; round < 900; ++round) {
    const Supply supply = some_fleet(4, random);
    const Need need = some_need(random);
    if (std::holds_alternative<Decision>(decide(supply, need, *policy))) continue;
    Stock stock(supply);
    const auto way = make_way(stock, need, *policy, 3);
    if (!way) continue;
    ++ways;
    ASSERT_LE(way->moves.size(), 3U);
    for (const Move& move : way->moves) {
      const Candidate& from = stock.supply().candidates[move.from];
      const auto piece = std::ranges::find(from.pieces, move.placed, &Piece::placed);
      ASSERT_TRUE(piece != from.pieces.end() && piece->may_move && piece->held_by == move.holder);
      const Candidate& to = stock.supply().candidates[move.to.candidate];
      expect_sound(to, {.memory_mib = from.profile(move.placed.profile)->memory_bytes / kMib}, move.to);
      if (HasFatalFailure()) return;
      stock.set(move.to.candidate, with(to, move.to, "moved " + move.holder, true));
      stock.set(move.from, without(stock.supply().candidates[move.from], move.holder, true));
    }
    expect_sound(stock.supply().candidates[way->grant.candidate], need, way->grant);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(ways, 10);
}

TEST(DecisionProperty, FreeingDevicesFreesThemAndLosesNobody) {
  Random random(17);
  int freed = 0;
  const auto policy = *make_policy("default", {});
  for (int round = 0; round < 60; ++round) {
    Supply supply;
    for (unsigned i = 0; i < 4; ++i) {
      supply.candidates.push_back(h100(i));
      for (unsigned k = 0; k < 2; ++k) {
        const auto start = static_cast<unsigned>(2 * k + random() % 2);
        supply.candidates[i].pieces.push_back(piece(k1g, start, 1, fmt::format("ml/{}-{}", i, k)));
        supply.candidates[i].pieces.back().may_move = random() % 4 > 0;
      }
    }
    Stock stock(supply);
    const Consolidation plan = free_devices(stock, *policy, 4);
    ASSERT_LE(plan.moves.size(), 4U);
    for (const Move& move : plan.moves) {
      const Candidate& to = stock.supply().candidates[move.to.candidate];
      ASSERT_FALSE(to.is_empty()) << "a device that is free stays free";
      expect_sound(to, {}, move.to);
      stock.set(move.to.candidate, with(to, move.to, "moved " + move.holder, true));
      stock.set(move.from, without(stock.supply().candidates[move.from], move.holder, true));
    }
    std::size_t held_now = 0;
    for (const Candidate& one : stock.supply().candidates) held_now += held(one).size();
    ASSERT_EQ(held_now, 8U);
    for (const std::size_t i : plan.freed) ASSERT_TRUE(stock.supply().candidates[i].is_empty());
    freed += static_cast<int>(plan.freed.size());
  }
  EXPECT_GT(freed, 20);
}

/// The most requests of a row that can be served if all are known beforehand, by trying everything.
std::size_t most_served(std::vector<gpu::Layout>& devices, const std::vector<gpu::Profile>& profiles,
                        std::span<const unsigned> row) {
  if (row.empty()) return 0;
  std::size_t best = most_served(devices, profiles, row.subspan(1));
  const auto& profile = *std::ranges::find(profiles, row[0], &gpu::Profile::id);
  for (gpu::Layout& layout : devices)
    for (const gpu::Placement at : profile.placements) {
      if (best == row.size() || !gpu::fits(profiles, layout, profile, at)) continue;
      layout.push_back({profile.id, at});
      best = std::max(best, 1 + most_served(devices, profiles, row.subspan(1)));
      layout.pop_back();
    }
  return best;
}

// A policy that does not know what comes can serve no more than an optimum that does; ours comes near it.
TEST(Exactness, OnSmallFleetsNearlyAsManyAsCouldBe) {
  Random random(19);
  constexpr std::array kIds = {k1g, k2g, k3g, k4g};
  std::size_t optimum = 0;
  std::map<std::string_view, std::size_t> served;
  std::map<std::string_view, std::unique_ptr<Policy>> policies;
  for (const std::string_view name : {"firstfit", "default"}) policies[name] = *make_policy(name, {});
  for (int round = 0; round < 40; ++round) {
    std::vector<unsigned> row;
    for (int i = 0; i < 6; ++i) row.push_back(kIds[random() % kIds.size()]);
    std::vector<gpu::Layout> devices(2);
    const std::size_t most = most_served(devices, *plain_h100_profiles(), row);
    optimum += most;
    for (const auto& [name, policy] : policies) {
      Supply supply;
      for (unsigned i = 0; i < 2; ++i)
        supply.candidates.push_back(test_candidate(i, "H100_80GB", 81'559, plain_h100_profiles()));
      std::size_t count = 0;
      for (const unsigned id : row) {
        const auto& profile = *supply.candidates[0].profile(id);
        const auto verdict = decide(
            supply, {.memory_mib = profile.memory_bytes / kMib, .compute_slices = profile.compute_slices}, *policy);
        const auto* decision = std::get_if<Decision>(&verdict);
        if (!decision) continue;
        Candidate& on = supply.candidates[decision->grants[0].candidate];
        on = with(on, decision->grants[0], fmt::format("ml/{}", ++count));
      }
      ASSERT_LE(count, most);
      served[name] += count;
    }
  }
  EXPECT_GE(served["default"], served["firstfit"]);
  EXPECT_GE(static_cast<double>(served["default"]), 0.95 * static_cast<double>(optimum));
}

TEST(RoomValue, WhatBlocksMoreOfWhatIsAskedForCostsMore) {
  const auto lost = [](RoomValue& value, const gpu::Layout& taken, gpu::Placed placed) {
    return value.lost_milli(taken, placed);
  };
  RoomValue any(plain_h100_profiles(), {});
  EXPECT_GT(lost(any, {}, {k7g, {0, 8}}), lost(any, {}, {k3g, {0, 4}}));
  EXPECT_GT(lost(any, {}, {k1g, {0, 1}}), lost(any, {}, {k1g, {6, 1}})) << "where no 2g can stand";
  EXPECT_LT(lost(any, {{k1g, {6, 1}}}, {k1g, {5, 1}}), lost(any, {}, {k1g, {6, 1}})) << "a device that is used first";
  EXPECT_LT(lost(any, {{k3g, {4, 4}}}, {k3g, {0, 4}}), lost(any, {}, {k3g, {4, 4}}));
  // Where nearly all ask for a 7g, a small one on an empty device costs nearly all of it, and the next nearly nothing.
  RoomValue whole(plain_h100_profiles(), {{{.compute_slices = 7}, 1}});
  EXPECT_GT(lost(whole, {}, {k1g, {6, 1}}), 750);
  EXPECT_LT(lost(whole, {{k1g, {6, 1}}}, {k1g, {5, 1}}), 100);
}

}  // namespace
}  // namespace tessera::fleet::decision

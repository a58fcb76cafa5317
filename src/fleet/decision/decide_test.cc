#include "fleet/decision/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/decision/test_supply.h"

namespace tessera::fleet::decision {
namespace {
using testing::HasSubstr;

Verdict decided(const Supply& supply, const Need& need, std::string_view policy = "default") {
  return decide(supply, need, **make_policy(policy, {}));
}

Supply supply_of(std::vector<Candidate> candidates) { return {0, std::move(candidates)}; }

TEST(Decide, CutsTheSmallestThatIsEnough) {
  static const struct {
    std::uint64_t mib;
    std::optional<unsigned> slices;
    std::string_view profile;
  } kCases[] = {{1, {}, "1g.10gb"},      {9'984, {}, "1g.10gb"},  {9'985, {}, "1g.20gb"},
                {19'074, {}, "1g.20gb"}, {19'074, 2, "2g.20gb"},  {20'097, {}, "3g.40gb"},
                {1, 4, "4g.40gb"},       {40'449, {}, "7g.80gb"}, {81'152, {}, "7g.80gb"}};
  for (const auto& c : kCases) {
    const auto verdict = decided(supply_of({h100(0)}), {.memory_mib = c.mib, .compute_slices = c.slices});
    const auto* decision = std::get_if<Decision>(&verdict);
    ASSERT_TRUE(decision) << c.mib;
    ASSERT_EQ(decision->grants.size(), 1U);
    const Grant& grant = decision->grants[0];
    EXPECT_EQ(grant.kind, Kind::Placement);
    EXPECT_EQ(grant.profile, c.profile) << c.mib;
    ASSERT_TRUE(grant.partition);
    ASSERT_EQ(grant.partition->steps.size(), 1U);
    EXPECT_TRUE(grant.partition->steps[0].create);
  }
}

TEST(Decide, ComparesWithTheMemoryThatTheDriverReports) {
  Candidate device = a100(0);
  device.profiles = profile_table({{k2g, "2g.20gb", 2, 19'968, 3, 2, {0, 2, 4}}});
  EXPECT_TRUE(std::holds_alternative<Decision>(decided(supply_of({device}), {.memory_mib = 19'074})));
  const auto refused = decided(supply_of({device}), {.memory_mib = 20'480});
  const auto& refusal = std::get<Refusal>(refused);
  ASSERT_EQ(refusal.misses.size(), 1U);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Memory);
  EXPECT_THAT(refusal.misses[0].sentence, HasSubstr("2g.20gb has 19,968 MiB"));
}

TEST(Decide, NeverChoosesWhatIsNotWell) {
  Candidate sick = h100(0);
  sick.unfit = "a memory row could not be remapped";
  const auto verdict = decided(supply_of({sick, h100(1)}), {.memory_mib = 1});
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].device_id, "w-00-GPU-01");
  const auto refused = decided(supply_of({sick}), {.memory_mib = 1});
  EXPECT_EQ(std::get<Refusal>(refused).misses[0].cause, Cause::Unhealthy);
}

TEST(Decide, TakesWhatStandsBeforeItCutsAndLeavesIdleNeighboursAlone) {
  Candidate device = h100(0);
  device.pieces = {piece(k1g, 0, 1, "ml/a"), piece(k2g, 2, 2), piece(k1g, 6, 1)};
  const auto idle = decided(supply_of({device}), {.memory_mib = 15'000, .compute_slices = 2});
  const Grant& grant = std::get<Decision>(idle).grants[0];
  EXPECT_EQ(grant.kind, Kind::Instance);
  EXPECT_EQ(grant.placed, (gpu::Placed{k2g, {2, 2}}));

  const auto cut = decided(supply_of({device}), {.memory_mib = 30'000});
  const Grant& larger = std::get<Decision>(cut).grants[0];
  EXPECT_EQ(larger.placed, (gpu::Placed{k3g, {4, 4}}));
  ASSERT_EQ(larger.partition->steps.size(), 2U) << "the idle 1g at 6 goes, and no other";
  EXPECT_EQ(larger.partition->steps[0].placed, (gpu::Placed{k1g, {6, 1}}));
}

TEST(Decide, SaysOnAFullDeviceWhoHasItAndOnAScatteredOneThatRoomIsInPieces) {
  Candidate full = h100(0), scattered = h100(1);
  full.pieces = {piece(k7g, 0, 8, "ml/train")};
  scattered.pieces = {piece(k1g, 1, 1, "ml/a"), piece(k1g, 5, 1, "ml/b")};
  const auto verdict = decided(supply_of({full, scattered}), {.memory_mib = 30'000});
  const auto& refusal = std::get<Refusal>(verdict);
  ASSERT_EQ(refusal.misses.size(), 2U);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Held);
  EXPECT_THAT(refusal.misses[0].nearest[0].what, HasSubstr("ml/train"));
  EXPECT_EQ(refusal.misses[1].cause, Cause::NoRoom);
  EXPECT_THAT(refusal.misses[1].sentence, HasSubstr("6 of 8 memory slices are free"));
}

TEST(Decide, GivesSeveralWholeDevicesOfOneNode) {
  std::vector<Candidate> fleet;
  for (unsigned i = 0; i < 8; ++i) fleet.push_back(t4(i));
  fleet[1].held_by = "ml/a";
  const auto verdict = decided(supply_of(fleet), {.devices = 4});
  ASSERT_EQ(std::get<Decision>(verdict).grants.size(), 4U);
  for (const Grant& one : std::get<Decision>(verdict).grants) EXPECT_EQ(one.node, "w-01");
  fleet[4].held_by = "ml/b";
  const auto refused = decided(supply_of(fleet), {.devices = 4});
  EXPECT_EQ(std::get<Refusal>(refused).misses.back().cause, Cause::Together);
  EXPECT_TRUE(std::holds_alternative<Decision>(decided(supply_of(fleet), {.devices = 4, .same_node = false})));
}

}  // namespace
}  // namespace tessera::fleet::decision

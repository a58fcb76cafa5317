#include "fleet/partition/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr unsigned k1g = 19, k2g = 14, k3g = 9, k4g = 5, k7g = 0;

/// As an H100 of 80 GB offers them.
std::vector<gpu::Profile> h100() {
  const auto profile = [](unsigned id, const char* name, unsigned slices, unsigned most, unsigned size,
                          const std::vector<unsigned>& starts) {
    gpu::Profile out{id, name, slices, {}, 0, most, {}};
    for (const unsigned start : starts) out.placements.push_back({start, size});
    return out;
  };
  return {profile(k1g, "1g.10gb", 1, 7, 1, {0, 1, 2, 3, 4, 5, 6}), profile(k2g, "2g.20gb", 2, 3, 2, {0, 2, 4}),
          profile(k3g, "3g.40gb", 3, 2, 4, {0, 4}), profile(k4g, "4g.40gb", 4, 1, 4, {0}),
          profile(k7g, "7g.80gb", 7, 1, 8, {0})};
}

gpu::Placed placed(unsigned profile, unsigned start, unsigned size) { return {profile, {start, size}}; }

bool legal(const std::vector<gpu::Profile>& profiles, const gpu::Layout& layout) {
  gpu::Layout taken;
  for (const gpu::Placed& one : layout) {
    const auto of = std::ranges::find(profiles, one.profile, &gpu::Profile::id);
    if (of == profiles.end() || !gpu::fits(profiles, taken, *of, one.placement)) return false;
    taken.push_back(one);
  }
  return true;
}

TEST(Partition, KeepsWhatStandsWhereItStands) {
  const auto profiles = h100();
  const std::vector<Standing> standing = {{placed(k1g, 4, 1)}, {placed(k1g, 6, 1), "ml/train"}};
  const auto plan = plan_partition(profiles, standing, {k1g, k2g, k1g});
  ASSERT_TRUE(plan) << plan.error().what;
  ASSERT_EQ(plan->steps.size(), 1U);
  EXPECT_TRUE(plan->steps[0].create);
  EXPECT_EQ(plan->steps[0].placed, placed(k2g, 0, 2));
}

TEST(Partition, SaysWhoIsInTheWayAndWhatIsNeverLegal) {
  const auto profiles = h100();
  const auto blocked =
      plan_partition(profiles, std::vector<Standing>{{placed(k1g, 4, 1), "ml/train"}}, {k1g, k3g, k3g});
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, Code::Invalid) << "1g beside two 3g is legal nowhere";
  const auto held = plan_partition(profiles, std::vector<Standing>{{placed(k1g, 4, 1), "ml/train"}}, {k3g, k3g});
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::Unavailable);
  EXPECT_THAT(held.error().what, AllOf(HasSubstr("1g.10gb at 4"), HasSubstr("ml/train")));
  const auto none = plan_partition(profiles, std::vector<Standing>{{placed(k1g, 4, 1), "ml/train"}}, {});
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().what.starts_with("no instances would be legal on an idle device, but "))
      << none.error().what;
  EXPECT_EQ(plan_partition(profiles, {}, {k7g, k1g}).error().code, Code::Invalid);
  EXPECT_EQ(plan_partition(profiles, {}, {k4g, k4g}).error().code, Code::Invalid);
}

TEST(Partition, OfNothingDestroysWhatIsIdle) {
  const auto plan = plan_partition(h100(), std::vector<Standing>{{placed(k3g, 0, 4)}, {placed(k3g, 4, 4)}}, {});
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_THAT(plan->layout, IsEmpty());
  EXPECT_EQ(plan->steps.size(), 2U);
}

TEST(Partition, NeverTouchesWhatIsHeldAndEachStepIsLegal) {
  const auto profiles = h100();
  const auto all = gpu::layouts(profiles);
  std::mt19937 random(7);
  const auto pick = [&] { return all[random() % all.size()]; };
  int planned = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<Standing> standing;
    for (const gpu::Placed& one : pick()) standing.push_back({one, random() % 3 == 0 ? "ml/train" : ""});
    std::vector<unsigned> wanted;
    for (const gpu::Placed& one : pick()) wanted.push_back(one.profile);
    const auto plan = plan_partition(profiles, standing, wanted);
    if (!plan) continue;
    ++planned;
    gpu::Layout now;
    for (const Standing& one : standing) now.push_back(one.placed);
    for (const PartitionStep& step : plan->steps) {
      if (step.create)
        now.push_back(step.placed);
      else
        std::erase(now, step.placed);
      ASSERT_TRUE(legal(profiles, now));
      for (const Standing& one : standing) ASSERT_TRUE(one.held_by.empty() || std::ranges::count(now, one.placed) == 1);
    }
    std::ranges::sort(now, {}, &gpu::Placed::placement);
    ASSERT_EQ(now, plan->layout);
    std::vector<unsigned> got;
    for (const gpu::Placed& one : now) got.push_back(one.profile);
    std::ranges::sort(got);
    std::ranges::sort(wanted);
    ASSERT_EQ(got, wanted);
  }
  EXPECT_GT(planned, 50);
}

TEST(Partition, KnowsProfilesByKeyAndByName) {
  const auto profiles = h100();
  for (const char* word : {"H100_2G20GB", "h100_2g20gb", "2g.20gb", "2G.20GB"}) {
    const auto id = profile_wanted(profiles, "H100_80GB", word);
    ASSERT_TRUE(id) << id.error().what;
    EXPECT_EQ(*id, k2g) << word;
  }
  const auto none = profile_wanted(profiles, "H100_80GB", "A100_2G10GB");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().what, HasSubstr("H100_3G40GB"));
}

TEST(Standing, IsHeldByWhoHoldsOrUsesItsPart) {
  auto facts = std::make_shared<DeviceFacts>();
  facts->profiles = std::make_shared<const std::vector<gpu::Profile>>(h100());
  Device device;
  device.facts = facts;
  const auto instance = [&](unsigned gi, const char* profile, std::optional<gpu::Placement> at) {
    auto of = std::make_shared<InstanceFacts>();
    of->profile = profile;
    of->placement = at;
    Instance out;
    out.part = {gi, 0};
    out.facts = of;
    device.instances.push_back(out);
  };
  instance(1, "1g.10gb", {});  // as dcgm-exporter tells of it, beside the agent
  device.instances.back().part.compute_instance.reset();
  instance(1, "1g.10gb", gpu::Placement{6, 1});
  instance(2, "1c.3g.40gb", gpu::Placement{0, 4});
  Session session;
  session.part = {2U, 0U};
  session.facts = std::make_shared<SessionFacts>(
      SessionFacts{.pid = 4711, .command = {}, .type = {}, .attribution = {}, .workload = {}});
  device.sessions.push_back(session);
  const auto standing = standing_of(device);
  ASSERT_TRUE(standing) << standing.error().what;
  ASSERT_EQ(standing->size(), 2U);
  EXPECT_EQ((*standing)[0].placed, placed(k3g, 0, 4));
  EXPECT_EQ((*standing)[0].held_by, "process 4711");
  EXPECT_EQ((*standing)[1].held_by, "");

  instance(3, "1g.10gb", {});
  EXPECT_THAT(standing_of(device).error().what, HasSubstr("root"));
  device.instances.pop_back();
  instance(4, "", {});
  EXPECT_THAT(standing_of(device).error().what, HasSubstr("GPU instance 4")) << "it may be in anything's way";
}

}  // namespace
}  // namespace tessera::fleet

#include "agent/layout/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "agent/layout/acceptance.h"
#include "agent/layout/sample_device.h"
#include "gpu/geometry.h"

namespace tessera::agent::layout {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

WantedDevice wanted(std::vector<Place> planned_from, std::vector<Place> instances) {
  return {"GPU-1", 8, std::move(planned_from), std::nullopt, std::move(instances)};
}

std::vector<std::string> texts(const Plan& plan) {
  std::vector<std::string> out;
  for (const Step& step : plan.steps)
    out.push_back(step.state == StepState::Planned ? text_of(step) : fmt::format("({})", text_of(step)));
  return out;
}

TEST(Plan, IsDoneWhereAllStands) { EXPECT_EQ(plan(cut({one(0), one(1)}), wanted({}, {one(0), one(1)})), Plan{}); }

TEST(Plan, MakesRoomThenCreates) {
  const auto device = cut({one(0), one(1), one(2)});
  const auto out = plan(device, wanted({one(0), one(1), one(2)}, {two(0), one(2)}));
  EXPECT_EQ(out.progress, Progress::Working);
  EXPECT_THAT(texts(out), ElementsAre("destroy 1g.10gb at 0:1", "destroy 1g.10gb at 1:1", "create 2g.20gb at 0:2"));
}

TEST(Plan, CreatesFirstWhereThereIsRoom) {
  const auto out = plan(cut({one(6)}), wanted({one(6)}, {one(0), two(2)}));
  EXPECT_THAT(texts(out), ElementsAre("create 1g.10gb at 0:1", "create 2g.20gb at 2:2", "destroy 1g.10gb at 6:1"));
}

TEST(Plan, WaitsForWhoUsesWhatHasToGo) {
  auto device = cut({one(0), one(1)});
  device.instances[1].held_by = HeldBy::Process;
  device.instances[1].holder = "ml/eval-0";
  const auto wish = wanted({one(0), one(1)}, {two(0)});
  const auto out = plan(device, wish);
  EXPECT_EQ(out.progress, Progress::Working) << "the idle one can go";
  EXPECT_THAT(texts(out), ElementsAre("destroy 1g.10gb at 0:1", "(destroy 1g.10gb at 1:1)", "(create 2g.20gb at 0:2)"));
  apply(device, out.steps[0]);
  const auto after = plan(device, wish);
  EXPECT_EQ(after.progress, Progress::Waiting);
  EXPECT_THAT(after.reason, HasSubstr("a process of ml/eval-0 runs in it"));
}

TEST(Plan, WaitsForAPodThatHoldsWithoutAProcess) {
  auto device = cut({one(0)});
  device.instances[0].held_by = HeldBy::Pod;
  device.instances[0].holder = "research/idle-holder";
  EXPECT_THAT(plan(device, wanted({one(0)}, {})).reason, HasSubstr("the pod research/idle-holder holds it"));
}

TEST(Plan, TakesNothingAwayWhileTheKubeletCannotBeAsked) {
  auto device = cut({one(0)});
  device.holders_unknown = "the kubelet does not answer";
  const auto out = plan(device, wanted({one(0)}, {two(2)}));
  EXPECT_THAT(texts(out), ElementsAre("create 2g.20gb at 2:2", "(destroy 1g.10gb at 0:1)"));
  EXPECT_EQ(out.steps[1].reason, "the kubelet does not answer");
}

TEST(Plan, TakesNothingAwayFromWhoHoldsTheWholeDevice) {
  auto device = cut({one(0)});
  device.busy = true;
  EXPECT_EQ(plan(device, wanted({one(0)}, {})).progress, Progress::Waiting);
}

TEST(Plan, KeepsItsHandsOffWhatSomebodyElseChanged) {
  const auto out = plan(cut({one(0), one(4)}), wanted({one(0)}, {two(0)}));
  EXPECT_EQ(out.progress, Progress::HandsOff);
  EXPECT_THAT(out.reason, StartsWith("changed by somebody else: 1g.10gb at 4:1"));
  EXPECT_THAT(out.steps, IsEmpty());
}

TEST(Plan, GoesOnWhereItOrACrashStoppedBetween) {
  EXPECT_THAT(texts(plan(cut({}), wanted({one(0), one(1)}, {two(0)}))), ElementsAre("create 2g.20gb at 0:2"));
  auto without_compute = cut({two(0)});
  without_compute.instances[0].compute_instances.clear();
  EXPECT_THAT(texts(plan(without_compute, wanted({}, {two(0)}))), ElementsAre("create 2g.20gb at 0:2"));
}

TEST(Plan, DoesNothingOnADeviceThatIsNotSure) {
  auto device = cut({one(0)});
  device.unknown = "the device is lost";
  EXPECT_EQ(plan(device, wanted({one(0)}, {})), (Plan{Progress::Waiting, "the device is lost"}));
}

TEST(Plan, RefusesWhatTheDriverDoesNotOffer) {
  for (const Place& bad : {Place{{1, 2}, "2g.20gb"}, Place{{0, 1}, "1g.5gb"}, Place{{0, 4}, "2g.20gb"}})
    EXPECT_EQ(plan(cut({}), wanted({}, {bad})).progress, Progress::HandsOff) << text_of(bad);
  EXPECT_EQ(plan(cut({}), wanted({}, {one(0), two(0)})).progress, Progress::HandsOff) << "one over the other";
}

TEST(PlanMode, IsSwitchedOnlyOnceTheDeviceIsEmpty) {
  auto device = cut({});
  device.mig = device.pending = false;
  auto wish = wanted({}, {one(0)});
  EXPECT_THAT(plan(device, wish).reason, HasSubstr("does not say that it shall be on"));
  wish.mig = true;
  EXPECT_THAT(texts(plan(device, wish)), ElementsAre("turn MIG mode on", "create 1g.10gb at 0:1"));
  device.busy = true;
  const auto busy = plan(device, wish);
  EXPECT_EQ(busy.progress, Progress::Waiting);
  EXPECT_THAT(busy.reason, HasSubstr("once it is empty"));
}

TEST(PlanMode, EndsOnceTheLastInstanceIsGone) {
  auto device = cut({one(0), one(1)});
  auto wish = wanted({one(0), one(1)}, {});
  wish.mig = false;
  EXPECT_THAT(texts(plan(device, wish)),
              ElementsAre("destroy 1g.10gb at 0:1", "destroy 1g.10gb at 1:1", "turn MIG mode off"));
  device.instances[1].held_by = HeldBy::Both;
  EXPECT_THAT(texts(plan(device, wish)),
              ElementsAre("destroy 1g.10gb at 0:1", "(destroy 1g.10gb at 1:1)", "(turn MIG mode off)"));
}

TEST(PlanMode, IsNeverSwitchedWhereThatResetsTheDevice) {
  auto device = cut({});
  device.mig = device.pending = false;
  device.mode_needs_reset = true;
  auto wish = wanted({}, {one(0)});
  wish.mig = true;
  const auto out = plan(device, wish);
  EXPECT_EQ(out.progress, Progress::Waiting);
  EXPECT_THAT(out.reason, AllOf(HasSubstr("never done here"), HasSubstr("-mig 1")));
  device.pending = true;  // somebody has switched it, and the device goes on without MIG until it is reset
  EXPECT_EQ(plan(device, wish).progress, Progress::Waiting);
  EXPECT_THAT(plan(device, wish).reason, AllOf(HasSubstr("MIG mode on is set"), Not(HasSubstr("-mig 1"))));
}

// ---- Over random legal layouts.

std::vector<Place> places(const gpu::Layout& layout) {
  std::vector<Place> out;
  for (const gpu::Placed& placed : layout)
    out.push_back({placed.placement, std::ranges::find(h100(), placed.profile, &gpu::Profile::id)->name});
  std::ranges::sort(out);
  return out;
}

struct Play {
  explicit Play(unsigned seed) : random(seed) {}
  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random); }
  const gpu::Layout& any_layout() {
    static const auto kAll = gpu::layouts(h100());
    return kAll[below(kAll.size())];
  }
  std::mt19937 random;
};

/// Takes the first step of `device`'s plan, and looks that it may be taken.
void take_step(DeviceState& device, const Plan& now) {
  const Step& step = now.steps.at(0);
  ASSERT_EQ(step.state, StepState::Planned);
  const auto at = std::ranges::find(device.instances, step.place, &Standing::place);
  if (step.action == Action::Destroy) {
    ASSERT_NE(at, device.instances.end());
    ASSERT_EQ(at->held_by, HeldBy::Nobody) << "a busy instance is destroyed: " << text_of(step);
  } else {
    ASSERT_EQ(at, device.instances.end());
    for (const Standing& other : device.instances)
      ASSERT_FALSE(gpu::overlap(other.place.placement, step.place.placement))
          << text_of(step) << " over " << text_of(other.place);
  }
  apply(device, step);
}

TEST(PlanProperty, ReachesEveryLayoutFromEveryOther) {
  Play play(20261129);
  for (int round = 0; round < 300; ++round) {
    const auto from = places(play.any_layout());
    const auto wish = wanted(from, places(play.any_layout()));
    auto device = cut(from);
    for (std::size_t steps = 0;; ++steps) {
      const auto now = plan(device, wish);
      if (now.progress == Progress::Done) break;
      ASSERT_EQ(now.progress, Progress::Working) << now.reason;
      ASSERT_LE(steps, 14U) << "it goes in circles";
      take_step(device, now);
      if (HasFatalFailure()) return;
    }
    ASSERT_EQ(device.instances.size(), wish.instances.size());
    for (std::size_t i = 0; i < wish.instances.size(); ++i) ASSERT_EQ(device.instances[i].place, wish.instances[i]);
  }
}

/// Who is busy stays as it is, whatever else happens; once the last of them has ended, all stands as wanted.
TEST(PlanProperty, WaitsForWhoIsBusyAndThenGoesOn) {
  Play play(7);
  for (int round = 0; round < 300; ++round) {
    const auto from = places(play.any_layout());
    const auto wish = wanted(from, places(play.any_layout()));
    auto device = cut(from);
    for (Standing& standing : device.instances)
      if (play.below(3) == 0) standing.held_by = play.below(2) == 0 ? HeldBy::Pod : HeldBy::Process;
    for (std::size_t turns = 0;; ++turns) {
      ASSERT_LE(turns, 30U) << "it goes in circles";
      const auto now = plan(device, wish);
      if (now.progress == Progress::Done) break;
      if (now.progress == Progress::Working) {
        take_step(device, now);
        if (HasFatalFailure()) return;
        continue;
      }
      ASSERT_EQ(now.progress, Progress::Waiting);
      ASSERT_NE(now.reason, "");
      // One of those that it waits for ends.
      const auto awaited = std::ranges::find_if(device.instances, [&](const Standing& standing) {
        return standing.held_by != HeldBy::Nobody && std::ranges::count(wish.instances, standing.place) == 0;
      });
      ASSERT_NE(awaited, device.instances.end()) << "it waits for nobody: " << now.reason;
      awaited->held_by = HeldBy::Nobody;
    }
  }
}

/// Two crashes at any instants, one of them between a GPU instance and its compute instance, change nothing: the plan
/// has no memory, so what is planned after a restart is what would have been planned without.
TEST(PlanProperty, GoesOnAfterACrashBetweenAnyTwoCalls) {
  Play play(99);
  for (int round = 0; round < 200; ++round) {
    const auto from = places(play.any_layout());
    const auto wish = wanted(from, places(play.any_layout()));
    auto device = cut(from);
    int crashes = 2;
    for (std::size_t steps = 0;; ++steps) {
      const auto now = plan(device, wish);
      ASSERT_EQ(now, plan(device, wish));
      if (now.progress == Progress::Done) break;
      ASSERT_EQ(now.progress, Progress::Working) << now.reason;
      ASSERT_LE(steps, 20U);
      apply(device, now.steps[0]);
      if (crashes > 0 && now.steps[0].action == Action::Create && play.below(2) == 0) {
        --crashes;
        std::ranges::find(device.instances, now.steps[0].place, &Standing::place)->compute_instances.clear();
      }
    }
    for (const Standing& standing : device.instances) ASSERT_FALSE(standing.compute_instances.empty());
  }
}

TEST(PlanProperty, BringsBackWhatARebootTook) {
  Play play(3);
  for (int round = 0; round < 100; ++round) {
    const auto wish = wanted({}, places(play.any_layout()));
    auto device = cut({});
    while (plan(device, wish).progress == Progress::Working) {
      take_step(device, plan(device, wish));
      if (HasFatalFailure()) return;
    }
    ASSERT_EQ(plan(device, wish), Plan{});
  }
}

}  // namespace
}  // namespace tessera::agent::layout

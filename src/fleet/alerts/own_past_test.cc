// Alerts on devices against their own last week: what fires, and what stays silent.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/alerts/observe.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kMinute = 60'000, kStart = 1'700'000'000'000;

struct Now {
  double percent = 95, watts = 600;
  bool held_down = false, power_capped = false;
};

/// A device that tells once a minute.
struct OwnPasts : testing::Test {
  void tell(const Now& now) {
    at += kMinute;
    const std::string who = R"({gpu="0",UUID="GPU-0",Hostname="w",modelName="NVIDIA H100 80GB HBM3"})";
    told.scrape(at, R"(cluster="c",node="w")",
                fmt::format("DCGM_FI_DEV_GPU_UTIL{0} {1}\nDCGM_FI_DEV_POWER_USAGE{0} {2}\n"
                            "DCGM_FI_DEV_ENFORCED_POWER_LIMIT{0} 700\nDCGM_FI_DEV_CLOCK_THROTTLE_REASONS{0} {3}\n",
                            who, now.percent, now.watts,
                            now.held_down      ? 8
                            : now.power_capped ? 4
                                               : 0));
    told.fleet.advance(at);
    const auto view = told.fleet.publish(at);
    for (const Change& one : evaluator->take(observer.look({*view, *told.serving.publish(at), std::nullopt})))
      if (one.track.rule == "GPUPowerBelowUsual" || one.track.rule == "GPUThrottledMoreThanUsual")
        out.push_back(fmt::format("{} {}", one.track.rule, phase_name(one.track.phase)));
  }
  void minutes(int count, const Now& now) {
    for (int i = 0; i < count; ++i) tell(now);
  }
  /// Another server goes on with what this one has kept.
  void restart() {
    observer = Observer(OwnBaseline::read(observer.own().text()), observer.recent_text());
    evaluator.emplace(builtin_rules(), kHolds, evaluator->tracks());
  }
  /// As usual: held down for `capped` of ten minutes.
  void hours(int count, int capped = 0) {
    for (int i = 0; i < count * 60; ++i) tell({.watts = 590.0 + i % 20, .held_down = i % 10 < capped});
  }

  ToldPages told;
  Observer observer;
  static constexpr Milliseconds kHolds{150'000};
  std::optional<Evaluator> evaluator{std::in_place, builtin_rules(), kHolds};
  EpochMs at = kStart;
  std::vector<std::string> out;
};

TEST_F(OwnPasts, PowerFarBelowThatOfTheLastWeekIsTold) {
  hours(26);
  EXPECT_THAT(out, IsEmpty());
  minutes(15, {.watts = 250});
  EXPECT_THAT(out, IsEmpty()) << "not for long enough";
  minutes(1, {.watts = 250});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing"));
  minutes(1, {.watts = 440});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing")) << "in between";
  minutes(1, {.watts = 590});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing", "GPUPowerBelowUsual resolved"));
}

TEST_F(OwnPasts, ADeviceThatDoesTwoJobsByTurnsIsAsUsual) {
  for (int turn = 0; turn < 4; ++turn) {
    hours(6);
    minutes(4 * 60, {.watts = 250});
  }
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, ADropThatLastsIsToldOfUntilItIsWhatIsUsual) {
  hours(26);
  minutes(16 * 60, {.watts = 250});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing")) << "that it was often seen of late ends nothing";
  minutes(12 * 60, {.watts = 250});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing", "GPUPowerBelowUsual resolved"));
}

TEST_F(OwnPasts, PowerOfADeviceThatDoesLessIsNoSignOfAnything) {
  hours(26);
  minutes(120, {.percent = 60, .watts = 250});
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, OfLessThanADayOfBusyHoursNothingIsSaid) {
  hours(20);
  minutes(30 * 60, {.percent = 0, .watts = 80});
  minutes(120, {.watts = 250, .held_down = true});
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, ClocksThatAreHeldDownAllOfASuddenAreTold) {
  hours(26, 1);
  minutes(10, {.held_down = true});
  hours(2, 1);
  EXPECT_THAT(out, IsEmpty()) << "ten minutes are no change";
  minutes(60, {.held_down = true});
  EXPECT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing"));
  hours(2, 1);
  EXPECT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing", "GPUThrottledMoreThanUsual resolved"));
}

TEST_F(OwnPasts, ARestartEndsNothing) {
  hours(26, 1);
  minutes(60, {.held_down = true});
  ASSERT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing"));
  restart();
  minutes(60, {.held_down = true});
  EXPECT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing"));
  hours(2, 1);
  EXPECT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing", "GPUThrottledMoreThanUsual resolved"));
}

TEST_F(OwnPasts, ARestartDoesNotForgetForHowLongClocksWereHeldDown) {
  hours(26);
  int minutes_until_told = 0;
  for (; out.empty() && minutes_until_told < 120; ++minutes_until_told) tell({.held_down = true});
  hours(30);
  ASSERT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing", "GPUThrottledMoreThanUsual resolved"));
  out.clear();
  minutes(minutes_until_told - 5, {.held_down = true});
  ASSERT_THAT(out, IsEmpty());
  restart();
  minutes(5, {.held_down = true});
  EXPECT_THAT(out, ElementsAre("GPUThrottledMoreThanUsual firing"));
}

TEST_F(OwnPasts, APowerCapIsNoThrottlingToBeToldOf) {
  hours(26);
  minutes(90, {.power_capped = true});
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, ClocksThatAreHeldDownInSomeHoursOfEachDayAreUsual) {
  for (int day = 0; day < 4; ++day) {
    hours(6, 0);
    hours(4, 10);
  }
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, ClocksThatAreAlwaysHeldDownAreUsual) {
  hours(26, 8);
  minutes(180, {.held_down = true});
  EXPECT_THAT(out, IsEmpty());
}

}  // namespace
}  // namespace tessera::fleet::alerts

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
  double mhz = 1980;
};
constexpr Now kSlow{.watts = 250, .mhz = 1200};

/// A device that tells once a minute.
struct OwnPasts : testing::Test {
  void tell(const Now& now) {
    at += kMinute;
    const std::string who = R"({gpu="0",UUID="GPU-0",Hostname="w",modelName="NVIDIA H100 80GB HBM3"})";
    told.scrape(at, R"(cluster="c",node="w")",
                fmt::format("DCGM_FI_DEV_GPU_UTIL{0} {1}\nDCGM_FI_DEV_POWER_USAGE{0} {2}\n"
                            "DCGM_FI_DEV_ENFORCED_POWER_LIMIT{0} 700\nDCGM_FI_DEV_CLOCK_THROTTLE_REASONS{0} {3}\n"
                            "DCGM_FI_DEV_SM_CLOCK{0} {4}\n",
                            who, now.percent, now.watts,
                            now.held_down      ? 8
                            : now.power_capped ? 4
                                               : 0,
                            now.mhz));
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
  minutes(15, kSlow);
  EXPECT_THAT(out, IsEmpty()) << "not for long enough";
  minutes(1, kSlow);
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing"));
  minutes(1, {.watts = 440, .mhz = 1200});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing")) << "in between";
  minutes(1, {.watts = 590, .mhz = 1200});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing", "GPUPowerBelowUsual resolved"));
}

TEST_F(OwnPasts, AnotherJobThatDrawsLittleIsNoFaultOfTheBoard) {
  hours(26);
  minutes(25, {.watts = 250});
  minutes(10, {.watts = 250, .power_capped = true});
  EXPECT_THAT(out, IsEmpty()) << "its clocks are as high as ever";
  minutes(20, {.watts = 250, .held_down = true});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing")) << "the driver says so, whatever they are";
  minutes(4, {.watts = 250});
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing", "GPUPowerBelowUsual resolved")) << "it does not apply now";
}

TEST_F(OwnPasts, ADeviceThatDoesTwoJobsByTurnsIsAsUsual) {
  for (int turn = 0; turn < 4; ++turn) {
    hours(6);
    minutes(4 * 60, kSlow);
  }
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, ADropThatLastsIsToldOfUntilItIsWhatIsUsual) {
  hours(26);
  minutes(16 * 60, kSlow);
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing")) << "that it was often seen of late ends nothing";
  minutes(12 * 60, kSlow);
  EXPECT_THAT(out, ElementsAre("GPUPowerBelowUsual firing", "GPUPowerBelowUsual resolved"));
}

TEST_F(OwnPasts, PowerOfADeviceThatDoesLessIsNoSignOfAnything) {
  hours(26);
  minutes(120, {.percent = 60, .watts = 250, .mhz = 1200});
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(OwnPasts, OfLessThanADayOfBusyHoursNothingIsSaid) {
  hours(20);
  minutes(30 * 60, {.percent = 0, .watts = 80});
  minutes(120, {.watts = 250, .held_down = true, .mhz = 1200});
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

/// One device, minute by minute: `1` its clocks are held down, `0` they are not, `-` it has little to do, `x` its
/// series have ended, and nothing is told where there is a blank.
struct OfLate {
  explicit OfLate(std::string_view each, EpochMs into_minute = 20'000) {
    for (std::size_t i = 0; i < each.size(); ++i) {
      const EpochMs time = kWhole + static_cast<EpochMs>(i) * kMinute + into_minute;
      if (each[i] == ' ') continue;
      const std::string who = R"({gpu="0",UUID="GPU-0",Hostname="w",modelName="NVIDIA H100 80GB HBM3"})";
      told.scrape(time, R"(cluster="c",node="w")",
                  each[i] == 'x'
                      ? std::string("others 1\n")
                      : fmt::format("DCGM_FI_DEV_GPU_UTIL{0} {1}\nDCGM_FI_DEV_CLOCK_THROTTLE_REASONS{0} {2}\n", who,
                                    each[i] == '-' ? 10 : 95, each[i] == '1' ? 64 : 0));
      told.fleet.advance(time);
      past.note(*told.fleet.publish(time));
    }
  }
  static std::optional<double> share(const OwnPast& of, EpochMs minutes, EpochMs more = 0) {
    return of.throttled_of_late("c/GPU-0", kWhole + minutes * kMinute + more);
  }

  static constexpr EpochMs kWhole = kStart / kMinute * kMinute;
  ToldPages told;
  OwnPast past;
};

std::string times(int count, char each) { return std::string(static_cast<std::size_t>(count), each); }

TEST(ThrottledOfLate, IsAShareOfThirtyWholeMinutes) {
  const struct {
    const char* what;
    std::string told;
    std::optional<double> expected;
    EpochMs into_minute = 20'000;
  } kCases[] = {
      {"the last ten", times(50, '0') + times(10, '1'), 10.0 / 30},
      {"not the open minute", times(59, '0') + '1', 0.0, kMinute + 1},
      {"a whole minute is its own", times(59, '0') + '1', 1.0 / 30, kMinute},
      {"and goes on", times(59, '0') + '1', 2.0 / 30, 0},
      {"a short hole is as before", times(40, '0') + "1    " + times(15, '0'), 5.0 / 30},
      {"of a long one five minutes are", times(40, '0') + "1      " + times(13, '0'), 5.0 / 28},
      {"a hole of hours", times(200, '1') + times(200, ' ') + times(25, '0'), 0.0},
      {"little to do is not known", times(40, '0') + "1--" + times(17, '0'), 1.0 / 28},
      {"nor is what ended", times(40, '0') + "1xx" + times(17, '0'), 1.0 / 28},
      {"twenty are enough", times(20, '1'), 1.0},
      {"nineteen are not", times(19, '1'), std::nullopt},
      {"it has little to do now", times(30, '1') + '-', std::nullopt},
      {"silent for a while", times(30, '1') + times(4, ' '), 1.0},
      {"for too long", times(30, '1') + times(5, ' '), std::nullopt},
  };
  for (const auto& one : kCases) {
    const OfLate of(one.told, one.into_minute);
    EXPECT_EQ(OfLate::share(of.past, static_cast<EpochMs>(one.told.size())), one.expected) << one.what;
  }
}

TEST(ThrottledOfLate, ChangesWithTheMinute) {
  const OfLate of(times(59, '0') + '1');
  EXPECT_EQ(OfLate::share(of.past, 60, -1), 0.0);
  EXPECT_EQ(OfLate::share(of.past, 60), 1.0 / 30);
  EXPECT_EQ(OfLate::share(of.past, 61, -1), 1.0 / 30);
  EXPECT_EQ(OfLate::share(of.past, 61), 2.0 / 30);
}

TEST(ThrottledOfLate, IsKeptAsText) {
  const OfLate of(times(40, '0') + "1------" + times(12, '0') + '1');
  const OwnPast next({}, of.past.recent_text());
  EXPECT_EQ(OfLate::share(of.past, 60), 2.0 / 24);
  EXPECT_EQ(OfLate::share(next, 60), 2.0 / 24);
  EXPECT_EQ(next.recent_text(), of.past.recent_text());
}

TEST(ThrottledOfLate, RowsOfAnotherFormArePassedOver) {
  const std::string of = "c/GPU-0/throttled\t", minutes = times(31, '1'),
                    good = of + "1700000040000\t" + minutes + '\n';
  EXPECT_EQ(OwnPast({}, good).recent_text(), good);
  for (const std::string& row : {of + "1700000040000\t1\t1", of + "1700000040000\t0.25\t0.75", of + minutes,
                                 of + "1700000040000\t" + minutes + '1', of + "1700000040000\t2" + times(30, '1'),
                                 of + "now\t" + minutes, std::string()})
    EXPECT_EQ(OwnPast({}, row + '\n' + good).recent_text(), good) << row;
  EXPECT_EQ(OwnPast({}, of + "1700000040000\t1\t1\n").recent_text(), "");
}

}  // namespace
}  // namespace tessera::fleet::alerts

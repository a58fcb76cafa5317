#include "fleet/alerts/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/alerts/track_text.h"

namespace tessera::fleet::alerts {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'700'000'000'000, kMinute = 60'000;
constexpr Milliseconds kHolds = 75s;

std::shared_ptr<const Subject> gpu(const std::string& uuid, const std::string& node = "n1") {
  return std::make_shared<const Subject>(
      Subject{"default/" + uuid, "default/" + node, {{"cluster", "default"}, {"node", node}, {"uuid", uuid}}});
}

Rule hot() {
  return {.name = "GPUOverheating",
          .kind = Kind::Device,
          .signal = Signal::TemperatureCelsius,
          .threshold = 85,
          .clear = 80,
          .hold_for = 5min,
          .severity = Severity::Critical};
}

/// Rounds of one device a minute apart.
class Told {
 public:
  explicit Told(Rule rule = hot(), std::vector<Track> before = {})
      : evaluator({std::move(rule)}, kHolds, std::move(before)) {}

  /// "firing GPU-1 observed" and so on.
  std::vector<std::string> at(int minute, std::optional<double> celsius, bool there = true, bool silent = false) {
    Round round{kStart + minute * kMinute, {}, {}};
    if (there) round.observations.push_back({Signal::TemperatureCelsius, gpu("GPU-1"), round.time, celsius});
    if (silent) round.silent = {"default/n1"};
    std::vector<std::string> out;
    for (const Change& one : evaluator.take(round))
      out.push_back(fmt::format("{} {} {}", phase_name(one.track.phase), label_of(one.track.subject->labels, "uuid"),
                                why_name(one.why)));
    return out;
  }
  void heat() {
    for (int minute = 0; minute <= 5; ++minute) at(minute, 90);
  }
  Evaluator evaluator;
};

TEST(Evaluator, FiresWhenTheConditionHasHeldForAllTheTime) {
  Told told;
  for (int minute = 0; minute < 5; ++minute) EXPECT_THAT(told.at(minute, 86), IsEmpty()) << minute;
  EXPECT_THAT(told.at(5, 86), ElementsAre("firing GPU-1 observed"));
  EXPECT_THAT(told.at(6, 99), IsEmpty()) << "once";
  EXPECT_EQ(told.evaluator.tracks()[0].fired, kStart + 5 * kMinute);
}

TEST(Evaluator, BeginsAnewWhereAValueIsBelowOrMissingForTooLong) {
  Told told;
  for (int minute = 0; minute < 4; ++minute) told.at(minute, 90);
  told.at(4, 85);
  for (int minute = 5; minute < 10; ++minute) EXPECT_THAT(told.at(minute, 90), IsEmpty()) << minute;
  told.at(10, std::nullopt);
  EXPECT_THAT(told.at(11, 90), IsEmpty()) << "two minutes are more than 2.5 intervals";
  for (int minute = 12; minute < 16; ++minute) EXPECT_THAT(told.at(minute, 90), IsEmpty()) << minute;
  EXPECT_THAT(told.at(16, 90), SizeIs(1));
}

TEST(Evaluator, IsResolvedBelowTheLowerThresholdOnly) {
  Told told;
  told.heat();
  EXPECT_THAT(told.at(6, 81), IsEmpty());
  EXPECT_THAT(told.at(7, 80), ElementsAre("resolved GPU-1 observed"));
  EXPECT_THAT(told.evaluator.tracks(), IsEmpty());
}

TEST(Evaluator, KeepsFiringForAsLongAsItIsToldTo) {
  Rule rule = hot();
  rule.keep_firing = 2min;
  Told told(rule);
  told.heat();
  EXPECT_THAT(told.at(6, 20), IsEmpty());
  EXPECT_THAT(told.at(7, 84), IsEmpty()) << "not cleared: the two minutes begin anew";
  EXPECT_THAT(told.at(8, 20), IsEmpty());
  EXPECT_THAT(told.at(9, 20), IsEmpty());
  EXPECT_THAT(told.at(10, 20), SizeIs(1));
}

TEST(Evaluator, SilenceResolvesNothingAndWhatIsGoneIs) {
  Told told;
  told.heat();
  for (int minute = 6; minute < 90; ++minute) {
    EXPECT_THAT(told.at(minute, std::nullopt), IsEmpty());
    ++minute;
    EXPECT_THAT(told.at(minute, {}, false, true), IsEmpty()) << "what tells of it is silent";
  }
  EXPECT_THAT(told.at(90, 90), IsEmpty()) << "it has been firing all the while";
  EXPECT_THAT(told.at(91, {}, false), IsEmpty()) << "one round may be in between two series";
  EXPECT_THAT(told.at(92, {}, false), IsEmpty());
  EXPECT_THAT(told.at(93, {}, false), ElementsAre("resolved GPU-1 gone"));
}

TEST(Evaluator, GoesOnWhereAClockWasSetBack) {
  Told told;
  told.heat();
  EXPECT_THAT(told.at(-600, 90), IsEmpty()) << "it still fires";
  EXPECT_THAT(told.at(-599, 20), ElementsAre("resolved GPU-1 observed"));
  for (int minute = 0; minute <= 4; ++minute) told.at(minute, 90);
  for (int minute = -600; minute < -595; ++minute) EXPECT_THAT(told.at(minute, 90), IsEmpty()) << "a run begins anew";
  EXPECT_THAT(told.at(-595, 90), ElementsAre("firing GPU-1 observed"));
  EXPECT_THAT(told.at(1'000, {}, false), IsEmpty());
  EXPECT_THAT(told.at(-500, {}, false), IsEmpty()) << "the time in which nothing is seen of it begins anew, too";
  EXPECT_THAT(told.at(-499, {}, false), IsEmpty());
  EXPECT_THAT(told.at(-498, {}, false), ElementsAre("resolved GPU-1 gone"));
}

TEST(Evaluator, PassesOverAValueThatIsALittleEarlier) {
  Told told;
  told.heat();
  told.at(6, 90);
  EXPECT_THAT(told.at(5, 20), IsEmpty());
  EXPECT_THAT(told.at(7, 20), ElementsAre("resolved GPU-1 observed"));
}

TEST(Evaluator, APendingOneThatIsGoneIsForgottenWithoutAWord) {
  Told told;
  told.at(0, 90);
  for (int minute = 1; minute < 5; ++minute) EXPECT_THAT(told.at(minute, {}, false), IsEmpty());
  EXPECT_THAT(told.evaluator.tracks(), IsEmpty());
}

TEST(Evaluator, GoesOnAfterARestartWhereItWas) {
  Told before;
  for (int minute = 0; minute < 4; ++minute) before.at(minute, 90);
  const auto keep = [](Told& told) { return read_tracks(tracks_text(told.evaluator.tracks())); };
  Told pending(hot(), keep(before));
  EXPECT_THAT(pending.at(4, 90), IsEmpty());
  EXPECT_THAT(pending.at(5, 90), SizeIs(1)) << "not forgotten";
  Told firing(hot(), keep(pending));
  EXPECT_THAT(firing.at(6, 90), IsEmpty()) << "not anew";
  EXPECT_THAT(firing.at(7, 20), ElementsAre("resolved GPU-1 observed"));
}

/// What fires as earlier versions kept it, and a round of the subject as it is told of now.
class Upgraded {
 public:
  explicit Upgraded(const Subject& kept)
      : evaluator({hot()}, kHolds,
                  read_tracks(tracks_text(std::vector<Track>{{.rule = "GPUOverheating",
                                                              .subject = std::make_shared<const Subject>(kept),
                                                              .phase = Phase::Firing,
                                                              .since = kStart - 6 * kMinute,
                                                              .last = kStart,
                                                              .fired = kStart - kMinute,
                                                              .value = 90}}))) {}
  std::vector<Change> at(int minute, const std::vector<Subject>& told, double celsius) {
    Round round{kStart + minute * kMinute, {}, {}};
    for (const Subject& one : told)
      round.observations.push_back(
          {Signal::TemperatureCelsius, std::make_shared<const Subject>(one), round.time, celsius});
    return evaluator.take(round);
  }
  Evaluator evaluator;
};

TEST(Evaluator, WhatFiresEndsWithTheLabelsThatItWasToldWith) {
  const Subject kept{"c/a", "c/n", {{"cluster", "c"}, {"model", "m"}}};
  const Subject told{"c/a", "c/v", {{"cluster", "c"}, {"instance", "i"}, {"model", "m"}}};
  Upgraded of(kept);
  EXPECT_THAT(of.at(1, {told}, 90), IsEmpty());
  ASSERT_THAT(of.evaluator.tracks(), SizeIs(1));
  EXPECT_EQ(of.evaluator.tracks()[0].subject->labels, kept.labels);
  EXPECT_EQ(of.evaluator.tracks()[0].subject->beneath, "c/v") << "who tells of it is no label";
  const auto ended = of.at(2, {told}, 20);
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].track.phase, Phase::Resolved);
  EXPECT_EQ(ended[0].track.subject->labels, kept.labels);
  for (int minute = 3; minute < 8; ++minute) of.at(minute, {told}, 90);
  const auto next = of.at(8, {told}, 90);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].track.subject->labels, told.labels);
}

TEST(Evaluator, WhatFiresTakesLabelsThatAreOthers) {
  const Subject kept{"c/a", "c/n", {{"cluster", "c"}, {"node", "n"}}};
  const Subject moved{"c/a", "c/v", {{"cluster", "c"}, {"node", "v"}}};
  Upgraded of(kept);
  EXPECT_THAT(of.at(1, {moved}, 90), IsEmpty());
  EXPECT_EQ(*of.evaluator.tracks()[0].subject, moved);
}

TEST(Evaluator, WhatFiresGoesOnUnderAKeyWithoutItsCluster) {
  const Subject kept{"a", "c/n", {{"cluster", "c"}}};
  const Subject here{"c/a", "c/n", {{"cluster", "c"}}}, elsewhere{"d/a", "d/n", {{"cluster", "d"}}};
  Upgraded of(kept);
  EXPECT_THAT(of.at(1, {elsewhere, here}, 90), IsEmpty());
  const auto tracks = of.evaluator.tracks();
  ASSERT_THAT(tracks, SizeIs(2));
  EXPECT_EQ(tracks[0].subject->key, "a") << "by which it was told of";
  EXPECT_EQ(tracks[1].subject->key, "d/a");
  const auto ended = of.at(2, {elsewhere, here}, 20);
  ASSERT_THAT(ended, SizeIs(1)) << "the other one was only pending";
  EXPECT_EQ(ended[0].track.subject->key, "a");
  EXPECT_THAT(of.evaluator.tracks(), IsEmpty());
}

TEST(Evaluator, ResolvesWhatNobodyWantsToKnowAnyLonger) {
  Told told;
  told.heat();
  Rule off = hot();
  off.enabled = false;
  Evaluator next({off}, kHolds, told.evaluator.tracks());
  const auto changes = next.take({kStart + 6 * kMinute, {}, {}});
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].why, Why::NoRule);
  EXPECT_THAT(next.take({kStart + 7 * kMinute, {}, {}}), IsEmpty());
}

TEST(Evaluator, IsAboutWhatIsInItsScope) {
  Rule rule = hot();
  rule.scope = {{"node", "n2", false}};
  Evaluator of({rule}, kHolds);
  for (int minute = 0; minute <= 6; ++minute) {
    Round round{kStart + minute * kMinute, {}, {}};
    for (const char* node : {"n1", "n2"})
      round.observations.push_back({Signal::TemperatureCelsius, gpu(std::string("GPU-") + node, node), round.time, 90});
    of.take(round);
  }
  ASSERT_THAT(of.tracks(), SizeIs(1));
  EXPECT_EQ(label_of(of.tracks()[0].subject->labels, "node"), "n1");
}

TEST(TrackText, KeepsWhatTakesLinesApart) {
  const Subject odd{"a\tb\nc\\", "\\t", {{"pod", "x\ty\n"}, {"z", ""}}};
  const std::vector<Track> tracks = {
      {"R", std::make_shared<const Subject>(odd), Phase::Firing, 1, 2, 3, std::nullopt, 5, 0.1},
      {"S", gpu("GPU-1"), Phase::Pending, 1, 2, 0, 4, std::nullopt, -1e300}};
  EXPECT_EQ(read_tracks(tracks_text(tracks)), tracks);
  EXPECT_THAT(read_tracks("R\tfiring\t1\t2\nnonsense\n\t\t\t\t\t\t\t\t\t\n"), IsEmpty());
  EXPECT_EQ(read_labels(labels_text(odd.labels)), odd.labels);
}

}  // namespace
}  // namespace tessera::fleet::alerts

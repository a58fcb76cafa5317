#include "fleet/alerts/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/utc.h"
#include "fleet/alerts/baseline.h"
#include "fleet/alerts/silence.h"

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Rules, AreWhatTheyCanBe) {
  std::set<std::string_view> names;
  std::set<Signal> signals;
  for (const Rule& rule : builtin_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name << " is there twice";
    signals.insert(rule.signal);
    EXPECT_FALSE(rule.holds(rule.clear)) << rule.name << " would fire and be resolved at once";
    EXPECT_FALSE(rule.holds(rule.threshold)) << rule.name;
    EXPECT_TRUE(rule.clears(rule.clear)) << rule.name;
    EXPECT_THAT(std::string(rule.summary), testing::EndsWith("."));
  }
  EXPECT_EQ(signals.size(), kSignals) << "each signal has a rule";
  for (const Inhibition& one : inhibitions()) {
    EXPECT_TRUE(names.contains(one.source)) << one.source;
    for (const auto& others : {one.targets, one.except})
      for (const std::string_view other : others) EXPECT_TRUE(names.contains(other)) << other;
  }
}

TEST(Rules, AreInTheRunbookWithTheirNumbers) {
  const auto text = read_file(TESSERA_SOURCE_DIR "/docs/alerts.md");
  ASSERT_TRUE(text) << text.error().what;
  for (const Rule& rule : builtin_rules()) {
    const std::string row =
        fmt::format("| [{}](#{}) | {} | {} {} {} | {} | {} |", rule.name, runbook_of(rule, "").substr(10),
                    kind_name(rule.kind), signal_name(rule.signal), rule.beyond == Beyond::Above ? ">" : "<",
                    rule.threshold, format_duration(rule.hold_for), severity_name(rule.severity));
    EXPECT_THAT(*text, HasSubstr(row));
    EXPECT_THAT(*text, HasSubstr(fmt::format("\n### {}\n", rule.name)));
  }
}

TEST(Rules, TellOfTheirSubject) {
  const LabelSet labels = {{"gpu", "0"}, {"node", "w-1"}};
  EXPECT_EQ(fill("GPU {gpu} of {node} is at {value} °C.", labels, 87.5), "GPU 0 of w-1 is at 87.5 °C.");
  EXPECT_EQ(fill("{pod}: {open", labels, 1), "unknown: {open");
  EXPECT_TRUE(matches({{"node", "w-1", true}, {"pod", "", true}, {"gpu", "1", false}}, labels));
  EXPECT_FALSE(matches({{"node", "w-1", false}}, labels));
}

std::shared_ptr<const Subject> subject(LabelSet labels) {
  std::ranges::sort(labels);
  std::string key;
  for (const auto& [name, value] : labels) key += value + '/';
  return std::make_shared<const Subject>(Subject{key, "c/n", std::move(labels)});
}

/// `GPUOverheating by GPUNodeSilent` and so on; `-` for one that is told.
std::vector<std::string> told(const std::vector<Track>& tracks, const std::vector<Silence>& silences = {},
                              EpochMs time = 0) {
  const Evaluator of(builtin_rules(), Milliseconds(75'000));
  std::vector<std::string> out;
  for (const Standing& one : standing(tracks, of, silences, time))
    out.push_back(fmt::format("{} {}", one.track.rule,
                              one.is_told()              ? "-"
                              : one.inhibited_by.empty() ? one.silenced_by
                                                         : one.inhibited_by));
  return out;
}

TEST(Inhibition, LeavesOutWhatTheOtherOneExplains) {
  const auto node = subject({{"cluster", "c"}, {"node", "n"}});
  const auto hot = subject({{"cluster", "c"}, {"node", "n"}, {"uuid", "GPU-1"}});
  const auto elsewhere = subject({{"cluster", "d"}, {"node", "n"}, {"uuid", "GPU-1"}});
  const auto fleet = subject({{"cluster", "c"}});
  std::vector<Track> tracks = {{"GPUNodeSilent", node, Phase::Firing},
                               {"GPUOverheating", hot, Phase::Firing},
                               {"GPUOverheating", elsewhere, Phase::Firing},
                               {"HighGPUUsage", fleet, Phase::Firing}};
  EXPECT_THAT(told(tracks),
              ElementsAre("GPUNodeSilent -", "GPUOverheating GPUNodeSilent", "GPUOverheating -", "HighGPUUsage -"));
  tracks[0].phase = Phase::Pending;
  EXPECT_THAT(told(tracks), ElementsAre("GPUNodeSilent -", "GPUOverheating -", "GPUOverheating -", "HighGPUUsage -"));
  tracks = {{"GPUOverheating", hot, Phase::Firing},
            {"GPUTemperatureNotice", hot, Phase::Firing},
            {"GPUMemoryHigh", hot, Phase::Firing}};
  EXPECT_THAT(told(tracks), ElementsAre("GPUOverheating -", "GPUTemperatureNotice GPUOverheating", "GPUMemoryHigh -"));
}

/// The labels by which alerts explain others, of a subject of this kind.
LabelSet compared_labels(Kind kind) {
  switch (kind) {
    case Kind::Cluster:
      return {{"cluster", "c"}};
    case Kind::Node:
    case Kind::Engine:
      return {{"cluster", "c"}, {"node", "n"}};
    case Kind::Device:
    case Kind::Part:
    case Kind::Holding:
      return {{"cluster", "c"}, {"node", "n"}, {"uuid", "GPU-1"}};
    case Kind::Session:
      return {{"cluster", "c"}, {"node", "n"}, {"pid", "7"}, {"started", "1"}, {"uuid", "GPU-1"}};
    default:
      return {};
  }
}

/// Of two that explain each other nobody would be told anything.
TEST(Inhibition, NeverGoesBothWays) {
  const auto firing = [](const Rule& rule) {
    return Track{rule.name, subject(compared_labels(rule.kind)), Phase::Firing};
  };
  for (const Rule& one : builtin_rules())
    for (const Rule& other : builtin_rules())
      if (one.name < other.name)
        EXPECT_THAT(told({firing(one), firing(other)}), testing::Contains(testing::EndsWith(" -")))
            << one.name << " and " << other.name;
  const auto gpu = subject(compared_labels(Kind::Device));
  EXPECT_THAT(told({{"GPUDeviceMissing", gpu, Phase::Firing}, {"GPUNotAnswering", gpu, Phase::Firing}}),
              ElementsAre("GPUDeviceMissing -", "GPUNotAnswering GPUDeviceMissing"));
}

TEST(Silence, IsInForceWhenItSays) {
  constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;
  const Silence once{.id = "s", .starts = kDay, .ends = kDay + kHour};
  Silence daily = once, weekly = once;
  daily.repeat = Repeat::Daily;
  weekly.repeat = Repeat::Weekly;
  const struct {
    EpochMs time;
    bool by_once, by_daily, by_weekly;
  } kCases[] = {{kDay - 1, false, false, false},        {kDay, true, true, true},
                {kDay + kHour - 1, true, true, true},   {kDay + kHour, false, false, false},
                {2 * kDay, false, true, false},         {8 * kDay + kHour / 2, false, true, true},
                {8 * kDay + kHour, false, false, false}};
  for (const auto& one : kCases) {
    EXPECT_EQ(is_in_force(once, one.time), one.by_once) << one.time;
    EXPECT_EQ(is_in_force(daily, one.time), one.by_daily) << one.time;
    EXPECT_EQ(is_in_force(weekly, one.time), one.by_weekly) << one.time;
  }
  EXPECT_TRUE(is_over(once, kDay + kHour));
  EXPECT_FALSE(is_over(weekly, kDay + kHour));
}

/// From half past two to four, by the clocks of a zone, which skip that time on one day and show it twice on another.
TEST(Silence, ComesAgainByTheClocksOfItsZone) {
  const auto at = [](const char* text) { return *parse_utc(text); };
  const auto window = [&](const char* zone, const char* starts, Repeat repeat) {
    return Silence{
        .id = "s", .starts = at(starts), .ends = at(starts) + 90 * 60'000, .repeat = repeat, .time_zone = zone};
  };
  const Silence new_york = window("America/New_York", "2026-03-01T07:30:00Z", Repeat::Daily);  // 02:30 EST, a Sunday
  const Silence sundays = window("America/New_York", "2026-03-01T07:30:00Z", Repeat::Weekly);
  const Silence berlin = window("Europe/Berlin", "2026-10-24T00:30:00Z", Repeat::Daily);    // 02:30 CEST
  const Silence late = window("America/New_York", "2026-03-02T04:00:00Z", Repeat::Weekly);  // 23:00 EST, a Sunday
  const struct {
    const Silence& of;
    const char* first;  ///< in force from here
    const char* end;    ///< to here
  } kCases[] = {
      {new_york, "2026-03-01T07:30:00Z", "2026-03-01T09:00:00Z"},
      {new_york, "2026-03-07T07:30:00Z", "2026-03-07T09:00:00Z"},
      {new_york, "2026-03-08T07:00:00Z", "2026-03-08T08:30:00Z"},  // skipped: from when clocks go to three
      {new_york, "2026-03-09T06:30:00Z", "2026-03-09T08:00:00Z"},  // 02:30 EDT
      {new_york, "2026-11-02T07:30:00Z", "2026-11-02T09:00:00Z"},  // EST again
      {sundays, "2026-03-08T07:00:00Z", "2026-03-08T08:30:00Z"},
      {sundays, "2026-03-15T06:30:00Z", "2026-03-15T08:00:00Z"},
      {berlin, "2026-10-24T00:30:00Z", "2026-10-24T02:00:00Z"},
      {berlin, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},  // twice: from the first time on, for as long as ever
      {berlin, "2026-10-26T01:30:00Z", "2026-10-26T03:00:00Z"},  // 02:30 CET
      {late, "2026-03-09T03:00:00Z", "2026-03-09T04:30:00Z"},    // 23:00 EDT, and on behind midnight
  };
  for (const auto& one : kCases) {
    EXPECT_FALSE(is_in_force(one.of, at(one.first) - 1)) << one.first;
    EXPECT_TRUE(is_in_force(one.of, at(one.first))) << one.first;
    EXPECT_TRUE(is_in_force(one.of, at(one.end) - 1)) << one.end;
    EXPECT_FALSE(is_in_force(one.of, at(one.end))) << one.end;
  }
  for (const char* weekday : {"2026-03-09T07:00:00Z", "2026-03-14T06:30:00Z"})
    EXPECT_FALSE(is_in_force(sundays, at(weekday))) << weekday;
  EXPECT_FALSE(is_in_force(new_york, at("2026-02-28T07:30:00Z"))) << "before it began";
}

TEST(Silence, WithoutAnEndIsAlwaysInForceAndOfNoZoneComesOnce) {
  constexpr EpochMs kDay = 24 * 3'600'000;
  Silence all_day{
      .id = "s", .starts = *parse_utc("2026-10-24T00:00:00Z"), .repeat = Repeat::Daily, .time_zone = "Europe/Berlin"};
  all_day.ends = all_day.starts + kDay;
  for (int hour = 0; hour < 72; ++hour) EXPECT_TRUE(is_in_force(all_day, all_day.starts + hour * 3'600'000)) << hour;
  all_day.ends = all_day.starts + kDay / 2;
  all_day.time_zone = "Asia/Atlantis";
  EXPECT_TRUE(is_in_force(all_day, all_day.starts));
  EXPECT_FALSE(is_in_force(all_day, all_day.starts + kDay));
}

TEST(Silence, IsOfWhatItMatches) {
  const auto hot = subject({{"cluster", "c"}, {"node", "n"}, {"uuid", "GPU-1"}});
  const std::vector<Track> tracks = {{"GPUOverheating", hot, Phase::Firing}, {"GPUMemoryHigh", hot, Phase::Firing}};
  const Silence by_name{.id = "s", .matchers = {{"alertname", "GPUMemoryHigh"}, {"node", "n"}}, .ends = 10};
  const Silence by_severity{.id = "t", .matchers = {{"severity", "info", false}}, .ends = 10};
  EXPECT_THAT(told(tracks, {by_name}), ElementsAre("GPUOverheating -", "GPUMemoryHigh s"));
  EXPECT_THAT(told(tracks, {by_severity}), ElementsAre("GPUOverheating t", "GPUMemoryHigh -"));
  EXPECT_THAT(told(tracks, {by_severity}, 10), ElementsAre("GPUOverheating -", "GPUMemoryHigh -"));
}

TEST(Baseline, IsNotMovedByAFewThatAreFarOff) {
  const std::vector<double> others = {60, 61, 62, 63, 64, 99};
  const Usual usual{.at_least = 5, .least_spread = 1};
  const auto centre = centre_of(others, usual);
  ASSERT_TRUE(centre);
  EXPECT_EQ(centre->median, 62.5);
  EXPECT_NEAR(centre->deviation(80), (80 - 62.5) / (1.4826 * 1.5), 1e-12);
  EXPECT_FALSE(centre_of({60, 61, 62, 63}, usual)) << "too few";
  EXPECT_FALSE(centre_of({}, {0, 1}));
  EXPECT_EQ(centre_of(std::vector<double>(9, 60.0), usual)->deviation(62), 2) << "a trifle stays one";
}

TEST(Baseline, OfADeviceIsItsHoursThatAreOver) {
  constexpr EpochMs kHour = 3'600'000;
  OwnBaseline of;
  for (int hour = 0; hour < 30; ++hour)
    for (int i = 0; i < 4; ++i) of.add("GPU-1", hour * kHour + i, 60 + hour % 3);
  const Usual usual{.at_least = 24, .least_spread = 1};
  EXPECT_NEAR(of.centre("GPU-1", usual)->deviation(71), 10 / 1.4826, 1e-9);
  EXPECT_FALSE(of.centre("GPU-2", usual));
  EXPECT_FALSE(of.centre("GPU-1", {.at_least = 30, .least_spread = 1})) << "the last hour is not over";
  OwnBaseline again = OwnBaseline::read(of.text());
  EXPECT_EQ(again.text(), of.text());
  EXPECT_EQ(again.centre("GPU-1", usual)->spread, of.centre("GPU-1", usual)->spread);
  for (int hour = 30; hour < 400; ++hour) again.add("GPU-1", hour * kHour, 70);
  EXPECT_EQ(again.centre("GPU-1", usual)->deviation(71), 1) << "a week is kept";
  again.forget(600 * kHour);
  EXPECT_EQ(again.text(), "");
}

}  // namespace
}  // namespace tessera::fleet::alerts

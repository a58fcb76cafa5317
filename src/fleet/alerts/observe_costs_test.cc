#include "fleet/alerts/observe_costs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kHour = 3'600'000, kStart = 500'000 * kHour, kRound = 120'000;
constexpr std::size_t kWeek = 168;

using Hours = std::vector<std::optional<double>>;

/// Weeks in which work is done by day, and at night and at the week's end a tenth of it; a twentieth of it is chance.
class Office {
 public:
  explicit Office(double most) : most_(most) {}
  double at(std::size_t hour) {
    const std::size_t day = hour / 24 % 7, of_day = hour % 24;
    const double share = day < 5 && of_day >= 8 && of_day < 18 ? 1 : 0.1;
    return most_ * share * (1 + 0.05 * std::normal_distribution<>()(random_));
  }
  Hours hours(std::size_t count) {
    Hours out;
    for (std::size_t hour = 0; hour < count; ++hour) out.emplace_back(at(hour));
    return out;
  }

 private:
  double most_;
  std::mt19937_64 random_{7};
};

/// Alerts of a fleet and one team, hour by hour, as the server holds them against the rules.
struct Costs : testing::Test {
  Costs() { all.hours = Office(1'000).hours(4 * kWeek); }

  void hour(std::optional<double> fleet, std::optional<double> team) {
    all.hours.push_back(fleet);
    search.hours.push_back(team);
    const std::vector<CostPast> past = {all, search};
    const auto deviations = cost_deviations(past);
    for (EpochMs at = 0; at < kHour; at += kRound) round(deviations);
  }
  void round(std::optional<std::span<const CostDeviation>> known) {
    Round round{now += kRound, {}, {}};
    observe_costs(known, now, round);
    for (const Change& one : evaluator.take(round))
      out.push_back(fmt::format("{} {} {}", one.track.rule, one.track.subject->key, phase_name(one.track.phase)));
  }

  CostPast all, search{"search", {}};
  Evaluator evaluator{builtin_rules(), Milliseconds(kRound * 5 / 2)};
  EpochMs now = kStart;
  std::vector<std::string> out;
};

TEST_F(Costs, SayNothingOfWeeksThatAreAlike) {
  Office office(1'000), team(200);
  search.hours = team.hours(4 * kWeek);
  for (std::size_t at = 0; at < 3 * kWeek; ++at) hour(office.at(at), team.at(at));
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Costs, TellOfATeamThatSpendsByNightAsByDay) {
  search.hours = Office(200).hours(4 * kWeek);
  for (std::size_t at = 0; at < 8; ++at) hour(100, at < 4 ? 200 : 20);
  EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing", "GPUCostAboveUsual team:search resolved"));
}

TEST_F(Costs, TellOfATeamThatSpendsNothingInWorkingHours) {
  search.hours = Office(200).hours(4 * kWeek);
  for (std::size_t at = 0; at < 18; ++at) hour(at < 8 ? 100 : 1'000, at < 8 ? 20 : 0);
  EXPECT_THAT(out, ElementsAre("GPUCostBelowUsual team:search firing"));
}

TEST_F(Costs, WhatATeamLacksMayBeWhatNobodyObserved) {
  search.hours = Office(200).hours(4 * kWeek + 8);
  all.hours = Office(1'000).hours(4 * kWeek + 8);
  const auto hours = [&](int count, double unobserved) {
    for (int i = 0; i < count; ++i) {
      search.unobserved.assign(search.hours.size() + 1, unobserved);
      hour(1'000, 40);
    }
  };
  hours(3, 180);
  EXPECT_THAT(out, IsEmpty()) << "a node of the team's is silent";
  hours(2, 100);
  EXPECT_THAT(out, ElementsAre("GPUCostBelowUsual team:search firing")) << "which is not all of it";
  hours(2, 180);
  EXPECT_THAT(out, ElementsAre("GPUCostBelowUsual team:search firing")) << "nor does that end it";
}

TEST_F(Costs, OneHourIsNotEnough) {
  search.hours = Office(200).hours(4 * kWeek);
  for (const double cost : {20, 200, 20, 20}) hour(100, cost);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Costs, OneHourIsNotEnoughWhereTheLedgerDoesNotGoOn) {
  search.hours = Office(200).hours(4 * kWeek);
  hour(100, 200);
  const std::vector<CostPast> past = {all, search};
  const auto deviations = cost_deviations(past);
  for (EpochMs at = 0; at < 3 * kHour; at += kRound) round(deviations);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Costs, TellOfAFleetThatDoubles) {
  for (std::size_t at = 0; at < 3; ++at) hour(200, std::nullopt);
  EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual fleet firing"));
}

TEST_F(Costs, ASmallTeamsTrifleIsNone) {
  search.hours = Office(2).hours(4 * kWeek);
  for (std::size_t at = 0; at < 4; ++at) hour(100, 4);
  EXPECT_THAT(out, IsEmpty()) << "of a hundred";
}

TEST_F(Costs, ShortHistoryIsNone) {
  search.hours = Office(200).hours(3 * kWeek - 20);
  for (std::size_t at = 0; at < 6; ++at) hour(100, 2'000);
  EXPECT_THAT(out, IsEmpty());
  search.hours = {};
  hour(100, 2'000);
  EXPECT_THAT(out, IsEmpty()) << "a team that is new";
}

TEST_F(Costs, HoursThatAreNotKnownAreNoHistory) {
  search.hours = Office(200).hours(4 * kWeek);
  for (std::size_t at = kWeek; at < 3 * kWeek; ++at) search.hours[at].reset();
  for (std::size_t at = 0; at < 4; ++at) hour(100, 2'000);
  EXPECT_THAT(out, IsEmpty()) << "two weeks of four are not three";
}

TEST_F(Costs, WorkThatComesNowAndThenIsUsual) {
  std::mt19937_64 random{3};
  const auto burst = [&] { return random() % 12 < 5 ? 60 + static_cast<double>(random() % 12) : 0; };
  all.hours = Hours(5 * kWeek, 500);
  for (std::size_t at = 0; at < 5 * kWeek; ++at) search.hours.emplace_back(burst());
  for (const std::size_t back : {kWeek, 2 * kWeek})  // five of twelve, whatever chance says
    for (const std::size_t beside : {0UL, 1UL}) search.hours[5 * kWeek - back + beside] = 64;
  for (int i = 0; i < 2; ++i) hour(500, 64);
  EXPECT_THAT(out, IsEmpty());
  for (int i = 0; i < 2; ++i) hour(500, 2'000);
  EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing")) << "far more is not";
}

TEST_F(Costs, ATeamThatIsOftenAwayIsUsual) {
  all.hours = Hours(5 * kWeek, 500);
  search.hours = Hours(5 * kWeek, 64);
  for (std::size_t at = 0; at < 30; ++at) search.hours[4 * kWeek + at - 4] = search.hours[2 * kWeek + at - 4] = 0;
  for (int i = 0; i < 4; ++i) hour(500, 0);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Costs, ANewLevelIsUsualBehindTwoWeeks) {
  Office office(1'000), team(200), more(400);
  search.hours = team.hours(4 * kWeek);
  for (std::size_t at = 0; at < 2 * kWeek + 24; ++at) hour(office.at(at), more.at(at));
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.back(), "GPUCostAboveUsual team:search resolved");
  out.clear();
  for (std::size_t at = 2 * kWeek + 24; at < 3 * kWeek; ++at) hour(office.at(at), more.at(at));
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Costs, SilenceEndsNothing) {
  search.hours = Office(200).hours(4 * kWeek);
  for (std::size_t at = 0; at < 3; ++at) hour(100, 200);
  ASSERT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing"));
  for (int i = 0; i < 100; ++i) round(std::nullopt);
  hour(100, std::nullopt);
  EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing"));
  const auto unknown = [](CostPast& past) {
    for (std::size_t at = past.hours.size() - 2 * kWeek - 5; at < past.hours.size() - 10; ++at) past.hours[at].reset();
  };
  const Hours kept = search.hours, fleet = all.hours;
  for (CostPast* past : {&search, &all}) {
    unknown(*past);
    for (int i = 0; i < 3; ++i) hour(100, 200);
    EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing")) << "there is nothing to compare with";
    search.hours = kept, all.hours = fleet;
  }
  for (int i = 0; i < 10; ++i) round(std::span<const CostDeviation>());
  EXPECT_THAT(out, ElementsAre("GPUCostAboveUsual team:search firing", "GPUCostAboveUsual team:search resolved"))
      << "the team is no more";
}

}  // namespace
}  // namespace tessera::fleet::alerts

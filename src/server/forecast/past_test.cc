#include "server/forecast/past.h"

#include <gmock/gmock.h>

#include <random>

namespace tessera::server {
namespace {
using fleet::CostKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr EpochMs kHour = kForecastHour, kEnd = 500'000 * kHour;
constexpr std::int64_t kDevice = kHour;  // a device for the whole hour

struct PastTest : testing::Test {
  PastTest() { past.advance(kEnd); }

  void add(EpochMs hour, const std::string& model, const std::string& team, CostKind kind, std::int64_t ms,
           fleet::Micros micros = 0) {
    chunk.ledger.push_back({hour, model, team, kind, ms, micros});
  }
  /// The last `hours`, all of them closed.
  void take(EpochMs hours) {
    chunk.from = past.end() - hours * kHour;
    chunk.to = past.end();
    for (EpochMs hour = chunk.from; hour < chunk.to; hour += kHour) chunk.closed.push_back(hour);
    past.take(chunk);
    chunk = {};
  }

  Past past;
  PastChunk chunk;
};

TEST_F(PastTest, AnHourIsWhatItsLinesComeTo) {
  add(kEnd - kHour, "H100_80GB", "vision", CostKind::Used, kDevice, 6'000'000);
  add(kEnd - kHour, "H100_80GB", "vision", CostKind::HeldIdle, kDevice / 2, 3'000'000);
  add(kEnd - kHour, "A100_80GB", "vision", CostKind::Used, kDevice / 4, 1'000'000);
  add(kEnd - kHour, "A100_80GB", "", CostKind::Unallocated, kDevice, 4'000'000);
  take(3);
  EXPECT_THAT(past.scopes(), ElementsAre("fleet", "model:A100_80GB", "model:H100_80GB", "team:vision"));
  EXPECT_THAT(past.series("fleet", Measure::Usage), ElementsAre(Optional(1.25)));
  EXPECT_THAT(past.series("fleet", Measure::Held), ElementsAre(Optional(1.75)));
  EXPECT_THAT(past.series("fleet", Measure::Cost), ElementsAre(Optional(14e6)));
  EXPECT_THAT(past.series("team:vision", Measure::Cost), ElementsAre(Optional(10e6)));
  EXPECT_THAT(past.series("model:A100_80GB", Measure::Held), ElementsAre(Optional(0.25)));
  EXPECT_THAT(past.series("model:A100_80GB", Measure::Cost), ElementsAre(Optional(5e6)));
  EXPECT_THAT(past.series("team:chat", Measure::Usage), IsEmpty());
}

TEST_F(PastTest, TeamsAndNobodyComeToTheFleet) {
  std::mt19937 random(3);
  for (EpochMs hour = kEnd - 100 * kHour; hour < kEnd; hour += kHour)
    for (const char* model : {"A", "B", "C"})
      for (const char* team : {"x", "y", "z"})
        add(hour, model, team, random() % 2 > 0 ? CostKind::Used : CostKind::HeldIdle,
            static_cast<std::int64_t>(random() % kDevice), static_cast<fleet::Micros>(random() % 9'000'000));
  take(100);
  for (const Measure measure : {Measure::Usage, Measure::Held, Measure::Cost}) {
    const auto all = past.series("fleet", measure);
    ASSERT_EQ(all.size(), 100U);
    for (const auto& scopes : {std::vector<std::string>{"team:x", "team:y", "team:z"},
                               std::vector<std::string>{"model:A", "model:B", "model:C"}}) {
      std::vector<double> sum(100);
      for (const std::string& scope : scopes) {
        const auto part = past.series(scope, measure);
        for (std::size_t i = 0; i < 100; ++i) sum[i] += part[i].value_or(0);
      }
      for (std::size_t i = 0; i < 100; ++i) EXPECT_NEAR(sum[i], *all[i], 1e-5) << measure_name(measure);
    }
  }
}

TEST_F(PastTest, WhatIsNotKnownIsAGap) {
  for (EpochMs back = 1; back <= 4; ++back) add(kEnd - back * kHour, "A", "x", CostKind::Used, kDevice, 5);
  add(kEnd - 2 * kHour, "A", "", CostKind::Unobserved, kDevice, 3);
  add(kEnd - 1 * kHour, "A", "x", CostKind::HeldUnknown, kDevice, 2);
  take(4);
  EXPECT_THAT(past.series("team:x", Measure::Usage),
              ElementsAre(Optional(1.0), Optional(1.0), std::nullopt, std::nullopt))
      << "nobody saw the third hour, and nobody knows whether what was held in the fourth did work";
  EXPECT_THAT(past.series("team:x", Measure::Held),
              ElementsAre(Optional(1.0), Optional(1.0), std::nullopt, Optional(2.0)));
  EXPECT_THAT(past.series("fleet", Measure::Cost),
              ElementsAre(Optional(5.0), Optional(5.0), Optional(8.0), Optional(7.0)))
      << "what nobody saw costs as well";
  EXPECT_THAT(past.series("team:x", Measure::Cost),
              ElementsAre(Optional(5.0), Optional(5.0), std::nullopt, Optional(7.0)));
}

TEST_F(PastTest, AnHourThatIsNotClosedIsAGapAndATeamWithoutALineHasNothing) {
  for (EpochMs back = 1; back <= 3; ++back) add(kEnd - back * kHour, "A", "x", CostKind::Used, kDevice, 5);
  add(kEnd - 3 * kHour, "A", "y", CostKind::Used, kDevice, 5);
  take(3);
  EXPECT_THAT(past.series("team:y", Measure::Usage), ElementsAre(Optional(1.0), Optional(0.0), Optional(0.0)));
  chunk.from = kEnd - 2 * kHour;
  chunk.to = kEnd - kHour;
  past.take(chunk);  // in its place: nothing, and it is not closed
  EXPECT_THAT(past.series("team:x", Measure::Usage), ElementsAre(Optional(1.0), std::nullopt, Optional(1.0)));
  EXPECT_THAT(past.series("team:y", Measure::Usage), ElementsAre(Optional(1.0), std::nullopt, Optional(0.0)));
}

TEST_F(PastTest, DemandIsWhatIsHadAndWhatWaits) {
  for (EpochMs back = 1; back <= 3; ++back) add(kEnd - back * kHour, "A", "x", CostKind::HeldIdle, 2 * kDevice);
  chunk.queue = {{kEnd - 3 * kHour, kHour, {{"x", "A", 3 * kDevice}, {"", "", kDevice}}},
                 {kEnd - 2 * kHour, kHour / 2, {{"x", "A", kDevice}}},
                 {kEnd - 1 * kHour, kHour - kHour / 20, {}}};
  take(3);
  EXPECT_THAT(past.series("fleet", Measure::Demand), ElementsAre(Optional(6.0), std::nullopt, Optional(2.0)));
  EXPECT_THAT(past.series("team:x", Measure::Demand), ElementsAre(Optional(5.0), std::nullopt, Optional(2.0)));
  EXPECT_THAT(past.series("model:A", Measure::Demand), ElementsAre(Optional(5.0), std::nullopt, Optional(2.0)));
}

TEST_F(PastTest, OldHoursGo) {
  add(kEnd - 2 * kHour, "A", "x", CostKind::Used, kDevice);
  add(kEnd - kHour, "A", "y", CostKind::Used, kDevice);
  take(2);
  past.advance(kEnd + static_cast<EpochMs>(Past::kHours - 1) * kHour);
  EXPECT_THAT(past.scopes(), ElementsAre("fleet", "model:A", "team:y"));
  EXPECT_EQ(past.series("team:y", Measure::Held).size(), Past::kHours);
  past.advance(past.end() + static_cast<EpochMs>(3 * Past::kHours) * kHour);
  EXPECT_THAT(past.scopes(), IsEmpty());
}

TEST_F(PastTest, ScopesAreBounded) {
  for (std::size_t i = 0; i < 2 * Past::kMostScopes; ++i)
    add(kEnd - kHour, "A", "team-" + std::to_string(i), CostKind::Used, 1'000);
  take(1);
  EXPECT_EQ(past.scopes().size(), Past::kMostScopes);
  EXPECT_EQ(past.left_out(), Past::kMostScopes + 2) << "the fleet and the model are there";
}

TEST(Scope, IsOneOfThree) {
  for (const char* good : {"fleet", "team:a", "model:H100_80GB", "team:a:b"}) EXPECT_TRUE(is_scope(good)) << good;
  for (const char* bad : {"", "fleet:", "team:", "model:", "pod:a", "Fleet"}) EXPECT_FALSE(is_scope(bad)) << bad;
}

}  // namespace
}  // namespace tessera::server

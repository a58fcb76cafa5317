#include "server/alerts/cost_past.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::Field;
using testing::SizeIs;

TEST(CostPast, IsOfTheFleetAndOfEachTeamAndNotOfModels) {
  constexpr EpochMs kEnd = 500'000 * kForecastHour;
  PastChunk chunk{kEnd - 2 * kForecastHour, kEnd, {}, {kEnd - 2 * kForecastHour, kEnd - kForecastHour}, {}};
  chunk.ledger = {{kEnd - 2 * kForecastHour, "A", "search", fleet::CostKind::Used, 1, 5},
                  {kEnd - kForecastHour, "A", "", fleet::CostKind::Unallocated, 100, 7},
                  {kEnd - kForecastHour, "A", "", fleet::CostKind::Unobserved, 1, 2}};
  Past past;
  past.advance(kEnd);
  past.take(chunk);
  using fleet::alerts::CostPast;
  EXPECT_THAT(cost_past(past),
              ElementsAre(testing::AllOf(Field(&CostPast::team, ""), Field(&CostPast::hours, ElementsAre(5, 9)),
                                         Field(&CostPast::unobserved, ElementsAre())),
                          testing::AllOf(Field(&CostPast::team, "search"), Field(&CostPast::hours, ElementsAre(5, 0)),
                                         Field(&CostPast::unobserved, ElementsAre(0, 2)))));
}

TEST(CostPast, WithoutALedgerThereIsNothingToObserve) {
  const auto none = cost_deviations_of(nullptr)(0);
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, SizeIs(0));
}

}  // namespace
}  // namespace tessera::server

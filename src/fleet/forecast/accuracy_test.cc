#include "fleet/forecast/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera::fleet::forecast {
namespace {

TEST(ForecastAccuracy, SmapeIsWorkedOutByHand) {
  static constexpr struct {
    double actual[2], forecast[2], want;
  } kCases[] = {
      {{100, 200}, {110, 180}, (2000.0 / 210 + 4000.0 / 380) / 2},
      {{5, 5}, {5, 5}, 0},
      {{0, 4}, {0, 4}, 0},     // nothing and nothing is a hit
      {{0, 4}, {2, 4}, 100},   // the most at a step is 200
      {{-3, 3}, {3, 3}, 100},  // sizes are absolute
  };
  for (const auto& c : kCases) EXPECT_NEAR(smape(c.actual, c.forecast), c.want, 1e-12);
}

TEST(ForecastAccuracy, ScaleAndMaseAreWorkedOutByHand) {
  const Values history{1, 2, 4, 7, 11};
  EXPECT_DOUBLE_EQ(*naive_scale(history, 1), 2.5);
  EXPECT_DOUBLE_EQ(*naive_scale(history, 2), 5);
  EXPECT_DOUBLE_EQ(*mase(history, Values{12, 14}, Values{11, 11}, 1), 0.8);
}

TEST(ForecastAccuracy, NothingIsScaledByNothing) {
  EXPECT_FALSE(naive_scale(Values{7, 7, 7}, 1));
  EXPECT_FALSE(naive_scale(Values{1, 2}, 2));
  EXPECT_FALSE(mase(Values{7, 7, 7}, Values{8}, Values{8}, 1));
}

TEST(ForecastAccuracy, OwaIsThatOfThePublishedResults) {
  // The M4 competition's table of results over all 100,000 series; Naive2 had 13.564 and 1.912.
  static constexpr struct {
    const char* who;
    double smape, mase, want;
  } kPublished[] = {{"Smyl", 11.374, 1.536, 0.821},
                    {"Montero-Manso et al.", 11.720, 1.551, 0.838},
                    {"Comb", 12.555, 1.663, 0.898},
                    {"Naive2", 13.564, 1.912, 1.000}};
  for (const auto& one : kPublished) EXPECT_NEAR(owa(one.smape, one.mase, 13.564, 1.912), one.want, 0.0005) << one.who;
}

Values repeated(const Values& season, std::size_t times, double growth = 0) {
  Values values;
  for (std::size_t i = 0; i < times * season.size(); ++i)
    values.push_back(season[i % season.size()] + growth * static_cast<double>(i));
  return values;
}

TEST(ForecastAccuracy, ClassicalIndicesAreWorkedOutByHand) {
  // The centred mean over two steps is 2 everywhere: 1/2 and 3/2 of it.
  const auto factors = classical_indices(Values{1, 3, 1, 3, 1, 3}, 2);
  EXPECT_TRUE(factors.factors);
  EXPECT_NEAR(factors.by_phase[0], 0.5, 1e-12);
  EXPECT_NEAR(factors.by_phase[1], 1.5, 1e-12);

  // A zero allows no factors; the straight line below the season is no part of it.
  const auto addends = classical_indices(repeated({0, 3, 6}, 4, 1), 3);
  EXPECT_FALSE(addends.factors);
  for (std::size_t phase = 0; phase < 3; ++phase)
    EXPECT_NEAR(addends.by_phase[phase], 3.0 * static_cast<double>(phase) - 3, 1e-12);
}

TEST(ForecastAccuracy, SeasonsAreFoundWhereTheyAre) {
  EXPECT_TRUE(is_seasonal(repeated({10, 20, 30, 20}, 12), 4));
  EXPECT_FALSE(is_seasonal(repeated({10, 20, 30, 20}, 2), 4)) << "fewer than three seasons";
  EXPECT_FALSE(is_seasonal(repeated({10, 20, 30, 20}, 12), 3));
  EXPECT_FALSE(is_seasonal(Values(48, 5.0), 4));
  EXPECT_FALSE(is_seasonal(repeated({10, 20}, 24), 1));
}

TEST(ForecastAccuracy, Naive2RepeatsTheSeasonAtTheLastLevel) {
  const Values season{10, 20, 30, 20};
  auto history = repeated(season, 12);
  history.push_back(10);
  const auto next = naive2(history, 4, 6);
  for (std::size_t i = 0; i < next.size(); ++i) EXPECT_NEAR(next[i], season[(i + 1) % 4], 1e-9);
  EXPECT_EQ(naive2(Values{1, 5, 2}, 4, 2), (Values{2, 2})) << "without a season the last value";
}

}  // namespace
}  // namespace tessera::fleet::forecast

#include "fleet/cost/tokens.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

TEST(TokenPrices, AreTheWorkedExample) {
  const TokenCosts of{2.50, 0.50, 5'841'230, 2'190'464, 1'073'405};
  const auto prices = *token_prices(of);
  constexpr double kTolerance = 0.000005;
  EXPECT_NEAR(*prices.blended, 0.36155, kTolerance);
  EXPECT_NEAR(*prices.per_output, 2.32904, kTolerance);
  EXPECT_NEAR(*prices.prompt, 0.30624, kTolerance);
  EXPECT_NEAR(*prices.generated, 1.22497, kTolerance);
  EXPECT_NEAR(*prices.blended_used, 0.36155 * 4 / 5, kTolerance);
  const double back = *prices.prompt * (5'841'230 - 2'190'464 * 0.9) + *prices.generated * 1'073'405;
  EXPECT_NEAR(back / 1e6, 2.50, 1e-9) << "and the tokens at their prices give back the cost";
}

TEST(TokenPrices, WithoutTokensThereIsNoPrice) {
  const auto prices = *token_prices({2.50, 2.50, 0, 0, 0});
  EXPECT_FALSE(prices.blended || prices.per_output || prices.prompt || prices.generated || prices.blended_used);
  const auto read = *token_prices({1, 0, 1'000'000, 0, 0});
  EXPECT_EQ(read.blended, 1.0);
  EXPECT_EQ(read.prompt, 1.0);
  EXPECT_FALSE(read.per_output);
  EXPECT_EQ(token_prices({0, 0, 10, 0, 10})->blended, 0.0) << "what costs nothing is known to";
}

TEST(TokenPrices, RefusesWhatCannotBe) {
  EXPECT_FALSE(token_prices({-1, 0, 1, 0, 1}));
  EXPECT_FALSE(token_prices({1, 2, 1, 0, 1}));
  EXPECT_FALSE(token_prices({1, 0, 1, 2, 1}));
  EXPECT_FALSE(token_prices({1, 0, 1, 0, 1}, {-1, 0}));
}

}  // namespace
}  // namespace tessera::fleet

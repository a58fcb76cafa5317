#include "fleet/cost/money.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>

#include "fleet/cost/split.h"

namespace tessera::fleet {
namespace {

constexpr Micros kMost = std::numeric_limits<Micros>::max(), kLeast = std::numeric_limits<Micros>::min();

Money money(Micros micros, const char* currency) { return {micros, *Currency::named(currency)}; }

TEST(Money, IsADecimalString) {
  static constexpr struct {
    Micros micros;
    const char* text;
  } kCases[] = {
      {0, "0.00"},
      {8'000'000, "8.00"},
      {361'550, "0.36155"},
      {1, "0.000001"},
      {-1'250'000, "-1.25"},
      {-1, "-0.000001"},
      {10'500'000, "10.50"},
      {kMost, "9223372036854.775807"},
      {kLeast, "-9223372036854.775808"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(decimal(c.micros), c.text);
    const auto back = parse_decimal(c.text);
    ASSERT_TRUE(back) << c.text;
    EXPECT_EQ(*back, c.micros);
  }
  EXPECT_EQ(*parse_decimal("8"), 8 * kUnit);
  EXPECT_EQ(*parse_decimal("2.0000000"), 2 * kUnit) << "zeros behind the sixth digit say nothing";
}

TEST(Money, RefusesWhatIsNoDecimalNumber) {
  for (const char* bad : {"", "-", ".5", "5.", "1,000", " 8", "8 ", "1e3", "0x8", "--1", "1.2.3", "NaN", "0.0000001",
                          "9223372036854.775808", "-9223372036854.775809", "999999999999999999999"})
    EXPECT_FALSE(parse_decimal(bad)) << bad;
}

TEST(Money, AddsWithinOneCurrencyAndWithin64Bits) {
  EXPECT_EQ(*add(money(1, "USD"), money(-3, "USD")), money(-2, "USD"));
  EXPECT_EQ(*add(money(kMost, "KRW"), money(kLeast, "KRW")), money(-1, "KRW"));
  EXPECT_FALSE(add(money(kMost, "USD"), money(1, "USD")));
  EXPECT_FALSE(add(money(kLeast, "USD"), money(-1, "USD")));
  EXPECT_FALSE(add(money(1, "USD"), money(1, "KRW")));
  for (const char* bad : {"", "usd", "US", "EURO", "U$D"}) EXPECT_FALSE(Currency::named(bad)) << bad;
}

TEST(Split, GivesWhatIsLeftOverToTheLargestRemainders) {
  using Shares = std::vector<std::int64_t>;
  EXPECT_EQ(split(100, Shares{1, 1, 1}), (Shares{34, 33, 33}));
  EXPECT_EQ(split(10, Shares{6, 5, 1}), (Shares{5, 4, 1})) << "5.0, 4.17 and 0.83";
  EXPECT_EQ(split(-100, Shares{1, 1, 1}), (Shares{-34, -33, -33}));
  EXPECT_EQ(split(0, Shares{5, 0}), (Shares{0, 0}));
  EXPECT_EQ(split(7, Shares{0, 3}), (Shares{0, 7}));
  EXPECT_EQ(split(kLeast, Shares{1, 1}), (Shares{kLeast / 2, kLeast / 2}));
  EXPECT_EQ(split(kMost, Shares{kMost, kMost, kMost}).at(0), kMost / 3 + 1);
}

TEST(Split, MakesUpTheWholeAndMissesNoShareByOne) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::int64_t> weights(1 + random() % 20);
    for (auto& one : weights) one = random() % 4 == 0 ? 0 : static_cast<std::int64_t>(random() >> (1 + random() % 63));
    const Wide sum = std::accumulate(weights.begin(), weights.end(), Wide{0});
    if (sum == 0) continue;
    const auto total = static_cast<std::int64_t>(random()) >> (random() % 63);
    const auto shares = split(total, weights);
    EXPECT_TRUE(std::accumulate(shares.begin(), shares.end(), Wide{0}) == total);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Wide off = Wide{shares[i]} * sum - Wide{total} * weights[i];
      EXPECT_TRUE(off < sum && off > -sum) << i;
      if (weights[i] == 0) EXPECT_EQ(shares[i], 0);
    }
  }
}

}  // namespace
}  // namespace tessera::fleet

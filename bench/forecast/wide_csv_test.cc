#include "bench/forecast/wide_csv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::bench {
namespace {

TEST(WideCsv, ReadsSeriesOfUnequalLength) {
  const auto read = read_wide_csv("\"V1\",\"V2\",\"V3\"\r\n\"H1\",\"605\",\"586.5\"\r\nH2,-1,\n\n\"H3\",,\n");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].name, "H1");
  EXPECT_EQ((*read)[0].values, (std::vector<double>{605, 586.5}));
  EXPECT_EQ((*read)[1].values, std::vector<double>{-1});
  EXPECT_TRUE((*read)[2].values.empty());
}

TEST(WideCsv, SaysWhereItIsWrong) {
  static constexpr struct {
    std::string_view text, want;
  } kCases[] = {{"V1,V2\nH1,1,x\n", "line 2, column 3: 'x': a number expected"},
                {"V1,V2\nH1,1\nH2,,2\n", "line 3, column 2: '': a number expected"},
                {"V1,V2\nH1,nan\n", "line 2, column 2: 'nan': a number expected"},
                {"V1,V2\nH1,1e999\n", "line 2, column 2: '1e999': a number expected"},
                {"V1,V2\n,1\n", "line 2: a series without a name"}};
  for (const auto& c : kCases) {
    const auto read = read_wide_csv(c.text);
    ASSERT_FALSE(read) << c.text;
    EXPECT_EQ(read.error().what, c.want);
  }
}

/// Whatever bytes come, what is accepted is finite and has a name.
TEST(WideCsv, AnyBytesAreReadOrRefused) {
  std::mt19937 random(1);
  static constexpr std::string_view kPieces[] = {"\"",  ",", "\n", "1", "-2.5", "1e300", "e",
                                                 "nan", "H", "\r", " ", "\xff", "."};
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "V1\n";
    for (auto length = random() % 12; length-- > 0;) text += kPieces[random() % std::size(kPieces)];
    const auto read = read_wide_csv(text);
    if (!read) continue;
    ++accepted;
    for (const auto& series : *read) {
      EXPECT_FALSE(series.name.empty());
      for (const double value : series.values) EXPECT_TRUE(std::isfinite(value));
    }
  }
  EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace tessera::bench

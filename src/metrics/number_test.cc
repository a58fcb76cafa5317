#include "metrics/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tessera::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ParseValue, ReadsWhatPrometheusReads) {
  static constexpr struct {
    std::string_view text;
    double want;
  } kCases[] = {
      {"0", 0},
      {"-0", -0.0},
      {"+17", 17},
      {"5.", 5},
      {".5", 0.5},
      {"-.5e1", -5},
      {"4.9351e-05", 4.9351e-05},
      {"1E3", 1000},
      {"1e+3", 1000},
      {"00012", 12},
      {"9223372036854775808", 9223372036854775808.0},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"1e-400", 0},
      {"-1e-99999999999999999999999", -0.0},
      {"0e999999999999", 0},
      {"inf", kInfinity},
      {"+Inf", kInfinity},
      {"-INFINITY", -kInfinity},
  };
  for (const auto& c : kCases) {
    const auto got = parse_value(c.text);
    ASSERT_TRUE(got) << c.text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*got), std::bit_cast<std::uint64_t>(c.want)) << c.text;
  }
}

TEST(ParseValue, GivesEveryNanTheSameBits) {
  for (const auto* text : {"NaN", "nan", "NAN"}) {
    const auto got = parse_value(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*got), 0x7ff8000000000001U);
  }
}

TEST(ParseValue, RefusesTheRest) {
  for (const auto* text : {"",
                           "+",
                           "-",
                           ".",
                           "e5",
                           ".e5",
                           "1e",
                           "1e+",
                           "--1",
                           "+-1",
                           " 1",
                           "1 ",
                           "1_000",
                           "0x1",
                           "0x1p-3",
                           "0X1P3",
                           "0b1",
                           "0o7",
                           "1.2.3",
                           "true",
                           "1f",
                           "+nan",
                           "-NaN",
                           "in",
                           "infi",
                           "nano",
                           "1e400",
                           "-1e400",
                           "1e99999999999999999999",
                           "1,5"})
    EXPECT_FALSE(parse_value(text)) << text;
}

TEST(ParseMilliseconds, ReadsWholeNumbers) {
  EXPECT_EQ(parse_milliseconds("1520879607789"), 1520879607789);
  EXPECT_EQ(parse_milliseconds("-3982045"), -3982045);
  EXPECT_EQ(parse_milliseconds("+5"), 5);
  for (const auto* bad : {"", "+", "+-5", "1.5", "1e3", "1_2", "9223372036854775808", "12x"})
    EXPECT_FALSE(parse_milliseconds(bad)) << bad;
}

TEST(ParseSeconds, CutsToMilliseconds) {
  static constexpr struct {
    std::string_view text;
    EpochMs want;
  } kCases[] = {
      {"0", 0},
      {"000", 0},
      {"1520879607.789", 1520879607789},
      {"1520879607.7899999", 1520879607789},
      {"0.001", 1},
      {"0.0009", 0},
      {"-1.5", -1500},
      {"-0.25", -250},
      {"+1.1", 1100},
      {".5", 500},
      {"5.", 5000},
      {"1.5e3", 1500000},
      {"8.64e4", 86400000},
      {"12345678901234567890.5", 1'000'000'000'000'000'000},
      {"0000000001520879607.789", 1520879607789},
      {"999999999999999.0", 999'999'999'999'999'000},
      {"-1e30", -1'000'000'000'000'000'000},
  };
  for (const auto& c : kCases) EXPECT_EQ(parse_seconds(c.text), c.want) << c.text;
  for (const auto* bad : {"", "NaN", "Inf", "-Inf", "1z", "1_2", "0x1p-3", "1.1.1"})
    EXPECT_FALSE(parse_seconds(bad)) << bad;
}

// A whole millisecond written in seconds comes back as itself, which multiplying a double by 1000 does not promise.
TEST(ParseSeconds, IsExact) {
  for (EpochMs time = 1'700'000'000'000; time < 1'700'000'100'000; time += 7) {
    char text[32];
    std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(time / 1000),
                  static_cast<long long>(time % 1000));
    ASSERT_EQ(parse_seconds(text), time) << text;
  }
}

}  // namespace
}  // namespace tessera::metrics

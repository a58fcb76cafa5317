#include "kube/quantity.h"

#include <gtest/gtest.h>

namespace tessera::kube {
namespace {

TEST(Quantity, IsReadInEveryForm) {
  const struct {
    std::string_view text;
    double want;
  } kCases[] = {{"1", 1},        {"100m", 0.1},    {"1.5", 1.5},     {"2Gi", 2147483648.0}, {"1e3", 1000},
                {"12E", 12e18},  {"12E3", 12'000}, {"64Ki", 65'536}, {"250000000n", 0.25},  {"3u", 3e-6},
                {"16G", 16e9},   {"0", 0},         {"-1", -1},       {"129M", 129e6},       {".5", 0.5},
                {"1Ti", 0x1p40}, {"2k", 2000}};
  for (const auto& c : kCases) {
    const auto read = parse_quantity(c.text);
    ASSERT_TRUE(read) << c.text;
    EXPECT_DOUBLE_EQ(*read, c.want) << c.text;
  }
  for (const char* bad : {"", "m", "1x", "1 Gi", "Gi1", "1.2.3", "1e", "inf", "nan", "1e999", "1mi", "--1"})
    EXPECT_FALSE(parse_quantity(bad)) << bad;
}

}  // namespace
}  // namespace tessera::kube

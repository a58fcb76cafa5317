#include "fleet/serving/latency.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace tessera::fleet {
namespace {

constexpr double kAll = std::numeric_limits<double>::infinity();

TEST(Quantile, IsOnAStraightLineWithinItsBucket) {
  const struct {
    std::vector<Bucket> buckets;
    double q, want;
  } kCases[] = {
      {{{1, 10}, {2, 20}, {kAll, 20}}, 0.5, 1},          {{{1, 10}, {2, 20}, {kAll, 20}}, 0.75, 1.5},
      {{{1, 10}, {2, 20}, {kAll, 20}}, 0.25, 0.5},       {{{1, 0}, {2, 10}, {kAll, 10}}, 0.5, 1.5},
      {{{1, 5}, {2, 5}, {kAll, 10}}, 0.99, 2},            // above the last bound: that bound
      {{{1, 10}, {2, 8}, {4, 20}, {kAll, 20}}, 0.75, 3},  // one that fell counts as the one before
  };
  for (const auto& c : kCases) {
    const auto got = quantile(c.q, c.buckets);
    ASSERT_TRUE(got) << c.q;
    EXPECT_DOUBLE_EQ(*got, c.want) << c.q;
  }
}

TEST(Quantile, IsNotKnownOfNothing) {
  EXPECT_FALSE(quantile(0.5, {}));
  EXPECT_FALSE(quantile(0.5, std::vector<Bucket>{{1, 0}, {kAll, 0}}));
  EXPECT_FALSE(quantile(0.5, std::vector<Bucket>{{1, 5}, {2, 5}})) << "how many there are is not told";
  EXPECT_FALSE(quantile(0.5, std::vector<Bucket>{{kAll, 5}}));
}

}  // namespace
}  // namespace tessera::fleet

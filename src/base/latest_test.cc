#include "base/latest.h"

#include <gtest/gtest.h>

#include <thread>

namespace tessera {
namespace {

TEST(Latest, IsEmptyBeforeTheFirstValue) { EXPECT_EQ(Latest<int>().get(), nullptr); }

TEST(Latest, ReadersSeeWholeValuesAndNeverAnOlderOne) {
  struct Pair {
    int a, b;
  };
  Latest<Pair> latest;
  latest.publish(Pair{0, 0});
  std::jthread writer([&] {
    for (int i = 1; i <= 1000; ++i) latest.publish(Pair{i, i});
  });
  for (int last = 0; last < 1000;) {
    const auto value = latest.get();
    ASSERT_EQ(value->a, value->b);
    ASSERT_GE(value->a, last);
    last = value->a;
  }
}

}  // namespace
}  // namespace tessera

#include "store/served_tokens.h"

#include "store/test_database.h"

namespace tessera::store {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000, kQuarter = 15 * 60'000;

struct ServedTokensTest : EachDatabase {};
INSTANTIATE_EACH_DATABASE(ServedTokensTest);

TEST_P(ServedTokensTest, AddUp) {
  using List = std::vector<ServedTokens>;
  const ServedTokens a{"c", "ml", "a", "llama", {"a", "a-1"}, 100.5, 20, 7.25, kStart, 30'000},
      b{"c", "ml", "b", "llama", {"b"}, 1, 0, 2, kStart};
  EXPECT_FALSE(*first_served_tokens(*database));
  ASSERT_TRUE(add_served_tokens(*database, kStart, {a, b}));
  ASSERT_TRUE(add_served_tokens(*database, kStart, {a}));
  ASSERT_TRUE(add_served_tokens(*database, kStart + kQuarter, {b}));
  ServedTokens twice = a;
  twice.prompt = 201, twice.cached = 40, twice.generated = 14.5, twice.observed_ms = 60'000;
  EXPECT_EQ(*served_tokens(*database, kStart, kStart + kQuarter), (List{twice, b}));
  ServedTokens more = b;
  more.bucket = kStart + kQuarter;
  EXPECT_EQ(*served_tokens(*database, kStart, kStart + 2 * kQuarter), (List{twice, b, more}));
  EXPECT_EQ(*first_served_tokens(*database), kStart);
  ASSERT_TRUE(drop_served_tokens_before(*database, kStart + kQuarter));
  EXPECT_EQ(*served_tokens(*database, 0, kStart + 2 * kQuarter), (List{more}));
  ASSERT_TRUE(add_served_tokens(*database, kStart, {a}));
  EXPECT_EQ(served_tokens(*database, kStart, kStart + kQuarter)->front().observed_ms, 30'000) << "time goes with it";
}

}  // namespace
}  // namespace tessera::store

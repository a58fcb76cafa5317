#include "wire/symbols.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::wire {
namespace {
TEST(SymbolTable, NumbersEachStringOnce) {
  SymbolTable symbols;
  EXPECT_EQ(symbols.ref(""), 0U);
  EXPECT_EQ(symbols.ref("a"), 1U);
  EXPECT_EQ(symbols.ref("b"), 2U);
  EXPECT_EQ(symbols.ref(std::string("a")), 1U);
  EXPECT_EQ(symbols.text(2), "b");
  EXPECT_EQ(symbols.text(0), "");
  EXPECT_EQ(symbols.encoded(), std::string("\x22\x00\x22\x01"
                                           "a\x22\x01"
                                           "b",
                                           8));
}

TEST(SymbolTable, FindsAllAfterGrowingAndNoneAfterClear) {
  SymbolTable symbols;
  for (const std::uint32_t count : {100'000U, 10U, 5000U}) {  // also from large to small and back
    for (std::uint32_t i = 1; i <= count; ++i) ASSERT_EQ(symbols.ref(std::to_string(i)), i);
    for (std::uint32_t i = 1; i <= count; ++i) ASSERT_EQ(symbols.ref(std::to_string(i)), i);
    EXPECT_EQ(symbols.size(), count + 1);
    symbols.clear();
    EXPECT_EQ(symbols.size(), 1U);
    EXPECT_EQ(symbols.encoded().size(), 2U);
  }
}
}  // namespace
}  // namespace tessera::wire

#include "base/grid.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Grid, AlignsByCharactersAndLeavesNoTrailingBlanks) {
  std::string out;
  append_grid(out, {{"A", "N", "LAST"}, {"–", "10", "x"}, {"abc", "7", ""}}, {1});
  EXPECT_EQ(out, "A     N  LAST\n–    10  x\nabc   7\n");
}

TEST(Harmless, IsOneLineWithoutControlCharacters) {
  EXPECT_EQ(harmless("a\nb\x1b[31m\x7f\xff–"), "a b [31m \xEF\xBF\xBD–");
}

}  // namespace
}  // namespace tessera

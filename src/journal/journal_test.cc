#include "journal/journal.h"

#include <gtest/gtest.h>

#include "base/files.h"

using namespace std::chrono_literals;

namespace tessera::journal {
namespace {

TEST(Journal, X) {
  const TempDir dir;
  auto j = Journal::open({.dir = dir.path()});
  ASSERT_TRUE(j) << j.error().what;
  EXPECT_EQ(*(*j)->append(1, 2, 3, "hello"), 1U);
  auto r = (*j)->next(SteadyTime::max(), {});
  ASSERT_TRUE(r && *r);
  EXPECT_EQ((*r)->body, "hello");
}

}  // namespace
}  // namespace tessera::journal

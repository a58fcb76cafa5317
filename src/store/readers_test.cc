#include "store/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "base/files.h"

namespace tessera::store {
namespace {

TEST(Readers, AsManyWaitAsThereAreConnections) {
  const TempDir folder;
  Readers readers("sqlite:" + (folder.path() / "t.db").string(), 1);
  const auto nothing = [](Database&) { return Result<void>(); };
  std::latch held(1), refused(1);
  auto holder = std::async(std::launch::async, [&] {
    return readers.with([&](Database&) {
      held.count_down();
      refused.wait();
      return Result<void>();
    });
  });
  held.wait();
  const auto ask = [&] {
    auto done = readers.with(nothing);
    if (!done) refused.count_down();
    return done;
  };
  auto a = std::async(std::launch::async, ask), b = std::async(std::launch::async, ask);
  const auto first = a.get(), second = b.get();
  EXPECT_NE(bool(first), bool(second)) << "one waits until there is one, and one is sent away";
  EXPECT_THAT((first ? second : first).error().what, testing::HasSubstr("database.pool-size"));
  EXPECT_TRUE(holder.get());
  EXPECT_TRUE(readers.with(nothing));
}

}  // namespace
}  // namespace tessera::store

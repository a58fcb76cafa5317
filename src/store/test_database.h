#pragma once
// Tests of the store run on each database: `struct X : EachDatabase {}; … INSTANTIATE_EACH_DATABASE(X);` with TEST_P.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "store/database.h"

namespace tessera::store {

class EachDatabase : public testing::TestWithParam<const char*> {
 protected:
  /// Skips where the database is not on this machine.
  void SetUp() override;
  const std::string& url() const { return url_; }
  /// A connection to the test's database, with all tables.
  std::unique_ptr<Database> open() const;
  bool postgres() const { return GetParam() != std::string("sqlite"); }

  std::unique_ptr<Database> database;  ///< open, at the beginning of a test
  TempDir folder;

 private:
  std::string url_;
};

}  // namespace tessera::store

#define INSTANTIATE_WITH_DATABASES(suite, ...)                    \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values(__VA_ARGS__), \
                           [](const auto& one) { return std::string(one.param); })
#define INSTANTIATE_EACH_DATABASE(suite) INSTANTIATE_WITH_DATABASES(suite, "sqlite", "postgres")
/// Each way to each database too.
#define INSTANTIATE_EACH_DOOR(suite) INSTANTIATE_WITH_DATABASES(suite, "sqlite", "postgres", "postgres_odbc")

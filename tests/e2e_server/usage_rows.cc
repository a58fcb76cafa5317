#include "tests/e2e_server/usage_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/database.h"

namespace tessera::e2e {

std::vector<std::string> rows_of_too_much(const Server& server, std::int64_t raw_seconds) {
  struct Table {
    const char* name;
    std::int64_t seconds;
  };
  std::vector<std::string> out;
  const auto opened = store::Database::open("sqlite:" + (server.data() / "tessera.db").string(), {.migrate = false});
  if (!opened) return {opened.error().what};
  for (const Table& table : {Table{"usage_raw", raw_seconds}, Table{"usage_5m", 300}, Table{"usage_1h", 3'600}}) {
    const auto span = table.seconds * 1'000;
    const std::string read = fmt::format(
        "SELECT bucket, subject, observed_ms, owned_ms, util_sum FROM {} WHERE observed_ms > {} OR owned_ms > "
        "observed_ms OR util_sum > 10000 * observed_ms",
        table.name, span);
    std::int64_t rows = 0;
    const auto done = (*opened)->each(fmt::format("SELECT COUNT(*) FROM {}", table.name), {},
                                      [&](const store::Row& row) { rows = row.integer(0).value_or(0); });
    if (!done || rows == 0) out.push_back(fmt::format("{} has no rows", table.name));
    const auto found = (*opened)->each(read, {}, [&](const store::Row& row) {
      out.push_back(fmt::format("{} at {}, subject {}: observed {} ms, owned {} ms, util {}", table.name,
                                *row.integer(0), *row.integer(1), *row.integer(2), *row.integer(3), *row.integer(4)));
    });
    if (!found) out.push_back(found.error().what);
  }
  return out;
}

UsageBegins usage_begins(const Server& server) {
  UsageBegins out{};
  const auto opened = store::Database::open("sqlite:" + (server.data() / "tessera.db").string(), {.migrate = false});
  EXPECT_TRUE(opened);
  if (!opened) return out;
  EXPECT_TRUE((*opened)->each("SELECT MIN(bucket), MAX(bucket) FROM usage_raw", {}, [&](const store::Row& row) {
    out = {row.integer(0).value_or(0), row.integer(1).value_or(0)};
  }));
  return out;
}

}  // namespace tessera::e2e

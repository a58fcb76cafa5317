#pragma once
// What a server's database has of usage, once the server has ended.
#include <cstdint>
#include <string>
#include <vector>

#include "tests/e2e_server/server.h"

namespace tessera::e2e {

/// Rows that say more than their span can hold, as where something was counted twice; and tables that have no rows.
/// `raw_seconds`: the span of the finest.
std::vector<std::string> rows_of_too_much(const Server& server, std::int64_t raw_seconds);

struct UsageBegins {
  std::int64_t first, last;  ///< seconds since the epoch; 0 where there are none
};
/// Of the rows of usage_raw.
UsageBegins usage_begins(const Server& server);

}  // namespace tessera::e2e

#pragma once
// Runs of benchmarks. See migrations/0190_benchmarks.sql.
#include <vector>

#include "fleet/benchmarks/benchmark.h"
#include "store/database.h"

namespace tessera::store {

/// All or nothing. One that is there already (in all but value and watts) takes the new values: a correction.
Result<void> put_benchmarks(Database& database, const std::vector<fleet::benchmarks::Record>& records);

/// The `most` newest, the newest first.
Result<std::vector<fleet::benchmarks::Record>> benchmarks(Database& database, std::size_t most);

}  // namespace tessera::store

#pragma once
// Runs of benchmarks. See migrations/0190_benchmarks.sql.
#include <cstdint>
#include <string>
#include <vector>

#include "fleet/benchmarks/benchmark.h"
#include "store/database.h"

namespace tessera::store {

inline constexpr std::size_t kMostBenchmarks = 100'000;  ///< are kept; whoever puts more sees to it

/// Which runs: each list names any of what it has, and an empty one all.
struct BenchmarkFilter {
  std::vector<std::string> models{}, drivers{}, names{}, versions{}, sources{};
};

/// All or nothing; each run once. One that is there already (in all but value and watts) takes the new values: a
/// correction.
Result<void> put_benchmarks(Database& database, const std::vector<fleet::benchmarks::Record>& records);

/// The newest first; the `most` newest.
Result<std::vector<fleet::benchmarks::Record>> benchmarks(Database& database, const BenchmarkFilter& filter,
                                                          std::size_t most);
Result<std::uint64_t> count_benchmarks(Database& database, const BenchmarkFilter& filter);

/// How many there were.
Result<std::uint64_t> drop_benchmarks(Database& database, const BenchmarkFilter& filter);
Result<void> drop_benchmark(Database& database, const fleet::benchmarks::Record& run);

}  // namespace tessera::store

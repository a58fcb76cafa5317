#pragma once
// Benchmarks as JSON, and records of a body.
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/benchmarks/benchmark.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// A record, or a list of them: each that is wrong is left out and told by its number, from 1. Invalid where it is
/// neither, and for too many.
Result<fleet::benchmarks::ReadRecords> parse_benchmarks(std::string_view body, EpochMs latest);
/// Its counterpart: a list, without ids.
std::string benchmarks_json(const std::vector<fleet::benchmarks::Record>& records);

Json benchmark_json(const fleet::benchmarks::Record& record);  ///< with its id
Json comparison_json(const fleet::benchmarks::Comparison& comparison);
Json watched_json(const fleet::benchmarks::Watched& watched);

}  // namespace tessera::server

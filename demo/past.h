#pragma once
// Weeks that a simulated fleet has behind it: a cost ledger and a queue in the rhythm of people's days and weeks, with
// a pool that fills up. Made up, and said to be wherever it is used: the demo has forecasts by it.
#include <string>

#include "base/duration.h"
#include "base/result.h"
#include "store/cost_ledger.h"

namespace tessera::demo {

/// What the devices of the demo's scenario cost in a quarter of an hour, each for the whole of it: the same for the
/// same time. `day` counts the days of the past from its beginning on.
std::vector<store::CostPosting> past_postings(const std::string& cluster, EpochMs bucket, int day);

/// Closes the buckets of the `days` before `now`, in US dollars, with the rates that hold without settings, and writes
/// down what waited. The ledger is empty before.
Result<void> write_past(store::Database& database, const std::string& cluster, EpochMs now, int days);

}  // namespace tessera::demo

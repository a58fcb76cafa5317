#pragma once
// What benchmarks say of the models of GPUs that serving workloads could have instead.
#include <vector>

#include "fleet/advice/facts.h"
#include "fleet/benchmarks/benchmark.h"
#include "fleet/cost/rates.h"
#include "server/keeper.h"

namespace tessera::server {

/// Of either model, or nothing is made of them.
inline constexpr std::size_t kLeastBenchmarkRuns = 3;

/// For a workload whose engine serves a model on whole devices of one model of GPU: the other models of its cluster
/// that a benchmark of what is served (tokens/s, by its name) has run on, as on its own. Of several benchmarks the one
/// that ran last on its own counts. A model without a rate is none.
void add_alternatives(fleet::advice::Facts& into, const Published& known, const fleet::RateBook& rates,
                      const std::vector<fleet::benchmarks::Record>& records, EpochMs now);

}  // namespace tessera::server

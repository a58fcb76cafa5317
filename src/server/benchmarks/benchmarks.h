#pragma once
// Runs of benchmarks as they are kept: read, taken in, dropped, and what they are compared by.
#include <functional>
#include <string>
#include <vector>

#include "base/latest.h"
#include "fleet/benchmarks/benchmark.h"
#include "http/server.h"
#include "server/access/changes.h"
#include "server/cost/costs.h"
#include "server/keeper.h"
#include "store/benchmarks.h"
#include "store/readers.h"

namespace tessera::server {

/// What somebody sends.
struct BenchmarkFile {
  fleet::benchmarks::ReadRecords read;
  std::string_view counted_in;  ///< "line", "record": what a refusal's number is of
};

/// Thread-safe. What is given outlives it.
class Benchmarks {
 public:
  /// `costs`: null where nothing is reckoned; then no model costs anything that is known.
  Benchmarks(const Latest<Published>& fleet, Changes& changes, store::Readers& readers, const Costs* costs);

  /// The newest first. Unavailable where the database does not answer.
  Result<std::vector<fleet::benchmarks::Record>> kept(const store::BenchmarkFilter& filter) const;

  /// Of the records' models: rates of now, on demand, of no particular place, and power limits where all boards of a
  /// model that are there have one alike.
  Result<fleet::benchmarks::CompareHow> known_of_models(const std::vector<fleet::benchmarks::Record>& records,
                                                        EpochMs now) const;
  std::string currency() const;  ///< empty: nothing is reckoned

  // POST and DELETE, whose rights have been looked at.
  http::Response take(const http::Request& request, const BenchmarkFile& file, bool dry_run);
  http::Response drop(const http::Request& request, const std::string& id);
  http::Response drop_all(const http::Request& request, const store::BenchmarkFilter& filter, bool dry_run);

 private:
  const Latest<Published>& fleet_;
  Changes& changes_;
  store::Readers& readers_;
  const Costs* const costs_;
};

}  // namespace tessera::server

#pragma once
// `tessera benchmarks`: what was measured on models of GPUs, as a server keeps it: listed, taken in, given out,
// compared, and what has become slower.
#include <span>
#include <string>
#include <string_view>

#include "cli/cost.h"
#include "cli/fleet_server.h"

namespace tessera::cli {

struct BenchmarksWord {
  std::string_view word;  ///< "compare"
  std::string_view what;
  std::string_view path;
  std::string (*table)(const JsonValue& reply);  ///< null: a file goes in or comes out
};
std::span<const BenchmarksWord> benchmarks_words();

struct BenchmarksCommand {
  const BenchmarksWord* word = nullptr;
  ServerPlace server;
  Parameters query;
  CostForm form = CostForm::Table;
  std::string file{};  ///< to import: JSON where its name ends so, else CSV
};

/// Of an import Invalid where records were refused, with what was taken all the same.
Result<std::string> run_benchmarks(const BenchmarksCommand& command);

}  // namespace tessera::cli

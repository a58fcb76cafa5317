// Append and read back what a relay queues (150 KB: a request's worth; 1 KB: a target's), and open a backlog.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "journal/journal.h"

namespace {
using namespace tessera::journal;

std::unique_ptr<Journal> opened(const tessera::TempDir& dir) {
  return *Journal::open({.dir = dir.path(), .max_bytes = 2U << 30U});
}

void append(benchmark::State& state) {
  const tessera::TempDir dir;
  const auto journal = opened(dir);
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    const auto sequence = journal->append(0, 1, 0, body);
    if (!sequence) state.SkipWithError("not appended");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append)->Arg(1000)->Arg(150'000)->Unit(benchmark::kMicrosecond);

void read_and_acknowledge(benchmark::State& state) {
  const tessera::TempDir dir;
  const auto journal = opened(dir);
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  for (std::int64_t bytes = 0; bytes < 256 << 20; bytes += state.range(0))
    if (!journal->append(0, 1, 0, body)) state.SkipWithError("not appended");
  for (auto _ : state) {
    const auto record = journal->next({}, {});
    if (!record || !*record || !journal->acknowledge((*record)->sequence)) state.SkipWithError("not read");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(read_and_acknowledge)->Arg(1000)->Iterations(200'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(read_and_acknowledge)->Arg(150'000)->Iterations(1'500)->Unit(benchmark::kMicrosecond);

void open_backlog(benchmark::State& state) {
  const tessera::TempDir dir;
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  {
    const auto journal = opened(dir);
    for (std::int64_t bytes = 0; bytes < 1 << 30; bytes += state.range(0))
      if (!journal->append(0, 1, 0, body)) state.SkipWithError("not appended");
  }
  for (auto _ : state) benchmark::DoNotOptimize(opened(dir)->stats());
}
BENCHMARK(open_backlog)->Arg(1000)->Arg(150'000)->Unit(benchmark::kMillisecond);
}  // namespace

// Law: whatever a body holds, its records are read or refused with a word each; what is taken may be kept, and read
// from what is written of it, as a table and as JSON, it is the same again. The first byte says which reader gets the
// rest.
#include <cassert>
#include <cstdint>

#include "server/benchmarks/json.h"

namespace {
using tessera::fleet::benchmarks::ReadRecords;

void check_taken(const ReadRecords& read) {
  using namespace tessera;
  for (const auto& one : read.refused) assert(one.at >= 1 && !one.why.empty());
  for (const auto& one : read.taken) assert(fleet::benchmarks::check(one));
  const auto table = fleet::benchmarks::read_csv(fleet::benchmarks::to_csv(read.taken));
  assert(table && table->refused.empty() && table->taken == read.taken);
  const auto json = server::parse_benchmarks(server::benchmarks_json(read.taken), std::numeric_limits<EpochMs>::max());
  assert(json && json->refused.empty() && json->taken == read.taken);
  const auto merged = fleet::benchmarks::merge({}, read.taken);
  assert(merged.added + merged.corrected + merged.unchanged == read.taken.size());
  assert(merged.changed.size() == merged.added);
  assert(fleet::benchmarks::merge(merged.changed, merged.changed).unchanged == merged.added);
  fleet::benchmarks::compare(merged.changed, {});
  fleet::benchmarks::watch(merged.changed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr EpochMs kLatest = 2'000'000'000'000;
  const auto read =
      data[0] % 2 == 0 ? fleet::benchmarks::read_csv(body, kLatest) : server::parse_benchmarks(body, kLatest);
  if (read)
    check_taken(*read);
  else
    assert(!read.error().what.empty());
  return 0;
}

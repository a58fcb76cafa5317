#include "store/benchmarks.h"

#include <fmt/format.h>

#include "store/one_of.h"

namespace tessera::store {
namespace {

using fleet::benchmarks::Record;

constexpr std::size_t kColumns = 10;

/// " WHERE …" with its values behind those that are there; empty where the filter asks nothing.
std::string where(const BenchmarkFilter& filter, std::vector<Value>& values) {
  const std::pair<const char*, const std::vector<std::string>&> lists[] = {{"model", filter.models},
                                                                           {"driver", filter.drivers},
                                                                           {"name", filter.names},
                                                                           {"version", filter.versions},
                                                                           {"source", filter.sources}};
  std::string out;
  for (const auto& [column, list] : lists) {
    if (!list.empty()) out += (out.empty() ? " WHERE " : " AND ") + one_of(column, list, values);
  }
  return out;
}

Record record_in(const Row& row) {
  Record out;
  out.model = row.text(0);
  out.driver = row.text(1);
  out.name = row.text(2);
  out.version = row.text(3);
  out.unit = row.text(4);
  out.better = fleet::benchmarks::better_named(row.text(5)).value_or(fleet::benchmarks::Better::Higher);
  out.source = row.text(6);
  out.time = row.integer(7).value_or(0);
  out.value = row.real(8).value_or(0);
  out.watts = row.real(9);
  return out;
}

}  // namespace

Result<void> put_benchmarks(Database& database, const std::vector<Record>& records) {
  std::vector<Value> values;
  values.reserve(records.size() * kColumns);
  for (const Record& one : records)
    values.insert(values.end(), {one.model, one.driver, one.name, one.version, one.unit,
                                 std::string(fleet::benchmarks::better_name(one.better)), one.source, one.time,
                                 one.value, value_or_null(one.watts)});
  return database.insert(
      "INSERT INTO benchmark_run (model, driver, name, version, unit, better, source, at, result, watts)", kColumns,
      values,
      "ON CONFLICT (name, version, model, driver, unit, better, source, at) DO UPDATE SET result = excluded.result, "
      "watts = excluded.watts");
}

Result<std::vector<Record>> benchmarks(Database& database, const BenchmarkFilter& filter, std::size_t most) {
  std::vector<Record> out;
  std::vector<Value> values;
  const std::string which = where(filter, values);
  values.emplace_back(static_cast<std::int64_t>(most));
  TRY(database.each(fmt::format("SELECT model, driver, name, version, unit, better, source, at, result, watts FROM "
                                "benchmark_run{} ORDER BY at DESC, name, version, model, driver, unit, better, source "
                                "LIMIT ?",
                                which),
                    values, [&](const Row& row) { out.push_back(record_in(row)); }));
  return out;
}

Result<std::uint64_t> count_benchmarks(Database& database, const BenchmarkFilter& filter) {
  std::uint64_t out = 0;
  std::vector<Value> values;
  const std::string which = where(filter, values);
  TRY(database.each("SELECT COUNT(*) FROM benchmark_run" + which, values,
                    [&](const Row& row) { out = static_cast<std::uint64_t>(row.integer(0).value_or(0)); }));
  return out;
}

Result<std::uint64_t> drop_benchmarks(Database& database, const BenchmarkFilter& filter) {
  const std::uint64_t out = TRY(count_benchmarks(database, filter));
  std::vector<Value> values;
  const std::string which = where(filter, values);
  TRY(database.run("DELETE FROM benchmark_run" + which, values));
  return out;
}

Result<void> drop_benchmark(Database& database, const Record& run) {
  return database.run(
      "DELETE FROM benchmark_run WHERE model = ? AND driver = ? AND name = ? AND version = ? AND unit = ? AND better = "
      "? AND source = ? AND at = ?",
      {run.model, run.driver, run.name, run.version, run.unit, std::string(fleet::benchmarks::better_name(run.better)),
       run.source, run.time});
}

}  // namespace tessera::store

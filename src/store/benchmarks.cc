#include "store/benchmarks.h"

#include <array>

namespace tessera::store {

using fleet::benchmarks::Record;

Result<void> put_benchmarks(Database& database, const std::vector<Record>& records) {
  return database.atomically([&]() -> Result<void> {
    for (const Record& one : records)
      TRY(database.run(
          "INSERT INTO benchmark_run (model, driver, name, version, unit, better, source, at, result, watts) VALUES "
          "(?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, version, model, driver, unit, better, source, at) DO UPDATE SET "
          "result = excluded.result, watts = excluded.watts",
          {one.model, one.driver, one.name, one.version, one.unit,
           std::string(fleet::benchmarks::better_name(one.better)), one.source, one.time, one.value,
           value_or_null(one.watts)}));
    return {};
  });
}

Result<std::vector<Record>> benchmarks(Database& database, std::size_t most) {
  std::vector<Record> out;
  const std::array<Value, 1> values = {static_cast<std::int64_t>(most)};
  TRY(database.each(
      "SELECT model, driver, name, version, unit, better, source, at, result, watts FROM benchmark_run ORDER BY at "
      "DESC, "
      "name, version, model, driver, unit, better, source LIMIT ?",
      values, [&](const Row& row) {
        Record one;
        one.model = row.text(0);
        one.driver = row.text(1);
        one.name = row.text(2);
        one.version = row.text(3);
        one.unit = row.text(4);
        one.better = fleet::benchmarks::better_named(row.text(5)).value_or(fleet::benchmarks::Better::Higher);
        one.source = row.text(6);
        one.time = row.integer(7).value_or(0);
        one.value = row.real(8).value_or(0);
        one.watts = row.real(9);
        out.push_back(std::move(one));
      }));
  return out;
}

}  // namespace tessera::store

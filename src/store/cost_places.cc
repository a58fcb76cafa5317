#include "store/cost_places.h"

namespace tessera::store {

Result<std::vector<CostPlace>> cost_places(Database& database) {
  std::vector<CostPlace> out;
  TRY(database.each("SELECT cluster, node, begins, pool, purchase FROM cost_place ORDER BY cluster, node, begins", {},
                    [&](const Row& row) {
                      out.push_back({row.text(0), row.text(1), row.integer(2).value_or(0), row.text(3),
                                     fleet::purchase_named(row.text(4)).value_or(fleet::Purchase::OnDemand)});
                    }));
  return out;
}

Result<void> write_cost_places(Database& database, const std::vector<CostPlace>& places) {
  constexpr std::size_t kColumns = 5;
  std::vector<Value> values;
  for (const CostPlace& one : places)
    for (Value value : {Value(one.cluster), Value(one.node), Value(one.begins), Value(one.pool),
                        Value(std::string(fleet::purchase_name(one.purchase)))})
      values.push_back(std::move(value));
  return database.insert(
      "INSERT INTO cost_place (cluster, node, begins, pool, purchase)", kColumns, values,
      "ON CONFLICT (cluster, node, begins) DO UPDATE SET pool = excluded.pool, purchase = excluded.purchase");
}

Result<void> drop_cost_places_before(Database& database, EpochMs time) {
  return database.run(
      "DELETE FROM cost_place WHERE begins < ? AND (EXISTS (SELECT 1 FROM cost_place n WHERE n.cluster = "
      "cost_place.cluster AND n.node = cost_place.node AND n.begins > cost_place.begins AND n.begins <= ?) OR NOT "
      "EXISTS (SELECT 1 FROM device_seen d WHERE d.cluster = cost_place.cluster AND d.node = cost_place.node))",
      {time, time});
}

}  // namespace tessera::store

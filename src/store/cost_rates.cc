#include "store/cost_rates.h"

#include <algorithm>

#include "fleet/cost/ledger.h"
#include "fleet/cost/rate_history.h"
#include "store/cost_ledger.h"

namespace tessera::store {
namespace {

Result<void> replace(Database& database, const std::vector<fleet::Rate>& rates) {
  constexpr std::size_t kColumns = 8;
  TRY(database.run("DELETE FROM cost_rate"));
  std::vector<Value> values;
  for (const fleet::Rate& one : rates) {
    const std::string purchase(one.purchase ? fleet::purchase_name(*one.purchase) : "");
    for (Value value : {Value(one.model), Value(one.cluster), Value(one.node), Value(one.pool), Value(purchase),
                        Value(one.from), Value(one.to), Value(one.per_hour)})
      values.push_back(std::move(value));
  }
  return database.insert("INSERT INTO cost_rate (model, cluster, node, pool, purchase, begins, ends, per_hour)",
                         kColumns, values);
}

/// Those that have time without a price.
Result<std::vector<EpochMs>> unpriced_buckets(Database& database, EpochMs oldest) {
  std::vector<EpochMs> out;
  const Value from = oldest / 1'000;
  TRY(database.each(
      "SELECT bucket FROM cost_entry WHERE bucket >= ? GROUP BY bucket HAVING SUM(unpriced_ms) > 0 ORDER BY bucket",
      {&from, 1}, [&](const Row& row) { out.push_back(row.integer(0).value_or(0) * 1'000); }));
  return out;
}

Result<void> note_repriced(Database& database, const std::vector<fleet::TimeSpan>& spans, EpochMs oldest, EpochMs now) {
  constexpr EpochMs kBucket = fleet::kCostBucket.count();
  std::vector<EpochMs> buckets;
  for (const fleet::TimeSpan& one : spans)
    for (EpochMs at = fleet::cost_bucket_of(std::max(one.from, oldest)); at < std::min(one.to, now); at += kBucket)
      buckets.push_back(at);
  return note_late(database, buckets, kRatesChanged);
}

/// The first rates of a ledger price what was closed without any. By what the rest was priced is not known, so that it
/// stands but where a rate says itself that it is for the past.
Result<void> note_first_priced(Database& database, std::vector<fleet::Rate> wanted, EpochMs oldest, EpochMs now) {
  if (!TRY(newest_cost_bucket(database))) return {};
  TRY(note_late(database, TRY(unpriced_buckets(database, oldest)), kRatesChanged));
  std::erase_if(wanted, [](const fleet::Rate& one) { return one.from == fleet::Rate{}.from; });
  return note_repriced(database, fleet::times_repriced({}, wanted), oldest, now);
}

}  // namespace

Result<std::vector<fleet::Rate>> cost_rates(Database& database) {
  std::vector<fleet::Rate> out;
  TRY(
      database.each("SELECT model, cluster, node, pool, purchase, begins, ends, per_hour FROM cost_rate ORDER BY "
                    "model, cluster, node, "
                    "pool, purchase, begins",
                    {}, [&](const Row& row) {
                      const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
                      out.push_back({row.text(0), row.text(1), row.text(2), row.text(3),
                                     fleet::purchase_named(row.text(4)), number(7), number(5), number(6)});
                    }));
  return out;
}

Result<std::vector<fleet::Rate>> keep_cost_rates(Database& database, const std::vector<fleet::Rate>& wanted,
                                                 EpochMs oldest, EpochMs now) {
  const auto known = TRY(cost_rates(database));
  auto rates = fleet::repriced(known, wanted, now);
  const auto spans = fleet::times_repriced(known, rates);
  if (spans.empty()) return rates;
  TRY(database.atomically([&]() -> Result<void> {
    TRY(replace(database, rates));
    if (known.empty()) return note_first_priced(database, wanted, oldest, now);
    return note_repriced(database, spans, oldest, now);
  }));
  return rates;
}

}  // namespace tessera::store

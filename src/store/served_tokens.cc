#include "store/served_tokens.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "base/text.h"

namespace tessera::store {
namespace {

std::int64_t thousandths(double tokens) { return std::llround(tokens * 1'000); }

}  // namespace

Result<void> add_served_tokens(Database& database, EpochMs bucket, const std::vector<ServedTokens>& tokens) {
  for (const ServedTokens& one : tokens) {
    const Value pods = fmt::format("{}", fmt::join(one.pods, ","));
    TRY(
        database.run("INSERT INTO served_tokens (bucket, cluster, namespace, pod, model, pods, prompt, cached, "
                     "generated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bucket, cluster, namespace, pod, "
                     "model, pods) DO UPDATE SET prompt = served_tokens.prompt + excluded.prompt, cached = "
                     "served_tokens.cached + excluded.cached, generated = served_tokens.generated + excluded.generated",
                     {bucket / 1'000, one.cluster, one.space, one.pod, one.model, pods, thousandths(one.prompt),
                      thousandths(one.cached), thousandths(one.generated)}));
    if (one.observed_ms)
      TRY(database.run(
          "INSERT INTO served_time (bucket, cluster, namespace, pod, model, pods, observed_ms) VALUES (?, ?, ?, ?, ?, "
          "?, ?) ON CONFLICT (bucket, cluster, namespace, pod, model, pods) DO UPDATE SET observed_ms = "
          "served_time.observed_ms + excluded.observed_ms",
          {bucket / 1'000, one.cluster, one.space, one.pod, one.model, pods, *one.observed_ms}));
  }
  return {};
}

Result<std::vector<ServedTokens>> served_tokens(Database& database, EpochMs from, EpochMs to) {
  std::vector<ServedTokens> out;
  const std::array<Value, 2> values = {from / 1'000, to / 1'000};
  TRY(database.each(
      "SELECT t.cluster, t.namespace, t.pod, t.model, t.pods, t.prompt, t.cached, t.generated, t.bucket, o.observed_ms "
      "FROM served_tokens t LEFT JOIN served_time o ON o.bucket = t.bucket AND o.cluster = t.cluster AND o.namespace = "
      "t.namespace AND o.pod = t.pod AND o.model = t.model AND o.pods = t.pods WHERE t.bucket >= ? AND t.bucket < ? "
      "ORDER BY t.bucket, t.cluster, t.namespace, t.pod, t.model, t.pods",
      values, [&](const Row& row) {
        const std::string names = row.text(4);
        std::vector<std::string> pods;
        for (const std::string_view name : split(names, ','))
          if (!name.empty()) pods.emplace_back(name);
        const auto tokens = [&](std::size_t column) {
          return static_cast<double>(row.integer(column).value_or(0)) / 1'000;
        };
        out.push_back({row.text(0), row.text(1), row.text(2), row.text(3), std::move(pods), tokens(5), tokens(6),
                       tokens(7), row.integer(8).value_or(0) * 1'000, row.integer(9)});
      }));
  return out;
}

Result<std::vector<ServingCost>> serving_costs(Database& database, EpochMs from, EpochMs to, std::size_t most) {
  std::vector<ServingCost> out;
  std::optional<Error> beyond;
  const std::array<Value, 4> values = {from / 1'000, from / 1'000, to / 1'000, static_cast<std::int64_t>(most + 1)};
  TRY(database.each(
      "SELECT e.bucket, o.cluster, o.namespace, o.pod, o.team, e.kind, CAST(SUM(e.micros / 1000000) AS BIGINT), "
      "CAST(SUM(e.micros % 1000000) AS BIGINT), CAST(SUM(e.device_ms) AS BIGINT), CAST(SUM(e.unpriced_ms) AS BIGINT) "
      "FROM cost_entry e JOIN cost_owner o ON o.id = e.owner JOIN (SELECT DISTINCT cluster, namespace FROM "
      "served_tokens WHERE bucket >= ?) t ON t.cluster = o.cluster AND t.namespace = o.namespace WHERE "
      "e.bucket >= ? AND e.bucket < ? GROUP BY e.bucket, o.cluster, o.namespace, o.pod, o.team, e.kind ORDER BY "
      "e.bucket LIMIT ?",
      values, [&](const Row& row) {
        const auto kind = fleet::cost_kind_named(row.text(5));
        if (!kind || !fleet::is_allocated(*kind)) return;
        const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
        const auto micros = fleet::narrow(fleet::Wide{number(6)} * fleet::kUnit + number(7), "what a pod has cost");
        if (!micros && !beyond) beyond = micros.error();
        ServingCost& one = out.emplace_back();
        one.bucket = number(0) * 1'000;
        one.owner.cluster = row.text(1);
        one.owner.space = row.text(2);
        one.owner.pod = row.text(3);
        one.owner.team = row.text(4);
        one.kind = *kind;
        one.amount = {micros ? *micros : 0, number(8), number(9)};
      }));
  if (beyond) return *std::move(beyond);
  if (out.size() > most) return fail(Code::Invalid, "more than {} lines of the ledger: ask for a shorter window", most);
  return out;
}

Result<std::optional<EpochMs>> first_served_tokens(Database& database) {
  std::optional<EpochMs> out;
  TRY(database.each("SELECT MIN(bucket) FROM served_tokens", {}, [&](const Row& row) {
    if (const auto bucket = row.integer(0)) out = *bucket * 1'000;
  }));
  return out;
}

Result<void> drop_served_tokens_before(Database& database, EpochMs time) {
  for (const char* table : {"served_tokens", "served_time"})
    TRY(database.run(fmt::format("DELETE FROM {} WHERE bucket < ?", table), {time / 1'000}));
  return {};
}

}  // namespace tessera::store

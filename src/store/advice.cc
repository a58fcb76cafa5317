#include "store/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fleet/cost/posting.h"
#include "store/one_of.h"

namespace tessera::store {
namespace {

using fleet::Field;
using fleet::advice::EngineSlot;

constexpr std::array<std::string_view, kAdviceStates> kStates = {"open", "accepted", "snoozed", "dismissed"};

std::int64_t thousandths(double value) { return std::llround(value * 1'000); }
double of_thousandths(const Row& row, std::size_t column) {
  return static_cast<double>(row.integer(column).value_or(0)) / 1'000;
}

AdviceSaid read_said(const Row& row) {
  AdviceSaid out;
  out.id = row.text(0);
  out.kind = row.text(1);
  out.cluster = row.text(2);
  out.space = row.text(3);
  out.name = row.text(4);
  out.aim = row.text(5);
  out.per_month = row.integer(6);
  out.first_said = row.integer(7).value_or(0);
  out.last_said = row.integer(8).value_or(0);
  out.standing = row.integer(9).value_or(0) != 0;
  out.body = row.text(10);
  return out;
}

/// What a subject was in a slot while one owner had it.
fleet::advice::Slot slot_of(EpochMs begin, std::int64_t had_ms, const fleet::Totals& totals) {
  fleet::advice::Slot out;
  out.begin = begin;
  out.busy = totals.mean(Field::Utilization);
  out.busy_most = totals.max(Field::Utilization);
  out.sm = totals.mean(Field::SmActive);
  out.dram = totals.mean(Field::DramActive);
  if (const auto most = totals.max(Field::MemoryUsed)) out.memory_bytes = static_cast<std::uint64_t>(*most);
  out.observed_ms = std::min(had_ms, totals[Field::Utilization].ms);
  return out;
}

}  // namespace

std::string_view advice_state_name(AdviceState state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<AdviceState> advice_state_named(std::string_view name) {
  const auto* const found = std::ranges::find(kStates, name);
  if (found == kStates.end()) return std::nullopt;
  return static_cast<AdviceState>(found - kStates.begin());
}

Result<void> keep_advice(Database& database, const std::vector<AdviceSaid>& said) {
  return database.atomically([&]() -> Result<void> {
    TRY(database.run("UPDATE advice_said SET standing = 0 WHERE standing = 1"));
    for (const AdviceSaid& one : said)
      TRY(database.run(
          "INSERT INTO advice_said (id, kind, cluster, namespace, name, aim, per_month, first_said, last_said, "
          "standing, "
          "body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (id) DO UPDATE SET aim = excluded.aim, per_month "
          "= excluded.per_month, last_said = excluded.last_said, standing = 1, body = excluded.body",
          {one.id, one.kind, one.cluster, one.space, one.name, one.aim, value_or_null(one.per_month), one.first_said,
           one.last_said, one.body}));
    return {};
  });
}

Result<std::vector<AdviceSaid>> advice_said(Database& database) {
  std::vector<AdviceSaid> out;
  TRY(database.each(
      "SELECT id, kind, cluster, namespace, name, aim, per_month, first_said, last_said, standing, body FROM "
      "advice_said ORDER BY id",
      {}, [&](const Row& row) { out.push_back(read_said(row)); }));
  return out;
}

Result<void> drop_advice_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM advice_said WHERE standing = 0 AND last_said < ?", {time});
}

Result<std::vector<ScatterSeen>> scatter_seen(Database& database) {
  std::vector<ScatterSeen> out;
  TRY(database.each("SELECT cluster, model, since, looks, looked FROM scatter_seen ORDER BY cluster, model", {},
                    [&](const Row& row) {
                      out.push_back({row.text(0), row.text(1), row.integer(2).value_or(0), row.integer(3).value_or(0),
                                     row.integer(4).value_or(0)});
                    }));
  return out;
}

Result<void> keep_scatter_seen(Database& database, const std::vector<ScatterSeen>& seen) {
  return database.atomically([&]() -> Result<void> {
    TRY(database.run("DELETE FROM scatter_seen"));
    for (const ScatterSeen& one : seen)
      TRY(database.run("INSERT INTO scatter_seen (cluster, model, since, looks, looked) VALUES (?, ?, ?, ?, ?)",
                       {one.cluster, one.model, one.first, one.looks, one.looked}));
    return {};
  });
}

Result<std::vector<AdviceAnswer>> advice_answers(Database& database) {
  std::vector<AdviceAnswer> out;
  TRY(database.each("SELECT id, state, at, by_whom, until, reason, aim, per_month, body FROM advice_answer ORDER BY id",
                    {}, [&](const Row& row) {
                      out.push_back({row.text(0), advice_state_named(row.text(1)).value_or(AdviceState::Dismissed),
                                     row.integer(2).value_or(0), row.text(3), row.integer(4), row.text(5), row.text(6),
                                     row.integer(7), row.text(8)});
                    }));
  return out;
}

Result<void> put_advice_answer(Database& database, const AdviceAnswer& answer) {
  return database.run(
      "INSERT INTO advice_answer (id, state, at, by_whom, until, reason, aim, per_month, body) VALUES (?, ?, ?, ?, ?, "
      "?, "
      "?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at, by_whom = excluded.by_whom, "
      "until = excluded.until, reason = excluded.reason, aim = excluded.aim, per_month = excluded.per_month, body = "
      "excluded.body",
      {answer.id, std::string(advice_state_name(answer.state)), answer.at, answer.by, value_or_null(answer.until),
       answer.reason, answer.aim, value_or_null(answer.per_month), answer.body});
}

Result<void> drop_advice_answer(Database& database, const std::string& id) {
  return database.run("DELETE FROM advice_answer WHERE id = ?", {id});
}

Result<void> rename_advice(Database& database, const std::string& from, const std::string& to) {
  for (const char* table : {"advice_said", "advice_answer"})
    TRY(database.run(
        fmt::format("UPDATE {0} SET id = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM {0} WHERE id = ?)", table),
        {to, from, to}));
  return {};
}

Result<void> add_serving_seen(Database& database, const std::vector<ServingSeen>& seen) {
  constexpr std::size_t kColumns = 11;
  std::vector<Value> values;
  for (const ServingSeen& one : seen) {
    const EngineSlot& slot = one.slot;
    const auto kv = slot.kv_tokens_most ? std::optional(std::llround(*slot.kv_tokens_most)) : std::nullopt;
    for (Value value :
         {Value(slot.begin / 1'000), Value(one.cluster), Value(one.space), Value(one.pod), Value(slot.observed_ms),
          Value(thousandths(slot.tokens)), Value(thousandths(slot.finished)),
          Value(std::int64_t{std::llround(slot.running_most)}), Value(std::int64_t{std::llround(slot.waiting_most)}),
          value_or_null(kv), Value(thousandths(slot.preemptions))})
      values.push_back(std::move(value));
  }
  if (values.empty()) return {};
  const auto larger = [](const char* column) {
    return fmt::format("{0} = CASE WHEN excluded.{0} > serving_seen.{0} THEN excluded.{0} ELSE serving_seen.{0} END",
                       column);
  };
  const auto sum = [](const char* column) { return fmt::format("{0} = serving_seen.{0} + excluded.{0}", column); };
  return database.insert(
      "INSERT INTO serving_seen (bucket, cluster, namespace, pod, observed_ms, tokens, finished, running_most, "
      "waiting_most, kv_tokens_most, preemptions)",
      kColumns, values,
      fmt::format(
          "ON CONFLICT (bucket, cluster, namespace, pod) DO UPDATE SET {}, {}, {}, {}, {}, {}, kv_tokens_most = "
          "CASE WHEN serving_seen.kv_tokens_most IS NULL OR excluded.kv_tokens_most > "
          "serving_seen.kv_tokens_most THEN excluded.kv_tokens_most ELSE serving_seen.kv_tokens_most END",
          sum("observed_ms"), sum("tokens"), sum("finished"), larger("running_most"), larger("waiting_most"),
          sum("preemptions")));
}

Result<std::vector<ServingSeen>> serving_seen(Database& database, EpochMs from) {
  std::vector<ServingSeen> out;
  const std::array<Value, 1> values = {from / 1'000};
  TRY(database.each(
      "SELECT bucket, cluster, namespace, pod, observed_ms, tokens, finished, running_most, waiting_most, "
      "kv_tokens_most, preemptions FROM serving_seen WHERE bucket >= ? ORDER BY cluster, namespace, pod, bucket",
      values, [&](const Row& row) {
        EngineSlot slot;
        slot.begin = row.integer(0).value_or(0) * 1'000;
        slot.observed_ms = row.integer(4).value_or(0);
        slot.tokens = of_thousandths(row, 5);
        slot.finished = of_thousandths(row, 6);
        slot.running_most = static_cast<double>(row.integer(7).value_or(0));
        slot.waiting_most = static_cast<double>(row.integer(8).value_or(0));
        if (const auto kv = row.integer(9)) slot.kv_tokens_most = static_cast<double>(*kv);
        slot.preemptions = of_thousandths(row, 10);
        out.push_back({row.text(1), row.text(2), row.text(3), slot});
      }));
  return out;
}

Result<void> drop_serving_seen_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM serving_seen WHERE bucket < ?", {time / 1'000});
}

Result<void> each_held_slot(Database& database, const Span& span, const std::function<void(const HeldSlot&)>& take) {
  const std::array<Value, 2> values = {span.from, span.to};
  constexpr std::size_t kBefore = 9;
  return database.each(
      fmt::format(
          "SELECT o.bucket, w.cluster, w.namespace, w.pod, w.pod_uid, s.device_uuid, s.gpu_instance, s.profile, "
          "(CASE WHEN o.held_ms > o.used_ms THEN o.held_ms ELSE o.used_ms END), {} FROM {} o JOIN {} u ON u.bucket = "
          "o.bucket AND u.subject = o.subject JOIN usage_subject s ON s.id = o.subject JOIN usage_owner w ON w.id = "
          "o.owner WHERE o.bucket >= ? AND o.bucket < ? AND w.pod <> '' ORDER BY o.owner, o.subject, o.bucket",
          totals_columns(false), owned_table(span.resolution), usage_table(span.resolution)),
      values, [&](const Row& row) {
        HeldSlot out;
        out.cluster = row.text(1);
        out.space = row.text(2);
        out.pod = row.text(3);
        out.pod_uid = row.text(4);
        out.device_uuid = row.text(5);
        if (const auto instance = row.integer(6); instance && *instance >= 0)
          out.gpu_instance = static_cast<unsigned>(*instance);
        out.profile = row.text(7);
        out.slot = slot_of(row.integer(0).value_or(0) * 1'000, row.integer(8).value_or(0), totals_of(row, kBefore));
        take(out);
      });
}

Result<void> each_told_device(Database& database, const Span& span,
                              const std::function<void(EpochMs, const std::string&)>& take) {
  const std::array<Value, 2> values = {span.from, span.to};
  return database.each(
      fmt::format("SELECT u.bucket, s.device_uuid FROM {} u JOIN usage_subject s ON s.id = u.subject WHERE "
                  "u.bucket >= ? AND u.bucket < ? AND u.observed_ms > 0",
                  usage_table(span.resolution)),
      values, [&](const Row& row) { take(row.integer(0).value_or(0) * 1'000, row.text(1)); });
}

Result<std::vector<PoolHour>> pool_hours(Database& database, EpochMs from, EpochMs to) {
  constexpr std::int64_t kHourSeconds = 3'600;
  std::vector<std::string> held;
  for (std::size_t i = 0; i < fleet::kCostKinds; ++i)
    if (const auto kind = static_cast<fleet::CostKind>(i); fleet::is_allocated(kind))
      held.emplace_back(fleet::cost_kind_name(kind));
  std::vector<Value> values;
  const std::string is_held = one_of("e.kind", held, values);
  values.insert(values.end(), {std::string(fleet::cost_kind_name(fleet::CostKind::Unobserved)), from / 1'000,
                               to / 1'000, std::string(fleet::purchase_name(fleet::Purchase::OnDemand))});
  std::vector<PoolHour> out;
  TRY(database.each(
      fmt::format(
          "SELECT e.bucket / 3600, s.cluster, s.model, CAST(SUM(CASE WHEN {} THEN e.device_ms ELSE 0 "
          "END) AS BIGINT), CAST(SUM(CASE WHEN e.kind = ? THEN e.device_ms ELSE 0 END) AS BIGINT), "
          "CAST(SUM(e.device_ms) AS BIGINT) FROM cost_entry e JOIN cost_subject s ON s.id = e.subject "
          "WHERE e.bucket >= ? AND e.bucket < ? AND s.purchase = ? GROUP BY e.bucket / 3600, s.cluster, s.model "
          "ORDER BY s.cluster, s.model, e.bucket / 3600",
          is_held),
      values, [&](const Row& row) {
        out.push_back({row.integer(0).value_or(0) * kHourSeconds * 1'000, row.text(1), row.text(2),
                       row.integer(3).value_or(0), row.integer(4).value_or(0), row.integer(5).value_or(0)});
      }));
  return out;
}

}  // namespace tessera::store

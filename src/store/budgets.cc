#include "store/budgets.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "fleet/cost/posting.h"

namespace tessera::store {
namespace {
namespace budgets_of = fleet::budgets;
using budgets_of::Budget;
using budgets_of::Crossing;
using budgets_of::Threshold;

std::string thresholds_text(const std::vector<Threshold>& thresholds) {
  std::string out;
  for (const Threshold& one : thresholds)
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", budgets_of::basis_name(one.on), one.percent);
  return out;
}

std::vector<Threshold> read_thresholds(const std::string& text) {
  std::vector<Threshold> out;
  for (const std::string_view one : split(text, ' ')) {
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos) continue;
    const auto on = budgets_of::basis_named(one.substr(0, colon));
    const auto percent = parse_int(one.substr(colon + 1));
    if (on && percent) out.push_back({*on, *percent});
  }
  return out;
}

/// A word that another version has written is what a budget has without.
KeptBudget read_budget(const Row& row) {
  const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
  Budget budget;
  budget.id = row.text(0);
  budget.name = row.text(1);
  budget.scope = {budgets_of::scope_kind_named(row.text(2)).value_or(budgets_of::ScopeKind::Fleet), row.text(3)};
  budget.period = {budgets_of::period_kind_named(row.text(4)).value_or(budgets_of::PeriodKind::Month),
                   {number(5), number(6)}};
  budget.time_zone = row.text(7);
  budget.amount = number(8);
  budget.currency = row.text(9);
  budget.thresholds = read_thresholds(row.text(10));
  budget.enforcement = budgets_of::enforcement_named(row.text(11)).value_or(budgets_of::Enforcement::None);
  budget.enforce_on = budgets_of::basis_named(row.text(12)).value_or(budgets_of::Basis::Actual);
  return {std::move(budget), row.text(13), number(14), row.text(15), number(16)};
}

/// What of the entries is of a scope, and its one value.
std::string_view whose(budgets_of::ScopeKind kind) {
  switch (kind) {
    case budgets_of::ScopeKind::Team:
      return "team";
    case budgets_of::ScopeKind::Project:
      return "project";
    default:
      return "namespace";
  }
}

}  // namespace

Result<std::vector<KeptBudget>> budgets(Database& database) {
  std::vector<KeptBudget> out;
  TRY(database.each(
      "SELECT id, name, scope_kind, scope_name, period_kind, begins, ends, time_zone, amount, currency, thresholds, "
      "enforcement, enforce_on, created_by, created, changed_by, changed FROM budget ORDER BY name, id",
      {}, [&](const Row& row) { out.push_back(read_budget(row)); }));
  return out;
}

Result<void> put_budget(Database& database, const KeptBudget& one) {
  const Budget& of = one.budget;
  TRY(database.run("DELETE FROM budget WHERE id = ?", {of.id}));
  return database.run(
      "INSERT INTO budget (id, name, scope_kind, scope_name, period_kind, begins, ends, time_zone, amount, currency, "
      "thresholds, enforcement, enforce_on, created_by, created, changed_by, changed) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {of.id, of.name, std::string(budgets_of::scope_kind_name(of.scope.kind)), of.scope.name,
       std::string(budgets_of::period_kind_name(of.period.kind)), of.period.custom.from, of.period.custom.to,
       of.time_zone, of.amount, of.currency, thresholds_text(of.thresholds),
       std::string(budgets_of::enforcement_name(of.enforcement)), std::string(budgets_of::basis_name(of.enforce_on)),
       one.created_by, one.created, one.changed_by, one.changed});
}

Result<bool> drop_budget(Database& database, const std::string& id) {
  TRY(database.run("DELETE FROM budget_crossing WHERE budget = ?", {id}));
  TRY(database.run("DELETE FROM budget_judged WHERE budget = ?", {id}));
  return TRY(database.change("DELETE FROM budget WHERE id = ?", {id})) > 0;
}

Result<std::vector<Crossing>> budget_crossings(Database& database) {
  std::vector<Crossing> out;
  TRY(database.each(
      "SELECT budget, period_begin, period_end, basis, percent, at, amount, reached FROM budget_crossing ORDER BY "
      "budget, period_begin, basis, percent",
      {}, [&](const Row& row) {
        const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
        out.push_back({row.text(0),
                       {number(1), number(2)},
                       {budgets_of::basis_named(row.text(3)).value_or(budgets_of::Basis::Actual), number(4)},
                       number(5),
                       number(6),
                       number(7)});
      }));
  return out;
}

Result<void> add_budget_crossings(Database& database, std::span<const Crossing> crossings) {
  for (const Crossing& one : crossings)
    TRY(database.run(
        "INSERT INTO budget_crossing (budget, period_begin, basis, percent, period_end, at, amount, reached) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (budget, period_begin, basis, percent) DO NOTHING",
        {one.budget, one.period.from, std::string(budgets_of::basis_name(one.threshold.on)), one.threshold.percent,
         one.period.to, one.at, one.amount, one.reached}));
  return {};
}

Result<void> drop_budget_crossing(Database& database, const Crossing& one) {
  return database.run(
      "DELETE FROM budget_crossing WHERE budget = ? AND period_begin = ? AND basis = ? AND percent = ?",
      {one.budget, one.period.from, std::string(budgets_of::basis_name(one.threshold.on)), one.threshold.percent});
}

Result<void> drop_budget_crossings_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM budget_crossing WHERE period_end < ?", {time});
}

Result<std::map<std::string, EpochMs>> budgets_judged(Database& database) {
  std::map<std::string, EpochMs> out;
  TRY(database.each("SELECT budget, done_until FROM budget_judged", {},
                    [&](const Row& row) { out[row.text(0)] = row.integer(1).value_or(0); }));
  return out;
}

Result<void> keep_budgets_judged(Database& database, const std::map<std::string, EpochMs>& until) {
  for (const auto& [budget, done] : until)
    TRY(database.run(
        "INSERT INTO budget_judged (budget, done_until) VALUES (?, ?) ON CONFLICT (budget) DO UPDATE SET done_until = "
        "EXCLUDED.done_until",
        {budget, done}));
  return {};
}

Result<LedgerVersion> ledger_version(Database& database) {
  LedgerVersion out;
  TRY(database.each("SELECT COUNT(*), MAX(bucket), CAST(SUM(revision) AS BIGINT) FROM cost_bucket", {},
                    [&](const Row& row) {
                      const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
                      out = {number(0), number(1), number(2)};
                    }));
  return out;
}

Result<std::map<EpochMs, std::int64_t>> closed_buckets(Database& database, EpochMs from, EpochMs to) {
  std::map<EpochMs, std::int64_t> out;
  const std::array<Value, 2> values = {from / 1'000, to / 1'000};
  TRY(database.each("SELECT bucket, revision FROM cost_bucket WHERE bucket >= ? AND bucket < ? ORDER BY bucket", values,
                    [&](const Row& row) { out[row.integer(0).value_or(0) * 1'000] = row.integer(1).value_or(0); }));
  return out;
}

Result<std::map<EpochMs, fleet::Micros>> spent_by_bucket(Database& database, const budgets_of::Scope& scope,
                                                         EpochMs from, EpochMs to) {
  std::map<EpochMs, fleet::Micros> out;
  std::vector<Value> values = {from / 1'000, to / 1'000};
  std::string of;
  if (scope.kind != budgets_of::ScopeKind::Fleet) {
    of = fmt::format(" AND owner IN (SELECT id FROM cost_owner WHERE {} = ?) AND kind IN (?, ?, ?)", whose(scope.kind));
    values.emplace_back(scope.name);
    for (const auto kind : {fleet::CostKind::Used, fleet::CostKind::HeldIdle, fleet::CostKind::HeldUnknown})
      values.emplace_back(std::string(fleet::cost_kind_name(kind)));
  }
  TRY(database.each(
      fmt::format("SELECT bucket, CAST(SUM(micros) AS BIGINT) FROM cost_entry WHERE bucket >= ? AND bucket < ?{} GROUP "
                  "BY bucket ORDER BY bucket",
                  of),
      values, [&](const Row& row) { out[row.integer(0).value_or(0) * 1'000] = row.integer(1).value_or(0); }));
  return out;
}

}  // namespace tessera::store

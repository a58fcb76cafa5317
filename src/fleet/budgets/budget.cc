#include "fleet/budgets/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "fleet/cost/ledger.h"

namespace tessera::fleet::budgets {
namespace {

constexpr std::array<std::string_view, kScopeKinds> kScopes = {"fleet", "team", "project", "namespace"};
constexpr std::array<std::string_view, kPeriodKinds> kPeriods = {"day", "week", "month", "quarter", "custom"};
constexpr std::array<std::string_view, kBases> kBasisNames = {"actual", "forecast"};
constexpr std::array<std::string_view, kEnforcements> kEnforcementNames = {"none", "warn", "refuse"};
constexpr std::size_t kLongestName = 100, kLongestScope = 253;  // of a namespace; labels are shorter

template <class T, std::size_t kCount>
std::optional<T> named(const std::array<std::string_view, kCount>& names, std::string_view name) {
  const auto* at = std::ranges::find(names, name);
  if (at == names.end()) return std::nullopt;
  return static_cast<T>(std::distance(names.begin(), at));
}

bool is_text(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

Result<void> check_scope(const Scope& scope) {
  if (scope.kind == ScopeKind::Fleet && !scope.name.empty())
    return fail(Code::Invalid, "scope: the fleet has no name, and '{}' was given", scope.name);
  if (scope.kind != ScopeKind::Fleet && !is_text(scope.name, kLongestScope))
    return fail(Code::Invalid, "scope: the name of a {} expected, of up to {} characters", scope_kind_name(scope.kind),
                kLongestScope);
  return {};
}

Result<void> check_period(const Period& period) {
  const auto& [from, to] = period.custom;
  if (period.kind != PeriodKind::Custom) {
    if (from == 0 && to == 0) return {};
    return fail(Code::Invalid, "period: begin and end are of a custom one, and this is a {}",
                period_kind_name(period.kind));
  }
  if (from < 0 || from >= to) return fail(Code::Invalid, "period: an end behind its begin expected");
  if (cost_bucket_of(from) != from || cost_bucket_of(to) != to)
    return fail(Code::Invalid, "period: begin and end at a quarter of an hour expected, as costs are kept by those");
  if (to - from > kLongestWindow.count())
    return fail(Code::Invalid, "period: at most {} expected", format_duration(kLongestWindow));
  return {};
}

Result<void> check_thresholds(const std::vector<Threshold>& thresholds) {
  if (thresholds.size() > kMostThresholds)
    return fail(Code::Invalid, "thresholds: at most {} expected", kMostThresholds);
  for (const Threshold& one : thresholds)
    if (one.percent < 1 || one.percent > kMostPercent)
      return fail(Code::Invalid, "thresholds: {} percent, but 1 to {} expected", one.percent, kMostPercent);
  if (!std::ranges::is_sorted(thresholds) || std::ranges::adjacent_find(thresholds) != thresholds.end())
    return fail(Code::Invalid, "thresholds: one of them is there twice");
  return {};
}

Accumulate calendar_of(PeriodKind kind) {
  switch (kind) {
    case PeriodKind::Day:
      return Accumulate::Day;
    case PeriodKind::Week:
      return Accumulate::Week;
    case PeriodKind::Quarter:
      return Accumulate::Quarter;
    default:
      return Accumulate::Month;
  }
}

}  // namespace

std::string_view scope_kind_name(ScopeKind kind) { return kScopes[static_cast<std::size_t>(kind)]; }
std::optional<ScopeKind> scope_kind_named(std::string_view name) { return named<ScopeKind>(kScopes, name); }
std::string_view period_kind_name(PeriodKind kind) { return kPeriods[static_cast<std::size_t>(kind)]; }
std::optional<PeriodKind> period_kind_named(std::string_view name) { return named<PeriodKind>(kPeriods, name); }
std::string_view basis_name(Basis basis) { return kBasisNames[static_cast<std::size_t>(basis)]; }
std::optional<Basis> basis_named(std::string_view name) { return named<Basis>(kBasisNames, name); }
std::string_view enforcement_name(Enforcement enforcement) {
  return kEnforcementNames[static_cast<std::size_t>(enforcement)];
}
std::optional<Enforcement> enforcement_named(std::string_view name) {
  return named<Enforcement>(kEnforcementNames, name);
}

std::string scope_text(const Scope& scope) {
  if (scope.kind == ScopeKind::Fleet) return std::string(scope_kind_name(scope.kind));
  return fmt::format("{}:{}", scope_kind_name(scope.kind), scope.name);
}

Result<void> check(const Budget& budget) {
  if (!is_text(budget.name, kLongestName))
    return fail(Code::Invalid, "name: a text of up to {} characters expected", kLongestName);
  TRY(check_scope(budget.scope));
  TRY(check_period(budget.period));
  TRY(Zone::named(budget.time_zone));
  if (budget.amount < 0) return fail(Code::Invalid, "amount: {} is below 0", decimal(budget.amount));
  TRY(Currency::named(budget.currency));
  return check_thresholds(budget.thresholds);
}

Result<std::optional<CostWindow>> period_at(const Budget& budget, EpochMs time) {
  const Period& period = budget.period;
  if (period.kind == PeriodKind::Custom)
    return period.custom.from <= time && time < period.custom.to ? std::optional(period.custom) : std::nullopt;
  const Zone zone = TRY(Zone::named(budget.time_zone));
  const Accumulate by = calendar_of(period.kind);
  return std::optional(CostWindow{calendar_begin(zone, time, by, 0), calendar_begin(zone, time, by, 1)});
}

}  // namespace tessera::fleet::budgets

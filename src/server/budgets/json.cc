#include "server/budgets/json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"
#include "server/cost/json.h"
#include "server/query.h"

namespace tessera::server {
namespace {
namespace budgets = fleet::budgets;

constexpr std::string_view kMembers[] = {"name",     "scope",  "scopeName", "period",     "begin",       "end",
                                         "timeZone", "amount", "currency",  "thresholds", "enforcement", "enforceOn"};
constexpr std::size_t kLongestText = 500;
constexpr double kHour = 3'600'000;

Json money_or_null(const std::optional<fleet::Micros>& micros) { return micros ? money_json(*micros) : Json(nullptr); }

fleet::Zone zone_of(const budgets::Budget& budget) {
  auto zone = fleet::Zone::named(budget.time_zone);
  return zone ? *std::move(zone) : fleet::Zone::utc();
}

/// Of the amount, cut to hundredths; null of one of nothing.
Json percent_json(const std::optional<fleet::Micros>& part, fleet::Micros amount) {
  constexpr fleet::Wide kHundredths = 10'000;
  if (!part || amount == 0) return nullptr;
  return static_cast<double>(fleet::Wide{*part} * kHundredths / amount) / 100;
}

Json thresholds_json(const std::vector<budgets::Threshold>& thresholds) {
  Json out = Json::array();
  for (const budgets::Threshold& one : thresholds)
    out.push_back({{"percent", one.percent}, {"on", budgets::basis_name(one.on)}});
  return out;
}

Json outlook_json(const budgets::Outlook& of, fleet::Micros amount) {
  Json methods = Json::array();
  for (const auto& one : of.methods) methods.push_back({{"name", one.name}, {"weight", one.weight}});
  return {{"value", money_json(of.value)},
          {"percent", percent_json(of.value, amount)},
          {"low", money_json(of.low)},
          {"high", money_json(of.high)},
          {"coverage", budgets::kForecastCoverage},
          {"hourlyError", money_json(of.error)},
          {"historyHours", of.hours},
          {"filledHours", of.filled},
          {"aheadHours", of.ahead},
          {"judgedHours", of.judged},
          {"methods", std::move(methods)}};
}

Json crossings_json(const std::vector<budgets::Crossing>& crossings) {
  Json out = Json::array();
  for (const budgets::Crossing& one : crossings)
    out.push_back({{"percent", one.threshold.percent},
                   {"on", budgets::basis_name(one.threshold.on)},
                   {"time", time_json(one.at)},
                   {"amount", money_json(one.amount)},
                   {"reached", money_json(one.reached)}});
  return out;
}

Json burn_json(const budgets::Budget& budget, const budgets::Standing& standing) {
  const fleet::Zone zone = zone_of(budget);
  Json out = Json::array();
  for (const budgets::BurnPoint& one : standing.burn_down) {
    Json point = window_json(one.day, zone);
    point["spent"] = money_or_null(one.spent);
    point["spentBy"] = money_or_null(one.spent_by);
    point["evenBy"] = money_json(one.even_by);
    point["closed"] = one.closed;
    out.push_back(std::move(point));
  }
  return out;
}

Json standing_json(const BudgetStanding& of, Burn burn) {
  if (!of.standing) return nullptr;
  const budgets::Budget& budget = of.kept.budget;
  const budgets::Standing& one = *of.standing;
  Json out = {{"period", window_json(one.period, zone_of(budget))},
              {"closedUntil", time_or_null(one.closed_until)},
              {"spent", money_or_null(one.spent)},
              {"spentPercent", percent_json(one.spent, budget.amount)},
              {"remaining", money_or_null(budgets::remaining(budget, one))},
              {"evenPace", one.closed_until ? money_json(one.even) : Json(nullptr)},
              {"unknownHours", static_cast<double>(one.unknown.count()) / kHour},
              {"overspent", budgets::is_overspent(budget, one)},
              {"forecast", one.outlook ? outlook_json(*one.outlook, budget.amount) : Json(nullptr)},
              {"noForecast", text_or_null(one.no_outlook)},
              {"crossings", crossings_json(of.crossings)}};
  if (burn == Burn::Told) out["burnDown"] = burn_json(budget, one);
  return out;
}

Result<std::string> text_of(std::string_view member, const Json& value) {
  if (!value.is_string()) return fail(Code::Invalid, "{}: a text expected", member);
  auto out = value.get<std::string>();
  if (out.size() > kLongestText || !is_utf8(out))
    return fail(Code::Invalid, "{}: at most {} bytes of UTF-8 expected", member, kLongestText);
  return out;
}

template <class T>
Result<T> word_of(std::string_view member, const Json& value, std::optional<T> (*named)(std::string_view),
                  std::string_view (*name)(T), std::size_t count) {
  const std::string text = TRY(text_of(member, value));
  if (const auto found = named(text)) return *found;
  return fail(Code::Invalid, "{}: '{}', but one of {} is expected", member, text,
              fmt::join(names_of(name, count), ", "));
}

Result<budgets::Threshold> threshold_of(const Json& value) {
  if (!value.is_object()) return fail(Code::Invalid, "thresholds: objects of percent and on expected");
  budgets::Threshold out{budgets::Basis::Actual, 0};
  for (const auto& [member, of] : value.items()) {
    if (member == "percent" && of.is_number_integer())
      out.percent = of.get<std::int64_t>();
    else if (member == "on")
      out.on = TRY(word_of("thresholds: on", of, budgets::basis_named, budgets::basis_name, budgets::kBases));
    else
      return fail(Code::Invalid, "thresholds: '{}': percent (a whole number) and on (actual, forecast) expected",
                  valid_utf8(member));
  }
  return out;
}

Result<void> take_thresholds(const Json& value, budgets::Budget& into) {
  if (!value.is_array() || value.size() > budgets::kMostThresholds)
    return fail(Code::Invalid, "thresholds: a list of at most {} expected", budgets::kMostThresholds);
  for (const Json& one : value) into.thresholds.push_back(TRY(threshold_of(one)));
  std::ranges::sort(into.thresholds);
  return {};
}

Result<EpochMs> time_of(std::string_view member, const Json& value) {
  const auto time = fleet::parse_time(TRY(text_of(member, value)));
  if (!time) return fail(Code::Invalid, "{}: a time as 2026-01-31T00:00:00+09:00 expected", member);
  return *time;
}

Result<void> take(std::string_view member, const Json& value, budgets::Budget& into) {
  using namespace budgets;
  if (member == "scope")
    into.scope.kind = TRY(word_of(member, value, scope_kind_named, scope_kind_name, kScopeKinds));
  else if (member == "period")
    into.period.kind = TRY(word_of(member, value, period_kind_named, period_kind_name, kPeriodKinds));
  else if (member == "begin")
    into.period.custom.from = TRY(time_of(member, value));
  else if (member == "end")
    into.period.custom.to = TRY(time_of(member, value));
  else if (member == "thresholds")
    TRY(take_thresholds(value, into));
  else if (member == "enforcement")
    into.enforcement = TRY(word_of(member, value, enforcement_named, enforcement_name, kEnforcements));
  else if (member == "enforceOn")
    into.enforce_on = TRY(word_of(member, value, basis_named, basis_name, kBases));
  else if (member == "amount") {
    const auto amount = fleet::parse_decimal(TRY(text_of(member, value)));
    if (!amount) return fail(Code::Invalid, "amount: {}", amount.error().what);
    into.amount = *amount;
  } else if (member == "scopeName")
    into.scope.name = TRY(text_of(member, value));
  else if (member == "timeZone")
    into.time_zone = TRY(text_of(member, value));
  else
    (member == "name" ? into.name : into.currency) = TRY(text_of(member, value));
  return {};
}

}  // namespace

Json kept_json(const store::KeptBudget& kept) {
  const budgets::Budget& of = kept.budget;
  const bool custom = of.period.kind == budgets::PeriodKind::Custom;
  const fleet::Zone zone = zone_of(of);
  const auto when = [&](EpochMs time) { return custom ? Json(zone.format(time)) : Json(nullptr); };
  return {{"id", of.id},
          {"name", of.name},
          {"scope", budgets::scope_kind_name(of.scope.kind)},
          {"scopeName", text_or_null(of.scope.name)},
          {"period", budgets::period_kind_name(of.period.kind)},
          {"begin", when(of.period.custom.from)},
          {"end", when(of.period.custom.to)},
          {"timeZone", of.time_zone},
          {"amount", money_json(of.amount)},
          {"currency", of.currency},
          {"thresholds", thresholds_json(of.thresholds)},
          {"enforcement", budgets::enforcement_name(of.enforcement)},
          {"enforceOn", budgets::basis_name(of.enforce_on)},
          {"createdBy", kept.created_by},
          {"created", time_json(kept.created)},
          {"changedBy", kept.changed_by},
          {"changed", time_json(kept.changed)}};
}

Json budget_json(const BudgetStanding& one, Burn burn) {
  Json out = kept_json(one.kept);
  out["standing"] = standing_json(one, burn);
  out["trouble"] = text_or_null(one.trouble);
  return out;
}

namespace {

Json word_json(const BudgetWord& word) {
  const budgets::Budget& of = word.kept.budget;
  return {{"id", of.id},
          {"name", of.name},
          {"scope", budgets::scope_kind_name(of.scope.kind)},
          {"scopeName", text_or_null(of.scope.name)},
          {"enforcement", budgets::enforcement_name(of.enforcement)},
          {"enforceOn", budgets::basis_name(of.enforce_on)},
          {"period", window_json(word.standing.period, zone_of(of))},
          {"amount", money_json(of.amount)},
          {"currency", of.currency},
          {"spent", money_or_null(word.standing.spent)},
          {"forecast", word.standing.outlook ? money_json(word.standing.outlook->value) : Json(nullptr)},
          {"sentence", word.sentence}};
}

}  // namespace

Json words_json(const std::vector<BudgetWord>& words) {
  Json out = Json::array();
  for (const BudgetWord& one : words) out.push_back(word_json(one));
  return out;
}

Result<budgets::Budget> parse_budget(std::string_view body, const BudgetOptions& options) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(Code::Invalid, "the body is no JSON object");
  budgets::Budget out;
  out.time_zone = options.time_zone;
  out.currency = options.currency;
  for (const auto& [member, value] : json.items()) {
    if (std::ranges::find(kMembers, member) == std::end(kMembers))
      return fail(Code::Invalid, "{}: there is no such member; there are {}", valid_utf8(member),
                  fmt::join(kMembers, ", "));
    if (!value.is_null()) TRY(take(member, value, out));
  }
  for (const std::string_view needed : {"name", "scope", "period", "amount"})
    if (!json.contains(needed) || json[std::string(needed)].is_null())
      return fail(Code::Invalid, "{}: it is not there, and is needed", needed);
  if (out.currency != options.currency)
    return fail(Code::Invalid, "currency: {}, and costs are reckoned in {}: two currencies have no sum", out.currency,
                options.currency);
  TRY(budgets::check(out));
  return out;
}

}  // namespace tessera::server

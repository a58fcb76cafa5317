#include "server/budgets/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "metrics/own.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/api_rows.h"
#include "server/budgets/json.h"
#include "server/catalog.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"

namespace tessera::server {
namespace {
namespace budgets = fleet::budgets;

constexpr std::string_view kColumns[] = {"id",
                                         "name",
                                         "scope",
                                         "scopeName",
                                         "period",
                                         "timeZone",
                                         "amount",
                                         "currency",
                                         "enforcement",
                                         "enforceOn",
                                         "standing.period.start",
                                         "standing.period.end",
                                         "standing.closedUntil",
                                         "standing.spent",
                                         "standing.spentPercent",
                                         "standing.remaining",
                                         "standing.evenPace",
                                         "standing.forecast.value",
                                         "standing.overspent"};

struct Row {
  const BudgetStanding* one;
};
/// Of one of nothing, as if it were of a millionth. Absent where nothing is known, which is last then.
std::optional<double> percent_spent(const BudgetStanding& one) {
  if (!one.standing || !one.standing->spent) return std::nullopt;
  return static_cast<double>(*one.standing->spent) /
         static_cast<double>(std::max<fleet::Micros>(1, one.kept.budget.amount));
}
constexpr SortColumn<Row> kSort[] = {
    {"name", [](const Row& r) { return SortValue(r.one->kept.budget.name); }},
    {"scope", [](const Row& r) { return SortValue(budgets::scope_kind_name(r.one->kept.budget.scope.kind)); }},
    {"scopeName", [](const Row& r) { return SortValue(r.one->kept.budget.scope.name); }},
    {"amount", [](const Row& r) { return SortValue(static_cast<double>(r.one->kept.budget.amount)); }},
    {"spentPercent", [](const Row& r) { return SortValue(percent_spent(*r.one)); }},
    {"id", [](const Row& r) { return SortValue(r.one->kept.budget.id); }}};

class Routes {
 public:
  explicit Routes(Budgets* budgets) : budgets_(budgets) {}

  http::Response list(const http::Request& request) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    Query query(request);
    const Pager<Row> pager(query, kSort, "name", "id");
    const auto kinds = query.words("scope", names_of(budgets::scope_kind_name, budgets::kScopeKinds));
    const auto names = query.texts("scopeName");
    if (!query.finish()) return reply(*query.problem(), request);
    const auto book = budgets_->book();
    std::vector<Row> rows;
    for (const BudgetStanding& one : book->budgets) {
      const budgets::Scope& scope = one.kept.budget.scope;
      if (sees_budget(viewer_of(request), scope) && is_one(kinds, scope.kind) && is_any(names, scope.name))
        rows.push_back({&one});
    }
    Page page;
    page.total = rows.size();
    page.next_cursor = pager.cut(rows);
    page.rows = rows.size();
    page.row = [&](std::size_t at, Json& into) { into = budget_json(*rows[at].one, Burn::Left); };
    return paged(page, kColumns, query, book->time == 0 ? now_epoch_ms() : book->time);
  }

  http::Response show(const http::Request& request) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto book = budgets_->book();
    const BudgetStanding* one = book->find(request.param("budgetId"));
    if (!one || !sees_budget(viewer_of(request), one->kept.budget.scope))
      return reply(
          {404, "not-found",
           fmt::format("no budget has the id '{}'; /budgets lists them", valid_utf8(request.param("budgetId")))},
          request);
    http::Response out = json_reply(request, budget_json(*one, Burn::Told));
    out.headers.emplace_back("ETag", budget_etag(one->kept));
    return out;
  }

  http::Response add(const http::Request& request) const {
    return with_budget(request, [&](budgets::Budget budget) { return budgets_->add(request, std::move(budget)); });
  }

  http::Response replace(const http::Request& request) const {
    return with_budget(request, [&](budgets::Budget budget) {
      return budgets_->replace(request, valid_utf8(request.param("budgetId")), std::move(budget));
    });
  }

  http::Response drop(const http::Request& request) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    return budgets_->drop(request, valid_utf8(request.param("budgetId")));
  }

 private:
  std::optional<http::Response> refusal(const http::Request& request) const {
    if (budgets_) return std::nullopt;
    return reply({403, "disabled", "gpu.management.cost.enabled is false: no costs are reckoned, and no budgets kept"},
                 request);
  }

  template <class Make>
  http::Response with_budget(const http::Request& request, const Make& make) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    auto budget = parse_budget(request.body, budgets_->options());
    if (!budget) return reply({400, "invalid-parameter", budget.error().what}, request);
    return make(*std::move(budget));
  }

  Budgets* const budgets_;
};

}  // namespace

bool sees_budget(const Viewer& viewer, const budgets::Scope& scope) {
  if (!viewer.restricted()) return true;
  if (scope.kind == budgets::ScopeKind::Namespace) return viewer.sees(scope.name);
  return scope.kind == budgets::ScopeKind::Team && viewer.restriction && viewer.restriction->teams.contains(scope.name);
}

std::vector<http::Route> budget_routes(Budgets* budgets, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(budgets);
  const std::string all = api + "/budgets", one = all + "/{budgetId}";
  const auto to = [&](http::Response (Routes::*handle)(const http::Request&) const) {
    return [routes, handle](const http::Request& request) { return (routes.get()->*handle)(request); };
  };
  return {{"GET", all, to(&Routes::list)},
          {"POST", all, to(&Routes::add)},
          {"GET", one, to(&Routes::show)},
          {"PUT", one, to(&Routes::replace)},
          {"DELETE", one, to(&Routes::drop)}};
}

void add_budget_metrics(metrics::Page& page, const Budgets& of) {
  using metrics::label_text;
  const auto book = of.book();
  const auto each = [&](const auto& described, auto value) {
    page.family(described.metric);
    for (const BudgetStanding& one : book->budgets)
      if (const std::optional<fleet::Micros> micros = value(one))
        page.add(page.labels(label_text(
                     {{"budget", one.kept.budget.name}, {"scope", budgets::scope_text(one.kept.budget.scope)}})),
                 static_cast<double>(*micros) / fleet::kUnit);
  };
  using Value = std::optional<fleet::Micros>;
  each(catalog::kBudgetAmount, [](const BudgetStanding& one) { return Value(one.kept.budget.amount); });
  each(catalog::kBudgetSpent, [](const BudgetStanding& one) { return one.standing ? one.standing->spent : Value(); });
  each(catalog::kBudgetEvenPace, [](const BudgetStanding& one) {
    return one.standing && one.standing->closed_until ? Value(one.standing->even) : Value();
  });
  each(catalog::kBudgetForecast, [](const BudgetStanding& one) {
    return one.standing && one.standing->outlook ? Value(one.standing->outlook->value) : Value();
  });
  page.family(catalog::kBudgetCrossed.metric);
  for (const BudgetStanding& one : book->budgets)
    for (const budgets::Crossing& crossing : one.crossings)
      page.add(page.labels(label_text({{"budget", one.kept.budget.name},
                                       {"scope", budgets::scope_text(one.kept.budget.scope)},
                                       {"threshold", std::to_string(crossing.threshold.percent)},
                                       {"kind", budgets::basis_name(crossing.threshold.on)}})),
               1);
  const BudgetStats stats = of.stats();
  page.family(catalog::kBudgetLooks.metric);
  page.add(page.labels(label_text({{"result", "done"}})), static_cast<double>(stats.looks - stats.failed_looks));
  page.add(page.labels(label_text({{"result", "failed"}})), static_cast<double>(stats.failed_looks));
}

}  // namespace tessera::server

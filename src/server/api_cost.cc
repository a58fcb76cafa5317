#include "server/api_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "server/api_json.h"
#include "server/cost/asked.h"
#include "server/cost/export.h"
#include "server/cost/json.h"
#include "server/cost/token_costs.h"
#include "server/csv.h"
#include "server/json_body.h"
#include "server/resource.h"

namespace tessera::server {
namespace {

using fleet::CostDimension;
using fleet::CostKind;

/// What a reply is made of.
struct Reported {
  const CostAsked& asked;
  const CostsUntil& known;
  const std::vector<fleet::CostSet>& sets;
  const fleet::Currency& currency;
  EpochMs now;
};

/// What every reply has: of when, of what money, and how far what is told is closed.
Json head_json(const Reported& of) {
  return {{"time", time_json(of.now)},
          {"currency", of.currency.code()},
          {"timeZone", of.asked.zone.name()},
          {"window", window_json(of.asked.window, of.asked.zone)},
          {"closedUntil", time_or_null(of.known.closed_until)},
          {"knownUntil", time_or_null(of.known.known_until)}};
}

// OpenCost's form.

double units(fleet::Micros micros) { return static_cast<double>(micros) / fleet::kUnit; }

Json properties_json(const fleet::CostGroup& group, const CostAsked& asked) {
  Json out = Json::object();
  for (std::size_t i = 0; i < group.values.size(); ++i) {
    const fleet::CostKey& by = asked.options.aggregate[i];
    Json& at = by.label.empty() ? out[std::string(fleet::cost_dimension_name(by.dimension))] : out["labels"][by.label];
    at = text_or_null(group.values[i]);
  }
  return out;
}

Json allocation_json(const fleet::CostGroup& group, const fleet::CostWindow& window, const CostAsked& asked) {
  const fleet::CostSums& sums = group.sums;
  const fleet::Micros all = *fleet::total(sums);  // report() has refused what has none
  std::int64_t ms = 0;
  for (const std::int64_t one : sums.device_ms) ms += one;
  Json money = had_json(sums);
  money.update(nobodys_json(sums));
  money["cost"] = money_json(all);
  const Json times = window_json(window, asked.zone);
  return {{"name", group.name},
          {"properties", properties_json(group, asked)},
          {"window", times},
          {"start", times["start"]},
          {"end", times["end"]},
          {"minutes", static_cast<double>(window.to - window.from) / 60'000},
          {"gpuHours", hours_of(ms)},
          {"gpuCost", units(all - sums.corrected - sums.shared_idle)},
          {"gpuCostAdjustment", units(sums.corrected)},
          {"sharedCost", units(sums.shared_idle)},
          {"totalCost", units(all)},
          {"totalEfficiency", or_null(fleet::efficiency(sums))},
          {"money", std::move(money)}};
}

void read_allocation(Query& query, const Costs& costs, CostAsked& into) {
  using enum CostDimension;
  read_aggregate(query, costs, into, {Cluster, Node, Namespace, Pod});  // as OpenCost
  into.options.include_idle = query.flag("includeIdle").value_or(false);
  read_pieces(query, into, fleet::Accumulate::All);
}

Json allocations_json(const Reported& of) {
  Json data = Json::array(), totals = Json::array();
  for (const fleet::CostSet& set : of.sets) {
    Json groups = Json::object();
    for (const fleet::CostGroup& one : set.groups) groups[one.name] = allocation_json(one, set.window, of.asked);
    data.push_back(std::move(groups));
    totals.push_back(
        {{"window", window_json(set.window, of.asked.zone)}, {"cost", money_json(*fleet::total(set.all))}});
  }
  Json out = {{"code", 200}, {"status", "success"}, {"data", std::move(data)}};
  out.update(head_json(of));
  out["totals"] = std::move(totals);
  return out;
}

// Teams and projects.

template <CostDimension kBy>
void read_groups(Query&, const Costs&, CostAsked& into) {
  into.options.aggregate = {kBy};
  into.options.include_idle = true;
}

Json groups_json(const Reported& of) {
  Json out = head_json(of), items = Json::array();
  const fleet::CostSet& set = of.sets.front();
  fleet::CostSums rest;
  for (const fleet::CostGroup& one : set.groups) {
    if (one.nobodys) {
      for (std::size_t i = 0; i < fleet::kCostKinds; ++i) rest.micros[i] += one.sums.micros[i];
      continue;
    }
    Json item = {{std::string(fleet::cost_dimension_name(of.asked.options.aggregate.front().dimension)),
                  text_or_null(one.values.front())}};
    item.update(had_json(one.sums));
    items.push_back(std::move(item));
  }
  out["total"] = items.size();
  out["items"] = std::move(items);
  out["nobodys"] = nobodys_json(rest);
  out["all"] = money_json(*fleet::total(set.all));
  return out;
}

// The trend.

void read_trend(Query& query, const Costs& costs, CostAsked& into) {
  read_aggregate(query, costs, into);
  read_pieces(query, into, fleet::Accumulate::Day);
}

Json point_json(const fleet::CostSet& set, const Reported& of) {
  Json out = window_json(set.window, of.asked.zone);
  out["closed"] = of.known.closed_until && set.window.to <= *of.known.closed_until;
  out["all"] = money_json(*fleet::total(set.all));
  out.update(had_json(set.all));
  out.update(nobodys_json(set.all));
  return out;
}

/// Each group's cost in each point, the dearest first.
Json series_json(const Reported& of) {
  std::map<std::string, std::pair<fleet::Wide, Json>> series;
  for (std::size_t i = 0; i < of.sets.size(); ++i)
    for (const fleet::CostGroup& one : of.sets[i].groups) {
      auto& [sum, costs] = series.try_emplace(one.name, fleet::Wide{0}, Json::array()).first->second;
      while (costs.size() < i) costs.push_back(money_json(0));
      costs.push_back(money_json(*fleet::total(one.sums)));
      sum += *fleet::total(one.sums);
    }
  std::vector<std::pair<fleet::Wide, std::string>> names;
  for (const auto& [name, one] : series) names.emplace_back(-one.first, name);
  std::ranges::sort(names);
  Json out = Json::array();
  for (const auto& [sum, name] : names) {
    Json& costs = series[name].second;
    while (costs.size() < of.sets.size()) costs.push_back(money_json(0));
    out.push_back({{"name", name}, {"costs", std::move(costs)}});
  }
  return out;
}

Json trend_json(const Reported& of) {
  Json out = head_json(of), points = Json::array();
  for (const fleet::CostSet& set : of.sets) points.push_back(point_json(set, of));
  out["total"] = points.size();
  out["items"] = std::move(points);
  out["series"] = of.asked.options.aggregate.empty() ? Json::array() : series_json(of);
  return out;
}

constexpr std::string_view kHad[] = {
    "cost",      "used",     "heldIdle",         "heldUnknown",       "sharedIdle",
    "corrected", "gpuHours", "unpricedGpuHours", "efficiencyPercent", "efficiencyCoverage"};
template <std::size_t kMore>
std::vector<std::string_view> columns_of(const char* const (&before)[kMore],
                                         std::initializer_list<std::string_view> behind) {
  std::vector<std::string_view> out(std::begin(before), std::end(before));
  out.insert(out.end(), std::begin(kHad), std::end(kHad));
  out.insert(out.end(), behind);
  return out;
}
Json items_of(const Json& body) { return body["items"]; }

/// As a table they come to what all devices cost: what is nobody's is lines too.
template <CostDimension kBy>
Json lines_of(const Json& body) {
  const std::string name(fleet::cost_dimension_name(kBy));
  Json out = body["items"];
  constexpr std::pair<const char*, const char*> kNobodys[] = {
      {"unallocated", "__idle__"}, {"unobserved", "__unobserved__"}, {"overhead", "__overhead__"}};
  for (const auto& [kind, group] : kNobodys) out.push_back({{name, group}, {"cost", body["nobodys"][kind]}});
  for (Json& one : out) one["currency"] = body["currency"];
  return out;
}

Json groups_of(const Json& body) {
  Json out = Json::array();
  for (const Json& piece : body["data"])
    for (const auto& [name, group] : piece.items()) out.push_back(group);
  return out;
}

const std::vector<std::string_view> kAllocationColumns = {"name",
                                                          "start",
                                                          "end",
                                                          "gpuHours",
                                                          "totalEfficiency",
                                                          "money.cost",
                                                          "money.used",
                                                          "money.heldIdle",
                                                          "money.heldUnknown",
                                                          "money.sharedIdle",
                                                          "money.unallocated",
                                                          "money.unobserved",
                                                          "money.overhead",
                                                          "money.corrected"};
const std::vector<std::string_view> kTeamColumns = columns_of({"team"}, {"currency"}),
                                    kProjectColumns = columns_of({"project"}, {"currency"}),
                                    kTrendColumns = columns_of({"start", "end", "closed", "all"},
                                                               {"unallocated", "unobserved", "overhead"});

struct Resource {
  const char* path;
  std::string_view window;  ///< where none is asked for
  void (*read)(Query& query, const Costs& costs, CostAsked& into);
  Json (*make)(const Reported& of);
  Json (*rows)(const Json& body);  ///< as a table
  const std::vector<std::string_view>& columns;
};
const Resource kResources[] = {
    {"/cost/allocation", "7d", read_allocation, allocations_json, groups_of, kAllocationColumns},
    {"/cost/teams", "month", read_groups<CostDimension::Team>, groups_json, lines_of<CostDimension::Team>,
     kTeamColumns},
    {"/cost/projects", "month", read_groups<CostDimension::Project>, groups_json, lines_of<CostDimension::Project>,
     kProjectColumns},
    {"/cost/trend", "30d", read_trend, trend_json, items_of, kTrendColumns},
};

class Routes {
 public:
  Routes(const Latest<Published>& fleet, Costs* costs) : fleet_(fleet), costs_(costs) {}

  http::Response resource(const http::Request& request, const Resource& of) const {
    std::vector<fleet::CostSet> sets;
    std::size_t groups = 0;
    const auto take = [&](const CostAsked& asked, const fleet::CostWindow& piece,
                          std::vector<fleet::CostRow> rows) -> Result<void> {
      sets.push_back(std::move(TRY(fleet::report(rows, {piece}, asked.options)).front()));
      groups += sets.back().groups.size();
      if (groups > costs_->limits().groups)
        return fail(Code::Invalid,
                    "more than {} groups in all pieces: ask for fewer pieces, for less to aggregate by, or for some "
                    "with a filter",
                    costs_->limits().groups);
      return {};
    };
    const auto read = [&](Query& query, const Costs& costs, CostAsked& into) {
      read_sharing(query, costs.settings(), into);
      of.read(query, costs, into);
    };
    return with_costs(request, of.window, read, take,
                      [&](const CostAsked& asked, const CostsUntil& known, Query& query, EpochMs now) {
                        const Json body = of.make({asked, known, sets, costs_->currency(), now});
                        return query.csv() ? csv_reply(request, table(of.rows(body), of.columns))
                                           : json_reply(request, body);
                      });
  }

  http::Response file(const http::Request& request) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    Query query(request);
    CostAsked asked = read_cost_query(query, *costs_, "month", fleet_.get()->view->time);
    const CostFile wanted = query.word("format", {"csv", "focus"}).value_or(0) == 1 ? CostFile::Focus : CostFile::Csv;
    read_pieces(query, asked, fleet::Accumulate::Day);
    // A charge is of one billing period, and the ledger sums up what is within a piece.
    if (wanted == CostFile::Focus) asked.pieces = fleet::cut_at_months(asked.pieces, asked.zone);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto text = std::make_shared<CostExport>(wanted, std::move(asked), request, *costs_, fleet_);
    auto first = text->next();  // while there is a status to say by what is wrong
    if (!first) return unreadable(request, first.error());
    http::Response out = csv_reply(request, "");
    out.pieces = [text, first = *std::move(first)]() mutable -> Result<std::string> {
      return first.empty() ? text->next() : std::exchange(first, {});
    };
    out.headers.emplace_back("Content-Disposition", fmt::format("attachment; filename=\"gpu-cost-{}.csv\"",
                                                                wanted == CostFile::Focus ? "focus" : "lines"));
    return out;
  }

  /// Now, or over the window that is asked for.
  http::Response tokens(const http::Request& request) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    const auto known = fleet_.get();
    const EpochMs now = known->view->time;
    Query query(request);
    const bool is_past = query.text("window").has_value();
    const CostAsked asked = read_cost_window(query, costs_->settings(), "24h", now);
    if (!query.finish()) return reply(*query.problem(), request);
    Json out = {{"time", time_json(now)}, {"currency", costs_->currency().code()}};
    if (!is_past) {
      out["window"] = nullptr;
      out["items"] = token_costs_json(*known, *costs_->hourly(), viewer_of(request));
      return json_reply(request, out);
    }
    const auto done = add_past_tokens(out, asked, now, viewer_of(request));
    return done ? json_reply(request, out) : unreadable(request, done.error());
  }

 private:
  std::optional<http::Response> refusal(const http::Request& request) const {
    if (!costs_)
      return reply({403, "disabled", "gpu.management.cost.enabled is false: no costs are reckoned"}, request);
    const auto known = fleet_.get();
    if (!known || !known->view) return starting(request);
    return std::nullopt;
  }

  Result<void> add_past_tokens(Json& into, const CostAsked& asked, EpochMs now, const Viewer& viewer) const {
    const auto served = TRY(costs_->served(asked.window, now));
    into["window"] = window_json(served.window, asked.zone);
    into["items"] = token_costs_json(served, viewer);
    return {};
  }

  static http::Response unreadable(const http::Request& request, const Error& error) {
    if (error.code == Code::Invalid) return reply({400, "invalid-parameter", error.what}, request);
    log::error("costs cannot be read", {{"path", request.path}, {"why", error.what}});
    return reply({503, "database-unavailable",
                  "costs cannot be read: the database does not answer now; the server's log says why"},
                 request);
  }

  /// `take` gets the rows of one piece after the other, as far as the caller sees them; then `make` what is known of
  /// all.
  template <class Read, class Take, class Make>
  http::Response with_costs(const http::Request& request, std::string_view window, const Read& read, const Take& take,
                            const Make& make) const {
    if (auto refused = refusal(request)) return *std::move(refused);
    const EpochMs now = fleet_.get()->view->time;
    Query query(request);
    CostAsked asked = read_cost_query(query, *costs_, window, now);
    read(query, *costs_, asked);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto known = costs_->each(asked.pieces, asked.zone, now,
                                    [&](const fleet::CostWindow& piece, store::CostRows ledger) -> Result<void> {
                                      keep_visible(ledger.rows, viewer_of(request));
                                      return take(asked, piece, std::move(ledger.rows));
                                    });
    if (!known) return unreadable(request, known.error());
    return make(asked, *known, query, now);
  }

  static std::string table(const Json& items, const std::vector<std::string_view>& columns) {
    std::string out;
    append_csv_head(out, columns);
    for (const Json& one : items) append_csv_row(out, columns, one);
    return out;
  }

  static http::Response csv_reply(const http::Request& request, std::string text) {
    http::Response out;
    out.content_type = "text/csv; charset=utf-8; header=present";
    out.body = std::move(text);
    out.headers.emplace_back("X-Request-Id", request_id(request));
    out.headers.emplace_back("Vary", "Accept");
    return out;
  }

  const Latest<Published>& fleet_;
  Costs* const costs_;
};

}  // namespace

std::vector<http::Route> cost_routes(const Latest<Published>& fleet, Costs* costs, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, costs);
  std::vector<http::Route> out;
  for (const Resource& one : kResources)
    out.push_back({"GET", api + one.path, [routes, &one](const http::Request& r) { return routes->resource(r, one); }});
  out.push_back({"GET", api + "/cost/export", [routes](const http::Request& r) { return routes->file(r); }});
  out.push_back({"GET", api + "/cost/tokens", [routes](const http::Request& r) { return routes->tokens(r); }});
  return out;
}

}  // namespace tessera::server

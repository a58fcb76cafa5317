#include "server/forecast/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/forecast/json.h"
#include "server/forecast/queue_log.h"
#include "server/json_body.h"
#include "server/query.h"
#include "server/resource.h"

namespace tessera::server {
namespace {

constexpr Milliseconds kHorizon{std::chrono::hours(48)}, kShown{std::chrono::hours(168)};
constexpr std::int64_t kMostAdded = 100'000;

/// What a request has to do with.
struct Asked {
  const http::Request& request;
  Query& query;
  std::shared_ptr<const Past> past;
  EpochMs now = 0;
};

/// Whole hours; what is not is rounded up.
std::size_t read_hours(Query& query, std::string_view name, Milliseconds fallback, std::size_t most) {
  const Milliseconds asked = query.duration(name).value_or(fallback);
  const auto hours = static_cast<std::size_t>((asked.count() + kForecastHour - 1) / kForecastHour);
  if (hours > most) query.fault(name, fmt::format("{} hours; {} at most", hours, most));
  return std::min(hours, most);
}

/// Of one who is restricted to teams: that of the first, where he does not say.
std::string read_scope(Query& query, const Viewer& viewer) {
  std::string fallback(kFleetScope);
  if (viewer.restriction && !viewer.restriction->teams.empty())
    fallback = team_scope(*viewer.restriction->teams.begin());
  std::string out = query.text("scope").value_or(std::move(fallback));
  if (!is_scope(out)) query.fault("scope", fmt::format("'{}', but fleet, team:NAME or model:NAME is expected", out));
  return out;
}

/// Who is restricted sees what his teams have. What a namespace has is not told apart.
bool may_see(const Viewer& viewer, const std::string& scope) {
  if (!viewer.restricted()) return true;
  const auto is_his = [&](const std::string& team) { return scope == team_scope(team); };
  return viewer.restriction && std::ranges::any_of(viewer.restriction->teams, is_his);
}

http::Response not_his(const http::Request& request, const std::string& scope) {
  return reply({403, "restricted",
                fmt::format("{} of {} is not told to {}, who is restricted to namespaces or teams: ask for "
                            "scope=team:NAME of a team of yours; /forecast/scopes lists them",
                            request.path, scope, viewer_of(request).caller)},
               request);
}

fleet::Zone read_zone(Query& query, const Costs& costs) {
  auto zone = fleet::Zone::named(query.text("timezone").value_or(costs.settings().time_zone));
  if (zone) return *std::move(zone);
  query.fault("timezone", zone.error().what);
  return fleet::Zone::utc();
}

/// The smallest part of a device that is cut; 0: it is not.
double slice_of(const fleet::Device& device) {
  if (device.presence == fleet::Presence::Missing || !fleet::is_cut(device)) return 0;
  const fleet::Model* model = fleet::find_model(fleet::model_key_of(device.facts->name));
  const unsigned slices = device.facts->compute_slices.value_or(model ? model->mig_max_slices : 0);
  return slices > 0 ? 1.0 / slices : 0;
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, Forecasts* forecasts, Costs* costs,
         std::function<std::shared_ptr<const fleet::AllocationBook>()> book)
      : fleet_(fleet), forecasts_(forecasts), costs_(costs), book_(std::move(book)) {}

  http::Response series(const http::Request& request, Measure measure) const {
    return with(request, [&](const Asked& asked) {
      const std::string scope = read_scope(asked.query, viewer_of(request));
      const std::size_t hours = read_hours(asked.query, "horizon", kHorizon, kMostForecastHours);
      const std::size_t shown = read_hours(asked.query, "history", kShown, Past::kHours);
      const fleet::Zone zone = measure == Measure::Cost ? read_zone(asked.query, *costs_) : fleet::Zone::utc();
      if (!asked.query.finish()) return reply(*asked.query.problem(), request);
      if (!may_see(viewer_of(request), scope)) return not_his(request, scope);
      const auto made = forecasts_->make(asked.past, scope, measure, hours);
      Json out = head(asked, measure);
      out["scope"] = scope;
      out.update(forecast_json(*made, measure, shown));
      if (measure == Measure::Cost) {
        const auto month = forecasts_->month_end(asked.past, scope, *costs_, zone, asked.now);
        if (!month) return unreadable(request, month.error());
        out["timeZone"] = zone.name();
        out["month"] = month_json(**month, zone);
      }
      return json_reply(request, out);
    });
  }

  http::Response patterns(const http::Request& request) const {
    return with(request, [&](const Asked& asked) {
      constexpr Measure kMeasures[] = {Measure::Usage, Measure::Demand, Measure::Cost, Measure::Held};
      const std::string scope = read_scope(asked.query, viewer_of(request));
      const auto word = asked.query.word("measure", {"usage", "demand", "cost", "held"});
      const fleet::Zone zone = read_zone(asked.query, *costs_);
      if (!asked.query.finish()) return reply(*asked.query.problem(), request);
      if (!may_see(viewer_of(request), scope)) return not_his(request, scope);
      const Measure measure = kMeasures[word.value_or(0)];
      Json out = head(asked, measure);
      out["scope"] = scope;
      out.update(pattern_json(asked.past->series(scope, measure), asked.past->end(), measure, zone));
      return json_reply(request, out);
    });
  }

  http::Response capacity(const http::Request& request) const {
    return with(request, [&](const Asked& asked) {
      const auto models = asked.query.texts("model");
      const auto add = asked.query.whole("add", 0, kMostAdded, 0);
      if (!asked.query.finish()) return reply(*asked.query.problem(), request);
      Json items = Json::array();
      for (const auto& [model, pool] : pools())
        if (models.empty() || std::ranges::find(models, model) != models.end())
          items.push_back(pool_json(pool, asked.past->series(model_scope(model), Measure::Held), asked.past->end(),
                                    add > 0 ? std::optional(static_cast<double>(add)) : std::nullopt));
      Json out = {{"time", time_json(asked.now)},
                  {"until", asked.past->end() > 0 ? time_json(asked.past->end()) : Json(nullptr)},
                  {"total", items.size()},
                  {"items", std::move(items)}};
      return json_reply(request, out);
    });
  }

  http::Response scopes(const http::Request& request) const {
    return with(request, [&](const Asked& asked) {
      if (!asked.query.finish()) return reply(*asked.query.problem(), request);
      Json items = Json::array();
      const Viewer& viewer = viewer_of(request);
      for (const std::string& scope : asked.past->scopes()) {
        if (!may_see(viewer, scope)) continue;
        const auto colon = scope.find(':');
        items.push_back({{"scope", scope},
                         {"kind", scope.substr(0, colon)},
                         {"name", colon == std::string::npos ? Json(nullptr) : Json(scope.substr(colon + 1))}});
      }
      const Json out = {{"time", time_json(asked.now)},
                        {"total", items.size()},
                        {"leftOut", viewer.restricted() ? 0 : asked.past->left_out()},
                        {"items", std::move(items)}};
      return json_reply(request, out);
    });
  }

 private:
  template <class Make>
  http::Response with(const http::Request& request, const Make& make) const {
    if (!forecasts_ || !costs_)
      return reply(
          {403, "disabled", "gpu.management.cost.enabled is false: there is no ledger of hours to make a forecast of"},
          request);
    const auto known = fleet_.get();
    const auto past = forecasts_->past();
    if (!known || !known->view || !past) return starting(request);
    Query query(request);
    return make(Asked{request, query, past, known->view->time});
  }

  static http::Response unreadable(const http::Request& request, const Error& error) {
    log::error("a forecast cannot be made", {{"path", request.path}, {"why", error.what}});
    return reply({503, "database-unavailable",
                  "costs cannot be read: the database does not answer now; the server's log says why"},
                 request);
  }

  Json head(const Asked& asked, Measure measure) const {
    return {{"time", time_json(asked.now)},
            {"measure", measure_name(measure)},
            {"unit", measure == Measure::Cost ? Json(std::string(costs_->currency().code())) : Json("GPU")}};
  }

  /// Of the devices that are there, and those that should be, by model.
  std::map<std::string, Pool> pools() const {
    std::map<std::string, Pool> out;
    for (const auto& node : fleet_.get()->view->nodes)
      for (const fleet::Device& device : node->devices) {
        if (device.presence == fleet::Presence::Retired) continue;
        const std::string model = fleet::model_key_of(device.facts->name);
        Pool& pool = out.try_emplace(model, Pool{.model = model}).first->second;
        ++(device.presence == fleet::Presence::Missing ? pool.missing : pool.capacity);
        const double slice = slice_of(device);
        if (slice > 0) pool.slice = pool.slice > 0 ? std::min(pool.slice, slice) : slice;
      }
    constexpr Milliseconds kHour{kForecastHour};
    for (const store::QueueShare& one : waited(*book_(), kHour))
      if (const auto pool = out.find(one.model); pool != out.end())
        pool->second.waiting += static_cast<double>(one.gpu_ms) / static_cast<double>(kForecastHour);
    return out;
  }

  const Latest<Published>& fleet_;
  Forecasts* const forecasts_;
  Costs* const costs_;
  const std::function<std::shared_ptr<const fleet::AllocationBook>()> book_;
};

}  // namespace

std::vector<http::Route> forecast_routes(const Latest<Published>& fleet, Forecasts* forecasts, Costs* costs,
                                         std::function<std::shared_ptr<const fleet::AllocationBook>()> book,
                                         const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, forecasts, costs, std::move(book));
  std::vector<http::Route> out;
  for (const Measure measure : {Measure::Usage, Measure::Cost, Measure::Demand})
    out.push_back({"GET", api + "/forecast/" + std::string(measure_name(measure)),
                   [routes, measure](const http::Request& r) { return routes->series(r, measure); }});
  out.push_back({"GET", api + "/forecast/patterns", [routes](const http::Request& r) { return routes->patterns(r); }});
  out.push_back({"GET", api + "/forecast/capacity", [routes](const http::Request& r) { return routes->capacity(r); }});
  out.push_back({"GET", api + "/forecast/scopes", [routes](const http::Request& r) { return routes->scopes(r); }});
  return out;
}

}  // namespace tessera::server

#include "server/alerts/cost_past.h"

#include <memory>
#include <string>
#include <utility>

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr EpochMs kLongAgo = 3 * kForecastHour;  // a bucket is closed some minutes after its end

}  // namespace

std::vector<alerts::CostPast> cost_past(const Past& past) {
  const std::string teams = team_scope("");
  std::vector<alerts::CostPast> out;
  for (const std::string& scope : past.scopes()) {
    if (scope != kFleetScope && !scope.starts_with(teams)) continue;
    const std::string team = scope == kFleetScope ? "" : scope.substr(teams.size());
    out.push_back({team, past.series(scope, Measure::Cost), {}});
    if (!team.empty()) out.back().unobserved = past.unobserved_costs(scope);
  }
  return out;
}

std::function<CostDeviations(EpochMs)> cost_deviations_of(const Forecasts* forecasts) {
  if (!forecasts) return [](EpochMs) { return CostDeviations(std::in_place); };
  struct Known {
    std::shared_ptr<const Past> of;
    std::vector<alerts::CostDeviation> deviations;
  };
  return [forecasts, known = std::make_shared<Known>()](EpochMs now) -> CostDeviations {
    const auto past = forecasts->past();
    if (!past || now - past->end() > kLongAgo) return std::nullopt;
    if (past != known->of) *known = {past, alerts::cost_deviations(cost_past(*past))};
    return known->deviations;
  };
}

}  // namespace tessera::server

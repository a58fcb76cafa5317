#include "fleet/alerts/observe_costs.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "fleet/alerts/baseline.h"

namespace tessera::fleet::alerts {
namespace {

constexpr std::string_view kBeneath = "costs";
constexpr std::size_t kWeekHours = 168, kWeeks = 4, kAround = 1;
constexpr std::size_t kLeastHours = 9;  // of the twelve: of three weeks at least
constexpr std::size_t kSeldom = 2;      // likewise: what was so in an hour and its neighbour
constexpr double kLeastOfOwn = 0.05, kLeastOfFleet = 0.01;

/// At the same time of the weeks before the hour that is `back` before the last one.
std::vector<double> usual_hours(const CostPast& past, std::size_t back) {
  std::vector<double> out;
  for (std::size_t week = 1; week <= kWeeks && past.hours.size() > back + week * kWeekHours + kAround; ++week) {
    const std::size_t at = past.hours.size() - 1 - back - week * kWeekHours;
    for (std::size_t i = at - kAround; i <= at + kAround; ++i)
      if (past.hours[i]) out.push_back(*past.hours[i]);
  }
  return out;
}

std::optional<Centre> centre_of_costs(const std::vector<double>& usual, double least) {
  auto centre = centre_of(usual, {.at_least = kLeastHours, .least_spread = least});
  if (centre) centre->spread = std::max(centre->spread, kLeastOfOwn * centre->median);
  if (centre && !(centre->spread > 0)) centre.reset();  // nothing ever cost anything
  return centre;
}

std::optional<double> deviation_of(const CostPast& one, const CostPast& fleet, std::size_t back) {
  const auto all = centre_of_costs(usual_hours(fleet, back), 0);
  if (!all || one.hours.size() <= back) return std::nullopt;
  const auto now = one.hours[one.hours.size() - 1 - back];
  const std::vector<double> usual = usual_hours(one, back);
  const auto centre = one.team.empty() ? all : centre_of_costs(usual, kLeastOfFleet * all->median);
  if (!now || !centre) return std::nullopt;
  const double deviation = deviation_beyond(usual, *centre, *now, kSeldom);
  const double unobserved = one.unobserved.size() <= back ? 0 : one.unobserved[one.unobserved.size() - 1 - back];
  if (deviation < -kOftenSeen && centre->median - *now <= unobserved) return std::nullopt;
  return deviation;
}

std::optional<double> weaker(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  if (*a * *b <= 0) return 0;
  return std::abs(*a) < std::abs(*b) ? a : b;
}

}  // namespace

std::vector<CostDeviation> cost_deviations(std::span<const CostPast> past) {
  const auto fleet = std::ranges::find(past, std::string(), &CostPast::team);
  std::vector<CostDeviation> out;
  for (const CostPast& one : past) {
    out.push_back({one.team, std::nullopt});
    if (fleet != past.end()) out.back().deviation = weaker(deviation_of(one, *fleet, 0), deviation_of(one, *fleet, 1));
  }
  return out;
}

void observe_costs(std::optional<std::span<const CostDeviation>> known, EpochMs now, Round& round) {
  if (!known) {
    const auto at = std::ranges::lower_bound(round.silent, kBeneath);
    round.silent.insert(at, std::string(kBeneath));
    return;
  }
  for (const CostDeviation& one : *known) {
    Subject subject{one.team.empty() ? "fleet" : "team:" + one.team, std::string(kBeneath), {}};
    subject.labels = {{"scope", subject.key}};
    if (!one.team.empty()) subject.labels.emplace_back("team", one.team);
    round.observations.push_back(
        {Signal::CostDeviation, std::make_shared<const Subject>(std::move(subject)), now, one.deviation});
  }
}

}  // namespace tessera::fleet::alerts

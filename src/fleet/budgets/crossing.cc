#include "fleet/budgets/crossing.h"

#include <algorithm>

namespace tessera::fleet::budgets {
namespace {

constexpr EpochMs kShownFor = 3'600'000;

std::optional<Micros> held_against(Basis on, const Standing& standing) {
  if (on == Basis::Actual) return standing.spent;
  return standing.outlook ? std::optional(standing.outlook->value) : std::nullopt;
}

}  // namespace

bool is_reached(const Threshold& threshold, Micros amount, const Standing& standing) {
  const auto value = held_against(threshold.on, standing);
  constexpr Wide kWhole = 100;
  return value && *value > 0 && Wide{*value} * kWhole >= Wide{amount} * threshold.percent;
}

std::vector<Crossing> crossings(const Budget& budget, const Standing& standing, std::span<const Crossing> told,
                                EpochMs now) {
  std::vector<Crossing> out;
  for (const Threshold& one : budget.thresholds) {
    const bool is_told = std::ranges::any_of(told, [&](const Crossing& known) {
      return known.budget == budget.id && known.period.from == standing.period.from && known.threshold == one;
    });
    if (!is_told && is_reached(one, budget.amount, standing))
      out.push_back({budget.id, standing.period, one, now, budget.amount, *held_against(one.on, standing)});
  }
  return out;
}

bool still_counts(const Crossing& crossing, const Budget& before, const Budget& after) {
  return before.amount == after.amount && before.currency == after.currency && before.scope == after.scope &&
         before.period == after.period && before.time_zone == after.time_zone &&
         std::ranges::find(after.thresholds, crossing.threshold) != after.thresholds.end();
}

bool is_done(const CostWindow& period, EpochMs closed_until) { return closed_until >= period.to + kShownFor; }

bool is_in_force(const Crossing& crossing, EpochMs closed_until) {
  return closed_until < std::max(crossing.period.to, crossing.at) + kShownFor;
}

}  // namespace tessera::fleet::budgets

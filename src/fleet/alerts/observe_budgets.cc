#include "fleet/alerts/observe_budgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "fleet/cost/zone.h"

namespace tessera::fleet::alerts {
namespace {

constexpr std::string_view kBeneath = "budgets";

/// One that counts anew is another subject, and has other labels: while the old one is still in force they stand side
/// by side, and receivers know alerts by their labels alone.
std::string key_of(const budgets::Crossing& one) {
  return fmt::format("{}/{}/{}/{}/{}", one.budget, one.period.from, budgets::basis_name(one.threshold.on),
                     one.threshold.percent, one.at);
}

Zone zone_of(const BudgetCrossed& one) {
  auto named = Zone::named(one.time_zone);
  return named ? *std::move(named) : Zone::utc();
}

LabelSet labels_of(const BudgetCrossed& one) {
  const Zone zone = zone_of(one);
  return {{"budget", one.name},
          {"crossed", zone.format(one.crossing.at)},
          {"kind", std::string(budgets::basis_name(one.crossing.threshold.on))},
          {"period", zone.format(one.crossing.period.from)},
          {"scope", budgets::scope_text(one.scope)},
          {"threshold", std::to_string(one.crossing.threshold.percent)}};
}

}  // namespace

void observe_budgets(std::optional<std::span<const BudgetCrossed>> known, EpochMs now, Round& round) {
  if (!known) {
    const auto at = std::ranges::lower_bound(round.silent, kBeneath);
    round.silent.insert(at, std::string(kBeneath));
    return;
  }
  for (const BudgetCrossed& one : *known)
    round.observations.push_back(
        {Signal::BudgetReached,
         std::make_shared<const Subject>(Subject{key_of(one.crossing), std::string(kBeneath), labels_of(one)}), now,
         static_cast<double>(one.crossing.reached) / kUnit});
}

}  // namespace tessera::fleet::alerts

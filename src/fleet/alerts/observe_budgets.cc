#include "fleet/alerts/observe_budgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace tessera::fleet::alerts {
namespace {

constexpr std::string_view kBeneath = "budgets";

/// One that counts anew is another subject.
std::string key_of(const budgets::Crossing& one) {
  return fmt::format("{}/{}/{}/{}/{}", one.budget, one.period.from, budgets::basis_name(one.threshold.on),
                     one.threshold.percent, one.at);
}

}  // namespace

void observe_budgets(std::optional<std::span<const BudgetCrossed>> known, EpochMs now, Round& round) {
  if (!known) {
    const auto at = std::ranges::lower_bound(round.silent, kBeneath);
    round.silent.insert(at, std::string(kBeneath));
    return;
  }
  for (const auto& [crossing, name, scope] : *known)
    round.observations.push_back(
        {Signal::BudgetReached,
         std::make_shared<const Subject>(Subject{key_of(crossing),
                                                 std::string(kBeneath),
                                                 {{"budget", name},
                                                  {"kind", std::string(budgets::basis_name(crossing.threshold.on))},
                                                  {"scope", budgets::scope_text(scope)},
                                                  {"threshold", std::to_string(crossing.threshold.percent)}}}),
         now, static_cast<double>(crossing.reached) / kUnit});
}

}  // namespace tessera::fleet::alerts

#pragma once
// Allocations, decisions and refusals in JSON: docs/allocation.md has them.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fleet/allocation/allocation.h"
#include "fleet/cost/facts.h"
#include "fleet/decision/decide.h"
#include "fleet/inventory/fleet.h"
#include "server/allocation_wish.h"
#include "server/budgets/budgets.h"

namespace tessera::server {

/// What a pod asks for to get an instance of a profile, as NVIDIA's device plugin writes it under the mixed strategy:
/// "nvidia.com/mig-1g.10gb.me". Without a profile: "nvidia.com/gpu".
std::string resource_name(const std::string& profile);
/// The same of what is given, be it a replica of a device that is shared, which its plugin may name otherwise.
std::string resource_of(const fleet::PromisedPart& part);
std::string resource_of(const fleet::decision::Grant& grant);

/// As it is now; devices are named by what the view says of them, team and project by who pays.
Json allocation_json(const fleet::PodAllocation& one, const fleet::View& view, const fleet::CostOwner& owner);
Json grant_json(const fleet::decision::Grant& grant);
Json moves_json(const std::vector<fleet::decision::Move>& moves);
Json decision_json(const fleet::decision::Decision& decision);
Json refusal_json(const fleet::decision::Refusal& refusal);
/// One of the latter two, with what its need was reckoned from, a near miss, and what budgets say of it.
Json explained(Json decided, const AllocationWish& wish, const std::string& hint,
               const std::vector<BudgetWord>& budgets);

/// A budget that has nothing left is in the way wherever there is room: what is there is not looked at.
std::optional<fleet::decision::Refusal> refused_by(const std::vector<BudgetWord>& budgets);

}  // namespace tessera::server

#pragma once
// Allocations, decisions and refusals in JSON: docs/allocation.md has them.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "fleet/allocation/allocation.h"
#include "fleet/decision/decide.h"
#include "fleet/inventory/fleet.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// What a pod asks for to get an instance of a profile, as NVIDIA's device plugin writes it under the mixed strategy:
/// "nvidia.com/mig-1g.10gb.me". Without a profile: "nvidia.com/gpu".
std::string resource_name(const std::string& profile);

/// As it is now; devices are named by what the view says of them.
Json allocation_json(const fleet::PodAllocation& one, const fleet::View& view);
Json grant_json(const fleet::decision::Grant& grant);
Json decision_json(const fleet::decision::Decision& decision);
Json refusal_json(const fleet::decision::Refusal& refusal);

}  // namespace tessera::server

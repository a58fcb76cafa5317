#pragma once
// How money is written in JSON: decimal texts, exact to the millionth. Hours are of whole GPUs.
#include <nlohmann/json_fwd.hpp>

#include "fleet/cost/report.h"
#include "fleet/cost/zone.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// "8.00"
Json money_json(fleet::Micros micros);
double hours_of(std::int64_t device_ms);
/// Of all kinds, what somebody had.
std::int64_t had_ms(const fleet::CostSums& sums);

/// {cost, used, heldIdle, heldUnknown, sharedIdle, corrected, gpuHours, unpricedGpuHours, efficiencyPercent,
/// efficiencyCoverage}: of what somebody had.
Json had_json(const fleet::CostSums& sums);
/// {unallocated, unobserved, overhead}
Json nobodys_json(const fleet::CostSums& sums);

/// {start, end} with the zone's offset.
Json window_json(const fleet::CostWindow& window, const fleet::Zone& zone);

}  // namespace tessera::server

#include "server/cost/json.h"

#include <nlohmann/json.hpp>

#include "server/api_json.h"

namespace tessera::server {

using fleet::CostKind;

Json money_json(fleet::Micros micros) { return fleet::decimal(micros); }

double hours_of(std::int64_t device_ms) { return static_cast<double>(device_ms) / 3'600'000; }

std::int64_t had_ms(const fleet::CostSums& sums) {
  return sums.ms_of(CostKind::Used) + sums.ms_of(CostKind::HeldIdle) + sums.ms_of(CostKind::HeldUnknown);
}

Json had_json(const fleet::CostSums& sums) {
  const fleet::Micros used = sums.of(CostKind::Used), idle = sums.of(CostKind::HeldIdle),
                      unknown = sums.of(CostKind::HeldUnknown);
  return {{"cost", money_json(used + idle + unknown + sums.shared_idle)},
          {"used", money_json(used)},
          {"heldIdle", money_json(idle)},
          {"heldUnknown", money_json(unknown)},
          {"sharedIdle", money_json(sums.shared_idle)},
          {"corrected", money_json(sums.corrected)},
          {"gpuHours", hours_of(had_ms(sums))},
          {"unpricedGpuHours", hours_of(sums.unpriced_ms)},
          {"efficiencyPercent", percent_of(fleet::efficiency(sums))},
          {"efficiencyCoverage", or_null(fleet::efficiency_coverage(sums))}};
}

Json nobodys_json(const fleet::CostSums& sums) {
  return {{"unallocated", money_json(sums.of(CostKind::Unallocated))},
          {"unobserved", money_json(sums.of(CostKind::Unobserved))},
          {"overhead", money_json(sums.of(CostKind::Overhead))}};
}

Json window_json(const fleet::CostWindow& window, const fleet::Zone& zone) {
  return {{"start", zone.format(window.from)}, {"end", zone.format(window.to)}};
}

}  // namespace tessera::server

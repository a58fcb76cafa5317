#pragma once
// How forecasts are told. What is not known is null, and where there is no forecast there are no numbers of one: a
// reason stands in their place.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fleet/cost/zone.h"
#include "server/forecast/forecasts.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// `history`: how many of its last hours are shown.
Json forecast_json(const MadeForecast& made, Measure measure, std::size_t history);
Json month_json(const MonthEnd& month, const fleet::Zone& zone);
/// By the hours of the week and of the day in the zone; an hour of which two of its hours have a half is the later
/// one's.
Json pattern_json(const std::vector<std::optional<double>>& series, EpochMs end, Measure measure,
                  const fleet::Zone& zone);

/// A pool: all devices of one model.
struct Pool {
  std::string model;
  double capacity = 0;  ///< devices that are there, or silent for some minutes at most
  double missing = 0;   ///< silent for longer: nothing can run there, so it is no capacity
  double waiting = 0;   ///< devices that are waited for, of this model and no other
  double slice = 0;     ///< of a device, where any of them is cut: the smallest that one has; 0: none is
};
/// By the fullest hour of each of the last days in which at least 18 are known; with so many devices more, where `add`
/// is there.
Json pool_json(const Pool& pool, const std::vector<std::optional<double>>& held, EpochMs end,
               std::optional<double> add);

}  // namespace tessera::server

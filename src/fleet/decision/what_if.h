#pragma once
// The same engine over fleets that are not there: how many of those who wait would be served by more devices, or by
// devices cut otherwise.
#include <string>
#include <string_view>
#include <vector>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// `count` more devices like those of `model` ("H100_80GB", or "H100" where one model is meant), empty, eight to a
/// node. NotFound where the fleet has none: what such a device offers is its driver's word.
Result<Supply> with_more(Supply supply, unsigned count, std::string_view model);

/// Every device of `model` cut into as many of `profile` ("2g.20gb") as have room beside what somebody has, and not
/// cut anew. NotFound where no device of the model offers it.
Result<Supply> cut_as(Supply supply, std::string_view model, std::string_view profile);

struct Served {
  std::vector<std::size_t> needs;  ///< positions of those that are served, one after the other in their order
  std::size_t empty_devices = 0;   ///< that are left then
};
Served serve(Supply supply, std::span<const Need> needs, Policy& policy);

}  // namespace tessera::fleet::decision

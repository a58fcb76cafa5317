#pragma once
// The same engine over fleets that are not there: how many of those who wait would be served by more devices, or by
// devices cut otherwise.
#include <string>
#include <string_view>
#include <vector>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// A node that is not there, with devices that are not.
struct AddedNode {
  std::string name;  ///< "what-if-1"
  std::string like;  ///< the node that has the device which its devices are like; empty: the fleet has none
};

struct Grown {
  Supply supply;
  std::vector<AddedNode> nodes;
  std::string assumed;  ///< what is not the word of a driver of the fleet, or is of one device; empty: nothing
};

/// `count` more devices like those of `model` ("H100_80GB", or "H100" where one model is meant), empty, eight to a
/// node. Of a model that the fleet does not have, what is published of it is assumed (published.h). NotFound, with
/// those that are known, where neither has it; Invalid where several published ones are meant.
Result<Grown> with_more(Supply supply, unsigned count, std::string_view model, std::string_view cluster);

/// Every device of `model` cut into as many of `profile` ("2g.20gb") as have room beside what somebody has, and not
/// cut anew. NotFound where no device of the model offers it.
Result<Supply> cut_as(Supply supply, std::string_view model, std::string_view profile);

struct Served {
  std::vector<std::size_t> needs;  ///< positions of those that are served, one after the other in their order
  std::size_t empty_devices = 0;   ///< that are left then
};
/// `scopes` are of the needs, one of each; without them each need may be served anywhere.
Served serve(Supply supply, std::span<const Need> needs, Policy& policy, std::span<const Scope> scopes = {});

}  // namespace tessera::fleet::decision

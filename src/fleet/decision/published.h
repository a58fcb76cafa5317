#pragma once
// What is published of models, for fleets that are not there yet. Never of a device that is: its driver's word is the
// rule, and differs by board and by driver version.
#include <string_view>

#include "base/result.h"
#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

/// Whether a model's key is meant: "H100_80GB", or "H100" of it.
bool is_called(std::string_view key, std::string_view model);

/// An empty device, in MIG mode where it has one, without a node, a name and a price. NotFound, with those that there
/// are, where nothing is published of the model; Invalid where several are meant.
Result<Candidate> published_device(std::string_view model);

}  // namespace tessera::fleet::decision

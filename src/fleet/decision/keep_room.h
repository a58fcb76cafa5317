#pragma once
// Room that is kept for one who has waited long, so that those behind do not take every piece of it as it comes free.
#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// As the supply is for everybody else: the place that is nearest to being had for `need`, by the memory slices on it
/// that somebody has, is given to nobody; of several devices, those of one node. Ties: the first. Unchanged where none
/// could ever serve it. `why` is what others are told: "it is kept for ml/big".
Supply keep_room(Supply supply, const Need& need, std::string_view why);

}  // namespace tessera::fleet::decision

#pragma once
// Room that is kept for one who has waited long, so that those behind do not take every piece of it as it comes free.
#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// Candidates as they were before something was done to them for a while, by their positions.
using Before = std::vector<std::pair<std::size_t, Candidate>>;

/// Makes of a stock what it is for everybody else: the place in `scope` that is nearest to being had for `need`, by the
/// memory slices on it that somebody has, is given to nobody; of several devices, those of one node. Ties: the first.
/// Unchanged where none could ever serve it. `why` is what others are told: "it is kept for ml/big";
/// where a part of a device is kept, it has that as `uncut`, and may be cut beside it.
Before keep_room(Stock& stock, const Need& need, std::string_view why, const Scope& scope = {});

}  // namespace tessera::fleet::decision

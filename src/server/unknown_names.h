#pragma once
// Names in a wish that nothing has been told of: whoever mistyped one would wait for it in vain.
#include "fleet/decision/decide.h"
#include "server/allocation_wish.h"

namespace tessera::server {

/// What a refusal's sentence is then: that of a node says it all, for nothing was looked at. It names none but those of
/// the wish, since whoever reads it may not see others.
std::string with_unknown_names(std::string sentence, const fleet::decision::Supply& supply, const AllocationWish& wish);
/// With that sentence, and with the names that there are, those first that are nearly the same.
void tell_unknown_names(fleet::decision::Refusal& refusal, const fleet::decision::Supply& supply,
                        const AllocationWish& wish);

}  // namespace tessera::server

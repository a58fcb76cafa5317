#pragma once
// The Retry-After header: how long a receiver asks us to wait.
#include <optional>
#include <string_view>

#include "base/duration.h"

namespace tessera::relay {

/// Seconds, or any of the three forms of date that HTTP has; a date that has passed is no wait at all. nullopt for
/// anything else.
std::optional<Milliseconds> parse_retry_after(std::string_view header, EpochMs now);

}  // namespace tessera::relay

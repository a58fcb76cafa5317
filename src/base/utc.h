#pragma once
#include <optional>
#include <string_view>

#include "base/duration.h"

namespace tessera {

/// A time as format_time writes it, the fraction being optional: `2026-01-31T09:30:00Z`. Nothing for another form, for
/// another zone than UTC, and for a day or hour that does not exist.
std::optional<EpochMs> parse_utc(std::string_view text);

}  // namespace tessera

#pragma once
#include <string>

namespace tessera::relay {

/// The relay's part of docs/metrics.md, from the table that the page is written from.
std::string metrics_reference();

}  // namespace tessera::relay

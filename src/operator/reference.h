#pragma once
#include <string>

namespace tessera::operate {

/// The operator's part of docs/metrics.md, from the table that the page is written from.
std::string metrics_reference();

}  // namespace tessera::operate

#pragma once
#include <string>

namespace tessera::server {

/// The server's part of docs/metrics.md, from the table that the page is written from.
std::string metrics_reference();

/// The table of docs/configuration.md, from the one that settings are read by.
std::string settings_reference();

}  // namespace tessera::server

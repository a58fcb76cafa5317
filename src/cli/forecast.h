#pragma once
// `tessera forecast`: what comes next in usage, demand or cost, when pools are full, and which hours of the week are,
// as a server tells it.
#include <string>
#include <string_view>
#include <vector>

#include "cli/fleet_server.h"

namespace tessera::cli {

struct ForecastCommand {
  std::string what = "usage";  ///< a word of forecast_words()
  ServerPlace server;
  Parameters query;
  bool json = false;
};

/// "usage", "demand", "cost", "capacity", "patterns"
std::vector<std::string_view> forecast_words();

/// A reply to what `what` asks, as a table with the error that stands beside it, or why there is none.
std::string forecast_table(std::string_view what, const JsonValue& reply);

Result<std::string> show_forecast(const ForecastCommand& command);

}  // namespace tessera::cli

#pragma once
// `tessera cost`: what teams, projects and other groups have cost, over time and by token, as a server tells it.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fleet_server.h"

namespace tessera::cli {

enum class CostForm { Table, Json, Csv };

struct CostCommand {
  std::string what = "teams";  ///< a word of cost_words()
  ServerPlace server;
  Parameters query;
  CostForm form = CostForm::Table;
};

/// "teams", "projects", "allocation", "trend", "tokens", "export"
std::vector<std::string_view> cost_words();
inline constexpr std::string_view kCostExport = "export";  ///< a file, and no table

/// A reply to what `what` asks, as a table: groups, what is nobody's, and the sum of both; of `trend` and `tokens` what
/// there is of each time and model.
std::string cost_table(std::string_view what, const JsonValue& reply);

/// `print` gets what is to be printed, of a file in parts; false from it: the output takes no more.
Result<void> show_cost(const CostCommand& command, const std::function<bool(std::string_view)>& print);

}  // namespace tessera::cli

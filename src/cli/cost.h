#pragma once
// `tessera cost`: what teams, projects and other groups have cost, as a server tells it.
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

/// "teams", "projects", "allocation"
std::vector<std::string_view> cost_words();

/// A reply to what `what` asks, as a table: groups, what is nobody's, and the sum of both.
std::string cost_table(std::string_view what, const JsonValue& reply);

Result<std::string> show_cost(const CostCommand& command);

}  // namespace tessera::cli

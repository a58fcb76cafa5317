#pragma once
// The command line of `tessera`, read into plain values.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "cli/advice.h"
#include "cli/benchmarks.h"
#include "cli/budgets.h"
#include "cli/cost.h"
#include "cli/demo.h"
#include "cli/explain.h"
#include "cli/forecast.h"
#include "cli/get_resource.h"
#include "cli/kubeconfig.h"
#include "cli/node.h"
#include "cli/top.h"

namespace tessera::cli {

enum class Print { Text, Json };

struct DoctorCommand {
  Places places;
  Milliseconds patience{5'000};  ///< for one answer of the driver, the kubelet or a server
  Print print = Print::Text;
  log::Format log_format = log::Format::Text;
  log::Level log_level = log::Level::Error;  ///< findings say it better than log lines
  std::optional<ServerPlace> server{};       ///< look at this server, not at the node
  std::optional<ClusterPlace> cluster{};     ///< look at this Kubernetes cluster, not at the node
};

struct GetTargetsCommand {
  std::string relay;  ///< URL
  Milliseconds patience{5'000};
  Print print = Print::Text;
};

/// What to print and exit 0 with: --help and --version.
struct Text {
  std::string text;
};
using Command = std::variant<DoctorCommand, GetTargetsCommand, GetCommand, TopCommand, DemoCommand, ExplainCommand,
                             CostCommand, ForecastCommand, BudgetsCommand, AdviceCommand, BenchmarksCommand, Text>;

/// Invalid with what is wrong, what is expected, and the nearest known word.
Result<Command> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace tessera::cli

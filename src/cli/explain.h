#pragma once
// `tessera explain pod NAMESPACE/NAME`: what a pod has of the fleet's GPUs and why; or why it waits, and what would
// help.
#include <string>

#include "cli/fleet_server.h"

namespace tessera::cli {

struct ExplainCommand {
  ServerPlace server;
  std::string pod;  ///< "namespace/name"
};

/// The text, of what the server tells of the pod and its allocations (the items of both lists), as of `now`.
std::string explain_text(const std::string& pod, const JsonValue& pods, const JsonValue& allocations, EpochMs now);

/// NotFound where the server knows neither.
Result<std::string> explain(const ExplainCommand& command);

}  // namespace tessera::cli

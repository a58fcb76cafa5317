#pragma once
// What the relay prints instead of serving: what a configuration comes to, what would be sent, why a pod is scraped or
// not. Each is a text first, and then printed.
#include <stop_token>
#include <string>

#include "base/result.h"
#include "relay/options.h"

namespace tessera::relay {

/// Jobs, destinations and the defaults that matter, then warnings, also of files that the configuration names and that
/// cannot be read here.
Result<std::string> config_summary(const Options& options);

/// Finds all targets, scrapes each once, and writes what would be sent: for each destination a page in the text format
/// with the final labels. Nothing is sent. Unavailable at the stop.
Result<std::string> dry_run_page(const Options& options, const std::stop_token& stop);

/// Asks the API server for the pod, walks every job's way with it, and scrapes the targets that come of it once.
Result<std::string> pod_explanation(const Options& options, const std::stop_token& stop);

/// config_summary(); of several errors each is said on the log by itself.
Result<void> check_config(const Options& options);
Result<void> dry_run(const Options& options, const std::stop_token& stop);
Result<void> explain_pod(const Options& options, const std::stop_token& stop);

}  // namespace tessera::relay

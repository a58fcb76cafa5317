#pragma once
// gpu.management.alerts: which rules there are, and who hears of what they find.
#include <string>
#include <vector>

#include "config/yaml.h"
#include "fleet/alerts/rule.h"

namespace tessera::server {

struct AlertSettings {
  bool enabled = true;
  std::vector<fleet::alerts::Rule> rules = fleet::alerts::builtin_rules();
  std::vector<std::string> alertmanagers;  ///< http://HOST:PORT, with a path where there is one before /api/v2
  std::string alertmanager_username;       ///< of basic auth; empty: none
  std::string alertmanager_password_file;
  std::string alertmanager_bearer_token_file;
  std::string alertmanager_ca_file;        ///< empty: the system's
  std::vector<std::string> webhooks;       ///< URLs that take what Alertmanager's own webhooks send
  std::vector<std::string> webhook_files;  ///< each a file with such a URL, which is a secret
  std::vector<std::string> slack_files;    ///< each a file with the URL of an incoming webhook, which is a secret
  Milliseconds resend_every{60'000};       ///< to Alertmanagers
  Milliseconds history_kept{std::chrono::hours(24 * 90)};
  std::string runbooks = "docs/";          ///< before alerts.md#…
  std::vector<std::string> host_commands;  ///< patterns of those outside of pods that are jobs; see HostJobs
};

/// `- {name: GPUOverheating, threshold: 90, clear: 85, for: 10m, keep-firing: 1m, severity: warning, enabled: true,
/// scope: {cluster: a}, action: {do: cordon, dry-run: false}, runbook: URL}`: what is otherwise than it is built in;
/// with `as: NAME` that of a copy of it, which is there beside it.
Result<void> read_alert_rules(const config::Node& node, AlertSettings& into);
Result<void> check(const AlertSettings& settings);

}  // namespace tessera::server

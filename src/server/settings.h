#pragma once
// The server's settings: one YAML file and the environment. Keys may be written as their users know them:
// `collection-interval`, `collectionInterval` and `collection_interval` are one, and so are nested and dotted forms.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "server/access/oidc.h"
#include "server/advice/settings.h"
#include "server/alerts/settings.h"
#include "server/cost/settings.h"
#include "server/node_changes/rules.h"

namespace tessera::server {

struct Settings {
  // gpu.management
  bool enabled = true;
  std::vector<std::string> supported_models;  ///< model keys; empty: all. The others are marked, not hidden
  bool mig_enabled = true;
  bool mig_switch_on = false;
  bool mig_auto_cleanup = false;
  Milliseconds mig_cleanup_after{5 * 60'000};
  nodes::Rules node_rules;  ///< gpu.management.mig.kubernetes
  Milliseconds keep_room_after{10 * 60'000};
  std::string allocation_policy = "default";  ///< of decision::policy_names()
  AlertSettings alerts;                       ///< gpu.management.alerts
  Milliseconds collection_interval{30'000};   ///< the longest that a source leaves between two samples
  std::int64_t retention_days = 30;
  std::int64_t batch_size = 500;
  bool parallel_processing = true;
  CostSettings cost;
  AdviceSettings advice;                         ///< gpu.management.advice
  std::vector<std::string> pool_nodes;           ///< empty: all
  std::optional<std::int64_t> pool_max_devices;  ///< absent: all
  // server
  std::string address = "127.0.0.1:8080";  ///< loopback: nobody is asked who he is
  std::string context_path = "/k8s-monitor";
  std::string public_url;  ///< where browsers reach the server, without the context path; empty: as they ask
  std::string tls_certificate;
  std::string tls_key;
  // cluster-metadata and owners
  std::string cluster_metadata = "auto";  ///< "auto": where the server runs in a cluster; "true", "false"
  std::string cluster_name = "default";   ///< which of the fleet's clusters it runs in
  std::string service_account;            ///< folder; empty: where Kubernetes mounts it
  std::vector<std::string> team_labels = {"team", "app.kubernetes.io/part-of"};
  std::string tls_client_ca;
  // server.access
  bool insecure_no_auth = false;
  bool open_metrics = false;
  std::string admin_key_file;
  std::string ingest_key_file;
  std::vector<std::string> node_accounts;  ///< "namespace/name"; empty: tokens of nodes are not taken
  std::optional<OidcSettings> oidc;
  std::map<std::string, std::string> teams;  ///< of namespaces
  std::optional<std::int64_t> requests_per_second{1'000};
  std::optional<std::int64_t> samples_per_second;  ///< absent: no limit
  // server.admission
  std::string admission_address;  ///< empty: the cluster's API server and scheduler have no door
  std::string admission_certificate;
  std::string admission_key;
  std::string admission_client_ca;  ///< empty: whoever reaches the door is served
  bool admission_extender = false;
  // database
  std::string database_url;  ///< empty: SQLite in the data folder
  std::int64_t database_pool_size = 4;
  // cache
  std::string cache_url;  ///< empty: none
  std::string cache_username;
  std::string cache_password_file;

  // prometheus
  std::string prometheus_url;  ///< of the engine that keeps raw series; empty: none
  std::string prometheus_username;
  std::string prometheus_password_file;
  std::string prometheus_bearer_token_file;
  std::string prometheus_ca_file;
  Milliseconds prometheus_timeout{30'000};

  bool development = false;           ///< the profile: nothing outlives the process
  std::vector<std::string> profiles;  ///< that are active

  std::vector<std::string> warnings;  ///< keys that are taken but have no effect, with why
};

/// What the environment says under a name; nullopt where it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view)>;

/// Settings of the file, above them those of the environment (settings_environment.h), and what the profiles of
/// TESSERA_PROFILE or SPRING_PROFILES_ACTIVE ask for (profiles.h). Invalid with file, line, column and the key, for
/// what is wrong and for keys that are not known (the nearest known one is named).
Result<Settings> parse_settings(std::string_view text, std::string_view file, const Environment& environment);
/// Beside FILE.yaml stands FILE-PROFILE.yaml for what a profile says otherwise.
Result<Settings> load_settings(const std::string& path, const Environment& environment);

/// Every key, for documentation and its check: name, default, meaning.
struct SettingRow {
  std::string_view key;
  std::string_view fallback;
  std::string_view meaning;
  std::string_view no_effect = {};  ///< why, where nothing depends on it
};
std::vector<SettingRow> setting_rows();

}  // namespace tessera::server

#include "server/settings_rows.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "base/text.h"
#include "fleet/decision/policy.h"

namespace tessera::server {
namespace {

using config::Node;

template <class Type>
constexpr Shape shape_of() {
  if (std::is_same_v<Type, std::vector<std::string>>) return Shape::List;
  if (std::is_same_v<Type, std::map<std::string, std::string>>) return Shape::Map;
  return std::is_same_v<Type, std::string> ? Shape::Text : Shape::Value;
}

template <class Type>
Result<void> take_value(const Node& node, Type& into) {
  constexpr std::int64_t kMost = 1'000'000;
  if constexpr (std::is_same_v<Type, bool>)
    into = TRY(node.flag());
  else if constexpr (std::is_same_v<Type, Milliseconds>)
    into = TRY(node.duration());
  else if constexpr (std::is_same_v<Type, std::int64_t> || std::is_same_v<Type, std::optional<std::int64_t>>)
    into = TRY(node.integer(1, kMost));
  else if constexpr (std::is_same_v<Type, std::vector<std::string>>)
    into = TRY(node.texts());
  else if constexpr (std::is_same_v<Type, std::map<std::string, std::string>>)
    into = TRY(node.text_map());
  else
    into = TRY(node.text());
  return {};
}

template <auto Settings::* kField>
Result<void> take_field(const Node& node, Settings& into) {
  return take_value(node, into.*kField);
}

template <auto nodes::Rules::* kField>
Result<void> take_rule_field(const Node& node, Settings& into) {
  return take_value(node, into.node_rules.*kField);
}

template <Result<void> (*kRead)(const Node&, nodes::Rules&)>
Result<void> take_rules(const Node& node, Settings& into) {
  return kRead(node, into.node_rules);
}

template <auto CostSettings::* kField>
Result<void> take_cost_field(const Node& node, Settings& into) {
  return take_value(node, into.cost.*kField);
}

template <Result<void> (*kRead)(const Node&, CostSettings&)>
Result<void> take_cost(const Node& node, Settings& into) {
  return kRead(node, into.cost);
}
template <auto AlertSettings::* kField>
Result<void> take_alert_field(const Node& node, Settings& into) {
  return take_value(node, into.alerts.*kField);
}

template <Result<void> (*kRead)(const Node&, AdviceSettings&)>
Result<void> take_advice(const Node& node, Settings& into) {
  return kRead(node, into.advice);
}

Result<void> take_advice_enabled(const Node& node, Settings& into) { return take_value(node, into.advice.enabled); }

Result<void> take_alert_rules(const Node& node, Settings& into) { return read_alert_rules(node, into.alerts); }

Result<void> take_allocation_policy(const Node& node, Settings& into) {
  const auto names = fleet::decision::policy_names();
  into.allocation_policy = TRY(node.word({names.begin(), names.end()}));
  return {};
}

/// One word or a list of them.
Result<void> take_team_labels(const Node& node, Settings& into) {
  if (!node.is_list()) {
    into.team_labels = {TRY(node.text())};
    return {};
  }
  into.team_labels = TRY(node.texts());
  return {};
}

/// `30`, or a duration of whole days: `30d`, `4w`.
Result<std::int64_t> days_of(const Node& node) {
  constexpr Milliseconds kDay = std::chrono::hours(24);
  constexpr std::int64_t kMost = 3'660;  // on PostgreSQL each month of usage is a partition
  const auto number = parse_int(TRY(node.text()));
  const Milliseconds time = number ? Milliseconds(0) : TRY(node.duration());
  const std::int64_t days = number ? *number : time / kDay;
  if (days < 1 || days > kMost || time % kDay != Milliseconds(0))
    return node.error(fmt::format("1 to {} whole days expected, as 30 or 30d", kMost));
  return days;
}

Result<void> take_days(const Node& node, Settings& into) {
  into.retention_days = TRY(days_of(node));
  return {};
}

template <auto CostSettings::* kField>
Result<void> take_cost_days(const Node& node, Settings& into) {
  into.cost.*kField = TRY(days_of(node));
  return {};
}

template <auto OidcSettings::* kField>
Result<void> take_oidc(const Node& node, Settings& into) {
  if (!into.oidc) into.oidc.emplace();
  (*into.oidc).*kField = TRY(node.text());
  return {};
}

/// `- {group: ml, scopes: [read], namespaces: [ml]}`
Result<void> take_roles(const Node& node, Settings& into) {
  if (!into.oidc) into.oidc.emplace();
  for (const Node& one : TRY(node.list())) {
    TRY(one.only({"group", "scopes", "namespaces", "teams"}));
    OidcRole role;
    TRY(one.read("group", role.group));
    TRY(one.read("scopes", role.scopes));
    for (const auto& [key, words] : {std::pair{"namespaces", &role.namespaces}, {"teams", &role.teams}})
      if (const auto found = one.find(key); found && !found->is_null()) *words = TRY(found->texts());
    into.oidc->roles.push_back(std::move(role));
  }
  return {};
}

template <auto Settings::* kField>
constexpr SettingTaking take{take_field<kField>,
                             shape_of<std::remove_cvref_t<decltype(std::declval<Settings&>().*kField)>>()};

template <auto nodes::Rules::* kField>
constexpr SettingTaking take_rule{take_rule_field<kField>,
                                  shape_of<std::remove_cvref_t<decltype(std::declval<nodes::Rules&>().*kField)>>()};

template <auto CostSettings::* kField>
constexpr SettingTaking take_of_cost{take_cost_field<kField>,
                                     shape_of<std::remove_cvref_t<decltype(std::declval<CostSettings&>().*kField)>>()};
template <auto AlertSettings::* kField>
constexpr SettingTaking take_alert{take_alert_field<kField>,
                                   shape_of<std::remove_cvref_t<decltype(std::declval<AlertSettings&>().*kField)>>()};

const SettingEntry kRows[] = {
    {{"gpu.management.enabled", "true", "false: samples are refused and nothing is kept"}, take<&Settings::enabled>},
    {{"gpu.management.supported-models", "all", "model keys that are supported; others are shown, marked"},
     take<&Settings::supported_models>},
    {{"gpu.management.mig.enabled", "true", "false: no layout is wanted of any device, and none is told to agents"},
     take<&Settings::mig_enabled>},
    {{"gpu.management.mig.switch-on", "false",
      "whether an allocation may have MIG switched on for an instance, on a device that is empty and needs no reset "
      "for "
      "it (from Hopper on)"},
     take<&Settings::mig_switch_on>},
    {{"gpu.management.mig.auto-cleanup", "false",
      "whether instances that were made for allocations are removed once nobody has them"},
     take<&Settings::mig_auto_cleanup>},
    {{"gpu.management.mig.cleanup-after", "5m", "how long they have been idle then"},
     take<&Settings::mig_cleanup_after>},
    {{"gpu.management.mig.kubernetes.way", "nvml",
      "who cuts devices in the cluster that the server runs in: nvml, the layout container of the node; mig-manager, "
      "NVIDIA's"},
     {take_rules<nodes::read_way>, Shape::Text}},
    {{"gpu.management.mig.kubernetes.dry-run", "false", "true: nodes are not changed; what would be done is shown"},
     take_rule<&nodes::Rules::dry_run>},
    {{"gpu.management.mig.kubernetes.windows", "at any time",
      "times of the day, UTC, in which nodes are changed: 22:00-04:00"},
     {take_rules<nodes::read_windows>, Shape::List}},
    {{"gpu.management.mig.kubernetes.one-node-per", "10",
      "of so many nodes with GPUs one is changed at once, and always one"},
     take_rule<&nodes::Rules::one_node_per>},
    {{"gpu.management.mig.kubernetes.cordon", "true", "whether a node is cordoned while its devices are cut"},
     take_rule<&nodes::Rules::cordon>},
    {{"gpu.management.mig.kubernetes.strategy", "auto",
      "how the device plugin lists MIG instances: mixed, single or none; auto: the node's label "
      "nvidia.com/mig.strategy, "
      "else mixed"},
     {take_rules<nodes::read_strategy>, Shape::Text}},
    {{"gpu.management.mig.kubernetes.device-plugin.restart", "true",
      "whether the device plugin's pod on the node is deleted, so that it lists the instances anew"},
     take_rule<&nodes::Rules::restart_plugin>},
    {{"gpu.management.mig.kubernetes.device-plugin.namespace", "any", "where its pods are"},
     take_rule<&nodes::Rules::plugin_space>},
    {{"gpu.management.mig.kubernetes.device-plugin.selectors",
      "app=nvidia-device-plugin-daemonset, app.kubernetes.io/name=nvidia-device-plugin, name=nvidia-device-plugin-ds",
      "label selectors, each by itself, of its pods"},
     {take_rules<nodes::read_selectors>, Shape::List}},
    {{"gpu.management.mig.kubernetes.limits.agent", "15m", "for the node's agent to cut, from the cordon on"},
     take_rule<&nodes::Rules::agent_limit>},
    {{"gpu.management.mig.kubernetes.limits.device-plugin", "10m", "for the node to list what stands then"},
     take_rule<&nodes::Rules::plugin_limit>},
    {{"gpu.management.mig.kubernetes.limits.mig-manager", "15m", "for mig-manager to apply a layout"},
     take_rule<&nodes::Rules::manager_limit>},
    {{"gpu.management.mig.kubernetes.limits.try-again", "1h", "after which a node whose change stopped is begun again"},
     take_rule<&nodes::Rules::try_again>},
    {{"gpu.management.mig.kubernetes.mig-manager.config-map", "gpu-operator/tessera-mig-config",
      "NAMESPACE/NAME of the ConfigMap with mig-manager's file, which the server writes"},
     take_rule<&nodes::Rules::config_map>},
    {{"gpu.management.mig.kubernetes.mig-manager.config-delay", "2m",
      "how long it takes until mig-manager's pods see a change of it"},
     take_rule<&nodes::Rules::config_delay>},
    {{"gpu.management.allocation.keep-room-after", "10m",
      "who has waited so long has the room kept for it that comes free next: those behind take none of it"},
     take<&Settings::keep_room_after>},
    {{"gpu.management.allocation.policy", "default",
      "which of the places that would do is taken: firstfit, packing, bestfit, fragmentation, fgd, cost, spread or "
      "default"},
     {take_allocation_policy, Shape::Text}},
    {{"gpu.management.alerts.enabled", "true", "false: no rule is evaluated, and nobody is told"},
     take_alert<&AlertSettings::enabled>},
    {{"gpu.management.alerts.rules", "as they are built in",
      "list of {name, as, threshold, clear, for, keep-firing, severity, enabled, scope, action, runbook}: what is "
      "otherwise of a rule, or of the copy of it that `as` names"},
     {take_alert_rules, Shape::Value}},
    {{"gpu.management.alerts.alertmanagers", "none", "URLs of Alertmanagers, without /api/v2"},
     take_alert<&AlertSettings::alertmanagers>},
    {{"gpu.management.alerts.alertmanager-username", "none", "user of all Alertmanagers that ask for one"},
     take_alert<&AlertSettings::alertmanager_username>},
    {{"gpu.management.alerts.alertmanager-password-file", "none",
      "file with that user's password; read for each message"},
     take_alert<&AlertSettings::alertmanager_password_file>},
    {{"gpu.management.alerts.alertmanager-bearer-token-file", "none",
      "file with a bearer token for all Alertmanagers, instead of a user; read for each message"},
     take_alert<&AlertSettings::alertmanager_bearer_token_file>},
    {{"gpu.management.alerts.alertmanager-ca-file", "the system's CAs", "file with the CAs of Alertmanagers"},
     take_alert<&AlertSettings::alertmanager_ca_file>},
    {{"gpu.management.alerts.webhooks", "none", "URLs that are sent what Alertmanager sends webhooks"},
     take_alert<&AlertSettings::webhooks>},
    {{"gpu.management.alerts.webhook-url-files", "none",
      "files, each with such a URL, where it is a secret; read for each message"},
     take_alert<&AlertSettings::webhook_files>},
    {{"gpu.management.alerts.slack-url-files", "none",
      "files, each with the URL of a Slack incoming webhook, or of what takes the same; read for each message"},
     take_alert<&AlertSettings::slack_files>},
    {{"gpu.management.alerts.resend-every", "1m",
      "how often an Alertmanager is told of what fires; it holds four times as long"},
     take_alert<&AlertSettings::resend_every>},
    {{"gpu.management.alerts.history-kept", "90d", "how long it is kept when alerts began and ended"},
     take_alert<&AlertSettings::history_kept>},
    {{"gpu.management.alerts.runbooks", "docs/", "what stands before alerts.md#NAME in the links of alerts"},
     take_alert<&AlertSettings::runbooks>},
    {{"gpu.management.alerts.host-processes.commands", "none",
      "regular expressions (RE2's syntax), each of a whole command: processes outside of pods that are jobs, of which "
      "StuckGPUProcess and LongRunningGPUProcess tell as of a pod's, and which HighGPUUsage and HighGPUBusyShare "
      "count"},
     take_alert<&AlertSettings::host_commands>},
    {{"gpu.management.metrics.collection-interval", "30s", "the longest that a source leaves between two samples"},
     take<&Settings::collection_interval>},
    {{"gpu.management.metrics.retention-days", "30", "days that 5-minute usage is kept; `30d` is taken too"},
     {take_days, Shape::Value}},
    {{"gpu.management.metrics.batch-size", "500", "rows that are written to the database at once"},
     take<&Settings::batch_size>},
    {{"gpu.management.metrics.parallel-processing", "true", "requests are taken in side by side always"},
     take<&Settings::parallel_processing>,
     "requests are always taken in side by side"},
    {{"gpu.management.cost.enabled", "true", "false: no ledger is kept, and nothing is told of money"},
     take_of_cost<&CostSettings::enabled>},
    {{"gpu.management.cost.currency", "USD",
      "of all rates; the ledger keeps that of its begin, and the server does not start with another one"},
     {take_cost<read_currency>, Shape::Text}},
    {{"gpu.management.cost.default-rates", "{H100_80GB: 8, A100_80GB: 6, RTX4090: 2}",
      "money per GPU-hour by model key; a map that is given stands in the place of all of these, which are US dollars "
      "and hold in no other currency"},
     {take_cost<read_default_rates>, Shape::Map}},
    {{"gpu.management.cost.rates", "none",
      "list of {model, cluster, node, pool, purchase, per-hour, from, to}: see below"},
     {take_cost<read_rates>, Shape::Value}},
    {{"gpu.management.cost.mig-share", "compute-slices",
      "what a MIG instance is charged of its device by: compute-slices, memory, or larger, of both"},
     {take_cost<read_mig_share>, Shape::Text}},
    {{"gpu.management.cost.shared-devices", "requested",
      "what the pods of a time-sliced or MPS device are charged by: requested, the replicas that they hold; used, how "
      "long their processes were there"},
     {take_cost<read_shared_devices>, Shape::Text}},
    {{"gpu.management.cost.share-idle", "false",
      "whether reports give what is unallocated to those who had something in the same cluster, where the question "
      "does "
      "not say it: false, true (weighted), as they cost, or even, in equal parts; the ledger and its files stay as "
      "they are"},
     {take_cost<read_share_idle>, Shape::Text}},
    {{"gpu.management.cost.owners", "labels team, project, cost-centre",
      "list of {field, namespace, label, value}: who pays for a pod; field is team, project or cost-centre"},
     {take_cost<read_owners>, Shape::Value}},
    {{"gpu.management.cost.labels", "none",
      "at most 10 labels of pods, else of their namespaces, that the ledger keeps from then on: reports group and "
      "filter by "
      "them"},
     take_of_cost<&CostSettings::labels>},
    {{"gpu.management.cost.platform-namespaces",
      "gpu-operator, nvidia-gpu-operator, nvidia-device-plugin, nvidia-dra-driver-gpu, kube-system",
      "patterns of namespaces whose pods are the platform's own: overhead, and nobody's to pay; alerts tell of none of "
      "their processes and count none as use"},
     take_of_cost<&CostSettings::platform_namespaces>},
    {{"gpu.management.cost.nodes", "none",
      "list of {cluster, node, pool, purchase}, cluster and node as patterns: where nodes belong, before their labels"},
     {take_cost<read_nodes>, Shape::Value}},
    {{"gpu.management.cost.pool-labels",
      "tessera.dev/pool, karpenter.sh/nodepool, cloud.google.com/gke-nodepool, eks.amazonaws.com/nodegroup, "
      "kubernetes.azure.com/agentpool",
      "labels of nodes, of which the first names the pool"},
     take_of_cost<&CostSettings::pool_labels>},
    {{"gpu.management.cost.backfill-days", "30",
      "how far back a ledger that is behind is closed; no farther than 5-minute usage and the ledger are kept"},
     {take_cost_days<&CostSettings::backfill_days>, Shape::Value}},
    {{"gpu.management.cost.retention-days", "1096", "days that the ledger is kept"},
     {take_cost_days<&CostSettings::retention_days>, Shape::Value}},
    {{"gpu.management.cost.time-zone", "UTC", "whose days and months reports have that do not say another one"},
     {take_cost<read_time_zone>, Shape::Text}},
    {{"gpu.management.cost.billing-account", "gpu", "BillingAccountId of FOCUS exports"},
     take_of_cost<&CostSettings::billing_account>},
    {{"gpu.management.cost.issuer", "Tessera", "InvoiceIssuerName of FOCUS exports"},
     take_of_cost<&CostSettings::issuer>},
    {{"gpu.management.advice.enabled", "true", "false: no advice is given, and /advice is not there"},
     {take_advice_enabled, Shape::Value}},
    {{"gpu.management.advice.every", "1h", "how often it is given; 1m at least"},
     {take_advice<read_advice_every>, Shape::Value}},
    {{"gpu.management.advice.window", "14d",
      "how far back usage is looked at, no farther than 5-minute usage is kept; docs/advice.md has what kinds ask for"},
     {take_advice<read_advice_window>, Shape::Value}},
    {{"gpu.management.advice.loading", "2h", "by that much time behind a pod's start nothing is said"},
     {take_advice<read_advice_loading>, Shape::Value}},
    {{"gpu.management.advice.window-scale", "1",
      "the least windows of all kinds, times so much; below 1 more is said, sooner"},
     {take_advice<read_advice_window_scale>, Shape::Value}},
    {{"gpu.management.advice.memory-headroom", "0.2", "of the memory that was used, what a smaller place has more"},
     {take_advice<read_advice_memory_headroom>, Shape::Value}},
    {{"gpu.management.advice.compute-headroom", "0.1", "likewise of the width of kernels"},
     {take_advice<read_advice_compute_headroom>, Shape::Value}},
    {{"gpu.management.advice.least-saving", "0",
      "money of a month: what saves less is not said; what nobody can reckon is"},
     {take_advice<read_advice_least_saving>, Shape::Text}},
    {{"gpu.management.advice.least-confidence", "0", "0 to 1: what is less sure is not said"},
     {take_advice<read_advice_least_confidence>, Shape::Value}},
    {{"gpu.management.advice.off", "none", "kinds that are not said: share, spot"},
     {take_advice<read_advice_off>, Shape::List}},
    {{"gpu.management.pool.nodes", "all", "only GPUs of these nodes are managed"}, take<&Settings::pool_nodes>},
    {{"gpu.management.pool.max-devices", "all", "at most so many GPUs are managed: those that are told of first"},
     take<&Settings::pool_max_devices>},
    {{"server.address", "127.0.0.1:8080", "HOST:PORT to serve at; one that other machines reach needs an API key"},
     take<&Settings::address>},
    {{"server.context-path", "/k8s-monitor", "what stands before every path of the API"},
     take<&Settings::context_path>},
    {{"server.public-url", "as it is asked",
      "where browsers reach the server, as https://gpu.example, without the context path: people who sign in at the "
      "issuer come back there"},
     take<&Settings::public_url>},
    {{"server.tls.certificate", "", "certificate chain (PEM); with server.tls.key, HTTPS is served"},
     take<&Settings::tls_certificate>},
    {{"server.tls.private-key", "", "its private key (PEM); both files are read again when they change"},
     take<&Settings::tls_key>},
    {{"server.tls.key", "", "the same as server.tls.private-key"}, take<&Settings::tls_key>},
    {{"server.tls.client-ca", "", "a client must show a certificate that these (PEM) have signed, beside its key"},
     take<&Settings::tls_client_ca>},
    {{"server.access.insecure-no-auth", "false",
      "true: nobody is asked who he is, on any address; whoever reaches it may read and change everything"},
     take<&Settings::insecure_no_auth>},
    {{"server.access.open-metrics", "false", "true: GET /metrics is open to everybody; else it needs the scope read"},
     take<&Settings::open_metrics>},
    {{"server.access.admin-key-file", "",
      "file with a key of 'tessera-server keys generate' that is an admin's from the start: a mounted secret"},
     take<&Settings::admin_key_file>},
    {{"server.access.ingest-key-file", "", "likewise, of a key that may send samples and nothing else: a relay's"},
     take<&Settings::ingest_key_file>},
    {{"server.access.node-accounts", "none",
      "service accounts, as NAMESPACE/NAME, of the cluster that the server runs in: their pods ask for the layout of "
      "their node by a token of the audience `tessera`"},
     take<&Settings::node_accounts>},
    {{"server.access.teams", "", "the team of a namespace, as a map; keys may be restricted to teams"},
     take<&Settings::teams>},
    {{"server.access.oidc.issuer", "", "URL of an OpenID Connect issuer whose bearer tokens are taken"},
     {take_oidc<&OidcSettings::issuer>, Shape::Text}},
    {{"server.access.oidc.audience", "the client id",
      "the audience that tokens must be made for, beside the client id"},
     {take_oidc<&OidcSettings::audience>, Shape::Text}},
    {{"server.access.oidc.client-id", "",
      "of the dashboard at the issuer: with it, people sign in there by their browser"},
     {take_oidc<&OidcSettings::client_id>, Shape::Text}},
    {{"server.access.oidc.client-secret-file", "none",
      "file with the client's secret; read for each sign-in; a public client has none"},
     {take_oidc<&OidcSettings::client_secret_file>, Shape::Text}},
    {{"server.access.oidc.scopes", "openid profile email", "that a browser asks the issuer for, separated by blanks"},
     {take_oidc<&OidcSettings::scopes>, Shape::Text}},
    {{"server.access.oidc.groups-claim", "groups", "the claim with the groups, or a path: realm_access.roles"},
     {take_oidc<&OidcSettings::groups_claim>, Shape::Text}},
    {{"server.access.oidc.ca-file", "the system's", "whom the issuer's certificate is held against (PEM)"},
     {take_oidc<&OidcSettings::ca_file>, Shape::Text}},
    {{"server.access.oidc.roles", "",
      "list of {group, scopes, namespaces, teams}: what a group may do and see; the first that one is in counts"},
     {take_roles, Shape::Value}},
    {{"server.access.limits.requests-per-second", "1000", "of one key; as many may come at once"},
     take<&Settings::requests_per_second>},
    {{"server.access.limits.samples-per-second", "no limit", "that one key sends; as many may come at once"},
     take<&Settings::samples_per_second>},
    {{"server.admission.address", "off",
      "HOST:PORT where the cluster's API server and scheduler find the webhook, and the extender, by HTTPS alone"},
     take<&Settings::admission_address>},
    {{"server.admission.certificate", "",
      "certificate chain (PEM) of that listener, for the name that the API server calls: SERVICE.NAMESPACE.svc"},
     take<&Settings::admission_certificate>},
    {{"server.admission.key", "", "its private key (PEM); both files are read again when they change"},
     take<&Settings::admission_key>},
    {{"server.admission.client-ca", "none",
      "whom clients' certificates are held against there (PEM): then nobody without one is served"},
     take<&Settings::admission_client_ca>},
    {{"server.admission.extender", "false",
      "true: the scheduler's extender is served too, for clusters before Kubernetes 1.27"},
     take<&Settings::admission_extender>},
    {{"cluster-metadata.enabled", "auto",
      "auto, true or false: watch nodes, namespaces, GPU pods and quotas of the cluster that the "
      "server runs in; auto: where it runs in one"},
     take<&Settings::cluster_metadata>},
    {{"cluster-metadata.cluster", "default", "that cluster's name, as samples have it in their label cluster"},
     take<&Settings::cluster_name>},
    {{"cluster-metadata.service-account", "where Kubernetes mounts it", "folder of the service account's token and CA"},
     take<&Settings::service_account>},
    {{"owners.team-label", "team, app.kubernetes.io/part-of",
      "labels of pods, else of namespaces, of which the first names the team"},
     {take_team_labels, Shape::List}},
    {{"database.url", "SQLite in the data folder",
      "sqlite:FILE, postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=… or odbc:DSN=NAME"},
     take<&Settings::database_url>},
    {{"database.pool-size", "4",
      "connections that read what is asked of the past, 100 at most; a server has 5 beside them on PostgreSQL"},
     take<&Settings::database_pool_size>},
    {{"cache.url", "none", "redis://HOST[:PORT][/DATABASE]: where servers on one database keep replies for each other"},
     take<&Settings::cache_url>},
    {{"cache.username", "Redis' default user", "who asks it"}, take<&Settings::cache_username>},
    {{"cache.password-file", "none", "file with the password; read for each connection"},
     take<&Settings::cache_password_file>},
    {{"prometheus.url", "none", "Prometheus-compatible engine with the raw series, as http://prometheus:9090"},
     take<&Settings::prometheus_url>},
    {{"prometheus.username", "none", "who asks it, by basic authentication"}, take<&Settings::prometheus_username>},
    {{"prometheus.password-file", "none", "file with the password; read for each request"},
     take<&Settings::prometheus_password_file>},
    {{"prometheus.bearer-token-file", "none", "file with a bearer token; read for each request"},
     take<&Settings::prometheus_bearer_token_file>},
    {{"prometheus.ca-file", "the system's", "certificates (PEM) that its own must come from"},
     take<&Settings::prometheus_ca_file>},
    {{"prometheus.timeout", "30s", "how long a query may take"}, take<&Settings::prometheus_timeout>},
};

}  // namespace

std::span<const SettingEntry> setting_entries() { return kRows; }

}  // namespace tessera::server

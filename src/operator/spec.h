#pragma once
// The resource GpuMonitor (tessera.dev/v1alpha1) as plain values. What each field means, its bounds and its key are
// told once, in spec_fields.h: the reader here and the schema of the CustomResourceDefinition (crd.h) both walk that.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "config/yaml.h"

namespace tessera::operate {

inline constexpr std::string_view kGroup = "tessera.dev";
inline constexpr std::string_view kApiVersion = "tessera.dev/v1alpha1";
inline constexpr std::string_view kKind = "GpuMonitor";

using TextMap = std::map<std::string, std::string>;

/// A part of Kubernetes' own API, or of a program's settings, that is handed on as it was written.
struct Raw {
  std::string json;  ///< empty: not given
  bool given() const { return !json.empty(); }
};

// ---- What every workload may be told

struct Toleration {
  std::string key, op, value, effect;  ///< each may be empty, as in Kubernetes
  std::optional<std::int64_t> seconds;
  bool operator==(const Toleration&) const = default;
};

struct EnvVar {
  std::string name, value;
  Raw value_from;
};

struct Resources {
  TextMap requests, limits;
  bool given() const { return !requests.empty() || !limits.empty(); }
};

struct Workload {
  std::string image;    ///< with its registry, and a tag or digest; empty: the operator's own version
  Resources resources;  ///< in place of the defaults
  std::vector<EnvVar> env;
  TextMap node_selector;
  std::vector<Toleration> tolerations;
  Raw affinity;
  std::optional<std::string> priority_class;  ///< nullopt: the component's; empty: the cluster's default
  TextMap labels, annotations;                ///< of its pods
};

/// One value of a Secret.
struct SecretKey {
  std::string name, key;
  bool operator==(const SecretKey&) const = default;
};

struct Volume {
  std::string size;           ///< a quantity
  std::string storage_class;  ///< empty: the cluster's default
};

// ---- features.openAgent: the relay

struct LabelExpression {
  std::string key, op;
  std::vector<std::string> values;
};

/// Empty: every pod.
struct LabelSelector {
  TextMap match_labels;
  std::vector<LabelExpression> match_expressions;
};

struct NamespaceSelector {
  bool any = false;
  std::vector<std::string> match_names;
};

struct TlsConfig {
  bool insecure_skip_verify = false;
  std::string server_name;
  std::optional<SecretKey> ca, cert, key;
};

struct BasicAuth {
  std::string username;
  SecretKey password;
};

struct Authorization {
  std::string type = "Bearer";
  SecretKey credentials;
};

struct Endpoint {
  std::string port;  ///< a name or a number; empty: every declared port
  std::string path;  ///< empty: globalPath
  std::optional<Milliseconds> interval, scrape_timeout;
  std::string scheme = "http";
  Raw params;
  std::optional<bool> honor_labels, add_node_label;
  std::optional<TlsConfig> tls;
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  std::vector<Raw> relabelings, metric_relabelings;
  std::vector<Raw> metric_relabel_configs;  ///< after those, in Prometheus' own spelling
};

struct Target {
  std::string name;
  std::string type = "PodMonitor";
  bool enabled = true;
  NamespaceSelector namespaces;
  std::optional<LabelSelector> selector;
  std::vector<std::string> addresses;
  std::vector<Raw> relabel_configs;  ///< before those of each endpoint, in Prometheus' own spelling
  std::vector<Endpoint> endpoints;
};

/// nullopt: as features and targets ask for it.
struct BuiltinTargets {
  std::optional<bool> tessera_agent, dcgm_exporter, vllm, sglang;
};

struct OpenAgent {
  bool enabled = false;
  Milliseconds global_interval{15'000};
  std::string global_path = "/metrics";
  std::vector<Target> targets;
  BuiltinTargets builtin;
  std::int64_t replicas = 1;
  Volume queue{"10Gi", ""};
  Raw settings;  ///< of the relay, over those that the operator makes
  Workload workload;
};

// ---- features.k8sAgent

struct MasterAgent {
  bool enabled = false;
};

struct NodeMetrics {
  std::string exporter = "bundled";  ///< or "existing", "none"
  /// nullopt: 9101 of the bundled one, as another may listen on node_exporter's own; 9100 of an existing one.
  std::optional<std::int64_t> port;
  std::string image;
  std::optional<LabelSelector> selector;  ///< of the existing ones; nullopt: as the usual charts label them
  NamespaceSelector namespaces;
};

struct NodeAgent {
  bool enabled = false;
  bool host_pid = true;
  std::string runtime_class;
  NodeMetrics node_metrics;
  Workload workload;
};

struct DcgmExporter {
  std::string image;
  Resources resources;
  std::vector<EnvVar> env;
};

struct ConfigMapKey {
  std::string name;
  std::string key = "metrics.csv";
};

struct Sessions {
  bool show_pid = true, show_command = true;
  std::string textfile_directory;  ///< of the node, where node_exporter reads files; empty: none is written
};

/// Who cuts MIG devices anew while they are in use: docs/mig-layout.md.
struct MigLayout {
  bool enabled = false;
  bool dry_run = false;
  std::string way = "nvml";          ///< or "mig-manager"
  std::vector<std::string> windows;  ///< "22:00-04:00", UTC; empty: at any time
  std::string device_plugin_namespace = "gpu-operator";
  Resources resources;
};

struct Mig {
  bool monitor_devices = false;
  MigLayout layout;
};

struct GpuMonitoring {
  bool enabled = false;
  std::string exporter = "tessera";  ///< or "dcgm"
  Milliseconds interval{15'000};
  DcgmExporter dcgm;
  std::string metrics_csv;  ///< empty: the built-in set
  std::optional<ConfigMapKey> config_map;
  Sessions sessions;
  Mig mig;
};

struct K8sAgent {
  std::string agent_namespace;  ///< empty: Spec::home
  MasterAgent master_agent;
  NodeAgent node_agent;
  GpuMonitoring gpu;
};

struct Features {
  OpenAgent open_agent;
  K8sAgent k8s_agent;
};

// ---- Beside the features

/// A group of nodes whose agents differ.
struct Override {
  std::string name;  ///< empty: made of the selector
  TextMap node_selector;
  std::optional<Milliseconds> interval;
  std::string metrics_csv;
  Resources resources;
};

/// An issuer of cert-manager.
struct IssuerRef {
  std::string name;
  std::string kind = "Issuer";
  std::string group = "cert-manager.io";
};

struct CertManager {
  IssuerRef issuer;
};

/// Pods that ask for GPU memory by a label: docs/allocation.md.
struct Admission {
  bool enabled = false;
  std::optional<CertManager> cert_manager;  ///< nullopt: certificates are the operator's own
};

struct Server {
  std::optional<bool> enabled;  ///< nullopt: where the relay is
  std::int64_t replicas = 1;
  std::string service_type = "ClusterIP";
  std::optional<SecretKey> admin_key, ingest_key;  ///< nullopt: made once by the operator
  bool open_metrics = true;
  std::string tls_secret;  ///< with tls.crt, tls.key and ca.crt; empty: plain HTTP
  Admission admission;
  Raw settings;
  Workload workload;
};

struct Storage {
  std::string type = "sqlite";  ///< or "postgresql"
  Volume volume{"20Gi", ""};
  std::string existing_claim;  ///< in place of a volume of its own; empty: none
  std::optional<SecretKey> url;
};

struct Promql {
  std::string bundled = "victoria-metrics";  ///< or "prometheus", "none"
  std::string url;                           ///< of an engine that is there already: then none is bundled
  std::string retention = "30d";
  Volume volume{"50Gi", ""};
  Workload workload;
};

struct RemoteWrite {
  std::string name, url;
  TextMap headers;
  std::optional<TlsConfig> tls;
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  std::vector<Raw> write_relabel;
};

struct Alerting {
  bool enabled = false;
  std::string alertmanager_url;
  std::string rules;
};

struct Images {
  std::string registry;  ///< in place of the registries of all default images
  std::string pull_policy = "IfNotPresent";
  std::vector<std::string> pull_secrets;
};

struct Spec {
  std::string home = "tessera";  ///< the namespace that all stands in
  std::string cluster_name = "default";
  TextMap external_labels;
  Images images;
  bool network_policies = true;
  Features features;
  std::vector<Override> overrides;
  Server server;
  Storage storage;
  Promql promql;
  std::vector<RemoteWrite> remote_write;
  Alerting alerting;
};

struct GpuMonitor {
  std::string name;
  std::string uid;  ///< empty: of a file, not of a cluster
  std::int64_t generation = 0;
  Spec spec;
};

/// Invalid with file, line, column, path and what is expected: for what is no GpuMonitor, for values that cannot work,
/// and for keys that are not known, with the nearest one that is (an API server drops such keys without a word).
Result<GpuMonitor> read_gpu_monitor(const config::Node& object);

/// read_gpu_monitor() of a text, YAML or JSON; `file` is for errors only.
Result<GpuMonitor> parse_gpu_monitor(std::string_view text, std::string_view file);

// ---- What follows from it

const std::string& agent_namespace(const Spec& spec);
bool has_relay(const Spec& spec);
bool has_gpu_agent(const Spec& spec);
bool has_server(const Spec& spec);
bool has_layouts(const Spec& spec);
/// Whether the server cordons nodes while their devices are cut: it has to know them.
bool has_node_changes(const Spec& spec);
bool has_admission(const Spec& spec);
/// Whether the operator makes the certificate of the admission webhook.
bool has_own_certificate(const Spec& spec);
/// "victoria-metrics" or "prometheus" where one is made, else empty.
std::string_view bundled_engine(const Spec& spec);

}  // namespace tessera::operate

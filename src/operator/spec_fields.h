#pragma once
// Inside the room: every field of GpuMonitor's spec, told once (field.h). A new field is a member in spec.h and a line
// here; the reader and the CustomResourceDefinition have it by that.
#include <algorithm>

#include "operator/field.h"
#include "operator/spec.h"
#include "operator/spec_checks.h"

namespace tessera::operate {

/// What tessera-agent takes, in milliseconds.
inline constexpr std::int64_t kLeastInterval = 100, kMostInterval = 3'600'000;

// ---- What every workload may be told

template <class V>
void describe(V& v, Toleration& x) {
  v.field({"key", "Key of the taint; without one, with operator Exists, every taint is tolerated."}, x.key);
  v.field({"operator", "How value is compared.", Form::Any, {"Equal", "Exists"}}, x.op);
  v.field({"value", "Value of the taint, with operator Equal."}, x.value);
  v.field(
      {"effect", "Effect of the taint; without one, each.", Form::Any, {"NoSchedule", "PreferNoSchedule", "NoExecute"}},
      x.effect);
  v.field({"tolerationSeconds", "How long a NoExecute taint is tolerated; without it, for ever."}, x.seconds);
  v.rule("(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
         "a toleration without key needs operator: Exists", !x.key.empty() || x.op == "Exists");
}

template <class V>
void describe(V& v, EnvVar& x) {
  v.field({.key = "name", .about = "Name of the variable.", .required = true}, x.name);
  v.field({"value", "Its value."}, x.value);
  v.field({"valueFrom", "Where its value comes from, as in a container of Kubernetes."}, x.value_from);
}

template <class V>
void describe(V& v, Resources& x) {
  v.field({"requests", "What a container is promised, such as cpu: 50m.", Form::Quantity}, x.requests);
  v.field({"limits", "What a container may use at most.", Form::Quantity}, x.limits);
}

template <class V>
void describe(V& v, Workload& x) {
  v.field({"image", "Image with its registry, and a tag or digest, in place of the operator's own version."}, x.image);
  v.field({"resources", "Requests and limits, in place of all defaults."}, x.resources);
  v.field({.key = "env", .about = "Further environment variables.", .list_key = "name"}, x.env);
  v.field({"nodeSelector", "Labels that nodes must have."}, x.node_selector);
  v.field({"tolerations", "Taints that are tolerated, beside those that the operator tolerates."}, x.tolerations);
  v.field({"affinity", "Affinity, as in a pod of Kubernetes."}, x.affinity);
  v.field({"priorityClassName",
           "Priority class of the pods. Without a word, that of nodes' own parts for what runs on nodes; \"\": the "
           "cluster's default."},
          x.priority_class);
  v.field({"labels", "Further labels of the pods."}, x.labels);
  v.field({"annotations", "Further annotations of the pods."}, x.annotations);
}

template <class V>
void describe(V& v, SecretKey& x) {
  v.field({.key = "name", .about = "Name of the Secret.", .required = true}, x.name);
  v.field({.key = "key", .about = "Key in the Secret.", .required = true}, x.key);
}

template <class V>
void describe(V& v, Volume& x) {
  v.field({"size", "Size of the volume.", Form::Quantity}, x.size);
  v.field({"storageClassName", "Its storage class; without one, the cluster's default."}, x.storage_class);
}

// ---- features.openAgent

template <class V>
void describe(V& v, LabelExpression& x) {
  v.field({.key = "key", .about = "Key of a label.", .required = true}, x.key);
  v.field({.key = "operator",
           .about = "How it is compared.",
           .words = {"In", "NotIn", "Exists", "DoesNotExist"},
           .required = true},
          x.op);
  v.field({"values", "Values, of In and NotIn."}, x.values);
}

template <class V>
void describe(V& v, LabelSelector& x) {
  v.field({"matchLabels", "Labels with these values; all must be there."}, x.match_labels);
  v.field({"matchExpressions", "Further requirements; all must hold."}, x.match_expressions);
  v.check(check(x));
}

template <class V>
void describe(V& v, NamespaceSelector& x) {
  v.field({"any", "All namespaces."}, x.any);
  v.field({"matchNames", "Only these namespaces; without any, all.", Form::Name}, x.match_names);
  v.rule("!self.any || !has(self.matchNames) || size(self.matchNames) == 0", "any excludes matchNames",
         !x.any || x.match_names.empty());
}

template <class V>
void describe(V& v, TlsConfig& x) {
  v.field({"insecureSkipVerify", "Do not check the other side's certificate."}, x.insecure_skip_verify);
  v.field({"serverName", "Name that the certificate must be for."}, x.server_name);
  v.field({"caSecret", "Certificates (PEM) that its own must come from."}, x.ca);
  v.field({"certSecret", "Certificate (PEM) to be shown."}, x.cert);
  v.field({"keySecret", "Its private key (PEM)."}, x.key);
  v.rule("has(self.certSecret) == has(self.keySecret)", "certSecret and keySecret belong together",
         x.cert.has_value() == x.key.has_value());
}

template <class V>
void describe(V& v, BasicAuth& x) {
  v.field({.key = "username", .about = "User.", .required = true}, x.username);
  v.field({.key = "passwordSecret", .about = "Where the password is.", .required = true}, x.password);
}

template <class V>
void describe(V& v, Authorization& x) {
  v.field({"type", "First word of the header Authorization."}, x.type);
  v.field({.key = "credentialsSecret", .about = "Where its second is.", .required = true}, x.credentials);
}

template <class V>
void describe(V& v, Endpoint& x) {
  v.field({"port",
           "Port: the name of a container's port, or a number, which need not be declared. Without one, every "
           "declared port.",
           Form::Port},
          x.port);
  v.field({"path", "Path of the page; without one, globalPath.", Form::Path}, x.path);
  v.field({"interval", "Time between two scrapes; without one, globalInterval.", Form::Duration}, x.interval);
  v.field({"scrapeTimeout", "How long a scrape may take; at most the interval.", Form::Duration}, x.scrape_timeout);
  v.field({"scheme", "http or https.", Form::Any, {"http", "https"}}, x.scheme);
  v.field({"params", "Parameters of the query, as name: [values]."}, x.params);
  v.field({"honorLabels",
           "Whether labels of the page win over the target's. Without a word, true for our own agents, and for pods at "
           "port 9400, which is dcgm-exporter's."},
          x.honor_labels);
  v.field({"addNodeLabel",
           "Whether series get the label node. Without a word, true for our own agents, and for pods at port 9400."},
          x.add_node_label);
  v.field({"tlsConfig", "TLS, with scheme: https."}, x.tls);
  v.field({"basicAuth", "Basic authentication."}, x.basic_auth);
  v.field({"authorization", "Another header Authorization."}, x.authorization);
  v.field({"relabelings", "Rules on the target's labels, as in a PodMonitor."}, x.relabelings);
  v.field({"metricRelabelings", "Rules on each series, as in a PodMonitor."}, x.metric_relabelings);
  v.field({"metricRelabelConfigs", "The same as in Prometheus' configuration: source_labels, target_label."},
          x.metric_relabel_configs);
  v.rule("!has(self.basicAuth) || !has(self.authorization)", "basicAuth excludes authorization",
         !x.basic_auth || !x.authorization);
  v.check(check_rules(x.relabelings));
  v.check(check_rules(x.metric_relabelings));
  v.check(check_rules(x.metric_relabel_configs, true));
}

template <class V>
void describe(V& v, Target& x) {
  v.field({.key = "targetName", .about = "Name of the target: the label job of its series.", .required = true}, x.name);
  v.field({"type",
           "PodMonitor: pods by their labels. Static: the addresses. Services are not discovered: select the pods "
           "behind them.",
           Form::Any,
           {"PodMonitor", "Static"}},
          x.type);
  v.field({"enabled", "Whether it is scraped."}, x.enabled);
  v.field({"namespaceSelector", "Namespaces whose pods are looked at; without one, all."}, x.namespaces);
  v.field({"selector", "Labels of the pods that are meant; {} is every pod."}, x.selector);
  v.field({"addresses", "Of type Static: HOST:PORT.", Form::Address}, x.addresses);
  v.field({"relabelConfigs", "Rules on the labels of all its targets, as in Prometheus' configuration."},
          x.relabel_configs);
  v.field({"endpoints", "Which ports are scraped, and how."}, x.endpoints);
  v.check(check_rules(x.relabel_configs, true));
  const bool pods = x.type != "Static";
  v.rule("self.type != 'PodMonitor' || has(self.selector)",
         "a target of type PodMonitor needs selector: say which pods are meant, or {} for all",
         !pods || x.selector.has_value());
  v.rule("self.type != 'PodMonitor' || (has(self.endpoints) && size(self.endpoints) > 0)",
         "a target of type PodMonitor needs endpoints: say which port is meant", !pods || !x.endpoints.empty());
  v.rule("self.type != 'Static' || (has(self.addresses) && size(self.addresses) > 0)",
         "a target of type Static needs addresses", pods || !x.addresses.empty());
  v.rule("self.type != 'Static' || !has(self.endpoints) || self.endpoints.all(e, !has(e.port) && !has(e.addNodeLabel))",
         "endpoints of a target of type Static have no port and no addNodeLabel: its addresses have the port",
         pods || std::ranges::none_of(x.endpoints, [](const Endpoint& one) {
           return !one.port.empty() || one.add_node_label.has_value();
         }));
}

template <class V>
void describe(V& v, BuiltinTargets& x) {
  v.field({"tesseraAgent", "Pods of tessera-agent."}, x.tessera_agent);
  v.field({"dcgmExporter", "Pods of NVIDIA's dcgm-exporter. On a node with both, tessera-agent is scraped alone."},
          x.dcgm_exporter);
  v.field({"vllm", "Pods that serve models with vLLM."}, x.vllm);
  v.field({"sglang", "Pods that serve models with SGLang."}, x.sglang);
}

template <class V>
void describe(V& v, OpenAgent& x) {
  v.field({"enabled", "Run tessera-relay, which finds metric pods, scrapes them and forwards what they say."},
          x.enabled);
  v.field({"globalInterval", "Time between two scrapes, for endpoints that say nothing.", Form::Duration},
          x.global_interval);
  v.field({"globalPath", "Path of pages, for endpoints that say nothing.", Form::Path}, x.global_path);
  v.field({.key = "targets",
           .about = "What is scraped beside our own agents. Without any: dcgm-exporter, vLLM and SGLang pods too.",
           .list_key = "targetName"},
          x.targets);
  v.field({"builtinTargets",
           "Which pods are found by themselves. Without a word: our own agents, unless a target "
           "selects them; the others where there are no targets."},
          x.builtin);
  v.field({.key = "replicas", .about = "Relays, which share the targets.", .least = 1, .most = 100}, x.replicas);
  v.field({"queue", "Volume of each relay, where samples wait while a receiver is away."}, x.queue);
  v.field({"settings",
           "Further settings of the relay (docs/relay.md), over those that the operator makes; targets and receivers "
           "have fields of their own."},
          x.settings);
  describe(v, x.workload);
  v.rule("!has(self.targets) || self.targets.all(t, !t.targetName.startsWith('tessera-'))",
         "a targetName that begins with tessera- is the operator's own: choose another one",
         std::ranges::none_of(x.targets, [](const Target& one) { return one.name.starts_with("tessera-"); }));
  v.check(check_timeouts(x));
  v.check(check_relay_settings(x.settings));
}

// ---- features.k8sAgent

template <class V>
void describe(V& v, MasterAgent& x) {
  v.field({"enabled", "Let the server watch nodes, namespaces, GPU pods and quotas of the cluster."}, x.enabled);
}

template <class V>
void describe(V& v, NodeMetrics& x) {
  v.field(
      {"exporter",
       "CPU, memory, disk and network of nodes. bundled: a node_exporter beside the agent. existing: scrape the one "
       "that is there. none: leave them out.",
       Form::Any,
       {"bundled", "existing", "none"}},
      x.exporter);
  v.field({.key = "port",
           .about = "Port on the node. Without one, 9101 of the bundled node_exporter, and 9100 of an existing one.",
           .least = 1,
           .most = 65'535},
          x.port);
  v.field({"image", "Image of the bundled one."}, x.image);
  v.field({"selector",
           "Labels of the existing one's pods. Without one, app.kubernetes.io/name is node-exporter or "
           "prometheus-node-exporter."},
          x.selector);
  v.field({"namespaceSelector", "Namespaces of the existing one's pods; without one, all."}, x.namespaces);
}

template <class V>
void describe(V& v, NodeAgent& x) {
  v.field({"enabled", "Run agents on nodes: node metrics, and GPU metrics with gpuMonitoring."}, x.enabled);
  v.field({"hostPID", "The node's process ids, without which there are device metrics only."}, x.host_pid);
  v.field({"runtimeClassName", "Runtime class, where NVIDIA's runtime is not the default one: nvidia."},
          x.runtime_class);
  v.field({"nodeMetrics", "CPU, memory, disk and network of nodes."}, x.node_metrics);
  describe(v, x.workload);
}

template <class V>
void describe(V& v, DcgmExporter& x) {
  v.field({"image", "Image of dcgm-exporter, with its registry, and a tag or digest."}, x.image);
  v.field({"resources", "Requests and limits, in place of all defaults."}, x.resources);
  v.field({.key = "env", .about = "Further environment variables.", .list_key = "name"}, x.env);
}

template <class V>
void describe(V& v, ConfigMapKey& x) {
  v.field({.key = "name", .about = "Name of the ConfigMap, in the node agent's namespace.", .required = true}, x.name);
  v.field({"key", "Key in the ConfigMap."}, x.key);
}

template <class V>
void describe(V& v, Sessions& x) {
  v.field({"showPid", "The label pid; without it sessions are summed per container."}, x.show_pid);
  v.field({"showCommand", "The label command: the kernel's short name of a process."}, x.show_command);
  v.field({"textfileDirectory",
           "A folder of the node, such as /var/lib/node_exporter/textfile_collector, into which agents write "
           "gpu_sessions.prom for a node_exporter, beside their own /metrics. Without one, no file is written.",
           Form::Path},
          x.textfile_directory);
}

template <class V>
void describe(V& v, MigLayout& x) {
  v.field({"enabled",
           "Cut devices anew while they are in use, as the server's API is asked to: a second, privileged container "
           "beside the agent. Without it, no device is changed."},
          x.enabled);
  v.field({"dryRun", "Only tell the server what would be done."}, x.dry_run);
  v.field({"way",
           "nvml: the container cuts. mig-manager: NVIDIA's does, as the server writes it into the ConfigMap "
           "tessera-mig-config beside the device plugin; empty devices only.",
           Form::Any,
           {"nvml", "mig-manager"}},
          x.way);
  v.field({"windows", "Times of the day (UTC) at which devices may be cut, as 22:00-04:00; without one, always.",
           Form::Window},
          x.windows);
  v.field(
      {"devicePluginNamespace",
       "Namespace of NVIDIA's device plugin, whose pod on a node the server restarts once its devices are cut, so that "
       "they are listed anew; and of its mig-manager.",
       Form::Name},
      x.device_plugin_namespace);
  v.field({"resources", "Requests and limits of its container, in place of all defaults."}, x.resources);
}

template <class V>
void describe(V& v, Mig& x) {
  v.field({"monitorDevices",
           "Ask the container toolkit for the MIG monitor devices, which newer versions give only to "
           "containers with CAP_SYS_ADMIN: for nodes whose agent reports insufficient permissions."},
          x.monitor_devices);
  v.field({"layout", "Who changes how devices are cut."}, x.layout);
}

template <class V>
void describe(V& v, GpuMonitoring& x) {
  v.field({"enabled", "Read the GPUs of nodes, in the node agent."}, x.enabled);
  v.field({"exporter",
           "tessera: tessera-agent. dcgm: NVIDIA's dcgm-exporter, with the capability SYS_ADMIN.",
           Form::Any,
           {"tessera", "dcgm"}},
          x.exporter);
  v.field({.key = "interval",
           .about = "Time between two collections, from 100ms to 1h.",
           .form = Form::Duration,
           .least = kLeastInterval,
           .most = kMostInterval},
          x.interval);
  v.field({"dcgmExporter", "With exporter: dcgm."}, x.dcgm);
  v.field({.key = "metricsCsv",
           .about = "The DCGM fields to expose, as dcgm-exporter's CSV; without it, a built-in set.",
           .longest = kLongestFile},
          x.metrics_csv);
  v.field({"configMapRef", "The same in a ConfigMap of your own."}, x.config_map);
  v.field({"sessions", "What the metrics of GPU processes show."}, x.sessions);
  v.field({"mig", "MIG instances."}, x.mig);
  v.rule("!has(self.metricsCsv) || !has(self.configMapRef)", "metricsCsv excludes configMapRef",
         x.metrics_csv.empty() || !x.config_map);
  v.rule("!has(self.mig) || !has(self.mig.layout) || !self.mig.layout.enabled || self.exporter == 'tessera'",
         "mig.layout needs exporter: tessera, which tells how devices are cut",
         !x.mig.layout.enabled || x.exporter == "tessera");
  v.rule("!has(self.sessions) || !has(self.sessions.textfileDirectory) || self.exporter == 'tessera'",
         "sessions.textfileDirectory needs exporter: tessera, which writes the file",
         x.sessions.textfile_directory.empty() || x.exporter == "tessera");
}

template <class V>
void describe(V& v, K8sAgent& x) {
  v.field({"namespace", "Namespace of the node agents; without one, spec.namespace.", Form::Name}, x.agent_namespace);
  v.field({"masterAgent", "Metadata of the cluster."}, x.master_agent);
  v.field({"nodeAgent", "Agents on nodes."}, x.node_agent);
  v.field({"gpuMonitoring", "GPU metrics."}, x.gpu);
  v.rule("!has(self.gpuMonitoring) || !self.gpuMonitoring.enabled || (has(self.nodeAgent) && self.nodeAgent.enabled)",
         "gpuMonitoring runs in the node agent: it needs nodeAgent.enabled: true",
         !x.gpu.enabled || x.node_agent.enabled);
}

template <class V>
void describe(V& v, Features& x) {
  v.field({"openAgent", "The relay: finds, scrapes, forwards."}, x.open_agent);
  v.field({"k8sAgent", "What runs on nodes, and what is read of the cluster."}, x.k8s_agent);
}

// ---- Beside the features

template <class V>
void describe(V& v, Override& x) {
  v.field({"name", "Part of the DaemonSet's name; without one, made of nodeSelector.", Form::Name}, x.name);
  v.field({.key = "nodeSelector", .about = "Labels of the nodes that are meant.", .required = true}, x.node_selector);
  v.field({.key = "interval",
           .about = "In place of gpuMonitoring.interval.",
           .form = Form::Duration,
           .least = kLeastInterval,
           .most = kMostInterval},
          x.interval);
  v.field({.key = "metricsCsv", .about = "In place of gpuMonitoring.metricsCsv.", .longest = kLongestFile},
          x.metrics_csv);
  v.field({"resources", "In place of the agent's."}, x.resources);
  v.rule("size(self.nodeSelector) > 0", "an override needs a nodeSelector: say which nodes are meant",
         !x.node_selector.empty());
}

template <class V>
void describe(V& v, IssuerRef& x) {
  v.field({.key = "name", .about = "Name of the issuer.", .required = true}, x.name);
  v.field({"kind", "Issuer, which stands in spec.namespace, or ClusterIssuer, or another one of group."}, x.kind);
  v.field({"group", "API group of the issuer."}, x.group);
}

template <class V>
void describe(V& v, CertManager& x) {
  v.field({.key = "issuerRef", .about = "Who signs.", .required = true}, x.issuer);
}

template <class V>
void describe(V& v, Admission& x) {
  v.field({"enabled",
           "Let pods ask for GPU memory by a label: a webhook holds them back until the server has found a place. "
           "With it the server may change pods."},
          x.enabled);
  v.field({"certManager", "Let cert-manager make the webhook's certificate. Without it, the operator makes it."},
          x.cert_manager);
}

template <class V>
void describe(V& v, Server& x) {
  v.field({"enabled", "Run tessera-server: API and dashboard. Without a word, where the relay runs."}, x.enabled);
  v.field({.key = "replicas", .about = "Servers; more than one need PostgreSQL.", .least = 1, .most = 16}, x.replicas);
  v.field({"serviceType", "Type of its Service.", Form::Any, {"ClusterIP", "NodePort", "LoadBalancer"}},
          x.service_type);
  v.field(
      {"adminKeySecret",
       "A key of `tessera-server keys generate` that is an admin's from the start. Without one, the operator makes a "
       "Secret tessera-keys."},
      x.admin_key);
  v.field(
      {"ingestKeySecret",
       "A key of `tessera-server keys generate` that relays send with, those of other clusters too. Without one, the "
       "operator makes it in the Secret tessera-keys."},
      x.ingest_key);
  v.field({"openMetrics", "Whether its own /metrics is open to who has no key, such as a Prometheus of the cluster."},
          x.open_metrics);
  v.field({"tlsSecret",
           "Name of a Secret with tls.crt and tls.key, for the name tessera-server.NAMESPACE, and ca.crt, which relays "
           "and agents hold it against: the server serves HTTPS. Without one, plain HTTP.",
           Form::Name},
          x.tls_secret);
  v.field({"admission", "Kubernetes' door to allocations."}, x.admission);
  v.field({"settings", "Further settings of the server (docs/configuration.md), over those that the operator makes."},
          x.settings);
  describe(v, x.workload);
}

template <class V>
void describe(V& v, Storage& x) {
  v.field({"type",
           "sqlite: in a file of a volume. postgresql: in a database that is there already.",
           Form::Any,
           {"sqlite", "postgresql"}},
          x.type);
  v.field({"volume", "The server's volume: its journal, and SQLite's file."}, x.volume);
  v.field(
      {"existingClaim", "Of sqlite: a claim of your own, in place of volume. It stays when all else goes.", Form::Name},
      x.existing_claim);
  v.field({"urlSecret", "Of postgresql: where its URL is, as postgresql://USER:PASSWORD@HOST:PORT/NAME."}, x.url);
  v.rule("self.type != 'postgresql' || has(self.urlSecret)",
         "storage of type postgresql needs urlSecret: the Secret with its URL",
         x.type != "postgresql" || x.url.has_value());
  v.rule("self.type != 'postgresql' || !has(self.existingClaim)",
         "storage.existingClaim is of type sqlite: beside a database the journal is in the pods",
         x.type != "postgresql" || x.existing_claim.empty());
}

template <class V>
void describe(V& v, Promql& x) {
  v.field({"bundled",
           "The engine that keeps raw series and answers PromQL; one of a single node.",
           Form::Any,
           {"victoria-metrics", "prometheus", "none"}},
          x.bundled);
  v.field({"url", "An engine that is there already; then none is bundled.", Form::Url}, x.url);
  v.field({"retention", "How long the bundled one keeps series.", Form::Retention}, x.retention);
  v.field({"volume", "Volume of the bundled one."}, x.volume);
  describe(v, x.workload);
}

template <class V>
void describe(V& v, RemoteWrite& x) {
  v.field({.key = "name",
           .about = "Name of the receiver: samples wait for it under this name.",
           .form = Form::Name,
           .required = true},
          x.name);
  v.field({.key = "url", .about = "URL that samples are sent to.", .form = Form::Url, .required = true}, x.url);
  v.field({"headers", "Further headers, such as X-Scope-OrgID."}, x.headers);
  v.field({"tlsConfig", "TLS, with https."}, x.tls);
  v.field({"basicAuth", "Basic authentication."}, x.basic_auth);
  v.field({"authorization", "Another header Authorization."}, x.authorization);
  v.field({"writeRelabelings", "Rules on each series that is sent there."}, x.write_relabel);
  v.check(check_rules(x.write_relabel));
  v.rule("!has(self.basicAuth) || !has(self.authorization)", "basicAuth excludes authorization",
         !x.basic_auth || !x.authorization);
}

template <class V>
void describe(V& v, Alerting& x) {
  v.field({"enabled", "Let the bundled Prometheus evaluate rules."}, x.enabled);
  v.field({"alertmanagerUrl", "Alertmanager that alerts are sent to.", Form::Url}, x.alertmanager_url);
  v.field({.key = "rules", .about = "A file of rules, as Prometheus has them.", .longest = kLongestFile}, x.rules);
}

template <class V>
void describe(V& v, Images& x) {
  v.field({"registry", "Registry, with a path if it has one, in place of those of all default images."}, x.registry);
  v.field({"pullPolicy", "When images are pulled.", Form::Any, {"Always", "IfNotPresent", "Never"}}, x.pull_policy);
  v.field({"pullSecrets", "Names of Secrets with the registry's credentials."}, x.pull_secrets);
}

template <class V>
void describe(V& v, Spec& x) {
  v.field({"namespace", "Namespace of all that is made; the node agents' may be another one.", Form::Name}, x.home);
  v.field({"clusterName", "Name of this cluster: the label cluster of all series."}, x.cluster_name);
  v.field({"externalLabels", "Further labels that all series get."}, x.external_labels);
  v.field({"images", "Where images come from."}, x.images);
  v.field({"networkPolicies", "Whether NetworkPolicies are made."}, x.network_policies);
  v.field({"features", "What runs."}, x.features);
  v.field({"overrides", "Groups of nodes whose agents differ; the first that fits a node holds."}, x.overrides);
  v.field({"server", "API and dashboard."}, x.server);
  v.field({"storage", "Where the server keeps its state."}, x.storage);
  v.field({"promql", "Where raw series are kept."}, x.promql);
  v.field({.key = "remoteWrite", .about = "Further receivers of all that is scraped.", .list_key = "name"},
          x.remote_write);
  v.field({"alerting", "Alerts by rules of your own."}, x.alerting);
  v.rule("!has(self.server) || self.server.replicas <= 1 || (has(self.storage) && self.storage.type == 'postgresql')",
         "server.replicas above 1 needs storage.type: postgresql",
         x.server.replicas <= 1 || x.storage.type == "postgresql");
  v.rule("!has(self.alerting) || !self.alerting.enabled || (has(self.promql) && self.promql.bundled == 'prometheus')",
         "alerting needs promql.bundled: prometheus", !x.alerting.enabled || x.promql.bundled == "prometheus");
  v.rule("!has(self.remoteWrite) || self.remoteWrite.all(r, !r.name.startsWith('tessera-'))",
         "remoteWrite: a name that begins with tessera- is the operator's own: choose another one",
         std::ranges::none_of(x.remote_write, [](const RemoteWrite& one) { return one.name.starts_with("tessera-"); }));
  v.rule(
      "!has(self.features) || !has(self.features.k8sAgent) || !has(self.features.k8sAgent.gpuMonitoring) || "
      "!has(self.features.k8sAgent.gpuMonitoring.mig) || !has(self.features.k8sAgent.gpuMonitoring.mig.layout) || "
      "!self.features.k8sAgent.gpuMonitoring.mig.layout.enabled || (has(self.server) && has(self.server.enabled) ? "
      "self.server.enabled : has(self.features.openAgent) && self.features.openAgent.enabled)",
      "gpuMonitoring.mig.layout needs the server, which says what is wanted: server.enabled: true",
      !x.features.k8s_agent.gpu.mig.layout.enabled || has_server(x));
  v.rule(
      "!has(self.server) || !has(self.server.admission) || !self.server.admission.enabled || "
      "((has(self.server.enabled) "
      "? self.server.enabled : has(self.features) && has(self.features.openAgent) && self.features.openAgent.enabled) "
      "&& "
      "has(self.features) && has(self.features.k8sAgent) && has(self.features.k8sAgent.masterAgent) && "
      "self.features.k8sAgent.masterAgent.enabled)",
      "server.admission needs the server, and what it knows of nodes and pods: server.enabled: true and "
      "features.k8sAgent.masterAgent.enabled: true",
      !x.server.admission.enabled || (has_server(x) && x.features.k8s_agent.master_agent.enabled));
  v.check(check_label_names(x.external_labels));
  v.check(check_overrides(x.overrides));
}

}  // namespace tessera::operate

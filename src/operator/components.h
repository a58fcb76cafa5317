#pragma once
// Inside the room: the components, a file each, in the order in which they are applied. A new feature's objects go into
// the component that runs it, or into a file of its own with a line here and in plan.cc's table.
#include "operator/objects.h"

namespace tessera::operate {

void make_namespaces(Making& making);     // namespaces.cc
void make_node_agent(Making& making);     // node_agent.cc: GPUs of nodes
void make_node_exporter(Making& making);  // node_exporter.cc: CPU, memory, disk, network of nodes
void make_promql(Making& making);         // promql.cc: the engine with the raw series
void make_server(Making& making);         // server.cc: API and dashboard
void make_admission(Making& making);      // admission.cc: the webhook that the server answers
void make_relay(Making& making);          // relay.cc: what is scraped, and where it goes

/// What carries out wanted MIG layouts, beside the node agent: its container, and what it mounts of the pod.
void add_layout_container(const Making& making, nlohmann::ordered_json& pod);  // mig_layout.cc
/// The server's part of it in a cluster: nodes are cordoned, and the device plugin lists anew what was cut.
void add_node_change_rules(const Making& making, nlohmann::ordered_json& rules);
nlohmann::ordered_json node_change_settings(const Making& making);
/// Its right to restart the device plugin, in that one's namespace.
void make_plugin_rights(Making& making);

/// The port of the admission webhook, and its certificate, in the server's pod and settings; its rights.
void add_admission(const Making& making, nlohmann::ordered_json& pod, nlohmann::ordered_json& container);
nlohmann::ordered_json admission_settings();
void add_admission_rules(nlohmann::ordered_json& rules);

// ---- What one has to know of another

Part node_agent_part(const Making& making);
Part node_exporter_part(const Making& making);
Part promql_part(const Making& making);
Part server_part(const Making& making);
Part relay_part(const Making& making);

inline constexpr int kAgentPort = 9400;
inline constexpr int kRelayPort = 9411;
inline constexpr int kServerPort = 8080;
inline constexpr int kAdmissionPort = 9443;
int promql_port(const Making& making);
/// Of node_exporter on a node, ours or an existing one.
int port_of(const NodeMetrics& metrics);

/// The Secret of API keys: the server's admin key, and the one that the relay sends with.
inline constexpr std::string_view kKeys = "tessera-keys";
inline constexpr std::string_view kAdminKey = "admin-key";
inline constexpr std::string_view kIngestKey = "ingest-key";
/// The key that relays send with: the resource's, or that of the above.
SecretKey ingest_key(const Spec& spec);

/// The webhook's Service, Secret, Certificate and configuration; of all but the Service the operator may reach these
/// alone.
inline constexpr std::string_view kAdmission = "tessera-server-admission";
inline constexpr std::string_view kWebhookKind = "MutatingWebhookConfiguration";

/// Whom the node agents' tokens are made for.
inline constexpr std::string_view kTokenAudience = "tessera";

/// The base of the server's URLs inside the cluster, by the name that its certificate is for where it has one.
std::string server_url(const Making& making);
inline constexpr const char* kServerCaFolder = "/etc/tessera-server-ca";
inline constexpr const char* kServerCaFile = "/etc/tessera-server-ca/ca.crt";
/// For a container that asks the server: the CA of its certificate, where it has one.
void mount_server_ca(const Making& making, nlohmann::ordered_json& pod, nlohmann::ordered_json& container);

/// The base of a Service's URLs inside the cluster.
std::string url_of(const Part& part, int port);
/// What the server and the relay ask of PromQL: the resource's own engine, else the bundled one; empty: none.
std::string promql_url(const Making& making);

/// Labels that the node agent's pods have for others to select them by.
TextMap node_agent_labels(const Spec& spec);

/// The relay's configuration (docs/relay.md). Secrets that it names are told by secret_path().
nlohmann::ordered_json relay_config(const Making& making);  // relay_config.cc
/// What the resource names for the relay, each once.
std::vector<SecretKey> relay_secrets(const Spec& spec);
std::string secret_path(const SecretKey& key);

}  // namespace tessera::operate

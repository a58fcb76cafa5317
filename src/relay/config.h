#pragma once
// The relay's settings: what to discover, how to scrape it, where to send it. Two languages become the same structs:
// Prometheus' own file (scrape_configs, remote_write) and the short one (targets, remoteWrite). Plain values, made once
// and never changed; any thread may read them. Paths are absolute or relative to the working folder: those of the file
// have been resolved against the file's folder.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "kube/selector.h"
#include "relay/labels.h"
#include "relay/relabel.h"

namespace tessera::relay {

using kube::parse_selector, kube::Requirement, kube::requirement_operator, kube::Selector;

/// A password, a token, a header's value: never printed, because nothing prints it; read where it is sent.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

/// Where in the file something stands, for errors and explanations.
struct Place {
  std::string file;
  int line = 0;
  bool operator==(const Place&) const = default;
};
std::string shown(const Place& place);  ///< "relay.yaml:12"; "built in" where there is no file

// ---- How to speak to somebody
// ----------------------------------------------------------------------------------------

/// Of each pair at most one is given; a file is read at every use, because such files change.
struct BasicAuth {
  std::string username, username_file;
  Secret password;
  std::string password_file;
  bool operator==(const BasicAuth&) const = default;
};

/// `Authorization: <type> <credentials>`.
struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  std::string credentials_file;
  bool operator==(const Authorization&) const = default;
};

struct TlsSettings {
  std::string ca_file, cert_file, key_file;
  std::string ca, cert;  ///< PEM, in place of the files
  Secret key;
  std::string server_name;
  bool insecure_skip_verify = false;
  std::string min_version, max_version;  ///< "TLS12", "TLS13" and so on; empty: OpenSSL's
  bool operator==(const TlsSettings&) const = default;
};

struct ProxySettings {
  std::string url;  ///< without user and password; empty: direct, or of the environment
  std::string username;
  Secret password;
  std::string no_proxy;  ///< as written: hosts, suffixes, networks, by comma
  bool from_environment = false;
  bool operator==(const ProxySettings&) const = default;
};

/// One value of a header: in the file, or in a file of its own.
struct Header {
  std::string name;
  Secret value;
  std::string value_file;
  bool operator==(const Header&) const = default;
};

struct HttpSettings {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  TlsSettings tls;
  ProxySettings proxy;
  std::vector<Header> headers;
  bool follow_redirects = true;
  bool operator==(const HttpSettings&) const = default;
};

// ---- What to discover
// ------------------------------------------------------------------------------------------------

struct TargetGroup {
  std::vector<std::string> targets;  ///< "host:port"
  Labels labels;
  bool operator==(const TargetGroup&) const = default;
};

struct StaticDiscovery {
  std::vector<TargetGroup> groups;
};

struct FileDiscovery {
  std::vector<std::string> files;  ///< the last part may have a *
  Milliseconds refresh{300'000};
};

struct HttpDiscovery {
  std::string url;
  Milliseconds refresh{60'000};
  HttpSettings http;
};

struct Namespaces {
  bool own = false;                ///< the one the relay runs in (with `names`: as well)
  std::vector<std::string> names;  ///< with `own` false and no names: all
  bool operator==(const Namespaces&) const = default;
};

/// How the pods found become targets.
enum class PodRole {
  Prometheus,  ///< every declared container port, with __meta_kubernetes_* labels for the job's rules
  PodMonitor,  ///< the running pods and ports that `select` and `port` name
  Builtin      ///< what builtin_targets.h recognises
};

/// A port as it is written: neither name nor number means every declared one.
struct PortChoice {
  std::string name;
  std::optional<std::uint16_t> number;  ///< need not be declared by the pod
  bool operator==(const PortChoice&) const = default;
};

enum class BuiltinKind { TesseraAgent, DcgmExporter, Vllm, Sglang };
std::string_view name_of(BuiltinKind kind);

struct PodDiscovery {
  PodRole role = PodRole::Prometheus;
  Namespaces namespaces;
  Selector select;             ///< by labels; also what the API server is asked with
  std::string field_selector;  ///< as the API server takes it
  PortChoice port;             ///< PodMonitor
  bool filter_running = true;  ///< PodMonitor: leave out pods that ended
  bool node_label = false;     ///< PodMonitor: add `node`
  BuiltinKind builtin = BuiltinKind::TesseraAgent;
  std::string api_server;  ///< empty: the cluster the relay runs in
  HttpSettings http;       ///< with api_server
};

using Discovery = std::variant<StaticDiscovery, FileDiscovery, HttpDiscovery, PodDiscovery>;

// ---- How to scrape
// ---------------------------------------------------------------------------------------------------

enum class ScrapeProtocol { PrometheusText0_0_4, OpenMetrics1_0_0, OpenMetrics0_0_1 };

/// nullopt: no limit.
struct ScrapeLimits {
  std::optional<std::uint64_t> body_bytes = 64U << 20U;
  std::optional<std::uint64_t> samples = 200'000;  ///< after relabelling
  std::optional<std::uint64_t> labels, label_name_length, label_value_length;
  std::optional<std::uint64_t> targets;               ///< of the job
  std::optional<std::uint64_t> keep_dropped_targets;  ///< to show; the rest is only counted
  bool operator==(const ScrapeLimits&) const = default;
};

struct ScrapeSettings {
  Milliseconds interval{60'000};
  Milliseconds timeout{10'000};  ///< never above the interval
  std::string path = "/metrics";
  std::string scheme = "http";
  std::vector<std::pair<std::string, std::vector<std::string>>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool compression = true;
  bool derive_gpu_weights = false;  ///< of a dcgm-exporter's page what scrape_weights.h says
  std::vector<ScrapeProtocol> protocols = {ScrapeProtocol::OpenMetrics1_0_0, ScrapeProtocol::PrometheusText0_0_4};
  /// For an answer without a Content-Type that we know.
  ScrapeProtocol fallback = ScrapeProtocol::PrometheusText0_0_4;
  ScrapeLimits limits;
  HttpSettings http;
  RelabelRules metric_relabel;
  bool operator==(const ScrapeSettings&) const = default;
};

struct Job {
  std::string id;    ///< unique: the name, and for an endpoint of `targets` its number: "vllm/0"
  std::string name;  ///< the label `job`
  Place place;
  std::vector<Discovery> discoveries;
  RelabelRules relabel;
  ScrapeSettings scrape;
};

// ---- Where to send
// ---------------------------------------------------------------------------------------------------

enum class Protocol { V1, V2, Auto };

struct QueueSettings {
  std::string dir;  ///< empty: the program's default
  std::uint64_t max_bytes = 8ULL << 30U;
  Milliseconds max_age{7 * 24 * 3'600'000LL};
  std::uint32_t shards = 4;
  std::uint32_t max_samples_per_send = 10'000;
  Milliseconds batch_deadline{250};  ///< also what a killed process can lose: what is not queued yet
  Milliseconds min_backoff{30};
  Milliseconds max_backoff{5'000};
  bool retry_on_429 = true;
  std::optional<Milliseconds> sample_age_limit;  ///< older samples are dropped instead of sent
  bool operator==(const QueueSettings&) const = default;
};

struct MetadataSettings {
  bool send = true;
  Milliseconds interval{60'000};
  std::uint32_t max_per_send = 2'000;
  bool operator==(const MetadataSettings&) const = default;
};

struct Destination {
  std::string name;  ///< unique; where none is written: made of the URL, the same at every start
  Place place;
  std::string url;  ///< without user and password
  Milliseconds timeout{30'000};
  HttpSettings http;
  RelabelRules relabel;
  Protocol protocol = Protocol::Auto;
  bool send_exemplars = true;
  MetadataSettings metadata;
  QueueSettings queue;
};

// ---- All of it
// -------------------------------------------------------------------------------------------------------

struct Config {
  std::string file;
  Labels external_labels;
  std::vector<Job> jobs;
  std::vector<Destination> destinations;
  std::vector<std::string> warnings;  ///< settings taken without effect here, a sentence with its place each
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Invalid with a line for each part that is wrong: FILE:LINE:COLUMN: PATH and what is expected; never with a secret.
/// `environment` is what external labels may name as ${NAME}. An empty text: the built-in targets and no destination.
Result<Config> parse_config(std::string_view text, const std::string& file, const Environment& environment = {});

/// parse_config() of a file's text, with the process' environment.
Result<Config> load_config(const std::string& path);

}  // namespace tessera::relay

// What the settings file means, in both languages.
#include "relay/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::relay {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Config parsed(std::string_view text) {
  auto config = parse_config(text, "/etc/relay/relay.yaml", [](const std::string& name) {
    return name == "CLUSTER" ? std::optional<std::string>("c1") : std::nullopt;
  });
  EXPECT_TRUE(config) << (config ? "" : config.error().what);
  return config ? *std::move(config) : Config();
}

std::vector<std::string> ids(const Config& config) {
  std::vector<std::string> out;
  for (const Job& job : config.jobs) out.push_back(job.id);
  return out;
}

constexpr std::string_view kLarge = R"(# A file as it runs beside a Prometheus of today.
global:
  scrape_interval: 30s
  scrape_timeout: 10s
  evaluation_interval: 30s
  body_size_limit: 32MB
  external_labels:
    cluster: ${CLUSTER}
    price: $$5
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["localhost:9090"]
  - job_name: "node"
    scrape_interval: 5s
    honor_labels: true
    enable_http2: false
    static_configs:
      - targets: [node-1:9100, '[fd00::2]:9100']
        labels: {dc: east, rack: "12"}
      - targets: []
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: go_.*
        action: drop
  - job_name: files
    file_sd_configs:
      - files: [sd/*.json, /srv/sd/x.yml]
        refresh_interval: 1m
    sample_limit: 0
    label_limit: 30
    label_name_length_limit: 200
    label_value_length_limit: 1024
    target_limit: 100
    body_size_limit: 0
  - job_name: http
    scheme: https
    metrics_path: probe
    params: {module: [http_2xx, icmp]}
    basic_auth: {username: scraper, password_file: secrets/pw}
    tls_config:
      ca_file: ca.pem
      server_name: metrics.internal
      min_version: TLS12
    proxy_url: http://user:p%40ss@proxy:3128
    no_proxy: 10.0.0.0/8
    follow_redirects: false
    http_headers:
      X-Tenant: {values: [a]}
      X-Key: {secrets: [k1], files: [key]}
    http_sd_configs:
      - url: https://sd.internal/targets
        authorization: {credentials: abc}
        refresh_interval: 30s
  - job_name: pods
    scrape_protocols: [PrometheusText0.0.4]
    fallback_scrape_protocol: OpenMetricsText1.0.0
    kubernetes_sd_configs:
      - role: pod
        namespaces: {names: [gpu, serving]}
        selectors:
          - {role: pod, label: "app in (a,b),!old", field: spec.nodeName=n1}
      - role: pod
        api_server: https://other:6443
        bearer_token_file: /run/token
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
        action: keep
        regex: true
      - source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
        action: replace
        regex: ([^:]+)(?::\d+)?;(\d+)
        replacement: $1:$2
        target_label: __address__
      - action: labelmap
        regex: __meta_kubernetes_pod_label_(.+)
remote_write:
  - url: https://bob:s3cret@receiver.example/api/v1/write
    name: main
    remote_timeout: 20s
    headers: {X-Scope-OrgID: team}
    write_relabel_configs:
      - {source_labels: [__name__], regex: 'up|gpu_.*', action: keep}
    queue_config:
      capacity: 10000
      max_shards: 2
      max_samples_per_send: 5000
      batch_send_deadline: 200ms
      min_backoff: 100ms
      max_backoff: 10s
      retry_on_http_429: false
      sample_age_limit: 1w
    metadata_config: {send: false}
    queue: {dir: q, max_bytes: 1GB, max_age: 2d, shards: 8}
  - url: http://vm:8428/api/v1/write
    protobuf_message: io.prometheus.write.v2.Request
)";

TEST(Config, TakesALargePrometheusFileAsItIs) {
  const Config config = parsed(kLarge);
  EXPECT_THAT(ids(config), ElementsAre("prometheus", "node", "files", "http", "pods"));
  EXPECT_EQ(config.external_labels, (Labels{{"cluster", "c1"}, {"price", "$5"}}));
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("relay.yaml:5:3: global.evaluation_interval: has no effect"),
                                           HasSubstr("queue_config.capacity: has no effect")));
  const Job& node = config.jobs[1];
  EXPECT_EQ(shown(node.place), "/etc/relay/relay.yaml:14");
  EXPECT_EQ(node.scrape.interval, 5s);
  EXPECT_EQ(node.scrape.timeout, 5s);  // never above the interval
  EXPECT_TRUE(node.scrape.honor_labels);
  EXPECT_EQ(node.scrape.metric_relabel.size(), 1U);
  EXPECT_EQ(node.scrape.limits.body_bytes, 32U << 20U);
  EXPECT_EQ(node.scrape.limits.samples, 200'000U);
  const auto& groups = std::get<StaticDiscovery>(node.discoveries.at(0)).groups;
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_THAT(groups[0].targets, ElementsAre("node-1:9100", "[fd00::2]:9100"));
  EXPECT_EQ(groups[0].labels, (Labels{{"dc", "east"}, {"rack", "12"}}));
}

TEST(Config, NothingWaitsLongInMemory) {
  const Config config = parsed(R"(
remote_write:
  - {url: "http://a/", queue_config: {batch_send_deadline: 5s}}
)");
  EXPECT_EQ(config.destinations.at(0).queue.batch_deadline, 250ms) << "a kill would cost 5 s";
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("queue_config.batch_send_deadline: taken as 250ms")));
}

TEST(Config, ReadsFileAndHttpDiscoveryLimitsAndAuth) {
  const Config config = parsed(kLarge);
  const Job& files = config.jobs[2];
  const auto& sd = std::get<FileDiscovery>(files.discoveries.at(0));
  EXPECT_THAT(sd.files, ElementsAre("/etc/relay/sd/*.json", "/srv/sd/x.yml"));
  EXPECT_EQ(sd.refresh, 60s);
  ScrapeLimits limits;
  limits.body_bytes = limits.samples = std::nullopt;
  limits.labels = 30;
  limits.label_name_length = 200;
  limits.label_value_length = 1024;
  limits.targets = 100;
  EXPECT_EQ(files.scrape.limits, limits);

  const ScrapeSettings& http = config.jobs[3].scrape;
  EXPECT_EQ(http.path, "/probe");
  EXPECT_EQ(http.scheme, "https");
  EXPECT_THAT(http.params, ElementsAre(Pair("module", ElementsAre("http_2xx", "icmp"))));
  EXPECT_EQ(http.http.basic_auth->username, "scraper");
  EXPECT_EQ(http.http.basic_auth->password_file, "/etc/relay/secrets/pw");
  EXPECT_EQ(http.http.tls.ca_file, "/etc/relay/ca.pem");
  EXPECT_EQ(http.http.proxy.url, "http://proxy:3128");
  EXPECT_EQ(http.http.proxy.username, "user");
  EXPECT_EQ(http.http.proxy.password.reveal(), "p@ss");
  EXPECT_FALSE(http.http.follow_redirects);
  EXPECT_EQ(http.http.headers,
            (std::vector<Header>{
                {"X-Tenant", Secret("a"), ""}, {"X-Key", Secret("k1"), ""}, {"X-Key", Secret(), "/etc/relay/key"}}));
  const auto& urls = std::get<HttpDiscovery>(config.jobs[3].discoveries.at(0));
  EXPECT_EQ(urls.url, "https://sd.internal/targets");
  EXPECT_EQ(urls.http.authorization->type, "Bearer");
  EXPECT_EQ(urls.http.authorization->credentials.reveal(), "abc");
}

TEST(Config, ReadsPodDiscovery) {
  const Job job = parsed(kLarge).jobs[4];
  ASSERT_EQ(job.discoveries.size(), 2U);
  const auto& pods = std::get<PodDiscovery>(job.discoveries[0]);
  EXPECT_EQ(pods.role, PodRole::Prometheus);
  EXPECT_THAT(pods.namespaces.names, ElementsAre("gpu", "serving"));
  EXPECT_EQ(to_query(pods.select), "app in (a,b),!old");
  EXPECT_EQ(pods.field_selector, "spec.nodeName=n1");
  const auto& other = std::get<PodDiscovery>(job.discoveries[1]);
  EXPECT_EQ(other.api_server, "https://other:6443");
  EXPECT_EQ(other.http.authorization->credentials_file, "/run/token");
  EXPECT_EQ(job.relabel.size(), 3U);
  EXPECT_THAT(job.scrape.protocols, ElementsAre(ScrapeProtocol::PrometheusText0_0_4));
  EXPECT_EQ(job.scrape.fallback, ScrapeProtocol::OpenMetrics1_0_0);
}

TEST(Config, ReadsDestinations) {
  const Config config = parsed(kLarge);
  ASSERT_EQ(config.destinations.size(), 2U);
  const Destination& main = config.destinations[0];
  EXPECT_EQ(main.url, "https://receiver.example/api/v1/write");
  EXPECT_EQ(main.http.basic_auth->username, "bob");
  EXPECT_EQ(main.http.basic_auth->password.reveal(), "s3cret");
  EXPECT_EQ(main.timeout, 20s);
  EXPECT_EQ(main.http.headers, (std::vector<Header>{{"X-Scope-OrgID", Secret("team"), ""}}));
  EXPECT_EQ(main.relabel.size(), 1U);
  EXPECT_FALSE(main.metadata.send);
  EXPECT_EQ(main.protocol, Protocol::Auto);
  const QueueSettings want{"/etc/relay/q", 1U << 30U, 48h, 8, 5000, 200ms, 100ms, 10s, false, 168h};
  EXPECT_EQ(main.queue, want);
  const Destination& vm = config.destinations[1];
  EXPECT_THAT(vm.name, testing::MatchesRegex("vm-8428-[0-9a-f]{8}"));
  EXPECT_EQ(vm.protocol, Protocol::V2);
  EXPECT_EQ(vm.queue, QueueSettings());
}

constexpr std::string_view kShort = R"(
globalInterval: 20s
globalPath: /m
externalLabels: {cluster: x}
targets:
  - targetName: vllm
    namespaceSelector: {matchNames: [serving]}
    selector:
      matchLabels: {app: vllm}
      matchExpressions:
        - {key: tier, operator: NotIn, values: [dev]}
        - {key: old, operator: DoesNotExist}
    endpoints:
      - port: metrics
        honorLabels: true
        relabelings:
          - {sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: node}
        metricRelabelings:
          - {sourceLabels: [__name__], regex: "vllm:.*", action: Keep}
      - port: "8080"
        path: /other
        interval: 5s
        scrapeTimeout: 2s
        scheme: https
        tlsConfig: {insecureSkipVerify: true}
        bearerTokenFile: /run/token
        params: {a: [b]}
        sampleLimit: 7
        bodySizeLimit: 1MB
        addNodeLabel: true
        filterRunning: false
  - targetName: fixed
    type: Static
    addresses: ["a:1"]
    staticTargets: [{targets: ["b:2"], labels: {x: y}}]
    endpoints: [{path: /p}, {}]
  - targetName: off
    type: HttpSD
    enabled: false
    url: http://sd/
  - {targetName: sd, type: HttpSD, url: "http://sd/", refreshInterval: 9s}
remoteWrite:
  - url: http://a/w
    auth: {bearerTokenFile: t}
    tls: {caFile: ca}
    protocolVersion: 1
    headers: {X-A: b}
    queue: {maxBytes: 5MB, maxAge: 1h, shards: 1, maxBackoff: 30s}
    writeRelabelConfigs: [{action: labeldrop, regex: pod_uid}]
)";

TEST(Config, ReadsTheShortLanguage) {
  const Config config = parsed(kShort);
  EXPECT_THAT(ids(config), ElementsAre("vllm/0", "vllm/1", "fixed/0", "fixed/1", "sd/0"));
  const Job& first = config.jobs[0];
  EXPECT_EQ(first.name, "vllm");
  EXPECT_EQ(first.scrape.interval, 20s);
  EXPECT_EQ(first.scrape.path, "/m");
  EXPECT_TRUE(first.scrape.honor_labels);
  EXPECT_EQ(first.relabel.at(0).text(), "replace __meta_kubernetes_pod_node_name -> node = \"$1\"");
  EXPECT_EQ(first.scrape.metric_relabel.at(0).text(), "keep __name__ =~ \"vllm:.*\"");
  const auto& pods = std::get<PodDiscovery>(first.discoveries.at(0));
  EXPECT_EQ(pods.role, PodRole::PodMonitor);
  EXPECT_THAT(pods.namespaces.names, ElementsAre("serving"));
  EXPECT_EQ(to_query(pods.select), "app=vllm,tier!=dev,!old");
  EXPECT_EQ(pods.port, (PortChoice{"metrics", std::nullopt}));
  const Job& second = config.jobs[1];
  const auto& by_number = std::get<PodDiscovery>(second.discoveries.at(0));
  EXPECT_EQ(by_number.port, (PortChoice{"", 8080}));
  EXPECT_TRUE(by_number.node_label);
  EXPECT_FALSE(by_number.filter_running);
  EXPECT_EQ(second.scrape.interval, 5s);
  EXPECT_EQ(second.scrape.timeout, 2s);
  EXPECT_TRUE(second.scrape.http.tls.insecure_skip_verify);
  EXPECT_EQ(second.scrape.http.authorization->credentials_file, "/run/token");
  EXPECT_EQ(second.scrape.limits.samples, 7U);
  EXPECT_EQ(second.scrape.limits.body_bytes, 1U << 20U);
  const auto& fixed = std::get<StaticDiscovery>(config.jobs[2].discoveries.at(0)).groups;
  ASSERT_EQ(fixed.size(), 2U);
  EXPECT_EQ(config.jobs[2].scrape.path, "/p");
  EXPECT_EQ(config.jobs[3].scrape.path, "/m");
  EXPECT_EQ(std::get<HttpDiscovery>(config.jobs[4].discoveries.at(0)).refresh, 9s);

  const Destination& to = config.destinations.at(0);
  EXPECT_EQ(to.http.authorization->credentials_file, "/etc/relay/t");
  EXPECT_EQ(to.http.tls.ca_file, "/etc/relay/ca");
  EXPECT_EQ(to.protocol, Protocol::V1);
  EXPECT_EQ(to.queue.max_bytes, 5U << 20U);
  EXPECT_EQ(to.queue.max_backoff, 30s);
  EXPECT_EQ(to.relabel.at(0).text(), "labeldrop =~ \"pod_uid\"");
}

TEST(Config, HasDefaultsForEachLanguage) {
  const Config config = parsed(R"(
scrape_configs: [{job_name: a}]
targets: [{targetName: b, selector: {}, endpoints: [{}]}])");
  const ScrapeSettings& a = config.jobs.at(0).scrape;
  EXPECT_EQ(a.interval, 60s);
  EXPECT_EQ(a.timeout, 10s);
  EXPECT_EQ(a.limits, ScrapeLimits());
  const ScrapeSettings& b = config.jobs.at(1).scrape;
  EXPECT_EQ(b.interval, 15s);
  EXPECT_EQ(b.path, "/metrics");
  EXPECT_EQ(std::get<PodDiscovery>(config.jobs[1].discoveries.at(0)).namespaces, Namespaces());  // all
  const Config mixed =
      parsed("global: {scrape_interval: 5s}\ntargets: [{targetName: b, selector: {}, endpoints: [{}]}]");
  EXPECT_EQ(mixed.jobs.at(0).scrape.interval, 5s);
  EXPECT_EQ(mixed.jobs.at(0).scrape.timeout, 5s);
}

TEST(Config, UsesTheBuiltinSetWhereNoTargetIsGiven) {
  const struct {
    std::string_view text;
    std::vector<std::string> want;
  } kCases[] = {
      {"", {"builtin/tessera-agent", "builtin/dcgm-exporter", "builtin/vllm", "builtin/sglang"}},
      {"scrape_configs: []\ntargets:",
       {"builtin/tessera-agent", "builtin/dcgm-exporter", "builtin/vllm", "builtin/sglang"}},
      {"builtinTargets: {vllm: false, sglang: false}", {"builtin/tessera-agent", "builtin/dcgm-exporter"}},
      {"scrape_configs: [{job_name: a}]", {"a"}},
      {"scrape_configs: [{job_name: a}]\nbuiltinTargets: {vllm: true}", {"a", "builtin/vllm"}},
      {"targets: [{targetName: a, type: Static, enabled: false, addresses: [x:1]}]", {}},
  };
  for (const auto& c : kCases) EXPECT_EQ(ids(parsed(c.text)), c.want) << c.text;
  const Job agent = parsed("globalInterval: 5s\nbuiltinTargets: {namespaceSelector: {matchNames: [gpu]}}").jobs.at(0);
  EXPECT_TRUE(agent.scrape.honor_labels);
  EXPECT_EQ(agent.scrape.interval, 5s);
  EXPECT_EQ(shown(agent.place), "built in");
  const auto& pods = std::get<PodDiscovery>(agent.discoveries.at(0));
  EXPECT_TRUE(pods.node_label);
  EXPECT_EQ(pods.builtin, BuiltinKind::TesseraAgent);
  EXPECT_THAT(pods.namespaces.names, ElementsAre("gpu"));
}

TEST(Config, DerivesWeightsWhereAskedForAndOfTheBuiltinDcgmExporter) {
  const struct {
    std::string_view text;
    std::vector<std::string> want;
  } kCases[] = {
      {"", {"builtin/dcgm-exporter"}},
      {"builtinTargets: {deriveGpuWeights: false}", {}},
      {"scrape_configs: [{job_name: a, derive_gpu_weights: true}, {job_name: b}]", {"a"}},
      {"targets: [{targetName: a, selector: {}, endpoints: [{deriveGpuWeights: true}, {}]}]", {"a/0"}},
  };
  for (const auto& c : kCases) {
    std::vector<std::string> derive;
    for (const Job& job : parsed(c.text).jobs)
      if (job.scrape.derive_gpu_weights) derive.push_back(job.id);
    EXPECT_EQ(derive, c.want) << c.text;
  }
}

TEST(Config, TakesForeignKeysThatSayNothing) {
  const Config config = parsed(R"(
global: {scrape_native_histograms: false}
rule_files:
alerting: {}
scrape_config_files: []
scrape_configs: [{job_name: a, native_histogram_bucket_limit: 0, consul_sd_configs: [], scrape_timeout: 1s}]
remote_write: [{url: "http://a/", send_native_histograms: false}])");
  EXPECT_THAT(config.warnings, IsEmpty());
  EXPECT_EQ(config.jobs.at(0).scrape.timeout, 1s);
}

TEST(Config, LoadsAFile) {
  const TempDir dir;
  const std::string path = (dir.path() / "relay.yaml").string();
  EXPECT_FALSE(load_config(path));
  ASSERT_TRUE(write_file_atomically(path, "remote_write: [{url: 'http://a/', queue: {dir: q}}]"));
  const auto config = load_config(path);
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->destinations.at(0).queue.dir, (dir.path() / "q").string());
}

}  // namespace
}  // namespace tessera::relay

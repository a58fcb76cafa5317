// What the settings file may not say, and what is answered.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "relay/config.h"

namespace tessera::relay {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Case {
  std::string text, says;
};

void expect_refused(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto config = parse_config(c.text, "r.yaml");
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().code, Code::Invalid);
    EXPECT_THAT(config.error().what, StartsWith("r.yaml:")) << c.text;
    EXPECT_THAT(config.error().what, HasSubstr(c.says)) << c.text;
  }
}

std::string job(std::string_view keys) { return fmt::format("scrape_configs:\n- job_name: a\n  {}\n", keys); }
std::string target(std::string_view keys) {
  return fmt::format("targets:\n- targetName: a\n  selector: {{}}\n  endpoints: [{{{}}}]\n", keys);
}
std::string write(std::string_view keys) { return fmt::format("remote_write:\n- url: http://a/\n  {}\n", keys); }

TEST(ConfigRefusal, NamesWhatIsNotSupportedWithItsLine) {
  expect_refused({
      {"global: {}\nrule_files:\n- a.yml\n", "r.yaml:2:1: rule_files: not supported: the relay evaluates no rules"},
      {"alerting:\n  alertmanagers: [{}]\n", "r.yaml:1:1: alerting: not supported"},
      {"remote_read: [{url: x}]", "remote_read: not supported"},
      {"storage: {tsdb: {}}", "storage: not supported"},
      {"tracing: {endpoint: x}", "tracing: not supported"},
      {"otlp: {a: b}", "otlp: not supported"},
      {"scrape_config_files: [x]", "scrape_config_files: not supported"},
      {"global: {query_log_file: x}", "global.query_log_file: not supported"},
      {job("consul_sd_configs: [{}]"), "r.yaml:3:3: scrape_configs[0].consul_sd_configs: not supported: write its"},
      {job("scrape_native_histograms: true"), "native histograms are not scraped"},
      {job("oauth2: {client_id: x}"), "scrape_configs[0].oauth2: not supported"},
      {job("scrape_protocols: [PrometheusProto]"), "PrometheusProto is not supported"},
      {job("kubernetes_sd_configs: [{role: endpoints}]"), "'endpoints'; only pods are discovered"},
      {job("kubernetes_sd_configs: [{role: pod, kubeconfig_file: x}]"), "kubeconfig_file: not supported"},
      {job("kubernetes_sd_configs: [{role: pod, attach_metadata: {node: true}}]"), "labels of nodes are not read"},
      {job("tls_config: {min_version: TLS10}"), "TLS10 is broken"},
      {write("send_native_histograms: true"), "remote_write[0].send_native_histograms: not supported"},
      {write("sigv4: {region: x}"), "sigv4: not supported"},
      {write("azuread: {cloud: x}"), "azuread: not supported"},
      {write("google_iam: {a: b}"), "google_iam: not supported"},
      {"targets: [{targetName: a, type: ServiceMonitor}]", "select their pods with type PodMonitor"},
      {target("metricRelabelConfigs: [{}]"), "write metricRelabelings"},
      {target("targetPort: 1"), "write port"},
  });
}

TEST(ConfigRefusal, NamesTheNearestKnownKey) {
  expect_refused({
      {"scrape_config: []", "r.yaml:1:1: scrape_config: this key is not known; did you mean 'scrape_configs'?"},
      {"global: {scrape_intervall: 1s}", "did you mean 'scrape_interval'?"},
      {job("metric_path: /x"), "did you mean 'metrics_path'?"},
      {job("relabel_configs: [{source_label: [a]}]"), "did you mean 'source_labels'?"},
      {target("scrape_timeout: 1s"),
       "endpoints[0].scrape_timeout: this key is not known; did you mean 'scrapeTimeout'?"},
      {target("relabelings: [{source_labels: [a]}]"), "did you mean 'sourceLabels'?"},
      {"targets: [{targetname: a}]", "did you mean 'targetName'?"},
      {"builtinTargets: {dcgmexporter: true}", "did you mean 'dcgmExporter'?"},
      {write("queue_config: {max_shard: 1}"), "did you mean 'max_shards'?"},
      {write("queue: {maxBytes: 1GB}"), "did you mean 'max_bytes'?"},
      {"remoteWrite: [{url: 'http://a/', remote_timeout: 1s}]", "did you mean 'remoteTimeout'?"},
  });
}

TEST(ConfigRefusal, ChecksScraping) {
  expect_refused({
      {"scrape_configs: [{metrics_path: /}]", "scrape_configs[0]: job_name is missing"},
      {"scrape_configs: [{job_name: a}, {job_name: a}]", "[1].job_name: there is a job 'a' already"},
      {job("scrape_interval: 0s"), "above 0"},
      {job("scrape_interval: fast"), "number expected"},
      {"global: {scrape_interval: 5s, scrape_timeout: 6s}", "global.scrape_timeout: 6s is longer than the interval"},
      {job("scrape_timeout: 2m"), "2m is longer than the interval of 1m"},
      {job("scheme: ftp"), "expected http or https"},
      {job("metrics_path: /a?b=c"), "belongs into params"},
      {job("sample_limit: -1"), "whole number of at least 0"},
      {job("body_size_limit: 10XB"), "expected a size"},
      {job("scrape_protocols: []"), "at least one protocol"},
      {job("scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]"), "twice"},
      {job("static_configs: [{targets: ['http://a:1/metrics']}]"), "without a scheme"},
      {job("static_configs: [{targets: ['a:1/metrics']}]"), "path is a setting of the job"},
      {job("static_configs: [{targets: [a], labels: {a-b: c}}]"), "no label name"},
      {job("file_sd_configs: [{files: []}]"), "files is missing"},
      {job("file_sd_configs: [{files: [a.txt]}]"), "ends in .json"},
      {job("file_sd_configs: [{files: ['*/a.json']}]"), "only the last part"},
      {job("http_sd_configs: [{}]"), "url is missing"},
      {job("kubernetes_sd_configs: [{role: pod, selectors: [{label: 'a=b c'}]}]"), "expected a comma"},
      {job("kubernetes_sd_configs: [{role: pod, selectors: [{role: pod, field: spec.node=a}]}]"), "spec.nodeName"},
      {job("kubernetes_sd_configs: [{role: pod, bearer_token_file: x}]"), "belong to an api_server"},
      {job("relabel_configs: [{action: kep}]"), "relabel_configs[0].action: no such relabelling action 'kep'"},
      {job("relabel_configs: [{source_labels: [a]}]"), "needs a target label"},
      {job("relabel_configs: [{target_label: b, regex: '('}]"), "regex '('"},
      {"global: {external_labels: {a: b}}\nexternalLabels: {a: c}", "the label 'a' is given twice"},
  });
}

TEST(ConfigRefusal, ChecksTheShortLanguage) {
  expect_refused({
      {"targets: [{type: Static}]", "targetName is missing"},
      {"targets: [{targetName: a}]", "selector is missing"},
      {"targets: [{targetName: a, selector: {}}]", "endpoints is missing"},
      {"targets: [{targetName: a, enabled: false}]", "selector is missing"},
      {"targets: [{targetName: a, type: Static}]", "addresses or staticTargets is missing"},
      {"targets: [{targetName: a, type: Static, url: x}]", "url: this key is not known"},
      {"targets: [{targetName: a, type: HttpSD}]", "url is missing"},
      {"targets: [{targetName: a, type: Static, addresses: [x], endpoints: [{port: 1}]}]",
       "port: this key is not known"},
      {"targets: [{targetName: a, type: Stat, addresses: [x]}]", "expected one of PodMonitor, Static, HttpSD"},
      {target("port: 70000"), "from 1 to 65535"},
      {target("port: a, portNumber: 1"), "excludes port"},
      {"targets: [{targetName: a, namespaceSelector: {any: true, matchNames: [b]}, selector: {}, endpoints: [{}]}]",
       "excludes matchNames"},
      {"targets: [{targetName: a, selector: {matchExpressions: [{key: a, operator: in}]}}]", "expected one of In"},
      {"targets: [{targetName: a, selector: {matchExpressions: [{key: a, operator: In}]}}]", "at least one value"},
      {"targets: [{targetName: a, selector: {matchLabels: {a: b/c}}}]", "no value that a label"},
      {"targets: [{targetName: a, type: Static, addresses: [x]}, {targetName: a, type: Static, addresses: [x]}]",
       "there is a target of this name already"},
  });
}

TEST(ConfigRefusal, ChecksDestinationsAndAuth) {
  expect_refused({
      {"remote_write: [{}]", "url is missing"},
      {"remote_write: [{url: ftp://a}]", "expected a URL"},
      {"remote_write: [{url: 'http://a:99999/'}]", "expected a URL"},
      {"remote_write: [{url: 'http://a/'}, {url: 'http://a/'}]", "give each a name of its own"},
      {write("name: ../x"), "a folder is named so"},
      {write("protocolVersion: 3"), "expected one of 1, 2, auto"},
      {write("protocolVersion: 1\n  protobuf_message: prometheus.WriteRequest"), "excludes protocolVersion"},
      {write("headers: {Content-Type: x}"), "the relay sets this header itself"},
      {write("headers: {Authorization: x}"), "write authorization or basic_auth instead"},
      {write("headers: {'a b': x}"), "no header's name"},
      {write("queue_config: {min_shards: 5, max_shards: 2}"), "is above max_shards"},
      {write("queue_config: {min_backoff: 10s}"), "the least wait of 10s is longer than the longest of 5s"},
      {write("queue: {max_bytes: 0}"), "at least 1MB"},
      {write("queue: {shards: 65}"), "from 1 to 64"},
      {write("queue: {max_bytes: 1MB, shards: 64}"),
       "r.yaml:3:11: remote_write[0].queue.max_bytes: 16 KiB for each of 64 shards is too little for their requests: "
       "give at least 16MB, or have at most 4 shards"},
      {write("queue_config: {min_shards: 9}\n  queue: {max_bytes: 2MB}"),
       "give at least 3MB, or have at most 8 shards"},
      {"remoteWrite: [{url: 'http://a/', queue: {maxBytes: 1MB, shards: 5}}]",
       "remoteWrite[0].queue.maxBytes: 204 KiB"},
      {"remote_write:\n- {url: 'http://a/', queue: {dir: q/x}}\n- url: http://b/\n  queue: {dir: q/y/../x/}\n",
       "r.yaml:4:11: remote_write[1].queue.dir: this folder is the queue of another destination already, at r.yaml:2;"},
      {"remote_write: [{url: 'http://a/', queue: {dir: ./q}}]\nremoteWrite: [{url: 'http://b/', queue: {dir: q}}]\n",
       "r.yaml:2:42: remoteWrite[0].queue.dir: this folder is the queue of another destination already, at r.yaml:1;"},
      {write("basic_auth: {password: x}"), "username or username_file is missing"},
      {write("basic_auth: {username: a, password: x, password_file: y}"), "exclude each other"},
      {write("authorization: {type: Basic, credentials: x}"), "write basic_auth"},
      {write("bearer_token: x\n  basic_auth: {username: a}"), "only one kind"},
      {write("tls_config: {cert_file: x}"), "needs its key"},
      {write("tls_config: {min_version: TLS13, max_version: TLS12}"), "above the highest"},
      {write("proxy_url: proxy"), "expected a proxy's URL"},
      {write("no_proxy: a"), "means nothing without proxy_url"},
  });
}

TEST(ConfigRefusal, TellsOfEveryPartThatIsWrong) {
  const auto config = parse_config(
      "rule_files: [a]\n"
      "global: {scrape_interval: fast}\n"
      "externalLabels: {a-b: c}\n"
      "globalPath: /a?b\n"
      "scrape_configs:\n"
      "- {job_name: good}\n"
      "- {job_name: twice, scheme: ftp}\n"
      "- {job_nam: x}\n"
      "- {job_name: good}\n"
      "targets:\n"
      "- {targetName: none, type: Static}\n"
      "- {targetName: kind, type: Stat}\n"
      "builtinTargets: {vlm: true}\n"
      "remote_write:\n"
      "- {name: lost}\n"
      "- {url: 'http://a/', protocolVersion: 3}\n"
      "remoteWrite: {url: 'http://b/'}\n",
      "r.yaml");
  ASSERT_FALSE(config);
  const auto told = split(config.error().what, '\n');
  EXPECT_THAT(told, testing::UnorderedElementsAre(
                        StartsWith("r.yaml:1:1: rule_files: "), StartsWith("r.yaml:2:27: global.scrape_interval: "),
                        StartsWith("r.yaml:3:23: externalLabels.a-b: "), StartsWith("r.yaml:4:1: globalPath: "),
                        StartsWith("r.yaml:7:21: scrape_configs[1].scheme: "),
                        StartsWith("r.yaml:8:4: scrape_configs[2].job_nam: "),
                        StartsWith("r.yaml:9:4: scrape_configs[3].job_name: there is a job 'good' already"),
                        StartsWith("r.yaml:11:3: targets[0]: "), StartsWith("r.yaml:12:28: targets[1].type: "),
                        StartsWith("r.yaml:13:18: builtinTargets.vlm: "), StartsWith("r.yaml:15:3: remote_write[0]: "),
                        StartsWith("r.yaml:16:39: remote_write[1].protocolVersion: "),
                        StartsWith("r.yaml:17:14: remoteWrite: expected a list")));
}

TEST(ConfigRefusal, NeverShowsASecret) {
  const std::string cases[] = {
      write("basic_auth: hunter2"),
      write("authorization: Bearer hunter2"),
      write("bearer_token: [hunter2]"),
      write("bearer_token: \"a\\nhunter2\""),
      write("basic_auth: {username: a, password: {hunter2: x}}"),
      write("headers: {X-Key: \"hunter2\\nx\"}"),
      write("headers: hunter2"),
      write("http_headers: {X-Key: hunter2}"),
      write("proxy_url: a:hunter2@b"),
      "remote_write: [{url: 'user:hunter2@host'}]",
      "remote_write: [{url: 'https://user:hunter2@host:x/'}]",
      "remoteWrite: [{url: 'http://a/', auth: hunter2}]",
      write("tls_config: {key: [hunter2]}"),
  };
  for (const std::string& text : cases) {
    const auto config = parse_config(text, "r.yaml");
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().what, Not(HasSubstr("hunter2"))) << text;
  }
}

}  // namespace
}  // namespace tessera::relay

#include "relay/discover.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include "relay/target.h"

namespace tessera::relay {
namespace {

using namespace std::chrono_literals;
using kube::Pod;
using kube::PodContainer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Job job_of(std::string_view text) {
  const auto config = parse_config(text, "r.yaml");
  EXPECT_TRUE(config) << (config ? "" : config.error().what);
  return config->jobs.at(0);
}

Walk walked(const Job& job, const Pod& pod) {
  return walk_pod(job, std::get<PodDiscovery>(job.discoveries.at(0)), pod, "relay");
}

PodContainer container(std::string name, std::vector<kube::ContainerPort> ports) {
  PodContainer out;
  out.name = std::move(name);
  out.image = "image";
  out.ports = std::move(ports);
  return out;
}

Pod web() {
  Pod pod;
  pod.space = "shop";
  pod.name = "web-1";
  pod.uid = "u1";
  pod.labels = {{"app", "web"}, {"app.kubernetes.io/part-of", "shop"}};
  pod.annotations = {{"prometheus.io/port", "9"}};
  pod.phase = "Running";
  pod.ip = "10.0.0.1";
  pod.node = "n1";
  pod.ready = false;  // is scraped all the same
  pod.containers = {container("setup", {{"init", 1}}), container("main", {{"http", 8080}, {"metrics", 9090}}),
                    container("side", {{"metrics", 9091}})};
  pod.containers[0].init = true;
  return pod;
}

std::vector<std::string> urls(const Walk& walk) {
  std::vector<std::string> out;
  for (const TargetSpec& target : walk.targets) out.push_back(target.url);
  return out;
}

std::string monitor(std::string_view endpoint, std::string_view more = "") {
  return fmt::format(
      "targets:\n- targetName: t\n  selector: {{matchLabels: {{app: web}}}}\n  {}\n  endpoints: [{{{}}}]\n", more,
      endpoint);
}

TEST(DiscoverMonitor, ChoosesPorts) {
  const struct {
    std::string_view endpoint;
    std::vector<std::string> want;
  } kCases[] = {
      {"port: http", {"http://10.0.0.1:8080/metrics"}},
      {"port: metrics", {"http://10.0.0.1:9090/metrics", "http://10.0.0.1:9091/metrics"}},
      {"port: 9091", {"http://10.0.0.1:9091/metrics"}},
      {"port: '7777'", {"http://10.0.0.1:7777/metrics"}},  // not declared, and scraped all the same
      {"port: none", {}},
      {"port: init", {}},  // ends before the pod runs
      {"", {"http://10.0.0.1:8080/metrics", "http://10.0.0.1:9090/metrics", "http://10.0.0.1:9091/metrics"}},
      {"port: http, scheme: https, path: /a b, params: {x: [1 2, '&']}", {"https://10.0.0.1:8080/a%20b?x=1+2&x=%26"}},
  };
  for (const auto& c : kCases) {
    const bool blank = c.endpoint.find("/a b") != std::string_view::npos;
    std::string text(c.endpoint);
    if (blank)
      text =
          "port: http, scheme: https, path: /a, relabelings: [{targetLabel: __metrics_path__, replacement: /a b}],"
          " params: {x: [1 2, '&']}";
    EXPECT_EQ(urls(walked(job_of(monitor(text)), web())), c.want) << c.endpoint;
  }
}

TEST(DiscoverMonitor, GivesThePodsLabels) {
  const Walk walk = walked(job_of(monitor("port: metrics, addNodeLabel: true, interval: 20s")), web());
  ASSERT_EQ(walk.targets.size(), 2U);
  const TargetSpec& target = walk.targets[0];
  EXPECT_EQ(target.labels, (Labels{{"container", "main"},
                                   {"endpoint", "metrics"},
                                   {"instance", "10.0.0.1:9090"},
                                   {"job", "t"},
                                   {"namespace", "shop"},
                                   {"node", "n1"},
                                   {"pod", "web-1"}}));
  EXPECT_EQ(target.job_id, "t/0");
  EXPECT_EQ(target.origin, "pod shop/web-1");
  EXPECT_EQ(target.interval, 20s);
  const Walk number = walked(job_of(monitor("port: 7777")), web());
  EXPECT_EQ(value_of(number.targets.at(0).labels, "endpoint"), "");
  EXPECT_EQ(value_of(number.targets.at(0).labels, "container"), "");  // of two, nobody knows
}

TEST(DiscoverMonitor, WritesIpv6InBracketsAndTakesTheNodesAddress) {
  Pod pod = web();
  pod.ip = "fd00::5";
  EXPECT_THAT(urls(walked(job_of(monitor("port: http")), pod)), ElementsAre("http://[fd00::5]:8080/metrics"));
  pod.host_network = true;
  pod.ip = pod.host_ip = "192.168.0.7";
  EXPECT_THAT(urls(walked(job_of(monitor("port: http")), pod)), ElementsAre("http://192.168.0.7:8080/metrics"));
}

TEST(DiscoverMonitor, SaysWhichStepDroppedThePodAndWhatToChange) {
  const struct {
    std::string_view step, detail, change;
    std::string endpoint, more;
    std::function<void(Pod&)> spoil;
  } kCases[] = {
      {"namespace", "the pod is in 'shop'; looked at: a, b", "add 'shop'", "port: http",
       "namespaceSelector: {matchNames: [a, b]}", [](Pod&) {}},
      {"labels", "'app=web' does not hold: the pod has app=api", "change the pod's label", "port: http", "",
       [](Pod& pod) { pod.labels["app"] = "api"; }},
      {"labels", "the pod has no label 'app'", "r.yaml:5", "port: http", "", [](Pod& pod) { pod.labels.clear(); }},
      {"phase", "the pod is Succeeded", "filterRunning", "port: http", "", [](Pod& pod) { pod.phase = "Succeeded"; }},
      {"phase", "the pod is Failed", "filterRunning", "port: http", "", [](Pod& pod) { pod.phase = "Failed"; }},
      {"ip", "no IP yet", "kubectl describe", "port: http", "", [](Pod& pod) { pod.ip.clear(); }},
      {"port", "a port named 'web'; the pod declares: setup init=1, main http=8080", "write its number", "port: web",
       "", [](Pod&) {}},
      {"relabel", "the rule `drop namespace =~ \"shop\"` dropped it; it looked at 'shop'", "r.yaml:5",
       "port: http, relabelings: [{action: drop, sourceLabels: [namespace], regex: shop}]", "", [](Pod&) {}},
      {"address", "the label __address__: 'a/b'", "mend",
       "port: http, relabelings: [{targetLabel: __address__, replacement: a/b}]", "", [](Pod&) {}},
  };
  for (const auto& c : kCases) {
    Pod pod = web();
    c.spoil(pod);
    const Walk walk = walked(job_of(monitor(c.endpoint, c.more)), pod);
    EXPECT_THAT(walk.targets, IsEmpty()) << c.detail;
    ASSERT_FALSE(walk.steps.empty());
    const Step& last = walk.steps.back();
    EXPECT_FALSE(last.passed);
    EXPECT_EQ(last.step, c.step) << c.detail;
    EXPECT_THAT(last.detail, HasSubstr(c.detail));
    EXPECT_THAT(last.change, HasSubstr(c.change)) << c.detail;
    for (std::size_t i = 0; i + 1 < walk.steps.size(); ++i) EXPECT_TRUE(walk.steps[i].passed) << walk.steps[i].step;
  }
  Pod ended = web();
  ended.phase = "Failed";
  EXPECT_THAT(urls(walked(job_of(monitor("port: http, filterRunning: false")), ended)), testing::SizeIs(1));
}

TEST(DiscoverPrometheus, GivesEveryPortWithMetaLabels) {
  Pod pod = web();
  pod.containers.push_back(container("bare", {}));
  pod.controller_kind = "ReplicaSet";
  const Job all = job_of("scrape_configs: [{job_name: p, kubernetes_sd_configs: [{role: pod}]}]");
  EXPECT_THAT(urls(walked(all, pod)),
              ElementsAre("http://10.0.0.1:1/metrics", "http://10.0.0.1:8080/metrics", "http://10.0.0.1:9090/metrics",
                          "http://10.0.0.1:9091/metrics", "http://10.0.0.1/metrics"));
  const Labels meta = pod_meta_labels(pod, &pod.containers[1], &pod.containers[1].ports[0]);
  const std::pair<std::string_view, std::string_view> kWant[] = {{"namespace", "shop"},
                                                                 {"pod_name", "web-1"},
                                                                 {"pod_ip", "10.0.0.1"},
                                                                 {"pod_ready", "false"},
                                                                 {"pod_phase", "Running"},
                                                                 {"pod_node_name", "n1"},
                                                                 {"pod_uid", "u1"},
                                                                 {"pod_label_app", "web"},
                                                                 {"pod_label_app_kubernetes_io_part_of", "shop"},
                                                                 {"pod_labelpresent_app", "true"},
                                                                 {"pod_annotation_prometheus_io_port", "9"},
                                                                 {"pod_annotationpresent_prometheus_io_port", "true"},
                                                                 {"pod_container_name", "main"},
                                                                 {"pod_container_image", "image"},
                                                                 {"pod_container_init", "false"},
                                                                 {"pod_container_port_name", "http"},
                                                                 {"pod_container_port_number", "8080"},
                                                                 {"pod_container_port_protocol", "TCP"},
                                                                 {"pod_controller_kind", "ReplicaSet"},
                                                                 {"pod_controller_name", ""}};
  for (const auto& [name, value] : kWant)
    EXPECT_EQ(value_of(meta, fmt::format("__meta_kubernetes_{}", name)), value) << name;
}

TEST(DiscoverPrometheus, LetsRulesSteerTheScrape) {
  const Job job = job_of(R"(
scrape_configs:
- job_name: p
  params: {m: [a, b]}
  kubernetes_sd_configs: [{role: pod}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: http, action: keep}
  - {source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port], regex: '(.+):\d+;(\d+)', replacement: '$1:$2', target_label: __address__}
  - {target_label: __scheme__, replacement: https}
  - {target_label: __param_m, replacement: c}
  - {target_label: __scrape_interval__, replacement: 7s}
  - {target_label: __scrape_timeout__, replacement: 3s}
  - {target_label: instance, replacement: me}
  - {action: labelmap, regex: __meta_kubernetes_pod_label_(app)}
)");
  const Walk walk = walked(job, web());
  ASSERT_THAT(urls(walk), ElementsAre("https://10.0.0.1:9/metrics?m=c&m=b"));
  EXPECT_EQ(walk.targets[0].labels, (Labels{{"app", "web"}, {"instance", "me"}, {"job", "p"}}));
  EXPECT_EQ(walk.targets[0].interval, 7s);
  EXPECT_EQ(walk.targets[0].timeout, 3s);
}

NamedPod known(const Pod& pod) {
  return {pod.space, pod.name, [pod](const PodDiscovery&) { return pod; }};
}

TEST(DiscoverBuiltin, FindsExportersWithTheirNode) {
  Pod pod = web();
  pod.labels = {{"app", "dcgm-exporter"}};
  const auto config = parse_config("", "r.yaml");
  const auto explained = explain_pod(known(pod), config->jobs, "relay");
  ASSERT_EQ(explained.size(), 4U);
  EXPECT_THAT(explained[0].walk.targets, IsEmpty());
  EXPECT_THAT(explained[0].walk.steps.back().detail, HasSubstr("does not look like tessera-agent"));
  ASSERT_THAT(urls(explained[1].walk), ElementsAre("http://10.0.0.1:9090/metrics"));
  const TargetSpec& target = explained[1].walk.targets[0];
  EXPECT_EQ(value_of(target.labels, "node"), "n1");
  EXPECT_EQ(value_of(target.labels, "job"), "dcgm-exporter");
  EXPECT_EQ(target.builtin, BuiltinKind::DcgmExporter);
  pod.labels.clear();
  pod.containers = {container("main", {})};
  pod.containers[0].args = {"sglang", "serve"};
  const auto sglang = explain_pod(known(pod), config->jobs, "relay").back();
  EXPECT_THAT(sglang.walk.targets, IsEmpty());
  EXPECT_THAT(sglang.walk.steps.back().change, HasSubstr("--enable-metrics"));
}

TEST(Discover, ExplainsJobsWithoutPodsToo) {
  const Job fixed = job_of("scrape_configs: [{job_name: a, static_configs: [{targets: [x:1]}]}]");
  const auto explained = explain_pod(known(web()), std::vector<Job>{fixed}, "relay");
  EXPECT_EQ(explained.at(0).walk.steps.at(0).step, "discovery");
  EXPECT_EQ(shown(explained[0].place), "r.yaml:1");
}

TEST(DiscoverGroups, GivesTargetsWithTheirLabels) {
  const Job job =
      job_of("scrape_configs: [{job_name: a, static_configs: [{targets: [x:1, 'y'], labels: {dc: e, job: b}}]}]");
  const auto& groups = std::get<StaticDiscovery>(job.discoveries.at(0)).groups;
  const Walk walk = walk_groups(job, groups, to_labels({{"__meta_url", "u"}}), "static");
  EXPECT_THAT(urls(walk), ElementsAre("http://x:1/metrics", "http://y/metrics"));
  EXPECT_EQ(walk.targets[1].labels, (Labels{{"dc", "e"}, {"instance", "y"}, {"job", "b"}}));
  EXPECT_EQ(walk.targets[1].origin, "static");
  const Job dropping = job_of(
      "scrape_configs: [{job_name: a, relabel_configs: [{source_labels: [__meta_url], regex: u, action: drop}]}]");
  EXPECT_THAT(walk_groups(dropping, groups, to_labels({{"__meta_url", "u"}}), "static").targets, IsEmpty());
}

TargetSpec spec(std::string url, std::string node, std::optional<BuiltinKind> kind, Labels labels) {
  TargetSpec out;
  out.url = std::move(url);
  out.node = std::move(node);
  out.builtin = kind;
  out.labels = std::move(labels);
  return out;
}

TEST(Discover, DropsDoubledTargets) {
  const Sifted labels = without_equal_labels(
      {spec("a", "", {}, {{"x", "1"}}), spec("b", "", {}, {{"x", "2"}}), spec("c", "", {}, {{"x", "1"}})});
  ASSERT_EQ(labels.kept.size(), 2U);
  EXPECT_EQ(labels.kept[1].url, "b");
  ASSERT_EQ(labels.dropped.size(), 1U);
  EXPECT_EQ(labels.dropped[0].target.url, "c");
  EXPECT_THAT(labels.dropped[0].why, HasSubstr("the same labels as"));

  using enum BuiltinKind;
  const Sifted nodes =
      prefer_agent({spec("dcgm1", "n1", DcgmExporter, {}), spec("agent1", "n1", TesseraAgent, {}),
                    spec("dcgm2", "n2", DcgmExporter, {}), spec("vllm1", "n1", Vllm, {}), spec("own", "n1", {}, {}),
                    spec("nowhere", "", DcgmExporter, {}), spec("agent", "", TesseraAgent, {})});
  ASSERT_EQ(nodes.dropped.size(), 1U);
  EXPECT_EQ(nodes.dropped[0].target.url, "dcgm1");
  EXPECT_THAT(nodes.dropped[0].why, HasSubstr("'n1'"));
  EXPECT_EQ(nodes.kept.size(), 6U);
}

TEST(Discover, ElectsTheAgentUntilItIsSilent) {
  using enum BuiltinKind;
  const std::vector<TargetSpec> all = {spec("dcgm1", "n1", DcgmExporter, {}), spec("agent1", "n1", TesseraAgent, {}),
                                       spec("agent1b", "n1", TesseraAgent, {}), spec("agent2", "n2", TesseraAgent, {})};
  const auto key = [](const TargetSpec& target) { return target_key(target.job_id, target.url, target.labels); };
  const struct {
    std::set<std::string> silent;
    std::size_t dropped;
  } kCases[] = {{{}, 1}, {{key(all[1])}, 1}, {{key(all[1]), key(all[2])}, 0}, {{key(all[3])}, 1}};
  for (const auto& c : kCases) {
    const Sifted sifted = prefer_agent(all, c.silent);
    EXPECT_EQ(sifted.dropped.size(), c.dropped);
    EXPECT_EQ(sifted.kept.size(), 4 - c.dropped) << "silent agents are asked on";
    EXPECT_EQ(sifted.fallen_back.contains("n1"), c.dropped == 0);
    EXPECT_EQ(sifted.contested, (std::set{key(all[1]), key(all[2])})) << "about n2 there is no election";
  }
}

TEST(Discover, SharesBothExportersOfANodeTogether) {
  using enum BuiltinKind;
  EXPECT_EQ(share_key(spec("a", "n1", DcgmExporter, {})), share_key(spec("b", "n1", TesseraAgent, {})));
  EXPECT_NE(share_key(spec("a", "n1", DcgmExporter, {})), share_key(spec("a", "n2", DcgmExporter, {})));
  EXPECT_NE(share_key(spec("a", "n1", Vllm, {})), share_key(spec("b", "n1", Vllm, {})));
  EXPECT_NE(share_key(spec("a", "", DcgmExporter, {})), share_key(spec("b", "", TesseraAgent, {})));
}

}  // namespace
}  // namespace tessera::relay

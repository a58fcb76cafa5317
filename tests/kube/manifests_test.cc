// A resource as people write it, from `kubectl apply` to an answer of PromQL: the operator makes of it what it makes,
// and relay, server and agent run by what it made. Nodes and pods that these talk to are in the API alone: no kubelet
// says where they are, so the test can.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "operator/base64.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_relay/relay.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char *kHandNode = "by-hand", *kHandAddress = "127.93.0.1", *kOtherAddress = "127.93.0.2";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

/// What a resource comes to, running.
struct Running {
  Started engine;  ///< VictoriaMetrics
  std::unique_ptr<Child> server;
  std::string server_url, admin_key;
  std::unique_ptr<Relay> relay;
};

class ClusterManifests : public OnCluster {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    if (peer("victoria-metrics").empty()) GTEST_SKIP() << "victoria-metrics is missing: ./dev brings it";
    const Finished applied = cluster().shell("kubectl apply --validate=false -f deploy/crds");
    ASSERT_EQ(applied.code, 0) << applied.output;
    ASSERT_TRUE(is_served());
    cluster().done({"create", "namespace", "operators"});
    cluster().done({"create", "serviceaccount", "tessera-operator", "--namespace", "operators"});
    cluster().done({"apply", "-f", "-"}, run({program("tessera-operator"), "--rights"}).output);
    cluster().done({"create", "clusterrolebinding", "tessera-operator", "--clusterrole=tessera-operator",
                    "--serviceaccount=operators:tessera-operator"});
    add_node();
    operator_ = std::make_unique<Child>(
        std::vector<std::string>{program("tessera-operator"), "--address", "127.0.0.1:0", "--lease-duration", "3s",
                                 "--service-account",
                                 cluster().service_account("operators", "tessera-operator").string()},
        cluster().environment());
    ASSERT_TRUE(operator_->says("operator ready")) << operator_->output();
  }
  void TearDown() override {
    if (!operator_) return;
    cluster().done({"delete", "gpumonitors", "--all"});  // which waits for the operator
    operator_->stop();
    cluster().done({"delete", "crd", "gpumonitors.tessera.dev"});
    // No kubelet ends what is on our node.
    cluster().done({"delete", "pods", "--all-namespaces", "--field-selector",
                    fmt::format("spec.nodeName={}", kHandNode), "--force", "--grace-period=0"});
    cluster().done({"delete", "node", kHandNode});
    cluster().done({"delete", "clusterrole,clusterrolebinding", "tessera-operator"});
    cluster().done({"delete", "namespace", "operators", "tessera", "gpu-monitoring-system", "gpu-monitoring",
                    "--ignore-not-found", "--wait=false"});
    EXPECT_TRUE(soon([&] {
      return !cluster().has("/api/v1/namespaces/tessera") && !cluster().has(kAgentSpace) &&
             !cluster().has("/api/v1/namespaces/operators");
    }));
  }

  void add_node() {
    cluster().done({"create", "-f", "-"},
                   fmt::format("{{apiVersion: v1, kind: Node, metadata: {{name: {}, labels: {{kubernetes.io/os: linux, "
                               "nvidia.com/gpu.present: 'true'}}}}}}",
                               kHandNode));
    beat();
  }
  /// What a kubelet says every so often: without it the node is tainted, and no new pod comes.
  void beat() {
    const Json room{{"cpu", "64"}, {"memory", "256Gi"}, {"pods", "110"}, {"ephemeral-storage", "1Ti"}};
    const std::string now = format_time(now_epoch_ms()).substr(0, std::string_view("2026-01-01T00:00:00").size()) + "Z";
    const Json ready{{"type", "Ready"},      {"status", "True"},         {"reason", "KubeletReady"},
                     {"message", "by hand"}, {"lastHeartbeatTime", now}, {"lastTransitionTime", now}};
    cluster().done({"patch", "node", kHandNode, "--subresource=status", "--type=strategic", "--patch",
                    Json{{"status", {{"capacity", room}, {"allocatable", room}, {"conditions", {ready}}}}}.dump()});
  }
  /// Waits for the pod with these labels on our node, and says of it that it runs at this address.
  void says_it_runs(const std::string& space, const std::string& selector, const std::string& address) {
    const std::string path = fmt::format("/api/v1/namespaces/{}/pods?labelSelector={}&fieldSelector=spec.nodeName={}",
                                         space, selector, kHandNode);
    ASSERT_TRUE(soon([&] {
      beat();
      return !cluster().get(path)["items"].empty();
    })) << path;
    const std::string name = cluster().get(path)["items"][0]["metadata"]["name"];
    const Json status{{"phase", "Running"}, {"podIP", address}, {"podIPs", {{{"ip", address}}}}};
    cluster().done({"patch", "pod", name, "--namespace", space, "--subresource=status", "--type=merge", "--patch",
                    Json{{"status", status}}.dump()});
  }

  void apply(const fs::path& manifest) { cluster().done({"apply", "--filename", manifest.string()}); }
  /// A file of a ConfigMap that the operator has made.
  std::string file_of(const std::string& name, const std::string& key) {
    const std::string path = "/api/v1/namespaces/tessera/configmaps/" + name;
    EXPECT_TRUE(soon([&] { return cluster().has(path); })) << path << operator_->output();
    return at(path, "/data").value(key, "");
  }
  /// Engine, server and relay by what the operator made for them, where their files and addresses are this machine's.
  Running start() {
    Running out;
    for (const char* key : {"admin-key", "ingest-key"}) {
      const std::string secret = "/api/v1/namespaces/tessera/secrets/tessera-keys";
      EXPECT_TRUE(soon([&] { return cluster().has(secret); }));
      const std::string text = at(secret, "/data").value(key, "");
      EXPECT_TRUE(write_file_atomically(folder_.path() / key, operate::base64_decoded(text).value_or("")));
    }
    out.admin_key = *read_file(folder_.path() / "admin-key");
    out.engine = start_server(
        [&](int port) {
          return std::vector<std::string>{peer("victoria-metrics"), fmt::format("-httpListenAddr=127.0.0.1:{}", port),
                                          "-storageDataPath=" + (folder_.path() / "series").string(),
                                          "-search.latencyOffset=0s"};
        },
        "/health");
    engine_url_ = fmt::format("http://127.0.0.1:{}", out.engine.port);
    const auto here = [&](std::string text) {
      text = replaced(std::move(text), "http://tessera-promql.tessera.svc:8428", engine_url_);
      text = replaced(std::move(text), "http://tessera-server.tessera.svc:8080", out.server_url);
      for (const char* keys : {"/etc/tessera-keys", "/etc/tessera-ingest"})
        text = replaced(std::move(text), keys, folder_.path().string());
      return text;
    };
    const fs::path settings = folder_.path() / "server.yaml";
    const std::string account = cluster().service_account("tessera", "tessera-server").string();
    EXPECT_TRUE(
        write_file_atomically(settings, replaced(here(file_of("tessera-server", "server.yaml")), "cluster-metadata:\n",
                                                 "cluster-metadata:\n  service-account: " + account + "\n")));
    out.server = std::make_unique<Child>(
        std::vector<std::string>{program("tessera-server"), "--config", settings.string(), "--data",
                                 (folder_.path() / "data").string(), "--address", "127.0.0.1:0"},
        cluster().environment());
    const std::string ready = out.server->after("server ready address=");
    out.server_url = "http://" + ready.substr(0, ready.find(' '));
    // The first scrape comes at any time of the interval: a short one is sooner over.
    const std::string config = replaced(here(file_of("tessera-relay", "relay.yaml")), "interval: 15s", "interval: 1s");
    out.relay = std::make_unique<Relay>(
        replaced(config, "globalInterval: \"15s\"", "globalInterval: 1s"),
        std::vector<std::string>{"--service-account", cluster().service_account("tessera", "tessera-relay").string()},
        cluster().environment());
    return out;
  }
  /// What the engine answers through the server, as a dashboard asks it: the first sample of the vector, NaN for none.
  double asks(const Running& running, const std::string& promql) {
    http::ClientRequest request;
    request.url =
        fmt::format("{}/k8s-monitor/prometheus/api/v1/query?query={}", running.server_url, percent_encoded(promql));
    request.headers = {{"Authorization", fmt::format("Bearer {}", trim(running.admin_key))}};
    const auto reply = client_.send(request);
    const Json body = reply ? Json::parse(reply->body, nullptr, false) : Json();
    const Json::json_pointer value("/data/result/0/value/1");
    if (!body.is_object() || !body.contains(value)) return std::nan("");
    return parse_double(body.at(value).get<std::string>()).value_or(std::nan(""));
  }
  bool answers(const Running& running, const std::string& promql, double want) {
    return soon([&] { return asks(running, promql) == want; });
  }
  bool tells(const std::string& monitor, const std::string& condition, const std::string& status,
             const std::string& words) {
    return soon([&] {
      for (const Json& one : at(kMonitors + "/" + monitor, "/status/conditions"))
        if (one["type"] == condition)
          return one["status"] == status && one["message"].get<std::string>().find(words) != std::string::npos;
      return false;
    });
  }
  /// An agent where the operator's pod would be, with the fields that the operator gave it.
  std::unique_ptr<Agent> agent_in(const std::string& space, const Node& node) {
    const std::string path = fmt::format("/api/v1/namespaces/{}/configmaps/tessera-node-agent", space);
    EXPECT_TRUE(soon([&] { return cluster().has(path); }));
    const fs::path csv = folder_.path() / "metrics.csv";
    EXPECT_TRUE(write_file_atomically(csv, at(path, "/data").value("metrics.csv", "")));
    return std::make_unique<Agent>(node, std::vector<std::string>{"--address", fmt::format("{}:9400", kHandAddress),
                                                                  "--collectors", csv.string()});
  }
  /// Of ours, in the shape that users of another operator have; of the folder that TESSERA_MANIFESTS names, where it
  /// does.
  static fs::path manifest(const char* name) {
    static const char* const kFolder = std::getenv("TESSERA_MANIFESTS");
    static const fs::path kManifests = kFolder ? kFolder : TESSERA_SOURCE_DIR "/tests/kube/manifests";
    ::unsetenv("TESSERA_MANIFESTS");  // an agent takes a variable that begins so for a setting
    return kManifests / name;
  }
  /// The two GPUs of the simulated node, told by one page alone, in engine and server.
  void expect_gpus(const Running& running, const std::string& job) {
    EXPECT_TRUE(answers(running, fmt::format("up{{job=\"{}\",instance=~\"{}:.*\"}}", job, kHandAddress), 1))
        << running.relay->page("/targets") << running.relay->process().output();
    EXPECT_TRUE(answers(running, fmt::format("count(count by (UUID) (DCGM_FI_DEV_GPU_TEMP{{job=\"{}\"}}))", job), 2));
    EXPECT_TRUE(answers(running, "max(count by (UUID, GPU_I_ID) (DCGM_FI_DEV_GPU_TEMP))", 1)) << "by one page alone";
    http::ClientRequest request;
    request.url = running.server_url + "/k8s-monitor/api/v1/gpu/overview";
    request.headers = {{"Authorization", fmt::format("Bearer {}", trim(running.admin_key))}};
    EXPECT_TRUE(soon([&] {
      const auto reply = client_.send(request);
      return reply && reply->body.find("\"totalGpuDevices\":2") != std::string::npos;
    })) << running.server->output();
  }

  const std::string kAgentSpace = "/api/v1/namespaces/gpu-monitoring-system";
  TempDir folder_;
  std::unique_ptr<Child> operator_;
  std::string engine_url_;
  http::Client client_;
};

constexpr const char* kAgents = "app.kubernetes.io/component=node-agent";

TEST_F(ClusterManifests, TheSmallestFindsItsAgentsAndAnswersPromql) {
  apply(manifest("minimal.yaml"));
  const Node node(scenario("default"));
  const auto agent = agent_in("tessera", node);
  says_it_runs("tessera", kAgents, kHandAddress);
  const Running running = start();
  expect_gpus(running, "tessera-agent");
}

TEST_F(ClusterManifests, AnExplicitTargetIsScrapedOnce) {
  apply(manifest("full.yaml"));
  const Node node(scenario("default"));
  const auto agent = agent_in("gpu-monitoring-system", node);
  says_it_runs("gpu-monitoring-system", "name=node-agent", kHandAddress);
  const Running running = start();
  expect_gpus(running, "dcgm-exporter");
  EXPECT_TRUE(tells("monitor", "TargetsFound", "True", ""));
}

TEST_F(ClusterManifests, ACustomersExporterIsScrapedBesideATargetThatIsNotThere) {
  cluster().done({"create", "namespace", "gpu-monitoring"});
  cluster().done({"create", "-f", "-"},
                 fmt::format("{{apiVersion: v1, kind: Pod, metadata: {{name: dcgm, namespace: gpu-monitoring, labels: "
                             "{{app: custom-dcgm, component: gpu-exporter}}}}, spec: {{nodeName: {}, tolerations: "
                             "[{{operator: Exists}}], containers: [{{name: e, image: e}}]}}}}",
                             kHandNode));
  apply(manifest("hybrid.yaml"));
  EXPECT_TRUE(tells("monitor", "TargetsFound", "False", "built-in")) << operator_->output();
  const Node node(scenario("default"));
  const Agent customers(node, {"--address", fmt::format("{}:9400", kOtherAddress)});
  says_it_runs("gpu-monitoring", "app=custom-dcgm", kOtherAddress);
  std::unique_ptr<Child> exporter;
  if (const std::string exporter_program = peer("prometheus-node-exporter"); !exporter_program.empty()) {
    exporter = std::make_unique<Child>(
        std::vector<std::string>{exporter_program, fmt::format("--web.listen-address={}:9101", kHandAddress)});
    says_it_runs("tessera", "app.kubernetes.io/component=node-exporter", kHandAddress);
  }
  const Running running = start();
  EXPECT_TRUE(answers(running, "up{job=\"customer-dcgm\"}", 1)) << running.relay->page("/targets");
  EXPECT_TRUE(answers(running, "count(count by (UUID) (DCGM_FI_DEV_GPU_TEMP{job=\"customer-dcgm\"}))", 2));
  EXPECT_TRUE(answers(running, "count(count by (node) (DCGM_FI_DEV_GPU_TEMP))", 1));
  EXPECT_TRUE(
      answers(running, fmt::format("count(count by (node) (DCGM_FI_DEV_GPU_TEMP{{node=\"{}\"}}))", kHandNode), 1));
  EXPECT_TRUE(answers(running, "count(DCGM_FI_DEV_GPU_TEMP{pod=\"dcgm\"}) or vector(0)", 0))
      << "who holds it is no exporter";
  if (exporter) {
    for (const char* metric : {"node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_filesystem_size_bytes",
                               "node_network_receive_bytes_total"})
      EXPECT_TRUE(answers(running, fmt::format("count(count({}{{node=\"{}\"}}) > 0)", metric, kHandNode), 1)) << metric;
  }
  bool found = false;
  for (const Json& one : at(kMonitors + "/monitor", "/status/conditions"))
    if (one["type"] == "TargetsFound") {
      found = true;
      EXPECT_THAT(one["message"].get<std::string>(), Not(HasSubstr("customer-dcgm")));
    }
  EXPECT_TRUE(found);
  EXPECT_FALSE(cluster().has("/apis/apps/v1/namespaces/tessera/daemonsets/tessera-node-agent"));
}

TEST_F(ClusterManifests, TaintedNodesHaveAgents) {
  apply(manifest("tolerations.yaml"));
  EXPECT_TRUE(soon([&] {
    const Json pods = cluster().get(fmt::format(
        "/api/v1/namespaces/tessera/pods?labelSelector={}&fieldSelector=spec.nodeName={},status.phase=Running", kAgents,
        kTaintedNode));
    return pods.is_object() && pods["items"].size() == 1;
  })) << operator_->output();
}

}  // namespace
}  // namespace tessera::e2e

// Pods that ask by label, on a real API server and its scheduler: by the webhook, the certificate check and the rights
// that the chart gives, and by no others. How devices are cut and listed is played.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/every.h"
#include "base/text.h"
#include "fleet/inventory/told_pages.h"
#include "http/test_certificate.h"
#include "server/access/access.h"
#include "server/admission/door.h"
#include "server/admission/gates.h"
#include "server/cluster_watch.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using fleet::AllocationState;
using testing::HasSubstr;

constexpr const char* kServerSpace = "admitting";
constexpr const char* kSpace = "ml";
constexpr const char* kSlice = "nvidia.com/mig-2g.20gb";
constexpr int kGatesSince = 27;  // of Kubernetes 1.x

/// One board in MIG mode, on which three 2g have room.
constexpr std::string_view kBoard = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

std::string instance(std::size_t gi, unsigned start) {
  return fmt::format(
      R"(gpu_instance_info{{gpu="0",UUID="GPU-a",GPU_I_ID="{0}",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-{0}",start="{1}",size="2"}} 1
)",
      gi, start);
}

std::string pod_text(const std::string& name, const std::string& labels, const std::string& limits = "{}",
                     const std::string& annotations = "{}") {
  return fmt::format(
      "{{apiVersion: v1, kind: Pod, metadata: {{name: {}, labels: {}, annotations: {}}}, spec: "
      "{{terminationGracePeriodSeconds: 0, "
      "containers: [{{name: main, image: none, resources: {{limits: {}}}}}]}}}}",
      name, labels, annotations, limits);
}

class ClusterAdmission : public OnCluster {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    space_ = std::make_unique<ControlPlane::Namespace>(cluster(), kSpace);
    // Without which no pod is taken.
    ASSERT_TRUE(
        soon([&] { return cluster().has(fmt::format("/api/v1/namespaces/{}/serviceaccounts/default", kSpace)); }));
    release_ = std::make_unique<Installed>(cluster(), "tessera", kServerSpace,
                                           "agent: {enabled: false}\nrelay: {enabled: false}\n"
                                           "server: {admission: {enabled: true}}");
    const auto account = cluster().service_account(kServerSpace, "tessera-server");
    const kube::ApiServer api{.url = cluster().url(), .token_file = account / "token", .ca_file = account / "ca.crt"};
    server::ClusterWatchOptions watching;
    watching.publish_every = 20ms;
    watch_ = std::make_unique<server::ClusterWatch>(api, watching, view_, [] { return std::vector<std::string>(); });
    ASSERT_TRUE(soon([&] { return view_.get()->synced; }));
    server::AllocationOptions options;
    options.look_every = {};
    allocations_ =
        must(server::Allocations::open(fleet_, access_->changes(), layouts_, events_, [] { return true; }, options));
    gates_ = std::make_unique<server::Gates>(
        api, fleet_, *allocations_, [] { return true; }, counts_,
        server::GateOptions{.look_every = {}, .first_backoff = {}, .most_backoff = {}});
    authority_.write(file("ca.pem"), file("ca.key"));
    http::TestCertificate("localhost", &authority_).write(file("tls.crt"), file("tls.key"));
    open_door();
    lists(0);
    look();
  }
  void TearDown() override {
    gates_.reset();
    watch_.reset();
    if (!space_) return;
    cluster().done({"delete", "pods,deployments", "--all", "--namespace", kSpace});
    lists(0);
    release_.reset();
    space_.reset();  // the next test makes those of the same names
    for (const char* space : {kSpace, kServerSpace})
      cluster().kubectl({"wait", "--for=delete", std::string("namespace/") + space, "--timeout=90s"});
  }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  void open_door() {
    door_ = must(server::open_door({.address = "127.0.0.1:0",
                                    .certificate = file("tls.crt"),
                                    .key = file("tls.key"),
                                    .cluster = "default",
                                    .extender = true,
                                    .check_files_every = {}},
                                   {fleet_, *allocations_, leadership_, counts_}));
  }
  std::string door_url() const { return "https://localhost" + door_->address().substr(door_->address().rfind(':')); }
  /// The chart's webhooks, but for where they lead: nothing answers at a hollow pod's address.
  void point_webhooks_here() {
    const std::string name = "tessera-server-admission";
    Json webhooks = cluster().get("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + name);
    ASSERT_FALSE(webhooks.is_null());
    const std::string ca = must(read_file(file("ca.pem")));
    for (Json& one : webhooks["webhooks"])
      one["clientConfig"] = {{"url", door_url() + "/admission/pods"}, {"caBundle", base64(ca)}};
    cluster().done({"replace", "-f", "-"}, webhooks.dump());
    // API servers learn of it by a watch of theirs: the first pod that is answered for shows that they have.
    ASSERT_TRUE(soon([&] {
      return cluster()
                 .kubectl({"create", "--dry-run=server", "--namespace", kSpace, "-f", "-"},
                          pod_text("probe", "{tessera.dev/gpu-memory: never}"))
                 .code != 0;
    }));
  }
  static std::string base64(const std::string& text) {
    std::string out(text.size() * 2 + 4, '\0');  // room for the four of each three, and a NUL
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    out.resize(static_cast<std::size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, static_cast<int>(text.size()))));
    return out;
  }
  /// As the kubelet tells of what its device plugin lists.
  void lists(std::size_t slices) {
    const Json amounts{{kSlice, std::to_string(slices)}};
    const Json patch{{"status", {{"capacity", amounts}, {"allocatable", amounts}}}};
    cluster().done(
        {"patch", "node", std::string(kGpuNode), "--subresource=status", "--type=merge", "-p", patch.dump()});
  }
  /// A scrape of the board, and what the server's threads do then.
  void look() {
    const EpochMs now = now_epoch_ms();
    told_.scrape(now, R"(node="gpu-1",job="agent")", std::string(kBoard) + stands_);
    told_.fleet.advance(now);
    server::Published next;
    next.view = told_.fleet.publish(now);
    next.cluster = view_.get();
    fleet_.publish(std::move(next));
    allocations_->look();
    gates_->look({});
  }
  bool becomes(const std::function<bool()>& holds) {
    return soon([&] {
      look();
      return holds();
    });
  }
  /// What is wanted stands, and the node lists it.
  void cut() {
    stands_.clear();
    const auto wanted = layouts_.of("default", "GPU-a");
    ASSERT_TRUE(wanted);
    std::size_t count = 0;
    for (const store::WantedInstance& one : wanted->instances) stands_ += instance(++count, one.placement.start);
    lists(count);
  }
  std::string path(const std::string& pod) const { return fmt::format("/api/v1/namespaces/{}/pods/{}", kSpace, pod); }
  Json pod(const std::string& name) { return cluster().get(path(name)); }
  bool is_gated(const std::string& name) { return pod(name)["spec"].contains("schedulingGates"); }
  std::string node_of(const std::string& name) { return pod(name).value("/spec/nodeName"_json_pointer, std::string()); }
  std::string note(const std::string& name) {
    return pod(name).value("/metadata/annotations/tessera.dev~1gpu-allocation"_json_pointer, std::string());
  }
  std::optional<AllocationState> state(const std::string& name) {
    const auto book = allocations_->book();
    const auto* one = book->of_pod("default", kSpace, name);
    return one ? std::optional(one->state) : std::nullopt;
  }
  Finished apply(const std::string& text, std::vector<std::string> words = {"apply"}) {
    words.insert(words.end(), {"--namespace", kSpace, "-f", "-"});
    return cluster().kubectl(std::move(words), text);
  }

  std::unique_ptr<ControlPlane::Namespace> space_;
  std::unique_ptr<Installed> release_;
  fleet::ToldPages told_;
  std::string stands_;
  Latest<server::Published> fleet_;
  Latest<fleet::ClusterView> view_;
  TempDir folder_;
  std::unique_ptr<server::Access> access_ =
      must(server::Access::open(must(store::Database::open("sqlite:" + file("t.db"))), {}, "127.0.0.1:0"));
  server::WantedLayouts layouts_{0, {}};
  server::Events events_{fleet_, [] { return false; }};
  server::Leadership leadership_;
  std::unique_ptr<server::Allocations> allocations_;
  std::unique_ptr<server::ClusterWatch> watch_;
  std::unique_ptr<server::Gates> gates_;
  server::AdmissionCounts counts_;
  http::TestCertificate authority_{"test CA"};
  std::unique_ptr<http::Server> door_;
};

/// By gates, which an older API server drops.
class ClusterGatedPods : public ClusterAdmission {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    if (cluster().minor_version() < kGatesSince)
      GTEST_SKIP() << "Kubernetes 1." << cluster().minor_version() << " has no scheduling gates";
    ClusterAdmission::SetUp();
    point_webhooks_here();
  }
};

TEST_F(ClusterGatedPods, GoToTheNodeWhereTheirSliceWasCut) {
  const Finished made = apply(pod_text("p", "{tessera.dev/gpu-memory: 20G}"));
  ASSERT_EQ(made.code, 0) << made.output;
  EXPECT_EQ(pod("p")["spec"]["schedulingGates"], Json::parse(R"([{"name": "tessera.dev/allocation"}])"));
  EXPECT_EQ(pod("p")["spec"]["containers"][0]["resources"],
            Json::parse(R"({"limits": {"nvidia.com/mig-2g.20gb": "1"}, "requests": {"nvidia.com/mig-2g.20gb": "1"}})"));
  ASSERT_TRUE(becomes([&] { return state("p") == AllocationState::Promised; })) << note("p");
  EXPECT_TRUE(becomes([&] { return note("p") == "promised: 2g.20gb of gpu-1 is being cut"; })) << note("p");
  EXPECT_TRUE(is_gated("p"));
  cut();
  ASSERT_TRUE(becomes([&] { return !is_gated("p"); })) << note("p");
  EXPECT_EQ(note("p"), "ready: 2g.20gb of gpu-1");
  EXPECT_TRUE(soon([&] { return node_of("p") == kGpuNode; })) << pod("p");
  EXPECT_THAT(cluster().done({"get", "events", "--namespace", kSpace}), HasSubstr("GpuAllocated"));
  cluster().done({"delete", "pod", "p", "--namespace", kSpace});
  EXPECT_TRUE(becomes([&] { return state("p") != AllocationState::Promised && state("p") != AllocationState::Bound; }));
}

TEST_F(ClusterGatedPods, OfADeploymentAreEachServed) {
  const Finished made = apply(R"({apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 2,
    selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d, tessera.dev/gpu-memory: 20G}},
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: none}]}}}})");
  ASSERT_EQ(made.code, 0) << made.output;
  const auto promised = [&] {
    std::size_t out = 0;
    for (const auto& [id, one] : allocations_->book()->all())
      if (one.state == AllocationState::Promised) ++out;
    return out;
  };
  ASSERT_TRUE(becomes([&] { return promised() == 2; }));
  cut();
  EXPECT_TRUE(becomes([&] {
    const Json all = cluster().get(fmt::format("/api/v1/namespaces/{}/pods", kSpace));
    return all["items"].size() == 2 && std::ranges::all_of(all["items"], [](const Json& one) {
             return one["spec"].value("nodeName", "") == kGpuNode;
           });
  }));
}

TEST_F(ClusterGatedPods, ThatCannotBeServedAreRefusedInOurWordsAndADryRunPromisesNothing) {
  EXPECT_THAT(apply(pod_text("q", "{tessera.dev/gpu-memory: 20Gi}")).output,
              HasSubstr("2g.20gb has 20,096: ask for 20G"));
  EXPECT_THAT(apply(pod_text("q", "{tessera.dev/gpu-memory: lots}")).output, HasSubstr("'lots'"));
  EXPECT_TRUE(pod("q").is_null());
  const Finished tried =
      apply(pod_text("q", "{tessera.dev/gpu-memory: 20G}"), {"create", "--dry-run=server", "-o", "json"});
  EXPECT_THAT(tried.output, HasSubstr("tessera.dev/allocation"));
  look();
  EXPECT_TRUE(allocations_->book()->all().empty());
}

TEST_F(ClusterGatedPods, WaitForNobodyWhereTheServerIsAway) {
  door_.reset();
  EXPECT_EQ(apply(pod_text("plain", "{app: x}")).code, 0);
  EXPECT_EQ(apply(pod_text("asks", "{tessera.dev/gpu-memory: 20G}")).code, 0) << "failurePolicy is Ignore";
  EXPECT_FALSE(is_gated("asks"));
  EXPECT_TRUE(soon([&] { return node_of("plain") != "" && node_of("asks") != ""; }));
}

TEST_F(ClusterGatedPods, ThatWereGatedWhenTheServerLeftAreServedByTheNextOne) {
  ASSERT_EQ(apply(pod_text("p", "{tessera.dev/gpu-memory: 20G}")).code, 0);
  cluster().restart_api_server();
  ASSERT_TRUE(becomes([&] { return state("p") == AllocationState::Promised; }));
  cut();
  EXPECT_TRUE(becomes([&] { return node_of("p") == kGpuNode; })) << note("p");
}

/// By the scheduler, which asks an extender about each pod: what there is before 1.27, and after.
class ClusterExtender : public ClusterAdmission {
 protected:
  void SetUp() override {
    ClusterAdmission::SetUp();
    if (IsSkipped()) return;
    const std::string version = cluster().minor_version() < 25 ? "v1beta1" : "v1";
    const Json config{{"apiVersion", "kubescheduler.config.k8s.io/" + version},
                      {"kind", "KubeSchedulerConfiguration"},
                      {"leaderElection", {{"leaderElect", false}}},
                      {"clientConnection", {{"kubeconfig", cluster().kubeconfig("scheduler")}}},
                      {"extenders",
                       {{{"urlPrefix", door_url() + "/scheduler"},
                         {"filterVerb", "filter"},
                         {"prioritizeVerb", "prioritize"},
                         {"weight", 1},
                         {"enableHTTPS", true},
                         {"nodeCacheCapable", true},
                         {"managedResources", {{{"name", kSlice}, {"ignoredByScheduler", true}}}},
                         {"tlsConfig", {{"caFile", file("ca.pem")}}}}}}};
    ASSERT_TRUE(write_file_atomically(file("scheduler.json"), config.dump()));
    cluster().restart_scheduler({"--config=" + file("scheduler.json")});
  }
  void TearDown() override {
    ClusterAdmission::TearDown();
    if (!IsSkipped()) cluster().restart_scheduler({});
  }
};

TEST_F(ClusterExtender, AsksUsAndPutsThePodWhereItsSliceWasCut) {
  // Where there are gates the webhook would set one: there the pod comes as it leaves one where there are none.
  if (cluster().minor_version() < kGatesSince) point_webhooks_here();
  ASSERT_EQ(apply(cluster().minor_version() < kGatesSince
                      ? pod_text("p", "{tessera.dev/gpu-memory: 20G}")
                      : pod_text("p", "{tessera.dev/gpu-memory: 20G}", fmt::format("{{{}: 1}}", kSlice),
                                 "{tessera.dev/gpu-decision: by hand}"))
                .code,
            0);
  ASSERT_TRUE(becomes([&] { return state("p") == AllocationState::Promised; }));
  EXPECT_EQ(node_of("p"), "");
  ASSERT_TRUE(soon([&] {
    return cluster().done({"describe", "pod", "p", "--namespace", kSpace}).find("is being cut") != std::string::npos;
  }));
  EXPECT_EQ(apply(pod_text("plain", "{app: x}")).code, 0);
  EXPECT_TRUE(soon([&] { return node_of("plain") != ""; }));
  cut();
  // A scheduler tries again by its own back-off, or when a node changes.
  EXPECT_TRUE(becomes([&] { return node_of("p") == kGpuNode; })) << pod("p");
}

}  // namespace
}  // namespace tessera::e2e

// Pods at our scheduling gate against the played API: from the webhook's answer to the node, through every way in which
// the API server, pods and this server fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/client.h"
#include "http/test_certificate.h"
#include "server/access/access.h"
#include "server/admission/door.h"
#include "server/admission/gates.h"
#include "server/cluster_watch.h"
#include "store/allocations.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using StubJson = kube_stub::Json;
using fleet::AllocationState;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr const char* kSlice = "nvidia.com/mig-2g.20gb";

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

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    wait_until(std::chrono::steady_clock::now() + 10ms, {});
  }
  return true;
}

StubJson node(int slices) {
  StubJson out = {{"apiVersion", "v1"},
                  {"kind", "Node"},
                  {"metadata", {{"name", "w-1"}, {"labels", {{"kubernetes.io/hostname", "w-1"}}}}},
                  {"status", {{"allocatable", {{"cpu", "8"}}}}}};
  if (slices > 0) out["status"]["allocatable"][kSlice] = std::to_string(slices);
  return out;
}

/// As the webhook leaves it.
StubJson gated(const std::string& name, const std::string& uid = "") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", name},
            {"namespace", "ml"},
            {"uid", uid.empty() ? "u-" + name : uid},
            {"labels", {{"tessera.dev/gpu-memory", "20G"}}}}},
          {"spec",
           {{"schedulingGates", {{{"name", "tessera.dev/allocation"}}}},
            {"containers",
             {{{"name", "a"}, {"resources", {{"limits", {{kSlice, "1"}}}, {"requests", {{kSlice, "1"}}}}}}}}}},
          {"status", {{"phase", "Pending"}}}};
}

struct Admission : testing::Test {
  Admission() {
    put(node(0));
    put({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "ml"}}}});
    ClusterWatchOptions watching;
    watching.publish_every = 10ms;
    watch = std::make_unique<ClusterWatch>(kube::ApiServer{.url = stub->url()}, watching, cluster,
                                           [] { return std::vector<std::string>(); });
    begin();
    tell("", 0);
  }
  void begin() {
    gates.reset();
    allocations.reset();
    AllocationOptions options;
    options.look_every = {};
    allocations = must(Allocations::open(fleet, access->changes(), layouts, events, [] { return true; }, options));
    gates = std::make_unique<Gates>(
        kube::ApiServer{.url = stub->url()}, fleet, *allocations, [this] { return leads; }, counts,
        GateOptions{.look_every = {}, .first_backoff = {}, .most_backoff = {}});
  }
  void put(const StubJson& one) { ASSERT_LT(stub->store().put(one).code, 300) << one; }
  StubJson pod(const std::string& name) { return *stub->store().get(pods, "ml", name).body; }
  bool sees(const std::function<bool(const fleet::ClusterView&)>& what) {
    return eventually([&] { return cluster.get()->synced && what(*cluster.get()); });
  }
  bool sees_pod(const std::string& name) {
    return sees([&](const auto& view) { return view.pods.contains("ml/" + name); });
  }
  /// A scrape of the board, and what the threads would do then.
  void tell(const std::string& page, EpochMs seconds) {
    const EpochMs now = kStart + seconds * 1'000;
    told.scrape(now, R"(node="w-1",job="agent")", std::string(kBoard) + page);
    told.fleet.advance(now);
    Published next;
    next.view = told.fleet.publish(now);
    next.cluster = cluster.get();
    fleet.publish(std::move(next));
    allocations->look();
    gates->look({});
  }
  static std::string instance(unsigned gi, unsigned start) {
    return R"(gpu_instance_info{gpu="0",UUID="GPU-a",GPU_I_ID=")" + std::to_string(gi) +
           R"(",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-)" + std::to_string(gi) + R"(",start=")" +
           std::to_string(start) + "\",size=\"2\"} 1\n";
  }
  /// What was to be cut stands, and the node lists it.
  std::string cut() {
    std::string out;
    unsigned number = 0;
    const auto wanted = layouts.of("default", "GPU-a");
    for (const store::WantedInstance& one : wanted->instances) out += instance(++number, one.placement.start);
    put(node(static_cast<int>(number)));
    EXPECT_TRUE(sees([&](const auto& view) { return view.nodes.at("w-1")->allocatable.contains(kSlice); }));
    return out;
  }
  std::string note(const std::string& name) {
    const StubJson metadata = pod(name)["metadata"];
    return metadata.contains("annotations") ? metadata["annotations"].value("tessera.dev/gpu-allocation", "") : "";
  }
  bool is_gated(const std::string& name) {
    return !pod(name)["spec"].value("schedulingGates", StubJson::array()).empty();
  }
  std::size_t writes(std::string_view method, std::string_view path) const {
    const auto log = stub->log();
    return static_cast<std::size_t>(std::ranges::count_if(
        log, [&](const auto& one) { return one.method == method && one.path.find(path) != std::string::npos; }));
  }
  const fleet::PodAllocation* allocation(const std::string& name) {
    book = allocations->book();
    for (const auto& [id, one] : book->all())
      if (one.pod == name) return &one;
    return nullptr;
  }

  const kube_stub::Resource pods{.version = "v1", .plural = "pods", .kind = "Pod"};
  std::unique_ptr<kube_stub::Stub> stub = must(kube_stub::Stub::start("127.0.0.1:0", 200ms));
  Latest<fleet::ClusterView> cluster;
  std::unique_ptr<ClusterWatch> watch;
  fleet::ToldPages told;
  Latest<Published> fleet;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<Access> access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  WantedLayouts layouts{0, {}};
  Events events{fleet, [] { return false; }};
  bool leads = true;
  AdmissionCounts counts;
  std::unique_ptr<Allocations> allocations;
  std::unique_ptr<Gates> gates;
  std::shared_ptr<const fleet::AllocationBook> book;
};

TEST_F(Admission, APodGoesToTheNodeWhereItsSliceWasCut) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const auto* one = allocation("p");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->state, AllocationState::Promised);
  EXPECT_EQ(one->asked_by, "tessera-server (webhook)");
  EXPECT_EQ(one->pod_uid, "u-p");
  EXPECT_TRUE(one->waits);
  EXPECT_EQ(note("p"), "promised: 2g.20gb of w-1 is being cut");
  EXPECT_TRUE(is_gated("p"));
  const std::string page = cut();
  tell(page, 5);
  EXPECT_FALSE(is_gated("p"));
  EXPECT_EQ(note("p"), "ready: 2g.20gb of w-1");
  EXPECT_EQ(pod("p")["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                    ["nodeSelectorTerms"][0]["matchExpressions"][0],
            StubJson::parse(R"({"key":"kubernetes.io/hostname","operator":"In","values":["w-1"]})"));
  EXPECT_EQ(writes("POST", "/events"), 2U);
  // What was done is not done again, whether the watch has told of it or not.
  const std::size_t patches = writes("PATCH", "/pods/p");
  EXPECT_EQ(patches, 2U);
  tell(page, 6);
  ASSERT_TRUE(sees([](const auto& view) { return view.pods.at("ml/p")->gates.empty(); }));
  tell(page, 7);
  EXPECT_EQ(writes("PATCH", "/pods/p"), patches);
  EXPECT_EQ(counts.opened, 1U);
  EXPECT_EQ(counts.waiting, 0U);
}

TEST_F(Admission, WhatThePluginDoesNotListIsSaidAndInTheEndNotWaitedFor) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  tell(instance(1, layouts.of("default", "GPU-a")->instances.front().placement.start), 5);
  EXPECT_THAT(note("p"), HasSubstr("does not list it"));
  EXPECT_TRUE(is_gated("p"));
  tell(instance(1, layouts.of("default", "GPU-a")->instances.front().placement.start), 725);
  EXPECT_FALSE(is_gated("p"));
  EXPECT_THAT(note("p"), HasSubstr("has not listed it as nvidia.com/mig-2g.20gb within 12m"));
}

TEST_F(Admission, WhoWaitsIsToldWhyOnceAndServedInTurn) {
  for (const std::string name : {"p-0", "p-1", "p-2", "p-3"}) {
    put(gated(name));
    ASSERT_TRUE(sees_pod(name));
    tell("", 1);
  }
  EXPECT_EQ(allocation("p-3")->state, AllocationState::Waiting);
  EXPECT_THAT(note("p-3"), HasSubstr("waiting: Of 1 device none serves it"));
  ASSERT_TRUE(sees([](const auto& view) { return view.pods.at("ml/p-3")->notes.size() == 1; }));
  const std::size_t patches = writes("PATCH", "/pods/p-3");
  for (EpochMs at = 2; at < 20; ++at) tell("", at);
  EXPECT_EQ(writes("PATCH", "/pods/p-3"), patches) << "the same reason is not written again";
  ASSERT_LT(stub->store().remove(pods, "ml", "p-0").code, 300);
  ASSERT_TRUE(sees([](const auto& view) { return !view.pods.contains("ml/p-0"); }));
  tell("", 30);
  EXPECT_EQ(allocation("p-0")->state, AllocationState::Ended) << "it was deleted while it waited at the gate";
  EXPECT_EQ(allocation("p-3")->state, AllocationState::Promised);
}

TEST_F(Admission, WhatThePodAsksOfNodesCounts) {
  StubJson picky = gated("p");
  picky["spec"]["nodeSelector"] = {{"pool", "a100"}};
  put(picky);
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  EXPECT_EQ(allocation("p")->state, AllocationState::Waiting);
  EXPECT_THAT(allocation("p")->decision, HasSubstr("of node w-1: the pod's nodeSelector wants pool=a100"));
  StubJson labelled = node(0);
  labelled["metadata"]["labels"]["pool"] = "a100";
  put(labelled);
  ASSERT_TRUE(sees([](const auto& view) { return view.nodes.at("w-1")->labels.contains("pool"); }));
  tell("", 5);
  EXPECT_EQ(allocation("p")->state, AllocationState::Promised);
}

TEST_F(Admission, AConflictIsTriedAgainWithThePodAsItIs) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const std::string page = cut();
  const auto failures = counts.failures.load();
  for (const int status : {409, 422, 500})
    ASSERT_TRUE(stub->faults().add({{"request", {{"at", "write"}, {"path", "/pods/p"}, {"status", status}}}}));
  for (EpochMs at = 5; at < 8; ++at) {
    tell(page, at);
    EXPECT_TRUE(is_gated("p")) << at;
  }
  EXPECT_EQ(counts.failures, failures + 3);
  EXPECT_EQ(counts.waiting, 1U);
  tell(page, 8);
  EXPECT_FALSE(is_gated("p"));
}

TEST_F(Admission, AnApiServerThatIsAwayComesBack) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const std::string page = cut();
  stub->go_away();
  tell(page, 5);
  tell(page, 6);
  EXPECT_TRUE(is_gated("p"));
  ASSERT_TRUE(stub->come_back());
  tell(page, 7);
  EXPECT_FALSE(is_gated("p"));
}

TEST_F(Admission, ARestartGoesOnFromWhatIsStored) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const std::string id = allocation("p")->id;
  const std::string page = cut();
  begin();
  tell(page, 5);
  EXPECT_EQ(allocation("p")->id, id);
  EXPECT_FALSE(is_gated("p"));
}

TEST_F(Admission, AServerThatDoesNotLeadDoesNothing) {
  leads = false;
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  EXPECT_FALSE(allocation("p"));
  EXPECT_EQ(writes("PATCH", "/pods/"), 0U);
}

TEST_F(Admission, APodThatIsMadeAnewUnderItsNameWaitsForTheEndOfTheOld) {
  put(gated("p"));
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const std::string id = allocation("p")->id;
  ASSERT_LT(stub->store().remove(pods, "ml", "p").code, 300);
  put(gated("p", "u-next"));
  ASSERT_TRUE(sees([](const auto& view) {
    const auto found = view.pods.find("ml/p");
    return found != view.pods.end() && found->second->uid == "u-next";
  }));
  tell("", 2);
  EXPECT_EQ(allocations->book()->find(id)->state, AllocationState::Ended);
  const auto* next = allocations->book()->of_pod("default", "ml", "p");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->pod_uid, "u-next");
}

TEST_F(Admission, LabelsThatWereSpoiledSinceAreSaid) {
  StubJson spoiled = gated("p");
  spoiled["metadata"]["labels"]["tessera.dev/gpu-memory"] = "lots";
  put(spoiled);
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  EXPECT_THAT(note("p"), HasSubstr("waiting: label tessera.dev/gpu-memory: 'lots'"));
  EXPECT_FALSE(allocation("p"));
}

/// The second listener, asked as an API server asks.
struct AdmissionDoor : Admission {
  AdmissionDoor() {
    install(authority);
    authority.write(file("ca.pem"), file("ca.key"));
    door = must(open_door({.address = "127.0.0.1:0",
                           .certificate = file("tls.crt"),
                           .key = file("tls.key"),
                           .cluster = "default",
                           .extender = true,
                           .check_files_every = {}},
                          {fleet, *allocations, leadership, counts}));
  }
  std::string file(const std::string& name) const { return (folder.path() / name).string(); }
  void install(const http::TestCertificate& by) const {
    http::TestCertificate("localhost", &by).write(file("tls.crt"), file("tls.key"));
  }
  Result<http::ClientResponse> ask(const std::string& path, const StubJson& body, const std::string& method = "POST") {
    http::ClientRequest request;
    request.url = "https://" + door->address() + path;
    request.method = method;
    request.ca_file = file("ca.pem");
    request.fresh_connection = true;
    if (method == "POST") {
      request.body = body.dump();
      request.headers = {{"Content-Type", "application/json"}};
    }
    return client.send(request);
  }
  static StubJson review(const std::string& memory) {
    StubJson pod = gated("q");
    pod["metadata"]["labels"]["tessera.dev/gpu-memory"] = memory;
    pod["spec"] = {{"containers", {{{"name", "a"}}}}};
    return {
        {"kind", "AdmissionReview"},
        {"apiVersion", "admission.k8s.io/v1"},
        {"request",
         {{"uid", "r-1"}, {"kind", {{"kind", "Pod"}}}, {"operation", "CREATE"}, {"namespace", "ml"}, {"object", pod}}}};
  }

  http::TestCertificate authority{"test CA"};
  Leadership leadership;
  std::unique_ptr<http::Server> door;
  http::Client client;
};

TEST_F(AdmissionDoor, AnswersTheApiServerWhateverQueryItAppends) {
  const auto reply = ask("/admission/pods?timeout=3s", review("20G"));
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->status, 200);
  const StubJson response = StubJson::parse(reply->body)["response"];
  EXPECT_EQ(response["uid"], "r-1");
  EXPECT_TRUE(response.contains("patch")) << response;
  EXPECT_FALSE(allocation("q")) << "a review changes nothing";
  const StubJson little = StubJson::parse(ask("/admission/pods?timeout=3s", review("20Gi"))->body)["response"];
  EXPECT_THAT(little["status"]["message"].get<std::string>(), HasSubstr("2g.20gb has 20,096: ask for 20G"));
  const StubJson large = StubJson::parse(ask("/admission/pods", review("200G"))->body)["response"];
  EXPECT_EQ(large["allowed"], false);
  EXPECT_THAT(large["status"]["message"].get<std::string>(), HasSubstr("too small in memory"));
  EXPECT_EQ(counts.reviews[static_cast<std::size_t>(Reviewed::Gated)], 1U);
  EXPECT_EQ(counts.reviews[static_cast<std::size_t>(Reviewed::Refused)], 2U);
}

TEST_F(AdmissionDoor, ADeviceOfWhichNobodyTellsMightServe) {
  told.scrape(kStart, R"(node="w-2",job="agent")", R"(
tessera_agent_device_up{gpu="0",UUID="GPU-b"} 1
gpu_device_info{gpu="0",UUID="GPU-b",model="NVIDIA H200",DCGM_FI_DEV_MIG_MODE="1"} 1
)");
  tell("", 1);
  const StubJson response = StubJson::parse(ask("/admission/pods", review("200G"))->body)["response"];
  EXPECT_EQ(response["allowed"], true);
  EXPECT_THAT(response["warnings"].dump(),
              HasSubstr("of 1 of 2 devices nobody has told the memory or the MIG profiles"));
}

TEST_F(AdmissionDoor, WhereItsSelectorLeadsItFindsItsResource) {
  StubJson asks = review("20G");
  asks["request"]["object"]["spec"]["nodeSelector"] = {{"pool", "other"}};
  ASSERT_TRUE(sees([](const auto& view) { return view.nodes.contains("w-1"); }));
  tell("", 1);
  const StubJson response = StubJson::parse(ask("/admission/pods", asks)->body)["response"];
  EXPECT_TRUE(response.contains("patch")) << "a label may come to a node yet";
  EXPECT_THAT(response["warnings"].dump(), HasSubstr("will wait for a GPU"));
}

TEST_F(AdmissionDoor, WhenAllIsTakenTheResourceIsTheOneThatWillServe) {
  for (const std::string name : {"p-0", "p-1", "p-2"}) put(gated(name));
  ASSERT_TRUE(sees([](const auto& view) { return view.pods.size() == 3; }));
  tell("", 1);
  const StubJson response = StubJson::parse(ask("/admission/pods", review("20G"))->body)["response"];
  EXPECT_TRUE(response.contains("patch"));
  EXPECT_THAT(response["warnings"].dump(), HasSubstr("will wait for a GPU"));
}

TEST_F(AdmissionDoor, TheSchedulerOfAnOlderClusterIsServed) {
  StubJson pod = gated("p");
  pod["spec"].erase("schedulingGates");
  pod["metadata"]["annotations"] = {{"tessera.dev/gpu-decision", "as the webhook notes it"}};
  put(pod);
  ASSERT_TRUE(sees_pod("p"));
  tell("", 1);
  const StubJson args = {{"Pod", pod}, {"Nodes", nullptr}, {"NodeNames", {"w-0", "w-1"}}};
  const auto first = ask("/scheduler/filter", args);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_THAT(StubJson::parse(first->body)["FailedNodes"]["w-1"].get<std::string>(), HasSubstr("is being cut"));
  ASSERT_TRUE(allocation("p"));
  const std::string page = cut();
  tell(page, 5);
  EXPECT_EQ(StubJson::parse(ask("/scheduler/filter", args)->body)["NodeNames"], StubJson::array({"w-1"}));
  EXPECT_EQ(StubJson::parse(ask("/scheduler/prioritize", args)->body)[1]["Score"], 10);
}

TEST_F(AdmissionDoor, HasTheseRoutesAloneAndByTlsAlone) {
  EXPECT_EQ(ask("/livez", {}, "GET")->status, 200);
  EXPECT_EQ(ask("/k8s-monitor/api/v1/gpu/overview", {}, "GET")->status, 404);
  EXPECT_EQ(ask("/metrics", {}, "GET")->status, 404);
  http::ClientRequest plain;
  plain.url = "http://" + door->address() + "/livez";
  EXPECT_FALSE(client.send(plain));
}

TEST_F(AdmissionDoor, OpensWhenItsCertificateComes) {
  door.reset();
  std::filesystem::remove(file("tls.crt"));
  std::string bound;
  const Door late({.address = "127.0.0.1:0",
                   .certificate = file("tls.crt"),
                   .key = file("tls.key"),
                   .cluster = "default",
                   .open_every = 10ms},
                  {fleet, *allocations, leadership, counts}, bound);
  EXPECT_EQ(late.address(), "");
  install(authority);
  ASSERT_TRUE(eventually([&] { return late.address() != ""; }));
}

TEST_F(AdmissionDoor, WithoutSchedulersServesNone) {
  door = must(open_door(
      {.address = "127.0.0.1:0", .certificate = file("tls.crt"), .key = file("tls.key"), .cluster = "default"},
      {fleet, *allocations, leadership, counts}));
  EXPECT_EQ(ask("/scheduler/filter", StubJson::object())->status, 404);
  EXPECT_EQ(ask("/livez", {}, "GET")->status, 200);
}

TEST_F(AdmissionDoor, HeldAgainstAnAuthorityClientsNeedACertificate) {
  door = must(open_door({.address = "127.0.0.1:0",
                         .certificate = file("tls.crt"),
                         .key = file("tls.key"),
                         .client_ca = file("ca.pem"),
                         .cluster = "default"},
                        {fleet, *allocations, leadership, counts}));
  EXPECT_FALSE(ask("/livez", {}, "GET"));
}

TEST_F(AdmissionDoor, TakesUpARenewedCertificate) {
  ASSERT_TRUE(ask("/livez", {}, "GET"));
  const http::TestCertificate next("next CA");
  install(next);
  EXPECT_FALSE(ask("/livez", {}, "GET")) << "the old CA has not signed it";
  next.write(file("ca.pem"), file("ca.key"));
  EXPECT_TRUE(ask("/livez", {}, "GET"));
}

}  // namespace
}  // namespace tessera::server

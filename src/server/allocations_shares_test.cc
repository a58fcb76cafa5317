// Nodes as their cluster shows them, and devices that are shared.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "server/allocations_fixture.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

/// A cluster that is watched, with the node of the devices.
struct OnANode : AllocationsTest {
  void publish(const std::function<void(fleet::ClusterNode&)>& change, std::string_view board = kBoard) {
    scrape("", 1, board);
    fleet::ClusterNode node;
    node.name = "w-1";
    change(node);
    auto cluster = std::make_shared<fleet::ClusterView>();
    cluster->watched = cluster->synced = true;
    cluster->cluster = "default";
    cluster->nodes["w-1"] = std::make_shared<const fleet::ClusterNode>(node);
    for (const std::string& pod : here) {
      fleet::ClusterPod known;
      known.space = "ml";
      known.name = pod;
      known.node = "w-1";
      cluster->pods["ml/" + pod] = std::make_shared<const fleet::ClusterPod>(known);
    }
    Published next = *fleet.get();
    next.cluster = cluster;
    fleet.publish(std::move(next));
  }
  std::vector<std::string> here;  ///< pods that the cluster shows on it
};

TEST_F(OnANode, NothingIsPromisedWhereItIsCordoned) {
  publish([](fleet::ClusterNode& node) { node.cordoned = true; });
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("it is cordoned"));
  publish([](fleet::ClusterNode& node) { node.taints = {{"nvidia.com/gpu", "", "NoSchedule"}}; });
  EXPECT_EQ(ask(body("p")).status, 201) << "what the pod will tolerate nobody knows yet";
}

TEST_F(OnANode, AWholeDeviceThatIsSharedIsNobodys) {
  constexpr const char* kWhole = R"({"namespace":"ml","podName":"w","useMig":false})";
  const std::string board = uncut();
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; }, board);
  const auto refused = ask(kWhole);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("it is shared, and the workload")) << "though nobody holds any of it";
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "1"; }, board);
  EXPECT_EQ(ask(kWhole).status, 201);
}

std::string sharing(const std::string& pod, const std::string& part) {
  return R"({"namespace":"ml","podName":")" + pod + R"(","gpuShare":)" + part + "}";
}

TEST_F(OnANode, ReplicasOfASharedDeviceArePromisedOnceEach) {
  publish(
      [](fleet::ClusterNode& node) {
        node.labels["nvidia.com/gpu.replicas"] = "2";
        node.allocatable["nvidia.com/gpu.shared"] = 2;
      },
      uncut());
  const auto large = ask(sharing("large", "0.6"));
  EXPECT_EQ(large.status, 409);
  EXPECT_THAT(large.body, HasSubstr("a pod has one part: 500 thousandths"));
  const Json first = asked(sharing("a", "0.5")), second = asked(sharing("b", "\"0.25\""));
  EXPECT_EQ(first["ready"], true);
  for (const auto& [one, number] : {std::pair(&first, 0), {&second, 1}}) {
    const Json& part = (*one)["parts"][0];
    EXPECT_EQ(part["resource"], "nvidia.com/gpu.shared");
    EXPECT_EQ(part["replicas"], 2);
    EXPECT_EQ(part["start"], number);
    EXPECT_TRUE(part["profile"].is_null());
  }
  const auto full = ask(sharing("c", "0.1"));
  EXPECT_EQ(full.status, 409);
  EXPECT_THAT(full.body, HasSubstr("none of its 2 replicas is left"));
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"w","useMig":false})").status, 409);
  expect_kept();
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + first["id"].get<std::string>()).status, 204);
  EXPECT_EQ(asked(sharing("c", "0.1"))["parts"][0]["start"], 0) << "the number that is free again";
  EXPECT_TRUE(wanted().empty()) << "nothing is cut for it";
}

/// Two GPUs of a node that are shared, and who has replicas of them, as the agent tells it.
std::string two_shared(const std::map<std::string, std::pair<unsigned, unsigned>>& held) {
  std::string out;
  for (const char* gpu : {"0", "1"})
    out += fmt::format(
        "tessera_agent_device_up{{gpu=\"{0}\",UUID=\"GPU-{0}\"}} 1\n"
        "gpu_device_info{{gpu=\"{0}\",UUID=\"GPU-{0}\",model=\"Tesla T4\"}} 1\n",
        gpu);
  for (const auto& [pod, has] : held)
    out += fmt::format(
        "gpu_allocation_info{{gpu=\"{0}\",UUID=\"GPU-{0}\",resource=\"nvidia.com/gpu\",share=\"shared\","
        "replicas=\"{1}\",container=\"c\",namespace=\"ml\",pod=\"{2}\"}} 1\n",
        has.first, has.second, pod);
  return out;
}

TEST_F(OnANode, ReplicasThatAPodHoldsWithoutAnAllocationArePromisedToNobody) {
  const auto four = [](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; };
  publish(four, two_shared({{"x", {0, 3}}, {"y", {1, 4}}}));
  asked(sharing("a", "0.25"));
  const auto full = ask(sharing("b", "0.25"));
  EXPECT_EQ(full.status, 409);
  EXPECT_THAT(full.body, HasSubstr("none of its 4 replicas is left"));
  expect_kept();
}

TEST_F(OnANode, AShareIsBoundToTheDeviceThatTheKubeletGaveAndTheNextHasRoomBesideIt) {
  const auto two = [](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "2"; };
  publish(two, two_shared({}));
  const Json first = asked(sharing("a", "0.5"));
  const unsigned other = first["parts"][0]["deviceUuid"] == "GPU-0" ? 1 : 0;
  here = {"a"};
  publish(two, two_shared({{"a", {other, 1}}}));
  allocations->look();
  EXPECT_EQ(shown(first)["state"], "bound");
  EXPECT_EQ(shown(first)["parts"][0]["replicas"], 2);
  for (const char* pod : {"b", "c", "d"}) asked(sharing(pod, "0.5"));
  EXPECT_EQ(ask(sharing("e", "0.5")).status, 409);
  expect_kept();
  open();
  expect_kept();
}

TEST_F(OnANode, AShareIsOfTheNameThatThePodAsksFor) {
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; }, uncut());
  const std::string bound = R"({"namespace":"ml","podName":"a","gpuShare":0.25,"resource":"nvidia.com/gpu.shared"})";
  const auto refused = ask(bound);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("given as nvidia.com/gpu, and the pod asks for nvidia.com/gpu.shared"));
  EXPECT_EQ(asked(sharing("b", "0.25"))["parts"][0]["resource"], "nvidia.com/gpu");
}

TEST_F(OnANode, ManyAtOnceGetEachReplicaOnce) {
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "8"; }, uncut());
  std::atomic<int> promised{0};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 32; ++i)
      all.emplace_back([&, i] {
        if (ask(sharing("p-" + std::to_string(i), "0.1")).status == 201) ++promised;
      });
  }
  EXPECT_EQ(promised, 8);
  expect_kept();
}

/// Two nodes of 64 cores with a board each, on which seven 1g have room.
TEST_F(AllocationsTest, InstancesArePromisedWhereTheirPodsCpuIsLeftAlsoInOneLook) {
  fleet::ClusterView cluster;
  cluster.cluster = "default";
  cluster.watched = cluster.synced = true;
  const auto board_of = [](std::string_view uuid) {
    std::string out(kBoard);
    for (std::size_t at; (at = out.find("GPU-a")) != std::string::npos;) out.replace(at, 5, uuid);
    return out;
  };
  for (const char* name : {"w-2", "w-3"}) {
    fleet::ClusterNode node;
    node.name = name;
    node.allocatable_cpu_cores = 64;
    node.allocatable_memory_bytes = 256e9;
    cluster.nodes[name] = std::make_shared<const fleet::ClusterNode>(node);
  }
  scrape("", 1, uncut());
  for (int number = 0; number < 7; ++number) {
    fleet::ClusterPod pod;
    pod.space = "ml";
    pod.name = fmt::format("p-{}", number);
    pod.cpu_request_cores = 20;
    cluster.pods[fleet::pod_key(pod.space, pod.name)] = std::make_shared<const fleet::ClusterPod>(pod);
    asked(R"({"namespace":"ml","podName":")" + pod.name + R"(","useMig":true,"requiredMemoryMib":9000,"wait":true})",
          202);
  }
  told.scrape(kStart + 5'000, R"(node="w-2",job="agent")", board_of("GPU-b"));
  told.scrape(kStart + 5'000, R"(node="w-3",job="agent")", board_of("GPU-c"));
  scrape("", 5, uncut());
  Published next = *fleet.get();
  next.cluster = std::make_shared<const fleet::ClusterView>(cluster);
  fleet.publish(std::move(next));
  allocations->look();
  std::map<std::string, int> on;
  for (const auto& [id, one] : allocations->book()->all())
    for (const fleet::PromisedPart& part : one.parts) ++on[part.node];
  EXPECT_EQ(std::min(on["w-2"], on["w-3"]), 3) << "three times 20 of 64 cores";
  EXPECT_EQ(on["w-2"] + on["w-3"], 7) << "and the last one though it is short anywhere";
}

}  // namespace
}  // namespace tessera::server

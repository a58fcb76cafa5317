#include "server/cluster_objects.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

TEST(ClusterObjects, ANodeIsRead) {
  const auto node = read_node(R"({"metadata":{"name":"w-1","labels":{"pool":"a100","zone":""},"creationTimestamp":
    "2026-01-01T00:00:00Z","managedFields":[{"fieldsV1":{"f:status":{}}}]},
    "spec":{"unschedulable":true,"taints":[{"key":"nvidia.com/gpu","value":"yes","effect":"NoSchedule"},{"key":"x",
    "effect":"NoExecute"}]},"status":{"capacity":{"cpu":"64","nvidia.com/gpu":"8"},"allocatable":{"cpu":"63500m",
    "memory":"1Gi","nvidia.com/gpu":"7","nvidia.com/mig-1g.10gb":"2","example.com/gpu":"5","ephemeral-storage":"1"},
    "conditions":[{"type":"MemoryPressure","status":"False","reason":"Fine"},{"type":"Ready","status":"True"}]}})");
  EXPECT_EQ(node.name, "w-1");
  EXPECT_EQ(node.labels, (fleet::LabelMap{{"pool", "a100"}, {"zone", ""}}));
  EXPECT_TRUE(node.cordoned);
  EXPECT_EQ(node.taints, (std::vector<fleet::Taint>{{"nvidia.com/gpu", "yes", "NoSchedule"}, {"x", "", "NoExecute"}}));
  EXPECT_EQ(node.allocatable, (fleet::GpuAmounts{{"nvidia.com/gpu", 7}, {"nvidia.com/mig-1g.10gb", 2}}));
  EXPECT_EQ(node.capacity, (fleet::GpuAmounts{{"nvidia.com/gpu", 8}}));
  EXPECT_EQ(node.allocatable_cpu_cores, 63.5);
  EXPECT_EQ(node.allocatable_memory_bytes, 1073741824.0);
  EXPECT_EQ(node.ready, true);
  EXPECT_EQ(node.conditions.size(), 2U);
  EXPECT_EQ(node.created, "2026-01-01T00:00:00Z");
}

TEST(ClusterObjects, ReadyIsYesNoOrNotKnown) {
  const struct {
    const char* status;
    std::optional<bool> ready;
  } kCases[] = {{"True", true}, {"False", false}, {"Unknown", std::nullopt}};
  for (const auto& c : kCases)
    EXPECT_EQ(
        read_node(std::string(R"({"status":{"conditions":[{"type":"Ready","status":")") + c.status + "\"}]}}").ready,
        c.ready)
        << c.status;
  EXPECT_EQ(read_node("{}").ready, std::nullopt);
}

TEST(ClusterObjects, APodsRequestsAreWhatTheSchedulerCounts) {
  const struct {
    const char* spec;
    fleet::GpuAmounts want;
  } kCases[] = {
      {R"({"containers":[{"resources":{"requests":{"nvidia.com/gpu":"1"}}}]})", {{"nvidia.com/gpu", 1}}},
      {R"({"containers":[{"resources":{"limits":{"nvidia.com/gpu":"1"}}}]})", {{"nvidia.com/gpu", 1}}},
      {R"({"containers":[{"resources":{"limits":{"nvidia.com/gpu":"1"},"requests":{"nvidia.com/gpu":"1"}}}]})",
       {{"nvidia.com/gpu", 1}}},
      {R"({"containers":[{"resources":{"requests":{"nvidia.com/gpu":2}}},{"resources":{"requests":{"nvidia.com/gpu":"1",
          "nvidia.com/mig-2g.20gb":"1"}}}]})",
       {{"nvidia.com/gpu", 3}, {"nvidia.com/mig-2g.20gb", 1}}},
      {R"({"initContainers":[{"resources":{"requests":{"nvidia.com/gpu":"4"}}}],"containers":[{"resources":{"requests":
          {"nvidia.com/gpu":"1"}}}]})",
       {{"nvidia.com/gpu", 4}}},
      {R"({"initContainers":[{"restartPolicy":"Always","resources":{"requests":{"nvidia.com/gpu":"1"}}}],
          "containers":[{"resources":{"requests":{"nvidia.com/gpu":"1"}}}]})",
       {{"nvidia.com/gpu", 2}}},
      {R"({"containers":[{"resources":{"requests":{"nvidia.com/gpu":"0","cpu":"1"}}}]})", {}},
      {R"({"containers":[{"resources":{"requests":{"amd.com/gpu":"1"}}},{}]})", {}},
      {R"({"containers":{"resources":"none"}})", {}},
  };
  for (const auto& c : kCases) {
    const auto pod = read_pod(std::string(R"({"spec":)") + c.spec + "}");
    EXPECT_EQ(pod.requests, c.want) << c.spec;
    EXPECT_EQ(pod.asks_for_gpus(), !c.want.empty()) << c.spec;
  }
  EXPECT_TRUE(read_pod(R"({"spec":{"resourceClaims":[{"name":"gpu"}]}})").asks_for_gpus());
}

TEST(ClusterObjects, WhatAPodThatIsNotPlacedAsksOfNodesIsRead) {
  const std::string spec = R"("schedulingGates":[{"name":"tessera.dev/allocation"},{"name":"x/y"}],"priority":1000,
    "nodeSelector":{"pool":"a100"},"tolerations":[{"key":"nvidia.com/gpu","operator":"Exists","effect":"NoSchedule"}],
    "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
      {"matchExpressions":[{"key":"zone","operator":"In","values":["a","b"]}],
       "matchFields":[{"key":"metadata.name","operator":"In","values":["w-1"]}]},{}]}}})";
  const auto pod = read_pod(R"({"metadata":{"name":"p","annotations":{"tessera.dev/gpu-allocation":"waiting: full",
    "else":"x"}},"spec":{)" +
                            spec + "}}");
  EXPECT_EQ(pod.gates, (std::vector<std::string>{"tessera.dev/allocation", "x/y"}));
  EXPECT_EQ(pod.notes, (fleet::LabelMap{{"tessera.dev/gpu-allocation", "waiting: full"}}));
  EXPECT_EQ(pod.priority, 1000);
  EXPECT_EQ(pod.demands.selector, (fleet::LabelMap{{"pool", "a100"}}));
  EXPECT_EQ(pod.demands.tolerations, (std::vector<fleet::Toleration>{{"nvidia.com/gpu", "Exists", "", "NoSchedule"}}));
  EXPECT_EQ(pod.demands.terms, (std::vector<fleet::NodeTerm>{
                                   {{"zone", "In", {"a", "b"}, false}, {"metadata.name", "In", {"w-1"}, true}}, {}}));
  const auto there = read_pod(R"({"spec":{"nodeName":"w-1",)" + spec + "}}");
  EXPECT_EQ(there.demands.selector, (fleet::LabelMap{{"pool", "a100"}}));
  EXPECT_THAT(there.demands.tolerations, testing::IsEmpty()) << "it has a node";
  EXPECT_EQ(there.demands.terms, std::nullopt);
  EXPECT_EQ(read_pod(R"({"spec":{"affinity":{"nodeAffinity":{}}}})").demands.terms, std::nullopt);
}

TEST(ClusterObjects, AReplicaSetStandsForItsDeployment) {
  const struct {
    const char *kind, *name, *hash;
    const char *want_kind, *want_name;
  } kCases[] = {
      {"ReplicaSet", "trainer-7d9f", "7d9f", "Deployment", "trainer"},
      {"ReplicaSet", "trainer-7d9f", "other", "ReplicaSet", "trainer-7d9f"},
      {"ReplicaSet", "-7d9f", "7d9f", "ReplicaSet", "-7d9f"},
      {"StatefulSet", "llm-7d9f", "7d9f", "StatefulSet", "llm-7d9f"},
      {"Job", "night-2891", "", "Job", "night-2891"},
  };
  for (const auto& c : kCases) {
    const auto pod = read_pod(std::string(R"({"metadata":{"labels":{"pod-template-hash":")") + c.hash +
                              R"("},"ownerReferences":[{"kind":"Else","name":"e"},{"kind":")" + c.kind +
                              R"(","name":")" + c.name + R"(","controller":true}]}})");
    EXPECT_EQ(pod.owner_kind, c.want_kind) << c.name;
    EXPECT_EQ(pod.owner_name, c.want_name) << c.name;
  }
  EXPECT_EQ(read_pod("{}").owner_kind, "");
}

TEST(ClusterObjects, APodWithoutANodeSaysWhy) {
  const std::string condition =
      R"("status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",
      "message":"0/3 nodes are available: 3 Insufficient nvidia.com/gpu.","lastTransitionTime":"2026-01-01T00:00:01Z"}]}})";
  const auto waiting = read_pod(R"({"metadata":{"name":"p","namespace":"ml"},"spec":{},)" + condition);
  EXPECT_EQ(waiting.waits_reason, "Unschedulable");
  EXPECT_EQ(waiting.waits_message, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.");
  EXPECT_EQ(waiting.waits_since, "2026-01-01T00:00:01Z");
  const auto bound = read_pod(R"({"spec":{"nodeName":"w-1"},)" + condition);
  EXPECT_EQ(bound.node, "w-1");
  EXPECT_EQ(bound.waits_reason, "");
}

TEST(ClusterObjects, AQuotaIsWhatIsInForceOfGpus) {
  const auto quota = read_quota(R"({"metadata":{"name":"gpus","namespace":"ml"},
    "spec":{"hard":{"requests.nvidia.com/gpu":"9"}},
    "status":{"hard":{"requests.nvidia.com/gpu":"4","requests.nvidia.com/mig-1g.10gb":"0","pods":"10",
                      "requests.cpu":"3","limits.nvidia.com/gpu":"1","requests.nvidia.com/x":"-1"},
              "used":{"requests.nvidia.com/gpu":"3","pods":"7"}}})");
  EXPECT_EQ(quota.space, "ml");
  EXPECT_EQ(quota.name, "gpus");
  EXPECT_EQ(quota.hard, (fleet::GpuAmounts{{"nvidia.com/gpu", 4}, {"nvidia.com/mig-1g.10gb", 0}}));
  EXPECT_EQ(quota.used, (fleet::GpuAmounts{{"nvidia.com/gpu", 3}}));
  EXPECT_FALSE(quota.scoped);
  EXPECT_TRUE(read_quota(R"({"spec":{"scopes":["Terminating"]}})").scoped);
  EXPECT_TRUE(read_quota(R"({"spec":{"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass"}]}}})").scoped);
}

TEST(ClusterObjects, LongAnnotationsAreLeftOut) {
  const auto space = read_namespace(R"({"metadata":{"name":"ml","labels":{"team":"vision"},"annotations":{"team":"t",
    "kubectl.kubernetes.io/last-applied-configuration":")" +
                                    std::string(300, 'x') + "\"}}}");
  EXPECT_EQ(space.name, "ml");
  EXPECT_EQ(space.labels, (fleet::LabelMap{{"team", "vision"}}));
  EXPECT_EQ(space.annotations, (fleet::LabelMap{{"team", "t"}}));
}

TEST(ClusterObjects, UseIsThatOfAllContainersAndOfWantedPods) {
  fleet::ClusterView wanted;
  wanted.pods["ml/p"] = std::make_shared<const fleet::ClusterPod>();
  const auto pods = read_pod_use(R"({"items":[
    {"metadata":{"name":"p","namespace":"ml"},"containers":[{"usage":{"cpu":"250m","memory":"1Mi"}},{"usage":{"cpu":
    "100000000n","memory":"1Ki"}}]},{"metadata":{"name":"q","namespace":"ml"},"containers":[]}]})",
                                 wanted);
  ASSERT_EQ(pods.size(), 1U);
  EXPECT_DOUBLE_EQ(pods.at("ml/p").cpu_cores, 0.35);
  EXPECT_DOUBLE_EQ(pods.at("ml/p").memory_bytes, 1049600);
  const auto nodes = read_node_use(R"({"items":[{"metadata":{"name":"w-1"},"usage":{"cpu":"2","memory":"3Gi"}}]})");
  EXPECT_EQ(nodes, (fleet::ResourceUses{{"w-1", {2, 3221225472.0}}}));
}

}  // namespace
}  // namespace tessera::server

#include "cli/cluster_doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cluster_sight.h"

namespace tessera::cli {
namespace {
using testing::AllOf;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

JsonValue parsed(const char* text) { return JsonValue::parse(text); }

JsonValue node(const char* name, const char* more = "{}") {
  JsonValue out = {{"metadata", {{"name", name}, {"labels", {{"nvidia.com/gpu.present", "true"}}}}},
                   {"status", {{"capacity", {{"nvidia.com/gpu", "8"}}}, {"allocatable", {{"nvidia.com/gpu", "8"}}}}}};
  out.merge_patch(parsed(more));
  return out;
}

JsonValue pod(const char* program, const char* name, const char* on, const char* more = "{}") {
  JsonValue out = {
      {"metadata", {{"name", name}, {"namespace", "gpu"}, {"labels", {{"app.kubernetes.io/name", program}}}}},
      {"spec", {{"nodeName", on}}},
      {"status", {{"phase", "Running"}, {"conditions", JsonValue::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  out.merge_patch(parsed(more));
  return out;
}

JsonValue agents(const char* more = "{}") {
  JsonValue out = parsed(R"({"metadata":{"name":"agent","namespace":"gpu",
    "labels":{"app.kubernetes.io/name":"tessera-agent"}},
    "spec":{"template":{"spec":{"hostPID":true,"nodeSelector":{"nvidia.com/gpu.present":"true"},
      "containers":[{"name":"agent","securityContext":{"runAsUser":0}}]}}}})");
  out.merge_patch(parsed(more));
  return out;
}

/// Two nodes, each with an agent; a relay that hears of one target.
ClusterSight healthy() {
  ClusterSight out;
  out.url = "https://api";
  out.version = "v1.30.0";
  out.nodes = JsonValue::array({node("a"), node("b"), parsed(R"({"metadata":{"name":"plain"}})")});
  out.pods = JsonValue::array({pod("tessera-agent", "agent-1", "a"), pod("tessera-agent", "agent-2", "b"),
                               pod("tessera-relay", "relay-0", "plain")});
  out.daemon_sets = JsonValue::array({agents()});
  out.namespaces = JsonValue::array({parsed(R"({"metadata":{"name":"gpu"}})")});
  out.refusals = JsonValue::array();
  out.targets["gpu/relay-0"] = parsed(R"({"targets":[{"health":"up","url":"http://x","job":"j"}]})");
  return out;
}

Findings findings(const ClusterSight& sight, Status least = Status::Note) {
  Findings out;
  for (const Section& section : judge_cluster(sight))
    for (const Finding& one : section.findings)
      if (one.status >= least) out.push_back(one);
  return out;
}

TEST(ClusterDoctor, FindsNothingWhereAllIsWell) {
  EXPECT_THAT(findings(healthy()), IsEmpty());
  EXPECT_EQ(judge_agents(healthy()).front().seen, "ready on 2 GPU nodes");
}

TEST(ClusterDoctor, SaysWhyANodeHasNoAgent) {
  struct Case {
    const char *node, *set, *pod, *seen, *advice;
  };
  static constexpr Case kCases[] = {
      {R"({"spec":{"taints":[{"key":"team","value":"ml","effect":"NoSchedule"}]}})", "{}", nullptr,
       "no agent on b: the taint team=ml:NoSchedule is not tolerated by DaemonSet gpu/agent", "tolerations"},
      {"{}", R"({"spec":{"template":{"spec":{"nodeSelector":{"accelerator":"nvidia"}}}}})", nullptr,
       "no agent on b: nodeSelector accelerator=nvidia of DaemonSet gpu/agent does not hold", "Label these nodes"},
      {"{}", "{}", R"({"status":{"phase":"Pending","conditions":null,"containerStatuses":[{"ready":false,"state":
        {"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}})",
       "no agent on b: the agent is not ready: ImagePullBackOff: no such image", "events and log"},
      {"{}", "{}", nullptr, "no agent on b: DaemonSet gpu/agent has made no pod for it", "DaemonSet's events"},
  };
  for (const Case& c : kCases) {
    ClusterSight sight = healthy();
    sight.nodes[1].merge_patch(parsed(c.node));
    sight.daemon_sets[0].merge_patch(parsed(c.set));
    if (c.pod)
      sight.pods[1].merge_patch(parsed(c.pod));
    else
      sight.pods.erase(1);
    EXPECT_THAT(
        findings(sight, Status::Problem),
        testing::ElementsAre(AllOf(Field(&Finding::seen, c.seen), Field(&Finding::advice, HasSubstr(c.advice)))));
  }
  ClusterSight upgraded = healthy();
  upgraded.leaving = JsonValue::array({upgraded.pods[1], upgraded.pods[2]});
  upgraded.pods.erase(1);
  EXPECT_THAT(findings(upgraded, Status::Problem),
              testing::ElementsAre(Field(&Finding::seen,
                                         "no agent on b: the agent of DaemonSet gpu/agent is being "
                                         "deleted, and the next one comes after it")));
  ClusterSight none = healthy();
  none.pods = none.daemon_sets = JsonValue::array();
  EXPECT_THAT(judge_agents(none),
              testing::ElementsAre(Field(&Finding::seen, "no agent on a, b: there is no DaemonSet of agents")));
}

TEST(ClusterDoctor, TellsWhoRefusesAPod) {
  ClusterSight sight = healthy();
  sight.pods.erase(1);
  sight.refusals = JsonValue::array({parsed(R"({"involvedObject":{"name":"agent","namespace":"gpu"},
    "message":"pods \"agent-\" is forbidden: violates PodSecurity \"baseline:latest\": hostPID"})")});
  sight.namespaces[0].merge_patch(
      parsed(R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}})"));
  const Findings found = findings(sight, Status::Problem);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].seen, HasSubstr("its pod is refused: pods \"agent-\" is forbidden"));
  EXPECT_THAT(found[1].commands.front(), HasSubstr("enforce=privileged"));
}

TEST(ClusterDoctor, NamesWhatElseIsWrong) {
  ClusterSight sight = healthy();
  sight.nodes.push_back(node("c", R"({"status":{"capacity":null,"allocatable":null}})"));
  sight.nodes.push_back(node("d", R"({"status":{"allocatable":{"nvidia.com/gpu":"0"}}})"));
  for (const char* name : {"c", "d"}) sight.pods.push_back(pod("dcgm-exporter", "x", name));
  sight.daemon_sets[0]["spec"]["template"]["spec"]["hostPID"] = false;
  sight.missing_rights = {{"gpu/tessera-relay", "list pods"}};
  sight.pods.push_back(pod("tessera-server", "server-1", "", R"({"status":{"phase":"Pending","conditions":
    [{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"unbound claims"}]}})"));
  sight.monitors = JsonValue::array({parsed(R"({"metadata":{"name":"m"},"status":{"conditions":
    [{"type":"TargetsReady","status":"False","reason":"NoPod","message":"target x matches no pod"},
     {"type":"Degraded","status":"False"},{"type":"Progressing","status":"False"}]}})")});
  sight.targets["gpu/relay-0"] = parsed(R"({"targets":[
    {"health":"down","url":"http://y:1","job":"j","lastError":"connection refused"}]})");
  sight.unseen = {"may not list events"};
  std::string all;
  for (const Finding& one : findings(sight)) {
    all += one.seen + '\n';
    EXPECT_FALSE(one.advice.empty()) << one.seen;
  }
  for (const char* seen :
       {"no device plugin has told the kubelet of GPUs: c", "calls every GPU unhealthy: d",
        "observed by dcgm-exporter alone: c, d", "without hostPID there are device metrics only", "may not list pods",
        "not ready: Unschedulable: unbound claims", "TargetsReady is False: NoPod: target x matches no pod",
        "silent: http://y:1 (j): connection refused", "may not list events"})
    EXPECT_THAT(all, HasSubstr(seen));
}

TEST(ClusterDoctor, KnowsAGpuNodeByLabelOrResource) {
  static constexpr struct {
    const char* node;
    bool gpu;
  } kCases[] = {
      {R"({"metadata":{"labels":{"nvidia.com/gpu.present":"false"}}})", false},
      {R"({"metadata":{"labels":{"cloud.google.com/gke-accelerator":"nvidia-l4"}}})", true},
      {R"({"status":{"capacity":{"nvidia.com/mig-1g.10gb":"7"}}})", true},
      {R"({"status":{"capacity":{"amd.com/gpu":"7"}}})", false},
      {"{}", false},
  };
  for (const auto& c : kCases) EXPECT_EQ(is_gpu_node(parsed(c.node)), c.gpu) << c.node;
}

TEST(ClusterDoctor, SaysThatNobodyIsThere) {
  const Diagnosis nobody =
      examine_cluster({.api = "http://127.0.0.1:1"}, [](const std::string&) { return std::nullopt; });
  EXPECT_EQ(nobody.exit_code(), 1);
  EXPECT_THAT(nobody.report.front().findings.front().advice, HasSubstr("--kubeconfig FILE"));
}

}  // namespace
}  // namespace tessera::cli

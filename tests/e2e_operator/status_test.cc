// What the resource's status says of what goes wrong.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e_operator/operated.h"

namespace tessera::e2e {
namespace {

class Status : public testing::Test {
 protected:
  Operated operated;
};

Json pod(const std::string& name, const std::string& component, const Json& status) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", name},
            {"namespace", "tessera"},
            {"labels",
             {{"app.kubernetes.io/managed-by", "tessera-operator"},
              {"app.kubernetes.io/instance", "gpus"},
              {"app.kubernetes.io/component", component}}}}},
          {"spec", {{"nodeName", "worker-01"}}},
          {"status", status}};
}

Json waiting(const std::string& reason) {
  return {{"containerStatuses",
           {{{"name", "agent"}, {"image", "tessera-agent:0.1.0"}, {"state", {{"waiting", {{"reason", reason}}}}}}}}};
}

TEST_F(Status, AnInvalidSpecIsToldAndWhatRunsStays) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  Json wrong = kEverything;
  wrong["features"]["k8sAgent"]["gpuMonitorin"] = {{"enabled", true}};
  operated.ask(wrong);
  EXPECT_TRUE(eventually([&] {
    return operated.has_condition("Ready", "False", "InvalidSpec",
                                  "spec.features.k8sAgent.gpuMonitorin: this key is not known; did you mean "
                                  "'gpuMonitoring'?");
  })) << operated.condition("Ready");
  wrong = kEverything;
  wrong["features"]["openAgent"]["globalInterval"] = "often";
  operated.ask(wrong);
  EXPECT_TRUE(eventually([&] { return operated.has_condition("Ready", "False", "InvalidSpec", "globalInterval"); }));
  EXPECT_TRUE(operated.find("StatefulSet", "tessera", "tessera-relay").is_object());
  EXPECT_TRUE(eventually([&] { return operated.has_event("InvalidSpec", "globalInterval"); }));
  operated.ask(kEverything);
  EXPECT_TRUE(operated.becomes_ready()) << replica->output();
}

TEST_F(Status, ATargetThatMatchesNoPodIsNamedAndNothingElseSuffers) {
  auto replica = operated.start();
  Json spec = kEverything;
  spec["features"]["openAgent"]["targets"] = Json::parse(R"([
      {"targetName": "built-in", "namespaceSelector": {"matchNames": ["ml"]}, "selector": {"matchLabels": {"name": "x"}},
       "endpoints": [{"port": "9400"}]},
      {"targetName": "mine", "selector": {"matchLabels": {"app": "dcgm"}}, "endpoints": [{"port": "9400"}]}])");
  operated.ask(spec);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const std::string of_mine = "target 'mine' matches no pod: labels app=dcgm in any namespace";
  EXPECT_TRUE(eventually([&] { return operated.has_condition("TargetsFound", "False", "NoPodMatches", of_mine); }));
  EXPECT_TRUE(operated.has_condition("TargetsFound", "False", "NoPodMatches", "labels name=x in namespace ml"));
  operated.cluster().put({.space = "elsewhere", .name = "a", .labels = {{"app", "dcgm"}}});
  operated.cluster().put({.space = "elsewhere", .name = "b", .labels = {{"name", "x"}}});  // not there
  EXPECT_TRUE(eventually([&] {
    return operated.has_condition("TargetsFound", "False", "NoPodMatches", "'built-in'") &&
           !operated.has_condition("TargetsFound", "False", "NoPodMatches", "'mine'");
  }));
  operated.cluster().put({.space = "ml", .name = "c", .labels = {{"name", "x"}}});
  EXPECT_TRUE(eventually([&] { return operated.has_condition("TargetsFound", "True"); }));
  EXPECT_TRUE(operated.has_condition("Ready", "True"));
}

TEST_F(Status, AFailingPullAndARefusedQuotaAreTold) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto report = [&](const std::string& name, const Json& status) {
    Json object = operated.find("DaemonSet", "tessera", name);
    object["status"].update(status);
    operated.put(object);
  };
  report("tessera-node-agent", {{"numberAvailable", 1}});
  operated.put(pod("agent-x", "node-agent", waiting("ErrImagePull")));
  EXPECT_TRUE(eventually([&] {
    return operated.has_condition("NodeAgentReady", "False", "ImagePullFailing",
                                  "1 of 2 pods are ready; image tessera-agent:0.1.0 cannot be pulled (pod "
                                  "tessera/agent-x on node worker-01)");
  })) << operated.condition("NodeAgentReady");
  EXPECT_TRUE(operated.has_condition("Ready", "False", "ImagePullFailing"));
  EXPECT_TRUE(operated.has_condition("Degraded", "True"));
  // The pull and the pause between two of them are one thing: no more is written.
  const auto statuses = [&] {
    int count = 0;
    for (const auto& one : operated.writes()) count += one.path.ends_with("/status") ? 1 : 0;
    return count;
  };
  const int before = statuses();
  for (int i = 0; i < 5; ++i) {
    operated.put(pod("agent-x", "node-agent", waiting("ImagePullBackOff")));
    operated.put(pod("agent-x", "node-agent", waiting("ErrImagePull")));
  }
  // A pod that is refused by a quota is told of in an event alone.
  report("tessera-node-exporter", {{"numberAvailable", 1}, {"currentNumberScheduled", 1}});
  const std::string uid = operated.find("DaemonSet", "tessera", "tessera-node-exporter").at("metadata").at("uid");
  operated.put({{"apiVersion", "v1"},
                {"kind", "Event"},
                {"metadata", {{"name", "e"}, {"namespace", "tessera"}}},
                {"reason", "FailedCreate"},
                {"message", "Error creating: pods is forbidden: exceeded quota: small"},
                {"involvedObject", {{"kind", "DaemonSet"}, {"uid", uid}}}});
  EXPECT_TRUE(eventually(
      [&] { return operated.has_condition("NodeMetricsReady", "False", "PodsRefused", "exceeded quota: small"); }));
  EXPECT_LE(statuses(), before + 2);
  EXPECT_TRUE(eventually([&] { return operated.has_event("ImagePullFailing"); }));
  operated.store().remove({.version = "v1", .plural = "pods", .kind = "Pod"}, "tessera", "agent-x");
  EXPECT_TRUE(operated.becomes_ready()) << replica->output();
}

TEST_F(Status, AnObjectThatIsRefusedIsNamedAndTriedAgain) {
  ASSERT_TRUE(operated.stub().faults().add({{"request",
                                             {{"at", "write"},
                                              {"path", "/configmaps/tessera-relay"},
                                              {"status", 403},
                                              {"reason", "Forbidden"},
                                              {"times", 1}}}}));
  auto replica = operated.start();
  operated.ask(kEverything);
  EXPECT_TRUE(eventually([&] {
    operated.play_controllers();
    return operated.has_condition("OpenAgentReady", "False", "NotApplied", "ConfigMap tessera/tessera-relay: ");
  })) << replica->output();
  EXPECT_TRUE(operated.has_condition("OpenAgentReady", "False", "NotApplied", "\"patch\" on \"configmaps\""));
  EXPECT_TRUE(operated.becomes_ready()) << replica->output();
  EXPECT_TRUE(operated.has_event("NotApplied", "tessera-relay"));
}

TEST_F(Status, ARightThatIsMissingIsNamed) {
  Json role = operated.find("ClusterRole", "", "tessera-operator");
  for (Json& rule : role["rules"]) std::erase(rule["resources"].get_ref<Json::array_t&>(), Json("networkpolicies"));
  operated.put(role);
  auto replica = operated.start();
  operated.ask(kEverything);
  EXPECT_TRUE(eventually([&] {
    return operated.has_condition("Ready", "False", "CannotRead", "\"list\" on \"networkpolicies\"");
  })) << replica->output();
}

TEST_F(Status, WhatAsksForNothingMayGoAtOnce) {
  auto replica = operated.start();
  operated.ask({{"promql", {{"bundled", "none"}}}});
  EXPECT_TRUE(eventually([&] { return operated.has_condition("Ready", "True", "NothingEnabled"); }))
      << replica->output();
  EXPECT_FALSE(operated.find("GpuMonitor", "", "gpus").at("metadata").contains("finalizers"))
      << "helm's hook is such a one, and no operator may be left when it goes";
}

TEST_F(Status, AThousandNodesCostNoMoreWritesThanTwo) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto before = operated.writes().size();
  const auto report = [&](int available) {
    Json object = operated.find("DaemonSet", "tessera", "tessera-node-agent");
    object["status"]["desiredNumberScheduled"] = object["status"]["currentNumberScheduled"] =
        object["status"]["updatedNumberScheduled"] = 1000;
    object["status"]["numberAvailable"] = available;
    operated.put(object);
  };
  for (int i = 1; i <= 1000; ++i) {
    operated.put({{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", fmt::format("n-{}", i)}}}});
    operated.put(pod(fmt::format("agent-{}", i), "node-agent", {{"phase", "Running"}}));
    report(i);
  }
  EXPECT_TRUE(eventually([&] { return operated.has_condition("NodeAgentReady", "True", "", "1000 of 1000"); }));
  EXPECT_TRUE(eventually([&] { return operated.has_condition("Ready", "True"); }));
  EXPECT_LE(operated.writes().size() - before, 20U)
      << "a status and an event for each change, and some numbers between";
}

}  // namespace
}  // namespace tessera::e2e

// What a GpuMonitor asks for is there, stays so, and goes with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "tests/e2e_operator/operated.h"

namespace tessera::e2e {
namespace {

using testing::HasSubstr;

class Reconciling : public testing::Test {
 protected:
  Operated operated;
};

std::string text_of(const std::vector<kube_stub::Logged>& log) {
  std::string out;
  for (const auto& one : log) out += one.method + ' ' + one.path + ' ' + std::to_string(one.code) + '\n';
  return out;
}

TEST_F(Reconciling, MakesWhatIsAskedForAndThenWritesNothing) {
  auto replica = operated.start();
  Json spec = kEverything;
  spec["features"]["openAgent"]["targets"] = Json::parse(R"([
      {"targetName": "mine", "selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "9400"}]}])");
  operated.ask(spec);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  ASSERT_TRUE(eventually([&] { return operated.has_event("NoPodMatches"); }));
  EXPECT_TRUE(operated.find("DaemonSet", "tessera", "tessera-node-agent").is_object());
  EXPECT_TRUE(operated.find("StatefulSet", "tessera", "tessera-relay").is_object());
  EXPECT_TRUE(operated.find("ClusterRole", "", "tessera-relay").is_object());
  const Json secret = operated.find("Secret", "tessera", "tessera-keys");
  EXPECT_THAT(secret.at("stringData").at("admin-key").get<std::string>(), HasSubstr("tsk_"));
  EXPECT_NE(secret.at("stringData").at("admin-key"), secret.at("stringData").at("ingest-key"));
  EXPECT_THAT(operated.find("GpuMonitor", "", "gpus").at("metadata").at("finalizers"),
              testing::Contains("tessera.dev/cleanup"));
  EXPECT_TRUE(eventually([&] { return operated.has_event("Ready"); }));

  const auto passes_of = [&](Child& one) {
    const std::string page = operated.page(one, "/metrics"),
                      name = "tessera_operator_reconciles_total{result=\"good\"} ";
    return std::stoul(page.substr(page.find(name) + name.size()));
  };
  const auto passes_once_more = [&](Child& one, const char* why) {
    const auto known = passes_of(one);
    operated.change("Deployment", "tessera", "tessera-server", {{"metadata", {{"annotations", {{"mine", why}}}}}});
    return eventually([&] { return passes_of(one) > known; });
  };
  EXPECT_TRUE(passes_once_more(*replica, "0"));  // what else the pass tells that told of Ready has been told

  // Nothing that follows is a reason to write: what it says of itself, fields of others, a new operator.
  const auto before = operated.writes();
  operated.change("Deployment", "tessera", "tessera-server", {{"metadata", {{"annotations", {{"mine", "1"}}}}}});
  operated.change("DaemonSet", "tessera", "tessera-node-agent", {{"metadata", {{"labels", {{"mine", "1"}}}}}});
  EXPECT_EQ(replica->stop(), 0);
  auto next = operated.start();
  EXPECT_TRUE(eventually([&] {
    return operated.page(*next, "/readyz") == "ok\n" &&
           operated.page(*next, "/metrics").find("tessera_operator_leader 1") != std::string::npos;
  }));
  // It knows all now: whatever it does next, it does with that.
  EXPECT_TRUE(passes_once_more(*next, "2"));
  EXPECT_EQ(operated.page(*next, "/livez"), "ok\n");
  const auto after = operated.writes();
  EXPECT_EQ(before.size(), after.size()) << text_of(
      {after.begin() + static_cast<std::ptrdiff_t>(before.size()), after.end()});
}

TEST_F(Reconciling, RepairsWhatOthersChangeOfItsFieldsAndLeavesTheRest) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const Json set = operated.find("StatefulSet", "tessera", "tessera-relay");
  const auto image = [&] {
    return operated.find("StatefulSet", "tessera", "tessera-relay")
        .at("spec")
        .at("template")
        .at("spec")
        .at("containers");
  };
  // A sidecar beside our container, whose image is changed too.
  Json containers = image();
  const std::string ours = containers[0].at("image");
  containers[0]["image"] = "somebody/else:1";
  containers.push_back({{"name", "sidecar"}, {"image", "mesh/proxy:1"}});
  operated.change("StatefulSet", "tessera", "tessera-relay",
                  {{"spec", {{"template", {{"spec", {{"containers", containers}}}}}}}});
  EXPECT_TRUE(eventually([&] { return image()[0].at("image") == ours; }));
  ASSERT_EQ(image().size(), 2U) << image();
  EXPECT_EQ(image()[1].at("image"), "mesh/proxy:1");

  operated.change("Deployment", "tessera", "tessera-server", {{"spec", {{"replicas", 7}, {"paused", true}}}});
  EXPECT_TRUE(eventually(
      [&] { return operated.find("Deployment", "tessera", "tessera-server").at("spec").at("replicas") == 1; }));
  EXPECT_EQ(operated.find("Deployment", "tessera", "tessera-server").at("spec").at("paused"), true);

  operated.remove("ConfigMap", "tessera", "tessera-relay");
  EXPECT_TRUE(eventually([&] { return operated.find("ConfigMap", "tessera", "tessera-relay").is_object(); }));
  operated.remove("Secret", "tessera", "tessera-keys");
  EXPECT_TRUE(eventually([&] { return operated.find("Secret", "tessera", "tessera-keys").is_object(); }));
  EXPECT_TRUE(eventually([&] { return operated.has_event("Repaired", "spec.replicas is 7"); }));
}

TEST_F(Reconciling, FieldsThatAreNotAskedForAnyMoreGo) {
  auto replica = operated.start();
  Json spec = kEverything;
  spec["features"]["k8sAgent"]["nodeAgent"]["nodeSelector"] = {{"pool", "gpu"}};
  operated.ask(spec);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto selector = [&] {
    return operated.find("DaemonSet", "tessera", "tessera-node-agent")
        .at("spec")
        .at("template")
        .at("spec")
        .at("nodeSelector");
  };
  EXPECT_TRUE(selector().contains("pool"));
  operated.ask(kEverything);
  EXPECT_TRUE(eventually([&] { return !selector().contains("pool"); }));
}

TEST_F(Reconciling, AFeatureThatIsSwitchedOffIsPrunedAndItsPastKept) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  Json less = kEverything;
  less["features"]["openAgent"]["enabled"] = false;
  operated.ask(less);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  EXPECT_TRUE(eventually([&] {
    return operated.find("StatefulSet", "tessera", "tessera-relay").is_null() &&
           operated.find("ClusterRole", "", "tessera-relay").is_null() &&
           operated.find("Deployment", "tessera", "tessera-server").is_null();
  }));
  EXPECT_TRUE(operated.find("DaemonSet", "tessera", "tessera-node-agent").is_object());
  EXPECT_TRUE(operated.find("PersistentVolumeClaim", "tessera", "tessera-server").is_object());
  EXPECT_TRUE(operated.condition("OpenAgentReady").is_null());
  EXPECT_TRUE(eventually([&] { return operated.has_event("Pruned", "StatefulSet tessera/tessera-relay"); }));
}

TEST_F(Reconciling, DeletionTakesAllOfIt) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  // As the StatefulSet's controller of an old server makes it: with the selector's labels, and no owner.
  operated.put({{"apiVersion", "v1"},
                {"kind", "PersistentVolumeClaim"},
                {"metadata",
                 {{"name", "queue-tessera-relay-0"},
                  {"namespace", "tessera"},
                  {"labels",
                   {{"app.kubernetes.io/component", "relay"},
                    {"app.kubernetes.io/instance", "gpus"},
                    {"app.kubernetes.io/part-of", "tessera"}}}}}});
  // Keys of the same name that a person made.
  operated.put(
      {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "tessera-keys"}, {"namespace", "default"}}}});
  operated.remove("GpuMonitor", "", "gpus");
  EXPECT_TRUE(eventually([&] { return operated.find("GpuMonitor", "", "gpus").is_null(); })) << replica->output();
  for (const auto* kind : {"DaemonSet", "Deployment", "StatefulSet", "ConfigMap", "Service", "ServiceAccount",
                           "PersistentVolumeClaim", "Role", "NetworkPolicy"})
    EXPECT_TRUE(operated.all(kind).empty()) << kind << operated.all(kind)[0];
  const auto asked = operated.writes();
  const auto takes_keys = [](const kube_stub::Logged& one) {
    return one.method == "DELETE" && one.path == "/api/v1/namespaces/tessera/secrets/tessera-keys" && one.code == 200;
  };
  EXPECT_TRUE(std::ranges::any_of(asked, takes_keys)) << "and does not wait for a collector\n" << text_of(asked);
  ASSERT_EQ(operated.all("Secret").size(), 1U);
  EXPECT_EQ(operated.all("Secret")[0]["metadata"]["namespace"], "default");
  EXPECT_EQ(operated.all("ClusterRole").size(), 1U) << "the operator's own";
  EXPECT_TRUE(operated.find("Namespace", "", "tessera").is_object()) << "others may have put something there";
  operated.ask(kEverything);
  EXPECT_TRUE(operated.becomes_ready()) << replica->output();
}

TEST_F(Reconciling, WhatIsSomebodyElsesIsLeftAlone) {
  operated.put({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "tessera"}}}});
  operated.put(
      {{"apiVersion", "v1"},
       {"kind", "ConfigMap"},
       {"metadata",
        {{"name", "tessera-relay"}, {"namespace", "tessera"}, {"labels", {{"app.kubernetes.io/managed-by", "Helm"}}}}},
       {"data", {{"relay.yaml", "mine"}}}});
  auto replica = operated.start();
  operated.ask(kEverything);
  EXPECT_TRUE(eventually([&] {
    operated.play_controllers();
    return operated.has_condition("OpenAgentReady", "False", "NotApplied", "not the operator's but Helm's");
  })) << replica->output();
  EXPECT_EQ(operated.find("ConfigMap", "tessera", "tessera-relay").at("data").at("relay.yaml"), "mine");
  EXPECT_FALSE(operated.find("Namespace", "", "tessera").at("metadata").contains("labels"));
  EXPECT_TRUE(operated.find("DaemonSet", "tessera", "tessera-node-agent").is_object()) << "nothing else suffers";
}

TEST_F(Reconciling, OneResourceIsServedAndTheNextAfterIt) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.ask(kEverything, "other");
  EXPECT_TRUE(eventually([&] {
    const Json ready = operated.condition("Ready", "other");
    return ready.is_object() && ready.at("reason") == "AnotherIsServed";
  }));
  operated.remove("GpuMonitor", "", "gpus");
  EXPECT_TRUE(eventually([&] {
    operated.play_controllers();
    const Json ready = operated.condition("Ready", "other");
    return ready.is_object() && ready.at("status") == "True";
  })) << replica->output();
}

/// Of two that were made within one second the one whose name comes first is served: the other was, for a moment.
TEST_F(Reconciling, OneThatWasServedBeforeGoesAllTheSame) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.ask(kEverything, "other");
  operated.change("GpuMonitor", "", "other", {{"metadata", {{"finalizers", {"tessera.dev/cleanup"}}}}});
  operated.remove("GpuMonitor", "", "other");
  EXPECT_TRUE(eventually([&] { return operated.find("GpuMonitor", "", "other").is_null(); })) << replica->output();
  EXPECT_TRUE(operated.find("DaemonSet", "tessera", "tessera-node-agent").is_object()) << "what is served stays";
}

TEST_F(Reconciling, AVolumeThatCannotChangeIsMadeAnewWithItsPodsLeft) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const std::string uid = operated.find("StatefulSet", "tessera", "tessera-relay").at("metadata").at("uid");
  operated.put({{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata",
                 {{"name", "tessera-relay-0"},
                  {"namespace", "tessera"},
                  {"ownerReferences", {{{"kind", "StatefulSet"}, {"name", "tessera-relay"}, {"uid", uid}}}}}}});
  Json larger = kEverything;
  larger["features"]["openAgent"]["queue"] = {{"size", "33Gi"}};
  operated.ask(larger);
  EXPECT_TRUE(eventually([&] {
    const Json set = operated.find("StatefulSet", "tessera", "tessera-relay");
    return set.is_object() && set.at("metadata").at("uid") != uid && set.dump().find("33Gi") != std::string::npos;
  })) << replica->output();
  EXPECT_TRUE(operated.find("Pod", "tessera", "tessera-relay-0").is_object());
  EXPECT_TRUE(eventually([&] { return operated.has_event("Replaced", "StatefulSet"); }));
}

}  // namespace
}  // namespace tessera::e2e

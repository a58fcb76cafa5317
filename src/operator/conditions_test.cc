#include "operator/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/key_secret.h"
#include "operator/sources.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(HealthOf, IsWhatTheControllersSay) {
  const struct {
    const char* workload;
    const char* refusal;
    std::int64_t wanted, ready;
    bool settled;
    std::string_view problem;
  } kCases[] = {
      {"{kind: DaemonSet, metadata: {generation: 2}, status: {observedGeneration: 2, desiredNumberScheduled: 3, "
       "updatedNumberScheduled: 3, numberAvailable: 3, currentNumberScheduled: 3}}",
       "", 3, 3, true, ""},
      {"{kind: DaemonSet, metadata: {generation: 3}, status: {observedGeneration: 2, desiredNumberScheduled: 3, "
       "updatedNumberScheduled: 3, numberAvailable: 3, currentNumberScheduled: 3}}",
       "", 3, 3, false, ""},
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 3, "
       "updatedNumberScheduled: 1, numberAvailable: 3, currentNumberScheduled: 3}}",
       "", 3, 3, false, ""},
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 3}}",
       "exceeded quota", 3, 0, false, "PodsRefused"},
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {desiredNumberScheduled: 0, currentNumberScheduled: 0}}",
       "exceeded quota", 0, 0, false, "PodsRefused"},
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 0}}",
       "exceeded quota", 0, 0, false, "PodsRefused"},
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 0}}", "",
       0, 0, true, ""},
      // A refusal of before, when all pods are there by now.
      {"{kind: DaemonSet, metadata: {generation: 1}, status: {observedGeneration: 1, desiredNumberScheduled: 1, "
       "currentNumberScheduled: 1}}",
       "exceeded quota", 1, 0, false, ""},
      {"{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, "
       "updatedReplicas: 2, availableReplicas: 2, replicas: 2}}",
       "", 2, 2, true, ""},
      {"{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, conditions: "
       "[{type: ReplicaFailure, status: 'True', message: quota}]}}",
       "", 2, 0, false, "PodsRefused"},
      {"{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, conditions: "
       "[{type: Progressing, status: 'False', message: late}]}}",
       "", 2, 0, false, "RolloutStuck"},
      {"{kind: StatefulSet, metadata: {generation: 1}, spec: {replicas: 1}, status: {observedGeneration: 1, "
       "updatedReplicas: 1, readyReplicas: 1, replicas: 1}}",
       "", 1, 1, true, ""},
      {"{kind: StatefulSet, metadata: {generation: 1}, spec: {}}", "", 1, 0, false, ""}};
  for (const auto& c : kCases) {
    const Health health = health_of(json_of(c.workload), c.refusal, {});
    EXPECT_EQ(health.wanted, c.wanted) << c.workload;
    EXPECT_EQ(health.ready, c.ready) << c.workload;
    EXPECT_EQ(health.settled, c.settled) << c.workload;
    EXPECT_EQ(health.problem ? health.problem->reason : "", c.problem) << c.workload;
  }
  EXPECT_EQ(health_of(nullptr, "", {}), Health{});
}

TEST(TroubleOfPod, IsOneThingForEachWayToFail) {
  const struct {
    const char *status, *reason, *message;
  } kCases[] = {
      {"{containerStatuses: [{name: a, image: x:1, state: {waiting: {reason: ErrImagePull}}}]}", "ImagePullFailing",
       "image x:1 cannot be pulled"},
      {"{containerStatuses: [{name: a, image: x:1, state: {waiting: {reason: ImagePullBackOff}}}]}", "ImagePullFailing",
       "image x:1 cannot be pulled"},
      {"{containerStatuses: [{name: a, state: {waiting: {reason: CrashLoopBackOff, message: back-off 20s}}}]}",
       "Crashing", "container a ends again and again: see its log"},
      // Between two pauses it runs for a while.
      {"{containerStatuses: [{name: a, restartCount: 2, ready: false, state: {running: {startedAt: "
       "'2026-01-31T09:30:00Z'}}}], conditions: [{type: Ready, status: 'False', lastTransitionTime: "
       "'2026-01-31T09:29:00Z'}]}",
       "Crashing", "container a ends again and again: see its log"},
      {"{containerStatuses: [{name: a, restartCount: 3, ready: false, state: {terminated: {exitCode: 1}}}]}",
       "Crashing", "container a ends again and again: see its log"},
      {"{initContainerStatuses: [{name: a, state: {waiting: {reason: CreateContainerConfigError, message: no "
       "secret}}}]}",
       "ContainerNotMade", "container a is not made: CreateContainerConfigError: no secret"},
      {"{conditions: [{type: PodScheduled, reason: Unschedulable, message: no node}]}", "Unschedulable",
       "no node takes it: no node"}};
  for (const auto& c : kCases) {
    Json pod = json_of("{metadata: {name: p, namespace: n, labels: {app.kubernetes.io/component: relay}}}");
    pod["status"] = json_of(c.status);
    const auto trouble = trouble_of_pod(pod);
    ASSERT_TRUE(trouble) << c.status;
    EXPECT_EQ((*trouble)["reason"], c.reason);
    EXPECT_EQ((*trouble)["message"], c.message);
    EXPECT_EQ((*trouble)["component"], "relay");
  }
  for (const auto* fine : {"{}", "{status: {}}", "{status: {containerStatuses: [{state: {running: {}}}]}}",
                           "{status: {containerStatuses: [{restartCount: 1, ready: false, state: {running: {}}}]}}",
                           "{status: {containerStatuses: [{restartCount: 9, ready: true, state: {running: {}}}]}}",
                           // Ready after its last start, and then no more: its own matter.
                           "{status: {containerStatuses: [{restartCount: 9, ready: false, state: {running: {startedAt: "
                           "'2026-01-31T09:30:00Z'}}}], conditions: [{type: Ready, status: 'False', "
                           "lastTransitionTime: '2026-01-31T09:40:00Z'}]}}"})
    EXPECT_FALSE(trouble_of_pod(json_of(fine))) << fine;
  const auto made =
      trouble_of_pod(json_of("{status: {containerStatuses: [{state: {waiting: {reason: "
                             "ContainerCreating}}}]}}"));
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)["reason"], kBeingMade) << "no trouble unless an event says so";
}

/// All objects of a plan as a cluster has them, with workloads that are as far as `status` says.
Seen::Snapshot cluster_of(const Plan& plan, const Json& status) {
  Seen::Snapshot out;
  for (Json object : plan.objects) {
    const ObjectKey key = key_of(object);
    object["metadata"]["uid"] = "uid-" + key.name;
    object["metadata"]["generation"] = 1;
    object["status"] = status;
    out[key.kind][key.home.empty() ? key.name : key.home + '/' + key.name] = std::make_shared<const Json>(object);
  }
  return out;
}

const Json kRunning = json_of(
    "{observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2, "
    "currentNumberScheduled: 2, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}");

Condition find(const std::vector<Condition>& all, std::string_view type) {
  for (const Condition& one : all)
    if (one.type == type) return one;
  return {};
}

TEST(ConditionsOf, AreReadyWhereAllRuns) {
  const Plan plan = plan_of(kMinimal);
  const auto seen = cluster_of(plan, kRunning);
  const auto all = conditions_of({plan, seen, {}, 0, {{"t", "labels a=b", 3}}});
  for (const auto* type :
       {"Ready", "NodeAgentReady", "NodeMetricsReady", "PromqlReady", "ServerReady", "OpenAgentReady", "TargetsFound"})
    EXPECT_EQ(find(all, type).status, "True") << type << find(all, type).message;
  for (const auto* type : {"Progressing", "Degraded"}) EXPECT_EQ(find(all, type).status, "False") << type;
}

TEST(ConditionsOf, NameWhatIsWrongAndLeaveTheRest) {
  const Plan plan = plan_of(kMinimal);
  auto seen = cluster_of(plan, kRunning);
  const ObjectKey map{"v1", "ConfigMap", "tessera", "tessera-relay"};
  auto all = conditions_of({plan, seen, {{map, "too large"}}, 1, {{"t", "labels a=b", 0}}});
  EXPECT_EQ(find(all, "OpenAgentReady").message, "ConfigMap tessera/tessera-relay: too large");
  EXPECT_EQ(find(all, "Ready").reason, "NotApplied");
  EXPECT_EQ(find(all, "Degraded").status, "True");
  EXPECT_EQ(find(all, "ServerReady").status, "True");
  EXPECT_THAT(find(all, "TargetsFound").message, HasSubstr("target 't' matches no pod: labels a=b"));

  all = conditions_of({plan, seen, {}, 0, {{"t", "labels a=b", 0}}});
  EXPECT_EQ(find(all, "Ready").status, "True") << "a target without pods is no fault of what runs";
  EXPECT_EQ(find(conditions_of({plan, seen, {}, 0, {{"t", "", std::nullopt}}}), "TargetsFound").status, "Unknown");

  seen = cluster_of(plan, json_of("{observedGeneration: 1}"));
  all = conditions_of({plan, seen, {}, 0, {}});
  EXPECT_EQ(find(all, "NodeAgentReady").reason, "NoMatchingNodes");
  EXPECT_EQ(find(all, "ServerReady").reason, "RollingOut");
  EXPECT_EQ(find(all, "Progressing").status, "True");
  EXPECT_EQ(find(conditions_of({plan_of("{}"), {}, {}, 0, {}}), "Ready").reason, "NothingEnabled");
}

TEST(ConditionsOf, AVolumeThatIsNotMountedIsTold) {
  const Plan plan = plan_of(kMinimal);
  auto seen = cluster_of(plan, kRunning);
  seen["Deployment"]["tessera/tessera-server"] = [&] {
    Json one = *seen["Deployment"]["tessera/tessera-server"];
    one["status"] = json_of("{observedGeneration: 1, replicas: 1, updatedReplicas: 1}");
    return std::make_shared<const Json>(one);
  }();
  const Json pod = json_of(
      "{metadata: {name: a, namespace: tessera, uid: u, labels: {app.kubernetes.io/component: server}}, status: "
      "{containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]}}");
  seen["Pod"]["tessera/a"] = std::make_shared<const Json>(*trouble_of_pod(pod));
  EXPECT_EQ(find(conditions_of({plan, seen, {}, 0, {}}), "ServerReady").reason, "RollingOut") << "it is being made";
  const auto about = [&](const char* uid) {
    return mount_failure_of_event(
        json_of(fmt::format("{{involvedObject: {{kind: Pod, uid: {}}}, message: 'secret \"tls\" not found'}}", uid)));
  };
  seen[kMountEvents]["tessera/e"] = std::make_shared<const Json>(*about("another"));
  EXPECT_EQ(find(conditions_of({plan, seen, {}, 0, {}}), "ServerReady").reason, "RollingOut");
  seen[kMountEvents]["tessera/e"] = std::make_shared<const Json>(*about("u"));
  const auto ready = find(conditions_of({plan, seen, {}, 0, {}}), "ServerReady");
  EXPECT_EQ(ready.reason, "ContainerNotMade");
  EXPECT_THAT(ready.message, HasSubstr("a volume is not mounted: secret \"tls\" not found (pod tessera/a)"));
}

TEST(ConditionsOf, AWebhookWithoutAGoodCertificateIsNotReady) {
  const Plan plan = plan_of(kMinimal);
  const auto seen = cluster_of(plan, kRunning);
  const auto told = [&](const char* status, const char* reason) {
    return conditions_of({plan, seen, {}, 0, {}, Condition{"CertificateValid", status, reason, "until then"}});
  };
  EXPECT_EQ(find(told("True", "Valid"), "Ready").status, "True");
  EXPECT_EQ(find(told("True", "Valid"), "CertificateValid").message, "until then");
  EXPECT_EQ(find(told("Unknown", "NotIssued"), "Ready").reason, "NotIssued");
  EXPECT_EQ(find(told("Unknown", "NotIssued"), "Degraded").status, "False") << "it may come any moment";
  EXPECT_EQ(find(told("False", "Expired"), "Degraded").message, "CertificateValid: Expired: until then");
}

TEST(StatusOf, MovesATimeOnlyWithItsStatus) {
  const std::vector<Condition> before{{"Ready", "False", "RollingOut", "1 of 2"}};
  const Json first = status_of(before, 1, Json::object(), 1'000'000);
  const Json same = status_of(before, 1, first, 9'000'000);
  EXPECT_EQ(first, same);
  const Json number = status_of({{"Ready", "False", "RollingOut", "2 of 2"}}, 1, first, 9'000'000);
  EXPECT_EQ(number["conditions"][0]["lastTransitionTime"], first["conditions"][0]["lastTransitionTime"]);
  const Json ready = status_of({{"Ready", "True", "AllReady", ""}}, 2, number, 9'000'000);
  EXPECT_NE(ready["conditions"][0]["lastTransitionTime"], first["conditions"][0]["lastTransitionTime"]);
  EXPECT_EQ(ready["conditions"][0]["observedGeneration"], 2);

  const Json looking = status_of({{"Ready", "Unknown", "Looking", "being read"}}, 1, first, 9'000'000);
  EXPECT_EQ(looking, first) << "what is being looked at is what it was";

  const SteadyTime now = SteadyTime{} + 1h;
  EXPECT_FALSE(status_due(same, first, now));
  EXPECT_EQ(status_due(number, first, now), now + 10s) << "numbers wait";
  EXPECT_EQ(status_due(ready, first, now), now + 1s);
  EXPECT_EQ(status_due(first, Json::object(), std::nullopt), SteadyTime{}) << "at once";
}

TEST(MakeApiKey, IsLikeTheServersOwn) {
  const std::string key = must(make_api_key());
  EXPECT_EQ(key.size(), 56U);
  EXPECT_EQ(key.substr(0, 4), "tsk_");
  EXPECT_EQ(key[12], '_');
  EXPECT_NE(key, must(make_api_key()));
  const Json secret = must(key_secret_object(monitor_of(kMinimal), {"tessera", "tessera-keys", {"a", "b"}}));
  EXPECT_NE(secret["stringData"]["a"], secret["stringData"]["b"]);
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["uid"], "u-1");
}

}  // namespace
}  // namespace tessera::operate

// What the operator makes, against the manifests that people apply by hand (deploy/manifests): what the programs need
// is the same in both.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

/// The object of this kind in a manifest of several documents.
Json by_hand(std::string_view file, std::string_view kind) {
  const std::string text = must(read_file(fmt::format("{}/deploy/manifests/{}", TESSERA_SOURCE_DIR, file)));
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find("\n---\n", at), text.size());
    const Json object = json_of(std::string_view(text).substr(at, end - at));
    if (!object.is_null() && object["kind"] == kind) return object;  // a document may be a comment alone
    at = end + 5;
  }
  throw std::runtime_error(fmt::format("{} has no {}", file, kind));
}

void expect_same(const Json& ours, const Json& theirs, std::initializer_list<const char*> pointers) {
  for (const auto* pointer : pointers)
    EXPECT_EQ(plain(ours.value(Json::json_pointer(pointer), Json())),
              plain(theirs.value(Json::json_pointer(pointer), Json())))
        << pointer;
}

constexpr std::initializer_list<const char*> kOfEveryProgram = {
    "/spec/template/spec/terminationGracePeriodSeconds",
    "/spec/template/spec/securityContext",
    "/spec/template/spec/enableServiceLinks",
    "/spec/template/spec/containers/0/image",
    "/spec/template/spec/containers/0/imagePullPolicy",
    "/spec/template/spec/containers/0/ports",
    "/spec/template/spec/containers/0/livenessProbe",
    "/spec/template/spec/containers/0/readinessProbe",
    "/spec/template/spec/containers/0/resources",
    "/spec/template/metadata/annotations/prometheus.io~1port",
    "/spec/template/metadata/annotations/prometheus.io~1path"};

/// Each volume mount of the manifest is one of ours, from the same kind of place.
void expect_mounts(const Json& ours, const Json& theirs) {
  for (const Json& mount : theirs["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]) {
    bool found = false;
    for (const Json& own : ours["spec"]["template"]["spec"]["containers"][0]["volumeMounts"])
      found |= plain(own) == plain(mount);
    EXPECT_TRUE(found) << mount;
  }
}

TEST(Deploy, TheAgentIsTheOneOfTheManifest) {
  const Json ours = find(plan_of(kMinimal), "DaemonSet", "tessera-node-agent");
  const Json theirs = by_hand("agent-daemonset.yaml", "DaemonSet");
  expect_same(ours, theirs, kOfEveryProgram);
  expect_same(ours, theirs,
              {"/spec/updateStrategy", "/spec/template/spec/hostPID", "/spec/template/spec/priorityClassName",
               "/spec/template/spec/automountServiceAccountToken", "/spec/template/spec/containers/0/env",
               "/spec/template/spec/containers/0/securityContext", "/spec/template/spec/volumes/0",
               "/spec/template/spec/volumes/1", "/spec/template/spec/volumes/2"});
  expect_mounts(ours, theirs);
  EXPECT_EQ(ours["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"], "tessera-agent")
      << "relays recognise it by that";
}

TEST(Deploy, TheRelayIsTheOneOfTheManifest) {
  const Plan plan = plan_of("{features: {openAgent: {enabled: true}}}");
  const Json ours = find(plan, "StatefulSet", "tessera-relay");
  const Json theirs = by_hand("relay-statefulset.yaml", "StatefulSet");
  expect_same(ours, theirs, kOfEveryProgram);
  expect_same(ours, theirs,
              {"/spec/serviceName", "/spec/podManagementPolicy", "/spec/template/spec/containers/0/args",
               "/spec/template/spec/containers/0/securityContext", "/spec/volumeClaimTemplates/0/spec"});
  expect_mounts(ours, theirs);
  EXPECT_EQ(plain(find(plan, "ClusterRole", "tessera-relay")["rules"]),
            plain(by_hand("relay-statefulset.yaml", "ClusterRole")["rules"]));
  const Plan shared = plan_of("{features: {openAgent: {enabled: true, replicas: 2}}}");
  EXPECT_EQ(plain(find(shared, "Role", "tessera-relay")["rules"]),
            plain(by_hand("relay-statefulset.yaml", "Role")["rules"]));
}

TEST(Deploy, TheServerIsTheOneOfTheManifest) {
  const Plan plan = plan_of(kMinimal);
  const Json ours = find(plan, "Deployment", "tessera-server");
  const Json theirs = by_hand("server.yaml", "Deployment");
  expect_same(ours, theirs, kOfEveryProgram);
  expect_same(ours, theirs,
              {"/spec/template/spec/containers/0/args", "/spec/template/spec/containers/0/securityContext"});
  expect_mounts(ours, theirs);
  EXPECT_EQ(plain(find(plan, "PersistentVolumeClaim", "tessera-server")["spec"]),
            plain(by_hand("server.yaml", "PersistentVolumeClaim")["spec"]));
  EXPECT_EQ(plain(find(plan, "ClusterRole", "tessera-server")["rules"]),
            plain(by_hand("server.yaml", "ClusterRole")["rules"]));
}

TEST(Deploy, MigMonitorIsThePatchOfTheManifest) {
  const Plan plan = plan_of(
      "{features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true, mig: "
      "{monitorDevices: true}}}}}");
  const Json ours = find(plan, "DaemonSet", "tessera-node-agent")["spec"]["template"]["spec"]["containers"][0];
  const Json patch = json_of(must(read_file(
      TESSERA_SOURCE_DIR "/deploy/manifests/mig-monitor-patch.yaml")))["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(ours["env"].back(), patch["env"][0]);
  for (const auto& [key, value] : patch["securityContext"].items())
    EXPECT_EQ(plain(ours["securityContext"][key]), plain(value)) << key;
}

}  // namespace
}  // namespace tessera::operate

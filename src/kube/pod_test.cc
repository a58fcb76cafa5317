#include "kube/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kServing = R"({
  "kind": "Pod", "apiVersion": "v1",
  "metadata": {
    "name": "llama-7b-6d9f-x2x4p", "generateName": "llama-7b-6d9f-", "namespace": "serving",
    "uid": "0b3c9f3e-6f0e-4f0b-9a53-6a3f0c3f9d11", "resourceVersion": "81234", "creationTimestamp": "2026-01-31T09:30:00Z",
    "labels": {"app": "llama-7b", "pod-template-hash": "6d9f"},
    "annotations": {"prometheus.io/scrape": "true"},
    "ownerReferences": [
      {"apiVersion": "v1", "kind": "Thing", "name": "not-in-charge", "uid": "1"},
      {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "llama-7b-6d9f", "uid": "2", "controller": true}],
    "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {"f:podIP": {}}}}]},
  "spec": {
    "nodeName": "gpu-3", "terminationGracePeriodSeconds": 30,
    "initContainers": [
      {"name": "fetch", "image": "registry.example/fetch:1"},
      {"name": "proxy", "image": "registry.example/proxy:2", "restartPolicy": "Always",
       "ports": [{"name": "proxy-metrics", "containerPort": 15090, "protocol": "TCP"}]}],
    "containers": [
      {"name": "server", "image": "registry.example/server:0.8", "command": ["serve"],
       "args": ["--model", "llama-7b", "--port=8000"],
       "env": [{"name": "TOKEN", "value": "s3cret"}],
       "ports": [{"name": "http", "containerPort": 8000}, {"containerPort": 53, "protocol": "UDP"}],
       "resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
  "status": {
    "phase": "Running", "podIP": "10.0.3.7", "podIPs": [{"ip": "10.0.3.7"}, {"ip": "fd00::7"}], "hostIP": "192.168.0.3",
    "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "False"}],
    "initContainerStatuses": [{"name": "fetch", "containerID": "containerd://aa"}],
    "containerStatuses": [{"name": "server", "containerID": "containerd://bb", "restartCount": 0}]}
})";

TEST(ParsePod, ReadsARealOne) {
  const auto pod = parse_pod(kServing);
  ASSERT_TRUE(pod) << pod.error().what;
  Pod want;
  want.space = "serving";
  want.name = "llama-7b-6d9f-x2x4p";
  want.uid = "0b3c9f3e-6f0e-4f0b-9a53-6a3f0c3f9d11";
  want.labels = {{"app", "llama-7b"}, {"pod-template-hash", "6d9f"}};
  want.annotations = {{"prometheus.io/scrape", "true"}};
  want.phase = "Running";
  want.ip = "10.0.3.7";
  want.ips = {"10.0.3.7", "fd00::7"};
  want.host_ip = "192.168.0.3";
  want.node = "gpu-3";
  want.ready = false;
  want.controller_kind = "ReplicaSet";
  want.controller_name = "llama-7b-6d9f";
  PodContainer fetch, proxy, server;
  fetch.name = "fetch";
  fetch.image = "registry.example/fetch:1";
  fetch.init = true;
  fetch.id = "containerd://aa";
  proxy.name = "proxy";
  proxy.image = "registry.example/proxy:2";
  proxy.ports = {{"proxy-metrics", 15090, "TCP"}};
  proxy.init = proxy.sidecar = true;
  server.name = "server";
  server.image = "registry.example/server:0.8";
  server.command = {"serve"};
  server.args = {"--model", "llama-7b", "--port=8000"};
  server.ports = {{"http", 8000, "TCP"}, {"", 53, "UDP"}};
  server.id = "containerd://bb";
  want.containers = {fetch, proxy, server};
  EXPECT_EQ(*pod, want);
}

TEST(ParsePod, TakesWhatIsNotThereYetForAbsent) {
  const auto pod = parse_pod(R"({"metadata": {"name": "a", "labels": null, "deletionTimestamp": null},
    "spec": {"containers": null, "hostNetwork": true}, "status": {"podIPs": [], "conditions": [{"type": "Ready",
    "status": "Unknown"}]}, "later": [{}]})");
  ASSERT_TRUE(pod) << pod.error().what;
  Pod want;
  want.name = "a";
  want.host_network = true;
  EXPECT_EQ(*pod, want);
  EXPECT_TRUE(parse_pod(R"({"metadata": {"name": "a"}})"));
  EXPECT_TRUE(parse_pod(R"({"metadata": {"name": "a", "deletionTimestamp": "2026-01-31T09:30:00Z"}})")->deleting);
}

TEST(ParsePod, HasTheAddressOfEitherForm) {
  const auto one = parse_pod(R"({"metadata": {"name": "a"}, "status": {"podIP": "10.0.0.1"}})");
  EXPECT_THAT(one->ips, ElementsAre("10.0.0.1"));
  const auto many = parse_pod(R"({"metadata": {"name": "a"}, "status": {"podIPs": [{"ip": "fd00::1"}, {}]}})");
  EXPECT_EQ(many->ip, "fd00::1");
  EXPECT_THAT(many->ips, ElementsAre("fd00::1"));
}

TEST(ParsePod, SaysWhatIsWrong) {
  const std::string deep =
      R"({"metadata": {"name": "a"}, "x": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const struct {
    std::string_view json, says;
  } kCases[] = {
      {"", "pod: not a JSON object"},
      {"[]", "pod: not a JSON object"},
      {R"({"metadata": {"name": "a"})", "pod: not a JSON object"},
      {"{}", "pod: .metadata.name is missing"},
      {R"({"metadata": []})", "pod: .metadata is not an object"},
      {R"({"metadata": {"name": 1}})", "pod: .metadata.name is not a string"},
      {R"({"metadata": {"name": "a", "labels": {"k": 1}}})", "pod: .metadata.labels.k is not a string"},
      {R"({"metadata": {"name": "a"}, "spec": {"hostNetwork": "yes"}})", "pod: .spec.hostNetwork is not true or false"},
      {R"({"metadata": {"name": "a"}, "spec": {"containers": {}}})", "pod: .spec.containers is not a list"},
      {R"({"metadata": {"name": "a"}, "spec": {"containers": [{"ports": [{"containerPort": 65536}]}]}})",
       "pod: .spec.containers[0].ports[0].containerPort is not a port number"},
      {R"({"metadata": {"name": "a"}, "spec": {"containers": [{"ports": [{"containerPort": -1}]}]}})",
       "pod: .spec.containers[0].ports[0].containerPort is not a port number"},
      {R"({"metadata": {"name": "a"}, "status": {"podIPs": [1]}})", "pod: .status.podIPs[0] is not an object"},
      {deep, "pod: nested more than 64 deep"}};
  for (const auto& c : kCases) {
    const auto pod = parse_pod(c.json);
    ASSERT_FALSE(pod) << c.json;
    EXPECT_EQ(pod.error().code, Code::Invalid);
    EXPECT_EQ(pod.error().what, c.says);
  }
}

TEST(ParsePod, RepeatsNoValueInAnError) {
  const auto pod = parse_pod(R"({"metadata": {"name": "a"}, "spec": {"containers": [{"args": ["s3cret", 1]}]}})");
  ASSERT_FALSE(pod);
  EXPECT_THAT(pod.error().what, HasSubstr(".spec.containers[0].args[1]"));
  EXPECT_THAT(pod.error().what, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace tessera::kube

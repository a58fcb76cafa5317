#include "operator/node_groups.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

using Node = std::map<std::string, std::string>;

/// Whether a pod may be on a node, as the scheduler judges a DaemonSet's pod.
bool fits(const Json& pod, const Node& node) {
  const auto has = [&](const std::string& key, const std::string& value) {
    const auto at = node.find(key);
    return at != node.end() && at->second == value;
  };
  for (const auto& [key, value] : pod["nodeSelector"].items())
    if (!has(key, value)) return false;
  const Json affinity = pod.value("affinity", Json::object()).value("nodeAffinity", Json::object());
  if (!affinity.contains("requiredDuringSchedulingIgnoredDuringExecution")) return true;
  for (const Json& term : affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]) {
    if (term.empty()) continue;  // fits no node
    bool all = true;
    for (const Json& one : term["matchExpressions"]) {
      const std::string key = one["key"], op = one["operator"];
      if (op == "Exists") all &= node.contains(key);
      if (op == "In") all &= has(key, one["values"][0]);
      if (op == "NotIn") all &= !has(key, one["values"][0]);
    }
    if (all) return true;
  }
  return false;
}

/// The DaemonSets whose agents a node gets.
std::vector<std::string> agents_on(const Plan& plan, Node node) {
  node["kubernetes.io/os"] = "linux";
  std::vector<std::string> out;
  for (const Json& object : plan.objects)
    if (object["kind"] == "DaemonSet" && object["metadata"]["labels"]["app.kubernetes.io/component"] == "node-agent" &&
        fits(object["spec"]["template"]["spec"], node))
      out.push_back(object["metadata"]["name"]);
  return out;
}

std::string with(std::string_view node_agent, std::string_view overrides) {
  return fmt::format(
      "{{features: {{k8sAgent: {{nodeAgent: {{enabled: true{}}}, gpuMonitoring: {{enabled: true}}}}}}{}}}", node_agent,
      overrides);
}

TEST(NodeGroups, AgentsAreOnNodesWithAGpuOnly) {
  const Plan plan = plan_of(with("", ""));
  EXPECT_EQ(agents_on(plan, {}).size(), 0U);
  for (const Node& node :
       {Node{{"nvidia.com/gpu.present", "true"}}, Node{{"feature.node.kubernetes.io/pci-10de.present", "true"}},
        Node{{"cloud.google.com/gke-accelerator", "nvidia-h100-80gb"}},
        Node{{"k8s.amazonaws.com/accelerator", "a10g"}}})
    EXPECT_EQ(agents_on(plan, node).size(), 1U) << node.begin()->first;
  EXPECT_EQ(agents_on(plan, {{"nvidia.com/gpu.present", "false"}}).size(), 0U);
}

TEST(NodeGroups, WhoSaysWhichNodesHasThose) {
  const Plan selected = plan_of(with(", nodeSelector: {accelerator: nvidia}", ""));
  EXPECT_EQ(agents_on(selected, {{"accelerator", "nvidia"}}).size(), 1U);
  EXPECT_EQ(agents_on(selected, {{"nvidia.com/gpu.present", "true"}}).size(), 0U);
  const Plan affine =
      plan_of(with(", affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
                   "[{matchExpressions: [{key: pool, operator: In, values: [gpu]}]}]}}}",
                   ", overrides: [{nodeSelector: {gen: old}}]"));
  EXPECT_EQ(agents_on(affine, {{"pool", "gpu"}}), std::vector<std::string>{"tessera-node-agent"});
  EXPECT_EQ(agents_on(affine, {{"nvidia.com/gpu.present", "true"}}).size(), 0U);
  EXPECT_EQ(agents_on(affine, {{"pool", "gpu"}, {"gen", "old"}}).size(), 1U);
}

TEST(NodeGroups, EveryNodeHasOneAgentWhateverTheOverrides) {
  const Plan plan =
      plan_of(with("",
                   ", overrides: [{name: a, nodeSelector: {x: '1', y: '1'}}, {name: b, nodeSelector: {y: '1'}},"
                   " {name: c, nodeSelector: {z: '1'}, interval: 5s}]"));
  for (int bits = 0; bits < 8; ++bits) {
    Node node{{"nvidia.com/gpu.present", "true"}};
    for (const auto& [bit, key] : {std::pair{1, "x"}, {2, "y"}, {4, "z"}})
      if (bits & bit) node[key] = "1";
    const bool x = bits & 1, y = bits & 2, z = bits & 4;
    const std::string want = x && y ? "-a" : y ? "-b" : z ? "-c" : "";
    EXPECT_EQ(agents_on(plan, node), std::vector<std::string>{"tessera-node-agent" + want}) << bits;
  }
}

TEST(NodeGroups, AnOverrideWithoutANameKeepsTheNameOfItsSelector) {
  const auto names = [](std::string_view overrides) {
    std::set<std::string> out;
    for (const Json& object : plan_of(with("", overrides)).objects)
      if (object["kind"] == "DaemonSet") out.insert(object["metadata"]["name"]);
    return out;
  };
  EXPECT_EQ(names(", overrides: [{nodeSelector: {a: b}}, {nodeSelector: {c: d}}]"),
            names(", overrides: [{nodeSelector: {c: d}}, {nodeSelector: {a: b}, interval: 5s}]"));
}

TEST(NodeGroups, AnOverrideIsTheRestWithItsOwnSettings) {
  const Plan plan =
      plan_of(with(", env: [{name: A, value: b}], nodeSelector: {pool: gpu}",
                   ", overrides: [{name: old, nodeSelector: {gen: old}, interval: 60s, metricsCsv: 'X, gauge, x',"
                   " resources: {limits: {memory: 1Gi}}}]"));
  const Json pod = find(plan, "DaemonSet", "tessera-node-agent-old")["spec"]["template"]["spec"];
  const Json agent = pod["containers"][0];
  EXPECT_EQ(pod["nodeSelector"]["pool"], "gpu");
  EXPECT_EQ(pod["nodeSelector"]["gen"], "old");
  EXPECT_EQ(agent["args"][1], "--interval=1m");
  EXPECT_EQ(agent["env"].back()["name"], "A");
  EXPECT_EQ(agent["resources"], Json::parse(R"({"limits": {"memory": "1Gi"}})"));
  EXPECT_EQ(pod["volumes"].back()["configMap"]["name"], "tessera-node-agent-old");
  EXPECT_EQ(find(plan, "ConfigMap", "tessera-node-agent-old")["data"]["metrics.csv"], "X, gauge, x");
  EXPECT_EQ(
      find(plan, "DaemonSet", "tessera-node-agent")["spec"]["template"]["spec"]["volumes"].back()["configMap"]["name"],
      "tessera-node-agent");
}

}  // namespace
}  // namespace tessera::operate

#include "tests/deploy/rendered.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <regex>

#include "base/files.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

std::string text(const YAML::Node& node) { return node && node.IsScalar() ? node.as<std::string>() : std::string(); }
std::string kind_of(const YAML::Node& object) { return text(object["kind"]); }
std::string name_of(const YAML::Node& object) { return text(object["metadata"]["name"]); }
std::string called(const YAML::Node& object) { return kind_of(object) + "/" + name_of(object); }

/// Of a workload; none of anything else.
YAML::Node template_of(const YAML::Node& object) {
  const std::string kind = kind_of(object);
  if (kind == "CronJob") return object["spec"]["jobTemplate"]["spec"]["template"];
  const bool runs = kind == "DaemonSet" || kind == "StatefulSet" || kind == "Deployment";
  return runs ? object["spec"]["template"] : YAML::Node(YAML::NodeType::Undefined);
}

void expect_named(const YAML::Node& object, const Release& release) {
  static const std::regex kName("[a-z0-9]([-a-z0-9.]*[a-z0-9])?"), kServiceName("[a-z]([-a-z0-9]*[a-z0-9])?");
  static const std::set<std::string> kOfTheCluster = {"ClusterRole", "ClusterRoleBinding", "GpuMonitor",
                                                      "MutatingWebhookConfiguration"};
  static const std::map<std::string, std::size_t> kLongest = {
      {"CronJob", 52}, {"StatefulSet", 52}, {"Deployment", 63}, {"DaemonSet", 63}, {"Service", 63}};
  const std::string kind = kind_of(object), name = name_of(object);
  EXPECT_FALSE(text(object["apiVersion"]).empty()) << called(object);
  EXPECT_TRUE(std::regex_match(name, kind == "Service" ? kServiceName : kName)) << called(object);
  const auto longest = kLongest.find(kind);
  EXPECT_LE(name.size(), longest == kLongest.end() ? 253 : longest->second) << called(object);
  const std::string space = text(object["metadata"]["namespace"]);
  const bool anywhere = kind.starts_with("Role");  // rights may be given in other namespaces
  if (!anywhere) {
    EXPECT_EQ(space, kOfTheCluster.contains(kind) ? "" : release.space) << called(object);
  }
}

void expect_labelled(const YAML::Node& object) {
  static const std::regex kValue("([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?");
  for (const auto& label : object["metadata"]["labels"]) {
    const std::string value = text(label.second);
    EXPECT_TRUE(value.size() <= 63 && std::regex_match(value, kValue)) << called(object) << ": " << value;
  }
  EXPECT_EQ(text(object["metadata"]["labels"]["app.kubernetes.io/part-of"]), "tessera") << called(object);
}

/// Whether an object's selector is met by the pods of one workload.
bool selects(const YAML::Node& labels, const YAML::Node& object) {
  const YAML::Node pod = template_of(object);
  return pod && labels.size() > 0 && std::ranges::all_of(labels, [&](const auto& label) {
           return text(pod["metadata"]["labels"][label.first.template as<std::string>()]) == text(label.second);
         });
}

/// Undefined where something on the way is not there: yaml-cpp throws then.
YAML::Node below(const YAML::Node& object, std::initializer_list<const char*> path) {
  YAML::Node node = YAML::Clone(object);
  for (const char* key : path) {
    if (!node.IsMap() || !node[key]) return YAML::Node(YAML::NodeType::Undefined);
    node.reset(YAML::Node(node[key]));
  }
  return node;
}

YAML::Node selector_of(const YAML::Node& object) {
  const std::string kind = kind_of(object);
  if (kind == "Service") return below(object, {"spec", "selector"});
  if (kind == "NetworkPolicy") return below(object, {"spec", "podSelector", "matchLabels"});
  return kind == "CronJob" ? YAML::Node(YAML::NodeType::Undefined) : below(object, {"spec", "selector", "matchLabels"});
}

void expect_selecting(const YAML::Node& object, const Objects& objects) {
  const YAML::Node labels = selector_of(object);
  if (!labels) return;
  const auto met = std::ranges::count_if(objects.all(), [&](const auto& other) { return selects(labels, other); });
  EXPECT_EQ(met, 1) << called(object) << " selects the pods of one workload";
  EXPECT_TRUE(!template_of(object) || selects(labels, object)) << called(object) << " selects its own";
}

/// What a volume is of, as "Kind/name"; empty where it is of the node or the pod.
std::string source_of(const YAML::Node& volume) {
  if (const YAML::Node map = volume["configMap"]) return "ConfigMap/" + text(map["name"]);
  if (const YAML::Node secret = volume["secret"]) return "Secret/" + text(secret["secretName"]);
  if (const YAML::Node claim = volume["persistentVolumeClaim"])
    return "PersistentVolumeClaim/" + text(claim["claimName"]);
  return {};
}

void expect_mounted(const YAML::Node& object, const YAML::Node& pod, const std::set<std::string>& known) {
  std::set<std::string> volumes, mounts;
  for (const auto& volume : pod["volumes"]) {
    EXPECT_TRUE(volumes.insert(text(volume["name"])).second) << called(object);
    const std::string source = source_of(volume);
    EXPECT_TRUE(source.empty() || known.contains(source)) << called(object) << " mounts " << source;
  }
  for (const auto& claim : object["spec"]["volumeClaimTemplates"]) volumes.insert(text(claim["metadata"]["name"]));
  for (const auto& container : pod["containers"]) {
    std::set<std::string> own;
    for (const auto& mount : container["volumeMounts"]) {
      EXPECT_TRUE(own.insert(text(mount["name"])).second) << called(object);
      EXPECT_FALSE(mount["subPath"]) << called(object);
    }
    mounts.merge(own);
  }
  EXPECT_EQ(mounts, volumes) << called(object);
}

void expect_modest(const YAML::Node& object, const YAML::Node& container) {
  const YAML::Node rights = container["securityContext"];
  EXPECT_EQ(text(rights["readOnlyRootFilesystem"]), "true") << called(object);
  if (text(container["name"]) == "layout") {  // what changes GPUs, where it is switched on
    EXPECT_FALSE(container["ports"]) << called(object);
  } else {
    EXPECT_EQ(text(rights["capabilities"]["drop"][0]), "ALL") << called(object);
    EXPECT_FALSE(rights["privileged"]) << called(object);
  }
  EXPECT_TRUE(container["resources"]["requests"] && container["resources"]["limits"]) << called(object);
  std::set<std::string> ports, variables;
  for (const auto& port : container["ports"]) {
    ports.insert(text(port["name"]));
    EXPECT_EQ(text(port["protocol"]), "TCP") << called(object) << ": server-side apply knows ports by it";
  }
  for (const char* probe : {"livenessProbe", "readinessProbe"})
    EXPECT_TRUE(!container[probe] || container[probe]["exec"] ||
                ports.contains(text(container[probe]["httpGet"]["port"])))
        << called(object);
  for (const auto& variable : container["env"])
    EXPECT_TRUE(variables.insert(text(variable["name"])).second) << called(object) << ": " << variable["name"];
}

void expect_bound(const YAML::Node& binding, const std::set<std::string>& known) {
  const YAML::Node role = binding["roleRef"];
  EXPECT_TRUE(known.contains(text(role["kind"]) + "/" + text(role["name"]))) << called(binding);
  for (const auto& subject : binding["subjects"])
    EXPECT_TRUE(known.contains(text(subject["kind"]) + "/" + text(subject["name"]))) << called(binding);
}

}  // namespace

std::string helm() {
  const char* peers = std::getenv("TESSERA_PEERS");
  const std::filesystem::path unpacked = std::filesystem::path(peers ? peers : "") / "helm" / "helm";
  return std::filesystem::exists(unpacked) ? unpacked.string() : peer("helm");
}

Finished run_helm(std::vector<std::string> words, const std::string& values, const std::string& chart,
                  std::map<std::string, std::string> environment) {
  const TempDir folder;
  words.insert(words.begin(), helm());
  words.push_back(chart.empty() ? std::string(TESSERA_SOURCE_DIR "/deploy/helm/tessera") : chart);
  if (!values.empty()) {
    const auto file = folder.path() / "values.yaml";
    EXPECT_TRUE(write_file_atomically(file, values));
    words.insert(words.end(), {"--values", file.string()});
  }
  const std::string home = folder.path().string();
  environment.merge(std::map<std::string, std::string>{
      {"HELM_CACHE_HOME", home}, {"HELM_CONFIG_HOME", home}, {"HELM_DATA_HOME", home}, {"KUBECONFIG", home + "/none"}});
  return run(std::move(words), environment);
}

Objects::Objects(const std::string& stream) {
  for (const auto& object : YAML::LoadAll(stream))
    if (object.IsMap() && !below(object, {"metadata", "annotations", "helm.sh/hook"})) objects_.push_back(object);
}

std::vector<YAML::Node> Objects::of(const std::string& kind) const {
  std::vector<YAML::Node> out;
  std::ranges::copy_if(objects_, std::back_inserter(out), [&](const auto& object) { return kind_of(object) == kind; });
  return out;
}

std::set<std::string> Objects::names() const {
  std::set<std::string> out;
  for (const auto& object : objects_) out.insert(called(object));
  return out;
}

std::string Objects::at(const std::string& where) const {
  const std::size_t colon = where.find(':');
  for (const auto& object : objects_) {
    if (called(object) != where.substr(0, colon)) continue;
    YAML::Node node = YAML::Clone(object);
    std::string key;
    const std::string path = where.substr(colon + 1) + '.';
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (path[i] == '\\') {
        key += path[++i];
      } else if (path[i] != '.') {
        key += path[i];
      } else {
        const YAML::Node next = node.IsSequence() ? node[std::stoul(key)] : node[key];
        if (!next) return "-";
        node.reset(next);
        key.clear();
      }
    }
    return node.IsScalar() ? node.as<std::string>() : "{}";
  }
  return "no " + where.substr(0, colon);
}

void expect_well_formed(const Objects& objects, const Release& release, const std::set<std::string>& given) {
  std::set<std::string> known = objects.names();
  known.insert(given.begin(), given.end());
  std::set<std::string> unique;
  for (const auto& object : objects.all()) {
    EXPECT_TRUE(unique.insert(called(object) + text(object["metadata"]["namespace"])).second) << called(object);
    expect_named(object, release);
    expect_labelled(object);
    expect_selecting(object, objects);
    if (kind_of(object).ends_with("Binding")) expect_bound(object, known);
    const YAML::Node pod = template_of(object);
    if (!pod) continue;
    EXPECT_TRUE(known.contains("ServiceAccount/" + text(pod["spec"]["serviceAccountName"]))) << called(object);
    EXPECT_FALSE(pod["spec"]["hostNetwork"] || pod["spec"]["hostIPC"]) << called(object);
    for (const auto& container : pod["spec"]["containers"]) expect_modest(object, container);
    expect_mounted(object, pod["spec"], known);
  }
}

}  // namespace tessera::e2e

// The manifests against the programs: rights, probes and mounts are what the code serves, reads and needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kRoot = TESSERA_SOURCE_DIR;

std::string text_of(const std::string& path) {
  auto text = read_file(kRoot + "/" + path);
  if (!text) throw std::runtime_error(text.error().what);
  return *std::move(text);
}

std::vector<std::string> words(const YAML::Node& list) {
  return list ? list.as<std::vector<std::string>>() : std::vector<std::string>{};
}

/// The objects of a manifest; every one has a kind and a name.
class Manifest {
 public:
  explicit Manifest(const std::string& path) : objects_(YAML::LoadAll(text_of(path))) {
    for (const auto& object : objects_) EXPECT_TRUE(object["kind"] && object["metadata"]["name"]) << path;
  }
  std::vector<YAML::Node> all(const std::string& kind) const {
    std::vector<YAML::Node> out;
    std::ranges::copy_if(objects_, std::back_inserter(out),
                         [&](const YAML::Node& o) { return o["kind"].as<std::string>() == kind; });
    return out;
  }
  YAML::Node only(const std::string& kind) const {
    const auto found = all(kind);
    if (found.size() != 1) throw std::runtime_error(fmt::format("{} objects of kind {}", found.size(), kind));
    return found[0];
  }
  bool has(const std::string& kind, const std::string& name) const {
    return std::ranges::any_of(all(kind),
                               [&](const auto& o) { return o["metadata"]["name"].template as<std::string>() == name; });
  }

 private:
  std::vector<YAML::Node> objects_;
};

/// The paths of a program's table of routes.
std::set<std::string> routes(const std::string& source) {
  const std::string text = text_of(source);
  static const std::regex kRoute("\\{\"GET\", \"([^\"]*)\"");
  std::set<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), kRoute), end; at != end; ++at) out.insert((*at)[1]);
  return out;
}

/// The last value of an instruction in a Dockerfile.
std::string instruction(const std::string& file, const std::string& word) {
  const std::string text = text_of(file);
  const std::regex line("(?:^|\\n)" + word + " ([^\\n]*)");
  std::string out;
  for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) out = (*at)[1];
  return out;
}

struct Workload {
  const char* name;
  const char* kind;
  const char* manifest;
  const char* routes;
  const char* dockerfile;
};
constexpr Workload kAgent{"tessera-agent", "DaemonSet", "deploy/manifests/agent-daemonset.yaml", "src/agent/routes.cc",
                          "deploy/docker/Dockerfile.agent"};
constexpr Workload kRelay{"tessera-relay", "StatefulSet", "deploy/manifests/relay-statefulset.yaml",
                          "src/relay/routes.cc", "deploy/docker/Dockerfile.relay"};

constexpr Workload kServer{"tessera-server", "Deployment", "deploy/manifests/server.yaml", "src/server/routes.cc",
                           "deploy/docker/Dockerfile.server"};

class Deployed : public testing::TestWithParam<Workload> {
 protected:
  const Workload& is = GetParam();
  const Manifest manifest{is.manifest};
  const YAML::Node workload = manifest.only(is.kind);
  const YAML::Node pod = workload["spec"]["template"];
  const YAML::Node container = pod["spec"]["containers"][0];
};

TEST_P(Deployed, HasNoRightsBeyondItsNeed) {
  ASSERT_EQ(pod["spec"]["containers"].size(), 1U);
  const YAML::Node rights = container["securityContext"];
  EXPECT_THAT(words(rights["capabilities"]["drop"]), ElementsAre("ALL"));
  EXPECT_FALSE(rights["capabilities"]["add"]);
  EXPECT_FALSE(rights["privileged"]);
  EXPECT_TRUE(rights["readOnlyRootFilesystem"].as<bool>(false));
  EXPECT_FALSE(rights["allowPrivilegeEscalation"].as<bool>(true));
  for (const char* word : {"hostNetwork", "hostIPC"}) EXPECT_FALSE(pod["spec"][word]) << word;
  const YAML::Node profile =
      rights["seccompProfile"] ? rights["seccompProfile"] : pod["spec"]["securityContext"]["seccompProfile"];
  EXPECT_EQ(profile["type"].as<std::string>(""), "RuntimeDefault");
  const bool sees_processes = is.name == std::string(kAgent.name);
  EXPECT_EQ(pod["spec"]["hostPID"].as<bool>(false), sees_processes);
  EXPECT_TRUE(manifest.has("ServiceAccount", pod["spec"]["serviceAccountName"].as<std::string>("")));
}

TEST_P(Deployed, IsAskedWhatItAnswers) {
  const auto served = routes(is.routes);
  ASSERT_THAT(served, Contains("/metrics")) << is.routes;
  std::map<std::string, std::string> ports;
  for (const auto& port : container["ports"])
    ports[port["name"].as<std::string>()] = port["containerPort"].as<std::string>();
  const std::pair<const char*, const char*> probes[] = {{"livenessProbe", "/livez"}, {"readinessProbe", "/readyz"}};
  for (const auto& [probe, path] : probes) {
    const YAML::Node get = container[probe]["httpGet"];
    EXPECT_EQ(get["path"].as<std::string>(""), path) << probe;
    EXPECT_THAT(served, Contains(path));
    EXPECT_TRUE(ports.contains(get["port"].as<std::string>(""))) << probe;
  }
  const YAML::Node notes = pod["metadata"]["annotations"];
  EXPECT_THAT(served, Contains(notes["prometheus.io/path"].as<std::string>("")));
  ASSERT_EQ(ports.size(), 1U);
  EXPECT_EQ(notes["prometheus.io/port"].as<std::string>(""), ports.begin()->second);
  EXPECT_EQ(instruction(is.dockerfile, "EXPOSE"), ports.begin()->second);
  for (const auto& service : manifest.all("Service"))
    for (const auto& port : service["spec"]["ports"])
      EXPECT_TRUE(ports.contains(port["targetPort"].as<std::string>("")));
}

TEST_P(Deployed, IsTheImageThatIsBuilt) {
  EXPECT_EQ(container["image"].as<std::string>(), fmt::format("{}:{}", is.name, TESSERA_VERSION));
  EXPECT_EQ(instruction(is.dockerfile, "ENTRYPOINT"), fmt::format("[\"/usr/bin/{}\"]", is.name));
  EXPECT_FALSE(container["command"]);
  const YAML::Node user =
      container["securityContext"]["runAsUser"] ? container["securityContext"] : pod["spec"]["securityContext"];
  EXPECT_EQ(instruction(is.dockerfile, "USER"),
            fmt::format("{}:{}", user["runAsUser"].as<std::string>(""), user["runAsGroup"].as<std::string>("")));
}

TEST_P(Deployed, MountsWhatItNamesAndSelectsItself) {
  std::vector<std::string> volumes, mounts;
  for (const auto& volume : pod["spec"]["volumes"]) volumes.push_back(volume["name"].as<std::string>());
  for (const auto& claim : workload["spec"]["volumeClaimTemplates"])
    volumes.push_back(claim["metadata"]["name"].as<std::string>());
  for (const auto& mount : container["volumeMounts"]) {
    mounts.push_back(mount["name"].as<std::string>());
    EXPECT_FALSE(mount["subPath"]) << "a file mounted alone never changes";
  }
  EXPECT_THAT(mounts, testing::UnorderedElementsAreArray(volumes));
  ASSERT_GT(workload["spec"]["selector"]["matchLabels"].size(), 0U);
  for (const auto& label : workload["spec"]["selector"]["matchLabels"])
    EXPECT_EQ(pod["metadata"]["labels"][label.first.as<std::string>()].as<std::string>(""),
              label.second.as<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Workloads, Deployed, testing::Values(kAgent, kRelay, kServer), [](const auto& each) {
  return std::string(each.param.name).substr(std::string("tessera-").size());
});

TEST(AgentManifest, ReadsTheHostAndAsksTheClusterForNothing) {
  const Manifest manifest(kAgent.manifest);
  const YAML::Node pod = manifest.only("DaemonSet")["spec"]["template"]["spec"];
  EXPECT_FALSE(pod["automountServiceAccountToken"].as<bool>(true));
  for (const char* kind : {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
    EXPECT_THAT(manifest.all(kind), IsEmpty()) << kind;
  EXPECT_EQ(manifest.only("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as<std::string>(""),
            "privileged")
      << "or no pod with hostPID starts";
  std::map<std::string, std::string> host;
  for (const auto& volume : pod["volumes"])
    host[volume["name"].as<std::string>()] = volume["hostPath"]["path"].as<std::string>("");
  std::vector<std::string> seen;
  for (const auto& mount : pod["containers"][0]["volumeMounts"]) {
    seen.push_back(mount["mountPath"].as<std::string>());
    EXPECT_EQ(seen.back(), host[mount["name"].as<std::string>()]) << "the agent's own places are the host's";
    EXPECT_TRUE(mount["readOnly"].as<bool>(false)) << seen.back();
  }
  EXPECT_THAT(seen, UnorderedElementsAre("/var/lib/kubelet/pod-resources", "/var/log/pods", "/var/log/containers"));
}

TEST(AgentManifest, IsWhatTheMigPatchChanges) {
  const YAML::Node patch = YAML::Load(text_of("deploy/manifests/mig-monitor-patch.yaml"));
  const YAML::Node pod = Manifest(kAgent.manifest).only("DaemonSet")["spec"]["template"]["spec"];
  const YAML::Node changed = patch["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0]["name"].as<std::string>(), pod["containers"][0]["name"].as<std::string>());
  EXPECT_THAT(words(changed[0]["securityContext"]["capabilities"]["add"]), ElementsAre("SYS_ADMIN"));
}

TEST(RelayManifest, ReadsPodsAndWritesNothingButLeases) {
  const Manifest manifest(kRelay.manifest);
  bool lists_pods = false;
  for (const char* kind : {"Role", "ClusterRole"}) {
    for (const auto& role : manifest.all(kind))
      for (const auto& rule : role["rules"]) {
        const auto resources = words(rule["resources"]), verbs = words(rule["verbs"]);
        const bool leases = words(rule["apiGroups"]) == std::vector<std::string>{"coordination.k8s.io"} &&
                            resources == std::vector<std::string>{"leases"};
        if (leases) {
          EXPECT_THAT(verbs, testing::IsSubsetOf({"get", "list", "watch", "create", "update", "patch", "delete"}));
          continue;
        }
        EXPECT_THAT(resources, ElementsAre("pods"));
        EXPECT_THAT(words(rule["apiGroups"]), ElementsAre(""));
        EXPECT_THAT(verbs, UnorderedElementsAre("get", "list", "watch"));
        lists_pods = true;
      }
    for (const auto& binding : manifest.all(std::string(kind) + "Binding")) {
      const auto role = binding["roleRef"];
      EXPECT_TRUE(manifest.has(role["kind"].as<std::string>(), role["name"].as<std::string>()));
      for (const auto& subject : binding["subjects"])
        EXPECT_TRUE(manifest.has(subject["kind"].as<std::string>(), subject["name"].as<std::string>()));
    }
    EXPECT_EQ(manifest.all(kind).size(), manifest.all(std::string(kind) + "Binding").size());
  }
  EXPECT_TRUE(lists_pods);
}

TEST(ServerManifest, ReadsWhatItShowsAndChangesNothing) {
  const Manifest manifest(kServer.manifest);
  EXPECT_THAT(manifest.all("Role"), IsEmpty());
  std::map<std::string, std::set<std::string>> rights;  // verbs by "group/resource"
  for (const auto& rule : manifest.only("ClusterRole")["rules"])
    for (const auto& group : words(rule["apiGroups"]))
      for (const auto& resource : words(rule["resources"]))
        for (const auto& verb : words(rule["verbs"])) rights[group + "/" + resource].insert(verb);
  const std::set<std::string> watched = {"get", "list", "watch"}, polled = {"get", "list"};
  EXPECT_EQ(rights, (std::map<std::string, std::set<std::string>>{{"/nodes", watched},
                                                                  {"/namespaces", watched},
                                                                  {"/pods", watched},
                                                                  {"/resourcequotas", watched},
                                                                  {"/events", {"list", "watch"}},
                                                                  {"metrics.k8s.io/nodes", polled},
                                                                  {"metrics.k8s.io/pods", polled}}));
  // The program asks for these paths and no others.
  const std::string source = text_of("src/server/cluster_watch.cc") + text_of("src/server/advice/refusals.cc");
  static const std::regex kPath("\"/apis?/([^\"]*)\"");
  std::set<std::string> asked;
  for (std::sregex_iterator at(source.begin(), source.end(), kPath), end; at != end; ++at) asked.insert((*at)[1]);
  EXPECT_EQ(asked,
            (std::set<std::string>{"v1/nodes", "v1/namespaces", "v1/pods", "v1/resourcequotas", "v1/events",
                                   "v1/namespaces/", "metrics.k8s.io/v1beta1/nodes", "metrics.k8s.io/v1beta1/pods"}));
  const auto binding = manifest.only("ClusterRoleBinding");
  EXPECT_TRUE(manifest.has("ClusterRole", binding["roleRef"]["name"].as<std::string>()));
  for (const auto& subject : binding["subjects"])
    EXPECT_TRUE(manifest.has("ServiceAccount", subject["name"].as<std::string>()));
}

class Kept : public testing::TestWithParam<Workload> {};

/// The volume that a pod finds again: a StatefulSet's claim, or a claim that only one pod at a time may have.
std::string volume_that_stays(const Manifest& manifest, const YAML::Node& workload) {
  if (const YAML::Node claims = workload["volumeClaimTemplates"]) {
    EXPECT_TRUE(manifest.has("Service", workload["serviceName"].as<std::string>()));
    return claims[0]["metadata"]["name"].as<std::string>();
  }
  EXPECT_EQ(workload["strategy"]["type"].as<std::string>(""), "Recreate");
  for (const auto& volume : workload["template"]["spec"]["volumes"])
    if (const YAML::Node claim = volume["persistentVolumeClaim"]) {
      EXPECT_TRUE(manifest.has("PersistentVolumeClaim", claim["claimName"].as<std::string>()));
      return volume["name"].as<std::string>();
    }
  return {};
}

TEST_P(Kept, IsWhereItsVolumesAre) {
  const Workload& is = GetParam();
  const Manifest manifest(is.manifest);
  const YAML::Node workload = manifest.only(is.kind)["spec"];
  const YAML::Node pod = workload["template"]["spec"];
  EXPECT_TRUE(pod["securityContext"]["runAsNonRoot"].as<bool>(false));
  EXPECT_EQ(pod["securityContext"]["fsGroup"].as<std::string>(""),
            pod["securityContext"]["runAsGroup"].as<std::string>(""));
  const std::string kept = volume_that_stays(manifest, workload);
  std::map<std::string, std::string> places;  // by volume
  for (const auto& mount : pod["containers"][0]["volumeMounts"]) {
    places[mount["name"].as<std::string>()] = mount["mountPath"].as<std::string>();
    EXPECT_EQ(mount["readOnly"].as<bool>(false), mount["name"].as<std::string>() != kept);
  }
  const auto args = words(pod["containers"][0]["args"]);
  EXPECT_THAT(args, Contains("--data=" + places[kept]));
  EXPECT_EQ(instruction(is.dockerfile, "VOLUME"), places[kept]);
  const YAML::Node files = manifest.only("ConfigMap")["data"];
  ASSERT_EQ(files.size(), 1U);
  EXPECT_THAT(args, Contains("--config=" + places["config"] + "/" + files.begin()->first.as<std::string>()));
}

INSTANTIATE_TEST_SUITE_P(Workloads, Kept, testing::Values(kRelay, kServer), [](const auto& each) {
  return std::string(each.param.name).substr(std::string("tessera-").size());
});

}  // namespace
}  // namespace tessera

#include "operator/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/dry_run.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

/// "Kind name" of each object.
std::vector<std::string> list_of(const Plan& plan) {
  std::vector<std::string> out;
  for (const Json& object : plan.objects)
    out.push_back(
        fmt::format("{} {}", object["kind"].get<std::string>(), object["metadata"]["name"].get<std::string>()));
  return out;
}

Json pod_of(const Plan& plan, std::string_view kind, std::string_view name) {
  return find(plan, kind, name)["spec"]["template"]["spec"];
}

constexpr std::string_view kPostgresql = "storage: {type: postgresql, urlSecret: {name: db, key: url}}";

TEST(Plan, OfNothingIsNothing) { EXPECT_TRUE(plan_of("{}").objects.empty()); }

TEST(Plan, TheMinimalResourceComesToAllOfIt) {
  const Plan plan = plan_of(kMinimal);
  EXPECT_THAT(
      list_of(plan),
      IsSupersetOf({"Namespace tessera", "DaemonSet tessera-node-agent", "DaemonSet tessera-node-exporter",
                    "ConfigMap tessera-node-agent", "StatefulSet tessera-relay", "ClusterRole tessera-relay",
                    "Deployment tessera-server", "PersistentVolumeClaim tessera-server", "Service tessera-server",
                    "Deployment tessera-promql", "ClusterRole tessera-server", "NetworkPolicy tessera-promql"}));
  ASSERT_EQ(plan.secrets.size(), 1U);
  EXPECT_THAT(plan.secrets[0].keys, UnorderedElementsAre("admin-key", "ingest-key"));
  EXPECT_TRUE(plan.notes.empty());
}

TEST(Plan, KeysOfOnesOwnTakeThePlaceOfThoseThatAreMade) {
  const auto with = [](std::string_view server) {
    return plan_of(fmt::format("{{features: {{openAgent: {{enabled: true}}}}, server: {{{}}}}}", server));
  };
  constexpr std::string_view kAdmin = "adminKeySecret: {name: mine, key: a}",
                             kIngest = "ingestKeySecret: {name: theirs, key: i}";
  EXPECT_THAT(with(kAdmin).secrets.at(0).keys, ElementsAre("ingest-key"));
  EXPECT_THAT(with(kIngest).secrets.at(0).keys, ElementsAre("admin-key"));
  const Plan plan = with(fmt::format("{}, {}", kAdmin, kIngest));
  EXPECT_THAT(plan.secrets, IsEmpty());
  const std::string settings = find(plan, "ConfigMap", "tessera-server")["data"]["server.yaml"];
  EXPECT_THAT(settings, HasSubstr("ingest-key-file: /etc/tessera-ingest/i"));
  EXPECT_THAT(pod_of(plan, "StatefulSet", "tessera-relay").dump(), HasSubstr(R"("secretName":"theirs")"))
      << "it sends with the key that the server knows";
}

TEST(Plan, TellsWhatIsAskedForAndComesToNothing) {
  static constexpr struct {
    const char *features, *note;
  } kCases[] = {
      {"k8sAgent: {masterAgent: {enabled: true}}", "no server is asked for"},
      {"k8sAgent: {nodeAgent: {enabled: true, image: 'r.example/tessera-agent:9'}, gpuMonitoring: {enabled: true, "
       "exporter: dcgm}}",
       "name dcgm-exporter's by gpuMonitoring.dcgmExporter.image"},
  };
  for (const auto& c : kCases) {
    const Plan plan = plan_of(fmt::format("{{features: {{{}}}}}", c.features));
    EXPECT_THAT(plan.notes, ElementsAre(HasSubstr(c.note))) << c.features;
  }
}

TEST(Plan, ThePriorityClassMayBeNone) {
  const auto of = [](std::string_view more) {
    return pod_of(plan_of(fmt::format("{{features: {{k8sAgent: {{nodeAgent: {{enabled: true{}}}}}}}}}", more)),
                  "DaemonSet", "tessera-node-exporter");
  };
  EXPECT_EQ(of("")["priorityClassName"], "system-node-critical");
  EXPECT_EQ(of(", priorityClassName: mine")["priorityClassName"], "mine");
  EXPECT_FALSE(of(", priorityClassName: ''").contains("priorityClassName")) << "where its quota refuses agents";
}

TEST(Plan, NobodyIsToldToScrapeWhatMayNotBeReached) {
  const Json engine = find(plan_of(kMinimal), "Deployment", "tessera-promql");
  EXPECT_EQ(engine["spec"]["template"]["metadata"]["annotations"]["prometheus.io/scrape"], "false");
}

TEST(Plan, IsTheSameEachTimeAndForEveryOrderOfTheText) {
  const std::string other =
      "{features: {k8sAgent: {gpuMonitoring: {enabled: true}, nodeAgent: {enabled: true}, masterAgent: {enabled: "
      "true}}, "
      "openAgent: {enabled: true}}}";
  EXPECT_EQ(plan_text(plan_of(kMinimal)), plan_text(plan_of(other)));
}

TEST(Plan, EachObjectIsLabelledAndOwned) {
  for (const Json& object : plan_of(kMinimal).objects) {
    const Json& metadata = object["metadata"];
    for (const auto& [key, value] : inventory_labels(monitor_of(kMinimal)))
      EXPECT_EQ(metadata["labels"][key], value) << metadata;
    if (object["kind"] == "Namespace")
      EXPECT_FALSE(metadata.contains("ownerReferences")) << "others may have put something there";
    else
      EXPECT_EQ(metadata["ownerReferences"][0]["uid"], "u-1") << metadata;
  }
}

TEST(Plan, EverySelectorSelectsItsOwnPodsAndNoOthers) {
  const Plan plan = plan_of(R"({features: {openAgent: {enabled: true}, k8sAgent: {masterAgent: {enabled: true},
      nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true}}}, overrides: [{nodeSelector: {a: b}}]})");
  const auto matches = [](const Json& selector, const Json& labels) {
    for (const auto& [key, value] : selector.items())
      if (labels.value(key, Json()) != value) return false;
    return true;
  };
  std::vector<Json> workloads;
  for (const Json& object : plan.objects)
    if (object.contains("spec") && object["spec"].contains("template")) workloads.push_back(object);
  EXPECT_EQ(workloads.size(), 6U);
  for (const Json& object : workloads) {
    int selected = 0;
    for (const Json& other : workloads)
      selected += matches(object["spec"]["selector"]["matchLabels"], other["spec"]["template"]["metadata"]["labels"]);
    EXPECT_EQ(selected, 1) << object["metadata"]["name"];
  }
  const Json service = find(plan, "Service", "tessera-node-agent")["spec"]["selector"];
  for (const Json& object : workloads)
    if (object["kind"] == "DaemonSet" && object["metadata"]["name"] != "tessera-node-exporter")
      EXPECT_TRUE(matches(service, object["spec"]["template"]["metadata"]["labels"])) << "of every group of nodes";
}

TEST(Plan, LabelsAndNamespaceOfTheNodeAgentAreSettable) {
  const Plan plan = plan_of(R"({features: {k8sAgent: {namespace: gpu-monitoring, nodeAgent: {enabled: true,
      labels: {name: node-agent, app.kubernetes.io/component: mine}}, gpuMonitoring: {enabled: true}}}})");
  const Json set = find(plan, "DaemonSet", "tessera-node-agent");
  EXPECT_EQ(set["metadata"]["namespace"], "gpu-monitoring");
  EXPECT_EQ(set["spec"]["template"]["metadata"]["labels"]["name"], "node-agent");
  EXPECT_EQ(set["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"], "node-agent")
      << "selectors stand on it";
  EXPECT_EQ(find(plan, "Namespace", "gpu-monitoring")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
            "privileged");
  EXPECT_EQ(
      find(plan_of(kMinimal), "DaemonSet", "tessera-node-agent")["spec"]["template"]["metadata"]["labels"]["name"],
      "tessera-node-agent");
}

TEST(Plan, ANamespaceOfSomebodyElseIsLeftAlone) {
  EXPECT_TRUE(
      find(plan_of(kMinimal, {.minor = 30, .foreign_namespaces = {"tessera"}}), "Namespace", "tessera").is_null());
}

TEST(Plan, ToleratesGpuTaintsBesideThoseThatAreGiven) {
  const Plan plan = plan_of(R"({features: {k8sAgent: {nodeAgent: {enabled: true, tolerations: [
      {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}, {key: mine, operator: Equal, value: x}]},
      gpuMonitoring: {enabled: true}}}})");
  EXPECT_EQ(pod_of(plan, "DaemonSet", "tessera-node-agent")["tolerations"], Json::parse(R"([
      {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
      {"key": "mine", "operator": "Equal", "value": "x"},
      {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}])"));
}

TEST(Plan, NoCapabilityIsAddedButWhereItIsAskedFor) {
  EXPECT_THAT(plan_text(plan_of(kMinimal)), testing::Not(HasSubstr("SYS_ADMIN")));
  const auto added = [](std::string_view gpu) {
    const Plan plan = plan_of(fmt::format(
        "{{features: {{k8sAgent: {{nodeAgent: {{enabled: true}}, gpuMonitoring: {{enabled: true, {}}}}}}}}}", gpu));
    return pod_of(plan, "DaemonSet", "tessera-node-agent")["containers"][0]["securityContext"]["capabilities"]["add"];
  };
  EXPECT_EQ(added("mig: {monitorDevices: true}"), Json::parse(R"(["SYS_ADMIN"])"));
  EXPECT_EQ(added("exporter: dcgm"), Json::parse(R"(["SYS_ADMIN"])"));
}

TEST(Plan, MigLayoutsAreCarriedOutBesideTheAgentOnlyWhereItIsSaid) {
  const auto plan = [](std::string_view layout) {
    return plan_of(
        fmt::format("{{features: {{openAgent: {{enabled: true}}, k8sAgent: {{nodeAgent: {{enabled: true}}, "
                    "gpuMonitoring: {{enabled: true, mig: {{layout: {{{}}}}}}}}}}}}}",
                    layout));
  };
  const auto settings = [](const Plan& one) {
    return json_of(find(one, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>());
  };
  const Plan off = plan("");
  EXPECT_EQ(pod_of(off, "DaemonSet", "tessera-node-agent")["containers"].size(), 1U);
  EXPECT_EQ(settings(off)["gpu"]["management"]["mig"]["enabled"], false);
  EXPECT_TRUE(find(off, "ClusterRole", "tessera-server").is_null());

  const Plan on = plan("enabled: true, dryRun: true, windows: ['22:00-04:00', '12:00-12:30']");
  const Json pod = pod_of(on, "DaemonSet", "tessera-node-agent");
  const Json container = pod["containers"][1];
  EXPECT_THAT(container["args"].get<std::vector<std::string>>(),
              testing::ElementsAre("layout", "--server=http://tessera-server.tessera.svc:8080",
                                   "--token-file=/var/run/secrets/tessera/token", "--cluster=default",
                                   "--window=22:00-04:00,12:00-12:30", "--dry-run"));
  EXPECT_EQ(container["securityContext"]["privileged"], true);
  EXPECT_FALSE(container.contains("ports"));
  EXPECT_FALSE(pod["containers"][0]["securityContext"].contains("privileged")) << "the agent keeps its few rights";
  EXPECT_EQ(pod["automountServiceAccountToken"], false) << "it asks the API server for nothing";
  EXPECT_EQ(settings(on)["gpu"]["management"]["mig"]["enabled"], true);
  EXPECT_EQ(settings(on)["server"]["access"]["node-accounts"], Json::parse(R"(["tessera/tessera-node-agent"])"));
  EXPECT_EQ(find(on, "ClusterRole", "tessera-server")["rules"], Json::parse(R"([
      {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
      {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}])"));
  EXPECT_EQ(pod_of(on, "Deployment", "tessera-server")["automountServiceAccountToken"], true);
}

TEST(Plan, DcgmExporterIsRunAsItWantsToBe) {
  const Plan plan = plan_of(R"({features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true,
      exporter: dcgm, interval: 30s, metricsCsv: "DCGM_FI_DEV_GPU_TEMP, gauge, t",
      dcgmExporter: {image: mine, env: [{name: DCGM_EXPORTER_KUBERNETES, value: "false"}]}}}}})");
  const Json container = pod_of(plan, "DaemonSet", "tessera-node-agent")["containers"][0];
  EXPECT_EQ(container["image"], "mine");
  EXPECT_EQ(container["ports"][0]["containerPort"], 9400);
  const auto value = [&](std::string_view name) {
    int found = 0;
    Json out;
    for (const Json& one : container["env"])
      if (one["name"] == name) {
        out = one["value"];
        ++found;
      }
    EXPECT_EQ(found, 1) << name << ": two of one name cannot be applied";
    return out;
  };
  EXPECT_EQ(value("DCGM_EXPORTER_LISTEN"), ":9400");
  EXPECT_EQ(value("DCGM_EXPORTER_INTERVAL"), "30000");
  EXPECT_EQ(value("DCGM_EXPORTER_COLLECTORS"), "/etc/tessera/metrics/metrics.csv");
  EXPECT_EQ(value("DCGM_EXPORTER_KUBERNETES"), "false") << "the resource's own wins";
  EXPECT_EQ(container["volumeMounts"][0]["readOnly"], true);
}

TEST(Plan, AnEditOfTheCsvArrives) {
  const auto plan = [](std::string_view exporter, std::string_view csv) {
    return plan_of(
        fmt::format("{{features: {{k8sAgent: {{nodeAgent: {{enabled: true}}, gpuMonitoring: {{enabled: true, "
                    "exporter: {}, metricsCsv: \"{}\"}}}}}}}}",
                    exporter, csv));
  };
  const Json pod = pod_of(plan("tessera", "a"), "DaemonSet", "tessera-node-agent");
  for (const Json& mount : pod["containers"][0]["volumeMounts"])
    EXPECT_FALSE(mount.contains("subPath")) << "a file mounted so never changes";
  const auto pods = [&](std::string_view exporter, std::string_view csv) {
    return find(plan(exporter, csv), "DaemonSet", "tessera-node-agent")["spec"]["template"];
  };
  EXPECT_EQ(pods("tessera", "a"), pods("tessera", "b")) << "it reads a changed file by itself";
  EXPECT_NE(pods("dcgm", "a"), pods("dcgm", "b"));
}

TEST(Plan, AConfigMapOfTheCustomerIsMountedAndNotMade) {
  const Plan plan = plan_of(R"({features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true,
      configMapRef: {name: mine, key: my.csv}}}}})");
  const Json pod = pod_of(plan, "DaemonSet", "tessera-node-agent");
  EXPECT_EQ(pod["volumes"].back()["configMap"]["name"], "mine");
  EXPECT_THAT(pod["containers"][0]["args"].get<std::vector<std::string>>(),
              Contains("--collectors=/etc/tessera/metrics/my.csv"));
  EXPECT_TRUE(find(plan, "ConfigMap", "tessera-node-agent").is_null());
}

TEST(Plan, AFeatureThatIsOffHasNoObjects) {
  const Plan agents = plan_of("{features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true}}}}");
  const std::string text = plan_text(agents);
  for (const auto* word : {"tessera-relay", "tessera-server", "tessera-promql", "ClusterRole"})
    EXPECT_EQ(text.find(word), std::string::npos) << word;
  const Plan nodes = plan_of("{features: {k8sAgent: {nodeAgent: {enabled: true}}}}");
  EXPECT_TRUE(find(nodes, "DaemonSet", "tessera-node-agent").is_null());
  EXPECT_FALSE(find(nodes, "DaemonSet", "tessera-node-exporter").is_null()) << "CPU, memory, disk and network";
}

TEST(Plan, OnlyWithMasterAgentTheServerAsksTheApi) {
  EXPECT_EQ(pod_of(plan_of(kMinimal), "Deployment", "tessera-server")["automountServiceAccountToken"], true);
  const Plan without = plan_of("{features: {openAgent: {enabled: true}}}");
  EXPECT_EQ(pod_of(without, "Deployment", "tessera-server")["automountServiceAccountToken"], false);
  EXPECT_TRUE(find(without, "ClusterRole", "tessera-server").is_null());
  EXPECT_THAT(find(without, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>(),
              HasSubstr("enabled: \"false\""));
}

TEST(Plan, NobodyMayChangeAnythingButHisLeases) {
  const Plan plan =
      plan_of("{features: {openAgent: {enabled: true, replicas: 3}, k8sAgent: {masterAgent: {enabled: true}}}}");
  for (const Json& object : plan.objects)
    if (object.contains("rules"))
      for (const Json& rule : object["rules"])
        for (const std::string verb : rule["verbs"])
          EXPECT_TRUE(verb == "get" || verb == "list" || verb == "watch" || rule["resources"][0] == "leases") << rule;
}

TEST(Plan, SqliteIsReplacedAndPostgresqlRolls) {
  const Json sqlite = find(plan_of(kMinimal), "Deployment", "tessera-server")["spec"];
  EXPECT_EQ(sqlite["strategy"]["type"], "Recreate");
  const Plan plan =
      plan_of(fmt::format("{{features: {{openAgent: {{enabled: true}}}}, server: {{replicas: 2}}, {}}}", kPostgresql));
  const Json postgresql = find(plan, "Deployment", "tessera-server")["spec"];
  EXPECT_EQ(postgresql["strategy"]["type"], "RollingUpdate");
  EXPECT_EQ(postgresql["replicas"], 2);
  EXPECT_EQ(postgresql["template"]["spec"]["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"]["name"], "db");
  EXPECT_TRUE(find(plan, "PersistentVolumeClaim", "tessera-server").is_null());
  EXPECT_FALSE(find(plan, "PodDisruptionBudget", "tessera-server").is_null());
}

TEST(Plan, OldClustersGetWhatTheyKnow) {
  const auto spec = fmt::format(
      "{{features: {{openAgent: {{enabled: true, replicas: 3}}}}, server: {{replicas: 2}}, {}}}", kPostgresql);
  const Plan old = plan_of(spec, {.minor = 20, .foreign_namespaces = {}});
  EXPECT_EQ(find(old, "PodDisruptionBudget", "tessera-server")["apiVersion"], "policy/v1beta1");
  EXPECT_EQ(find(old, "StatefulSet", "tessera-relay")["spec"]["replicas"], 1);
  EXPECT_THAT(old.notes, Contains(HasSubstr("on 1.20 one runs")));
  const Plan now = plan_of(spec);
  EXPECT_EQ(find(now, "PodDisruptionBudget", "tessera-server")["apiVersion"], "policy/v1");
  EXPECT_EQ(find(now, "StatefulSet", "tessera-relay")["spec"]["template"]["spec"]["containers"][0]["args"].back(),
            "--shard=$(POD_INDEX)/3");
}

TEST(Plan, ImagesComeFromOneRegistryIfItIsSaid) {
  const auto image = [](std::string_view images, std::string_view kind, std::string_view name) -> std::string {
    return pod_of(
        plan_of(fmt::format("{{images: {{{}}}, features: {{openAgent: {{enabled: true}}, k8sAgent: {{nodeAgent: "
                            "{{enabled: true}}}}}}}}",
                            images)),
        kind, name)["containers"][0]["image"];
  };
  EXPECT_THAT(image("", "StatefulSet", "tessera-relay"), testing::StartsWith("tessera-relay:"));
  EXPECT_THAT(image("registry: \"r:5000/x\"", "StatefulSet", "tessera-relay"),
              testing::StartsWith("r:5000/x/tessera-relay:"));
  EXPECT_THAT(image("", "DaemonSet", "tessera-node-exporter"),
              testing::StartsWith("quay.io/prometheus/node-exporter:"));
  EXPECT_THAT(image("registry: r", "DaemonSet", "tessera-node-exporter"),
              testing::StartsWith("r/prometheus/node-exporter:"));
}

TEST(Plan, TheBundledEngineAnswersPromql) {
  const auto plan = [](std::string_view promql) {
    return plan_of(
        fmt::format("{{features: {{openAgent: {{enabled: true}}}}, promql: {{{}}}{}}}", promql,
                    promql.find("bundled: prometheus") == std::string_view::npos
                        ? ""
                        : ", alerting: {enabled: true, alertmanagerUrl: 'https://am:9093/x', rules: 'groups: []'}"));
  };
  const auto url = [](const Plan& one) {
    return json_of(find(one, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>())
        .value("prometheus", Json::object())
        .value("url", "");
  };
  EXPECT_EQ(url(plan("")), "http://tessera-promql.tessera.svc:8428");
  EXPECT_EQ(url(plan("bundled: prometheus")), "http://tessera-promql.tessera.svc:9090");
  EXPECT_EQ(url(plan("url: 'http://mine:9090'")), "http://mine:9090");
  EXPECT_EQ(url(plan("bundled: none")), "");
  EXPECT_TRUE(find(plan("url: 'http://mine:9090'"), "Deployment", "tessera-promql").is_null());
  const Json files = find(plan("bundled: prometheus"), "ConfigMap", "tessera-promql")["data"];
  const Json manager = json_of(files["prometheus.yml"].get<std::string>())["alerting"]["alertmanagers"][0];
  EXPECT_EQ(
      plain(manager),
      plain(Json::parse(R"({"scheme": "https", "static_configs": [{"targets": ["am:9093"]}], "path_prefix": "/x"})")));
  EXPECT_EQ(files["rules.yaml"], "groups: []");
}

TEST(Plan, SettingsOfTheServerWin) {
  const Plan plan = plan_of(R"({features: {openAgent: {enabled: true}},
      server: {settings: {server: {access: {open-metrics: false}}, gpu: {management: {pool: {max-devices: 8}}}}}})");
  const Json settings = json_of(find(plan, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>());
  EXPECT_EQ(settings["server"]["access"]["open-metrics"], false);
  EXPECT_EQ(settings["server"]["access"]["admin-key-file"], "/etc/tessera-keys/admin-key");
  EXPECT_EQ(settings["gpu"]["management"]["pool"]["max-devices"], 8);
}

TEST(Plan, WithACertificateAllAskTheServerByIt) {
  const Plan plan = plan_of(R"({server: {tlsSecret: mine}, features: {openAgent: {enabled: true}, k8sAgent: {
      masterAgent: {enabled: true}, nodeAgent: {enabled: true},
      gpuMonitoring: {enabled: true, mig: {layout: {enabled: true}}}}}})");
  const Json settings = json_of(find(plan, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>());
  EXPECT_EQ(settings["server"]["tls"]["certificate"], "/etc/tessera-tls/tls.crt");
  const Json server = find(plan, "Deployment", "tessera-server")["spec"]["template"]["spec"];
  EXPECT_EQ(server["containers"][0]["readinessProbe"]["httpGet"]["scheme"], "HTTPS");
  EXPECT_EQ(server["containers"][0]["livenessProbe"]["httpGet"]["scheme"], "HTTPS");
  const std::string relay = find(plan, "ConfigMap", "tessera-relay")["data"]["relay.yaml"].get<std::string>();
  EXPECT_THAT(relay, HasSubstr("https://tessera-server.tessera:8080/k8s-monitor/api/v1/write"));
  EXPECT_THAT(relay, HasSubstr("serverName: tessera-server.tessera"));
  EXPECT_THAT(relay, Not(HasSubstr("http://tessera-server")));
  const auto has_ca = [&](const char* kind, const char* name) {
    const std::string pod = find(plan, kind, name)["spec"]["template"]["spec"].dump();
    return pod.find("/etc/tessera-server-ca") != std::string::npos && pod.find("\"mine\"") != std::string::npos;
  };
  EXPECT_TRUE(has_ca("StatefulSet", "tessera-relay"));
  EXPECT_TRUE(has_ca("DaemonSet", "tessera-node-agent")) << "of the container that asks for layouts";
  EXPECT_THAT(find(plan, "DaemonSet", "tessera-node-agent").dump(),
              HasSubstr("--ca-file=/etc/tessera-server-ca/ca.crt"));
}

TEST(Plan, SessionsGoIntoAFileOfTheNodeWhereItIsSaid) {
  const Plan plan = plan_of(R"({features: {k8sAgent: {nodeAgent: {enabled: true},
      gpuMonitoring: {enabled: true, sessions: {textfileDirectory: /var/lib/textfiles/}}}}})");
  const Json pod = find(plan, "DaemonSet", "tessera-node-agent")["spec"]["template"]["spec"];
  EXPECT_THAT(pod["containers"][0]["args"].dump(), HasSubstr("--textfile=/var/lib/textfiles/gpu_sessions.prom"));
  EXPECT_EQ(pod["volumes"].back()["hostPath"]["path"], "/var/lib/textfiles");
  EXPECT_FALSE(pod["containers"][0]["volumeMounts"].back().contains("readOnly"));
}

TEST(Plan, AClaimOfOnesOwnIsTakenAndNotMade) {
  const Plan plan = plan_of("{features: {openAgent: {enabled: true}}, storage: {existingClaim: mine}}");
  EXPECT_EQ(find(plan, "Deployment", "tessera-server")["spec"]["template"]["spec"]["volumes"].back(),
            Json({{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "mine"}}}}));
  for (const Json& one : plan.objects)
    EXPECT_FALSE(one["kind"] == "PersistentVolumeClaim" && one["metadata"]["name"] == "tessera-server");
}

TEST(Plan, WhatIsLeftOverIsWhatItDoesNotHave) {
  const Plan before = plan_of(kMinimal);
  const Plan after = plan_of("{features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true}}}}");
  std::vector<ObjectKey> present;
  for (const Json& object : before.objects) present.push_back(key_of(object));
  std::vector<std::string> names;
  for (const ObjectKey& key : left_over(present, after)) names.push_back(key.kind + " " + key.name);
  EXPECT_THAT(names, IsSupersetOf({"StatefulSet tessera-relay", "ClusterRoleBinding tessera-relay",
                                   "Deployment tessera-server"}));
  for (const auto* kept : {"DaemonSet tessera-node-agent", "Namespace tessera", "PersistentVolumeClaim tessera-server"})
    EXPECT_THAT(names, testing::Not(Contains(kept)));
  EXPECT_TRUE(left_over(present, before).empty());
}

TEST(Plan, EveryKindIsOneThatIsLookedThroughForWhatIsLeftOver) {
  const auto all = kinds({});
  for (const Json& object : plan_of(kMinimal).objects) {
    const ObjectKey key = key_of(object);
    EXPECT_TRUE(std::ranges::any_of(all, [&](const Kind& one) {
      return one.kind == key.kind && one.api_version == key.api_version && one.namespaced == !key.home.empty();
    })) << key.kind;
  }
}

TEST(Plan, TheServerKeepsToTheWindowsOfTheContainerAndMayWriteMigManagersFileOnlyWhereItDoes) {
  const Plan plan = plan_of(
      "{features: {openAgent: {enabled: true}, k8sAgent: {masterAgent: {enabled: true}, nodeAgent: {enabled: true}, "
      "gpuMonitoring: {enabled: true, mig: {layout: {enabled: true, dryRun: true, way: mig-manager, windows: "
      "['22:00-04:00'], devicePluginNamespace: nvidia}}}}}}",
      {.minor = 30, .foreign_namespaces = {"nvidia"}});
  const Json settings = json_of(find(plan, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>());
  EXPECT_EQ(settings["gpu"]["management"]["mig"]["kubernetes"], Json::parse(R"({"way": "mig-manager", "dry-run": true,
      "device-plugin": {"restart": true, "namespace": "nvidia"}, "windows": ["22:00-04:00"],
      "mig-manager": {"config-map": "nvidia/tessera-mig-config"}})"));
  const Json role = find(plan, "Role", "tessera-server");
  EXPECT_EQ(role["metadata"]["namespace"], "nvidia");
  EXPECT_EQ(role["rules"], Json::parse(R"([
      {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "delete"]},
      {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
      {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"],
       "resourceNames": ["tessera-mig-config"]}])"));
}

TEST(Plan, NodesAreCordonedAndDevicePluginsRestartedOnlyWhereLayoutsAreCarriedOut) {
  const auto plan = [](bool layout, bool known, std::string_view space) {
    return plan_of(
        fmt::format("{{features: {{openAgent: {{enabled: true}}, k8sAgent: {{masterAgent: {{enabled: {}}}, "
                    "nodeAgent: {{enabled: true}}, gpuMonitoring: {{enabled: true, mig: {{layout: {{enabled: "
                    "{}, devicePluginNamespace: {}}}}}}}}}}}}}",
                    known, layout, space),
        {.minor = 30, .foreign_namespaces = {"gpu-operator"}});
  };
  const auto role_text = [](const Plan& one) { return find(one, "ClusterRole", "tessera-server")["rules"].dump(); };
  const auto setting = [](const Plan& one) {
    return json_of(
        find(one, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>())["gpu"]["management"]["mig"];
  };
  const Plan on = plan(true, true, "gpu-operator");
  EXPECT_THAT(role_text(on), HasSubstr(R"({"apiGroups":[""],"resources":["nodes"],"verbs":["patch"]})"));
  const Json role = find(on, "Role", "tessera-server");
  EXPECT_EQ(role["metadata"]["namespace"], "gpu-operator");
  EXPECT_EQ(role["rules"], Json::parse(R"([{"apiGroups": [""], "resources": ["pods"],
      "verbs": ["get", "list", "delete"]}])"));
  const Json binding = find(on, "RoleBinding", "tessera-server");
  EXPECT_EQ(binding["metadata"]["namespace"], "gpu-operator");
  EXPECT_EQ(binding["subjects"][0]["namespace"], "tessera");
  EXPECT_EQ(setting(on)["kubernetes"], Json::parse(R"({"way": "nvml", "dry-run": false,
      "device-plugin": {"restart": true, "namespace": "gpu-operator"}})"));
  EXPECT_TRUE(on.notes.empty());

  const Plan elsewhere = plan(true, true, "nvidia-device-plugin");
  EXPECT_TRUE(find(elsewhere, "Role", "tessera-server").is_null());
  EXPECT_EQ(setting(elsewhere)["kubernetes"]["device-plugin"], Json({{"restart", false}}));
  ASSERT_EQ(elsewhere.notes.size(), 1U);
  EXPECT_THAT(elsewhere.notes[0], HasSubstr("there is no namespace 'nvidia-device-plugin'"));

  for (const Plan& off : {plan(false, true, "gpu-operator"), plan(true, false, "gpu-operator")}) {
    EXPECT_TRUE(find(off, "Role", "tessera-server").is_null());
    EXPECT_EQ(role_text(off).find("patch"), std::string::npos);
    EXPECT_FALSE(setting(off).contains("kubernetes"));
    EXPECT_TRUE(off.notes.empty());
  }
}

}  // namespace
}  // namespace tessera::operate

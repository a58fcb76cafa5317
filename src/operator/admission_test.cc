// The objects of the admission webhook, and what they are together with the server's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/yaml.h"
#include "operator/base64.h"
#include "operator/raw.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {
using testing::HasSubstr;

constexpr std::string_view kSpec =
    "{{namespace: gpu, features: {{openAgent: {{enabled: true}}, k8sAgent: {{masterAgent: {{enabled: true}}}}}}, "
    "server: {{admission: {{enabled: true{}}}}}}}";
constexpr std::string_view kManager = ", certManager: {issuerRef: {name: ca, kind: ClusterIssuer}}";

Plan planned(std::string_view more = "", const Facts& facts = {}) {
  return plan_of(fmt::format(fmt::runtime(kSpec), more), facts);
}
Json webhooks(const Plan& plan) {
  return find(plan, "MutatingWebhookConfiguration", "tessera-server-admission")["webhooks"];
}

/// Whether an API server asks about a pod with these labels, by the rules of label selectors.
bool asks(const Json& webhook, const std::set<std::string>& labels) {
  for (const Json& term : webhook["objectSelector"]["matchExpressions"])
    if (labels.contains(term["key"]) != (term["operator"] == "Exists")) return false;
  return true;
}

TEST(Admission, IsOffUnlessItIsAskedFor) {
  const Plan plan = plan_of(kMinimal);
  EXPECT_TRUE(find(plan, "MutatingWebhookConfiguration", "tessera-server-admission").is_null());
  EXPECT_TRUE(find(plan, "Service", "tessera-server-admission").is_null());
  EXPECT_EQ(find(plan, "Deployment", "tessera-server").dump().find("9443"), std::string::npos);
  const Json role = find(plan, "ClusterRole", "tessera-server");
  for (const Json& rule : role["rules"]) EXPECT_EQ(rule.dump().find("patch"), std::string::npos);
}

TEST(Admission, APodWithAnyOfOurLabelsIsAskedAboutOnceAndNoOther) {
  const Json all = webhooks(planned());
  const std::vector<std::string> opt_ins = {"tessera.dev/gpu-memory", "tessera.dev/gpu-share",
                                            "tessera.dev/gpu-count",  "tessera.dev/gpu-compute-slices",
                                            "tessera.dev/gpu-model",  "tessera.dev/serving-model"};
  ASSERT_EQ(all.size(), opt_ins.size());
  for (unsigned set = 0; set < (1U << opt_ins.size()); ++set) {
    std::set<std::string> labels{"app", "tessera.dev/workload-type"};
    for (std::size_t i = 0; i < opt_ins.size(); ++i)
      if ((set >> i) & 1U) labels.insert(opt_ins[i]);
    int asked = 0;
    for (const Json& one : all) asked += asks(one, labels);
    EXPECT_EQ(asked, set == 0 ? 0 : 1) << set;
  }
}

TEST(Admission, CannotHoldUpTheCluster) {
  for (const Json& one : webhooks(planned())) {
    EXPECT_EQ(one["failurePolicy"], "Ignore");
    EXPECT_EQ(one["timeoutSeconds"], 3);
    EXPECT_EQ(one["sideEffects"], "None");
    EXPECT_EQ(one["rules"].size(), 1U);
    EXPECT_EQ(one["rules"][0]["operations"], Json::array({"CREATE"}));
    EXPECT_EQ(one["rules"][0]["resources"], Json::array({"pods"}));
    EXPECT_EQ(one["namespaceSelector"]["matchExpressions"][0]["values"], Json::array({"kube-system", "gpu"}));
  }
}

TEST(Admission, ItsAddressIsWhatTheServerServes) {
  const Plan plan = planned();
  const Json target = webhooks(plan)[0]["clientConfig"]["service"];
  const Json service = find(plan, "Service", target["name"].get<std::string>());
  EXPECT_EQ(service["metadata"]["namespace"], target["namespace"]);
  EXPECT_EQ(service["spec"]["ports"][0]["port"], target["port"]);
  const Json pod = find(plan, "Deployment", "tessera-server")["spec"]["template"]["spec"];
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], pod["containers"][0]["ports"][1]["containerPort"]);
  EXPECT_EQ(plain(service["spec"]["selector"]),
            plain(find(plan, "Deployment", "tessera-server")["spec"]["selector"]["matchLabels"]));
  const Json settings = json_of(find(plan, "ConfigMap", "tessera-server")["data"]["server.yaml"].get<std::string>());
  EXPECT_EQ(settings["server"]["admission"]["address"], "0.0.0.0:9443");
  EXPECT_EQ(settings["server"]["admission"]["certificate"], "/etc/tessera-admission/tls.crt");
  const Json policy = find(plan, "NetworkPolicy", "tessera-server")["spec"]["ingress"];
  EXPECT_EQ(policy[1]["ports"][0]["port"], 9443);
  EXPECT_FALSE(policy[1].contains("from")) << "API servers are nobody's pods";
}

TEST(Admission, TheServerIsGivenOfTheSecretWhatItServes) {
  const Json pod = find(planned(), "Deployment", "tessera-server")["spec"]["template"]["spec"];
  for (const Json& volume : pod["volumes"]) {
    if (volume["name"] != "admission") continue;
    EXPECT_EQ(volume["secret"]["secretName"], "tessera-server-admission");
    EXPECT_EQ(volume["secret"]["items"].dump().find("next"), std::string::npos);
    EXPECT_EQ(volume["secret"]["items"].size(), 2U);
  }
  for (const Json& mount : pod["containers"][0]["volumeMounts"])
    if (mount["name"] == "admission") EXPECT_FALSE(mount.contains("subPath")) << "a new certificate would not arrive";
  EXPECT_TRUE(pod["automountServiceAccountToken"]);
}

TEST(Admission, ItsAuthoritiesAreThoseThatAreKnown) {
  EXPECT_FALSE(webhooks(planned())[0]["clientConfig"].contains("caBundle"));
  Facts facts;
  facts.authorities = "PEM";
  for (const Json& one : webhooks(planned("", facts))) EXPECT_EQ(one["clientConfig"]["caBundle"], base64("PEM"));
}

TEST(Admission, ByCertManagerThereIsACertificateAndNoBundleOfOurs) {
  const Plan plan = planned(kManager);
  const Json certificate = find(plan, "Certificate", "tessera-server-admission");
  EXPECT_EQ(certificate["spec"]["secretName"], "tessera-server-admission");
  EXPECT_EQ(certificate["spec"]["dnsNames"][0], "tessera-server-admission.gpu.svc");
  EXPECT_EQ(certificate["spec"]["issuerRef"],
            Json({{"name", "ca"}, {"kind", "ClusterIssuer"}, {"group", "cert-manager.io"}}));
  const Json configuration = find(plan, "MutatingWebhookConfiguration", "tessera-server-admission");
  EXPECT_EQ(configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"], "gpu/tessera-server-admission");
  EXPECT_TRUE(plan.notes.empty());
}

TEST(Admission, WithoutCertManagerInTheClusterItSaysSo) {
  Facts facts;
  facts.cert_manager = false;
  const Plan plan = planned(kManager, facts);
  EXPECT_TRUE(find(plan, "Certificate", "tessera-server-admission").is_null());
  ASSERT_EQ(plan.notes.size(), 1U);
  EXPECT_THAT(plan.notes[0], HasSubstr("install cert-manager"));
  EXPECT_TRUE(planned("", facts).notes.empty());
}

TEST(Admission, NeedsTheServerAndWhatItKnowsOfPods) {
  // The server, what it knows of the cluster, or both are missing.
  const std::string own = "admission: {enabled: true}", relay = "openAgent: {enabled: true}",
                    master = "k8sAgent: {masterAgent: {enabled: true}}";
  const std::string kCases[] = {
      fmt::format("{{server: {{{}}}}}", own), fmt::format("{{features: {{{}}}, server: {{{}}}}}", master, own),
      fmt::format("{{features: {{{}}}, server: {{{}}}}}", relay, own),
      fmt::format("{{features: {{{}, {}}}, server: {{enabled: false, {}}}}}", relay, master, own)};
  for (const std::string& spec : kCases) {
    const auto read = parse_gpu_monitor(resource(spec), "m.yaml");
    ASSERT_FALSE(read) << spec;
    EXPECT_THAT(read.error().what, HasSubstr("server.admission needs the server")) << spec;
  }
  EXPECT_TRUE(
      parse_gpu_monitor(resource("{features: {k8sAgent: {masterAgent: {enabled: true}}}, server: {enabled: true, "
                                 "admission: {enabled: true}}}"),
                        "m.yaml"));
}

}  // namespace
}  // namespace tessera::operate

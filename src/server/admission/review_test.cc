#include "server/admission/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64url.h"
#include "server/admission/labels.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kSlice = "nvidia.com/mig-2g.20gb";

/// The padded form of the other alphabet.
std::string unpacked(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return base64url_decoded(text).value_or("");
}

struct Answer {
  Json whole, response;
  Json patch = Json::array();
  std::vector<std::string> warnings{};
  bool allowed() const { return response["allowed"].get<bool>(); }
  std::string message() const { return allowed() ? "" : response["status"]["message"].get<std::string>(); }
};

Json pod_with(Json labels, Json more = Json::object()) {
  Json pod = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", {{"name", "p"}, {"namespace", "ml"}, {"creationTimestamp", nullptr}, {"labels", labels}}},
              {"spec", {{"containers", {{{"name", "main"}, {"image", "i"}}}}}}};
  pod.merge_patch(more);
  return pod;
}
Json review_of(const Json& pod, const Json& more = Json::object()) {
  Json request = {{"uid", "u-1"},
                  {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
                  {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "pods"}}},
                  {"namespace", "ml"},
                  {"operation", "CREATE"},
                  {"object", pod},
                  {"oldObject", nullptr},
                  {"dryRun", false}};
  request.merge_patch(more);
  return {{"kind", "AdmissionReview"}, {"apiVersion", "admission.k8s.io/v1"}, {"request", request}};
}
const Json kLabels = {{"tessera.dev/gpu-memory", "20G"}};

struct ReviewTest : testing::Test {
  Answer ask_bytes(std::string_view body) {
    asked.reset();
    Answer out;
    out.whole = Json::parse(answer_review(body, {"default", [this](const AllocationWish& wish) {
                                                   asked = wish;
                                                   return seen;
                                                 }}));
    out.response = out.whole["response"];
    if (out.response.contains("patch")) out.patch = Json::parse(unpacked(out.response["patch"]));
    if (out.response.contains("warnings")) out.warnings = out.response["warnings"];
    return out;
  }
  Answer ask(const Json& review) { return ask_bytes(review.dump()); }

  Result<Foreseen> seen = Foreseen{kSlice, 1, true, "It gets the 2g.20gb that stands idle.", ""};
  std::optional<AllocationWish> asked;
};

TEST_F(ReviewTest, APodGetsTheGateTheResourceAndANote) {
  const Json pod = pod_with(kLabels);
  const Answer answer = ask(review_of(pod));
  EXPECT_EQ(answer.whole["apiVersion"], "admission.k8s.io/v1");
  EXPECT_EQ(answer.whole["kind"], "AdmissionReview");
  EXPECT_EQ(answer.response["uid"], "u-1");
  EXPECT_TRUE(answer.allowed());
  EXPECT_EQ(answer.response["patchType"], "JSONPatch");
  EXPECT_THAT(answer.warnings, IsEmpty());
  const Json after = pod.patch(answer.patch);
  EXPECT_EQ(after["spec"]["schedulingGates"], Json::parse(R"([{"name":"tessera.dev/allocation"}])"));
  EXPECT_EQ(after["spec"]["containers"][0]["resources"],
            Json::parse(R"({"limits":{"nvidia.com/mig-2g.20gb":"1"},"requests":{"nvidia.com/mig-2g.20gb":"1"}})"));
  EXPECT_EQ(after["spec"]["tolerations"], Json::parse(R"([{"key":"nvidia.com/gpu","operator":"Exists"}])"));
  EXPECT_THAT(after["metadata"]["annotations"]["tessera.dev/gpu-decision"].get<std::string>(),
              HasSubstr("1 nvidia.com/mig-2g.20gb, by what was so at admission: It gets"));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->need.memory_mib, 19'074U);
  EXPECT_EQ(asked->space, "ml");
  EXPECT_THAT(ask(review_of(after)).patch, IsEmpty()) << "asked again, it changes nothing";
  EXPECT_FALSE(asked);
}

TEST_F(ReviewTest, APodWithAShareGetsTheNameOfAReplica) {
  seen = Foreseen{"nvidia.com/gpu.shared", 1, true, "It gets one of 4 replicas of w-1-GPU-00, which is shared.", ""};
  const Json pod = pod_with({{"tessera.dev/gpu-share", "0.25"}});
  const Json after = pod.patch(ask(review_of(pod)).patch);
  EXPECT_EQ(after["spec"]["containers"][0]["resources"]["limits"], Json::parse(R"({"nvidia.com/gpu.shared":"1"})"));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->need.compute_milli, 250U);
  EXPECT_FALSE(ask(review_of(pod_with({{"tessera.dev/gpu-share", "two"}}))).allowed());
}

TEST_F(ReviewTest, ThePatchIsMadeOfWhatThePodHas) {
  const struct {
    const char* name;
    Json more;
    const char* where;  ///< of the container's resources
    const char* want;
  } kCases[] = {{"limits alone",
                 {{"spec", {{"containers", {{{"name", "a"}, {"resources", {{"limits", {{"cpu", "1"}}}}}}}}}}},
                 "/spec/containers/0/resources",
                 R"({"limits":{"cpu":"1","nvidia.com/mig-2g.20gb":"1"},"requests":{"nvidia.com/mig-2g.20gb":"1"}})"},
                {"requests alone",
                 {{"spec", {{"containers", {{{"name", "a"}, {"resources", {{"requests", {{"cpu", "1"}}}}}}}}}}},
                 "/spec/containers/0/resources",
                 R"({"requests":{"cpu":"1","nvidia.com/mig-2g.20gb":"1"},"limits":{"nvidia.com/mig-2g.20gb":"1"}})"},
                {"empty resources",
                 {{"spec", {{"containers", {{{"name", "a"}, {"resources", Json::object()}}}}}}},
                 "/spec/containers/0/resources",
                 R"({"limits":{"nvidia.com/mig-2g.20gb":"1"},"requests":{"nvidia.com/mig-2g.20gb":"1"}})"},
                {"the container that is named",
                 {{"metadata", {{"labels", {{"tessera.dev/gpu-container", "b"}}}}},
                  {"spec", {{"containers", {{{"name", "a"}}, {{"name", "b"}}}}}}},
                 "/spec/containers/1/resources",
                 R"({"limits":{"nvidia.com/mig-2g.20gb":"1"},"requests":{"nvidia.com/mig-2g.20gb":"1"}})"},
                {"init containers have none",
                 {{"spec", {{"initContainers", {{{"name", "i"}}}}}}},
                 "/spec/containers/0/resources",
                 R"({"limits":{"nvidia.com/mig-2g.20gb":"1"},"requests":{"nvidia.com/mig-2g.20gb":"1"}})"},
                {"another's gate and annotations",
                 {{"metadata", {{"annotations", {{"a", "b"}}}}}, {"spec", {{"schedulingGates", {{{"name", "x/y"}}}}}}},
                 "/spec/schedulingGates",
                 R"([{"name":"x/y"},{"name":"tessera.dev/allocation"}])"},
                {"another's tolerations",
                 {{"spec", {{"tolerations", {{{"key", "pool"}, {"operator", "Exists"}}}}}}},
                 "/spec/tolerations",
                 R"([{"key":"pool","operator":"Exists"},{"key":"nvidia.com/gpu","operator":"Exists"}])"},
                {"a toleration of all taints",
                 {{"spec", {{"tolerations", {{{"operator", "Exists"}}}}}}},
                 "/spec/tolerations",
                 R"([{"operator":"Exists"}])"},
                {"nothing for null",
                 {{"metadata", {{"annotations", Json::object()}}}},
                 "/spec/schedulingGates",
                 R"([{"name":"tessera.dev/allocation"}])"}};
  for (const auto& c : kCases) {
    const Json pod = pod_with(kLabels, c.more);
    const Answer answer = ask(review_of(pod));
    ASSERT_TRUE(answer.allowed()) << c.name << answer.message();
    const Json after = pod.patch(answer.patch);
    EXPECT_EQ(Json(after[Json::json_pointer(c.where)]).dump(), Json::parse(c.want).dump()) << c.name;
    EXPECT_TRUE(after["metadata"]["annotations"].contains(kDecisionNote)) << c.name;
    EXPECT_THAT(ask(review_of(after)).patch, IsEmpty()) << c.name;
  }
}

TEST_F(ReviewTest, ANoteThatSomebodyHasCopiedIsNoDecision) {
  const Json copied = {{"metadata", {{"annotations", {{kDecisionNote, "of another pod"}}}}}};
  const Json pod = pod_with(kLabels, copied);
  const Json after = pod.patch(ask(review_of(pod)).patch);
  EXPECT_EQ(after["spec"]["schedulingGates"], Json::parse(R"([{"name":"tessera.dev/allocation"}])"));
  EXPECT_EQ(after["spec"]["containers"][0]["resources"]["limits"], Json::parse(R"({"nvidia.com/mig-2g.20gb":"1"})"));
  EXPECT_THAT(after["metadata"]["annotations"][std::string(kDecisionNote)].get<std::string>(), HasSubstr("It gets"));
  // An API server that is too old for gates leaves ours out, and not what the pod is to ask for.
  Json old = after;
  old["spec"].erase("schedulingGates");
  EXPECT_THAT(ask(review_of(old)).patch, IsEmpty());
  EXPECT_FALSE(asked);
}

TEST_F(ReviewTest, SeveralDevicesAreSoMany) {
  seen = Foreseen{"nvidia.com/gpu", 4, true, "", ""};
  const Json pod = pod_with({{"tessera.dev/gpu-count", "4"}});
  EXPECT_EQ(pod.patch(ask(review_of(pod)).patch)["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"],
            "4");
}

TEST_F(ReviewTest, WhatDoesNotAskUsIsLeftAsItIs) {
  const Json gpu = {{"resources", {{"limits", {{"nvidia.com/gpu", "1"}}}}}};
  const struct {
    const char* name;
    Json review;
    const char* warning;
  } kCases[] = {
      {"no label", review_of(pod_with({{"app", "x"}})), ""},
      {"labels null", review_of(pod_with(nullptr)), ""},
      {"a label that asks for nothing", review_of(pod_with({{"tessera.dev/gpu-mig", "true"}})), ""},
      {"asks itself", review_of(pod_with(kLabels, {{"spec", {{"containers", {gpu}}}}})), "have no effect"},
      {"its init container asks", review_of(pod_with(kLabels, {{"spec", {{"initContainers", {gpu}}}}})),
       "have no effect"},
      {"asks by a claim", review_of(pod_with(kLabels, {{"spec", {{"resourceClaims", {{{"name", "g"}}}}}}})),
       "have no effect"},
      {"has its node", review_of(pod_with(kLabels, {{"spec", {{"nodeName", "w-1"}}}})), "has its node"},
      {"update", review_of(pod_with(kLabels), {{"operation", "UPDATE"}}), ""},
      {"delete", review_of(nullptr, {{"operation", "DELETE"}}), ""},
      {"subresource", review_of(pod_with(kLabels), {{"subResource", "binding"}}), ""},
      {"of another kind", review_of(pod_with(kLabels), {{"kind", {{"group", "apps"}, {"kind", "Deployment"}}}}),
       "not for kind 'Deployment'"},
      {"no object", review_of(nullptr), "no object"},
      {"a list of an object", review_of(Json::array({1})), "no object"}};
  for (const auto& c : kCases) {
    const Answer answer = ask(c.review);
    EXPECT_TRUE(answer.allowed()) << c.name;
    EXPECT_EQ(answer.response["uid"], "u-1") << c.name;
    EXPECT_THAT(answer.patch, IsEmpty()) << c.name;
    EXPECT_FALSE(asked) << c.name;
    EXPECT_THAT(Json(answer.warnings).dump(), HasSubstr(c.warning)) << c.name;
    if (*c.warning == 0) EXPECT_THAT(answer.warnings, IsEmpty()) << c.name;
  }
}

TEST_F(ReviewTest, AnyBytesHaveAnAnswerThatLetsIn) {
  const std::string deep(200'000, '[');
  const struct {
    std::string body;
    const char* uid;
  } kCases[] = {
      {"", ""},
      {"garbage", ""},
      {"null", ""},
      {"[]", ""},
      {"\xff\xfe", ""},
      {R"({"kind":"AdmissionReview"})", ""},
      {R"({"kind":"AdmissionReview","request":7})", ""},
      {R"({"kind":"Pod","request":{"uid":"u"}})", "u"},
      {R"({"request":{"uid":"u"}})", "u"},
      {R"({"kind":"AdmissionReview","request":{"uid":{"a":1}}})", ""},
      {"{\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\",\"object\":" + deep, ""},
      {"{\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\",\"object\":" + deep + std::string(200'000, ']') + "}}",
       "u"}};
  for (const auto& c : kCases) {
    const Answer answer = ask_bytes(c.body);
    EXPECT_TRUE(answer.allowed()) << c.body.substr(0, 80);
    EXPECT_EQ(answer.response["uid"], c.uid) << c.body.substr(0, 80);
    EXPECT_EQ(answer.whole["apiVersion"], "admission.k8s.io/v1");
    EXPECT_EQ(answer.warnings.size(), 1U) << c.body.substr(0, 80);
  }
}

TEST_F(ReviewTest, AHugePodIsReadToo) {
  Json pod = pod_with(kLabels);
  pod["metadata"]["annotations"]["note"] = std::string(1U << 20U, 'x');
  const Answer answer = ask(review_of(pod));
  EXPECT_EQ(answer.patch.size(), 6U);
}

TEST_F(ReviewTest, APodWithoutANameOrANamespaceOfItsOwnIsDecidedAlike) {
  Json pod = pod_with(kLabels);
  pod["metadata"].erase("name");
  pod["metadata"].erase("namespace");
  pod["metadata"]["generateName"] = "p-";
  const Answer answer = ask(review_of(pod, {{"dryRun", true}}));
  EXPECT_EQ(answer.patch.size(), 6U);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->space, "ml") << "of the request";
  EXPECT_TRUE(ask(review_of(pod, {{"namespace", nullptr}})).response["status"].is_object())
      << "nobody creates a pod in no namespace";
}

TEST_F(ReviewTest, AnOlderApiServerIsAnsweredInItsOwnVersion) {
  Json review = review_of(pod_with(kLabels));
  review["apiVersion"] = "admission.k8s.io/v1beta1";
  EXPECT_EQ(ask(review).whole["apiVersion"], "admission.k8s.io/v1beta1");
}

TEST_F(ReviewTest, ALabelThatCannotBeUnderstoodIsRefusedInItsOwnWords) {
  const struct {
    Json labels;
    const char* what;
  } kCases[] = {{{{"tessera.dev/gpu-memory", "20"}}, "tessera: label tessera.dev/gpu-memory: '20'"},
                {{{"tessera.dev/gpu-count", "1"}, {"tessera.dev/gpu-container", "b"}}, "no container 'b', but main"},
                {{{"tessera.dev/gpu-count", "two"}}, "whole number"}};
  for (const auto& c : kCases) {
    const Answer answer = ask(review_of(pod_with(c.labels)));
    EXPECT_FALSE(answer.allowed());
    EXPECT_EQ(answer.response["status"]["code"], 422);
    EXPECT_THAT(answer.message(), HasSubstr(c.what));
  }
}

TEST_F(ReviewTest, WhatNoDeviceCouldEverServeIsRefused) {
  seen = fail(Code::NotFound, "Of 4 devices none serves it: 4 devices too small in memory");
  const Answer answer = ask(review_of(pod_with(kLabels)));
  EXPECT_FALSE(answer.allowed());
  EXPECT_THAT(answer.message(), HasSubstr("too small in memory"));
}

TEST_F(ReviewTest, OurOwnTroubleLetsThePodIn) {
  seen = fail(Code::Unavailable, "tessera-server has just begun");
  const Answer answer = ask(review_of(pod_with(kLabels)));
  EXPECT_TRUE(answer.allowed());
  EXPECT_THAT(answer.patch, IsEmpty());
  EXPECT_THAT(answer.warnings, ElementsAre(HasSubstr("WITHOUT a GPU")));
  // A device that is not cut has one name, whatever the engine knows.
  const Json whole = pod_with({{"tessera.dev/gpu-count", "2"}});
  EXPECT_EQ(whole.patch(ask(review_of(whole)).patch)["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"],
            "2");
}

TEST_F(ReviewTest, WaitingAndANearMissAndAStrangeLabelAreWarnings) {
  seen = Foreseen{kSlice, 1, false, "3 devices are full", "19,968 MiB would do"};
  Json labels = kLabels;
  labels["tessera.dev/gpu-modl"] = "T4";
  EXPECT_THAT(ask(review_of(pod_with(labels))).warnings,
              ElementsAre("tessera: 19,968 MiB would do", HasSubstr("will wait for a GPU: 3 devices are full"),
                          HasSubstr("did you mean tessera.dev/gpu-model?")));
  seen->sentence = std::string(5'000, 'x') + "\xff";
  for (const std::string& one : ask(review_of(pod_with(kLabels))).warnings) EXPECT_LT(one.size(), 256U);
}

}  // namespace
}  // namespace tessera::server

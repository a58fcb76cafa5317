#include "fleet/cluster/maker.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

ClusterPod pod(const std::string& owner_kind, const std::string& owner_name, LabelMap labels) {
  ClusterPod out;
  out.name = "p";
  out.owner_kind = owner_kind;
  out.owner_name = owner_name;
  out.labels = std::move(labels);
  return out;
}

TEST(Maker, IsTheUppermostThatIsKnown) {
  const struct {
    ClusterPod pod;
    Maker want;
  } kCases[] = {
      {pod("", "", {}), {"", "p"}},
      {pod("Deployment", "chat", {{"app", "chat"}}), {"Deployment", "chat"}},
      {pod("StatefulSet", "llm-0", {{"leaderworkerset.sigs.k8s.io/name", "llm"}}), {"LeaderWorkerSet", "llm"}},
      {pod("Deployment", "chat-predictor", {{"serving.kserve.io/inferenceservice", "chat"}}),
       {"InferenceService", "chat"}},
      {pod("Deployment", "chat-predictor-00001-deployment",
           {{"serving.kserve.io/inferenceservice", "chat"}, {"serving.knative.dev/service", "chat-predictor"}}),
       {"InferenceService", "chat"}},
      {pod("StatefulSet", "llm-0",
           {{"app.kubernetes.io/part-of", "llminferenceservice"},
            {"app.kubernetes.io/name", "llm"},
            {"leaderworkerset.sigs.k8s.io/name", "llm-mn"}}),
       {"LLMInferenceService", "llm"}},
      {pod("Deployment", "web", {{"app.kubernetes.io/part-of", "shop"}, {"app.kubernetes.io/name", "web"}}),
       {"Deployment", "web"}},
      {pod("ReplicaSet", "canary-7d9f", {{"rollouts-pod-template-hash", "7d9f"}}), {"Rollout", "canary"}},
      {pod("ReplicaSet", "bare", {}), {"ReplicaSet", "bare"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(maker_of(c.pod), c.want) << c.want.kind << ' ' << c.want.name;
}

}  // namespace
}  // namespace tessera::fleet

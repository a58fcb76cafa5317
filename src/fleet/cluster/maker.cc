#include "fleet/cluster/maker.h"

#include <string_view>

namespace tessera::fleet {
namespace {

struct Mark {
  std::string_view label;  ///< names who has made it
  std::string_view kind;
};
/// The uppermost first: an InferenceService has a LeaderWorkerSet or a Knative service made.
constexpr Mark kMarks[] = {{"serving.kserve.io/inferenceservice", "InferenceService"},
                           {"leaderworkerset.sigs.k8s.io/name", "LeaderWorkerSet"},
                           {"serving.knative.dev/service", "Knative Service"}};

std::string label_of(const ClusterPod& pod, std::string_view name) {
  const auto label = pod.labels.find(std::string(name));
  return label == pod.labels.end() ? std::string() : label->second;
}

}  // namespace

Maker maker_of(const ClusterPod& pod) {
  if (label_of(pod, "app.kubernetes.io/part-of") == "llminferenceservice")
    if (std::string name = label_of(pod, "app.kubernetes.io/name"); !name.empty())
      return {"LLMInferenceService", std::move(name)};
  for (const Mark& one : kMarks)
    if (std::string name = label_of(pod, one.label); !name.empty()) return {std::string(one.kind), std::move(name)};
  // A Rollout's ReplicaSet is named as a Deployment's is, by another label.
  const std::string hash = "-" + label_of(pod, "rollouts-pod-template-hash");
  if (pod.owner_kind == "ReplicaSet" && hash.size() > 1 && pod.owner_name.ends_with(hash))
    return {"Rollout", pod.owner_name.substr(0, pod.owner_name.size() - hash.size())};
  if (pod.owner_kind.empty()) return {"", pod.name};
  return {pod.owner_kind, pod.owner_name};
}

}  // namespace tessera::fleet

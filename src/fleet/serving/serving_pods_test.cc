#include "fleet/serving/serving_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

void add(ClusterView& to, const std::string& space, const std::string& name, LabelMap labels) {
  ClusterPod pod;
  pod.space = space;
  pod.name = name;
  pod.labels = std::move(labels);
  to.pods[pod_key(space, name)] = std::make_shared<const ClusterPod>(std::move(pod));
}

TEST(PodsOfAReplica, AreThoseThatItsLeaderAnswersFor) {
  constexpr const char* kLws = "leaderworkerset.sigs.k8s.io/group-key";
  constexpr const char *kRay = "ray.io/cluster", *kRole = "ray.io/node-type";
  ClusterView view;
  view.watched = view.synced = true;
  view.cluster = "c";
  add(view, "ml", "lws-0", {{kLws, "g"}});
  add(view, "ml", "lws-0-1", {{kLws, "g"}});
  add(view, "ml", "lws-1", {{kLws, "h"}});
  add(view, "ml", "ray-head", {{kRay, "r"}, {kRole, "head"}});
  add(view, "ml", "ray-worker", {{kRay, "r"}, {kRole, "worker"}});
  add(view, "ml", "other-worker", {{kRay, "s"}, {kRole, "worker"}});
  add(view, "aa", "ray-worker", {{kRay, "r"}, {kRole, "worker"}});
  add(view, "ml", "alone", {{"serving.kserve.io/inferenceservice", "i"}});
  add(view, "ml", "alone-2", {{"serving.kserve.io/inferenceservice", "i"}});
  constexpr const char *kService = "serving.kserve.io/inferenceservice", *kApp = "app";
  add(view, "ml", "far-predictor-a", {{kService, "far"}, {kApp, "isvc.far-predictor"}});
  add(view, "ml", "far-predictor-b", {{kService, "far"}, {kApp, "isvc.far-predictor"}});
  add(view, "ml", "far-predictor-worker-a", {{kService, "far"}, {kApp, "isvc.far-predictor-worker"}});
  add(view, "ml", "far-predictor-worker-b", {{kService, "far"}, {kApp, "isvc.far-predictor-worker"}});
  add(view, "ml", "far-transformer", {{kService, "far"}, {kApp, "isvc.far-transformer"}});
  add(view, "ml", "near-predictor-worker", {{kService, "near"}, {kApp, "isvc.far-predictor-worker"}});
  const auto of = [&](const std::string& pod) {
    Served engine;
    engine.cluster = "c";
    engine.space = "ml";
    engine.pod = pod;
    return pods_of_replica(engine, view);
  };
  EXPECT_THAT(of("lws-0"), ElementsAre("lws-0", "lws-0-1"));
  EXPECT_THAT(of("ray-head"), ElementsAre("ray-head", "ray-worker"));
  EXPECT_THAT(of("ray-worker"), ElementsAre("ray-worker")) << "an engine of its own";
  EXPECT_THAT(of("alone"), ElementsAre("alone")) << "each replica has that label";
  EXPECT_THAT(of("far-predictor-a"),
              ElementsAre("far-predictor-a", "far-predictor-worker-a", "far-predictor-worker-b"));
  EXPECT_THAT(of("far-predictor-worker-a"), ElementsAre("far-predictor-worker-a"));
  EXPECT_THAT(of("gone"), ElementsAre("gone"));
  EXPECT_THAT(of(""), IsEmpty());
}

}  // namespace
}  // namespace tessera::fleet

// `tessera doctor --cluster` against the played API: lists of several pages, and an API server that refuses or is away.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cluster_doctor.h"
#include "tests/kube_stub/stub.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;
using Json = kube_stub::Json;

class StubDoctor : public testing::Test {
 protected:
  StubDoctor() {
    auto made = kube_stub::Stub::start();
    if (!made) throw std::runtime_error(made.error().what);
    stub_ = *std::move(made);
  }
  void put_nodes(int count) {
    for (int i = 0; i < count; ++i)
      EXPECT_LT(stub_->store()
                    .put({{"apiVersion", "v1"},
                          {"kind", "Node"},
                          {"metadata",
                           {{"name", fmt::format("w-{:04}", i)}, {"labels", {{"nvidia.com/gpu.present", "true"}}}}}})
                    .code,
                300);
  }
  /// An object of Tessera's agent, as `more` has it, which stays for a while when it is deleted.
  void put_ours(Json object, const std::string& name) {
    object["metadata"] = {
        {"name", name},
        {"namespace", "gpu"},
        {"finalizers", {"test/slow"}},
        {"labels", {{"app.kubernetes.io/part-of", "tessera"}, {"app.kubernetes.io/name", "tessera-agent"}}}};
    const kube_stub::Answer answer = stub_->store().put(object);
    EXPECT_LT(answer.code, 300) << *answer.body;
  }
  std::string said() {
    std::string out;
    const ClusterPlace place{.api = stub_->url()};
    for (const Section& section : examine_cluster(place, process_environment()).report)
      for (const Finding& one : section.findings) out += one.seen + '\n';
    return out;
  }
  std::unique_ptr<kube_stub::Stub> stub_;
};

TEST_F(StubDoctor, ReadsAllPages) {
  put_nodes(1200);
  EXPECT_THAT(said(), HasSubstr("1200 of 1200 nodes with GPUs"));
  EXPECT_THAT(said(), HasSubstr("w-0000, w-0001, w-0002, w-0003, w-0004 and 1195 more: there is no DaemonSet"));
}

TEST_F(StubDoctor, LeavesOutWhatIsBeingDeleted) {
  const kube_stub::Resource pods{.version = "v1", .plural = "pods", .kind = "Pod"};
  const kube_stub::Resource sets{.group = "apps", .version = "v1", .plural = "daemonsets", .kind = "DaemonSet"};
  put_nodes(1);
  put_ours(Json::parse(R"({"apiVersion":"apps/v1","kind":"DaemonSet","spec":{"template":{"spec":{"hostPID":true}}}})"),
           "agent");
  put_ours(Json::parse(R"({"apiVersion":"v1","kind":"Pod","spec":{"nodeName":"w-0000"},"status":{"phase":"Running",
    "conditions":[{"type":"Ready","status":"True"}]}})"),
           "agent-1");
  EXPECT_THAT(said(), HasSubstr("ready on 1 GPU node"));
  // An upgrade replaces the pod.
  stub_->store().remove(pods, "gpu", "agent-1");
  EXPECT_THAT(said(),
              HasSubstr("no agent on w-0000: the agent of DaemonSet gpu/agent is being deleted, and the next one"));
  // All of it is uninstalled.
  stub_->store().remove(sets, "gpu", "agent");
  EXPECT_THAT(said(), HasSubstr("no agent on w-0000: there is no DaemonSet of agents"));
}

TEST_F(StubDoctor, GoesOnWithoutWhatItMayNotSee) {
  put_nodes(1);
  // The first list is that of nodes.
  ASSERT_TRUE(
      stub_->faults().add({{"request", {{"at", "list"}, {"status", 403}, {"reason", "Forbidden"}, {"times", 1}}}}));
  const std::string all = said();
  EXPECT_THAT(all, HasSubstr("\"list\" on \"nodes\""));
  EXPECT_THAT(all, testing::Not(HasSubstr("none of"))) << "what was not seen is not judged";
  EXPECT_THAT(said(), HasSubstr("1 of 1 node with GPUs"));
}

TEST_F(StubDoctor, SaysThatTheApiServerIsAway) {
  const std::string url = stub_->url();
  stub_->go_away();
  EXPECT_THAT(said(), HasSubstr(url));
}

}  // namespace
}  // namespace tessera::cli

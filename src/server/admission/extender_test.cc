#include "server/admission/extender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "server/api_json.h"
#include "server/cluster_objects.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;
constexpr const char* kSlice = "nvidia.com/mig-2g.20gb";

Json pod(const Json& labels = {{"tessera.dev/gpu-memory", "20G"}}) {
  return {{"metadata",
           {{"name", "p"},
            {"namespace", "ml"},
            {"uid", "u-p"},
            {"labels", labels},
            {"annotations", {{"tessera.dev/gpu-decision", "1 nvidia.com/mig-2g.20gb"}}}}},
          {"spec", {{"containers", {{{"name", "a"}, {"resources", {{"limits", {{kSlice, "1"}}}}}}}}}}};
}
Json by_names(const Json& of, const std::vector<std::string>& names = {"w-1", "w-2"}) {
  return {{"Pod", of}, {"Nodes", nullptr}, {"NodeNames", names}};
}
Json node(const std::string& name) { return {{"metadata", {{"name", name}, {"labels", {{"zone", "a"}}}}}}; }

struct ExtenderTest : testing::Test {
  ExtenderTest() {
    cluster.watched = cluster.synced = true;
    cluster.cluster = "default";
    list("w-1", 1);
    list("w-2", 1);
    cluster.pods["ml/p"] = std::make_shared<const fleet::ClusterPod>(read_pod(pod().dump()));
  }
  void list(const std::string& name, std::int64_t count) {
    auto one = std::make_shared<fleet::ClusterNode>();
    one->name = name;
    if (count > 0) one->allocatable = {{kSlice, count}};
    cluster.nodes[name] = one;
  }
  Json filter(const Json& args) { return Json::parse(filter_nodes(args.dump(), ground())); }
  Json prioritize(const Json& args) { return Json::parse(prioritize_nodes(args.dump(), ground())); }
  ExtenderGround ground() {
    return {[this] {
              Published out;
              auto view = std::make_shared<fleet::View>();
              view->time = kNow;
              out.view = view;
              out.cluster = std::make_shared<const fleet::ClusterView>(cluster);
              return std::make_shared<const Published>(out);
            },
            [this] { return std::make_shared<const fleet::AllocationBook>(book); },
            [this](const AllocationWish& wish) -> Result<void> {
              asked = wish;
              if (refusal) return *refusal;
              if (promise_on.empty()) return {};
              put(promise_on, true);
              return {};
            },
            [this](const std::string& id) -> Result<void> {
              released.push_back(id);
              book = {};
              return {};
            },
            Milliseconds(0)};
  }
  void put(const std::string& on, bool ready, const std::string& uid = "") {
    fleet::PodAllocation one;
    one.id = "a-1";
    one.cluster = "default";
    one.space = "ml";
    one.pod = "p";
    one.pod_uid = uid;
    one.state = fleet::AllocationState::Promised;
    one.parts = {{on, "GPU-1", "2g.20gb", {0, 2}, true}};
    if (ready) one.ready_since = ready_since;
    ASSERT_TRUE(book.put(one));
  }

  fleet::ClusterView cluster;
  fleet::AllocationBook book;
  std::optional<AllocationWish> asked;
  std::vector<std::string> released;
  std::optional<Error> refusal;
  std::string promise_on = "w-2";
  EpochMs ready_since = kNow;
};

TEST_F(ExtenderTest, APodIsLetToTheNodeThatItIsPromised) {
  const Json out = filter(by_names(pod()));
  EXPECT_EQ(out["NodeNames"], Json::array({"w-2"}));
  EXPECT_TRUE(out["Nodes"].is_null());
  EXPECT_EQ(out["Error"], "");
  EXPECT_THAT(out["FailedNodes"]["w-1"].get<std::string>(), HasSubstr("the pod's allocation is on node w-2"));
  EXPECT_EQ(out["FailedAndUnresolvableNodes"], out["FailedNodes"]);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->need.profile, "2g.20gb") << "bound to what the pod has";
  EXPECT_EQ(asked->nodes, (std::set<std::string>{"w-1", "w-2"})) << "those that the scheduler offers";
  EXPECT_EQ(asked->pod_uid, "u-p");
  asked.reset();
  EXPECT_EQ(filter(by_names(pod()))["NodeNames"], Json::array({"w-2"})) << "found, and not asked again";
  EXPECT_FALSE(asked);
  EXPECT_EQ(prioritize(by_names(pod())).dump(), R"([{"Host":"w-1","Score":0},{"Host":"w-2","Score":10}])");
}

TEST_F(ExtenderTest, ANodeThatTheSchedulerNeverOffersIsGivenUp) {
  put("w-1", true);
  EXPECT_EQ(filter(by_names(pod(), {"w-2"}))["NodeNames"], Json::array()) << "it may be on its way";
  EXPECT_TRUE(released.empty());
  book = {};
  ready_since = kNow - 61'000;
  put("w-1", true);
  EXPECT_EQ(filter(by_names(pod(), {"w-1", "w-2"}))["NodeNames"], Json::array({"w-1"}));
  EXPECT_EQ(filter(by_names(pod(), {"w-2"}))["NodeNames"], Json::array({"w-2"}));
  EXPECT_EQ(released, std::vector<std::string>{"a-1"});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->nodes, std::set<std::string>{"w-2"});
}

TEST_F(ExtenderTest, NodesComeBackAsTheyCame) {
  const Json args = {{"Pod", pod()},
                     {"Nodes", {{"metadata", Json::object()}, {"items", {node("w-1"), node("w-2")}}}},
                     {"NodeNames", nullptr}};
  const Json out = filter(args);
  EXPECT_EQ(out["Nodes"]["items"], Json::array({node("w-2")}));
  EXPECT_TRUE(out["NodeNames"].is_null());
  EXPECT_EQ(prioritize(args)[1]["Score"], 10);
}

TEST_F(ExtenderTest, APodThatDoesNotAskUsKeepsItsNodes) {
  for (const Json& other :
       {pod(Json::object()), Json{{"metadata", {{"labels", {{"tessera.dev/gpu-memory", "2G"}}}}}}}) {
    EXPECT_EQ(filter(by_names(other))["NodeNames"], Json::array({"w-1", "w-2"}));
    EXPECT_EQ(prioritize(by_names(other))[1]["Score"], 0);
    const Json args = {{"Pod", other}, {"Nodes", {{"items", {node("w-1")}}}}};
    EXPECT_EQ(filter(args)["Nodes"]["items"], Json::array({node("w-1")}));
  }
  Json itself = pod();
  itself["metadata"].erase("annotations");
  EXPECT_EQ(filter(by_names(itself))["NodeNames"], Json::array({"w-1", "w-2"}))
      << "the webhook has not given it the slice";
  EXPECT_FALSE(asked);
}

TEST_F(ExtenderTest, NoNodeWillDoUntilTheSliceIsListed) {
  put("w-1", false);
  EXPECT_THAT(filter(by_names(pod()))["FailedNodes"]["w-1"].get<std::string>(),
              HasSubstr("promised: 2g.20gb of w-1 is being cut"));
  put("w-1", true);
  list("w-1", 0);
  const Json out = filter(by_names(pod()));
  EXPECT_EQ(out["NodeNames"], Json::array());
  EXPECT_THAT(out["FailedNodes"]["w-1"].get<std::string>(), HasSubstr("does not list it"));
  EXPECT_EQ(out["FailedNodes"].size(), 2U);
  list("w-1", 1);
  EXPECT_EQ(filter(by_names(pod()))["NodeNames"], Json::array({"w-1"}));
}

TEST_F(ExtenderTest, WhatCannotBeAnsweredIsAnError) {
  refusal = fail(Code::Unavailable, "this server does not lead: 10.0.0.2:8080 leads");
  EXPECT_THAT(filter(by_names(pod()))["Error"].get<std::string>(), HasSubstr("10.0.0.2:8080 leads"));
  put("w-1", true);
  EXPECT_EQ(filter(by_names(pod()))["Error"], "") << "what is promised already needs no leader";
  cluster.synced = false;
  EXPECT_THAT(filter(by_names(pod()))["Error"].get<std::string>(), HasSubstr("does not see the cluster"));
  EXPECT_THAT(Json::parse(filter_nodes("{", ground()))["Error"].get<std::string>(), HasSubstr("no ExtenderArgs"));
  EXPECT_EQ(prioritize_nodes("{", ground()), "[]");
}

TEST_F(ExtenderTest, APodThatTheClusterDoesNotShowIsPromisedNothing) {
  cluster.pods.clear();
  EXPECT_THAT(filter(by_names(pod()))["FailedNodes"]["w-1"].get<std::string>(), HasSubstr("has not shown this pod"));
  fleet::ClusterPod other = read_pod(pod().dump());
  other.uid = "u-else";
  cluster.pods["ml/p"] = std::make_shared<const fleet::ClusterPod>(other);
  EXPECT_EQ(filter(by_names(pod()))["NodeNames"], Json::array());
  EXPECT_FALSE(asked);
}

TEST_F(ExtenderTest, ANamesakesAllocationIsNotThePods) {
  put("w-1", true, "u-before");
  EXPECT_THAT(filter(by_names(pod()))["FailedNodes"]["w-1"].get<std::string>(), HasSubstr("is about to end"));
  EXPECT_FALSE(asked);
}

}  // namespace
}  // namespace tessera::server

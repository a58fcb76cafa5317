#include "cli/placement.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::cli {
namespace {

JsonValue parsed(const char* text) { return JsonValue::parse(text); }

TEST(Placement, TaintsAreToleratedAsTheSchedulerHasIt) {
  static constexpr struct {
    const char *taint, *tolerations, *untolerated;
  } kCases[] = {
      {R"({"key":"gpu","value":"yes","effect":"NoSchedule"})", "[]", "gpu=yes:NoSchedule"},
      {R"({"key":"gpu","effect":"NoExecute"})", R"([{"key":"gpu","operator":"Exists","effect":"NoSchedule"}])",
       "gpu:NoExecute"},
      {R"({"key":"gpu","effect":"NoExecute"})", R"([{"key":"gpu","operator":"Exists"}])", ""},
      {R"({"key":"gpu","value":"yes","effect":"NoSchedule"})", R"([{"key":"gpu","value":"yes"}])", ""},
      {R"({"key":"gpu","value":"yes","effect":"NoSchedule"})", R"([{"key":"gpu","operator":"Equal","value":"no"}])",
       "gpu=yes:NoSchedule"},
      {R"({"key":"any","effect":"NoSchedule"})", R"([{"operator":"Exists"}])", ""},
      {R"({"key":"soft","effect":"PreferNoSchedule"})", "[]", ""},
      {R"({"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule"})", "[]", ""},
  };
  for (const auto& c : kCases) {
    const JsonValue node = {{"spec", {{"taints", JsonValue::array({parsed(c.taint)})}}}};
    EXPECT_EQ(untolerated_taint({{"tolerations", parsed(c.tolerations)}}, node), c.untolerated)
        << c.taint << c.tolerations;
  }
  EXPECT_EQ(untolerated_taint(parsed("{}"), parsed("{}")), "");
}

TEST(Placement, SelectorsAreMetAsTheSchedulerHasIt) {
  const JsonValue node = parsed(R"({"metadata":{"name":"w","labels":{"a":"1","gpus":"8"}}})");
  const auto affinity = [](const char* terms) {
    return JsonValue{
        {"affinity",
         {{"nodeAffinity",
           {{"requiredDuringSchedulingIgnoredDuringExecution", {{"nodeSelectorTerms", parsed(terms)}}}}}}}};
  };
  EXPECT_EQ(unmet_selector(parsed(R"({"nodeSelector":{"a":"1"}})"), node), "");
  EXPECT_EQ(unmet_selector(parsed(R"({"nodeSelector":{"a":"2"}})"), node), "nodeSelector a=2");
  static constexpr struct {
    const char* terms;
    bool met;
  } kCases[] = {
      {R"([{"matchExpressions":[{"key":"a","operator":"In","values":["0","1"]}]}])", true},
      {R"([{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1"]}]}])", false},
      {R"([{"matchExpressions":[{"key":"b","operator":"NotIn","values":["1"]}]}])", true},
      {R"([{"matchExpressions":[{"key":"b","operator":"Exists"}]},{"matchExpressions":[{"key":"a","operator":"Exists"}]}])",
       true},
      {R"([{"matchExpressions":[{"key":"a","operator":"Exists"},{"key":"b","operator":"Exists"}]}])", false},
      {R"([{"matchExpressions":[{"key":"gpus","operator":"Gt","values":["4"]}]}])", true},
      {R"([{"matchExpressions":[{"key":"gpus","operator":"Lt","values":["4"]}]}])", false},
      {R"([{"matchFields":[{"key":"metadata.name","operator":"In","values":["w"]}]}])", true},
      {R"([{}])", false},  // an empty term is met by nothing
  };
  for (const auto& c : kCases) EXPECT_EQ(unmet_selector(affinity(c.terms), node).empty(), c.met) << c.terms;
  EXPECT_EQ(unmet_selector(affinity(R"([{"matchExpressions":[{"key":"b","operator":"Exists"}]}])"), node),
            "node affinity on b");
}

}  // namespace
}  // namespace tessera::cli

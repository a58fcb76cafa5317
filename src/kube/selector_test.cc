#include "kube/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::kube {
namespace {

using testing::HasSubstr;

const PodLabels kPod = {{"app", "web"}, {"app.kubernetes.io/name", "dcgm-exporter"}, {"empty", ""}};

TEST(Selector, ReadsMatchesAndWritesBack) {
  const struct {
    std::string_view text, query;
    bool holds;
  } kCases[] = {
      {"", "", true},
      {"app=web", "app=web", true},
      {" app == web , empty = ", "app=web,empty=", true},
      {"app!=web", "app!=web", false},
      {"none!=web", "none!=web", true},  // not being there is not being equal
      {"app in (a, web)", "app in (a,web)", true},
      {"app in (web)", "app=web", true},
      {"app notin (a,b)", "app notin (a,b)", true},
      {"none notin (a,b)", "none notin (a,b)", true},
      {"none in (a,b)", "none in (a,b)", false},
      {"app", "app", true},
      {"!app", "!app", false},
      {"!none,empty", "!none,empty", true},
      {"app.kubernetes.io/name=dcgm-exporter,app=other", "app.kubernetes.io/name=dcgm-exporter,app=other", false},
  };
  for (const auto& c : kCases) {
    const auto selector = parse_selector(c.text);
    ASSERT_TRUE(selector) << selector.error().what;
    EXPECT_EQ(to_query(*selector), c.query);
    EXPECT_EQ(first_unmet(*selector, kPod) == nullptr, c.holds) << c.text;
    EXPECT_EQ(*parse_selector(to_query(*selector)), *selector) << c.text;
  }
}

TEST(Selector, SaysWhatIsWrong) {
  const struct {
    std::string_view text, says;
  } kCases[] = {
      {"app=web,", "'' is no label key"},   {"=web", "'' is no label key"},   {"app~web", "expected =, !="},
      {"app in web", "expected '('"},       {"app in (a b)", "expected ')'"}, {"app=web x", "expected a comma at 'x'"},
      {"a//b=c", "'a//b' is no label key"}, {"app=a/b", "'a/b' is no value"}, {"-app", "'-app' is no label key"},
  };
  for (const auto& c : kCases) {
    const auto selector = parse_selector(c.text);
    ASSERT_FALSE(selector) << c.text;
    EXPECT_THAT(selector.error().what, HasSubstr(c.says));
  }
  EXPECT_FALSE(check({"a", Requirement::Operator::Exists, {"b"}}));
  EXPECT_FALSE(check({"a", Requirement::Operator::In, {}}));
}

}  // namespace
}  // namespace tessera::kube

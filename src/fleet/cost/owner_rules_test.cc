#include "fleet/cost/owner_rules.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

TEST(OwnerRules, OfEachFieldTheFirstMatchHolds) {
  const OwnerRules rules = default_owner_rules({"team", "app.kubernetes.io/part-of"});
  static const struct {
    LabelMap pod, space, annotations;
    const char *team, *project, *cost_centre;
  } kCases[] = {
      {{{"team", "vision"}}, {{"team", "ml"}}, {}, "vision", "", ""},
      {{},
       {{"team", "ml"}, {"project", "search"}},
       {{"team", "other"}, {"cost-center", "4711"}},
       "ml",
       "search",
       "4711"},
      {{{"app.kubernetes.io/part-of", "chat"}, {"team", ""}}, {}, {}, "chat", "", ""},
      {{{"cost-centre", "1"}, {"cost-center", "1"}}, {}, {}, "", "", "1"},
      {{}, {}, {}, "", "", ""},
  };
  for (const auto& c : kCases) {
    const OwnerFound found = find_owner(rules, {"ml", &c.pod, &c.space, &c.annotations});
    EXPECT_EQ(found[OwnerField::Team].value, c.team);
    EXPECT_EQ(found[OwnerField::Project].value, c.project);
    EXPECT_EQ(found[OwnerField::CostCentre].value, c.cost_centre);
    EXPECT_EQ(found[OwnerField::Team].rule.has_value(), *c.team != 0) << "what matches nothing says so";
    EXPECT_FALSE(found[OwnerField::CostCentre].contradicted_by);
  }
}

TEST(OwnerRules, SaysWhereTwoOfThemContradict) {
  OwnerRules rules;
  rules.rules = {{OwnerField::Team, "research-*", "", "research"},
                 {OwnerField::Team, "", "team", ""},
                 {OwnerField::Project, "", "grant", "funded"},
                 {OwnerField::Team, "*", "", "everybody"}};
  ASSERT_TRUE(check(rules));
  const LabelMap pod = {{"team", "vision"}, {"grant", "eu-17"}}, none;
  const OwnerFound found = find_owner(rules, {"research-a", &pod, &none, &none});
  EXPECT_EQ(found[OwnerField::Team], (OwnerMatch{"research", 0, 1}));
  EXPECT_EQ(found[OwnerField::Project], (OwnerMatch{"funded", 2, std::nullopt}));
  EXPECT_EQ(find_owner(rules, {"ml", &none, &none, &none})[OwnerField::Team],
            (OwnerMatch{"everybody", 3, std::nullopt}));
}

TEST(OwnerRules, KnowsThePlatformsOwn) {
  OwnerRules rules;
  rules.overhead = {"gpu-operator", "kube-*"};
  EXPECT_TRUE(find_owner(rules, {"kube-system", nullptr, nullptr, nullptr}).overhead);
  EXPECT_FALSE(find_owner(rules, {"ml", nullptr, nullptr, nullptr}).overhead);
}

TEST(OwnerRules, KeepLabelsAsTheyAre) {
  OwnerRules rules;
  rules.keep = {"app", "tier", "example.com/stage"};
  const LabelMap pod = {{"app", "web"}, {"other", "x"}}, space = {{"app", "all"}, {"tier", "gold"}}, none;
  EXPECT_EQ(find_owner(rules, {"ml", &pod, &space, &none}).labels, (LabelMap{{"app", "web"}, {"tier", "gold"}}));
  EXPECT_EQ(find_owner(rules, {"ml", nullptr, nullptr, nullptr}).labels, LabelMap{});
}

/// An annotation may be as long as 256 KiB, and the database tells owners apart by what it says.
TEST(OwnerRules, TakeNoValueThatIsLongerThanALabelsMayBe) {
  OwnerRules rules = default_owner_rules({"team"});
  rules.keep = {"app", "tier"};
  const std::string most(63, 'x'), more(64, 'x');
  const LabelMap space = {{"project", "search"}}, none;
  const LabelMap annotations = {
      {"app", most}, {"tier", more}, {"team", more}, {"project", more}, {"cost-centre", most}};
  const OwnerFound found = find_owner(rules, {"ml", &none, &space, &annotations});
  EXPECT_EQ(found.labels, (LabelMap{{"app", most}}));
  EXPECT_EQ(found[OwnerField::Team], OwnerMatch{});
  EXPECT_EQ(found[OwnerField::Project].value, "search");
  EXPECT_EQ(found[OwnerField::CostCentre].value, most);
}

TEST(OwnerRules, RefuseMoreLabelsThanALineHasRoomFor) {
  const auto kept = [](std::vector<std::string> names) {
    OwnerRules rules;
    rules.keep = std::move(names);
    return check(rules);
  };
  EXPECT_TRUE(kept(std::vector<std::string>(10, std::string(50, 'x'))));
  EXPECT_NE(kept(std::vector<std::string>(11, "x")).error().what.find("11 labels"), std::string::npos);
  EXPECT_NE(kept({std::string(300, 'x'), std::string(201, 'x')}).error().what.find("501 bytes"), std::string::npos);
  EXPECT_NE(kept({"app", ""}).error().what.find("no name"), std::string::npos);
  OwnerRules nameless;
  nameless.keep = {"app", ""};
  EXPECT_FALSE(cost_label(nameless, "")) << "it would be a group by nothing";
}

TEST(OwnerRules, SayWhatIsMeantByALabel) {
  OwnerRules rules = default_owner_rules({"team", "app.kubernetes.io/part-of"});
  rules.rules.push_back({OwnerField::Team, "", "grant", "funded"});
  rules.keep = {"app", "team", "example.com/stage"};
  static const struct {
    const char* name;
    CostKey key;
  } kCases[] = {
      {"app", {CostDimension::Label, "app"}},
      {"team", {CostDimension::Label, "team"}},  // kept as it is, which is more than what a rule makes of it
      {"app.kubernetes.io/part-of", {CostDimension::Team, "app.kubernetes.io/part-of"}},
      {"app_kubernetes_io_part_of", {CostDimension::Team, "app.kubernetes.io/part-of"}},
      {"example_com_stage", {CostDimension::Label, "example.com/stage"}},
      {"project", {CostDimension::Project, "project"}},
      {"cost-center", {CostDimension::CostCentre, "cost-center"}},
  };
  for (const auto& c : kCases) {
    const auto key = cost_label(rules, c.name);
    ASSERT_TRUE(key) << c.name;
    EXPECT_EQ(*key, c.key) << c.name;
  }
  for (const char* other : {"grant", "App", ""}) {
    const auto key = cost_label(rules, other);
    ASSERT_FALSE(key) << other;
    EXPECT_NE(key.error().what.find("app, team, example.com/stage, app.kubernetes.io/part-of, project"),
              std::string::npos)
        << key.error().what;
    EXPECT_NE(key.error().what.find("gpu.management.cost.labels"), std::string::npos);
  }
  EXPECT_NE(cost_label({}, "app").error().what.find("asked for: none"), std::string::npos);
}

TEST(OwnerRules, RefusesARuleThatSaysNothing) {
  OwnerRules rules;
  rules.rules = {{OwnerField::Team, "ml", "", ""}};
  EXPECT_FALSE(check(rules));
}

TEST(OwnerRules, MatchesPatterns) {
  static constexpr struct {
    const char *pattern, *name;
    bool match;
  } kCases[] = {{"ml", "ml", true},         {"ml", "ml2", false},  {"*", "", true},
                {"a*c", "abc", true},       {"a*c", "acd", false}, {"*-prod", "a-prod", true},
                {"a*b*c", "a1b2b3c", true}, {"", "", true},        {"", "x", false},
                {"**", "x", true}};
  for (const auto& c : kCases) EXPECT_EQ(matches(c.pattern, c.name), c.match) << c.pattern << ' ' << c.name;
}

}  // namespace
}  // namespace tessera::fleet

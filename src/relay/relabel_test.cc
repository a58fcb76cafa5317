#include "relay/relabel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tessera::relay {
namespace {

using enum RelabelAction;
using testing::HasSubstr;

const Labels kWeb = to_labels({{"a", "foo"}, {"b", "bar"}, {"c", "baz"}});

Relabel compiled(const RelabelRule& rule) {
  auto out = Relabel::compile(rule);
  EXPECT_TRUE(out) << (out ? "" : out.error().what);
  return *out;
}

RelabelRule rule_of(RelabelAction action, std::vector<std::string> sources, std::string regex, std::string target = "",
                    std::string replacement = "$1") {
  RelabelRule rule;
  rule.action = action;
  rule.source_labels = std::move(sources);
  rule.regex = std::move(regex);
  rule.target_label = std::move(target);
  rule.replacement = std::move(replacement);
  return rule;
}

RelabelRule with_separator(RelabelRule rule, std::string separator) {
  rule.separator = std::move(separator);
  return rule;
}

RelabelRule modulo(std::uint64_t modulus, std::vector<std::string> sources, std::string target) {
  RelabelRule rule = rule_of(HashMod, std::move(sources), "(.*)", std::move(target));
  rule.modulus = modulus;
  return rule;
}

TEST(Labels, AreASet) {
  const Labels labels = to_labels({{"b", "1"}, {"a", "2"}, {"b", "3"}, {"c", ""}, {"a", ""}});
  EXPECT_EQ(labels, (Labels{{"b", "3"}}));
  Labels changed = labels;
  set_label(changed, "a", "x");
  EXPECT_EQ(changed, (Labels{{"a", "x"}, {"b", "3"}}));
  set_label(changed, "a", "");
  erase_label(changed, "none");
  EXPECT_EQ(changed, labels);
  EXPECT_EQ(value_of(changed, "b"), "3");
  EXPECT_EQ(value_of(changed, "z"), "");
  EXPECT_EQ(shown({{"a", "q\"\\\n"}}), "{a=\"q\\\"\\\\\\n\"}");
}

TEST(Relabel, DoesWhatEachActionSays) {
  const struct {
    std::string_view what;
    RelabelRule rule;
    Labels want;  ///< empty: dropped
  } kCases[] = {
      {"the defaults copy",
       rule_of(Replace, {"a"}, "(.*)", "d"),
       {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "foo"}}},
      {"joined by ;",
       rule_of(Replace, {"a", "b"}, "f(.*);(.*)r", "a", "b${1}${2}m"),
       {{"a", "boobam"}, {"b", "bar"}, {"c", "baz"}}},
      {"own separator",
       with_separator(rule_of(Replace, {"a", "b", "none"}, "(.*)", "d"), "--"),
       {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "foo--bar--"}}},
      {"no sources, constant",
       rule_of(Replace, {}, "(.*)", "d", "x"),
       {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "x"}}},
      {"no match leaves all as it is", rule_of(Replace, {"a"}, "o", "b", "x"), kWeb},
      {"anchored at both ends", rule_of(Replace, {"a"}, "fo", "b", "x"), kWeb},
      {"alternatives are anchored too", rule_of(Replace, {"a"}, "f|o|oo", "b", "x"), kWeb},
      {"an empty result deletes", rule_of(Replace, {"a"}, "(f).*", "b", "$2"), {{"a", "foo"}, {"c", "baz"}}},
      {"a missing group is empty",
       rule_of(Replace, {"a"}, "(f).*", "b", "x$9y"),
       {{"a", "foo"}, {"b", "x"}, {"c", "baz"}}},  // $9y is one name
      {"the longest name is meant", rule_of(Replace, {"a"}, "(f).*", "b", "$1x"), {{"a", "foo"}, {"c", "baz"}}},
      {"brackets end a name",
       rule_of(Replace, {"a"}, "(f).*", "b", "${1}x"),
       {{"a", "foo"}, {"b", "fx"}, {"c", "baz"}}},
      {"$0 is the whole", rule_of(Replace, {"a"}, "f.*", "b", "<$0>"), {{"a", "foo"}, {"b", "<foo>"}, {"c", "baz"}}},
      {"$01 is no number", rule_of(Replace, {"a"}, "(f).*", "b", "<${01}>"), {{"a", "foo"}, {"b", "<>"}, {"c", "baz"}}},
      {"named groups",
       rule_of(Replace, {"a"}, "(?P<first>.)(.*)", "b", "$2$first"),
       {{"a", "foo"}, {"b", "oof"}, {"c", "baz"}}},
      {"named groups, new form",
       rule_of(Replace, {"a"}, "(?<first>.)(.*)", "b", "${2}_$first"),
       {{"a", "foo"}, {"b", "oo_f"}, {"c", "baz"}}},
      {"$$ is a dollar", rule_of(Replace, {"a"}, "(f).*", "b", "$$1$"), {{"a", "foo"}, {"b", "$1$"}, {"c", "baz"}}},
      {"what is no reference stays",
       rule_of(Replace, {"a"}, "(f).*", "b", "${1 $-"),
       {{"a", "foo"}, {"b", "${1 $-"}, {"c", "baz"}}},
      {"a target from the match",
       rule_of(Replace, {"a"}, "(f)(.*)", "x_${1}", "$2"),
       {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"x_f", "oo"}}},
      {"a target that is no name is left", rule_of(Replace, {"a"}, "(x)?.*", "${1}", "y"), kWeb},
      {"keep", rule_of(Keep, {"a"}, "f.*"), kWeb},
      {"keep drops", rule_of(Keep, {"a"}, "o.*"), {}},
      {"keep of a missing label", rule_of(Keep, {"none"}, ""), kWeb},
      {"drop", rule_of(Drop, {"a", "b"}, "foo;bar"), {}},
      {"drop keeps", rule_of(Drop, {"a"}, "fo"), kWeb},
      {"keepequal drops", rule_of(KeepEqual, {"a"}, "(.*)", "b"), {}},
      {"keepequal", rule_of(KeepEqual, {"a"}, "(.*)", "a"), kWeb},
      {"dropequal", rule_of(DropEqual, {"a"}, "(.*)", "a"), {}},
      {"dropequal keeps", rule_of(DropEqual, {"a"}, "(.*)", "b"), kWeb},
      {"labelmap",
       rule_of(LabelMap, {}, "(b|c)", "", "x_$1"),
       {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"x_b", "bar"}, {"x_c", "baz"}}},
      {"labelmap looks at the names of before",
       rule_of(LabelMap, {}, "(.)", "", "a$1"),
       {{"a", "foo"}, {"aa", "foo"}, {"ab", "bar"}, {"ac", "baz"}, {"b", "bar"}, {"c", "baz"}}},
      {"labeldrop", rule_of(LabelDrop, {}, "a|c"), {{"b", "bar"}}},
      {"labelkeep", rule_of(LabelKeep, {}, "a|c"), {{"a", "foo"}, {"c", "baz"}}},
      {"uppercase", rule_of(Uppercase, {"a", "b"}, "(.*)", "a"), {{"a", "FOO;BAR"}, {"b", "bar"}, {"c", "baz"}}},
      {"lowercase of nothing deletes", rule_of(Lowercase, {"none"}, "(.*)", "a"), {{"b", "bar"}, {"c", "baz"}}},
  };
  for (const auto& c : kCases) {
    Labels labels = kWeb;
    const bool kept = compiled(c.rule).apply(labels);
    EXPECT_EQ(kept, !c.want.empty()) << c.what;
    if (kept) {
      EXPECT_EQ(labels, c.want) << c.what << ": " << shown(labels);
    }
  }
}

TEST(Relabel, HashesAsPrometheusDoes) {  // the last eight bytes of the MD5, big-endian: from md5sum
  const struct {
    std::string_view value;
    std::uint64_t modulus;
    std::string_view want;
  } kCases[] = {{"foo", 1'000, "696"}, {"", 1, "0"}, {"foo", 18'446'744'073'709'551'615U, "17145033699835028696"}};
  for (const auto& c : kCases) {
    Labels labels = to_labels({{"a", std::string(c.value)}});
    EXPECT_TRUE(compiled(modulo(c.modulus, {"a"}, "d")).apply(labels));
    EXPECT_EQ(value_of(labels, "d"), c.want);
  }
}

TEST(Relabel, DotMatchesNewlinesAndCaseIsUnicode) {
  Labels labels = to_labels({{"a", "x\ny"}, {"b", "Straße ÄÖ Ω"}, {"c", "bad\xFF"}});
  EXPECT_TRUE(compiled(rule_of(Keep, {"a"}, "x.y")).apply(labels));
  EXPECT_TRUE(compiled(rule_of(Lowercase, {"b"}, "(.*)", "d")).apply(labels));
  EXPECT_EQ(value_of(labels, "d"), "straße äö ω");
  EXPECT_TRUE(compiled(rule_of(Uppercase, {"c"}, "(.*)", "c")).apply(labels));
  EXPECT_EQ(value_of(labels, "c"), "BAD\xEF\xBF\xBD");
}

TEST(Relabel, RefusesWhatARuleCannotMean) {
  const struct {
    RelabelRule rule;
    std::string_view says;
  } kCases[] = {
      {rule_of(Replace, {"a"}, "(.*)"), "needs a target label"},
      {rule_of(Replace, {"a"}, "(", "b"), "missing )"},
      {rule_of(Replace, {"a"}, "a)(b", "b"), "regex 'a)(b'"},
      {rule_of(Replace, {"a"}, "(?=x)", "b"), "look-around"},
      {rule_of(Replace, {"a"}, std::string(70'000, 'a'), "b"), "longer than"},
      {rule_of(Replace, {"a"}, "(.*)", "b-c"), "'b-c' is no label name"},
      {rule_of(Replace, {"a"}, "(.*)", "$"), "is no label name"},
      {rule_of(Lowercase, {"a"}, "(.*)", "${1}"), "is no label name"},
      {rule_of(Lowercase, {"a"}, "(.*)", "b", "x"), "no use for a replacement"},
      {rule_of(KeepEqual, {"a"}, "(.*)"), "needs a target label"},
      {rule_of(KeepEqual, {"a"}, "x", "b"), "no use for a regex"},
      {with_separator(rule_of(DropEqual, {"a"}, "(.*)", "b"), ","), "no use for a separator"},
      {rule_of(LabelDrop, {"a"}, "x"), "no use for a source label"},
      {rule_of(LabelKeep, {}, "x", "b"), "no use for a target label"},
      {rule_of(LabelMap, {}, "x", "", "a-b"), "gives no label name"},
      {modulo(0, {"a"}, "b"), "modulus of at least 1"},
  };
  for (const auto& c : kCases) {
    const auto got = Relabel::compile(c.rule);
    ASSERT_FALSE(got) << c.says;
    EXPECT_THAT(got.error().what, HasSubstr(c.says));
  }
  EXPECT_THAT(relabel_action("kep").error().what, HasSubstr("no such relabelling action 'kep'"));
  EXPECT_EQ(*relabel_action("LabelMap"), LabelMap);
}

TEST(Relabel, ExplainsStepByStepUntilTheDrop) {
  const RelabelRules rules = {compiled(rule_of(Replace, {"a"}, "(.*)", "d")),
                              compiled(rule_of(Keep, {"d", "b"}, "x;bar")),
                              compiled(rule_of(Replace, {"a"}, "(.*)", "e"))};
  const auto steps = explain(rules, kWeb);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].rule, "replace a -> d = \"$1\"");
  EXPECT_EQ(value_of(steps[0].after, "d"), "foo");
  EXPECT_FALSE(steps[0].dropped);
  EXPECT_EQ(steps[1].rule, "keep d,b =~ \"x;bar\"");
  EXPECT_EQ(steps[1].value, "foo;bar");
  EXPECT_TRUE(steps[1].dropped);
  Labels labels = kWeb;
  EXPECT_FALSE(relabel(rules, labels));
}

}  // namespace
}  // namespace tessera::relay

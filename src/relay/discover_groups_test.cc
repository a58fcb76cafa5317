#include "relay/discover_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::relay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(TargetGroups, ReadsJsonAndYamlAlike) {
  const auto json = parse_target_groups(
      "[\n\t{\"targets\": [\"a:1\", \"[::1]:2\"], \"labels\": {\"__meta_x\": \"\\u00e9\\/\", \"b\": \"\"}},\n\t{}\n]",
      "sd", true);
  ASSERT_TRUE(json) << json.error().what;
  const auto yaml =
      parse_target_groups("- targets: [a:1, '[::1]:2']\n  labels: {__meta_x: é/, b: ''}\n- {}", "sd", false);
  ASSERT_TRUE(yaml) << yaml.error().what;
  EXPECT_EQ(*json, *yaml);
  EXPECT_EQ((*json)[0].labels, (Labels{{"__meta_x", "é/"}}));
  EXPECT_TRUE(parse_target_groups("[]", "sd", true)->empty());
  EXPECT_TRUE(parse_target_groups("", "sd", false)->empty());
}

TEST(TargetGroups, AreStrict) {
  const struct {
    std::string_view text;
    bool is_json;
    std::string_view says;
  } kCases[] = {
      {"", true, "expected a JSON list"},
      {"{}", true, "expected a JSON list"},
      {"[{}", true, "expected a JSON list"},
      {"[[[[[[[[[[[]]]]]]]]]]]", true, "expected a JSON list"},
      {"[1]", true, "[0]: expected an object"},
      {R"([{"targets": "a"}])", true, "[0].targets: expected a list"},
      {R"([{"targets": [1]}])", true, "expected addresses"},
      {R"([{}, {"targets": ["http://a"]}])", true, "[1].targets: 'http://a': expected host:port without a scheme"},
      {R"([{"targets": [""]}])", true, "empty"},
      {R"([{"labels": {"a-b": "c"}}])", true, "'a-b' is no label name"},
      {R"([{"labels": {"a": 1}}])", true, "no string"},
      {R"([{"target": []}])", true, "[0].target: this key is not known"},
      {"- targets: a", false, "targets: expected a list"},
      {"- targets: [a/b]", false, "sd:1:13"},
      {"a: b", false, "expected a list"},
      {"- target: []", false, "did you mean 'targets'?"},
  };
  for (const auto& c : kCases) {
    const auto got = parse_target_groups(c.text, "sd", c.is_json);
    ASSERT_FALSE(got) << c.text;
    EXPECT_THAT(got.error().what, StartsWith("sd:"));
    EXPECT_THAT(got.error().what, HasSubstr(c.says)) << c.text;
  }
}

}  // namespace
}  // namespace tessera::relay

// The alert rules: as promtool reads and runs them, over metrics that there are, and in the chart as they are.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/files.h"
#include "tests/deploy/rendered.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

const std::string kRules = TESSERA_SOURCE_DIR "/deploy/prometheus/tessera.rules.yaml";

std::string text_of(const std::string& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text) << path;
  return text ? *std::move(text) : "";
}

TEST(Rules, FireWhereTheyMustAndNowhereElse) {
  const std::string promtool = peer("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is missing: ./dev unpacks it with prometheus";
  const Finished checked = run({promtool, "check", "rules", kRules});
  EXPECT_EQ(checked.code, 0) << checked.output;
  const std::string tests = TESSERA_SOURCE_DIR "/deploy/prometheus/tests/tessera.test.yaml";
  const Finished tested = run({promtool, "test", "rules", tests});
  EXPECT_EQ(tested.code, 0) << tested.output;
  // Each alert is one of those that are tested.
  const std::string text = text_of(tests);
  const YAML::Node groups = YAML::Load(text_of(kRules))["groups"];
  for (const auto& rule : groups[0]["rules"])
    EXPECT_THAT(text, testing::HasSubstr(fmt::format("alertname: {}", rule["alert"].as<std::string>())));
}

TEST(Rules, StandOnMetricsThatThereAre) {
  const std::string reference = text_of(TESSERA_SOURCE_DIR "/docs/metrics.md");
  const std::string text = text_of(kRules);
  static const std::regex kMetric("tessera_(agent|operator|relay|server)_[a-z_]+");
  std::size_t count = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), kMetric), end; at != end; ++at, ++count)
    EXPECT_THAT(reference, testing::HasSubstr(fmt::format("`{}`", at->str())));
  EXPECT_GT(count, 5U);
}

TEST(Rules, AreInTheChartAsTheyAre) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  const auto rendered = [](const std::string& kind) {
    return Objects(
        run_helm({"template", "tessera"}, "rules: {enabled: true, labels: {release: p}, kind: " + kind + "}").output);
  };
  const Objects rule = rendered("PrometheusRule"), map = rendered("ConfigMap");
  ASSERT_EQ(rule.of("PrometheusRule").size(), 1U);
  const std::string whole = YAML::Dump(YAML::Load(text_of(kRules))["groups"]);
  EXPECT_EQ(YAML::Dump(rule.of("PrometheusRule")[0]["spec"]["groups"]), whole);
  EXPECT_EQ(rule.at("PrometheusRule/tessera-rules:metadata.labels.release"), "p");
  EXPECT_EQ(YAML::Dump(YAML::Load(map.at("ConfigMap/tessera-rules:data.tessera\\.rules\\.yaml"))["groups"]), whole);
}

}  // namespace
}  // namespace tessera::e2e

// The alert rules: as promtool reads and runs them, over metrics that there are, and in the chart as they are.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <tuple>

#include "base/files.h"
#include "fleet/alerts/rule.h"
#include "fleet/inventory/xids.h"
#include "tests/deploy/rendered.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

const std::string kFolder = TESSERA_SOURCE_DIR "/deploy/prometheus/";
const std::string kRules = kFolder + "tessera.rules.yaml", kGpuRules = kFolder + "gpu.rules.yaml";

std::string text_of(const std::string& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text) << path;
  return text ? *std::move(text) : "";
}

/// Alerts of all groups, by name.
std::map<std::string, YAML::Node> alerts_in(const std::string& path) {
  std::map<std::string, YAML::Node> out;
  for (const auto& group : YAML::Load(text_of(path))["groups"])
    for (const auto& rule : group["rules"]) {
      if (!rule["alert"]) continue;
      EXPECT_TRUE(out.try_emplace(rule["alert"].as<std::string>(), rule).second) << rule["alert"] << " is there twice";
    }
  return out;
}

TEST(Rules, FireWhereTheyMustAndNowhereElse) {
  const std::string promtool = peer("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is missing: ./dev unpacks it with prometheus";
  const std::pair<std::string, std::vector<std::string>> kTests[] = {{kRules, {"tessera"}},
                                                                     {kGpuRules, {"gpu", "gpu.weeks"}}};
  for (const auto& [rules, names] : kTests) {
    const Finished checked = run({promtool, "check", "rules", rules});
    EXPECT_EQ(checked.code, 0) << checked.output;
    std::string text;
    for (const std::string& name : names) {
      const std::string tests = kFolder + "tests/" + name + ".test.yaml";
      const Finished tested = run({promtool, "test", "rules", tests});
      EXPECT_EQ(tested.code, 0) << tested.output;
      text += text_of(tests);
    }
    // Each alert is tested where it fires and where it is silent.
    for (const auto& [alert, rule] : alerts_in(rules)) {
      EXPECT_THAT(text, testing::HasSubstr(fmt::format("alertname: {}\n        exp_alerts:\n", alert)));
      EXPECT_THAT(text, testing::HasSubstr(fmt::format("alertname: {}, exp_alerts: []", alert)));
    }
  }
}

namespace alerts = fleet::alerts;

/// What is compared with a threshold: without what else has to hold, and the `unless` of those who are excepted.
std::string compared(const YAML::Node& alert) {
  const auto all = alert["expr"].as<std::string>();
  return all.substr(0, std::min(all.find("\nunless "), all.find("\nand ")));
}

std::string text_at(const YAML::Node& rule, const char* key) {
  return rule[key] ? rule[key].as<std::string>() : std::string("0s");
}

TEST(Rules, AreThoseOfTheServersTable) {
  const auto told = alerts_in(kGpuRules);
  std::size_t expected = 0;
  for (const alerts::Rule& rule : alerts::builtin_rules()) {
    const auto found = told.find(rule.name);
    ASSERT_EQ(found != told.end(), rule.in_promql) << rule.name;
    if (!rule.in_promql) continue;
    ++expected;
    const YAML::Node& alert = found->second;
    EXPECT_THAT(compared(alert), testing::EndsWith(fmt::format(
                                     " {} {}", rule.beyond == alerts::Beyond::Above ? ">" : "<", rule.threshold)));
    EXPECT_EQ(text_at(alert, "for"), format_duration(rule.hold_for)) << rule.name;
    EXPECT_EQ(text_at(alert, "keep_firing_for"), format_duration(rule.keep_firing)) << rule.name;
    EXPECT_EQ(alert["labels"]["severity"].as<std::string>(), fleet::severity_name(rule.severity)) << rule.name;
    EXPECT_EQ(alert["annotations"]["runbook_url"].as<std::string>(), alerts::runbook_of(rule, "docs/"));
  }
  EXPECT_EQ(told.size(), expected) << "and no others";
}

/// `48|62`, in the order of the table.
std::string codes(fleet::Blame blame) { return fmt::format("{}", fmt::join(fleet::codes_of(blame), "|")); }

TEST(Rules, BlameXidsAsTheServerDoes) {
  const auto told = alerts_in(kGpuRules);
  const auto expression = [&](const char* name) { return told.at(name)["expr"].as<std::string>(); };
  const std::string device = codes(fleet::Blame::Device), application = codes(fleet::Blame::Application);
  EXPECT_THAT(expression("GPUXidDevice"), testing::HasSubstr("xid=~\"" + device + "\"}["));
  EXPECT_THAT(expression("GPUXidApplication"), testing::HasSubstr("xid=~\"" + application + "\"}["));
  EXPECT_THAT(expression("GPUXidOther"), testing::HasSubstr("xid!~\"" + device + "|" + application + "\"}["));
}

TEST(Rules, StandOnMetricsThatThereAre) {
  const std::string reference = text_of(TESSERA_SOURCE_DIR "/docs/metrics.md");
  // Of a recorded name, gpu:power_limit_ratio:busy, no part is a metric.
  static const std::regex kName("[A-Za-z_:][A-Za-z0-9_:]*"), kOurs("(tessera|gpu|DCGM_FI)_.*[a-zA-Z]");
  for (const std::string& rules : {kRules, kGpuRules}) {
    std::size_t count = 0;
    for (const auto& group : YAML::Load(text_of(rules))["groups"])
      for (const auto& rule : group["rules"]) {
        const std::string text = rule["expr"].as<std::string>();
        for (std::sregex_iterator at(text.begin(), text.end(), kName), end; at != end; ++at) {
          if (!std::regex_match(at->str(), kOurs)) continue;
          ++count;
          EXPECT_THAT(reference, testing::HasSubstr(fmt::format("`{}`", at->str())));
        }
      }
    EXPECT_GT(count, 5U);
  }
}

/// docs/configuration.md has the settings' defaults, by a test of its own.
TEST(Rules, LeaveOutThePlatformsNamespacesAsTheServerDoes) {
  const std::string reference = text_of(TESSERA_SOURCE_DIR "/docs/configuration.md"), rules = text_of(kGpuRules);
  static const std::regex kRow("`gpu.management.cost.platform-namespaces` \\| [^|]* \\| ([^|]*) \\|"), kComma(", ");
  std::smatch row;
  ASSERT_TRUE(std::regex_search(reference, row, kRow));
  const std::string expected = std::regex_replace(row[1].str(), kComma, "|");
  static const std::regex kSelector("namespace!~\"([^\"]*)\"");
  int selectors = 0;
  for (std::sregex_iterator at(rules.begin(), rules.end(), kSelector), end; at != end; ++at, ++selectors)
    EXPECT_EQ((*at)[1], expected);
  EXPECT_GT(selectors, 3);
}

TEST(Rules, AreInTheChartAsTheyAre) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  const auto rendered = [](const std::string& kind) {
    return Objects(
        run_helm({"template", "tessera"}, "rules: {enabled: true, labels: {release: p}, kind: " + kind + "}").output);
  };
  const Objects rule = rendered("PrometheusRule"), map = rendered("ConfigMap");
  ASSERT_EQ(rule.of("PrometheusRule").size(), 2U);
  const std::tuple<std::string, std::string, std::string> kFiles[] = {
      {kRules, "tessera-rules", "tessera\\.rules\\.yaml"}, {kGpuRules, "tessera-gpu-rules", "gpu\\.rules\\.yaml"}};
  for (const auto& [path, name, key] : kFiles) {
    const std::string whole = YAML::Dump(YAML::Load(text_of(path))["groups"]);
    bool found = false;
    for (const YAML::Node& one : rule.of("PrometheusRule")) {
      if (one["metadata"]["name"].as<std::string>() != name) continue;
      found = true;
      EXPECT_EQ(YAML::Dump(one["spec"]["groups"]), whole);
    }
    EXPECT_TRUE(found) << name;
    EXPECT_EQ(rule.at("PrometheusRule/" + name + ":metadata.labels.release"), "p");
    EXPECT_EQ(YAML::Dump(YAML::Load(map.at("ConfigMap/" + name + ":data." + key))["groups"]), whole);
  }
}

}  // namespace
}  // namespace tessera::e2e

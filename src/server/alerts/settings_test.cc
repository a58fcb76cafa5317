#include "server/alerts/settings.h"

#include <fmt/ranges.h>

#include "server/alerts/alerts_test.h"
#include "server/settings.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

TEST(AlertSettings, ChangeWhatIsBuiltIn) {
  const auto read = [](const std::string& text) {
    AlertSettings out;
    auto done = read_alert_rules(must(config::load(text, "s.yaml")), out);
    return done ? Result<AlertSettings>(out) : Result<AlertSettings>(done.error());
  };
  const auto changed =
      must(read("- {name: GPUOverheating, threshold: 90, for: 10m, severity: info, scope: {cluster: a}}\n"
                "- {name: HighGPUUsage, enabled: false}\n"));
  const auto& hot = changed.rules[0];
  EXPECT_EQ(hot.threshold, 90);
  EXPECT_EQ(hot.clear, 85) << "as far from it as before";
  EXPECT_EQ(hot.hold_for, std::chrono::minutes(10));
  EXPECT_EQ(hot.severity, fleet::Severity::Info);
  EXPECT_EQ(hot.scope.size(), 1U);
  EXPECT_FALSE(hot.action);
  const auto acting =
      must(read("- {name: GPUOverheating, action: {do: cordon}}\n"
                "- {name: GPUXidDevice, action: {do: webhook, dry-run: false, url-file: /u}}\n"));
  EXPECT_EQ(acting.rules[0].action, (fleet::alerts::Action{fleet::alerts::Deed::Cordon, true}));
  const auto& xid = *std::ranges::find(acting.rules, "GPUXidDevice", &fleet::alerts::Rule::name);
  EXPECT_EQ(xid.action, (fleet::alerts::Action{fleet::alerts::Deed::Webhook, false, "/u"}));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: reboot}}").error().what, HasSubstr("cordon"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {dry-run: true}}").error().what, HasSubstr("do"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: webhook}}").error().what, HasSubstr("url-file"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: taint, url-file: /u}}").error().what, HasSubstr("url-file"));
  EXPECT_THAT(read("- {name: GPUNodeSilent, action: {do: exclude}}").error().what, HasSubstr("is about a node"));
  EXPECT_THAT(read("- {name: HighGPUUsage, action: {do: cordon}}").error().what, HasSubstr("is about a cluster"));
  const auto copied =
      must(read("- {name: GPUOverheating, threshold: 90, scope: {cluster: prod}}\n"
                "- {name: GPUOverheating, as: DevOverheating, for: 1m, severity: info, scope: {cluster: dev}, runbook: "
                "'https://wiki/dev'}\n"));
  const auto& copy = copied.rules.back();
  EXPECT_EQ(copied.rules.size(), fleet::alerts::builtin_rules().size() + 1);
  EXPECT_EQ(copy.name, "DevOverheating");
  EXPECT_EQ(copy.original(), "GPUOverheating");
  EXPECT_EQ(copy.threshold, 85) << "as it is built in";
  EXPECT_EQ(copy.hold_for, std::chrono::minutes(1));
  EXPECT_EQ(copy.scope, (std::vector<fleet::alerts::Matcher>{{"cluster", "dev"}}));
  EXPECT_EQ(runbook_of(copy, "docs/"), "https://wiki/dev");
  EXPECT_EQ(runbook_of(copied.rules[0], "docs/"), "docs/alerts.md#gpuoverheating");
  EXPECT_EQ(copied.rules[0].threshold, 90);
  EXPECT_THAT(read("- {name: GPUOverheating, as: HighGPUUsage}").error().what, HasSubstr("already"));
  EXPECT_THAT(read("- {name: GPUOverheating, as: A}\n- {name: GPUNearSlowdown, as: A}").error().what,
              HasSubstr("already"));
  for (const std::string& bad : std::vector<std::string>{"''", "'a b'", "9a", "a_", "ü", std::string(64, 'a')})
    EXPECT_THAT(read("- {name: GPUOverheating, as: " + bad + "}").error().what, HasSubstr("as: ")) << bad;
  EXPECT_THAT(read("- {name: GPUOverheatin}").error().what, HasSubstr("did you mean 'GPUOverheating'"));
  EXPECT_THAT(read("- {name: GPUOverheating, clear: 99}").error().what, HasSubstr("clear"));
  EXPECT_THAT(read("- {name: GPUOverheating, treshold: 9}").error().what, HasSubstr("threshold"));
}

/// The table says what is so where nobody says otherwise.
TEST(AlertSettings, KnowThePlatformsNamespaces) {
  const auto rows = setting_rows();
  const auto row = std::ranges::find(rows, "gpu.management.cost.platform-namespaces", &SettingRow::key);
  ASSERT_NE(row, rows.end());
  const auto known = CostSettings().platform_namespaces;
  EXPECT_EQ(row->fallback, fmt::format("{}", fmt::join(known, ", ")));
  EXPECT_THAT(known, testing::Contains("nvidia-device-plugin")) << "where its chart is installed, with MPS";
}

}  // namespace
}  // namespace tessera::server

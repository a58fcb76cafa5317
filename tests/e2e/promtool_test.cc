// promtool reads every page, and its lint finds nothing but the names that compatibility fixes.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

/// Names fixed by dcgm-exporter, by pages in use, or by field terms that end like a type ("sm_count").
bool fixed_name(std::string_view name) {
  static constexpr std::string_view kFixed[] = {"gpu_session_count", "gpu_total_sessions", "gpu_device_sm_count",
                                                "gpu_instance_sm_count"};
  return name.starts_with("DCGM_FI_") || std::find(std::begin(kFixed), std::end(kFixed), name) != std::end(kFixed);
}

Finished check_metrics(const std::string& page) {
  const TempDir dir;
  const std::string file = (dir.path() / "page").string();
  EXPECT_TRUE(write_file_atomically(file, page));
  return run({"/bin/sh", "-c", peer("promtool") + " check metrics < " + file});
}

class Promtool : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (peer("promtool").empty()) GTEST_SKIP() << "promtool is neither in TESSERA_PEERS nor on the PATH";
  }
};

TEST_P(Promtool, ReadsThePageAndItsLintIsClean) {
  const Node node(scenario(GetParam()));
  Agent agent(node, {"--session-memory-label", "true"});
  ASSERT_TRUE(
      eventually([&] { return series(agent.metrics(), "tessera_agent_collections_total", {" 3"}).size() == 1; }));
  const Finished checked = check_metrics(agent.metrics());
  EXPECT_EQ(checked.output.find("error while linting"), std::string::npos) << checked.output;
  for (const auto line : split(checked.output, '\n'))
    EXPECT_TRUE(line.empty() || fixed_name(line.substr(0, line.find(' ')))) << line;
  EXPECT_NE(checked.code, 1) << checked.output;  // 1: cannot be read; 3: lint findings
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Promtool,
                         testing::Values("default", "mig_weighted", "mixed_models", "busy", "bench", "thousand"),
                         [](const auto& scenario_name) { return std::string(scenario_name.param); });

TEST_F(Promtool, RefusesWhatIsNotAPage) { EXPECT_EQ(check_metrics("a{b=} 1\n").code, 1); }

}  // namespace
}  // namespace tessera::e2e

// promtool reads every page, and its lint finds nothing but the names that compatibility fixes.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

/// Names fixed by dcgm-exporter (dcgm_ are those of its version 1, which a CSV may ask for), by pages in use, or by
/// field terms that end like a type ("sm_count").
bool fixed_name(std::string_view name) {
  static constexpr std::string_view kFixed[] = {"gpu_session_count", "gpu_total_sessions", "gpu_device_sm_count",
                                                "gpu_instance_sm_count"};
  return name.starts_with("DCGM_FI_") || name.starts_with("dcgm_") ||
         std::find(std::begin(kFixed), std::end(kFixed), name) != std::end(kFixed);
}

Finished check_metrics(const std::string& page) {
  const TempDir dir;
  const std::string file = (dir.path() / "page").string();
  EXPECT_TRUE(write_file_atomically(file, page));
  return run({"/bin/sh", "-c", peer("promtool") + " check metrics < " + file});
}

void expect_clean(const std::string& page) {
  const Finished checked = check_metrics(page);
  EXPECT_EQ(checked.output.find("error while linting"), std::string::npos) << checked.output;
  for (const auto line : split(checked.output, '\n'))
    EXPECT_TRUE(line.empty() || fixed_name(line.substr(0, line.find(' ')))) << line;
  EXPECT_NE(checked.code, 1) << checked.output;  // 1: cannot be read; 3: lint findings
}

struct Shown {
  const char* name;
  const char* scenario;
  std::vector<std::string> flags;
};
void PrintTo(const Shown& shown, std::ostream* out) { *out << shown.name; }

class Promtool : public testing::TestWithParam<Shown> {
 protected:
  void SetUp() override {
    if (peer("promtool").empty()) GTEST_SKIP() << "promtool is neither in TESSERA_PEERS nor on the PATH";
  }
};

TEST_P(Promtool, ReadsThePageAndTheTextfileAndTheirLintIsClean) {
  const TempDir dir;
  const std::string textfile = (dir.path() / "gpu_sessions.prom").string();
  auto flags = GetParam().flags;
  flags.insert(flags.end(), {"--textfile", textfile});
  const Node node(scenario(GetParam().scenario));
  Agent agent(node, flags);
  ASSERT_TRUE(eventually([&] {
    const auto count = series(agent.metrics(), "tessera_agent_collections_total");
    return count.size() == 1 && value_of(count[0]) >= 3;
  }));
  expect_clean(agent.metrics());
  const auto written = read_file(textfile);
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_FALSE(series(*written, "gpu_process_info").empty());
  expect_clean(*written);
}

const std::vector<std::string> kMemoryLabel{"--session-memory-label", "true"};
INSTANTIATE_TEST_SUITE_P(Scenarios, Promtool,
                         testing::Values(Shown{"default", "default", kMemoryLabel},
                                         Shown{"mig_weighted", "mig_weighted", kMemoryLabel},
                                         Shown{"mixed_models", "mixed_models", kMemoryLabel},
                                         Shown{"busy", "busy", kMemoryLabel}, Shown{"bench", "bench", kMemoryLabel},
                                         Shown{"thousand", "thousand", kMemoryLabel}, Shown{"no_flags", "default", {}},
                                         Shown{"sessions_by_command", "busy", {"--session-labels", "command"}},
                                         Shown{"sessions_by_pid", "busy", {"--session-labels", "pid"}},
                                         Shown{"sessions_summed", "busy", {"--session-labels", "none"}},
                                         Shown{"later_names", "mixed_models", {"--dcgm-names", "4.9"}},
                                         Shown{"lower_hostname", "default", {"--hostname-label", "hostname"}},
                                         Shown{"no_hostname", "default", {"--no-hostname"}}),
                         [](const auto& shown) { return std::string(shown.param.name); });

TEST_F(Promtool, ReadsTheFirstNamesOfFieldsToo) {
  const TempDir dir;
  const std::string fields = (dir.path() / "fields.csv").string();
  ASSERT_TRUE(write_file_atomically(fields,
                                    "dcgm_gpu_temp, gauge, Temperature.\n"
                                    "dcgm_total_energy_consumption, counter, Energy.\n"));
  const Node node(scenario("default"));
  Agent agent(node, {"-f", fields});
  const std::string page = agent.metrics();
  EXPECT_FALSE(series(page, "dcgm_gpu_temp").empty());
  expect_clean(page);
}

TEST_F(Promtool, RefusesWhatIsNotAPage) { EXPECT_EQ(check_metrics("a{b=} 1\n").code, 1); }

}  // namespace
}  // namespace tessera::e2e

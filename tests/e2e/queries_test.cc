// The queries that users of such series run, in Debian's Prometheus, against a scenario whose answers are known.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {

class Queries : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (peer("prometheus").empty()) return;
    node_ = std::make_unique<Node>(std::filesystem::path(TESSERA_SOURCE_DIR "/tests/e2e/scenarios/queries.yaml"));
    agent_ = std::make_unique<Agent>(*node_, std::vector<std::string>{"--session-memory-label", "true"});
    prometheus_ = Prometheus::scraping({agent_->address()});
    ASSERT_TRUE(prometheus_->scraped(4));
  }
  static void TearDownTestSuite() {
    prometheus_.reset();
    agent_.reset();
    node_.reset();
  }
  void SetUp() override {
    if (!prometheus_) GTEST_SKIP() << "prometheus is neither in TESSERA_PEERS nor on the PATH";
  }

  static std::vector<Vector> ask(const std::string& promql) { return prometheus_->query(promql); }
  static double one(const std::string& promql) {
    const auto result = ask(promql);
    EXPECT_EQ(result.size(), 1U) << promql;
    return result.empty() ? -1 : result[0].value;
  }

  static std::unique_ptr<Node> node_;
  static std::unique_ptr<Agent> agent_;
  static std::unique_ptr<Prometheus> prometheus_;
};
std::unique_ptr<Node> Queries::node_;
std::unique_ptr<Agent> Queries::agent_;
std::unique_ptr<Prometheus> Queries::prometheus_;

TEST_F(Queries, SessionCountsPerDeviceAndInstance) {
  std::map<std::string, double> counts;
  for (const auto& row : ask("gpu_session_count")) counts[row.labels.at("gpu")] = row.value;
  std::vector<double> values;
  for (const auto& [gpu, count] : counts) values.push_back(count);
  ASSERT_EQ(counts.size(), 5U) << "two whole devices and three instances; the device in MIG mode has no row of its own";
  EXPECT_EQ(counts["0"], 2);
  EXPECT_EQ(counts["1"], 0);
  EXPECT_FALSE(counts.contains("2"));
  EXPECT_EQ(std::ranges::count(values, 2), 2);
  EXPECT_EQ(std::ranges::count(values, 0), 3);
}

TEST_F(Queries, TotalsAgree) {
  EXPECT_EQ(one("gpu_total_sessions"), 4);
  EXPECT_EQ(one("sum(gpu_session_count)"), 4);
  EXPECT_EQ(one("sum(gpu_session_count) - scalar(gpu_total_sessions)"), 0);
}

TEST_F(Queries, BusyShareAndTheFormInCirculation) {
  EXPECT_EQ(one("count(gpu_session_count > 0) / count(gpu_session_count)"), 0.4);
  EXPECT_EQ(one("(sum(gpu_session_count) / count(gpu_session_count)) * 100"), 80)
      << "sessions per row, not a busy share";
  EXPECT_EQ(one("count(gpu_session_count) / count(gpu_session_count)"), 1) << "without > 0 it says nothing";
}

TEST_F(Queries, IdleRows) {
  EXPECT_EQ(one("count(gpu_session_count == 0)"), 3);
  EXPECT_EQ(ask("gpu_process_info{status=\"idle\"}").size(), 3U);
  for (const auto& row : ask("gpu_process_info{status=\"idle\"}")) {
    EXPECT_FALSE(row.labels.contains("pid"));
    EXPECT_EQ(row.labels.at("gpu_memory"), "0MiB");
  }
}

TEST_F(Queries, ActiveRowsHaveTheScenariosPids) {
  std::vector<std::string> pids;
  for (const auto& row : ask("gpu_process_info{status=\"active\"}")) pids.push_back(row.labels.at("pid"));
  std::ranges::sort(pids);
  EXPECT_EQ(pids, (std::vector<std::string>{"4101", "4205", "5301", "5302"}));
  EXPECT_EQ(ask("gpu_process_info{status=\"active\", gpu_memory!=\"0MiB\"}").size(), 4U);
  EXPECT_EQ(ask("gpu_process_info{status=\"active\", pod!=\"unknown\"}").size(), 3U);
  EXPECT_EQ(ask("gpu_process_info{gpu=~\".*_.*_.*\"}").size(), 4U)
      << "two processes on one instance, two idle instances";
}

TEST_F(Queries, ProcessesPerNamespace) {
  std::map<std::string, double> sums;
  for (const auto& row : ask("sum by (namespace) (gpu_process_info{status=\"active\"})"))
    sums[row.labels.contains("namespace") ? row.labels.at("namespace") : ""] = row.value;
  EXPECT_EQ(sums, (std::map<std::string, double>{{"", 1}, {"ml", 1}, {"serving", 2}}));
}

TEST_F(Queries, MemoryPerPod) {
  std::map<std::string, double> bytes;
  for (const auto& row : ask("sum by (namespace, pod) (gpu_process_memory_used_bytes)"))
    bytes[row.labels.at("pod")] = row.value;
  constexpr double kGiB = 1U << 30U;
  EXPECT_EQ(bytes["trainer-0"], 41 * kGiB);
  EXPECT_EQ(bytes["llm-0"], 8.5 * kGiB);
}

TEST_F(Queries, InstancesByProfile) {
  std::map<std::string, double> counts;
  for (const auto& row : ask("count by (GPU_I_PROFILE) (DCGM_FI_PROF_GR_ENGINE_ACTIVE)"))
    counts[row.labels.contains("GPU_I_PROFILE") ? row.labels.at("GPU_I_PROFILE") : ""] = row.value;
  EXPECT_EQ(counts, (std::map<std::string, double>{{"", 2}, {"1g.10gb", 2}, {"2g.20gb", 1}}));
  std::map<std::string, double> means;
  for (const auto& row : ask("avg by (GPU_I_PROFILE) (DCGM_FI_PROF_GR_ENGINE_ACTIVE)"))
    means[row.labels.contains("GPU_I_PROFILE") ? row.labels.at("GPU_I_PROFILE") : ""] = row.value;
  EXPECT_NEAR(means["1g.10gb"], 0.85, 0.01);
  EXPECT_NEAR(means["2g.20gb"], 0.60, 0.01);
}

TEST_F(Queries, WeightedMeanFromExportedWeightsIsTheExportedOne) {
  const std::string computed =
      "sum by (UUID) (DCGM_FI_PROF_GR_ENGINE_ACTIVE * on (UUID, GPU_I_ID) group_right gpu_instance_compute_slices)";
  const std::string allocated = "(" + computed + " / sum by (UUID) (gpu_instance_compute_slices))";
  const std::string device = "(" + computed + " / on (UUID) gpu_device_compute_slices)";
  const std::string in_mig = " and on (UUID) gpu_instance_info";
  const auto exported = [&](const std::string& over) {
    return "gpu_weighted_utilization_ratio{weight=\"compute_slices\",over=\"" + over + "\"}" + in_mig;
  };
  EXPECT_NEAR(one(exported("allocated")), 0.725, 0.01);
  EXPECT_NEAR(one(exported("device")), 2.9 / 7, 0.01);
  EXPECT_NEAR(one("abs(" + allocated + " - on (UUID) group_right () (" + exported("allocated") + "))"), 0, 1e-9);
  EXPECT_NEAR(one("abs(" + device + " - on (UUID) group_right () (" + exported("device") + "))"), 0, 1e-9);
}

TEST_F(Queries, HeldAndUsedAgreeWithTheScenario) {
  EXPECT_EQ(one("count(gpu_allocation_info)"), 2);
  EXPECT_EQ(one("sum(gpu_allocation_used)"), 2);
  EXPECT_TRUE(ask("gpu_unallocated_processes").empty());
}

}  // namespace
}  // namespace tessera::e2e

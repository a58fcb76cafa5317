// What each model has and has not, in which unit, and that nothing of a device in MIG mode is counted twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "tests/e2e/pages.h"
#include "tests/e2e/parsed_page.h"

namespace tessera::e2e {
namespace {

using Fields = std::set<std::string>;

/// "A B" as DCGM_FI_A and DCGM_FI_B.
Fields named(std::string_view words) {
  Fields out;
  for (const auto word : split(words, ' '))
    if (!word.empty()) out.insert("DCGM_FI_" + std::string(word));
  return out;
}

constexpr std::string_view kEveryField =
    "DEV_SM_CLOCK DEV_MEM_CLOCK DEV_POWER_USAGE DEV_TOTAL_ENERGY_CONSUMPTION DEV_PSTATE DEV_GPU_TEMP DEV_MEMORY_TEMP "
    "DEV_FAN_SPEED DEV_GPU_UTIL DEV_MEM_COPY_UTIL DEV_ENC_UTIL DEV_DEC_UTIL PROF_PCIE_TX_BYTES PROF_PCIE_RX_BYTES "
    "DEV_PCIE_REPLAY_COUNTER DEV_FB_TOTAL DEV_FB_FREE DEV_FB_USED DEV_FB_RESERVED DEV_FB_USED_PERCENT "
    "DEV_ECC_SBE_VOL_TOTAL DEV_ECC_DBE_VOL_TOTAL DEV_ECC_SBE_AGG_TOTAL DEV_ECC_DBE_AGG_TOTAL DEV_RETIRED_SBE "
    "DEV_RETIRED_DBE DEV_RETIRED_PENDING DEV_UNCORRECTABLE_REMAPPED_ROWS DEV_CORRECTABLE_REMAPPED_ROWS "
    "DEV_ROW_REMAP_FAILURE DEV_XID_ERRORS DEV_CLOCK_THROTTLE_REASONS DEV_POWER_VIOLATION DEV_THERMAL_VIOLATION "
    "DEV_NVLINK_BANDWIDTH_TOTAL PROF_GR_ENGINE_ACTIVE PROF_SM_ACTIVE PROF_SM_OCCUPANCY PROF_PIPE_TENSOR_ACTIVE "
    "PROF_DRAM_ACTIVE PROF_NVLINK_TX_BYTES PROF_NVLINK_RX_BYTES";

constexpr const char* kProfiling =
    "PROF_GR_ENGINE_ACTIVE PROF_SM_ACTIVE PROF_SM_OCCUPANCY PROF_PIPE_TENSOR_ACTIVE PROF_DRAM_ACTIVE ";
constexpr const char* kEcc = "DEV_ECC_SBE_VOL_TOTAL DEV_ECC_DBE_VOL_TOTAL DEV_ECC_SBE_AGG_TOTAL DEV_ECC_DBE_AGG_TOTAL ";
constexpr const char* kRetired = "DEV_RETIRED_SBE DEV_RETIRED_DBE DEV_RETIRED_PENDING ";
constexpr const char* kRemapped =
    "DEV_UNCORRECTABLE_REMAPPED_ROWS DEV_CORRECTABLE_REMAPPED_ROWS DEV_ROW_REMAP_FAILURE ";
constexpr const char* kUtilization = "DEV_GPU_UTIL DEV_MEM_COPY_UTIL DEV_ENC_UTIL DEV_DEC_UTIL ";
constexpr const char* kNvlink = "DEV_NVLINK_BANDWIDTH_TOTAL PROF_NVLINK_TX_BYTES PROF_NVLINK_RX_BYTES ";
constexpr const char* kFan = "DEV_FAN_SPEED ";
constexpr const char* kMemoryTemperature = "DEV_MEMORY_TEMP ";
constexpr const char* kEnergy = "DEV_TOTAL_ENERGY_CONSUMPTION ";  // since Volta
constexpr const char* kPcieCounters = "PROF_PCIE_TX_BYTES PROF_PCIE_RX_BYTES ";

struct Board {
  const char* name;
  std::vector<const char*> absent;
};

TEST(Models, HaveEveryFieldButThoseThatTheirDriverDoesNotSupport) {
  static const Board kBoards[] = {
      {"NVIDIA GeForce GTX 1080",
       {kEcc, kRetired, kRemapped, kMemoryTemperature, kEnergy, kPcieCounters, kNvlink, kProfiling}},
      {"NVIDIA GeForce RTX 4090", {kEcc, kRetired, kRemapped, kMemoryTemperature, kNvlink, kProfiling}},
      {"Tesla V100-SXM2-32GB", {kRemapped, kFan, kProfiling}},
      {"Tesla T4", {kRemapped, kFan, kMemoryTemperature, kNvlink, kProfiling}},
      {"NVIDIA A100-SXM4-80GB", {kRetired, kFan, kProfiling}},
      {"NVIDIA L40S", {kRetired, kFan, kMemoryTemperature, kNvlink, kProfiling}},
      {"NVIDIA H100 80GB HBM3", {kRetired, kFan}}};
  const Node node(scenario("mixed_models"));
  Agent agent(node);
  const auto page = read_page(page_where(agent, [](const std::string& text) { return collections(text) >= 3; }));
  ASSERT_TRUE(page);
  ASSERT_EQ(named(kEveryField).size(), 42U);
  for (const Board& board : kBoards) {
    Fields expected = named(kEveryField);
    for (const char* group : board.absent)
      for (const auto& field : named(group)) expected.erase(field);
    Fields shown;
    for (const Row& row : page->rows)
      if (row.name.starts_with("DCGM_FI_") && row.label("modelName") == board.name) shown.insert(row.name);
    EXPECT_EQ(shown, expected) << board.name;
  }
}

TEST(Models, SayWhyThereIsNoProfiling) {
  const Node node(scenario("mixed_models"));
  Agent agent(node);
  const auto page = read_page(page_where(agent, [](const std::string& text) { return collections(text) >= 3; }));
  ASSERT_TRUE(page);
  for (const Row& device : page->of("gpu_device_info")) {
    const Labels here{{"gpu", device.label("gpu")}};
    const auto reasons = page->of("tessera_agent_profiling_unavailable", here);
    if (!page->of("DCGM_FI_PROF_GR_ENGINE_ACTIVE", here).empty()) {
      EXPECT_TRUE(reasons.empty()) << device.label("model");
    } else {
      ASSERT_EQ(reasons.size(), 1U) << device.label("model");
      EXPECT_EQ(reasons[0].value, 1);
      EXPECT_NE(reasons[0].label("reason").find("GPM"), std::string::npos) << reasons[0].label("reason");
    }
  }
  EXPECT_EQ(page->of("tessera_agent_profiling_unavailable").size(), 21U) << "all before Hopper";
}

/// The page of a node whose numbers do not change.
class SteadyNode : public testing::Test {
 protected:
  SteadyNode() {
    page_ = *read_page(page_where(agent_, [](const std::string& text) { return collections(text) >= 3; }));
  }
  double value(const std::string& field, const Labels& labels = {{"gpu", "0"}}) const {
    return page_.value("DCGM_FI_" + field, labels);
  }

  const Node node_{test_scenario("compat")};
  Agent agent_{node_};
  Page page_;
};

TEST_F(SteadyNode, HasEachFieldInItsUnit) {
  static constexpr double kMiB = 1U << 20U;
  static constexpr struct {
    const char* field;
    double low, high;
  } kFields[] = {{"DEV_GPU_TEMP", 71, 71},
                 {"DEV_SM_CLOCK", 200, 2100},    // MHz
                 {"DEV_MEM_CLOCK", 1000, 3500},  // MHz
                 {"DEV_POWER_USAGE", 70, 700},   // W
                 {"DEV_PSTATE", 0, 2},
                 {"DEV_GPU_UTIL", 60, 60},        // percent
                 {"DEV_MEM_COPY_UTIL", 30, 30},   // percent of time, not of memory
                 {"DEV_FB_TOTAL", 81559, 81559},  // MiB
                 {"DEV_FB_USED", 41984, 41984},   // 41 GiB, without what the driver reserves
                 {"DEV_FB_RESERVED", 551, 551},
                 {"DEV_FB_FREE", 39024, 39024},
                 {"DEV_FB_USED_PERCENT", 0.518, 0.519},  // 41984 / (81559 - 551)
                 {"PROF_GR_ENGINE_ACTIVE", 0.58, 0.62},
                 {"PROF_SM_ACTIVE", 0.46, 0.5},
                 {"PROF_SM_OCCUPANCY", 0.2, 0.35},
                 {"PROF_PIPE_TENSOR_ACTIVE", 0.2, 0.35},
                 {"PROF_DRAM_ACTIVE", 0.2, 0.3},
                 {"PROF_PCIE_TX_BYTES", 500 * kMiB, 580 * kMiB},  // bytes/s
                 {"PROF_PCIE_RX_BYTES", 1000 * kMiB, 1160 * kMiB},
                 {"PROF_NVLINK_TX_BYTES", 11000 * kMiB, 13000 * kMiB},
                 {"DEV_NVLINK_BANDWIDTH_TOTAL", 23000, 27000},  // MB/s, both ways
                 {"DEV_XID_ERRORS", 0, 0},
                 {"DEV_CLOCK_THROTTLE_REASONS", 0, 0}};
  for (const auto& field : kFields) {
    EXPECT_GE(value(field.field), field.low) << field.field;
    EXPECT_LE(value(field.field), field.high) << field.field;
  }
}

TEST_F(SteadyNode, CountsEnergyInMillijoulesAndThrottlingInNanoseconds) {
  node_.sim({"fault", "throttle", "--gpu", "0", "--reason", "hw-thermal"});
  const auto seconds_of = [](const Page& page) {
    return page.value("tessera_agent_last_collection_timestamp_seconds");
  };
  const auto first = read_page(next_page(agent_));
  ASSERT_TRUE(first);
  const double start = seconds_of(*first);
  const auto second = read_page(
      page_where(agent_, [&](const std::string& text) { return seconds_of(*read_page(text)) > start + 1.5; }));
  ASSERT_TRUE(second);
  const double seconds = seconds_of(*second) - start;
  const auto per_second = [&](const std::string& field) {
    const auto name = "DCGM_FI_" + field;
    return (second->value(name, {{"gpu", "0"}}) - first->value(name, {{"gpu", "0"}})) / seconds;
  };
  const double watts = per_second("DEV_TOTAL_ENERGY_CONSUMPTION") / 1000;
  EXPECT_GT(watts, value("DEV_POWER_USAGE") / 2);
  EXPECT_LT(watts, value("DEV_POWER_USAGE") * 2);
  EXPECT_GT(per_second("DEV_THERMAL_VIOLATION"), 0.5e9);
  EXPECT_LT(per_second("DEV_THERMAL_VIOLATION"), 2e9);
  EXPECT_EQ(second->value("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", {{"gpu", "0"}}), 64 + 8)
      << "hardware thermal, and with it hardware slowdown";
}

TEST_F(SteadyNode, RepeatsTheDevicesFieldsOnEachInstanceAndHasNoRowBeside) {
  Fields absent = named(std::string(kUtilization) + kRemapped + kRetired + kFan);
  for (const std::string& field : named(kEveryField)) {
    const auto rows = page_.of(field, {{"gpu", "1"}});
    EXPECT_EQ(rows.size(), absent.contains(field) ? 0U : 2U) << field;
    for (const Row& row : rows) EXPECT_NE(row.label("GPU_I_ID"), "") << field << " of the whole device";
  }
  for (const char* field : {"DEV_POWER_USAGE", "DEV_GPU_TEMP", "DEV_TOTAL_ENERGY_CONSUMPTION", "DEV_SM_CLOCK",
                            "DEV_PSTATE", "DEV_ECC_DBE_VOL_TOTAL", "PROF_PCIE_TX_BYTES"}) {
    const auto rows = page_.of("DCGM_FI_" + std::string(field), {{"gpu", "1"}});
    ASSERT_EQ(rows.size(), 2U) << field;
    EXPECT_EQ(rows[0].value, rows[1].value) << field;
  }
  const Labels big{{"gpu", "1"}, {"GPU_I_PROFILE", "3g.40gb"}};
  const Labels small{{"gpu", "1"}, {"GPU_I_PROFILE", "1g.10gb"}};
  EXPECT_NEAR(value("PROF_GR_ENGINE_ACTIVE", big), 0.5, 0.02);
  EXPECT_NEAR(value("PROF_GR_ENGINE_ACTIVE", small), 0.25, 0.02);
  EXPECT_GT(value("DEV_FB_TOTAL", big), 3 * value("DEV_FB_TOTAL", small));
}

TEST_F(SteadyNode, CountsNothingTwiceInMigMode) {
  std::multiset<std::string> counted;
  double sessions = 0;
  for (const Row& row : page_.of("gpu_session_count")) {
    counted.insert(row.label("gpu"));
    sessions += row.value;
  }
  std::multiset<std::string> expected{"0", "2"};
  for (const Row& row : page_.of("gpu_instance_info")) expected.insert(row.label("gpu"));
  EXPECT_EQ(counted, expected) << "each whole device and each instance once";
  EXPECT_EQ(expected.size(), 4U);
  EXPECT_EQ(sessions, 2);
  EXPECT_EQ(page_.value("gpu_total_sessions"), 2);
  EXPECT_EQ(page_.of("gpu_process_info", {{"status", "active"}}).size(), 2U);
  EXPECT_EQ(page_.of("gpu_process_info", {{"status", "idle"}}).size(), 2U);
  double bytes = 0;
  for (const Row& row : page_.of("gpu_process_memory_used_bytes")) bytes += row.value;
  EXPECT_EQ(bytes, 71.0 * (1U << 30U));
  double used = 0;
  for (const Row& row : page_.of("DCGM_FI_DEV_FB_USED", {{"gpu", "1"}})) used += row.value;
  EXPECT_GE(used, 30 * 1024);
  EXPECT_LT(used, 32 * 1024) << "the sum over a device's rows is what is used of it";
}

}  // namespace
}  // namespace tessera::e2e

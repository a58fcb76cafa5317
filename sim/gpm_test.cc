#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "sim/faults.h"
#include "sim/fixture.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

constexpr const char* kMig =
    "      - model: h100_sxm\n"
    "        mig: {layout: [{profile: 1g.10gb, start: 0, load: 90}, {profile: 2g.20gb, start: 2, load: 60},"
    " {profile: 1g.10gb, start: 1, load: 80}, {profile: 1g.10gb, start: 4, compute: []}]}\n"
    "      - {model: h100_sxm, load: 40, activity: {sm: 0.5, tensor: 0.25, dram: 1.3}, pcie: {tx: 1000, rx: 500}}\n"
    "      - model: a100_sxm4_80gb\n";

class Gpm {
 public:
  explicit Gpm(const Driver& driver) : driver_(driver) {
    EXPECT_EQ(driver->nvmlGpmSampleAlloc(&older), kSuccess);
    EXPECT_EQ(driver->nvmlGpmSampleAlloc(&newer), kSuccess);
  }
  ~Gpm() {
    driver_->nvmlGpmSampleFree(older);
    driver_->nvmlGpmSampleFree(newer);
  }
  Gpm(const Gpm&) = delete;
  Gpm& operator=(const Gpm&) = delete;

  Return get(GpmSample first, GpmSample second, std::initializer_list<u32> ids) {
    metrics = {};
    metrics.version = kGpmVersion;
    metrics.sample1 = first;
    metrics.sample2 = second;
    for (const u32 id : ids) metrics.metrics[metrics.numMetrics++].metricId = id;
    return driver_->nvmlGpmMetricsGet(&metrics);
  }

  // The least time between two samples is part of what is tested: 100 ms must really pass.
  static void let_time_pass() { std::this_thread::sleep_for(std::chrono::milliseconds(110)); }

  GpmSample older{}, newer{};
  GpmMetricsGet metrics{};

 private:
  const Driver& driver_;
};

TEST(SimGpm, MeasuresEachInstanceBetweenTwoSamples) {
  Driver driver(kMig);
  Gpm one(driver), two(driver), device(driver), whole(driver);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.mig(0, 0), one.older), kSuccess);
  ASSERT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 4, two.older), kSuccess);  // 2g at 2 has GI id 4
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(0), device.older), kSuccess);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(1), whole.older), kSuccess);
  Gpm::let_time_pass();
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.mig(0, 0), one.newer), kSuccess);
  ASSERT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 4, two.newer), kSuccess);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(0), device.newer), kSuccess);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(1), whole.newer), kSuccess);

  ASSERT_EQ(one.get(one.older, one.newer, {kGpmGraphicsActive, kGpmSmActive, kGpmPcieTx, kGpmNvLinkRx, 500}), kSuccess);
  EXPECT_NEAR(one.metrics.metrics[0].value, 90, 0.01);
  EXPECT_NEAR(one.metrics.metrics[1].value, 90 * 0.85, 0.01);
  EXPECT_EQ(one.metrics.metrics[2].nvmlReturn, kNotSupported);  // PCIe belongs to the GPU
  EXPECT_EQ(one.metrics.metrics[3].nvmlReturn, kNotSupported);
  EXPECT_EQ(one.metrics.metrics[4].nvmlReturn, kNotSupported);  // unknown: its own error, not the call's
  ASSERT_EQ(two.get(two.older, two.newer, {kGpmGraphicsActive}), kSuccess);
  EXPECT_NEAR(two.metrics.metrics[0].value, 60, 0.01);
  ASSERT_EQ(device.get(device.older, device.newer, {kGpmGraphicsActive}), kSuccess);
  EXPECT_NEAR(device.metrics.metrics[0].value, (90 + 2 * 60 + 80) / 7.0, 0.01);

  ASSERT_EQ(
      whole.get(whole.older, whole.newer, {kGpmSmActive, kGpmTensor, kGpmDram, kGpmPcieTx, kGpmPcieRx, kGpmNvLinkTx}),
      kSuccess);
  const double kWant[] = {20, 10, 52, 400, 200, 24000 * 0.4};
  for (u32 i = 0; i < std::size(kWant); ++i) {
    EXPECT_EQ(whole.metrics.metrics[i].nvmlReturn, kSuccess) << i;
    EXPECT_NEAR(whole.metrics.metrics[i].value, kWant[i], kWant[i] * 1e-3) << i;
    EXPECT_NE(whole.metrics.metrics[i].unit, nullptr);
  }
}

TEST(SimGpm, RefusesWrongOrderOtherSubjectsAndShortSpans) {
  Driver driver(kMig);
  Gpm gpm(driver);
  EXPECT_EQ(gpm.get(gpm.older, gpm.newer, {kGpmSmActive}), kInvalidArgument);  // nothing taken yet
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(1), gpm.older), kSuccess);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(1), gpm.newer), kSuccess);
  ASSERT_EQ(gpm.get(gpm.older, gpm.newer, {kGpmSmActive}), kSuccess);
  EXPECT_EQ(gpm.metrics.metrics[0].nvmlReturn, kNoData);  // less than 100 ms apart
  Gpm::let_time_pass();
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(1), gpm.newer), kSuccess);
  EXPECT_EQ(gpm.get(gpm.newer, gpm.older, {kGpmSmActive}), kInvalidArgument);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.gpu(0), gpm.newer), kSuccess);
  EXPECT_EQ(gpm.get(gpm.older, gpm.newer, {kGpmSmActive}), kInvalidArgument);
  gpm.metrics.version = 0x01003420;
  EXPECT_EQ(driver->nvmlGpmMetricsGet(&gpm.metrics), kArgumentVersionMismatch);
  EXPECT_EQ(driver->nvmlGpmSampleGet(driver.gpu(2), gpm.older), kNotSupported);  // Ampere
  EXPECT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 99, gpm.older), kInvalidArgument);
}

TEST(SimGpm, AnInstanceWithoutComputeInstanceHasNoData) {
  Driver driver(kMig);
  Gpm gpm(driver);
  ASSERT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 11, gpm.older), kSuccess);  // 1g at 4
  Gpm::let_time_pass();
  ASSERT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 11, gpm.newer), kSuccess);
  ASSERT_EQ(gpm.get(gpm.older, gpm.newer, {kGpmSmActive}), kSuccess);
  EXPECT_EQ(gpm.metrics.metrics[0].nvmlReturn, kNoData);
}

TEST(SimGpm, ASampleOfADestroyedInstanceDoesNotPairWithItsSuccessor) {
  Driver driver(kMig);
  Gpm gpm(driver);
  ASSERT_EQ(driver->nvmlGpmSampleGet(driver.mig(0, 0), gpm.older), kSuccess);
  ASSERT_EQ(run_tool("mig destroy --gpu 0 --gi 7").code, 0);
  ASSERT_EQ(run_tool("mig create --gpu 0 --profile 1g.10gb --start 0").code, 0);
  ASSERT_EQ(driver->nvmlGpmMigSampleGet(driver.gpu(0), 7, gpm.newer), kSuccess);
  EXPECT_EQ(gpm.get(gpm.older, gpm.newer, {kGpmSmActive}), kInvalidArgument);
}

// ---- Field values and the counters behind them.

TEST(SimFields, EachValueHasItsOwnAnswer) {
  Driver driver("      - {model: h100_sxm, load: 50}\n      - {model: b200, load: 50}\n      - model: rtx_4090\n");
  const auto ask = [&](unsigned gpu, u32 id, u32 scope = 0) {
    FieldValue field{};
    field.fieldId = id;
    field.scopeId = scope;
    EXPECT_EQ(driver->nvmlDeviceGetFieldValues(driver.gpu(gpu), 1, &field), kSuccess);
    return field;
  };
  EXPECT_EQ(ask(0, kFieldPowerInstant).value.u32v, (70U + 630U / 2) * 1000);
  EXPECT_EQ(ask(0, kFieldPowerInstant, 1).nvmlReturn, kNotSupported);  // no module
  EXPECT_EQ(ask(0, kFieldNvLinkCount).value.u32v, 18U);
  EXPECT_EQ(ask(0, kFieldNvLinkDataTx, kAllLinks).nvmlReturn, kSuccess);
  EXPECT_EQ(ask(0, kFieldNvLinkDataTx, 17).nvmlReturn, kSuccess);
  EXPECT_EQ(ask(0, kFieldNvLinkDataTx, 18).nvmlReturn, kInvalidArgument);
  EXPECT_EQ(ask(0, kFieldNvLink5TxBytes, kAllLinks).nvmlReturn, kNotSupported);  // NVLink 4
  EXPECT_EQ(ask(1, kFieldNvLink5TxBytes, kAllLinks).nvmlReturn, kSuccess);
  EXPECT_EQ(ask(1, kFieldNvLinkDataTx, kAllLinks).nvmlReturn, kNotSupported);
  EXPECT_EQ(ask(0, 251).nvmlReturn, kNotSupported);  // moved between headers: left alone
  EXPECT_EQ(ask(0, 99999).nvmlReturn, kNotSupported);
  EXPECT_EQ(ask(2, kFieldEccSbeVolatile).nvmlReturn, kNotSupported);
  EXPECT_EQ(ask(2, kFieldMarginSlowdown).nvmlReturn, kNotSupported);
  const FieldValue margin = ask(0, kFieldMarginShutdown);
  EXPECT_EQ(margin.valueType, kValueS32);
  EXPECT_LT(margin.value.s32, 0);
  const FieldValue energy = ask(0, kFieldTotalEnergy);
  EXPECT_EQ(energy.valueType, kValueU64);
  EXPECT_GT(energy.timestamp, 1'600'000'000'000'000);
}

TEST(SimFields, MemoryTemperatureMayCarryAWrongType) {
  Driver driver("      - model: h100_sxm\n", "current", "    driver: {quirks: [memory_temperature_double]}\n");
  FieldValue field{};
  field.fieldId = kFieldMemoryTemperature;
  ASSERT_EQ(driver->nvmlDeviceGetFieldValues(driver.gpu(), 1, &field), kSuccess);
  EXPECT_EQ(field.valueType, kValueDouble);
  EXPECT_EQ(field.value.u32v, 38U);  // the number is in the u32 all the same
}

TEST(SimFields, CountersGrowAsTheLoadSaysAndStartAnewAtAReload) {
  Driver driver("      - {model: h100_sxm, load: 100, pcie: {tx: 1000, rx: 0}}\n");
  const auto counter = [&](u32 id) {
    FieldValue field{};
    field.fieldId = id;
    field.scopeId = id == kFieldNvLinkDataTx ? kAllLinks : 0;
    EXPECT_EQ(driver->nvmlDeviceGetFieldValues(driver.gpu(), 1, &field), kSuccess);
    EXPECT_EQ(field.nvmlReturn, kSuccess);
    return std::pair(field.value.u64v, field.timestamp);
  };
  for (const auto& [id, per_second] : {std::pair<u32, double>{kFieldTotalEnergy, 700e3},
                                       {kFieldPcieTxBytes, 1000 * 1048576.0},
                                       {kFieldNvLinkDataTx, 24000 * 1024.0},
                                       {kFieldViolationPower, 0.02e9}}) {
    const auto [first, at] = counter(id);
    Gpm::let_time_pass();
    const auto [second, later] = counter(id);
    const double rate = static_cast<double>(second - first) / (static_cast<double>(later - at) / 1e6);
    EXPECT_NEAR(rate, per_second, per_second * 0.02) << id;
  }
  const u64 before = counter(kFieldTotalEnergy).first;
  ASSERT_TRUE(reload_driver(driver.node()));
  EXPECT_LT(counter(kFieldTotalEnergy).first, before);
}

}  // namespace
}  // namespace tessera::sim

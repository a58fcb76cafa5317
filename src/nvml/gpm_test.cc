#include "nvml/gpm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "nvml/fake_driver.h"

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

using gpu::Reading;
using Kind = GpmRow::Kind;

TEST(GpmValue, IsARatioOrBytesPerSecond) {
  struct Case {
    Kind kind;
    double value;
    std::optional<double> want;
    std::uint64_t clamped;
  };
  const Case kCases[] = {
      {Kind::Ratio, 50, 0.5, 0},
      {Kind::Ratio, 0, 0.0, 0},
      {Kind::Ratio, 100, 1.0, 0},
      {Kind::Ratio, 129.4, 1.0, 1},
      {Kind::Ratio, -1, std::nullopt, 0},
      {Kind::Ratio, std::nan(""), std::nullopt, 0},
      {Kind::Ratio, std::numeric_limits<double>::infinity(), std::nullopt, 0},
      {Kind::Link, 2, 2.0 * 1048576, 0},
      {Kind::Link, 5000, 5000.0 * 1048576, 0},
  };
  for (const Case& c : kCases) {
    std::uint64_t clamped = 0;
    EXPECT_EQ(gpm_value(c.kind, c.value, clamped), c.want) << c.value;
    EXPECT_EQ(clamped, c.clamped) << c.value;
  }
}

SteadyTime clock_now;

class GpmSamples : public testing::Test {
 protected:
  gpu::Readings read(Gpm& gpm, SteadyTime now) {
    clock_now = now;
    Asking asking(driver.api, device(), Asking::Handle::Device, memory, [] { return clock_now; });
    gpu::Readings out;
    clamped += gpm.read(asking, nullptr, out);
    return out;
  }
  static abi::Device device() { return reinterpret_cast<abi::Device>(std::uintptr_t{1}); }

  FakeDriver driver;
  std::shared_ptr<const Library> library = Library::around(driver.api);
  CallMemory memory{"GPU 0"};
  std::uint64_t clamped = 0;
  const SteadyTime start = SteadyTime{} + 1h;
};

TEST_F(GpmSamples, GiveReadingsFromTheSecondRoundOn) {
  Gpm gpm(library, std::nullopt);
  EXPECT_EQ(read(gpm, start)[Reading::SmActiveRatio], std::nullopt);
  for (int round = 1; round < 4; ++round) {
    const auto out = read(gpm, start + round * 1s);
    EXPECT_EQ(out[Reading::SmActiveRatio], 0.5);
    EXPECT_EQ(out[Reading::PcieTxBytesPerSecond], 50.0 * 1048576);
    EXPECT_EQ(out[Reading::Fp64ActiveRatio], std::nullopt) << "each metric has its own return code";
  }
}

TEST_F(GpmSamples, OfAnInstanceHaveNoLinks) {
  Gpm gpm(library, 3);
  read(gpm, start);
  const auto out = read(gpm, start + 1s);
  EXPECT_EQ(out[Reading::DramActiveRatio], 0.5);
  EXPECT_EQ(out[Reading::PcieTxBytesPerSecond], std::nullopt);
  EXPECT_EQ(out[Reading::NvlinkRxBytesPerSecond], std::nullopt);
  EXPECT_EQ(driver.calls["gpm instance sample"], 2);
}

TEST_F(GpmSamples, AreAHundredMillisecondsApart) {
  Gpm gpm(library, std::nullopt);
  read(gpm, start);
  EXPECT_EQ(read(gpm, start + 99ms)[Reading::SmActiveRatio], std::nullopt);
  EXPECT_EQ(read(gpm, start + 100ms)[Reading::SmActiveRatio], 0.5);
  driver.gpm_percent = 80;
  EXPECT_EQ(read(gpm, start + 150ms)[Reading::SmActiveRatio], 0.5) << "too soon: the last one again";
  EXPECT_EQ(read(gpm, start + 200ms)[Reading::SmActiveRatio], 0.8);
  EXPECT_EQ(driver.calls["gpm sample"], 3);
}

TEST_F(GpmSamples, AboveOneAreCutAndCounted) {
  driver.gpm_percent = 129;
  Gpm gpm(library, 0);
  read(gpm, start);
  EXPECT_EQ(read(gpm, start + 1s)[Reading::SmActiveRatio], 1.0);
  EXPECT_EQ(clamped, 7U) << "all ratios but FP64, which the driver has not";
}

TEST_F(GpmSamples, BeginAnewAfterOneThatFailed) {
  Gpm gpm(library, std::nullopt);
  read(gpm, start);
  driver.refusals["gpm sample"] = abi::kNoData;
  EXPECT_EQ(read(gpm, start + 1s)[Reading::SmActiveRatio], std::nullopt);
  driver.refusals.clear();
  EXPECT_EQ(read(gpm, start + 2s)[Reading::SmActiveRatio], std::nullopt);
  EXPECT_EQ(read(gpm, start + 3s)[Reading::SmActiveRatio], 0.5);
}

TEST_F(GpmSamples, AreFreed) {
  {
    Gpm gpm(library, std::nullopt);
    read(gpm, start);
    EXPECT_EQ(driver.samples_alive, 2);
  }
  EXPECT_EQ(driver.samples_alive, 0);
}

TEST_F(GpmSamples, AreMissedWithAReason) {
  EXPECT_TRUE(gpm_support(driver.api, device()).supported);
  driver.refusals["gpm support"] = abi::kNotSupported;
  EXPECT_NE(gpm_support(driver.api, device()).why.find("Hopper"), std::string::npos);
  driver.refusals["gpm support"] = abi::kUnknownError;
  EXPECT_NE(gpm_support(driver.api, device()).why.find("999"), std::string::npos);
  driver.api.nvmlGpmMetricsGet = nullptr;
  EXPECT_NE(gpm_support(driver.api, device()).why.find("520"), std::string::npos);
}

TEST(GpmRows, AskForEachReadingOnce) {
  std::set<Reading> seen;
  for (const GpmRow& row : gpm_rows()) EXPECT_TRUE(seen.insert(row.reading).second);
}

}  // namespace
}  // namespace tessera::nvml

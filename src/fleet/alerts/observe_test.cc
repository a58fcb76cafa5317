#include "fleet/alerts/observe_test.h"

namespace tessera::fleet::alerts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Observe, TakesTheFleetApart) {
  Seen seen;
  seen.look();
  EXPECT_THAT(seen.of(Signal::TemperatureCelsius), ElementsAre("c/GPU-a 84"));
  EXPECT_THAT(seen.of(Signal::SlowdownMarginCelsius), ElementsAre("c/GPU-a 3"));
  EXPECT_THAT(seen.of(Signal::UtilizationPercent), ElementsAre("c/GPU-a 97"));
  EXPECT_THAT(seen.of(Signal::MigUtilizationRatio), ElementsAre("c/GPU-b 0.95"));
  EXPECT_THAT(seen.of(Signal::MemoryUsedRatio), ElementsAre("c/GPU-a 0.75", "c/GPU-b/1/0 0.5"));
  EXPECT_THAT(seen.of(Signal::PowerLimitRatio), ElementsAre("c/GPU-a 0.95"));
  EXPECT_THAT(seen.of(Signal::ThermalThrottling), ElementsAre("c/GPU-a 1"));
  EXPECT_THAT(seen.of(Signal::PowerBrake), ElementsAre("c/GPU-a 0"));
  EXPECT_THAT(seen.of(Signal::DeviceNotAnswering), ElementsAre("c/GPU-a 0", "c/GPU-b -")) << "its agent may be away";
  EXPECT_THAT(seen.of(Signal::BusyShareRatio), ElementsAre("c 1")) << "of GPU-b's processes nobody tells";
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w 0"));
  EXPECT_THAT(seen.of(Signal::LagSeconds), ElementsAre("server 0"));
  EXPECT_THAT(seen.of(Signal::RefusedRequests), ElementsAre("server -"));
  EXPECT_THAT(seen.round.silent, ElementsAre("c/GPU-b/agent"));
}

/// One process for each device, and one device without.
std::string on_each_device(std::initializer_list<std::string_view> processes) {
  std::string out;
  unsigned index = 0;
  for (const std::string_view process : processes) {
    const std::string of = fmt::format(R"(gpu="{0}",UUID="GPU-{0}",Hostname="w")", index++);
    out += fmt::format("tessera_agent_device_up{{{}}} 1\n", of);
    if (!process.empty()) out += fmt::format("gpu_process_info{{{},status=\"active\",{}}} 1\n", of, process);
  }
  return out;
}

TEST(Observe, CountsDevicesAsBusyThatUsersHaveAndNoOthers) {
  Seen seen(on_each_device({R"(pid="1",command="Xorg",type="G",pod="unknown",attribution="host")",
                            R"(pid="2",command="xrdp",type="G",pod="desk",namespace="ml",attribution="pod")",
                            R"(pid="3",command="nvidia-cuda-mps",type="C",pod="unknown",attribution="host")",
                            R"(pid="4",command="nvidia-cuda-mps",type="C",pod="mps",namespace="platform")", ""}));
  seen.is_platform = [](std::string_view space) { return space == "platform"; };
  seen.look();
  EXPECT_THAT(seen.of(Signal::BusyShareRatio), ElementsAre("c 0"));
  seen.tell(kStart + kSecond,
            on_each_device({R"(pid="1",command="gmx",type="C+G",pod="unknown",attribution="host")",
                            R"(pid="5",command="py",type="C+G",pod="p",namespace="ml",attribution="pod")",
                            R"(pid="6",command="py",type="C",pod="",pod_uid="u",attribution="unnamed")",
                            R"(pid="7",command="py",type="C",pod="unknown",attribution="no_access")", ""}));
  seen.look(kStart + kSecond);
  EXPECT_THAT(seen.of(Signal::BusyShareRatio), ElementsAre("c 0.6"));
  seen.is_host_job = [](std::string_view command) { return command == "gmx"; };
  seen.look(kStart + kSecond);
  EXPECT_THAT(seen.of(Signal::BusyShareRatio), ElementsAre("c 0.8"));
}

TEST(Observe, KnowsSilenceFromAbsence) {
  Seen seen;
  seen.look(kStart + 100 * kSecond);
  EXPECT_THAT(seen.of(Signal::TemperatureCelsius), ElementsAre("c/GPU-a -", "c/GPU-b -")) << "stale";
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w -"));
  EXPECT_THAT(seen.round.silent, ElementsAre("c/GPU-a", "c/GPU-a/agent", "c/GPU-a/held", "c/GPU-b", "c/GPU-b/agent",
                                             "c/GPU-b/held", "c/w"));
  EXPECT_THAT(seen.of(Signal::LagSeconds), ElementsAre("server 100"));
  seen.look(kStart + 400 * kSecond);
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w 1"));
  EXPECT_THAT(seen.of(Signal::DeviceMissing), ElementsAre("c/GPU-a -", "c/GPU-b -")) << "the node's silence says it";
}

TEST(Observe, BlamesNoNodeWhereAllAreSilent) {
  Seen seen;
  const std::string other = "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-v\",Hostname=\"v\"} 40\n";
  const auto speak = [&](EpochMs at) { seen.told.scrape(kStart + at, R"(cluster="c",node="v")", other); };
  speak(0);
  seen.look(kStart + 400 * kSecond);
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/v -", "c/w -")) << "what brings it here may be away";
  speak(410 * kSecond);
  seen.look(kStart + 410 * kSecond);
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/v 0", "c/w 1"));
}

TEST(Observe, MissesADeviceOfANodeThatSpeaks) {
  Seen seen;
  const std::string rest = std::string(kPage.substr(kPage.find("gpu_device_info{gpu=\"1\"")));
  for (EpochMs at = 30 * kSecond; at <= 400 * kSecond; at += 30 * kSecond) seen.tell(kStart + at, rest);
  seen.look(kStart + 400 * kSecond);
  EXPECT_THAT(seen.of(Signal::DeviceMissing), ElementsAre("c/GPU-a 1", "c/GPU-b 0"));
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w 0"));
  EXPECT_THAT(seen.round.silent, ElementsAre("c/GPU-a", "c/GPU-a/agent", "c/GPU-a/held", "c/GPU-b/agent"));
}

TEST(Observe, CountsXidsByWhoseFaultTheyAre) {
  Seen seen;
  seen.look(kStart, std::vector<XidsSeen>{{"c", "GPU-a", 79, kStart, 1},
                                          {"c", "GPU-a", 48, kStart, 2},
                                          {"c", "GPU-a", 31, kStart, 4},
                                          {"c", "GPU-x", 79, kStart, 8}});
  EXPECT_THAT(seen.of(Signal::DeviceXids), ElementsAre("c/GPU-a 3"));
  EXPECT_THAT(seen.of(Signal::ApplicationXids), ElementsAre("c/GPU-a 4"));
  EXPECT_THAT(seen.of(Signal::OtherXids), ElementsAre("c/GPU-a 0"));
}

TEST(Observe, KnowsNothingOfXidsWhereNobodyCanTell) {
  Seen seen;
  seen.look(kStart, std::nullopt);
  EXPECT_THAT(seen.of(Signal::DeviceXids), ElementsAre("c/GPU-a -"));
  EXPECT_THAT(seen.of(Signal::OtherXids), ElementsAre("c/GPU-a -"));
}

TEST(Observe, HoldsADeviceAgainstItsNeighbours) {
  std::string page;
  for (unsigned i = 0; i < 5; ++i) page += busy_gpu(i, i == 4 ? 80 : 60, i == 4 ? 350 : 630, 99, i == 4 ? 1200 : 1980);
  Seen seen(page);
  seen.look();
  EXPECT_THAT(seen.of(Signal::NeighbourTemperatureDeviation),
              ElementsAre("c/GPU-0 0", "c/GPU-1 0", "c/GPU-2 0", "c/GPU-3 0", "c/GPU-4 8"));
  EXPECT_THAT(seen.of(Signal::NeighbourPowerDeviation), ElementsAre("c/GPU-4 -8"));
  seen.tell(kStart + kSecond, busy_gpu(0, 99, 600));
  seen.look(kStart + 2 * kSecond);
  EXPECT_THAT(seen.of(Signal::NeighbourTemperatureDeviation), Not(Contains(HasSubstr("GPU-0 ")))) << "too few tell";
}

TEST(Observe, ComparesTheHeatOfThoseAloneThatDoAsMuch) {
  struct Board {
    double percent, celsius, watts;
  };
  const Board idles{1, 31, 70}, trains{98, 62, 650}, decodes{95, 44, 280};
  const struct {
    std::string_view what;
    Board others, one;
    std::string_view told;  ///< of the one; empty: nothing
  } kCases[] = {{"at middle load beside idle ones", idles, {45, 52, 250}, ""},
                {"at little load", idles, {6, 48, 160}, ""},
                {"at middle load beside busy ones", trains, {45, 82, 250}, ""},
                {"idle by utilization, but kept ready to start", idles, {0, 47, 125}, ""},
                {"trains beside those that decode", decodes, {98, 64, 660}, ""},
                {"decodes beside those that train", trains, decodes, "-7.2"},
                {"hot, with the same work", trains, {98, 82, 655}, "8"},
                {"hot, and slowed down by that", trains, {99, 86, 410}, "9.6"},
                {"hot, with a little more work", decodes, {99, 64, 340}, "8"},
                {"idle and hot", idles, {0, 51, 75}, "8"}};
  for (const auto& one : kCases) {
    std::string page = busy_gpu(9, one.one.celsius, one.one.watts, one.one.percent);
    for (unsigned i = 0; i < 7; ++i) page += busy_gpu(i, one.others.celsius, one.others.watts, one.others.percent);
    Seen seen(page);
    seen.look();
    const auto told = seen.of(Signal::NeighbourTemperatureDeviation);
    EXPECT_EQ(told.size(), one.told.empty() ? 7U : 8U) << one.what;
    if (!one.told.empty()) {
      EXPECT_THAT(told, Contains(fmt::format("c/GPU-9 {}", one.told))) << one.what;
    }
  }
}

TEST(Observe, ComparesHeatOfNoBoardOfWhichNobodyTellsWhatItDraws) {
  std::string page;
  for (unsigned i = 0; i < 7; ++i) page += busy_gpu(i, i == 0 ? 80 : 60, 630);
  for (auto at = page.find("POWER_USAGE"); at != std::string::npos; at = page.find("POWER_USAGE")) page[at] = 'x';
  Seen seen(page);
  seen.look();
  EXPECT_THAT(seen.of(Signal::NeighbourTemperatureDeviation), IsEmpty());
}

/// A job that draws little is no fault of the board: its clocks are as high as any.
TEST(Observe, ComparesThePowerOfThoseAloneWhoseClocksAreLow) {
  const struct {
    std::string_view what;
    double watts, percent, mhz;
    unsigned reasons;
    std::string_view told;
  } kCases[] = {{"it decodes, which waits for memory", 280, 95, 1980, 0, ""},
                {"its clocks are near those of others", 280, 99, 1800, 0, ""},
                {"a power cap is no fault", 280, 99, 1980, 4, ""},
                {"its clocks are lower", 280, 99, 1500, 0, "-10"},
                {"heat holds them down", 280, 99, 1980, 64, "-10"},
                {"the node's supply does", 280, 99, 1980, 128, "-10"},
                {"not busy all the time", 280, 80, 1500, 64, ""},
                {"low clocks, and as much power", 630, 99, 1500, 64, "0"}};
  for (const auto& one : kCases) {
    std::string page = busy_gpu(9, 60, one.watts, one.percent, one.mhz, one.reasons);
    for (unsigned i = 0; i < 7; ++i) page += busy_gpu(i, 60, 630);
    Seen seen(page);
    seen.look();
    const auto told = seen.of(Signal::NeighbourPowerDeviation);
    const std::vector<std::string> expected(one.told.empty() ? 0 : 1, fmt::format("c/GPU-9 {}", one.told));
    EXPECT_EQ(told, expected) << one.what;
  }
}

TEST(Observe, HoldsADeviceAgainstItsOwnLastWeek) {
  Seen seen(busy_gpu(0, 60, 630));
  for (int hour = 0; hour <= 24; ++hour) {
    const EpochMs now = kStart + hour * kHour;
    seen.tell(now, busy_gpu(0, hour < 24 ? 60 : 75, 630));
    seen.look(now);
    seen.look(now);
    if (hour > 0 && hour < 24)
      EXPECT_THAT(seen.of(Signal::OwnTemperatureDeviation), ElementsAre("c/GPU-0 -")) << "not known yet, at " << hour;
  }
  EXPECT_THAT(seen.of(Signal::OwnTemperatureDeviation), ElementsAre("c/GPU-0 7.5"));
}

TEST_F(Changing, IsResolvedWhereItDoesNotApplyAnyLonger) {
  const std::string who = R"({gpu="4",UUID="GPU-4",Hostname="w",modelName="NVIDIA H100 80GB HBM3"})";
  const auto page = [&](const std::string& last) {
    std::string out;
    for (unsigned i = 0; i < 4; ++i) out += busy_gpu(i, 60, 630);
    return out + last;
  };
  for (int i = 0; i <= 40; ++i) round(page(busy_gpu(4, 60, 350, 99, 1200)));
  ASSERT_THAT(
      firing(),
      ElementsAre("GPUPowerBelowNeighbours c/GPU-4", "HighGPUUtilization c/GPU-0", "HighGPUUtilization c/GPU-1",
                  "HighGPUUtilization c/GPU-2", "HighGPUUtilization c/GPU-3", "HighGPUUtilization c/GPU-4",
                  "GPUUtilizationNotice c/GPU-0", "GPUUtilizationNotice c/GPU-1", "GPUUtilizationNotice c/GPU-2",
                  "GPUUtilizationNotice c/GPU-3", "GPUUtilizationNotice c/GPU-4"));
  // It is cut, and has nothing to do.
  const std::string cut =
      "DCGM_FI_DEV_GPU_TEMP" + who + " 40\nDCGM_FI_DEV_POWER_USAGE" + who + " 80\n" +
      R"(gpu_instance_info{gpu="4_1_0",UUID="GPU-4",Hostname="w",GPU_I_ID="1",GPU_CI_ID="0",GPU_I_PROFILE="3g.40gb"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="4",UUID="GPU-4",Hostname="w",GPU_I_ID="1"} 0
)";
  for (int i = 0; i < 8; ++i) round(page(cut));
  EXPECT_THAT(firing(), Not(Contains(HasSubstr("GPU-4"))));
  EXPECT_THAT(firing(), Contains("HighGPUUtilization c/GPU-0"));
}

TEST_F(Changing, IsNotResolvedBySilence) {
  for (int i = 0; i <= 40; ++i) round(busy_gpu(0, 60, 350) + busy_gpu(1, 60, 350));
  ASSERT_THAT(firing(), Contains("HighGPUUtilization c/GPU-0"));
  for (int i = 0; i < 40; ++i) round(busy_gpu(1, 60, 350));
  EXPECT_THAT(firing(), Contains("HighGPUUtilization c/GPU-0"));
}

}  // namespace
}  // namespace tessera::fleet::alerts

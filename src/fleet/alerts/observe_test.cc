#include "fleet/alerts/observe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet::alerts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Optional;

constexpr EpochMs kStart = 1'700'000'000'000, kSecond = 1'000, kHour = 3'600 * kSecond;

/// A page of one whole GPU and one that is cut in two.
constexpr std::string_view kPage = R"(
gpu_device_info{gpu="0",UUID="GPU-a",Hostname="w",modelName="NVIDIA H100 80GB HBM3"} 1
tessera_agent_device_up{gpu="0",UUID="GPU-a",Hostname="w"} 1
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",Hostname="w"} 84
DCGM_FI_DEV_SLOWDOWN_TEMP{gpu="0",UUID="GPU-a",Hostname="w"} 87
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",Hostname="w"} 97
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",Hostname="w"} 665
DCGM_FI_DEV_ENFORCED_POWER_LIMIT{gpu="0",UUID="GPU-a",Hostname="w"} 700
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",Hostname="w"} 75
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",Hostname="w"} 25
DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{gpu="0",UUID="GPU-a",Hostname="w"} 72
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a",Hostname="w"} 0
gpu_process_info{gpu="0",UUID="GPU-a",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c",status="active",type="C"} 1
gpu_process_start_time_seconds{gpu="0",UUID="GPU-a",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c"} 1699992800
gpu_process_memory_used_bytes{gpu="0",UUID="GPU-a",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c"} 1000
gpu_process_utilization{gpu="0",UUID="GPU-a",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c"} 0
gpu_process_info{gpu="0",UUID="GPU-a",Hostname="w",pid="9",command="dcgm",pod="unknown",status="active",type="C"} 1
gpu_device_info{gpu="1",UUID="GPU-b",Hostname="w",modelName="NVIDIA H100 80GB HBM3"} 1
gpu_session_count{gpu="1_1_0",UUID="GPU-b",Hostname="w",GPU_I_ID="1",GPU_I_PROFILE="3g.40gb"} 0
gpu_instance_info{gpu="1_1_0",UUID="GPU-b",Hostname="w",GPU_I_ID="1",GPU_CI_ID="0",GPU_I_PROFILE="3g.40gb"} 1
gpu_instance_info{gpu="1_2_0",UUID="GPU-b",Hostname="w",GPU_I_ID="2",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb"} 1
gpu_instance_compute_slices{gpu="1_1_0",UUID="GPU-b",Hostname="w",GPU_I_ID="1",GPU_CI_ID="0"} 3
gpu_instance_compute_slices{gpu="1_2_0",UUID="GPU-b",Hostname="w",GPU_I_ID="2",GPU_CI_ID="0"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="2"} 0.8
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1"} 5
DCGM_FI_DEV_FB_FREE{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1"} 5
gpu_allocation_info{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1",resource="nvidia.com/mig-3g.40gb",share="exclusive",namespace="ml",pod="h",container="c"} 1
gpu_allocation_used{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1",resource="nvidia.com/mig-3g.40gb",namespace="ml",pod="h",container="c"} 0
)";

class Seen {
 public:
  explicit Seen(const std::string& page = std::string(kPage)) { tell(kStart, page); }

  void tell(EpochMs time, const std::string& page) { told.scrape(time, R"(cluster="c",node="w")", page); }

  /// As of now.
  void look(EpochMs now = kStart, std::optional<std::vector<XidsSeen>> xids = std::vector<XidsSeen>()) {
    told.fleet.advance(now);
    const auto view = told.fleet.publish(now);
    const auto serving = told.serving.publish(now);
    Sight sight{*view, *serving, xids, std::nullopt};
    sight.cluster = cluster.get();
    round = observer.look(sight);
  }
  /// `GPU-a 84`, one for each subject that has the signal; `-` where it has no value.
  std::vector<std::string> of(Signal signal) const {
    std::vector<std::string> out;
    for (const Observation& one : round.observations)
      if (one.signal == signal)
        out.push_back(fmt::format("{} {}", one.subject->key, one.value ? fmt::format("{:.4g}", *one.value) : "-"));
    return out;
  }
  ToldPages told;
  std::shared_ptr<const ClusterView> cluster;
  Observer observer;
  Round round;
};

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
  EXPECT_THAT(seen.of(Signal::DeviceNotAnswering), ElementsAre("c/GPU-a 0"));
  EXPECT_THAT(seen.of(Signal::BusyShareRatio), ElementsAre("c 1")) << "of GPU-b's processes nobody tells";
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w 0"));
  EXPECT_THAT(seen.of(Signal::LagSeconds), ElementsAre("server 0"));
  EXPECT_THAT(seen.of(Signal::RefusedRequests), ElementsAre("server -"));
  EXPECT_THAT(seen.round.silent, IsEmpty());
}

TEST(Observe, TellsOfPodsProcessesAndHoldings) {
  Seen seen;
  seen.look();
  ASSERT_EQ(seen.of(Signal::SessionAgeSeconds).size(), 1U) << "the operator's own process is none";
  for (const Observation& one : seen.round.observations) {
    if (one.signal == Signal::SessionAgeSeconds) EXPECT_THAT(one.value, Optional(7'200));
    if (one.signal == Signal::IdleWithMemory) EXPECT_THAT(one.value, Optional(1));
    if (one.signal == Signal::SessionAgeSeconds) {
      EXPECT_EQ(label_of(one.subject->labels, "pod"), "p");
      EXPECT_EQ(label_of(one.subject->labels, "pid"), "7");
      EXPECT_EQ(label_of(one.subject->labels, "device_id"), "w-GPU-00");
      EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
    }
  }
  EXPECT_THAT(seen.of(Signal::HeldIdle), ElementsAre("c/GPU-b/1/ml/h/c 1"));
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
}

TEST(Observe, JudgesNoServingPodByItsProcess) {
  Seen seen;
  seen.told.scrape(kStart, R"(cluster="c",node="w",namespace="ml",pod="p",job="v")",
                   "vllm:num_requests_running{model_name=\"m\"} 0\nvllm:num_requests_waiting{model_name=\"m\"} 7\n"
                   "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.5\n");
  seen.look();
  EXPECT_THAT(seen.of(Signal::IdleWithMemory), IsEmpty());
  ASSERT_EQ(seen.of(Signal::RequestsWaiting).size(), 1U);
  EXPECT_THAT(seen.of(Signal::RequestsWaiting)[0], testing::EndsWith(" 7"));
  EXPECT_THAT(seen.of(Signal::KvCacheUsedRatio)[0], testing::EndsWith(" 0.5"));
}

TEST(Observe, KnowsSilenceFromAbsence) {
  Seen seen;
  seen.look(kStart + 100 * kSecond);
  EXPECT_THAT(seen.of(Signal::TemperatureCelsius), ElementsAre("c/GPU-a -", "c/GPU-b -")) << "stale";
  EXPECT_THAT(seen.of(Signal::NodeSilent), ElementsAre("c/w -"));
  EXPECT_THAT(seen.round.silent, ElementsAre("c/GPU-a", "c/GPU-a/held", "c/GPU-b", "c/GPU-b/held", "c/w"));
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
  EXPECT_THAT(seen.round.silent, ElementsAre("c/GPU-a", "c/GPU-a/held"));
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

ClusterNode offers_gpus(const std::string& name) {
  ClusterNode out;
  out.name = name;
  out.allocatable = {{"nvidia.com/gpu", 2}};
  return out;
}

ClusterPod asking(const std::string& name, const std::string& node) {
  ClusterPod out;
  out.space = "ml";
  out.name = name;
  out.node = node;
  out.requests = {{"nvidia.com/gpu", 1}};
  return out;
}

void complete(ClusterState& state) {
  for (const ClusterList list : {ClusterList::Nodes, ClusterList::Namespaces, ClusterList::Pods})
    state.complete(list, 0);
}

/// One node, and all is known of it.
ClusterState watched(const std::string& node) {
  ClusterState out("c", {});
  out.put(offers_gpus(node));
  complete(out);
  return out;
}

/// Of a node of which no allocation is told nobody knows whether there are none, but for what its cluster says.
TEST(Observe, TellsOfUseWhereNobodyHoldsAnythingByWhatTheClusterSays) {
  const std::string page(kPage);
  Seen seen(page.substr(0, page.find("gpu_allocation_info")));
  const auto look = [&](ClusterState& state) {
    seen.cluster = state.view();
    seen.look();
    return seen.of(Signal::UsedWithoutHolding);
  };
  seen.look();
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty());
  ClusterState state("c", {});
  ClusterNode node = offers_gpus("w");
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "its lists are not complete yet";
  complete(state);
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
  state.put(asking("q", "v"));
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1")) << "on another node";
  state.put(asking("q", "w"));
  EXPECT_THAT(look(state), IsEmpty()) << "somebody may hold something, and nobody says what";
  state.drop_pod("ml/q");
  node.allocatable.clear();
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "what pods ask for there has another name";
}

std::string busy_gpu(unsigned index, double celsius, double watts) {
  const std::string of =
      fmt::format("{{gpu=\"{}\",UUID=\"GPU-{}\",Hostname=\"w\",modelName=\"NVIDIA H100 80GB HBM3\"}}", index, index);
  return fmt::format(
      "DCGM_FI_DEV_GPU_TEMP{0} {1}\nDCGM_FI_DEV_GPU_UTIL{0} 99\nDCGM_FI_DEV_POWER_USAGE{0} {2}\n"
      "DCGM_FI_DEV_ENFORCED_POWER_LIMIT{0} 700\n",
      of, celsius, watts);
}

TEST(Observe, HoldsADeviceAgainstItsNeighbours) {
  std::string page;
  for (unsigned i = 0; i < 5; ++i) page += busy_gpu(i, i == 4 ? 80 : 60, i == 4 ? 350 : 630);
  Seen seen(page);
  seen.look();
  EXPECT_THAT(seen.of(Signal::NeighbourTemperatureDeviation),
              ElementsAre("c/GPU-0 0", "c/GPU-1 0", "c/GPU-2 0", "c/GPU-3 0", "c/GPU-4 8"));
  EXPECT_THAT(seen.of(Signal::NeighbourPowerDeviation)[4], "c/GPU-4 -8");
  seen.tell(kStart + kSecond, busy_gpu(0, 99, 600));
  seen.look(kStart + 2 * kSecond);
  EXPECT_THAT(seen.of(Signal::NeighbourTemperatureDeviation), Not(Contains(HasSubstr("GPU-0 ")))) << "too few tell";
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

/// What is left of what fired once something else is told.
struct Changing : testing::Test {
  void round(const std::string& page) {
    at += 30 * kSecond;
    seen.tell(at, page);
    seen.look(at);
    evaluator.take(seen.round);
  }
  std::vector<std::string> firing() const {
    std::vector<std::string> out;
    for (const Track& one : evaluator.tracks())
      if (one.phase == Phase::Firing) out.push_back(one.rule + ' ' + one.subject->key);
    return out;
  }
  EpochMs at = kStart;
  Seen seen{""};
  void serve(const std::string& page) {
    seen.told.scrape(at + 30 * kSecond, R"(cluster="c",node="w",namespace="ml",pod="p",job="v")", page);
  }
  Evaluator evaluator{builtin_rules(), Milliseconds(75 * kSecond)};
};

TEST_F(Changing, IsResolvedWhereItDoesNotApplyAnyLonger) {
  const std::string who = R"({gpu="4",UUID="GPU-4",Hostname="w",modelName="NVIDIA H100 80GB HBM3"})";
  const auto page = [&](const std::string& last) {
    std::string out;
    for (unsigned i = 0; i < 4; ++i) out += busy_gpu(i, 60, 630);
    return out + last;
  };
  for (int i = 0; i <= 40; ++i) round(page(busy_gpu(4, 60, 350)));
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

TEST(Observe, EnginesOutsideOfPodsDifferInTheirLabels) {
  Seen seen;
  for (const char* address : {"10.0.0.1:8000", "10.0.0.2:8000"})
    seen.told.scrape(kStart, fmt::format(R"(cluster="c",job="v",instance="{}")", address),
                     "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.told.scrape(kStart, R"(cluster="c",job="v",instance="10.0.0.3:8000",namespace="ml",pod="p")",
                   "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.look();
  std::vector<std::string> of;
  for (const Observation& one : seen.round.observations)
    if (one.signal == Signal::RequestsWaiting)
      of.push_back(
          fmt::format("{}/{}", label_of(one.subject->labels, "pod"), label_of(one.subject->labels, "instance")));
  EXPECT_THAT(of, testing::UnorderedElementsAre("/10.0.0.1:8000", "/10.0.0.2:8000", "p/"));
}

TEST(Observe, EnginesOfSeveralClustersAtOneAddressAreSeveral) {
  Seen seen;
  for (const char* cluster : {"c", "d"})
    for (const char* where : {"", R"(,namespace="ml",pod="p")"})
      seen.told.scrape(kStart, fmt::format(R"(cluster="{}",job="v",instance="10.0.0.1:8000"{})", cluster, where),
                       "vllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.look();
  const auto of = seen.of(Signal::RequestsWaiting);
  EXPECT_EQ(std::set<std::string>(of.begin(), of.end()).size(), 4U);
}

TEST_F(Changing, AnEngineThatIsPutToSleepHasNoQueue) {
  const auto engine = [&](bool asleep) {
    seen.told.scrape(at + 30 * kSecond, R"(cluster="c",node="w",namespace="ml",pod="p",job="v")",
                     fmt::format("vllm:num_requests_running{{model_name=\"m\"}} 1\n"
                                 "vllm:num_requests_waiting{{model_name=\"m\"}} 70\n"
                                 "vllm:engine_sleep_state{{model_name=\"m\",sleep_state=\"awake\"}} {}\n",
                                 asleep ? 0 : 1));
    round("");
  };
  for (int i = 0; i <= 21; ++i) engine(false);
  ASSERT_EQ(firing().size(), 1U);
  for (int i = 0; i < 5; ++i) engine(true);
  EXPECT_THAT(firing(), IsEmpty());
}

TEST_F(Changing, AHolderIsNotGoneAsSoonAsTheKubeletIsAway) {
  const std::string page(kPage), without = page.substr(0, page.find("gpu_allocation_info"));
  for (int i = 0; i <= 121; ++i) round(page);
  const std::string held = "GPUAllocatedIdle c/GPU-b/1/ml/h/c", used = "GPUUsedNotAllocated c/GPU-a/ml/p/c/uses";
  ASSERT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), Not(Contains(held))) << "for so long the kubelet is not away";
  EXPECT_THAT(firing(), Not(Contains(used)));
}

/// A node of a watched cluster, of which no kubelet tells.
TEST_F(Changing, AUserIsGoneWithItsPodWhereNoKubeletEverTold) {
  const std::string process =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="7",command="py",namespace="ml",pod="a",container="c",status="active",type="C"} 1
)";
  ClusterState state = watched("w");
  seen.cluster = state.view();
  for (int i = 0; i <= 21; ++i) round(busy_gpu(0, 60, 350) + process);
  const std::string used = "GPUUsedNotAllocated c/GPU-0/ml/a/c/uses";
  ASSERT_THAT(firing(), Contains(used));
  state.put(asking("b", "w"));
  seen.cluster = state.view();
  round(busy_gpu(0, 60, 350) + process);
  EXPECT_THAT(firing(), Contains(used));
  for (int i = 0; i < 5; ++i) round(busy_gpu(0, 60, 350));
  EXPECT_THAT(firing(), Not(Contains(used)));
}

TEST_F(Changing, AnEngineThatFallsSilentIsNotGoneBeforeItsPodIs) {
  const std::string queue =
      "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 70\n";
  const std::string process =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c",status="active",type="C"} 1
)";
  const std::string other =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="8",command="py",namespace="ml",pod="q",container="c",status="active",type="C"} 1
)";
  for (int i = 0; i <= 21; ++i) {
    serve(queue);
    round(busy_gpu(0, 60, 350) + process);
  }
  ASSERT_THAT(firing(), Contains(HasSubstr("ServingRequestsWaiting")));
  serve("");
  for (int i = 0; i < 20; ++i) round(busy_gpu(0, 60, 350) + process);
  EXPECT_THAT(firing(), Contains(HasSubstr("ServingRequestsWaiting"))) << "only its metrics are away";
  for (int i = 0; i < 10; ++i) round(busy_gpu(0, 60, 350) + other);
  EXPECT_THAT(firing(), Not(Contains(HasSubstr("ServingRequestsWaiting"))));
}

/// A fleet, and a threshold of a budget that was crossed there.
struct ObserveBudgets : testing::Test {
  std::vector<std::string> at(EpochMs now, std::optional<std::span<const BudgetCrossed>> known) {
    seen.tell(now, std::string(kPage));
    seen.told.fleet.advance(now);
    const auto view = seen.told.fleet.publish(now);
    std::vector<std::string> out;
    for (const Change& one : evaluator.take(
             seen.observer.look({*view, *seen.told.serving.publish(now), std::nullopt, std::nullopt, known})))
      if (one.track.rule == "BudgetThresholdCrossed")
        out.push_back(
            fmt::format("{} {}", phase_name(one.track.phase),
                        fill(evaluator.rule(one.track.rule)->summary, one.track.subject->labels, one.track.value)));
    return out;
  }
  static BudgetCrossed crossed(EpochMs found) {
    return {{"b1", {kStart, kStart + kHour}, {budgets::Basis::Actual, 80}, found, 100 * kUnit, 81 * kUnit / 2},
            "Search",
            {budgets::ScopeKind::Team, "search"}};
  }

  Seen seen;
  Evaluator evaluator{builtin_rules(), Milliseconds(75'000)};
};

TEST_F(ObserveBudgets, ACrossingFiresOnceAndEndsWhenItIsOver) {
  constexpr EpochMs kRound = 30 * kSecond;
  const std::vector<BudgetCrossed> known = {crossed(kStart)};
  EXPECT_THAT(at(kStart, known), ElementsAre("firing Budget Search (team:search) has reached 80 % of its amount "
                                             "(actual): 40.5."));
  EXPECT_THAT(at(kStart + kRound, known), IsEmpty());
  for (int round = 2; round < 9; ++round)
    EXPECT_THAT(at(kStart + round * kRound, std::nullopt), IsEmpty()) << "nobody knows, so nothing ends";
  EXPECT_THAT(at(kStart + 9 * kRound, known), IsEmpty()) << "and nothing begins anew";
  const std::vector<BudgetCrossed> anew = {crossed(kStart + kHour)};
  EXPECT_THAT(at(kStart + 10 * kRound, anew), ElementsAre(HasSubstr("firing"))) << "one that counts anew";
  std::vector<std::string> ended;
  for (int round = 11; round < 20; ++round)
    for (const std::string& one : at(kStart + round * kRound, std::span<const BudgetCrossed>())) ended.push_back(one);
  EXPECT_THAT(ended, ElementsAre(HasSubstr("resolved"), HasSubstr("resolved")));
}

/// Receivers know alerts by their labels.
TEST_F(ObserveBudgets, CrossingsThatStandSideBySideDifferInTheirLabels) {
  BudgetCrossed next_period = crossed(kStart), in_seoul = crossed(kStart);
  next_period.crossing.period = {kStart + kHour, kStart + 2 * kHour};
  in_seoul.crossing.budget = "b2";
  in_seoul.name = "Seoul";
  in_seoul.time_zone = "Asia/Seoul";
  const std::vector<BudgetCrossed> known = {crossed(kStart), crossed(kStart + kSecond), next_period, in_seoul};
  at(kStart, known);
  std::set<LabelSet> labels;
  std::set<std::string_view> periods;
  const std::vector<Track> tracks = evaluator.tracks();
  for (const Track& one : tracks) {
    if (one.rule != "BudgetThresholdCrossed") continue;
    labels.insert(one.subject->labels);
    periods.insert(label_of(one.subject->labels, "period"));
    EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
  }
  EXPECT_EQ(labels.size(), 4U);
  EXPECT_THAT(periods,
              ElementsAre("2023-11-14T22:13:20+00:00", "2023-11-14T23:13:20+00:00", "2023-11-15T07:13:20+09:00"));
}

}  // namespace
}  // namespace tessera::fleet::alerts

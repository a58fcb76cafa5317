#pragma once
// For tests: a fleet that is told pages, and what is observed of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/alerts/observe.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet::alerts {

inline constexpr EpochMs kStart = 1'700'000'000'000, kSecond = 1'000, kHour = 3'600 * kSecond;

/// A page of one whole GPU and one that is cut in two.
inline constexpr std::string_view kPage = R"(
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
    sight.is_host_job = is_host_job;
    sight.is_platform = is_platform;
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
  IsHostJob is_host_job;
  IsPlatform is_platform;
  Observer observer;
  Round round;
};

inline std::string busy_gpu(unsigned index, double celsius, double watts, double percent = 99, double mhz = 1980,
                            unsigned reasons = 0) {
  const std::string of =
      fmt::format("{{gpu=\"{}\",UUID=\"GPU-{}\",Hostname=\"w\",modelName=\"NVIDIA H100 80GB HBM3\"}}", index, index);
  return fmt::format(
      "DCGM_FI_DEV_GPU_TEMP{0} {1}\nDCGM_FI_DEV_GPU_UTIL{0} {3}\nDCGM_FI_DEV_POWER_USAGE{0} {2}\n"
      "DCGM_FI_DEV_ENFORCED_POWER_LIMIT{0} 700\nDCGM_FI_DEV_SM_CLOCK{0} {4}\n"
      "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{0} {5}\n",
      of, celsius, watts, percent, mhz, reasons);
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

}  // namespace tessera::fleet::alerts

// A real Prometheus that evaluates deploy/prometheus over a simulated node's pages, and the server that is given the
// same pages: what the one records and what the other's rules observe is one number. Rules that always fire show it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/duration.h"
#include "base/files.h"
#include "base/utc.h"
#include "http/server.h"
#include "tests/e2e/node.h"
#include "tests/e2e/pages.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using nlohmann::json;

/// Enough boards of one model that are busy for neighbours to be compared, one that only draws, and two that are cut.
/// Of twelve GPUs and instances four have a process that is neither the platform's nor on the host.
constexpr const char* kFleet = R"(seed: 11
nodes:
  - name: worker-01
    gpus:
      - {model: h100_sxm, processes: [{pid: 4101, command: python3, memory: 41GiB, sm: 97, pod: ml/trainer-0}]}
      - {model: h100_sxm, processes: [{pid: 4102, command: python3, memory: 40GiB, sm: 99}]}
      - {model: h100_sxm, processes: [{pid: 4103, command: nvidia-cuda-mps, memory: 39GiB, sm: 96, pod: nvidia-device-plugin/mps}]}
      - {model: h100_sxm, processes: [{pid: 4104, command: python3, memory: 38GiB, sm: 98, pod: ml/trainer-3}]}
      - {model: h100_sxm, processes: [{pid: 4105, command: python3, memory: 37GiB, sm: 95, pod: ml/trainer-4}]}
      - {model: h100_sxm, processes: [{pid: 4106, command: python3, memory: 36GiB, sm: 98}]}
      - {model: h100_sxm, processes: [{pid: 4107, command: Xorg, type: G, memory: 60MiB, pod: ml/desktop}]}
      - model: h100_sxm
        mig: {layout: [{profile: 1g.10gb, start: 0, load: 90}, {profile: 2g.20gb, start: 2, load: 60}, {profile: 1g.10gb, start: 1, load: 80}]}
      - model: h100_sxm
        mig: {layout: [{profile: 3g.40gb, start: 4, load: 35}, {profile: 4g.40gb, start: 0}]}
        processes: [{pid: 5301, command: vllm, memory: 8GiB, instance: 0, pod: ml/llm}]
    pods:
      - {namespace: ml, name: trainer-0, containers: [{name: main, devices: [{gpu: 0}]}]}
      - {namespace: ml, name: trainer-3, containers: [{name: main, devices: [{gpu: 3}]}]}
      - {namespace: ml, name: trainer-4, containers: [{name: main, devices: [{gpu: 4}]}]}
      - {namespace: ml, name: desktop, containers: [{name: main, devices: [{gpu: 6}]}]}
      - {namespace: ml, name: llm, containers: [{name: main, devices: [{gpu: 8, instance: 0}]}]}
      - {namespace: nvidia-device-plugin, name: mps, containers: [{name: main}]}
)";

constexpr const char* kSettings = R"(gpu.management:
  metrics: {collection-interval: 1s}
  alerts:
    rules:
      - {name: HighGPUUtilization, threshold: -1, for: 0s}
      - {name: MIGHighUtilization, threshold: -1, for: 0s}
      - {name: HighGPUUsage, threshold: -1, for: 0s}
      - {name: GPUPowerNearLimit, threshold: -1, for: 0s}
      - {name: GPUTemperatureNotice, threshold: -1, for: 0s}
      - {name: GPUHotterThanNeighbours, threshold: -1000, for: 0s}
      - {name: GPUPowerBelowNeighbours, threshold: 1000, for: 0s}
)";

struct Compared {
  const char* alert;
  const char* promql;
  const char* by;  ///< label of the series; empty: there is one
};
constexpr Compared kCompared[] = {
    {"HighGPUUtilization", "gpu:utilization_percent:max", "UUID"},
    {"MIGHighUtilization", "gpu:mig_utilization_ratio:weighted", "UUID"},
    {"HighGPUUsage", "cluster:gpu_busy_share:ratio", ""},
    {"GPUPowerNearLimit", "gpu:power_limit_ratio:max", "UUID"},
    {"GPUTemperatureNotice", "max by (UUID) (DCGM_FI_DEV_GPU_TEMP)", "UUID"},
    {"GPUHotterThanNeighbours",
     "(gpu:temperature_celsius:by_work - on (modelName, work) group_left model:gpu_temperature_celsius:median)"
     " / on (modelName, work) group_left model:gpu_temperature_celsius:spread"
     " and gpu:power_watts:by_work <= on (modelName, work) group_left 1.25 * model:gpu_power_watts:median",
     "UUID"},
    {"GPUPowerBelowNeighbours",
     "(gpu:power_limit_ratio:busy - on (modelName) group_left model:gpu_power_limit_ratio:median)"
     " / on (modelName) group_left model:gpu_power_limit_ratio:spread"
     " and (gpu:clocks_held_down:busy > 0"
     " or gpu:sm_clock_mhz:busy < on (modelName) group_left 0.9 * model:gpu_sm_clock_mhz:median)",
     "UUID"}};

/// A page that stays as it is until there is another one, with its number.
class StandingPage {
 public:
  StandingPage() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto made = http::Server::listen(options, {{"GET", "/metrics", [this](const http::Request&) {
                                                  http::Response out;
                                                  out.content_type = "text/plain";
                                                  const std::lock_guard lock(mutex_);
                                                  out.body = page_;
                                                  return out;
                                                }}});
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    if (made) server_ = *std::move(made);
  }
  std::string address() const { return server_->address(); }
  void show(const std::string& page, int number) {
    const std::lock_guard lock(mutex_);
    page_ = page + fmt::format("test_page_number {}\n", number);
  }

 private:
  std::mutex mutex_;
  std::string page_;  // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

struct RecordingRules : testing::Test {
  static std::filesystem::path described(const TempDir& folder) {
    const auto path = folder.path() / "fleet.yaml";
    EXPECT_TRUE(write_file_atomically(path, kFleet));
    return path;
  }
  /// The fields as they are deployed, and the limit, which dcgm-exporter's lists leave out.
  static std::string fields(const TempDir& folder) {
    const auto path = folder.path() / "fields.csv";
    const auto deployed = read_file(TESSERA_SOURCE_DIR "/deploy/dcgm-exporter/dcp-metrics-included.csv", 1U << 20U);
    EXPECT_TRUE(deployed) << (deployed ? "" : deployed.error().what);
    if (deployed) {
      EXPECT_TRUE(
          write_file_atomically(path, *deployed + "\nDCGM_FI_DEV_ENFORCED_POWER_LIMIT, gauge, Limit (watts).\n"));
    }
    return path;
  }
  void SetUp() override {
    prometheus = Prometheus::evaluating(page.address(), TESSERA_SOURCE_DIR "/deploy/prometheus/*.rules.yaml");
    if (!prometheus) GTEST_SKIP() << "no Prometheus on this machine: ./dev unpacks it";
  }

  /// Until what each of the two knows is of this page alone.
  void show(const std::string& text, int number) {
    page.show(text, number);
    const EpochMs shown = now_epoch_ms();
    ASSERT_TRUE(eventually([&] {
      server.post("/import/prometheus?node=worker-01", text, {});
      return !alerts("MIGHighUtilization").empty() && std::ranges::all_of(kCompared, [&](const Compared& one) {
        return std::ranges::all_of(alerts(one.alert), [&](const json& alert) {
          const auto sampled = parse_utc(alert.at("lastSample").get<std::string>());
          return sampled && *sampled > shown + 2'000;
        });
      });
    }));
    ASSERT_TRUE(eventually([&] {
      const auto seen = prometheus->query(fmt::format(
          "min_over_time(test_page_number[4s]) == {} and count_over_time(test_page_number[4s]) > 5", number));
      return !seen.empty();
    }));
  }
  json alerts(const std::string& name) {
    return server.get("/alerts?limit=1000&state=firing&alert=" + name).at("items");
  }
  void expect_agreement(const Compared& one) {
    std::map<std::string, double> recorded, observed;
    for (const Vector& row : prometheus->query(one.promql))
      recorded[*one.by ? row.labels.at(one.by) : std::string()] = row.value;
    for (const json& alert : alerts(one.alert))
      observed[*one.by ? alert.at("labels").at("uuid").get<std::string>() : std::string()] = alert.at("value");
    EXPECT_FALSE(recorded.empty()) << one.promql;
    EXPECT_EQ(recorded.size(), observed.size()) << one.alert;
    for (const auto& [subject, value] : recorded) {
      ASSERT_TRUE(observed.contains(subject)) << one.alert << ' ' << subject;
      EXPECT_NEAR(observed[subject], value, 1e-9 * std::max(1.0, std::abs(value))) << one.alert << ' ' << subject;
    }
  }

  TempDir folder;
  Node node{described(folder)};
  Agent agent{node, {"--interval", "1s", "-f", fields(folder)}};
  StandingPage page;
  Server server{kSettings};
  std::unique_ptr<Prometheus> prometheus;
};

TEST_F(RecordingRules, SayWhatTheServerSays) {
  node.sim({"fault", "throttle", "--gpu", "4"});  // power is compared where clocks are low
  for (int number = 1; number <= 3; ++number) {
    SCOPED_TRACE(fmt::format("page {}", number));
    if (number == 2) node.sim({"fault", "temperature", "--gpu", "2", "--celsius", "91"});
    ASSERT_NO_FATAL_FAILURE(show(next_page(agent), number));
    for (const Compared& one : kCompared) expect_agreement(one);
    const auto busy = prometheus->query("cluster:gpu_busy_share:ratio");
    ASSERT_EQ(busy.size(), 1U);
    EXPECT_NEAR(busy[0].value, 4.0 / 12, 1e-9);
    // Of whole devices the API tells percent with two digits.
    std::map<std::string, double> whole;
    for (const Vector& row : prometheus->query("100 * gpu:mig_utilization_ratio:device"))
      whole[row.labels.at("UUID")] = row.value;
    EXPECT_EQ(whole.size(), 2U);
    for (const json& device : server.get("/gpu/devices").at("items"))
      if (const auto found = whole.find(device.at("uuid")); found != whole.end()) {
        EXPECT_NEAR(device.at("utilization").at("device").get<double>(), found->second, 0.005 + 1e-9);
      }
  }
}

}  // namespace
}  // namespace tessera::e2e

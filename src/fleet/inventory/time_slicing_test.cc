// What several pods share by time-slicing: dcgm-exporter repeats each series for each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/overview.h"
#include "fleet/inventory/pods.h"
#include "fleet/inventory/restricted.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using gpu::Reading;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
const std::string kTarget = R"(job="dcgm-exporter",node="n")";

std::string line(const std::string& name, const std::string& labels, double value) {
  return name + R"({gpu="0",UUID="GPU-1",modelName="NVIDIA A100-SXM4-40GB",hostname="n")" + labels + "} " +
         std::to_string(value) + "\n";
}

/// One GPU, told once for each of the pods `a/p1`, `b/p2`, …
std::string shared_by(const std::vector<std::string>& pods, double ratio, const std::string& more = "") {
  std::string page;
  for (const auto& [name, value] : {std::pair{"DCGM_FI_PROF_GR_ENGINE_ACTIVE", ratio}, {"DCGM_FI_DEV_FB_USED", 1024.0}})
    for (std::size_t i = 0; i < pods.size(); ++i) {
      const auto slash = pods[i].find('/');
      page += line(name,
                   more + R"(,vgpu=")" + std::to_string(i) + R"(",container="c",namespace=")" +
                       pods[i].substr(0, slash) + R"(",pod=")" + pods[i].substr(slash + 1) + '"',
                   value);
    }
  return page;
}

std::vector<std::string> holders_of(const View& view) {
  std::vector<std::string> out;
  for (const Pod& pod : pods_of(node_of(view)))
    out.push_back(pod.space + '/' + pod.name + (pod.parts.at(0).shared ? " shared" : ""));
  return out;
}

TEST(TimeSlicing, EachPodHoldsWhatIsTold) {
  for (const std::string part : {"", R"(,GPU_I_PROFILE="2g.10gb",GPU_I_ID="3")"}) {
    ToldPages told;
    for (int i = 0; i < 3; ++i) told.scrape(kStart + i * 30 * kSecond, kTarget, shared_by({"a/p1", "b/p2"}, 0.5, part));
    const auto view = told.fleet.publish(kStart + 60 * kSecond);
    EXPECT_THAT(holders_of(*view), ElementsAre("a/p1 shared", "b/p2 shared"));
    for (const std::string space : {"a", "b"}) {
      const auto seen = restricted(view->nodes[0], [&](const Workload& one) { return one.space == space; });
      ASSERT_TRUE(seen) << space;
      EXPECT_THAT(pods_of(*seen), SizeIs(1)) << space;
    }
  }
}

TEST(TimeSlicing, APodWhoseReplicasAreToldAnewHoldsThemOn) {
  ToldPages told;
  const auto page = [](int replicas) {
    return R"(gpu_allocation_info{gpu="0",UUID="GPU-1",resource="nvidia.com/gpu.shared",share="shared",replicas=")" +
           std::to_string(replicas) + R"(",container="c",namespace="a",pod="p"} 1)" + "\n";
  };
  for (int i = 0; i < 3; ++i) told.scrape(kStart + i * 30 * kSecond, kTarget, page(i < 2 ? 1 : 2));
  const auto view = told.fleet.publish(kStart + 60 * kSecond);
  const Device& device = device_of(*view, 0);
  ASSERT_THAT(device.allocations, SizeIs(1)) << "the end of the old series is not that of the pod";
  EXPECT_EQ(device.allocations[0].facts->replicas, 2U);
  EXPECT_EQ(device.allocations[0].first_seen, kStart);
  told.scrape(kStart + 90 * kSecond, kTarget, "");
  EXPECT_THAT(device_of(*told.fleet.publish(kStart + 90 * kSecond), 0).allocations, IsEmpty());
}

TEST(TimeSlicing, ANumberIsOneWhoeverItIsToldFor) {
  ToldPages told;
  for (int i = 0; i <= 10; ++i) told.scrape(kStart + i * 30 * kSecond, kTarget, shared_by({"a/p1", "b/p2"}, 0.5));
  const auto view = told.fleet.publish(kStart + 300 * kSecond);
  const Device& device = device_of(*view, 0);
  EXPECT_EQ(device.readings[Reading::GraphicsEngineActiveRatio], 0.5);
  EXPECT_EQ(device.readings[Reading::MemoryUsedBytes], 1024.0 * 1024 * 1024);
  EXPECT_EQ(overview_of(*view->nodes[0]).sum.memory_used_bytes.known(), 1024.0 * 1024 * 1024);
  std::int64_t observed = 0, owned = 0;
  std::map<std::string, std::int64_t> held, share;
  const Usage usage = told.fleet.meter().take();
  for (const SubjectUsage& one : usage.subjects) {
    observed += one.totals.observed_ms;
    owned += one.totals.owned_ms;
  }
  for (const OwnerUsage& one : usage.owners) {
    held[one.owner->pod] += one.held_ms;
    share[one.owner->pod] += one.share_ms;
  }
  EXPECT_EQ(observed, 300 * kSecond);
  EXPECT_EQ(owned, 300 * kSecond);
  EXPECT_EQ(held, (std::map<std::string, std::int64_t>{{"p1", 300 * kSecond}, {"p2", 300 * kSecond}}));
  EXPECT_EQ(share, (std::map<std::string, std::int64_t>{{"p1", 150 * kSecond}, {"p2", 150 * kSecond}}));
}

TEST(TimeSlicing, APodThatGoesLeavesTheOthers) {
  ToldPages told;
  const auto scrape = [&](int second, const std::vector<std::string>& pods) {
    told.scrape(kStart + second * kSecond, kTarget,
                pods.empty() ? line("DCGM_FI_DEV_FB_USED", "", 1) : shared_by(pods, 0.5));
    return told.fleet.publish(kStart + second * kSecond);
  };
  scrape(0, {"a/p1", "b/p2"});
  auto view = scrape(30, {"b/p2"});  // the one whose series were believed
  EXPECT_THAT(holders_of(*view), ElementsAre("b/p2"));
  EXPECT_EQ(device_of(*view, 0).readings[Reading::GraphicsEngineActiveRatio], 0.5);
  EXPECT_EQ(device_of(*view, 0).allocations.at(0).first_seen, kStart);
  view = scrape(60, {"a/p3", "b/p2"});
  EXPECT_THAT(holders_of(*view), ElementsAre("a/p3 shared", "b/p2 shared"));
  view = scrape(90, {"b/p2"});
  EXPECT_THAT(holders_of(*view), ElementsAre("b/p2"));
  EXPECT_EQ(device_of(*view, 0).allocations.at(0).first_seen, kStart);
  view = scrape(120, {});
  EXPECT_THAT(device_of(*view, 0).allocations, IsEmpty());
  EXPECT_EQ(device_of(*view, 0).readings[Reading::MemoryUsedBytes], 1024.0 * 1024);
}

TEST(TimeSlicing, WithoutMarkersAPodLeavesByItsSilence) {
  ToldPages told;
  told.scrape(kStart, kTarget, shared_by({"a/p1", "b/p2"}, 0.5));
  // Another label of the target: to the test it is another scrape, so that nothing ends.
  for (int i = 1; i <= 3; ++i) told.scrape(kStart + i * 30 * kSecond, kTarget + R"(,x="y")", shared_by({"b/p2"}, 0.5));
  told.fleet.advance(kStart + 90 * kSecond);
  EXPECT_THAT(holders_of(*told.fleet.publish(kStart + 90 * kSecond)), ElementsAre("b/p2"));
}

TEST(TimeSlicing, WhoIsNotBelievedNamesNoHolder) {
  ToldPages told;
  told.scrape(kStart, R"(job="tessera-agent",node="n")", shared_by({"a/p1"}, 0.5));
  told.scrape(kStart + 1, kTarget, shared_by({"a/p1", "b/p2"}, 0.5));
  EXPECT_THAT(holders_of(*told.fleet.publish(kStart + 1)), ElementsAre("a/p1"));
  told.scrape(kStart + 2, kTarget, line("DCGM_FI_DEV_GPU_TEMP", "", 40));
  EXPECT_THAT(holders_of(*told.fleet.publish(kStart + 2)), ElementsAre("a/p1")) << "its end says nothing either";
}

}  // namespace
}  // namespace tessera::fleet

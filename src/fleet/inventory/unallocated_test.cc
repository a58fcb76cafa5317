// What agents tell of pods that use what they do not hold.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000, kSecond = 1'000;
const std::string kWhole =
    "gpu_unallocated_processes{gpu=\"0\",UUID=\"GPU-0\",namespace=\"ml\",pod=\"p\",pod_uid=\"u\"} 2\n";
const std::string kSlice =
    "gpu_unallocated_processes{gpu=\"1_3_0\",UUID=\"GPU-1\",GPU_I_ID=\"3\",GPU_I_PROFILE=\"1g.10gb\",namespace=\"ml\","
    "pod=\"q\",pod_uid=\"v\"} 1\n";

struct UnallocatedTest : testing::Test {
  /// `c/GPU-0 ml/p u`, of a scrape at this time.
  std::vector<std::string> at(EpochMs time, const std::string& page, bool scraped = true) {
    told.fleet.arrived(kStart + time);
    if (scraped) told.scrape(kStart + time, R"(cluster="c",node="w")", page);
    told.fleet.advance(kStart + time);
    const auto view = told.fleet.publish(kStart + time);
    std::vector<std::string> out;
    for (const UnallocatedUse& one : view->unallocated)
      out.push_back(fmt::format("{}/{}{} {}/{} {}", one.cluster, one.device_uuid, part_name(one.part),
                                one.facts->workload.space, one.facts->workload.pod, one.facts->workload.pod_uid));
    return out;
  }
  ToldPages told;
};

TEST_F(UnallocatedTest, IsToldUntilItsSeriesEnds) {
  EXPECT_THAT(at(0, kWhole + kSlice), ElementsAre("c/GPU-0 ml/p u", "c/GPU-1/3/0 ml/q v"));
  EXPECT_THAT(at(30 * kSecond, kSlice), ElementsAre("c/GPU-1/3/0 ml/q v"));
  EXPECT_THAT(at(60 * kSecond, kWhole + kSlice), ElementsAre("c/GPU-0 ml/p u", "c/GPU-1/3/0 ml/q v"));
  EXPECT_THAT(at(90 * kSecond, ""), IsEmpty());
}

TEST_F(UnallocatedTest, OfNoneOrOfASilentNodeOrOfNobodyNothingIsTold) {
  std::string none = kWhole;
  none.replace(none.rfind('2'), 1, "0");
  EXPECT_THAT(at(0, none), IsEmpty());
  EXPECT_THAT(at(30 * kSecond, kWhole), ElementsAre("c/GPU-0 ml/p u"));
  EXPECT_THAT(at(60 * kSecond, none), IsEmpty());
  EXPECT_THAT(at(90 * kSecond, kWhole), ElementsAre("c/GPU-0 ml/p u"));
  EXPECT_THAT(at(160 * kSecond, "", false), ElementsAre("c/GPU-0 ml/p u")) << "a value holds for 2.5 intervals";
  EXPECT_THAT(at(170 * kSecond, "", false), IsEmpty());
  EXPECT_THAT(at(180 * kSecond, "gpu_unallocated_processes{gpu=\"0\",UUID=\"GPU-0\",pod=\"unknown\"} 1\n"), IsEmpty());
}

/// It holds nothing: neither the inventory nor what is paid for knows of it.
TEST_F(UnallocatedTest, IsNoAllocationAndCountsInNoUsage) {
  at(0, kWhole);
  const auto view = told.fleet.publish(kStart);
  EXPECT_THAT(device_of(*view, 0).allocations, IsEmpty());
  told.fleet.meter().settle(kStart + 600 * kSecond);
  for (const auto& one : told.fleet.meter().take(kStart).owners) ADD_FAILURE() << one.owner->pod;
  told.forget();
  EXPECT_THAT(at(30 * kSecond, "", false), IsEmpty()) << "its series is forgotten";
  EXPECT_THAT(at(60 * kSecond, kWhole), ElementsAre("c/GPU-0 ml/p u"));
}

}  // namespace
}  // namespace tessera::fleet

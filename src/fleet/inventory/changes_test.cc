#include "fleet/inventory/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr const char* kTarget = R"(node="w",job="tessera-agent")";
constexpr const char* kDevice = R"(gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3"} 1
)";
constexpr const char* kProcess =
    R"(gpu_process_info{gpu="0",pid="7",command="python3",pod="p",namespace="ml",container="c",status="active",UUID="GPU-1"} 1
)";
constexpr const char* kHolder =
    R"(gpu_allocation_info{gpu="0",resource="nvidia.com/gpu",UUID="GPU-1",container="c",namespace="ml",pod="p"} 1
)";
constexpr const char* kSlice =
    R"(gpu_instance_info{gpu="0",GPU_I_PROFILE="2g.20gb",GPU_I_ID="3",GPU_CI_ID="0",UUID="GPU-1",start="0",size="2"} 1
)";
constexpr const char* kBroken = R"(DCGM_FI_DEV_ROW_REMAP_FAILURE{gpu="0",UUID="GPU-1"} 1
)";

/// "session.started ml": what a change is, and whom it concerns.
std::vector<std::string> told_by(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const Change& one : changes) {
    std::string text(change_name(one.kind));
    if (!one.from.empty() || !one.to.empty()) text += " " + one.from + ">" + one.to;
    for (const std::string& space : one.spaces) text += " " + space;
    out.push_back(std::move(text));
  }
  return out;
}

TEST(Changes, AreWhatPeopleWaitFor) {
  struct Case {
    std::string before, after;
    std::vector<std::string> want;
  };
  const std::string device = kDevice;
  const Case kCases[] = {
      {device, device, {}},
      {"", device, {"device.appeared >present"}},
      {"", device + kProcess, {"device.appeared >present ml", "session.started ml"}},
      {device, device + kProcess, {"session.started ml"}},
      {device + kProcess, device, {"session.ended ml"}},
      {device, device + kHolder, {"allocation.started ml"}},
      {device + kHolder, device, {"allocation.ended ml"}},
      {device, device + kSlice, {"layout.changed >2g.20gb@0"}},
      {device + kSlice, device, {"layout.changed 2g.20gb@0>"}},
      {device + kHolder, device + kHolder + kBroken, {"device.health healthy>unhealthy ml"}},
  };
  for (const Case& c : kCases) {
    ToldPages told;
    told.scrape(kStart, kTarget, c.before);
    const auto before = told.fleet.publish(kStart);
    told.scrape(kStart + 1'000, kTarget, c.after);
    const auto after = told.fleet.publish(kStart + 1'000);
    EXPECT_EQ(told_by(changes_between(*before, *after)), c.want) << c.before << "→\n" << c.after;
    EXPECT_THAT(changes_between(*after, *after), IsEmpty());
  }
}

TEST(Changes, ASilentDeviceIsToldByItsPresence) {
  ToldPages told;
  told.scrape(kStart, kTarget, std::string(kDevice) + kHolder);
  const auto before = told.fleet.publish(kStart);
  told.fleet.advance(kStart + 100'000);
  const auto after = told.fleet.publish(kStart + 100'000);
  EXPECT_THAT(told_by(changes_between(*before, *after)),
              ElementsAre("device.presence present>stale ml", "allocation.ended ml"));
}

TEST(Changes, TellWhoseItIs) {
  ToldPages told;
  const auto before = told.fleet.publish(kStart);
  told.scrape(kStart + 1'000, kTarget, std::string(kDevice) + kProcess);
  const auto changes = changes_between(*before, *told.fleet.publish(kStart + 1'000));
  ASSERT_EQ(changes.size(), 2U);
  const Change& session = changes[1];
  EXPECT_EQ(session.device_id, "w-GPU-00");
  EXPECT_EQ(session.uuid, "GPU-1");
  EXPECT_EQ(session.pid, 7U);
  EXPECT_EQ(session.command, "python3");
  EXPECT_EQ(session.workload->pod, "p");
  EXPECT_EQ(session.time, kStart + 1'000);
  EXPECT_EQ(session.cluster, "default");
}

}  // namespace
}  // namespace tessera::fleet

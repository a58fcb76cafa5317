#include "server/allocation_trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;
constexpr EpochMs kLongAgo = kNow - kBlockedFor.count();

fleet::PromisedPart part() { return {"w-1", "GPU-1", "2g.20gb", {0, 2}, true}; }

struct AllocationTrouble : testing::Test {
  AllocationTrouble() {
    layouts.prepare("default");
    layouts.want({"default", "GPU-1", "w-1", 3, {{"2g.20gb", {0, 2}}}});
    told.scrape(kNow, R"(node="w-1",job="agent")", R"(
tessera_agent_device_up{gpu="0",UUID="GPU-1"} 1
gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_instance_info{gpu="0",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"} 1
gpu_instance_info{gpu="0",UUID="GPU-1",GPU_I_ID="4",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-4",start="2",size="2"} 1
)");
    told.fleet.advance(kNow);
    known.view = told.fleet.publish(kNow);
  }
  void node_lists(std::int64_t amount) {
    auto node = std::make_shared<fleet::ClusterNode>();
    node->name = "w-1";
    node->allocatable["nvidia.com/mig-2g.20gb"] = amount;
    auto cluster = std::make_shared<fleet::ClusterView>();
    cluster->watched = cluster->synced = true;
    cluster->cluster = "default";
    cluster->nodes["w-1"] = node;
    known.cluster = cluster;
  }

  WantedLayouts layouts{0, {}};
  fleet::ToldPages told;
  Published known;
};

TEST_F(AllocationTrouble, OfWhatIsToBeCut) {
  struct Case {
    const char* what;
    NodeCourse course;
    const char* why;  // empty: it may still come
  };
  const Case kCases[] = {
      {"it is being cut", {true, "changing", "GPU-1: its agent cuts it", kLongAgo}, ""},
      {"it waits for the window", {false, "waiting", "the next maintenance window", kLongAgo}, ""},
      {"it is blocked since a moment", {false, "waiting", "no layout container", kNow, kNow - 1}, ""},
      {"it is blocked", {false, "waiting", "no layout container", kNow, kLongAgo}, "no layout container"},
      {"it has stopped", {false, "stopped", "not cut within 15m", kNow}, "not cut within 15m"},
      {"it is stuck", {false, "stuck", "the old pod", kNow}, "the old pod"},
      {"its changes are only told", {false, "dry-run", "its agent runs with --dry-run", kNow}, "--dry-run"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    layouts.course("default", "w-1", c.course);
    const auto why = why_not_cut(layouts, "default", part(), kNow);
    EXPECT_EQ(why.has_value(), *c.why != 0);
    if (why) EXPECT_THAT(*why, HasSubstr(c.why));
  }
}

TEST_F(AllocationTrouble, OfWhatNobodyWants) {
  EXPECT_FALSE(why_not_cut(layouts, "default", part(), kNow));
  layouts.want({"default", "GPU-1", "w-1", 4, {{"1g.10gb", {0, 1}}}});
  EXPECT_TRUE(why_not_cut(layouts, "default", part(), kNow)) << "it is wanted otherwise by now";
  layouts.forget("default", "GPU-1");
  EXPECT_TRUE(why_not_cut(layouts, "default", part(), kNow));
}

TEST_F(AllocationTrouble, OfWhatStandsAndIsNotListed) {
  struct Case {
    const char* what;
    const char* state;
    const char* unlisted;
    std::int64_t listed;
    bool trouble;
  };
  const Case kCases[] = {
      {"the plugin has time", "listing", "the node lists 0 of 2 nvidia.com/mig-2g.20gb", 0, false},
      {"the plugin never lists", "stopped", "the node lists 0 of 2 nvidia.com/mig-2g.20gb", 0, true},
      {"one of two is listed", "stopped", "the node lists 1 of 2 nvidia.com/mig-2g.20gb", 1, true},
      {"another profile is not listed", "stopped", "the node lists 0 of 1 nvidia.com/mig-1g.10gb", 2, false},
      {"the old pod does not go", "stuck", "the node lists 0 of 2 nvidia.com/mig-2g.20gb", 0, true},
      {"all is listed", "stopped", "", 0, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    layouts.course("default", "w-1", {.state = c.state, .reason = "because", .unlisted = c.unlisted});
    node_lists(c.listed);
    const auto why = why_not_given(layouts, "default", part(), known);
    EXPECT_EQ(why.has_value(), c.trouble);
    if (why) EXPECT_THAT(*why, HasSubstr("because; the node lists"));
  }
}

}  // namespace
}  // namespace tessera::server

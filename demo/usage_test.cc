#include "demo/usage.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/files.h"
#include "demo/rhythm.h"
#include "fleet/advice/seen.h"
#include "store/advice.h"

namespace tessera::demo {
namespace {

constexpr EpochMs kNow = 500'000 * kHour + 7 * 60'000, kSlot = 5 * 60'000;

sim::Scenario fleet() {
  auto out = sim::load_scenario(TESSERA_FLEET);
  EXPECT_TRUE(out) << (out ? "" : out.error().what);
  return out ? *std::move(out) : sim::Scenario();
}

TEST(DemoUsage, EveryPodThatHoldsSomethingHasAPast) {
  const sim::Scenario scenario = fleet();
  std::set<std::string> pods;
  for (const HeldPart& one : held_parts(scenario)) {
    EXPECT_TRUE(told_of(one, kNow - kHour / 2, kNow) || told_of(one, kNow - 3 * kHour / 2, kNow)) << one.pod->name;
    pods.insert(one.pod->name);
  }
  EXPECT_EQ(pods.size(), 12U);
}

TEST(DemoUsage, IsInTheDatabaseAsItWasTold) {
  const TempDir folder;
  const auto database = store::Database::open("sqlite:" + (folder.path() / "t.db").string());
  ASSERT_TRUE(database) << database.error().what;
  constexpr int kDays = 2;
  ASSERT_TRUE(write_usage(**database, "demo", fleet(), kNow, kDays));
  const EpochMs end = kNow / kSlot * kSlot, from = end - kDays * kDay;
  std::map<std::pair<std::string, std::string>, std::vector<fleet::advice::Slot>> seen;  // by pod and part
  const auto read =
      store::each_held_slot(**database, {store::Resolution::FiveMinutes, kSlot / 1'000, from / 1'000, end / 1'000},
                            [&](const store::HeldSlot& one) {
                              EXPECT_EQ(one.cluster, "demo");
                              EXPECT_FALSE(one.pod_uid.empty());
                              seen[{one.pod, one.gpu_instance ? one.profile : one.device_uuid}].push_back(one.slot);
                            });
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(seen.size(), 15U) << "finetune-0 has four";
  const auto rhythm = [&](const char* pod) {
    for (const auto& [key, slots] : seen)
      if (key.first == pod) return fleet::advice::sum_up(slots, from - 2 * kHour, end).rhythm;
    return fleet::advice::Rhythm();
  };
  EXPECT_EQ(rhythm("idle-holder").active_slots, 0U);
  EXPECT_DOUBLE_EQ(rhythm("idle-holder").observed, 1);
  EXPECT_DOUBLE_EQ(rhythm("sweep-0").observed, 0.75);
  EXPECT_EQ(rhythm("warmup-0").known_slots, 11U);
  EXPECT_EQ(rhythm("embed-0").active_slots, kDays * 288U);
  int late = 0;
  ASSERT_TRUE((*database)->each("SELECT COUNT(*) FROM cost_late", {},
                                [&](const store::Row& row) { late = static_cast<int>(row.integer(0).value_or(0)); }));
  EXPECT_EQ(late, 0) << "the ledger would be corrected by it";
}

}  // namespace
}  // namespace tessera::demo

#include "store/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/devices.h"
#include "store/dialect.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using namespace std::chrono_literals;
using fleet::Field;

constexpr EpochMs kStart = 1'800'000'000'000;  // a multiple of an hour
constexpr EpochMs kMinute = 60'000;

struct ArchiveTest : EachDatabase {
  void SetUp() override {
    EachDatabase::SetUp();
    if (database) archive.emplace(*database, 30s, UsageRetention{});
  }
  static fleet::UsageSubject subject(std::uint32_t number) {
    if (number % 2 == 0) return {"default", "GPU-1", std::nullopt, "", 7, 132};
    return {"default", "GPU-1", number, "1g.10gb", 1, 16};
  }
  Result<void> keep(const fleet::Usage& usage, EpochMs now = kStart) {
    Kept kept;
    kept.usage = &usage;
    kept.progress = {++counted, 0, now};
    return archive->keep(kept, subject, now);
  }
  std::int64_t number(const std::string& sql) const {
    std::int64_t out = -1;
    EXPECT_TRUE(database->each(sql, {}, [&](const Row& row) { out = row.integer(0).value_or(-1); }));
    return out;
  }
  fleet::Totals sum(Resolution resolution, EpochMs from, EpochMs to) const {
    fleet::Totals out;
    const std::vector<Value> values = {from / 1000, to / 1000};
    const auto done = database->each("SELECT " + totals_columns(false) + " FROM " +
                                         std::string(usage_table(resolution)) + " u WHERE bucket >= ? AND bucket < ?",
                                     values, [&](const Row& row) { out.add(totals_of(row, 0)); });
    EXPECT_TRUE(done);
    return out;
  }
  std::optional<Archive> archive;
  std::uint64_t counted = 0;
};

INSTANTIATE_EACH_DOOR(ArchiveTest);

fleet::Usage told(EpochMs time, std::uint32_t subject, std::int64_t ms, std::int64_t percent) {
  fleet::Usage out;
  out.subjects.push_back({subject, time, {}});
  fleet::Totals& totals = out.subjects[0].totals;
  totals.observed_ms = ms;
  totals.owned_ms = ms / 2;
  totals[Field::Utilization] = {percent * 100 * ms, ms, percent * 100};
  out.owners.push_back({subject, time, 0,
                        std::make_shared<const fleet::Workload>(fleet::Workload{"ml", "trainer-0", "", "u-1"}), ms / 2,
                        ms / 4, ms / 2});
  return out;
}

TEST_P(ArchiveTest, EveryResolutionIsTheSumOfWhatWasTold) {
  std::mt19937 random(3);
  fleet::Totals all;
  for (int i = 0; i < 300; ++i) {
    const EpochMs time = kStart + static_cast<EpochMs>(random() % 480) * 30'000;  // in any order
    const auto usage = told(time, random() % 6, static_cast<std::int64_t>(random() % 30'000),
                            static_cast<std::int64_t>(random() % 101));
    ASSERT_TRUE(keep(usage, kStart + 300 * kMinute));
    all.add(usage.subjects[0].totals);
  }
  for (const Resolution resolution : {Resolution::Raw, Resolution::FiveMinutes, Resolution::Hour})
    EXPECT_EQ(sum(resolution, kStart, kStart + 240 * kMinute), all) << usage_table(resolution);
  for (EpochMs hour = kStart; hour < kStart + 240 * kMinute; hour += 60 * kMinute) {
    const auto coarse = sum(Resolution::Hour, hour, hour + 60 * kMinute);
    EXPECT_EQ(sum(Resolution::Raw, hour, hour + 60 * kMinute), coarse);
    EXPECT_EQ(sum(Resolution::FiveMinutes, hour, hour + 60 * kMinute), coarse);
  }
  for (const char* table : {"owned_raw", "owned_5m", "owned_1h"})
    EXPECT_EQ(number("SELECT SUM(share_ms) FROM " + std::string(table)), number("SELECT SUM(owned_ms) FROM usage_1h"));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_owner"), 1);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_subject"), 4);
}

TEST_P(ArchiveTest, WhatCannotBeKeptLeavesNothingBehind) {
  ASSERT_TRUE(keep(told(kStart, 0, 1000, 50)));
  ASSERT_TRUE(database->run("ALTER TABLE owned_1h RENAME TO gone"));
  EXPECT_FALSE(keep(told(kStart, 1, 1000, 50)));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_raw"), 1);
  EXPECT_EQ(number("SELECT journal_sequence FROM progress"), 1);
  ASSERT_TRUE(database->run("ALTER TABLE gone RENAME TO owned_1h"));
  ASSERT_TRUE(keep(told(kStart, 1, 1000, 50)));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_subject"), 2) << "its number was given again";
  EXPECT_EQ(resume(*database)->progress.counted, 3U);
}

TEST_P(ArchiveTest, ANumberThatIsAnothersNowIsWrittenAsThat) {
  for (const char* uuid : {"GPU-1", "GPU-2"}) {
    const auto usage = told(kStart, 0, 1000, 50);
    Kept kept;
    kept.usage = &usage;
    kept.progress = {++counted, 0, kStart};
    const auto of = [&](std::uint32_t) { return fleet::UsageSubject{"default", uuid, std::nullopt, "", 7, 132}; };
    ASSERT_TRUE(archive->keep(kept, of, kStart));
  }
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_subject"), 2);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_raw"), 2);
  EXPECT_EQ(number("SELECT MAX(observed_ms) FROM usage_raw"), 1000);
}

TEST_P(ArchiveTest, TheSameGivenTwiceIsCountedOnce) {
  const auto usage = told(kStart, 0, 1000, 50);
  ASSERT_TRUE(keep(usage));
  --counted;  // as if the answer to COMMIT had been lost
  ASSERT_TRUE(keep(usage));
  EXPECT_EQ(number("SELECT SUM(observed_ms) FROM usage_raw"), 1000);
}

TEST_P(ArchiveTest, DropsWhatIsOlderThanItIsKept) {
  constexpr EpochMs kHour = 60 * kMinute, kDay = 24 * kHour;
  // Around the end of each: 24 hours, 30 days and 396 days.
  for (const EpochMs age :
       {0 * kHour, 23 * kHour, 25 * kHour, 29 * kDay, 31 * kDay, 70 * kDay, 395 * kDay, 397 * kDay, 500 * kDay})
    ASSERT_TRUE(keep(told(kStart - age, 0, 1000, 50), kStart - age));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(archive->drop_old(kStart));
  // A piece of time goes whole, a day or a month: of each, one that is too old stands beside one that is not.
  const int beside = database->dialect().partitions ? 1 : 0;
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_raw"), 2 + beside);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_5m"), 4 + beside);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_1h"), 7 + beside);
  EXPECT_EQ(number("SELECT COUNT(*) FROM owned_1h"), 7 + beside);
  EXPECT_EQ(archive->left_out(), 0U);
  ASSERT_TRUE(keep(told(kStart - 500 * kDay, 0, 1000, 50), kStart));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_1h"), 7 + beside);
  EXPECT_EQ(archive->left_out(), 1U) << "older than anything is kept";
}

TEST_P(ArchiveTest, WhatHasFallenSilentIsKnownAfterARestart) {
  const auto pod = std::make_shared<const fleet::Workload>(fleet::Workload{"ml", "trainer-0", "", "u-1"});
  fleet::Usage usage;
  usage.silent = {{0, {}, nullptr, fleet::kWhetherThere, kStart},
                  {1, {}, nullptr, static_cast<std::uint8_t>(Field::Power), kStart + 1},
                  {1, 2U, pod, 1, kStart + 2}};
  ASSERT_TRUE(keep(usage));
  usage.silent.resize(1);
  usage.silent[0].until = kStart - 5;  // never back
  ASSERT_TRUE(keep(usage));
  const auto resumed = resume(*database);
  ASSERT_TRUE(resumed);
  std::vector<std::string> told;
  for (const auto& [cluster, device, instance, one] : resumed->counted)
    told.push_back(fmt::format("{}/{}/{} {} {} {} +{}", cluster, device, instance ? int(*instance) : -1,
                               one.owner ? one.owner->space + '/' + one.owner->pod + ' ' + one.owner->pod_uid : "",
                               one.compute_instance ? int(*one.compute_instance) : -1, one.what, one.until - kStart));
  EXPECT_THAT(told, testing::UnorderedElementsAre("default/GPU-1/-1  -1 7 +0", "default/GPU-1/1  -1 2 +1",
                                                  "default/GPU-1/1 ml/trainer-0 u-1 2 1 +2"));
  const EpochMs day = 24 * 60 * kMinute;
  ASSERT_TRUE(archive->drop_old(kStart + 7 * day + 1));
  EXPECT_EQ(resume(*database)->counted.size(), 2U);
}

TEST_P(ArchiveTest, AnotherIntervalBeginsRawUsageAnew) {
  ASSERT_TRUE(prepare_usage(*database, 30s));
  ASSERT_TRUE(keep(told(kStart, 0, 1000, 50)));
  ASSERT_TRUE(prepare_usage(*database, 30s));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_raw"), 1);
  ASSERT_TRUE(prepare_usage(*database, 15s));
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_raw"), 0);
  EXPECT_EQ(number("SELECT COUNT(*) FROM usage_5m"), 1);
}

fleet::LayoutSeen layout(EpochMs time, const std::string& text) {
  fleet::LayoutSeen out{"default", "GPU-1", time, false, {}};
  fleet::read_layout(text, out);
  return out;
}

fleet::Remembered device_seen_at(EpochMs time) {
  fleet::DeviceFacts facts;
  facts.uuid = "GPU-1";
  fleet::Remembered out{"default", "a", {}};
  out.device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
  out.device.first_seen = out.device.last_seen = time;
  return out;
}

TEST_P(ArchiveTest, LayoutsAreIntervals) {
  const auto write = [&](const fleet::LayoutSeen& seen) {
    Kept kept;
    kept.layouts = {&seen, 1};
    ASSERT_TRUE(archive->keep(kept, subject, kStart));
  };
  write(layout(1000, "-"));
  write(layout(2000, "1.0 3g.40gb 4+4|2.0 2g.20gb 0+2"));
  write(layout(2500, "1.0 3g.40gb 4+4|2.0 2g.20gb 0+2"));  // after a restart
  write(layout(1500, ""));                                 // older than what is known
  write(layout(3000, ""));
  const auto all = layouts_of(*database, "default", "GPU-1", 0, 10'000);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].ended, 2000);
  EXPECT_EQ(fleet::layout_text((*all)[1].layout), "1.0 3g.40gb 4+4|2.0 2g.20gb 0+2");
  EXPECT_EQ((*all)[1].layout.instances[0].second->placement, (gpu::Placement{4, 4}));
  EXPECT_EQ((*all)[2].ended, std::nullopt);
  EXPECT_TRUE((*all)[2].layout.mig);
  const auto part = layouts_of(*database, "default", "GPU-1", 2000, 2600);
  ASSERT_EQ(part->size(), 1U);
  EXPECT_EQ((*part)[0].ended, 3000);
  EXPECT_TRUE(layouts_of(*database, "default", "GPU-2", 0, 10'000)->empty());
  ASSERT_TRUE(write_device(*database, device_seen_at(2500)));
  ASSERT_TRUE(drop_old_devices(*database, 2500));
  EXPECT_EQ(layouts_of(*database, "default", "GPU-1", 0, 10'000)->size(), 2U) << "the one that held then stays";
  ASSERT_TRUE(drop_old_devices(*database, 2501));
  EXPECT_EQ(layouts_of(*database, "default", "GPU-1", 0, 10'000)->size(), 1U) << "the device may be remembered yet";
  ASSERT_TRUE(drop_old_devices(*database, 3001));
  EXPECT_TRUE(layouts_of(*database, "default", "GPU-1", 0, 10'000)->empty()) << "nor its last one";
}

TEST_P(ArchiveTest, DevicesAreFoundByTheirUuid) {
  ASSERT_TRUE(write_device(*database, device_seen_at(2500)));
  fleet::Remembered other = device_seen_at(2600);
  other.cluster = "b";
  ASSERT_TRUE(write_device(*database, other));
  const auto found = devices_seen(*database, "GPU-1");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].cluster, "b");
  EXPECT_EQ((*found)[1].cluster, "default");
  EXPECT_EQ((*found)[1].node, "a");
  EXPECT_TRUE(devices_seen(*database, "GPU-2")->empty());
}

TEST_P(ArchiveTest, DevicesAreKnownForAsLongAsTheirFineUsage) {
  constexpr EpochMs kDay = 24 * 60 * kMinute;
  const auto left_of = [&](EpochMs age, const UsageRetention& retention) {
    EXPECT_TRUE(write_device(*database, device_seen_at(kStart - age)));
    EXPECT_TRUE(Archive(*database, 30s, retention).drop_old(kStart));
    return number("SELECT COUNT(*) FROM device_seen");
  };
  const UsageRetention longer{.five_minutes = 24h * 1000};
  EXPECT_EQ(left_of(999 * kDay, longer), 1);
  EXPECT_EQ(left_of(999 * kDay, UsageRetention{}), 0);
  EXPECT_EQ(left_of(395 * kDay, UsageRetention{}), 1);
}

// A database that is used for years has as many owners as there were pods.
TEST_P(ArchiveTest, WhatNothingNamesGoes) {
  constexpr EpochMs kDay = 24 * 60 * kMinute;
  const auto pod = [](const std::string& name) {
    return std::make_shared<const fleet::Workload>(fleet::Workload{"ml", name, "", "u"});
  };
  const auto left = [&](const std::string& table) { return number("SELECT COUNT(*) FROM " + table); };
  fleet::Usage usage = told(kStart, 1, 1000, 50);
  for (int i = 0; i < 2500; ++i) usage.owners.push_back({1, kStart, 0, pod(std::to_string(i)), 1, 1, 1});
  ASSERT_TRUE(keep(usage));
  const auto drop = [&](EpochMs now) {
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(archive->drop_old(now));
  };
  for (EpochMs now = kStart; now < kStart + 395 * kDay; now += 79 * kDay) {
    ASSERT_TRUE(keep(told(now, 0, 1000, 50), now)) << "its owner is one of the first ones";
    drop(now);
    EXPECT_EQ(left("usage_owner"), 2501);
  }
  EXPECT_EQ(left("usage_subject"), 2);
  const EpochMs later = kStart + 396 * kDay + 47 * kDay;
  ASSERT_TRUE(archive->drop_old(later));
  EXPECT_EQ(left("usage_owner"), 2501) << "usage goes first";
  for (EpochMs at = later; left("usage_owner") == 2501 && at < later + 100 * 3'600'000; at += 3'600'000)
    ASSERT_TRUE(archive->drop_old(at));
  EXPECT_EQ(left("usage_owner"), 1501) << "a thousand at a time";
  drop(later + 100 * 3'600'000);
  EXPECT_EQ(left("usage_owner"), 1);
  EXPECT_EQ(left("usage_subject"), 1);
  EXPECT_EQ(
      number("SELECT COUNT(*) FROM owned_1h o WHERE NOT EXISTS (SELECT 1 FROM usage_owner w WHERE w.id = o.owner)"), 0);
  // The numbers that it had are another's by now.
  usage = told(later, 1, 1000, 50);
  usage.owners[0].owner = pod("7");
  ASSERT_TRUE(keep(usage, later));
  EXPECT_EQ(left("usage_owner"), 2);
  EXPECT_EQ(left("usage_subject"), 2);
  EXPECT_EQ(number("SELECT COUNT(*) FROM owned_raw o JOIN usage_owner w ON w.id = o.owner JOIN usage_subject s ON s.id "
                   "= o.subject WHERE w.pod = '7' AND s.gpu_instance = 1"),
            1);
}

// A database of an earlier version does not say when they were told of: that is taken for now.
TEST_P(ArchiveTest, WhatWasThereBeforeGoesInItsTime) {
  constexpr EpochMs kDay = 24 * 60 * kMinute;
  ASSERT_TRUE(keep(told(kStart, 0, 1000, 50)));
  for (const char* table : {"usage_subject", "usage_owner"})
    ASSERT_TRUE(database->run(fmt::format("UPDATE {} SET last_told = NULL", table)));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(archive->drop_old(kStart + kDay));
  EXPECT_EQ(number("SELECT last_told FROM usage_owner"), kStart + kDay);
  EXPECT_EQ(number("SELECT last_told FROM usage_subject"), kStart + kDay);
}

TEST_P(ArchiveTest, DevicesAreRememberedWithTheirInstances) {
  fleet::Remembered one{"default", "a", {}};
  fleet::DeviceFacts facts;
  facts.uuid = "GPU-1";
  facts.index = 3;
  facts.name = "NVIDIA H100";
  facts.mig_enabled = true;
  facts.memory_bytes = 85'520'809'984;
  one.device.facts = std::make_shared<const fleet::DeviceFacts>(facts);
  one.device.first_seen = 5;
  one.device.last_seen = 10;
  const fleet::LayoutSeen seen = layout(7, "1.0 3g.40gb 4+4");
  Kept kept;
  kept.devices = {&one, 1};
  kept.layouts = {&seen, 1};
  ASSERT_TRUE(archive->keep(kept, subject, kStart));
  one.device.first_seen = 8;  // a later start has not seen it before
  one.device.last_seen = 20;
  ASSERT_TRUE(archive->keep(kept, subject, kStart));
  const auto resumed = resume(*database);
  ASSERT_TRUE(resumed);
  ASSERT_EQ(resumed->devices.size(), 1U);
  const fleet::Device& device = resumed->devices[0].device;
  EXPECT_EQ(*device.facts, facts);
  EXPECT_EQ(device.first_seen, 5);
  EXPECT_EQ(device.last_seen, 20);
  ASSERT_EQ(device.instances.size(), 1U);
  EXPECT_EQ(device.instances[0].facts->profile, "3g.40gb");
  EXPECT_EQ(device.instances[0].facts->compute_slices, 3U);

  fleet::Fleet fleet;
  fleet.remember(resumed->devices[0]);
  fleet.advance(20 + 100'000);
  const auto view = fleet.publish(20 + 100'000);
  ASSERT_EQ(view->nodes.size(), 1U);
  EXPECT_EQ(view->nodes[0]->devices[0].presence, fleet::Presence::Stale);
  EXPECT_EQ(view->nodes[0]->devices[0].instances.size(), 1U);
}

}  // namespace
}  // namespace tessera::store

// The reader's bad days: devices that hang, vanish or may not be opened, and a driver that does not start.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "nvml/binding.h"
#include "nvml/simulated.h"

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

using gpu::Health;
using gpu::Reading;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReadBroken : public ReadSimulated {};

TEST_F(ReadBroken, DoesNotLetOneDeviceThatHangsDelayTheOthers) {
  scenario("      - {model: t4, count: 4}\n");
  auto how = options();
  how.grace = 20ms;  // and a deadline of a minute: waiting for the hung one would be seen by the test's time limit
  open(how);
  const auto up = collect_until([](const gpu::Snapshot& s) {
    return std::ranges::all_of(s.devices, [](const auto& d) { return d.health == Health::Up; });
  });
  sim("fault hang --gpu 2 --for 3600s");
  for (int round = 0; round < 20; ++round) {
    const auto snapshot = reader->collect();
    ASSERT_EQ(snapshot.devices.size(), 4U);
    const auto& hung = snapshot.devices[2];
    EXPECT_EQ(hung.health, Health::Slow);
    EXPECT_THAT(hung.why, HasSubstr("has not answered for"));
    EXPECT_EQ(hung.uuid, up.devices[2].uuid);
    EXPECT_EQ(hung.name, "Tesla T4");
    EXPECT_EQ(hung.readings, gpu::Readings()) << "old values are no values";
  }
  // The others are served meanwhile; any one of them may be late once, on a busy machine.
  for (const std::size_t index : {0U, 1U, 3U})
    collect_until([&](const gpu::Snapshot& s) { return s.devices[index].health == Health::Up; });
  sim("fault clear --gpu 2");
  collect_until([](const gpu::Snapshot& s) { return s.devices[2].health == Health::Up; });
}

TEST_F(ReadBroken, GoesAwayWhileADeviceHangs) {
  scenario("      - {model: t4, count: 2}\n");
  // In a process of its own, because the library stays loaded there with a thread in it.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        auto how = options();
        how.deadline = 50ms;
        open(how);
        sim("fault hang --gpu 0 --for 3600s");
        collect_until(
            [](const gpu::Snapshot& s) { return s.devices.size() == 2 && s.devices[0].health == Health::Slow; });
        reader.reset();
        ::_exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(ReadBroken, LosesADeviceAndFindsItAgain) {
  scenario("      - {model: t4, count: 2}\n");
  open();
  const auto before = reader->collect();
  sim("fault lost --gpu 1");
  const auto lost = reader->collect();
  EXPECT_EQ(lost.devices.at(0).health, Health::Up);
  EXPECT_EQ(lost.devices.at(1).health, Health::Lost);
  EXPECT_THAT(lost.devices[1].why, HasSubstr("15"));
  EXPECT_EQ(lost.devices[1].uuid, before.devices[1].uuid);
  EXPECT_EQ(lost.devices[1].readings, gpu::Readings());
  sim("fault lost --gpu 1 --off");
  const auto after = reader->collect();
  EXPECT_EQ(after.devices.at(1).health, Health::Up);
  EXPECT_EQ(after.devices[1].readings[Reading::XidLast], 0) << "its events are listened to again";
}

TEST_F(ReadBroken, TakesADeviceThatIsGoneOutAndTakesItBack) {
  scenario(R"(
      - {model: t4, processes: [{pid: 100, memory: 5MiB}]}
      - {model: l4, processes: [{pid: 200, memory: 6MiB}]}
      - {model: h100_sxm, load: 40, processes: [{pid: 300, memory: 7MiB}]}
)");
  open();
  reader->collect();
  sim("fault xid --gpu 2 --code 31");
  const auto before = collect_until([](const gpu::Snapshot& s) {
    // Also what takes two collections, so that its loss would be seen.
    return s.devices.at(2).xid_counts.contains(31) && s.devices[2].readings[Reading::SmActiveRatio];
  });
  const auto expect_same = [&](const gpu::Device& device, const gpu::Device& was) {
    EXPECT_EQ(device.health, Health::Up) << device.why;
    EXPECT_EQ(device.uuid, was.uuid);
    EXPECT_EQ(device.name, was.name);
    EXPECT_EQ(device.pci_bus_id, was.pci_bus_id);
    EXPECT_EQ(device.memory_bytes, was.memory_bytes);
    EXPECT_EQ(device.readings[Reading::MemoryUsedBytes], was.readings[Reading::MemoryUsedBytes]);
    EXPECT_TRUE(device.readings[Reading::PowerWatts]);
    ASSERT_EQ(device.processes.size(), 1U);
    EXPECT_EQ(device.processes[0].pid, was.processes.at(0).pid);
  };

  sim("fault absent --gpu 1");
  const auto without = reader->collect();  // the very next one
  ASSERT_EQ(without.devices.size(), 2U);
  EXPECT_EQ(without.inventory_why, "");
  expect_same(without.devices[0], before.devices[0]);
  expect_same(without.devices[1], before.devices[2]);
  EXPECT_EQ(without.devices[1].index, 1U) << "the driver's number for it now";
  EXPECT_EQ(without.devices[1].xid_counts, before.devices[2].xid_counts);
  EXPECT_FALSE(reader->driver_gone());
  collect_until([](const gpu::Snapshot& s) { return s.devices.at(1).readings[Reading::SmActiveRatio].has_value(); });
  EXPECT_FALSE(without.devices[0].readings[Reading::SmActiveRatio]) << "and stay where they belong";
  // Its events are heard by the new handle too.
  sim("fault xid --gpu 2 --code 31");
  collect_until(
      [](const gpu::Snapshot& s) { return s.devices.at(1).xid_counts == std::map<unsigned, std::uint64_t>{{31, 2}}; });

  sim("fault absent --gpu 1 --off");
  const auto back = reader->collect();
  ASSERT_EQ(back.devices.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) expect_same(back.devices[i], before.devices[i]);
  EXPECT_THAT(back.devices[0].xid_counts, IsEmpty());
  EXPECT_THAT(back.devices[1].xid_counts, IsEmpty());
  EXPECT_EQ(back.devices[2].xid_counts, (std::map<unsigned, std::uint64_t>{{31, 2}}));
  sim("fault xid --gpu 1 --code 79");
  sim("fault xid --gpu 2 --code 31");
  collect_until([](const gpu::Snapshot& s) {
    return s.devices.at(1).xid_counts == std::map<unsigned, std::uint64_t>{{79, 1}} &&
           s.devices[2].xid_counts == std::map<unsigned, std::uint64_t>{{31, 3}};
  });
}

TEST_F(ReadBroken, SaysThatADeviceIsDenied) {
  scenario("      - {model: t4, count: 2}\n");
  open();
  sim("fault denied --gpu 0");
  const auto snapshot = reader->collect();
  EXPECT_EQ(snapshot.devices.at(0).health, Health::Denied);
  EXPECT_THAT(snapshot.devices[0].why, HasSubstr("root"));
  EXPECT_EQ(snapshot.devices.at(1).health, Health::Up);
}

TEST_F(ReadBroken, CountsXids) {
  scenario("      - {model: h100_sxm, count: 2}\n");
  open();
  reader->collect();
  sim("fault xid --gpu 1 --code 31");
  sim("fault xid --gpu 1 --code 31");
  sim("fault xid --gpu 1 --code 79");
  const auto snapshot = collect_until([](const gpu::Snapshot& s) { return s.devices.at(1).xid_counts.contains(79); });
  EXPECT_EQ(snapshot.devices[1].xid_counts, (std::map<unsigned, std::uint64_t>{{31, 2}, {79, 1}}));
  EXPECT_EQ(snapshot.devices[1].readings[Reading::XidLast], 79);
  EXPECT_THAT(snapshot.devices[0].xid_counts, IsEmpty());
  EXPECT_EQ(snapshot.devices[0].readings[Reading::XidLast], 0);
  sim("fault lost --gpu 1");
  const auto lost = reader->collect();
  EXPECT_EQ(lost.devices[1].xid_counts.at(79), 1U) << "of a lost device the XIDs are what matters";
}

TEST_F(ReadBroken, TellsAnXidOfTheInstanceThatHadItOnly) {
  scenario("      - {model: h100_sxm, mig: {layout: [{profile: 3g.40gb}, {profile: 2g.20gb}, {profile: 1g.10gb}]}}\n");
  open();
  const auto first = reader->collect();
  ASSERT_EQ(first.devices.at(0).instances.size(), 3U);
  const auto number_of = [&](std::size_t at) { return first.devices[0].instances[at].gpu_instance; };
  std::uint64_t events = 0;
  const auto last_after = [&](const std::string& fault) {
    if (!fault.empty()) sim("fault xid --gpu 0 --code " + fault);
    events += fault.empty() ? 0 : 1;
    const auto seen = collect_until([&](const gpu::Snapshot& s) {
      std::uint64_t counted = 0;
      for (const auto& [code, count] : s.devices.at(0).xid_counts) counted += count;
      return counted == events;
    });
    std::vector<double> out{seen.devices[0].readings[Reading::XidLast].value_or(-1)};
    for (const auto& instance : seen.devices[0].instances)
      out.push_back(instance.readings[Reading::XidLast].value_or(-1));
    return out;
  };
  EXPECT_THAT(last_after(""), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(last_after(fmt::format("31 --gi {}", number_of(1))), ElementsAre(31, 0, 31, 0));
  EXPECT_THAT(last_after(fmt::format("43 --gi {}", number_of(0))), ElementsAre(43, 43, 31, 0));
  EXPECT_THAT(last_after("79"), ElementsAre(79, 79, 79, 79)) << "it names no instance";
  EXPECT_THAT(last_after(fmt::format("13 --gi {}", number_of(2))), ElementsAre(13, 79, 79, 13));

  sim(fmt::format("mig destroy --gpu 0 --gi {}", number_of(2)));
  collect_until([](const gpu::Snapshot& s) { return s.devices.at(0).instances.size() == 2; });
  sim("mig create --gpu 0 --profile 1g.10gb");
  const auto again = collect_until([](const gpu::Snapshot& s) { return s.devices.at(0).instances.size() == 3; });
  EXPECT_EQ(again.devices[0].instances[2].gpu_instance, number_of(2)) << "the number is given again";
  EXPECT_EQ(again.devices[0].instances[2].readings[Reading::XidLast], 0) << "and its next holder did nothing";
}

TEST_F(ReadBroken, KeepsItsListWhenTheDriverWillNotCount) {
  scenario("      - {model: t4, count: 2}\n");
  open();
  reader->collect();
  sim("fault return --symbol nvmlDeviceGetCount_v2 --code 999");
  const auto snapshot = reader->collect();
  EXPECT_EQ(snapshot.devices.size(), 2U);
  EXPECT_THAT(snapshot.inventory_why, HasSubstr("999"));
  EXPECT_FALSE(reader->driver_gone()) << "it may be in a bad mood only";
}

TEST_F(ReadBroken, TellsWideEntriesOfADriverNotKnownForThem) {
  scenario("      - {model: t4, processes: [{pid: 100, copies: 3, memory: 5MiB}]}\n");
  open();
  EXPECT_FALSE(reader->collect().driver.abi_mismatch);
  sim("fault stride32 on");
  const auto snapshot = reader->collect();
  EXPECT_TRUE(snapshot.driver.abi_mismatch);
  EXPECT_EQ(snapshot.devices.at(0).processes.size(), 3U) << "they are read as written";
}

TEST_F(ReadBroken, SaysThatTheDriverIsGone) {
  scenario("      - {model: t4, count: 2}\n");
  open();
  reader->collect();
  EXPECT_FALSE(reader->driver_gone());
  for (const int code : {1, 9, 18}) {
    sim(fmt::format("fault return --symbol nvmlDeviceGetCount_v2 --code {}", code));
    const auto snapshot = reader->collect();
    EXPECT_TRUE(reader->driver_gone()) << code;
    EXPECT_FALSE(snapshot.inventory_why.empty()) << code;
  }
  sim("fault clear");
  sim("fault return --symbol nvmlDeviceGetHandleByIndex_v2 --code 1");
  const auto counted = reader->collect();
  EXPECT_EQ(counted.devices.size(), 2U);
  EXPECT_TRUE(reader->driver_gone()) << "it counts devices, and answers for none of them";
  EXPECT_THAT(counted.inventory_why, HasSubstr("nvmlDeviceGetHandleByIndex"));
  sim("fault clear");
  EXPECT_EQ(reader->collect().inventory_why, "");
  EXPECT_FALSE(reader->driver_gone());
  open();  // in the place of the old one
  EXPECT_EQ(reader->collect().devices.size(), 2U);
  EXPECT_FALSE(reader->driver_gone());
}

TEST_F(ReadBroken, SaysWhyADriverDoesNotStart) {
  scenario("      - {model: t4}\n");
  const Probe up = probe(library());
  ASSERT_TRUE(up.driver) << up.error;
  EXPECT_EQ(up.devices, 1U);
  EXPECT_TRUE(up.driver->simulated);
  EXPECT_EQ(up.path, library());

  std::ofstream(folder.path() / "scenario.yaml") << "nodes: no";  // the simulated driver answers 9 then
  const auto refused = Reader::open(options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_THAT(refused.error().what, testing::AllOf(HasSubstr("(9)"), HasSubstr("modprobe nvidia")));
}

}  // namespace
}  // namespace tessera::nvml

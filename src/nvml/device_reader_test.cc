#include "nvml/device_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nvml/fake_driver.h"

namespace tessera::nvml {
namespace {

using gpu::Health;
using gpu::Reading;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReadDevice : public testing::Test {
 protected:
  void cut() {
    driver.mig = true;
    driver.slots = {FakeInstance{"MIG-a", 1, 0, 3, 3, 40448, {10}}, std::nullopt,
                    FakeInstance{"MIG-b", 5, 0, 1, 1, 9984, {20, 21}}};
  }
  static std::vector<std::string> uuids(const gpu::Device& device) {
    std::vector<std::string> out;
    for (const auto& instance : device.instances) out.push_back(instance.uuid);
    return out;
  }
  static std::vector<unsigned> pids(const gpu::Device& device) {
    std::vector<unsigned> out;
    for (const auto& process : device.processes) out.push_back(process.pid);
    return out;
  }

  FakeDriver driver;
  std::shared_ptr<const Library> library = Library::around(driver.api);
  DeviceReader reader{library, nullptr, 0};
};

TEST_F(ReadDevice, TellsWhatItIs) {
  driver.processes = {{7, 1 << 20, abi::kNoInstance, abi::kNoInstance}};
  const auto device = reader.collect();
  EXPECT_EQ(device.health, Health::Up) << device.why;
  EXPECT_EQ(device.uuid, "GPU-1");
  EXPECT_EQ(device.readings[Reading::PowerWatts], 476.585) << "the nearest number, not 476.58500000000004";
  EXPECT_EQ(device.memory_bytes, 81559ULL << 20U);
  EXPECT_EQ(device.mig_enabled, std::nullopt);
  EXPECT_EQ(device.compute_slices, 1U);
  EXPECT_EQ(device.sm_count, std::nullopt);
  EXPECT_THAT(pids(device), ElementsAre(7));
  EXPECT_EQ(device.processes[0].gpu_instance, std::nullopt);
}

TEST_F(ReadDevice, FindsInstancesBehindHolesInTheSlots) {
  cut();
  const auto device = reader.collect();
  EXPECT_THAT(uuids(device), ElementsAre("MIG-a", "MIG-b"));
  EXPECT_EQ(device.instances[0].profile, "3g.40gb");
  EXPECT_EQ(device.instances[0].sm_count, 48U);
  EXPECT_EQ(device.instances[0].placement, std::nullopt) << "no such call here, as for a user without rights";
  EXPECT_EQ(device.instances[1].readings[Reading::MemoryTotalBytes], 9984.0 * 1048576);
  EXPECT_THAT(pids(device), ElementsAre(10, 20, 21));
  EXPECT_EQ(device.processes[2].gpu_instance, 5U);
  EXPECT_EQ(driver.calls["process utilization"], 0) << "no driver has it in MIG mode";
  EXPECT_EQ(driver.calls["processes"], 0);
}

TEST_F(ReadDevice, AsksOnceForWhatDoesNotChange) {
  cut();
  for (int i = 0; i < 3; ++i) reader.collect();
  EXPECT_EQ(driver.calls["attributes"], 2);
  EXPECT_EQ(driver.calls["gpm support"], 1);
}

TEST_F(ReadDevice, TellsComputeInstancesOfOneGpuInstanceApart) {
  driver.mig = true;
  driver.slots = {FakeInstance{"MIG-a", 2, 0, 1, 3, 40448, {10}}, FakeInstance{"MIG-b", 2, 1, 2, 3, 40448, {11}}};
  const auto device = reader.collect();
  ASSERT_THAT(uuids(device), ElementsAre("MIG-a", "MIG-b"));
  EXPECT_EQ(device.instances[0].profile, "1c.3g.40gb");
  EXPECT_EQ(device.instances[1].profile, "2c.3g.40gb");
  EXPECT_EQ(device.instances[1].compute_slices, 2U);
  EXPECT_EQ(device.instances[1].gi_compute_slices, 3U);
  EXPECT_EQ(device.processes[1].compute_instance, 1U);
  EXPECT_EQ(driver.calls["gpm instance sample"], 1) << "a sample belongs to the GPU instance";
}

TEST_F(ReadDevice, NoticesANewLayoutAtOnce) {
  cut();
  reader.collect();
  driver.slots = {FakeInstance{"MIG-c", 9, 0, 2, 2, 20096, {}}};
  EXPECT_THAT(uuids(reader.collect()), ElementsAre("MIG-c"));
  driver.slots.clear();
  EXPECT_THAT(reader.collect().instances, IsEmpty());
  driver.mig = false;
  driver.processes = {{7, 1 << 20, abi::kNoInstance, abi::kNoInstance}};
  const auto device = reader.collect();
  EXPECT_EQ(device.mig_enabled, false);
  EXPECT_THAT(pids(device), ElementsAre(7));
}

TEST_F(ReadDevice, AsksTheInstancesOfANewLayoutForWhatTheOldOnesHadNot) {
  cut();
  const auto memory = [this] { return reader.collect().instances.at(0).readings[Reading::MemoryTotalBytes]; };
  driver.refusals = {{"instance memory", abi::kNotSupported}};
  EXPECT_EQ(memory(), std::nullopt);
  driver.refusals.clear();
  EXPECT_EQ(memory(), std::nullopt) << "remembered for ten minutes";
  driver.slots[2].reset();
  EXPECT_TRUE(memory());
}

TEST_F(ReadDevice, ReadsALayoutOnceMoreThatChangesUnderIt) {
  cut();
  reader.collect();
  // The second instance dies between its enumeration and its readings, and another one comes in its place.
  driver.before = [this, done = false](std::string_view call) mutable {
    if (done || call != "instance memory") return;
    done = true;
    driver.slots = {FakeInstance{"MIG-a", 1, 0, 3, 3, 40448, {10}}, FakeInstance{"MIG-d", 7, 0, 1, 1, 9984, {30}},
                    std::nullopt};
  };
  const auto device = reader.collect();
  EXPECT_EQ(device.health, Health::Up);
  EXPECT_THAT(uuids(device), ElementsAre("MIG-a", "MIG-d"));
  EXPECT_THAT(pids(device), ElementsAre(10, 30));
}

TEST_F(ReadDevice, NeverMixesTwoInstancesThatShareAHandle) {
  cut();
  reader.collect();
  driver.before = [this, done = false](std::string_view call) mutable {
    if (done || call != "instance processes") return;
    done = true;
    driver.slots[0] = FakeInstance{"MIG-z", 1, 0, 3, 3, 40448, {99}};
  };
  const auto device = reader.collect();
  EXPECT_THAT(uuids(device), ElementsAre("MIG-z", "MIG-b"));
  EXPECT_THAT(pids(device), ElementsAre(99, 20, 21));
}

TEST_F(ReadDevice, LeavesOutAnInstanceThatWillNotStandStill) {
  cut();
  driver.before = [this, count = 0](std::string_view call) mutable {
    if (call == "instance processes") driver.slots[0]->uuid = "MIG-" + std::to_string(++count);
  };
  const auto device = reader.collect();
  EXPECT_THAT(uuids(device), ElementsAre("MIG-b"));
  EXPECT_THAT(pids(device), ElementsAre(20, 21));
}

TEST_F(ReadDevice, IsLostAndFoundAgain) {
  cut();
  reader.collect();
  for (const char* call : {"handle", "uuid", "memory", "power", "slot handle"}) {
    driver.refusals = {{call, abi::kGpuIsLost}};
    const auto lost = reader.collect();
    EXPECT_EQ(lost.health, Health::Lost) << call;
    EXPECT_THAT(lost.why, HasSubstr("15")) << call;
    EXPECT_EQ(lost.uuid, "GPU-1") << call;
    EXPECT_EQ(lost.readings, gpu::Readings()) << call;
    EXPECT_THAT(lost.processes, IsEmpty()) << call;
    driver.refusals.clear();
    EXPECT_EQ(reader.collect().health, Health::Up) << call;
  }
}

TEST_F(ReadDevice, MayBeDeniedOrFail) {
  driver.refusals = {{"handle", abi::kNoPermission}};
  EXPECT_EQ(reader.collect().health, Health::Denied);
  driver.refusals = {{"handle", abi::kUnknownError}};
  EXPECT_EQ(reader.collect().health, Health::Failed);
  driver.refusals = {{"power", abi::kUninitialized}};
  EXPECT_EQ(reader.collect().health, Health::Failed);
}

TEST_F(ReadDevice, DoesNotTakeAMissingReadingForAnIllness) {
  driver.refusals = {{"power", abi::kNotSupported}, {"memory", abi::kNoPermission}, {"fields", abi::kUnknownError}};
  const auto device = reader.collect();
  EXPECT_EQ(device.health, Health::Up);
  EXPECT_EQ(device.readings[Reading::PowerWatts], std::nullopt);
  reader.collect();
  EXPECT_EQ(driver.calls["power"], 1);
}

TEST_F(ReadDevice, KnowsAnotherDeviceByItsUuid) {
  cut();
  reader.collect();
  driver.uuid = "GPU-2";
  driver.mig = false;
  driver.slots.clear();
  const auto device = reader.collect();
  EXPECT_EQ(device.uuid, "GPU-2");
  EXPECT_THAT(device.instances, IsEmpty());
  EXPECT_EQ(driver.calls["gpm support"], 2);
}

}  // namespace
}  // namespace tessera::nvml

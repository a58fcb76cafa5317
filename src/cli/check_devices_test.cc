#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/checks.h"
#include "cli/fake_node.h"

namespace tessera::cli {
namespace {
using gpu::Health;
using gpu::Reading;
using testing::HasSubstr;

TEST(CheckDevices, SaysWhoAnswers) {
  FakeNode fake;
  fake.node.driver.devices = {healthy(0), healthy(1), healthy(2, "NVIDIA L4")};
  EXPECT_EQ(statuses(check_devices(fake.node)), "ok");
  EXPECT_THAT(words(check_devices(fake.node)),
              HasSubstr("3 of 3 devices answer: 2 × NVIDIA H100 80GB HBM3, NVIDIA L4"));
}

TEST(CheckDevices, NamesWhoDoesNot) {
  static constexpr struct {
    Health health;
    std::string_view says;
  } kCases[] = {{Health::Slow, "It hangs"},
                {Health::Lost, "$ nvidia-smi -i 1 --gpu-reset"},
                {Health::Denied, "$ ls -l /dev/nvidia1"},
                {Health::Failed, "see what nvidia-smi says"}};
  for (const auto& c : kCases) {
    FakeNode fake;
    fake.node.driver.devices = {healthy(0), healthy(1)};
    fake.node.driver.devices[1].health = c.health;
    fake.node.driver.devices[1].pci_bus_id = "00000000:3B:00.0";
    const auto found = check_devices(fake.node);
    EXPECT_EQ(statuses(found), "ok problem");
    EXPECT_THAT(words(found), HasSubstr("1 of 2 devices"));
    EXPECT_THAT(words(found), HasSubstr("GPU 1 NVIDIA H100 80GB HBM3 at 00000000:3B:00.0"));
    EXPECT_THAT(words(found), HasSubstr(c.says));
  }
}

TEST(CheckDevices, SaysThatThereAreNone) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_devices(fake.node)), "problem");
  fake.node.driver.failure = fail(Code::NotFound, "no driver");
  EXPECT_EQ(statuses(check_devices(fake.node)), "note");
}

TEST(CheckMemoryHealth, TellsWornFromRepairable) {
  static constexpr struct {
    Reading reading;
    double value;
    std::string_view want;
    std::string_view says;
  } kCases[] = {
      {Reading::EccUncorrectedVolatileTotal, 0, "ok", "no uncorrectable memory error"},
      {Reading::EccUncorrectedVolatileTotal, 3, "warning", "since the driver was loaded: 3"},
      {Reading::EccUncorrectedAggregateTotal, 12, "note", "in its life: 12"},
      {Reading::RowRemapPending, 1, "warning", "waits to be remapped"},
      {Reading::RowRemapFailure, 1, "problem", "replacement"},
      {Reading::RetiredPagesPending, 1, "warning", "waits to be retired"},
  };
  for (const auto& c : kCases) {
    FakeNode fake;
    fake.node.driver.devices = {healthy(0)};
    fake.node.driver.devices[0].readings.set(c.reading, c.value);
    const auto found = check_memory_health(fake.node);
    EXPECT_EQ(statuses(found), c.want);
    EXPECT_THAT(words(found), HasSubstr(c.says));
  }
  FakeNode consumer;  // a card without ECC says nothing, and nothing is said of it
  consumer.node.driver.devices = {healthy(0)};
  consumer.node.driver.devices[0].readings.clear(Reading::EccUncorrectedVolatileTotal);
  EXPECT_EQ(statuses(check_memory_health(consumer.node)), "");
}

TEST(CheckProfiling, GroupsDevicesByTheReason) {
  FakeNode fake;
  fake.node.driver.devices = {healthy(0), healthy(1), healthy(2)};
  for (const unsigned index : {1U, 2U}) {
    fake.node.driver.devices[index].profiling_supported = false;
    fake.node.driver.devices[index].profiling_why = "this GPU is too old";
  }
  const auto found = check_profiling(fake.node);
  EXPECT_EQ(statuses(found), "ok note");
  EXPECT_THAT(words(found), HasSubstr("GPU 1, 2: no DCGM_FI_PROF_* metrics: this GPU is too old"));
}

TEST(CheckPersistence, NotesWhatIsOff) {
  FakeNode fake;
  fake.node.driver.devices = {healthy(0), healthy(1), healthy(2)};
  fake.node.driver.devices[1].persistence_mode = false;
  fake.node.driver.devices[2].persistence_mode = std::nullopt;
  const auto found = check_persistence(fake.node);
  EXPECT_EQ(statuses(found), "ok note");
  EXPECT_EQ(found[1].looked_at, "GPU 1");
}

TEST(CheckMig, FindsWhatIsHalfCarved) {
  FakeNode fake;
  fake.node.driver.devices = {healthy(0), carved(1, {1, 2}), carved(2, {}), carved(3, {7})};
  fake.node.driver.gpu_instances = {{1, {1, 2}}, {2, {}}, {3, {5, 7}}};
  const auto found = check_mig(fake.node);
  EXPECT_EQ(statuses(found), "ok warning warning ok ok");
  EXPECT_THAT(words(found), HasSubstr("GPU 1: MIG: 2 instances (1g.10gb, 1g.10gb)"));
  EXPECT_THAT(words(found), HasSubstr("GPU 2: MIG mode is on, but there is no instance"));
  EXPECT_THAT(words(found), HasSubstr("GPU 3, GPU instance 5: it has no compute instance"));
  EXPECT_THAT(words(found), HasSubstr("$ nvidia-smi mig -i 3 -gi 5 -cci"));
  EXPECT_THAT(words(found), HasSubstr("GPU 0: MIG mode is off"));
}

TEST(CheckMig, FindsItInProcWhereTheDriverRefuses) {
  FakeNode fake;
  fake.node.driver.devices = {carved(0, {7})};
  fake.folder("proc/driver/nvidia/capabilities/gpu0/mig/gi5")
      .folder("proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci0");
  EXPECT_THAT(words(check_mig(fake.node)), HasSubstr("GPU 0, GPU instance 5: it has no compute instance"));
}

TEST(CheckMig, AnEmptyGpuInstanceAloneIsNotAnEmptyDevice) {
  FakeNode fake;
  fake.node.driver.devices = {carved(0, {})};
  fake.node.driver.gpu_instances = {{0, {5}}};
  EXPECT_EQ(statuses(check_mig(fake.node)), "warning");
  EXPECT_THAT(words(check_mig(fake.node)), HasSubstr("GPU instance 5"));
}

TEST(CheckMig, NotesPendingModesAndRefusedPlacements) {
  FakeNode fake;
  fake.node.driver.devices = {healthy(0), carved(1, {1})};
  fake.node.driver.devices[0].mig_pending = true;
  fake.node.driver.devices[1].instances[0].placement = std::nullopt;
  const auto found = check_mig(fake.node);
  EXPECT_EQ(statuses(found), "warning ok ok note");
  EXPECT_THAT(words(found), HasSubstr("MIG mode is off, and will be on after the next reset"));
  EXPECT_THAT(words(found), HasSubstr("$ nvidia-smi -i 0 --gpu-reset"));
  EXPECT_THAT(words(found), HasSubstr("run as root"));
}

TEST(CheckMigRights, LooksForTheCapabilityFiles) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_mig_rights(fake.node)), "");
  fake.node.driver.devices = {carved(0, {1})};
  EXPECT_EQ(statuses(check_mig_rights(fake.node)), "warning");
  fake.file("proc/driver/nvidia-caps/mig-minors", "config 1\nmonitor 2\ngpu0/gi1/access 12\n");
  EXPECT_THAT(words(check_mig_rights(fake.node)), HasSubstr("nvidia-cap2: No such file"));
  fake.file("dev/nvidia-caps/nvidia-cap2", "");
  EXPECT_EQ(statuses(check_mig_rights(fake.node)), "ok note");
  fake.file("dev/nvidia-caps/nvidia-cap1", "");
  EXPECT_EQ(statuses(check_mig_rights(fake.node)), "ok");
}

}  // namespace
}  // namespace tessera::cli

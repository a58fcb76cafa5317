#include "cli/check_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "cli/checks.h"
#include "cli/fake_node.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;

constexpr std::string_view kModule =
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
    "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n";

TEST(ModuleVersion, ReadsBothKindsOfModule) {
  static constexpr struct {
    std::string_view text;
    std::string_view want;
  } kCases[] = {
      {kModule, "535.104.05"},
      {"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (root@host)\n", "550.54.14"},
      {"NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  570.86  Release Build\n", "570.86"},
  };
  for (const auto& c : kCases) EXPECT_EQ(module_version(c.text).value_or("none"), c.want) << c.text;
  for (const auto* none : {"", "NVRM version:\n", "GCC version: 12.2.0\n", "NVRM version: unknown x86_64\n"})
    EXPECT_FALSE(module_version(none)) << none;
}

TEST(CheckDriver, SaysThatItIsThere) {
  FakeNode fake;
  fake.driver("535.104.05");
  const auto found = check_driver(fake.node);
  EXPECT_EQ(statuses(found), "ok");
  EXPECT_THAT(words(found), HasSubstr("/usr/lib/libnvidia-ml.so.1: driver 535.104.05, NVML 12.535.104.05"));
}

TEST(CheckDriver, ShoutsThatItIsSimulated) {
  const auto found = check_driver(FakeNode().driver("550.54", true).node);
  EXPECT_EQ(statuses(found), "warning");
  EXPECT_THAT(words(found), HasSubstr("SIMULATED"));
}

TEST(CheckDriver, TellsAMissingDriverFromAMachineWithoutGpus) {
  FakeNode fake;
  fake.node.driver.failure = fail(Code::NotFound, "driver library not found");
  EXPECT_EQ(statuses(check_driver(fake.node)), "problem");
  EXPECT_THAT(words(check_driver(fake.node)), HasSubstr("this machine may need no driver"));
  fake.pci_gpu("0000:3b:00.0");
  EXPECT_THAT(words(check_driver(fake.node)), HasSubstr("install their driver"));
}

TEST(CheckKernelModule, ComparesItWithTheLibrary) {
  FakeNode fake;
  fake.driver("535.104.05");
  fake.file("proc/driver/nvidia/version", kModule);
  EXPECT_EQ(statuses(check_kernel_module(fake.node)), "ok");

  fake.node.driver.driver.version = "550.54.14";
  const auto found = check_kernel_module(fake.node);
  EXPECT_EQ(statuses(found), "problem");
  EXPECT_THAT(words(found), HasSubstr("kernel module 535.104.05, but driver library 550.54.14"));
  EXPECT_THAT(words(found), HasSubstr("$ rmmod"));

  fake.node.driver.driver.version = "";  // the library did not start, as after an upgrade
  EXPECT_EQ(statuses(check_kernel_module(fake.node)), "note");
  fake.file("proc/driver/nvidia/version", "nonsense");
  EXPECT_EQ(statuses(check_kernel_module(fake.node)), "warning");
}

TEST(CheckKernelModule, SaysWhyThereIsNone) {
  FakeNode bare;
  EXPECT_EQ(statuses(check_kernel_module(bare.node)), "note");
  EXPECT_EQ(statuses(check_kernel_module(FakeNode().driver("550.54", true).node)), "ok");
  FakeNode gpu;
  gpu.pci_gpu("0000:3b:00.0");
  EXPECT_EQ(statuses(check_kernel_module(gpu.node)), "problem");
  EXPECT_THAT(words(check_kernel_module(gpu.node)), HasSubstr("$ modprobe nvidia"));
  gpu.folder("sys/module/nouveau");
  EXPECT_THAT(words(check_kernel_module(gpu.node)), HasSubstr("nouveau"));
}

TEST(CheckFunctions, ListsWhatIsLacking) {
  FakeNode fake;
  fake.driver("535.104.05");
  EXPECT_EQ(statuses(check_functions(fake.node)), "ok");
  fake.node.driver.lacking = {{"profiling (GPM)", "R520", false}};
  EXPECT_EQ(statuses(check_functions(fake.node)), "warning");
  EXPECT_THAT(words(check_functions(fake.node)), HasSubstr("profiling (GPM) (since R520)"));
  fake.node.driver.lacking.push_back({"the list of devices", "R418", true});
  EXPECT_EQ(statuses(check_functions(fake.node)), "problem");
  EXPECT_EQ(statuses(check_functions(FakeNode().node)), "");  // nothing was loaded
}

TEST(CheckGpusOnBus, CountsThemAgainstTheDrivers) {
  EXPECT_EQ(statuses(check_gpus_on_bus(FakeNode().node)), "note");
  FakeNode fake;
  fake.driver("535.104.05");
  fake.pci_gpu("0000:3b:00.0").pci_gpu("0000:5e:00.0");
  fake.file("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n")
      .file("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
  fake.file("sys/bus/pci/devices/0000:3b:00.1/vendor", "0x10de\n")
      .file("sys/bus/pci/devices/0000:3b:00.1/class", "0x040300\n");
  EXPECT_EQ(statuses(check_gpus_on_bus(fake.node)), "ok");
  EXPECT_THAT(words(check_gpus_on_bus(fake.node)), HasSubstr("2 NVIDIA GPUs: 0000:3b:00.0, 0000:5e:00.0"));
  fake.pci_gpu("0000:af:00.0", "vfio-pci");
  EXPECT_EQ(statuses(check_gpus_on_bus(fake.node)), "note");
  EXPECT_THAT(words(check_gpus_on_bus(fake.node)), HasSubstr("0000:af:00.0 (vfio-pci)"));
  fake.node.driver.counted = 1;
  EXPECT_EQ(statuses(check_gpus_on_bus(fake.node)), "problem");
  EXPECT_THAT(words(check_gpus_on_bus(fake.node)), HasSubstr("the driver sees only 1"));
}

TEST(JudgeDeviceFiles, NamesEachRefusal) {
  static const struct {
    std::vector<DeviceFile> files;
    bool module_loaded;
    std::string_view want;
    std::string_view says;
  } kCases[] = {
      {{}, false, "", ""},
      {{}, true, "problem", "there are no device files"},
      {{{"nvidia-uvm", 0}, {"nvidia0", 0}, {"nvidiactl", 0}},
       true,
       "ok",
       "may be opened: nvidia-uvm, nvidia0, nvidiactl"},
      {{{"nvidia0", 0}, {"nvidiactl", 0}}, true, "ok note", "$ nvidia-modprobe -c 0 -u"},
      {{{"nvidia-uvm", 0}, {"nvidia0", 0}}, true, "ok problem", "nvidiactl: does not exist"},
      {{{"nvidia-uvm", 0}, {"nvidia0", EPERM}, {"nvidiactl", 0}}, true, "ok problem", "device rules forbid it"},
      {{{"nvidia-uvm", 0}, {"nvidia0", EACCES}, {"nvidiactl", 0}}, true, "ok problem", "Run as root"},
      {{{"nvidia-uvm", 0}, {"nvidia0", ENXIO}, {"nvidiactl", 0}}, true, "ok problem", "no working device behind it"},
  };
  for (const auto& c : kCases) {
    const auto found = judge_device_files("/dev", c.files, c.module_loaded);
    EXPECT_EQ(statuses(found), c.want) << words(found);
    EXPECT_THAT(words(found), HasSubstr(c.says));
  }
}

TEST(CheckDeviceFiles, LooksAtTheDriversFilesOnly) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_device_files(fake.node)), "");
  fake.file("dev/nvidia0", "").file("dev/nvidiactl", "").file("dev/nvidia-uvm", "").file("dev/null", "");
  fake.file("dev/nvidia-modeset", "").folder("dev/nvidia-caps");
  const auto found = check_device_files(fake.node);
  EXPECT_EQ(statuses(found), "ok");
  EXPECT_THAT(words(found), HasSubstr("may be opened: nvidia-uvm, nvidia0, nvidiactl\n"));
}

}  // namespace
}  // namespace tessera::cli

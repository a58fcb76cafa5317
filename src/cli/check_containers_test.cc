#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/checks.h"
#include "cli/fake_node.h"
#include "cli/ports.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ListeningPorts, TakesListenersOnly) {
  const std::string_view table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 00000000:24B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1\n"
      "   1: 0100007F:15B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1235 1\n"
      "   2: 0100007F:15B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1236 1\n"
      "   3: 0100007F:0050 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1237 1\n";
  EXPECT_THAT(listening_ports_in(table), ElementsAre(5555, 9400));
  EXPECT_THAT(listening_ports_in("   0: 00000000000000000000000000000000:24B8 0:0 0A\n"), ElementsAre(9400));
  for (const auto* bad : {"", "0: x y 0A\n", "0: 00:FFFFF 0:0 0A\n", "0: 00: 0:0 0A\n", "0: :XY 0:0 0A\n"})
    EXPECT_THAT(listening_ports_in(bad), IsEmpty()) << bad;
}

TEST(CheckContainerToolkit, LooksForProgramsAndSettings) {
  FakeNode fake;
  fake.variable("PATH", "/opt/bin:/usr/bin");
  fake.node.driver.failure = fail(Code::NotFound, "no driver");
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "note") << "no toolkit, and no driver to hand out";
  fake.driver("550.54");
  fake.node.driver.failure.reset();
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "warning");
  EXPECT_THAT(words(check_container_toolkit(fake.node)), HasSubstr("$ apt-get install nvidia-container-toolkit"));

  fake.file("usr/bin/nvidia-ctk", "", 0755);
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "warning");
  EXPECT_THAT(words(check_container_toolkit(fake.node)), HasSubstr("no runtime's configuration"));
  fake.file("etc/containerd/config.toml", "version = 2\n");
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "warning");
  fake.file("etc/containerd/config.toml", "[plugins.x.runtimes.nvidia]\n");
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "ok");
  EXPECT_THAT(words(check_container_toolkit(fake.node)), HasSubstr("etc/containerd/config.toml"));
}

TEST(CheckContainerToolkit, ACdiSpecificationIsEnough) {
  FakeNode fake;
  fake.driver("550.54").file("etc/cdi/other.yaml", "kind: vendor.com/nic\n");
  EXPECT_EQ(statuses(check_container_toolkit(fake.node)), "warning");
  fake.file("run/cdi/nvidia.yaml", "kind: nvidia.com/gpu\n").link("var/run", "../run");
  const auto found = check_container_toolkit(fake.node);
  EXPECT_EQ(statuses(found), "ok");
  EXPECT_EQ(found[0].looked_at, fake.path("run/cdi/nvidia.yaml")) << "the link /var/run is not a second place";
}

TEST(CheckContainerToolkit, InAContainerReadsItsVariables) {
  static const struct {
    std::map<std::string, std::string> variables;
    bool driver;
    bool mig;
    std::string_view want;
    std::string_view says;
  } kCases[] = {
      {{{"container", "oci"}}, false, false, "problem", "NVIDIA_VISIBLE_DEVICES: not set"},
      {{{"NVIDIA_VISIBLE_DEVICES", "void"}}, false, false, "problem", "'void': the container gets no GPU"},
      {{{"NVIDIA_VISIBLE_DEVICES", "all"}, {"NVIDIA_DRIVER_CAPABILITIES", "compute, video"}},
       false,
       false,
       "problem",
       "lacks utility"},
      {{{"NVIDIA_VISIBLE_DEVICES", "all"}, {"NVIDIA_DRIVER_CAPABILITIES", "all"}},
       false,
       false,
       "note",
       "no working driver came with them"},
      {{{"NVIDIA_VISIBLE_DEVICES", "all"}, {"NVIDIA_DRIVER_CAPABILITIES", "compute,utility"}}, true, false, "ok", ""},
      {{{"container", "oci"}}, true, false, "ok", "the driver library is here"},
      {{{"NVIDIA_VISIBLE_DEVICES", "all"}}, true, true, "warning", "NVIDIA_MIG_MONITOR_DEVICES: not set"},
      {{{"NVIDIA_VISIBLE_DEVICES", "all"}, {"NVIDIA_MIG_MONITOR_DEVICES", "all"}}, true, true, "ok", ""},
  };
  for (const auto& c : kCases) {
    FakeNode fake;
    fake.pci_gpu("0000:3b:00.0");
    fake.node.at.root = "/";  // a container has no other root; its trees stay the fake ones
    for (const auto& [name, value] : c.variables) fake.variable(name, value);
    if (c.driver)
      fake.driver("550.54");
    else
      fake.node.driver.failure = fail(Code::NotFound, "no driver");
    if (c.mig) fake.node.driver.devices = {carved(0, {1})};
    const auto found = check_container_toolkit(fake.node);
    EXPECT_EQ(statuses(found), c.want) << words(found);
    EXPECT_THAT(words(found), HasSubstr(c.says));
  }
}

TEST(CheckContainerToolkit, InAContainerWithoutAGpuOnTheBusNothingIsWrong) {
  FakeNode fake;
  fake.node.at.root = "/";
  fake.variable("container", "oci");
  fake.node.driver.failure = fail(Code::NotFound, "no driver");
  const auto found = check_container_toolkit(fake.node);
  EXPECT_EQ(statuses(found), "note") << words(found);
  EXPECT_THAT(words(found), HasSubstr("no NVIDIA GPU is on the PCI bus"));
}

TEST(CheckDcgm, FindsItsProcessesAndPorts) {
  FakeNode fake;
  fake.process(1, "systemd");
  EXPECT_EQ(statuses(check_dcgm(fake.node)), "ok");
  fake.process(70, "nv-hostengine");
  EXPECT_EQ(statuses(check_dcgm(fake.node)), "note");
  EXPECT_THAT(words(check_dcgm(fake.node)), HasSubstr("nv-hostengine (PID 70)"));
  fake.process(80, "dcgm-exporter").file("proc/net/tcp6", "0: 00:24B8 0:0 0A\n1: 00:15B3 0:0 0A\n");
  EXPECT_EQ(statuses(check_dcgm(fake.node)), "note warning");
  EXPECT_THAT(words(check_dcgm(fake.node)), HasSubstr("a listener on port 5555"));
  EXPECT_THAT(words(check_dcgm(fake.node)), HasSubstr("$ tessera-agent --address :9401"));
}

}  // namespace
}  // namespace tessera::cli

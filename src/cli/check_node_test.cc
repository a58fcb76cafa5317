// The checks of /proc, the kubelet and the machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "cli/check_host.h"
#include "cli/check_processes.h"
#include "cli/checks.h"
#include "cli/fake_node.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;

constexpr std::string_view kPodCgroup =
    "0::/kubepods.slice/kubepods-pod0f6a3c1e_7b24_4d86_95aa_0e1d2c3b4f58.slice/"
    "cri-containerd-6e1f4a37b0c4d9e8f7a6b5c48c5b2d906e1f4a37b0c4d9e8f7a6b5c48c5b2d90.scope\n";

gpu::Process process(unsigned pid) {
  gpu::Process out;
  out.pid = pid;
  return out;
}

TEST(CgroupVersion, IsReadFromTheMounts) {
  static constexpr struct {
    std::string_view mountinfo;
    std::string_view want;
  } kCases[] = {
      {"31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n", "v2"},
      {"32 23 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n", "v1"},
      {"32 23 0:27 / /c/cpu rw - cgroup cgroup rw,cpu\n31 23 0:26 / /c/unified rw - cgroup2 cgroup2 rw\n",
       "hybrid (v1 and v2)"},
      {"20 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "none"},
      {"", "none"},
      {"cgroup2", "none"},
      {" - ", "none"},
      {"1 2 3 - cgroup2", "v2"},
  };
  for (const auto& c : kCases) EXPECT_EQ(cgroup_version(c.mountinfo).value_or("none"), c.want) << c.mountinfo;
}

TEST(CheckProc, ReadsTheTreeThatItIsGiven) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_proc(fake.node)), "problem");
  EXPECT_EQ(statuses(check_pid_namespace(fake.node)), "");
  fake.whole_proc();
  EXPECT_EQ(statuses(check_proc(fake.node)), "ok");
  EXPECT_EQ(statuses(check_pid_namespace(fake.node)), "ok");
  EXPECT_EQ(statuses(check_cgroups(fake.node)), "ok");
  EXPECT_THAT(words(check_cgroups(fake.node)), HasSubstr("cgroup v2, this process in /user.slice/user-0.slice"));
}

TEST(CheckProc, SeesHiddenProcesses) {
  FakeNode fake;
  fake.whole_proc();
  std::filesystem::remove_all(fake.path("proc/1"));
  EXPECT_EQ(statuses(check_proc(fake.node)), "warning");
  EXPECT_THAT(words(check_proc(fake.node)), HasSubstr("hidepid=0"));
}

TEST(CheckPidNamespace, SeesAForeignOne) {
  FakeNode fake;
  fake.whole_proc();
  std::filesystem::remove(fake.path("proc/self/ns/pid"));
  fake.link("proc/self/ns/pid", "pid:[4026532001]");
  EXPECT_EQ(statuses(check_pid_namespace(fake.node)), "warning");
  EXPECT_THAT(words(check_pid_namespace(fake.node)), HasSubstr("hostPID: true"));
}

TEST(CheckCgroups, SeesAPrivateNamespace) {
  FakeNode fake;
  fake.whole_proc().file("proc/self/cgroup", "0::/../../pod\n");
  EXPECT_EQ(statuses(check_cgroups(fake.node)), "note");
  EXPECT_THAT(words(check_cgroups(fake.node)), HasSubstr("private cgroup namespace"));
  std::filesystem::remove(fake.path("proc/self/mountinfo"));
  EXPECT_THAT(words(check_cgroups(fake.node)), HasSubstr("cannot be read"));
}

TEST(CheckAttribution, CountsWhatBecameOfEachProcess) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_attribution(fake.node)), "") << "no processes, nothing to say";
  fake.whole_proc().driver("550.54");
  fake.node.driver.devices = {healthy(0)};
  fake.node.driver.devices[0].processes = {process(41)};
  fake.file("proc/41/stat", "41 (python3) S 1 41 41 0 -1 0 1 1 1 1 1 1 1 1 20 0 1 0 500 1 1\n");
  fake.file("proc/41/cgroup", "0::/user.slice/session-1.scope\n");
  EXPECT_EQ(statuses(check_attribution(fake.node)), "ok");
  EXPECT_THAT(words(check_attribution(fake.node)), HasSubstr("1 outside Kubernetes"));

  fake.file("proc/41/cgroup", kPodCgroup);
  EXPECT_EQ(statuses(check_attribution(fake.node)), "warning");
  EXPECT_THAT(words(check_attribution(fake.node)), HasSubstr("1 in pods that the log folders do not name"));
  fake.folder("var/log/pods/ml_trainer-0_0f6a3c1e-7b24-4d86-95aa-0e1d2c3b4f58/main");
  EXPECT_EQ(statuses(check_attribution(fake.node)), "ok");
  EXPECT_THAT(words(check_attribution(fake.node)), HasSubstr("1 in pods"));

  fake.node.driver.devices[0].processes.push_back(process(42));
  EXPECT_EQ(statuses(check_attribution(fake.node)), "warning");
  EXPECT_THAT(words(check_attribution(fake.node)), HasSubstr("1 in pods, 1 not in " + fake.path("proc")));
  fake.node.driver.driver.simulated = true;
  EXPECT_EQ(statuses(check_attribution(fake.node)), "note");
}

TEST(CheckKubelet, TellsNoKubeletFromABrokenOne) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_kubelet(fake.node)), "note");
  fake.folder("var/lib/kubelet/pod-resources");
  EXPECT_EQ(statuses(check_kubelet(fake.node)), "warning");
  EXPECT_THAT(words(check_kubelet(fake.node)), HasSubstr("no such socket"));

  const int left_behind = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = fake.path("var/lib/kubelet/pod-resources/kubelet.sock");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(left_behind, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left_behind);  // the file stays, as after a kubelet that was killed
  EXPECT_EQ(statuses(check_kubelet(fake.node)), "warning");
  EXPECT_THAT(words(check_kubelet(fake.node)), HasSubstr("$ systemctl status kubelet"));
}

TEST(CheckPodLogs, CountsPods) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_pod_logs(fake.node)), "note");
  fake.folder("var/lib/kubelet");
  EXPECT_EQ(statuses(check_pod_logs(fake.node)), "warning");
  fake.folder("var/log/pods/ml_trainer-0_0f6a3c1e-7b24-4d86-95aa-0e1d2c3b4f58");
  EXPECT_EQ(statuses(check_pod_logs(fake.node)), "ok");
  EXPECT_THAT(words(check_pod_logs(fake.node)), HasSubstr("1 pod and 0 container logs"));
}

TEST(JudgeClock, TellsSynchronisedFromDrifting) {
  static constexpr EpochMs kNow = 1'800'000'000'000;
  static constexpr struct {
    ClockSight sight;
    Status want;
  } kCases[] = {
      {{kNow, true, 20, false}, Status::Ok},
      {{kNow, true, 1'500, false}, Status::Note},
      {{kNow, false, 16'000, true}, Status::Ok},
      {{kNow, false, 16'000, false}, Status::Warning},
      {{kNow, std::nullopt, std::nullopt, false}, Status::Note},
      {{86'400'000, true, 20, true}, Status::Problem},
  };
  for (const auto& c : kCases) EXPECT_EQ(judge_clock(c.sight).status, c.want) << judge_clock(c.sight).seen;
}

TEST(JudgeHost, NotesUntestedArchitectures) {
  EXPECT_EQ(judge_host("Linux", "6.1.0", "x86_64").status, Status::Ok);
  EXPECT_EQ(judge_host("Linux", "6.1.0", "aarch64").status, Status::Ok);
  EXPECT_EQ(judge_host("Linux", "6.1.0", "riscv64").status, Status::Note);
}

}  // namespace
}  // namespace tessera::cli

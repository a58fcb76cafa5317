// The player as a process of its own: its trees, its kubelet socket, its children.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <thread>

#include "sim/fixture.h"
#include "sim/kubelet.h"
#include "sim/trees.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Waits for a condition of another process, as long as it takes within the test's own timeout.
bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Player {
 public:
  explicit Player(const std::string& root) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::execl(built_program().c_str(), "tessera-sim", "play", "--root", root.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    FILE* out = ::fdopen(ends[0], "r");
    char line[2048] = "";
    if (std::fgets(line, sizeof line, out)) flags = line;
    std::fclose(out);
  }
  ~Player() {
    if (pid_ > 0) stop();
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  int stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string flags;

 private:
  pid_t pid_ = -1;
};

constexpr const char* kNode =
    "      - {model: l40s, processes: [{spawn: true, id: web, command: a-rather-long-name, memory: 1GiB, pod: web/api},"
    " {pid: 4194000, memory: 2GiB, start: -1h}]}\n"
    "      - {model: h100_sxm, mig: {layout: [{profile: 1g.10gb, start: 3}]}}\n"
    "    pods:\n"
    "      - {namespace: web, name: api, uid: 0a1b2c3d-0000-4000-8000-0123456789ab, containers: [{name: main, devices: "
    "[{gpu: 0, replica: 2}]}]}\n"
    "      - {namespace: ml, name: held, containers: [{name: main, devices: [{gpu: 1, instance: 0}]}]}\n";

TEST(SimPlayer, LaysOutTheNodeAndCleansUp) {
  Driver driver(kNode);
  TemporaryDirectory root;
  Player player(root.path());
  EXPECT_TRUE(player.flags.starts_with("--nvml ")) << player.flags;
  EXPECT_NE(player.flags.find("--pod-resources-kubelet-socket " + root.path() + "/kubelet/kubelet.sock"),
            std::string::npos);

  // The spawned child is a real process, and the driver lists its PID.
  std::vector<ProcessInfo> entries(4);
  u32 count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(0), &count, entries.data()), kSuccess);
  ASSERT_EQ(count, 2U);
  const u32 pid = entries[0].pid == 4194000 ? entries[1].pid : entries[0].pid;
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), 0);
  const std::string proc = root.path() + "/proc/" + std::to_string(pid);
  EXPECT_NE(
      read(proc + "/cgroup").find("kubepods-burstable-pod0a1b2c3d_0000_4000_8000_0123456789ab.slice/cri-containerd-"),
      std::string::npos);
  EXPECT_EQ(read(proc + "/comm"), "a-rather-long-n\n");  // the kernel keeps 15 bytes
  EXPECT_NE(read(root.path() + "/proc/4194000/cgroup").find("0::/system.slice/"), std::string::npos);
  EXPECT_EQ(std::filesystem::read_symlink(root.path() + "/proc/self/ns/pid"), "pid:[4026531836]");
  EXPECT_NE(read(root.path() + "/proc/stat").find("btime "), std::string::npos);
  EXPECT_TRUE(
      std::filesystem::is_directory(root.path() + "/log/pods/web_api_0a1b2c3d-0000-4000-8000-0123456789ab/main"));
  std::size_t links = 0;
  for (const auto& link : std::filesystem::directory_iterator(root.path() + "/log/containers")) {
    EXPECT_TRUE(std::filesystem::exists(link.path())) << link.path();  // leads somewhere
    ++links;
  }
  EXPECT_EQ(links, 2U);

  // Start time: field 22, in ticks since the boot that /proc/stat tells.
  std::istringstream fields(read(proc + "/stat").substr(read(proc + "/stat").rfind(')') + 2));
  std::string word;
  for (int i = 3; i <= 22; ++i) fields >> word;
  const std::string stat = read(root.path() + "/proc/stat");
  const double booted = std::stod(stat.substr(stat.find("btime ") + 6));
  EXPECT_NEAR(booted + std::stod(word) / 100, static_cast<double>(wall_microseconds()) / 1e6, 60);

  // A killed child is gone from the trees and from the driver.
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  EXPECT_TRUE(comes_true([&] { return !std::filesystem::exists(proc); }));
  count = 4;
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(0), &count, entries.data()), kSuccess);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(player.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(root.path() + "/kubelet/kubelet.sock"));
}

TEST(SimPlayer, AnswersAnHttp2ClientAsTheKubeletDoes) {
  if (std::system("curl --version 2>/dev/null | grep -q HTTP2") != 0)
    GTEST_SKIP() << "no curl with HTTP/2 on this machine";
  Driver driver(kNode);
  TemporaryDirectory root;
  Player player(root.path());
  const std::string request = root.write("request", std::string(5, '\0'));
  const auto call = [&](const std::string& method) {
    const std::string reply = root.path() + "/reply";
    const std::string command = "curl -s -D " + root.path() + "/headers -o " + reply +
                                " --http2-prior-knowledge --unix-socket " + root.path() +
                                "/kubelet/kubelet.sock -H 'content-type: application/grpc' -H 'te: trailers' "
                                "--data-binary @" +
                                request + " http://localhost" + method;
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read(reply);
  };
  char uuid[kUuidBuffer], mig[kUuidBuffer];
  ASSERT_EQ(driver->nvmlDeviceGetUUID(driver.gpu(0), uuid, sizeof uuid), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceGetUUID(driver.mig(1, 0), mig, sizeof mig), kSuccess);
  const std::string list = call("/v1.PodResourcesLister/List");
  EXPECT_NE(read(root.path() + "/headers").find("grpc-status: 0"), std::string::npos);
  ASSERT_GT(list.size(), 5U);
  const std::size_t length = static_cast<unsigned char>(list[3]) * 256U + static_cast<unsigned char>(list[4]);
  EXPECT_EQ(length, list.size() - 5);
  EXPECT_NE(list.find(std::string(uuid) + "::2"), std::string::npos);
  EXPECT_NE(list.find(mig), std::string::npos);
  EXPECT_NE(list.find("nvidia.com/mig-1g.10gb"), std::string::npos);
  EXPECT_NE(call("/v1.PodResourcesLister/GetAllocatableResources").find(mig), std::string::npos);
  // Nothing but what comes is listed, and nothing is given twice.
  EXPECT_EQ(run_tool("pod come web/late --gpu 0 --gi 99").code, 1);
  EXPECT_EQ(run_tool("pod come late --gpu 0").code, 1);
  EXPECT_EQ(run_tool("pod come web/late --gpu 0").code, 0);
  EXPECT_EQ(run_tool("pod come web/later --gpu 0").code, 1);
  const std::string with = call("/v1.PodResourcesLister/List");
  EXPECT_NE(with.find("late"), std::string::npos);
  EXPECT_EQ(with.find("later"), std::string::npos);
  EXPECT_GT(with.size(), list.size());
  EXPECT_EQ(run_tool("pod go web/late").code, 0);
  EXPECT_EQ(run_tool("pod go web/late").code, 1);
  EXPECT_EQ(call("/v1.PodResourcesLister/List"), list);
  call("/v1.PodResourcesLister/Nonsense");
  EXPECT_NE(read(root.path() + "/headers").find("grpc-status: 12"), std::string::npos);
}

TEST(Cgroups, HaveTheFormsOfTheirRuntimes) {
  PodSpec pod;
  pod.uid = "aa-bb";
  ContainerSpec container{"main", "ID", {}};
  static constexpr struct {
    const char *driver, *runtime, *qos, *want;
  } kCases[] = {
      {"systemd", "containerd", "burstable",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podaa_bb.slice/cri-containerd-ID.scope"},
      {"systemd", "crio", "guaranteed", "/kubepods.slice/kubepods-podaa_bb.slice/crio-ID.scope"},
      {"cgroupfs", "containerd", "besteffort", "/kubepods/besteffort/podaa-bb/ID"},
      {"cgroupfs", "crio", "guaranteed", "/kubepods/podaa-bb/crio-ID"},
      {"systemd", "docker", "besteffort",
       "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podaa_bb.slice/docker-ID.scope"},
  };
  for (const auto& c : kCases) {
    NodeSpec node;
    node.cgroup_driver = c.driver;
    pod.runtime = c.runtime;
    pod.qos = c.qos;
    EXPECT_EQ(cgroup_path(node, pod, container), c.want);
  }
  NodeSpec node;
  EXPECT_EQ(cgroup_text(node, "/x"), "0::/x\n");
  node.cgroup_version = "1";
  EXPECT_NE(cgroup_text(node, "/x").find("name=systemd:/x\n"), std::string::npos);
  EXPECT_EQ(cgroup_text(node, "/x").find("0::"), std::string::npos);
  node.cgroup_version = "hybrid";
  EXPECT_NE(cgroup_text(node, "/x").find("0::/system.slice/containerd.service\n"), std::string::npos);
}

}  // namespace
}  // namespace tessera::sim

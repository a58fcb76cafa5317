// The kernel's own /proc and cgroups: real processes on a simulated driver.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

constexpr const char* kPodUid = "3f1c2e4a-5b6d-4e7f-8a9b-0c1d2e3f4a5b";
const std::string kContainerId(64, 'e');

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? *text : "";
}

/// Start of a process in seconds since the epoch, to a clock tick, worked out apart from the product.
double start_of(const std::string& pid) {
  const std::string stat = text_of("/proc/" + pid + "/stat");
  const std::string kernel = text_of("/proc/stat");
  const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 2), ' ');
  const auto boot = kernel.find("\nbtime ");
  if (fields.size() < 20 || boot == std::string::npos) return -1;
  return std::stod(kernel.substr(boot + 7)) +
         std::stod(std::string(fields[19])) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// The PID of the player's child of this name, by the tree that the player lays out.
std::string child_called(const Node& node, const std::string& command) {
  std::string pid;
  EXPECT_TRUE(eventually([&] {
    for (const auto& entry : fs::directory_iterator(node.root() / "proc"))
      if (text_of(entry.path() / "comm") == command + "\n") pid = entry.path().filename().string();
    return !pid.empty();
  }));
  return pid;
}

class RealProcesses : public testing::Test {
 protected:
  void SetUp() override {
    std::error_code unreadable;
    const auto space = fs::read_symlink("/proc/self/ns/pid", unreadable).string();
    if (space != "pid:[4026531836]")
      GTEST_SKIP() << "this test runs in a PID namespace of its own (" << space
                   << "), where an agent rightly shows no processes; run it on the host";
  }
};

TEST_F(RealProcesses, HaveTheKernelsStartAndName) {
  const Node node(test_scenario("spawned"));
  Agent agent(node, {"--proc", "/proc"});
  const std::string page = page_where(agent, [](const std::string& p) { return pids(p).size() == 2; });
  expect_valid_text(page);
  EXPECT_EQ(only_value(page, "tessera_agent_blind", {"reason=\"no_host_pid\""}), 0);
  for (const char* command : {"e2e-trainer", "e2e server (1)"}) {
    const auto rows = series(page, "gpu_process_info", {"command=\"" + std::string(command) + "\""});
    ASSERT_EQ(rows.size(), 1U) << page;
    const std::string pid = label_of(rows[0], "pid");
    EXPECT_EQ(pid, child_called(node, command));
    EXPECT_EQ(text_of("/proc/" + pid + "/comm"), std::string(command) + "\n") << "it is really there";
    EXPECT_NEAR(only_value(page, "gpu_process_start_time_seconds", {"pid=\"" + pid + "\""}), start_of(pid), 0.011);
    EXPECT_EQ(label_of(rows[0], "attribution"), "host");
    EXPECT_EQ(label_of(rows[0], "pod"), "unknown");
  }
}

TEST_F(RealProcesses, ThatAreKilledEndTheirSession) {
  const Node node(test_scenario("spawned"));
  Agent agent(node, {"--proc", "/proc"});
  page_where(agent, [](const std::string& p) { return pids(p).size() == 2; });
  const std::string pid = child_called(node, "e2e-trainer");
  ASSERT_EQ(::kill(std::stoi(pid), SIGKILL), 0);
  const std::string page = page_where(agent, [&](const std::string& p) { return !pids(p).contains(pid); });
  const auto ended = series(page, "gpu_session_end_time_seconds", {"pid=\"" + pid + "\""});
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(label_of(ended[0], "command"), "e2e-trainer") << "as long as it is remembered, by its name";
  EXPECT_EQ(only_value(page, "gpu_sessions_started_total", {"{gpu=\"0\""}), 1);
}

/// A cgroup of the test's own, named as the kubelet names a container's, in one hierarchy that lets us.
class ContainerCgroup {
 public:
  ContainerCgroup() {
    for (const char* hierarchy :
         {"/sys/fs/cgroup/devices", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
      if (!fs::exists(fs::path(hierarchy) / "cgroup.procs")) continue;
      if (make(fs::path(hierarchy) / ("tessera-e2e-" + std::to_string(::getpid())))) return;
    }
    if (why_not_.empty()) why_not_ = "no cgroup file system is mounted at /sys/fs/cgroup";
  }
  ~ContainerCgroup() {
    std::error_code ignored;
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder)
      if (!eventually([&] { return fs::remove(*folder, ignored) || !fs::exists(*folder); }))  // until its process ended
        ADD_FAILURE() << *folder << " cannot be removed";
  }
  ContainerCgroup(const ContainerCgroup&) = delete;
  ContainerCgroup& operator=(const ContainerCgroup&) = delete;

  const std::string& why_not() const { return why_not_; }
  /// False, with why_not(), where the kernel refuses it.
  bool take(const std::string& pid) {
    std::ofstream procs(made_.back() / "cgroup.procs");
    procs << pid << std::flush;
    if (!procs) why_not_ = made_.back().string() + " takes no process: " + std::strerror(errno);
    return static_cast<bool>(procs);
  }

 private:
  bool make(const fs::path& top) {
    fs::path folder = top;
    for (const std::string& name : {std::string(), std::string("kubepods"), std::string("burstable"),
                                    "pod" + std::string(kPodUid), kContainerId}) {
      if (!name.empty()) folder /= name;
      std::error_code error;
      if (!fs::create_directory(folder, error)) {
        why_not_ = folder.string() + " cannot be made: " + error.message();
        return false;
      }
      made_.push_back(folder);
    }
    return true;
  }

  std::vector<fs::path> made_;
  std::string why_not_;
};

TEST_F(RealProcesses, InARealCgroupAreThePods) {
  ContainerCgroup cgroup;  // outlives the node, whose child is in it
  if (!cgroup.why_not().empty()) GTEST_SKIP() << cgroup.why_not();
  const TempDir logs;
  const std::string pod = "ml_trainer-0_" + std::string(kPodUid);
  fs::create_directories(logs.path() / "pods" / pod / "main");
  fs::create_directories(logs.path() / "containers");
  ASSERT_TRUE(write_file_atomically(logs.path() / "pods" / pod / "main/0.log", ""));
  fs::create_symlink("../pods/" + pod + "/main/0.log",
                     logs.path() / "containers" / ("trainer-0_ml_main-" + kContainerId + ".log"));

  const Node node(test_scenario("spawned"));
  const std::string pid = child_called(node, "e2e-trainer");
  if (!cgroup.take(pid)) GTEST_SKIP() << cgroup.why_not();
  ASSERT_NE(text_of("/proc/" + pid + "/cgroup").find(kContainerId), std::string::npos);
  Agent agent(node, {"--proc", "/proc", "--pod-logs", logs.path().string()});
  const std::string page = page_where(agent, [](const std::string& p) { return pids(p).size() == 2; });
  const auto rows = series(page, "gpu_process_info", {"pid=\"" + pid + "\""});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(label_of(rows[0], "attribution"), "pod");
  EXPECT_EQ(label_of(rows[0], "namespace"), "ml");
  EXPECT_EQ(label_of(rows[0], "pod"), "trainer-0");
  EXPECT_EQ(label_of(rows[0], "container"), "main");
  EXPECT_EQ(label_of(rows[0], "pod_uid"), kPodUid);
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"pod\""}), 1);
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"host\""}), 1) << "its neighbour is in no pod";
}

}  // namespace
}  // namespace tessera::e2e

#include "agent/attribution.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/sample_test.h"
#include "base/files.h"

namespace tessera::agent {
namespace {
namespace fs = std::filesystem;

constexpr const char* kUid = "0a1b2c3d-0000-4000-8000-00000000000a";
const std::string kContainer(64, 'c');

/// A /proc and a /var/log of a node, laid out in a temporary directory.
class AttributionTest : public testing::Test {
 protected:
  void SetUp() override {
    put("proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
    fs::create_directories(root_.path() / "log/pods");
    fs::create_directories(root_.path() / "log/containers");
  }
  void put(const std::string& name, const std::string& text) {
    fs::create_directories((root_.path() / name).parent_path());
    ASSERT_TRUE(write_file_atomically(root_.path() / name, text));
  }
  void process(unsigned pid, const std::string& cgroup, unsigned start = 5000) {
    const std::string folder = fmt::format("proc/{}/", pid);
    std::string stat = fmt::format("{} (py (x) 3) S", pid);
    for (int field = 4; field <= 52; ++field) stat += field == 22 ? fmt::format(" {}", start) : " 0";
    put(folder + "stat", stat + "\n");
    put(folder + "comm", "python3\n");
    put(folder + "status", fmt::format("Name:\tpython3\nPid:\t{}\n", pid));
    put(folder + "cgroup", cgroup);
  }
  void pod_log() {
    fs::create_directories(root_.path() / fmt::format("log/pods/ml_train-0_{}/main", kUid));
    put(fmt::format("log/containers/train-0_ml_main-{}.log", kContainer), "");
  }
  Attribution attribution() { return {(root_.path() / "proc").string(), (root_.path() / "log").string()}; }
  static gpu::Snapshot running(const std::vector<unsigned>& pids) {
    gpu::Snapshot snapshot;
    snapshot.devices = {whole_device(0)};
    for (const unsigned pid : pids) {
      gpu::Process p;
      p.pid = pid;
      p.compute = true;
      p.used_memory_bytes = 8ULL << 30U;
      snapshot.devices[0].processes.push_back(p);
    }
    return snapshot;
  }
  static std::string pod_cgroup() { return fmt::format("0::/kubepods/burstable/pod{}/{}\n", kUid, kContainer); }
  TempDir root_;
  SteadyTime now_ = std::chrono::steady_clock::now();
};

TEST_F(AttributionTest, EachProcessHasItsPodOrAReason) {
  pod_log();
  process(10, pod_cgroup());
  process(11, "0::/system.slice/sshd.service\n");
  process(12, "0::/kubepods/burstable/podffffffff-0000-4000-8000-00000000000a/" + std::string(64, 'd') + "\n");
  const auto sessions = attribution().sessions(running({12, 10, 11, 13}), now_);
  ASSERT_EQ(sessions.size(), 4U);
  EXPECT_EQ(sessions[0].workload, (Workload{"ml", "train-0", "main", kUid}));
  EXPECT_EQ(sessions[0].outcome, Outcome::Pod);
  EXPECT_EQ(sessions[0].memory_ratio, 0.1);
  EXPECT_EQ(sessions[1].outcome, Outcome::Host);
  EXPECT_EQ(sessions[2].outcome, Outcome::Unnamed);
  EXPECT_EQ(sessions[2].workload.pod_uid, "ffffffff-0000-4000-8000-00000000000a");
  EXPECT_EQ(sessions[3].outcome, Outcome::Gone);
}

TEST_F(AttributionTest, AReusedPidIsLookedAtAgain) {
  pod_log();
  process(10, pod_cgroup());
  auto who = attribution();
  EXPECT_EQ(who.sessions(running({10}), now_)[0].outcome, Outcome::Pod);
  process(10, "0::/system.slice/sshd.service\n", 9000);
  const auto after = who.sessions(running({10}), now_);
  EXPECT_EQ(after[0].outcome, Outcome::Host);
  EXPECT_EQ(after[0].start_ticks, 9000U);
}

TEST_F(AttributionTest, APodThatGetsItsNameLaterIsNamedThen) {
  process(10, pod_cgroup());
  auto who = attribution();
  EXPECT_EQ(who.sessions(running({10}), now_)[0].outcome, Outcome::Unnamed);
  pod_log();
  EXPECT_EQ(who.sessions(running({10}), now_ + std::chrono::seconds(2))[0].outcome, Outcome::Pod);
}

TEST_F(AttributionTest, OurOwnProcessIsARealOne) {
  Attribution who("/proc", (root_.path() / "log").string());
  const auto sessions = who.sessions(running({static_cast<unsigned>(::getpid())}), now_);
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_GT(sessions[0].start_ticks, 0U);
  EXPECT_FALSE(sessions[0].command.empty());
}

TEST_F(AttributionTest, ARealProcessIsKnownUntilItsEnd) {
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  ASSERT_GT(child, 0);
  Attribution who("/proc", (root_.path() / "log").string());
  const auto look = [&] { return who.sessions(running({static_cast<unsigned>(child)}), now_)[0]; };
  const Session first = look();
  EXPECT_GT(first.start_ticks, 0U);
  EXPECT_EQ(look().start_ticks, first.start_ticks);
  EXPECT_EQ(look().outcome, first.outcome);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(look().outcome, Outcome::Gone);
}

TEST(ProcessType, ReadsAsNvidiaSmiShowsIt) {
  gpu::Process p;
  p.compute = true;
  EXPECT_EQ(process_type(p), "C");
  p.graphics = true;
  EXPECT_EQ(process_type(p), "C+G");
  p.mps = true;
  EXPECT_EQ(process_type(p), "M+C");
}

}  // namespace
}  // namespace tessera::agent

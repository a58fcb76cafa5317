#include "kube/live_pids.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/files.h"

namespace tessera::kube {
namespace {
namespace fs = std::filesystem;

/// A child that waits for its end, under a PID of choice if one is given; 0 where the kernel does not give it.
pid_t start_child(pid_t wanted = 0) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (wanted != 0) {
    args.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
    args.set_tid_size = 1;
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid != 0) return pid > 0 ? pid : 0;
  for (;;) ::pause();
}

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

class LivePidsTest : public testing::Test {
 protected:
  void SetUp() override {
    const int own = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
    if (own < 0) GTEST_SKIP() << "no descriptors of processes here: " << std::strerror(errno);
    ::close(own);
    child_ = start_child();
    ASSERT_NE(child_, 0);
  }
  void TearDown() override {
    if (child_ > 0) end(child_);
  }
  static unsigned number(pid_t pid) { return static_cast<unsigned>(pid); }
  LivePids live_{"/proc"};
  pid_t child_ = 0;
};

TEST_F(LivePidsTest, FollowsUntilTheEnd) {
  EXPECT_FALSE(live_.runs(number(child_))) << "nobody has asked for it";
  live_.follow(number(child_));
  live_.follow(number(::getpid()));
  live_.refresh();
  EXPECT_TRUE(live_.runs(number(child_)));
  ::kill(child_, SIGKILL);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOWAIT), 0);
  live_.refresh();
  EXPECT_FALSE(live_.runs(number(child_))) << "ended, though nobody has taken its exit status yet";
  EXPECT_TRUE(live_.runs(number(::getpid())));
  live_.forget(number(::getpid()));
  EXPECT_FALSE(live_.runs(number(::getpid())));
}

TEST_F(LivePidsTest, WhoGetsThePidNextIsAnother) {
  live_.follow(number(child_));
  end(child_);
  const pid_t reused = start_child(child_);
  if (reused == 0) {
    child_ = 0;
    GTEST_SKIP() << "no right to choose a PID: " << std::strerror(errno);
  }
  ASSERT_EQ(reused, child_);
  live_.refresh();
  EXPECT_FALSE(live_.runs(number(child_)));
  live_.follow(number(child_));
  live_.refresh();
  EXPECT_TRUE(live_.runs(number(child_)));
}

TEST_F(LivePidsTest, WhoseTreeIsAnotherIsNotFollowed) {
  const TempDir laid_out;
  fs::create_directories(laid_out.path() / "self/fdinfo");
  const auto follows = [&] {
    LivePids live(laid_out.path());
    live.follow(number(child_));
    live.refresh();
    return live.runs(number(child_));
  };
  const auto tell = [&](pid_t pid) {
    for (int fd = 0; fd < 64; ++fd)
      EXPECT_TRUE(write_file_atomically(laid_out.path() / "self/fdinfo" / std::to_string(fd),
                                        fmt::format("pos:\t0\nflags:\t02\nPid:\t{}\n", pid)));
  };
  EXPECT_FALSE(follows()) << "nothing is told";
  tell(child_ + 1);
  EXPECT_FALSE(follows()) << "it has another number there";
  tell(child_);
  EXPECT_TRUE(follows());
}

}  // namespace
}  // namespace tessera::kube

#include "base/stop.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace tessera {
namespace {

using namespace std::chrono_literals;

/// A process of its own that says `r` when it is ready, `s` when it is asked to stop and `h` at a SIGHUP, and goes on.
class Stubborn {
 public:
  explicit Stubborn(Milliseconds same_stop) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto say = [end = ends[1]](char what) {
        if (::write(end, &what, 1) != 1) ::_exit(1);
      };
      const auto source = stop_on({SIGINT, SIGTERM}, [say] { say('h'); }, same_stop);
      const std::stop_callback told(source.get_token(), [say] { say('s'); });
      say('r');
      for (;;) ::pause();
    }
    ::close(ends[1]);
    says_ = ends[0];
  }
  ~Stubborn() {
    ::kill(pid_, SIGKILL);
    if (!waited_) ::waitpid(pid_, nullptr, 0);
    ::close(says_);
  }
  Stubborn(const Stubborn&) = delete;
  Stubborn& operator=(const Stubborn&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  /// What it says next; '-' once it has ended.
  char heard() const {
    char what = '-';
    return ::read(says_, &what, 1) == 1 ? what : '-';
  }
  /// Until the signal has been taken, which the signal thread does one at a time.
  void wait_taken() const {
    for (bool pending = true; pending; std::this_thread::yield()) {
      std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
      pending = false;
      for (std::string line; std::getline(status, line);)
        if (line.starts_with("ShdPnd:")) pending = line.find_first_not_of("0\t ", 7) != std::string::npos;
    }
  }
  int code() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int says_ = -1;
  bool waited_ = false;
};

TEST(StopOn, TakesASecondSignalInAMomentForTheSameStop) {
  Stubborn process(1h);
  ASSERT_EQ(process.heard(), 'r');
  process.signal(SIGTERM);
  ASSERT_EQ(process.heard(), 's');
  for (const int again : {SIGTERM, SIGINT, SIGTERM}) {
    process.signal(again);
    process.wait_taken();
  }
  process.signal(SIGHUP);  // after them: who answers it has ignored them
  EXPECT_EQ(process.heard(), 'h');
}

TEST(StopOn, EndsAtOnceAtALaterOne) {
  Stubborn process(0ms);
  ASSERT_EQ(process.heard(), 'r');
  process.signal(SIGTERM);
  ASSERT_EQ(process.heard(), 's');
  process.signal(SIGINT);
  EXPECT_EQ(process.heard(), '-');
  EXPECT_EQ(process.code(), 128 + SIGINT);
}

}  // namespace
}  // namespace tessera

// The commands that stay on a terminal: `tessera top`, and `tessera get --watch`.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using Clock = std::chrono::steady_clock;

/// A program on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> arguments, unsigned short columns = 120, unsigned short rows = 30) {
    winsize size{};
    size.ws_col = columns;
    size.ws_row = rows;
    std::vector<char*> words;
    for (std::string& one : arguments) words.push_back(one.data());
    words.push_back(nullptr);
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::execv(words[0], words.data());
      ::_exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Waits until what has come since the last call that was true holds `text`.
  bool shows(const std::string& text) {
    for (const auto until = Clock::now() + kPatience;;) {
      if (const auto at = output_.find(text, seen_); at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      if (ended_ || Clock::now() > until) return false;
      read_some();
    }
  }
  void type(std::string_view keys) const { EXPECT_EQ(::write(master_, keys.data(), keys.size()), std::ssize(keys)); }
  /// Waits for the end; the exit code, or 128 + the signal.
  int wait() {
    const auto until = Clock::now() + kPatience;
    while (!ended_ && Clock::now() < until) read_some();
    int status = 0;
    EXPECT_TRUE(ended_) << output_;
    if (!ended_) return -1;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool echoes() const {
    termios now{};
    EXPECT_EQ(::tcgetattr(master_, &now), 0);
    return (now.c_lflag & ECHO) != 0;
  }
  const std::string& output() const { return output_; }

 private:
  void read_some() {
    pollfd in{master_, POLLIN, 0};
    if (::poll(&in, 1, 100) <= 0) return;
    char buffer[4096];
    const ssize_t count = ::read(master_, buffer, sizeof buffer);
    if (count <= 0)
      ended_ = true;  // EIO: nobody has the other side open
    else
      output_.append(buffer, static_cast<std::size_t>(count));
  }

  int master_ = -1;
  pid_t pid_ = -1;
  std::string output_;
  std::size_t seen_ = 0;
  bool ended_ = false;
};

struct OnTerminal : testing::Test {
  void tell(const std::string& node, int percent) {
    const std::string page = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-" + node +
                             "\",modelName=\"NVIDIA H100 80GB HBM3\"} " + std::to_string(percent) + "\n";
    ASSERT_EQ(server.post("/import/prometheus?node=" + node, page, {}).status, 204);
    ASSERT_TRUE(eventually([&] { return server.get("/gpu/devices?nodeName=" + node).at("total") == 1; }));
  }
  std::vector<std::string> command(std::vector<std::string> words) const {
    words.insert(words.begin(), program("tessera"));
    words.insert(words.end(), {"--server", "http://" + server.address()});
    return words;
  }
  Server server;
};

TEST_F(OnTerminal, TopIsAScreenThatKeysChange) {
  tell("worker-01", 40);
  Terminal top(command({"top", "--interval", "1s"}));
  ASSERT_TRUE(top.shows("\x1b[?1049h")) << "a screen of its own";
  EXPECT_TRUE(top.shows("worker-01")) << top.output();
  EXPECT_TRUE(top.shows("[u utilization]")) << top.output();
  EXPECT_FALSE(top.echoes());
  top.type("m");
  EXPECT_TRUE(top.shows("[m memory]")) << top.output();
  tell("worker-02", 90);
  EXPECT_TRUE(top.shows("worker-02")) << "it goes on looking";
  server.kill();
  EXPECT_TRUE(top.shows("http://" + server.address())) << "what it cannot reach";
  EXPECT_TRUE(top.shows("worker-02")) << "what was seen stays";
  top.type("q");
  EXPECT_TRUE(top.shows("\x1b[?25h\x1b[?1049l")) << "the terminal as it was";
  EXPECT_EQ(top.wait(), 0);
}

TEST_F(OnTerminal, TopEndsWithCtrlC) {
  tell("worker-01", 40);
  Terminal top(command({"top"}));
  ASSERT_TRUE(top.shows("worker-01")) << top.output();
  top.type("\x03");
  EXPECT_TRUE(top.shows("\x1b[?1049l"));
  EXPECT_EQ(top.wait(), 0);
}

TEST_F(OnTerminal, WatchPrintsWhatHasChanged) {
  tell("worker-01", 40);
  Terminal watch(command({"get", "devices", "--watch", "--interval", "1s"}));
  ASSERT_TRUE(watch.shows("worker-01-GPU-00")) << watch.output();
  tell("worker-02", 90);
  EXPECT_TRUE(watch.shows("worker-02-GPU-00")) << watch.output();
  watch.type("\x03");
  EXPECT_EQ(watch.wait(), 0);
}

TEST_F(OnTerminal, TablesAreCutToItsWidth) {
  tell("worker-01", 40);
  constexpr std::size_t kColumns = 64;
  Terminal list(command({"get", "devices"}), kColumns);
  EXPECT_EQ(list.wait(), 0);
  std::size_t begin = 0;
  for (auto end = list.output().find("\r\n"); end != std::string::npos; end = list.output().find("\r\n", begin)) {
    const std::string line = list.output().substr(begin, end - begin);
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; };
    EXPECT_LE(line.size() - static_cast<std::size_t>(std::ranges::count_if(line, continues)), kColumns) << line;
    begin = end + 2;
  }
  EXPECT_NE(list.output().find("worker-01"), std::string::npos);
}

}  // namespace
}  // namespace tessera::e2e

// 500 clients that follow the events, of which half do not read.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {

constexpr std::size_t kReaders = 250, kStalled = 250;

/// A connection that follows; `receive` is how much the kernel keeps for one that does not read (0: as it likes).
int follow(const std::string& address, int receive) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (receive > 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  constexpr std::string_view kAsk = "GET /k8s-monitor/api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(::send(fd, kAsk.data(), kAsk.size(), MSG_NOSIGNAL), std::ssize(kAsk));
  return fd;
}

/// Counts the sessions that are told to have begun, as bytes come in whatever parts.
class Heard {
 public:
  void take(std::string_view bytes) {
    rest_ += bytes;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      started_ += std::string_view(rest_.data() + begin, end - begin) == "event: session.started";
    }
    rest_.erase(0, begin);
  }
  std::size_t started() const { return started_; }

 private:
  std::size_t started_ = 0;
  std::string rest_;
};

struct Followers {
  std::vector<int> fds;
  std::vector<Heard> heard;  ///< of readers
  ~Followers() {
    for (const int fd : fds) ::close(fd);
  }
  /// Takes what has come for the readers. False when one was cut.
  bool read() {
    std::vector<pollfd> in;
    for (std::size_t i = 0; i < kReaders; ++i) in.push_back({fds[i], POLLIN, 0});
    while (::poll(in.data(), in.size(), 0) > 0)
      for (std::size_t i = 0; i < kReaders; ++i) {
        if ((in[i].revents & (POLLIN | POLLHUP)) == 0) continue;
        char buffer[64U << 10U];
        const ssize_t count = ::recv(fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
        if (count <= 0) return false;
        heard[i].take({buffer, static_cast<std::size_t>(count)});
      }
    return true;
  }
  /// Reads until each reader has heard so much; nothing: a reader was cut, or hears no more.
  testing::AssertionResult all_hear(std::size_t started) {
    bool alive = true;
    const bool heard_all = eventually([&] {
      alive = read();
      return !alive || std::ranges::all_of(heard, [&](const Heard& one) { return one.started() == started; });
    });
    if (!alive) return testing::AssertionFailure() << "a reader was cut";
    if (!heard_all) return testing::AssertionFailure() << "a reader has not heard all";
    return testing::AssertionSuccess();
  }
};

constexpr std::size_t kProcesses = 400;

/// Other processes than the time before, so that sessions begin and end.
std::string page(std::size_t round) {
  std::string out;
  for (std::size_t process = 0; process < kProcesses; ++process)
    out += fmt::format(
        "gpu_process_info{{gpu=\"0\",UUID=\"GPU-1\",pid=\"{}\",command=\"python3\",status=\"active\",pod=\"p\","
        "namespace=\"a-namespace-of-some-length\",container=\"c\"}} 1\n",
        round * 1'000 + process);
  return out;
}

TEST(Followers, HalfOfWhomDoNotReadAreCutAndCostTheOthersNothing) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 1'024) GTEST_SKIP() << "fewer than 1,024 open files allowed here";
  Server server;
  Followers followers;
  followers.heard.resize(kReaders);
  for (std::size_t i = 0; i < kReaders + kStalled; ++i)
    followers.fds.push_back(follow(server.address(), i < kReaders ? 0 : 4'096));
  ASSERT_TRUE(eventually([&] { return server.metric("tessera_server_event_clients") == kReaders + kStalled; }));
  std::size_t round = 0;
  const auto tell_all = [&] {
    ++round;
    EXPECT_EQ(server.post("/import/prometheus?node=worker-01", page(round), {}).status, 204);
    return followers.all_hear(round * kProcesses);
  };
  double cut = 0;
  while (round < 60 && cut < kStalled) {
    ASSERT_TRUE(tell_all()) << round;
    cut = server.metric("tessera_server_event_clients_ended_total{reason=\"slow\"}");
  }
  EXPECT_EQ(cut, kStalled);
  EXPECT_TRUE(tell_all());
  EXPECT_EQ(server.metric("tessera_server_event_clients"), kReaders);
  EXPECT_LT(server.metric("tessera_server_resident_memory_bytes"), 512e6);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace tessera::e2e

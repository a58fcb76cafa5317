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
constexpr std::size_t kTail = 512U << 10U;  // of a reader's bytes: more than a round

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

struct Followers {
  std::vector<int> fds;
  std::vector<std::string> tails;  ///< of readers: the end of what they have been told
  ~Followers() {
    for (const int fd : fds) ::close(fd);
  }
  /// Takes what has come for the readers.
  void read() {
    std::vector<pollfd> in;
    for (std::size_t i = 0; i < kReaders; ++i) in.push_back({fds[i], POLLIN, 0});
    while (::poll(in.data(), in.size(), 0) > 0)
      for (std::size_t i = 0; i < kReaders; ++i) {
        if ((in[i].revents & (POLLIN | POLLHUP)) == 0) continue;
        char buffer[64U << 10U];
        const ssize_t count = ::recv(fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
        ASSERT_GT(count, 0) << "a reader was cut";
        tails[i].append(buffer, static_cast<std::size_t>(count));
        if (tails[i].size() > kTail) tails[i].erase(0, tails[i].size() - kTail);
      }
  }
  bool all_heard(const std::string& text) {
    read();
    return std::ranges::all_of(tails, [&](const auto& tail) { return tail.find(text) != std::string::npos; });
  }
};

constexpr int kProcesses = 400;
int last_of(int round) { return round * 1'000 + kProcesses - 1; }

/// Other processes than the time before, so that sessions begin and end.
std::string page(int round) {
  std::string out;
  for (int process = 0; process < kProcesses; ++process)
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
  followers.tails.resize(kReaders);
  for (std::size_t i = 0; i < kReaders + kStalled; ++i)
    followers.fds.push_back(follow(server.address(), i < kReaders ? 0 : 4'096));
  ASSERT_TRUE(eventually([&] { return server.metric("tessera_server_event_clients") == kReaders + kStalled; }));
  double cut = 0;
  for (int round = 1; round <= 60 && cut < kStalled; ++round) {
    ASSERT_EQ(server.post("/import/prometheus?node=worker-01", page(round), {}).status, 204);
    ASSERT_TRUE(eventually([&] { return followers.all_heard(fmt::format("\"pid\":{},", last_of(round))); })) << round;
    cut = server.metric("tessera_server_event_clients_ended_total{reason=\"slow\"}");
  }
  EXPECT_EQ(cut, kStalled);
  constexpr int kLast = 100;
  EXPECT_EQ(server.post("/import/prometheus?node=worker-01", page(kLast), {}).status, 204);
  EXPECT_TRUE(eventually([&] { return followers.all_heard(fmt::format("\"pid\":{},", last_of(kLast))); }));
  EXPECT_EQ(server.metric("tessera_server_event_clients"), kReaders);
  EXPECT_LT(server.metric("tessera_server_resident_memory_bytes"), 512e6);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace tessera::e2e

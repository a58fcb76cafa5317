#include "tests/e2e_server/byte_gate.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace tessera::e2e {
namespace {

int connect_to(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

/// A filter that lets no packet in, before TCP sees it; sockets that are accepted have that of their listener.
void deafen(int socket, bool deaf) {
  sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &none};
  if (::setsockopt(socket, SOL_SOCKET, deaf ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &program, sizeof program) != 0)
    std::abort();
}

/// False where one side has ended.
bool pass(int from, int to) {
  std::array<char, 65536> bytes{};
  const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  for (ssize_t at = 0; at < got;) {
    const ssize_t put = ::send(to, bytes.data() + at, static_cast<std::size_t>(got - at), MSG_NOSIGNAL);
    if (put <= 0) return false;
    at += put;
  }
  return true;
}

}  // namespace

ByteGate::ByteGate(std::filesystem::path socket) : socket_(std::move(socket)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 64) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ByteGate::~ByteGate() {
  thread_ = {};
  ::close(listener_);
}

void ByteGate::run(const std::stop_token& stop) {
  std::vector<std::pair<int, int>> pairs;  // client, server
  const auto end = [&](std::size_t at) {
    ::close(pairs[at].first);
    ::close(pairs[at].second);
    pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(at));
  };
  for (bool deaf = false; !stop.stop_requested();) {
    if (const bool silent = silent_; silent != deaf) {
      deaf = silent;
      deafen(listener_, deaf);
      for (const auto& [client, server] : pairs) deafen(client, deaf);
    }
    if (cut_.exchange(false))
      while (!pairs.empty()) end(0);
    std::vector<pollfd> all;
    if (!blocked_) {
      all.push_back({listener_, POLLIN, 0});
      for (const auto& [client, server] : pairs) {
        all.push_back({client, POLLIN, 0});
        all.push_back({server, POLLIN, 0});
      }
    }
    if (::poll(all.data(), all.size(), 20) <= 0 || blocked_) continue;
    for (std::size_t at = pairs.size(); at-- > 0;) {
      const auto [client, server] = pairs[at];
      const bool goes_on = (all[1 + 2 * at].revents == 0 || pass(client, server)) &&
                           (all[2 + 2 * at].revents == 0 || pass(server, client));
      if (!goes_on) end(at);
    }
    if (all[0].revents != 0) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = connect_to(socket_);
      if (client >= 0 && server >= 0)
        pairs.emplace_back(client, server);
      else
        for (const int fd : {client, server})
          if (fd >= 0) ::close(fd);
    }
  }
  while (!pairs.empty()) end(0);
}

}  // namespace tessera::e2e

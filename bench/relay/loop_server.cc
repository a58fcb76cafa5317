#include "bench/relay/loop_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace tessera::bench {
namespace {

constexpr std::size_t kReadAtLeast = 64U << 10U;
constexpr std::size_t kMostBody = 64U << 20U;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// Of a head; 0 where it says none. A body in chunks is not understood: no sender measured here uses it.
std::size_t content_length(std::string_view head) {
  for (const auto line : split(head, '\n')) {
    constexpr std::string_view kName = "content-length:";
    if (line.size() > kName.size() && lower(line.substr(0, kName.size())) == kName)
      return static_cast<std::size_t>(parse_int(trim(line.substr(kName.size()))).value_or(0));
  }
  return 0;
}

}  // namespace

Answer answer(std::string_view status, std::string_view text, std::string_view headers) {
  return {
      fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, text.size(), text), {}, nullptr};
}

struct LoopServer::Connection {
  int fd;
  const Listener* listener;
  std::string in;             ///< its size is the room, not what was read
  std::size_t filled = 0;     ///< of `in`
  std::size_t head_size = 0;  ///< of the request that is being read; 0: its end is not there yet
  std::size_t body_size = 0;
  Answer out;
  std::size_t sent = 0;  ///< of head and body
  bool writing = false;
  bool gone = false;

  Connection(int socket, const Listener& accepting) : fd(socket), listener(&accepting) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd); }
};

LoopServer::LoopServer() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

LoopServer::~LoopServer() {
  connections_.clear();
  for (const auto& listener : listeners_) ::close(listener->fd);
  ::close(epoll_);
}

Result<std::uint16_t> LoopServer::listen(const std::string& address, std::uint16_t port, Handler handler) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
    return fail(Code::Invalid, "listen on '{}': an IPv4 address expected", address);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  listeners_.push_back(std::make_unique<Listener>(Listener{fd, std::move(handler)}));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof name;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&name), size) != 0 || ::listen(fd, 1024) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0)
    return fail(Code::Unavailable, "listen on {}:{}: {}", address, port, std::strerror(errno));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = listeners_.back().get();
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  return ntohs(name.sin_port);
}

void LoopServer::run(const std::stop_token& stop) {
  epoll_event events[256];
  while (!stop.stop_requested()) {
    const int count = ::epoll_wait(epoll_, events, std::size(events), 100);
    for (int i = 0; i < count; ++i) {
      void* const of = events[i].data.ptr;
      const auto listener = std::ranges::find(listeners_, of, [](const auto& known) -> void* { return known.get(); });
      if (listener != listeners_.end())
        accept_all(**listener);
      else
        ready(*static_cast<Connection*>(of));
    }
  }
}

void LoopServer::accept_all(const Listener& listener) {
  for (;;) {
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto& connection = connections_[fd];
    connection = std::make_unique<Connection>(fd, listener);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;  // told once: what is ready is done to its end
    event.data.ptr = connection.get();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
}

/// Goes on until the kernel has nothing to read or no room, or the peer is gone.
void LoopServer::ready(Connection& connection) {
  while (connection.writing ? write_some(connection) : reply(connection) || read_some(connection)) {
  }
  if (connection.gone) connections_.erase(connection.fd);
}

bool LoopServer::read_some(Connection& connection) {
  if (connection.in.size() < connection.filled + kReadAtLeast)
    connection.in.resize(std::max(2 * connection.in.size(), connection.filled + kReadAtLeast));
  const ssize_t count =
      ::recv(connection.fd, connection.in.data() + connection.filled, connection.in.size() - connection.filled, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return errno == EINTR;
  if (count <= 0 || connection.filled > kMostBody) {
    connection.gone = true;
    return false;
  }
  connection.filled += static_cast<std::size_t>(count);
  return true;
}

/// Whether a whole request was there.
bool LoopServer::reply(Connection& connection) {
  const std::string_view in(connection.in.data(), connection.filled);
  if (connection.head_size == 0) {
    const auto end = in.find(kHeadEnd);
    if (end == std::string_view::npos) return false;
    connection.head_size = end + kHeadEnd.size();
    connection.body_size = content_length(in.substr(0, end));
  }
  const std::size_t whole = connection.head_size + connection.body_size;
  if (in.size() < whole) return false;
  connection.out = connection.listener->handler(
      {in.substr(0, connection.head_size), in.substr(connection.head_size, connection.body_size)});
  std::copy(in.begin() + static_cast<std::ptrdiff_t>(whole), in.end(), connection.in.begin());
  connection.filled -= whole;
  connection.head_size = 0;
  connection.sent = 0;
  connection.writing = true;
  return true;
}

bool LoopServer::write_some(Connection& connection) {
  const Answer& out = connection.out;
  const std::size_t head_sent = std::min(connection.sent, out.head.size());
  const std::size_t body_sent = connection.sent - head_sent;
  iovec parts[] = {{const_cast<char*>(out.head.data()) + head_sent, out.head.size() - head_sent},
                   {const_cast<char*>(out.body.data()) + body_sent, out.body.size() - body_sent}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  const ssize_t count = ::sendmsg(connection.fd, &message, MSG_NOSIGNAL);  // writev, but without SIGPIPE
  if (count < 0) {
    if (errno == EINTR) return true;
    connection.gone = errno != EAGAIN;
    return false;
  }
  connection.sent += static_cast<std::size_t>(count);
  if (connection.sent < out.head.size() + out.body.size()) return true;
  if (out.written != nullptr) ++*out.written;
  connection.writing = false;
  return true;
}

}  // namespace tessera::bench

#include "http/raw_peer.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/text.h"

namespace tessera::http {

RawPeer::RawPeer(std::uint16_t port, int receive_buffer) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0) ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) socket_ = Socket();
}

void RawPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server may well have closed; what it said is what a test looks at
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawPeer::send_end() { ::shutdown(socket_.fd(), SHUT_WR); }

bool RawPeer::read_more() {
  char bytes[64 << 10];
  const auto got = ::recv(socket_.fd(), bytes, sizeof bytes, 0);
  reset_ = got < 0 && errno == ECONNRESET;
  if (got > 0) read_.append(bytes, static_cast<std::size_t>(got));
  return got > 0;
}

std::string RawPeer::read_head() {
  while (read_.find("\r\n\r\n") == std::string::npos)
    if (!read_more()) return std::exchange(read_, {});
  const auto size = read_.find("\r\n\r\n") + 4;
  std::string head = read_.substr(0, size);
  read_.erase(0, size);
  return head;
}

std::string RawPeer::read_reply() {
  std::string head = read_head();
  const auto at = head.find("Content-Length: ");
  if (at == std::string::npos) return head;
  const auto digits = std::string_view(head).substr(at + 16);
  const auto length = static_cast<std::size_t>(parse_int(digits.substr(0, digits.find('\r'))).value_or(0));
  while (read_.size() < length && read_more()) {
  }
  head += read_.substr(0, length);
  read_.erase(0, length);
  return head;
}

std::string RawPeer::read_to_end() {
  while (read_more()) {
  }
  return std::exchange(read_, {});
}

std::string RawPeer::ask(std::string_view request) {
  send(request);
  return read_reply();
}

std::string get(std::string_view target, std::string_view more_headers) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", target, more_headers);
}

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace tessera::http

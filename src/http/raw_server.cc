#include "http/raw_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

namespace tessera::http {

std::string RawServer::Peer::read_request() {
  for (;;) {
    if (const auto end = read_.find("\r\n\r\n"); end != std::string::npos) {
      std::string head = read_.substr(0, end + 4);
      read_.erase(0, end + 4);
      return head;
    }
    char bytes[4096];
    const auto got = ::recv(socket_.fd(), bytes, sizeof bytes, 0);
    if (got <= 0) return {};
    read_.append(bytes, static_cast<std::size_t>(got));
  }
}

bool RawServer::Peer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawServer::Peer::wait_for_end() const {
  char byte = 0;
  while (::recv(socket_.fd(), &byte, 1, 0) > 0) {
  }
  return true;
}

void RawServer::Peer::shut_down() const { ::shutdown(socket_.fd(), SHUT_RDWR); }

RawServer::RawServer(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
  auto listening = listen_on("127.0.0.1:0");
  if (!listening) throw std::runtime_error(listening.error().what);
  listening_ = *std::move(listening);
  accepting_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

RawServer::~RawServer() {
  accepting_.request_stop();
  accepting_.join();
  for (const auto& peer : peers_) peer.shut_down();
  threads_.clear();  // before the peers that they use
}

void RawServer::accept_all(const std::stop_token& stop) {
  constexpr int kLookMs = 20;
  pollfd ready{listening_.socket.fd(), POLLIN, 0};
  while (!stop.stop_requested()) {
    if (::poll(&ready, 1, kLookMs) <= 0) continue;
    Socket socket(::accept(listening_.socket.fd(), nullptr, nullptr));
    if (!socket) continue;
    Peer& peer = peers_.emplace_back(std::move(socket), connections_++);
    threads_.emplace_back([this, &peer] {
      serve_(peer);
      peer.shut_down();
    });
  }
}

std::string RawServer::url(std::string_view path) const { return fmt::format("http://{}{}", listening_.address, path); }

void Gate::come_and_wait() {
  std::unique_lock lock(mutex_);
  if (--missing_ <= 0) changed_.notify_all();
  changed_.wait(lock, [this] { return missing_ <= 0; });
}

void Gate::open() {
  const std::lock_guard lock(mutex_);
  missing_ = 0;
  changed_.notify_all();
}

std::string reply_of(std::string_view body, std::string_view more_headers) {
  return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n{}", more_headers, body.size(), body);
}

std::function<void(RawServer::Peer&)> always(std::string bytes) {
  return [bytes = std::move(bytes)](RawServer::Peer& peer) {
    while (!peer.read_request().empty())
      if (!peer.send(bytes)) return;
  };
}

std::function<void(RawServer::Peer&)> once(std::string bytes) {
  return [bytes = std::move(bytes)](RawServer::Peer& peer) {
    peer.read_request();
    peer.send(bytes);
  };
}

}  // namespace tessera::http

#include "tests/kubelet/raw_server.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tessera::kubelet {

RawServer::RawServer(const std::filesystem::path& path, std::optional<std::string> words)
    : words_(std::move(words)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.string().copy(name.sun_path, sizeof name.sun_path - 1);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(fd_, 4) != 0)
    throw std::runtime_error(fmt::format("listen on {}: {}", path.string(), std::strerror(errno)));
  if (words_) thread_ = std::jthread([this] { babble(); });
}

RawServer::~RawServer() {
  ::shutdown(fd_, SHUT_RDWR);  // wakes accept
  if (thread_.joinable()) thread_.join();
  ::close(fd_);
}

void RawServer::babble() const {
  for (int peer = 0; (peer = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(peer)) [[maybe_unused]]
    const auto sent = ::send(peer, words_->data(), words_->size(), MSG_NOSIGNAL);
}

}  // namespace tessera::kubelet

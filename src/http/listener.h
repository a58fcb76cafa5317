#pragma once
// A listening socket from HOST:PORT. POSIX only.
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace tessera::http {

/// Closes what it holds.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

struct Listening {
  Socket socket;  ///< non-blocking
  bool ipv6 = false;
  std::string address;  ///< as bound
  std::uint16_t port = 0;
};

/// ":9400" listens on IPv6 and IPv4, or on IPv4 alone where the kernel has no IPv6. Unavailable, Denied or Invalid with
/// the address, the cause and what to do.
Result<Listening> listen_on(const std::string& address);

}  // namespace tessera::http

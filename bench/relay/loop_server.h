#pragma once
// The smallest HTTP server that does not become what is measured: one thread, epoll, bodies by Content-Length, replies
// written by writev from where they lie.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::bench {

struct Asked {
  std::string_view head;  ///< request line and headers
  std::string_view body;
};

struct Answer {
  std::string head;                  ///< status line, headers, the empty line, and what may stand of the body
  std::string_view body;             ///< the rest of the body; lives as long as the server
  std::uint64_t* written = nullptr;  ///< counted up when the kernel has all of it
};

/// A whole answer with a text of its own.
Answer answer(std::string_view status, std::string_view text, std::string_view headers = {});

class LoopServer {
 public:
  using Handler = std::function<Answer(const Asked&)>;

  LoopServer();
  ~LoopServer();
  LoopServer(const LoopServer&) = delete;
  LoopServer& operator=(const LoopServer&) = delete;

  /// 0: any free port. The port.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, Handler handler);
  void run(const std::stop_token& stop);

 private:
  struct Listener {
    int fd;
    Handler handler;
  };
  struct Connection;

  void accept_all(const Listener& listener);
  void ready(Connection& connection);
  bool read_some(Connection& connection);
  bool reply(Connection& connection);
  bool write_some(Connection& connection);

  int epoll_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<int, std::unique_ptr<Connection>> connections_;
};

}  // namespace tessera::bench

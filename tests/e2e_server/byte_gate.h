#pragma once
// Stands between a program and a unix socket, on a port of its own: passes bytes on, swallows them, or cuts.
#include <atomic>
#include <filesystem>
#include <thread>

namespace tessera::e2e {

class ByteGate {
 public:
  explicit ByteGate(std::filesystem::path socket);
  ~ByteGate();
  ByteGate(const ByteGate&) = delete;
  ByteGate& operator=(const ByteGate&) = delete;

  int port() const { return port_; }
  /// Nothing passes and nothing is said: connections stay open.
  void block() { blocked_ = true; }
  /// As a network does that loses every packet of the program's side: not even the kernel answers it.
  void silence() { silent_ = blocked_ = true; }
  void unblock() { silent_ = blocked_ = false; }
  /// All connections that are open now end.
  void cut() { cut_ = true; }

 private:
  void run(const std::stop_token& stop);

  const std::filesystem::path socket_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> blocked_ = false;
  std::atomic<bool> silent_ = false;
  std::atomic<bool> cut_ = false;
  std::jthread thread_;
};

}  // namespace tessera::e2e

#pragma once
// For tests: a server that says what it is told, byte by byte, each connection on a thread of its own.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "http/listener.h"

namespace tessera::http {

class RawServer {
 public:
  /// One accepted connection; all its waits end when the server goes.
  class Peer {
   public:
    Peer(Socket socket, int number) : socket_(std::move(socket)), number_(number) {}
    int number() const { return number_; }    ///< 0 for the first that came
    std::string read_request();               ///< one head; empty: the client has gone
    bool send(std::string_view bytes) const;  ///< false: the client has gone
    bool wait_for_end() const;                ///< until the client goes; true then
    void shut_down() const;                   ///< wakes all waits from another thread

   private:
    Socket socket_;
    int number_;
    std::string read_;
  };

  explicit RawServer(std::function<void(Peer&)> serve);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  std::string url(std::string_view path = "/") const;
  int connections() const { return connections_; }  ///< accepted so far

 private:
  void accept_all(const std::stop_token& stop);

  std::function<void(Peer&)> serve_;
  Listening listening_;
  std::atomic<int> connections_ = 0;
  std::list<Peer> peers_;  ///< of the accepting thread, and of the destructor after it
  std::list<std::jthread> threads_;
  std::jthread accepting_;
};

/// Passes once `count` have come, or when it is opened; a latch whose waits can be ended.
class Gate {
 public:
  explicit Gate(int count) : missing_(count) {}
  ~Gate() { open(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  void come_and_wait();
  void open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int missing_;
};

/// A reply with this body, its length, and these further header lines.
std::string reply_of(std::string_view body, std::string_view more_headers = "");

/// Answers every request of a connection with the same bytes.
std::function<void(RawServer::Peer&)> always(std::string bytes);

/// Answers one request and closes.
std::function<void(RawServer::Peer&)> once(std::string bytes);

}  // namespace tessera::http

#pragma once
// What a server's connections share, and the part of serving a request that needs no socket.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <variant>

#include "http/router.h"
#include "http/server.h"

namespace boost::asio {
class thread_pool;
}

namespace tessera::http {

struct Counters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> refused_headers{0};
  std::atomic<std::uint64_t> refused_bodies{0};
  std::atomic<std::uint64_t> unauthorized{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> failed_handlers{0};
  std::atomic<std::uint64_t> streams{0};
  std::atomic<std::uint64_t> cut_streams{0};
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// From any thread: a running reply may end, anything else ends now.
  virtual void drain() = 0;
  virtual std::shared_ptr<Connection> self() = 0;  ///< null while it is being destroyed
};

/// The connections that are open. Thread-safe.
class Connections {
 public:
  void add(Connection* connection);
  void remove(Connection* connection);
  std::size_t count() const;
  /// From now on every reply says that it is its connection's last, and what is idle is closed.
  void drain_all();
  bool draining() const { return draining_; }
  /// False if some are still open after `patience`.
  bool wait_until_none(Milliseconds patience);

 private:
  mutable std::mutex mutex_;
  std::condition_variable none_;
  std::set<Connection*> open_;  // guarded by mutex_
  std::atomic<bool> draining_{false};
};

/// Outlives every connection.
struct Service {
  Service(ServerOptions with, Router routes) : options(std::move(with)), router(std::move(routes)) {}

  const ServerOptions options;
  const Router router;
  Counters counters;
  Connections connections;
  boost::asio::thread_pool* handlers = nullptr;  ///< runs the handlers; null: whoever has read the request
};

/// What a request's header (all but the body) leads to: a route, or a reply that refuses it. Fills in path and query.
std::variant<Router::Match, Response> admit(Service& service, Request& request, std::string_view target,
                                            bool must_name_host);

/// Gives a reply its last touch.
void finish(const Service& service, const Request& request, Response& response);

/// The next piece of a reply that is made while it is sent; what throws is an error.
Result<std::string> next_piece(Service& service, const Request& request, const Response& response);

/// The handler's reply; 500 where it throws or its reply cannot be sent.
Response call(Service& service, const Route& route, const Request& request);

}  // namespace tessera::http

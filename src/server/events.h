#pragma once
// GET /events: what changes in the fleet, as server-sent events. A thread compares each published view with the one
// before; the last events are kept, so that who comes back with Last-Event-ID misses nothing that is still there.
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "fleet/inventory/changes.h"
#include "http/server.h"
#include "server/keeper.h"
#include "server/opaque_ids.h"
#include "server/query.h"

namespace tessera::server {

struct EventLimits {
  std::size_t kept = 10'000;           ///< events for those who come back
  std::size_t kept_bytes = 8U << 20U;  ///< of them
  std::size_t client_bytes =
      256U << 10U;  ///< that a client may leave lying when more comes, beyond what it came back for
  std::size_t clients = 1'000;
  Milliseconds look_every{500};
  Milliseconds heartbeat{15'000};  ///< of silence, before a comment shows that the connection lives
};

struct EventStats {
  std::array<std::uint64_t, fleet::kChangeKinds> events{};  ///< by kind
  std::size_t clients = 0;
  std::uint64_t refused = 0;  ///< clients over the limit
  std::uint64_t lost = 0;     ///< clients that went, or were cut because they did not read or may not any longer
};

/// Which events a client wants. What is empty does not filter.
struct EventFilter {
  std::vector<std::size_t> kinds;
  std::optional<std::string> cluster;
  std::vector<std::string> nodes;
  std::vector<std::string> devices;  ///< ids or UUIDs
  std::vector<std::string> spaces;   ///< namespaces
  /// Namespaces of a client that is restricted to them; absent: sees everything. He is told of sessions and allocations
  /// of his own, and of how the devices are that he has some of; never of a layout, which has his neighbours in it.
  std::optional<std::set<std::string>> seen;
  bool wants(const fleet::Change& change) const;
};
EventFilter read_event_filter(Query& query);

/// The JSON of an event.
std::string event_json(const fleet::Change& change);

/// Thread-safe.
class Events {
 public:
  /// `more`: asked with each view for what else has changed.
  using More = std::function<std::vector<fleet::Change>()>;
  Events(
      const Latest<Published>& fleet, std::function<bool()> started, EventLimits limits = {},
      More more = [] { return std::vector<fleet::Change>(); });
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// `admitted` is asked with each heartbeat: the stream ends where it says no.
  http::Response subscribe(const http::Request& request, std::function<bool()> admitted = [] { return true; });
  EventStats stats() const;
  /// What the thread does with changes; for tests, too.
  void publish(const std::vector<fleet::Change>& changes);
  void beat();

 private:
  struct Event {
    std::uint64_t number;
    fleet::Change change;
    http::Stream::Piece frame;
  };
  struct Client {
    EventFilter filter;
    std::shared_ptr<http::Stream> stream;
    std::function<bool()> admitted;
  };
  void run(const std::stop_token& stop);
  /// For those who come back; the frame of it.
  http::Stream::Piece keep(const fleet::Change& change);
  std::optional<std::uint64_t> number_of(std::string_view id) const;
  /// What a client that comes gets first.
  std::string greeting(const http::Request& request, const EventFilter& filter,
                       std::vector<http::Stream::Piece>& missed) const;

  const Latest<Published>& fleet_;
  const std::function<bool()> started_;
  const EventLimits limits_;
  const More more_;
  const OpaqueIds ids_;
  mutable std::mutex mutex_;
  std::deque<Event> kept_;      // guarded by mutex_
  std::size_t kept_bytes_ = 0;  // guarded by mutex_
  std::uint64_t last_ = 0;      // guarded by mutex_
  std::list<Client> clients_;   // guarded by mutex_
  EventStats stats_;            // guarded by mutex_
  std::jthread thread_;         ///< last: it ends before the rest goes
};

}  // namespace tessera::server

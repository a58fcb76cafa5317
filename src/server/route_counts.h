#pragma once
// How often each route was asked, with which outcome, and how long its handler took.
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "http/server.h"
#include "metrics/page.h"

namespace tessera::server {

/// Thread-safe once count() has been called.
class RouteCounts {
 public:
  /// Counts what these routes are asked from now on; those that refuse a caller before are not asked.
  void count(std::vector<http::Route>& routes);
  void append_to(metrics::Page& page) const;

 private:
  struct Row {
    std::string method;
    std::string path;                                ///< as the route has it: "/gpu/devices/{deviceId}"
    std::array<std::atomic<std::uint64_t>, 4> by{};  ///< status 2xx to 5xx
    std::atomic<std::uint64_t> microseconds = 0;
  };
  std::deque<Row> rows_;  // they do not move
};

}  // namespace tessera::server

#pragma once
// Who sends samples, and how well: for the people who look for the one that lags behind or is refused.
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "http/server.h"

namespace tessera::server {

struct Sender {
  std::string agent;                ///< User-Agent, as told; empty where none is
  std::string peer;                 ///< its address, or that of the proxy before it
  EpochMs last = 0;                 ///< its last request
  std::optional<EpochMs> newest{};  ///< time of the newest sample in the last request that had any
  std::uint64_t requests = 0;       ///< accepted
  std::uint64_t samples = 0;
  std::uint64_t left_out = 0;  ///< samples of a time that is not taken
  std::uint64_t refused = 0;   ///< requests
  std::string last_refusal{};  ///< why
};

/// Since the start. Thread-safe.
class Senders {
 public:
  static constexpr std::size_t kMost = 200;  ///< the one that has been silent for longest makes room

  void took(const http::Request& request, std::size_t samples, std::size_t left_out, std::optional<EpochMs> newest,
            EpochMs now);
  void refused(const http::Request& request, const std::string& why, EpochMs now);
  std::vector<Sender> all() const;  ///< the latest first

 private:
  Sender& of(const http::Request& request, EpochMs now);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Sender> senders_;  // guarded by mutex_: by peer and agent
};

}  // namespace tessera::server

#pragma once
// The way to the user's Prometheus-compatible engine, which keeps raw series: a few read-only paths, with our own
// credentials and nobody else's headers.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "http/client.h"
#include "http/server.h"

namespace tessera::server {

struct ProxyOptions {
  std::string url{};                ///< of the engine, as http://prometheus:9090; empty: there is none
  std::string username{};           ///< with password_file
  std::string password_file{};      ///< read anew for each request, so that it may be changed
  std::string bearer_token_file{};  ///< likewise
  std::string ca_file{};            ///< empty: the system's
  Milliseconds deadline{30'000};
  std::size_t max_reply_bytes = 64U << 20U;
  std::size_t max_request_bytes = 1U << 20U;
  unsigned at_once = 4;  ///< requests: the engine may be slow, and others need the server's threads too
};

struct ProxyStats {
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;   ///< no reply, or one that could not be handed on
  std::uint64_t refused = 0;  ///< too many at once
};

/// Thread-safe.
class Proxy {
 public:
  explicit Proxy(ProxyOptions options);

  bool configured() const { return !options_.url.empty(); }
  const std::string& url() const { return options_.url; }
  /// `path` is one of the engine's, as `/api/v1/query`.
  http::Response forward(const http::Request& request, const std::string& path);
  /// `/api/v1/label/{name}/values`.
  http::Response label_values(const http::Request& request);
  /// Why it does not answer; nothing where it does. Asked at most every 10 s.
  std::optional<std::string> trouble();
  ProxyStats stats() const;

  /// The paths below the context path that it serves with GET and POST, but for label_values.
  static const std::vector<std::string>& paths();

 private:
  Result<http::ClientResponse> ask(const http::ClientRequest& request);
  Result<http::ClientRequest> request_to(std::string_view path, std::string_view query) const;

  const ProxyOptions options_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<http::Client>> idle_;  // guarded by mutex_
  unsigned busy_ = 0;                                // guarded by mutex_
  ProxyStats stats_;                                 // guarded by mutex_
  std::optional<SteadyTime> looked_;                 // guarded by mutex_
  std::optional<std::string> trouble_;               // guarded by mutex_
};

}  // namespace tessera::server

#pragma once
// Replies that servers on one database keep for each other in Redis. Nothing depends on it: a cache that is slow, full
// or gone means that more is made anew.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/server.h"

struct redisContext;

namespace tessera::server {

struct SharedCacheOptions {
  std::string host;
  int port = 6379;
  int database = 0;
  std::string username;               ///< empty: Redis' default user
  std::string password_file;          ///< empty: none is asked for; read for each connection
  std::string prefix;                 ///< of every key: what is told to servers of this fleet alone
  Milliseconds timeout{50};           ///< of connecting, and of each command
  Milliseconds pause{5'000};          ///< after a failure nothing is asked for so long
  Milliseconds time_to_live{30'000};  ///< of an entry
};

/// `redis://HOST[:PORT][/DATABASE]`. Invalid says what is expected.
Result<SharedCacheOptions> parse_cache_url(std::string_view url);

struct SharedCacheStats {
  std::uint64_t failed = 0;  ///< commands that came to nothing
  bool up = false;           ///< the last command did not fail
};

/// Thread-safe. Connections are opened when they are needed.
class SharedCache {
 public:
  explicit SharedCache(SharedCacheOptions options);
  ~SharedCache();
  SharedCache(const SharedCache&) = delete;
  SharedCache& operator=(const SharedCache&) = delete;

  /// The reply kept under this key; nothing where there is none, or the cache does not answer in time.
  std::optional<http::Response> find(const std::string& key);
  /// Of a reply with status 200 its content type, headers and body.
  void keep(const std::string& key, const http::Response& reply);
  SharedCacheStats stats() const;

 private:
  struct Close {
    void operator()(redisContext* connection) const;
  };
  using Connection = std::unique_ptr<redisContext, Close>;
  std::string name_of(const std::string& key) const;
  Result<Connection> connect() const;
  std::optional<std::string> ask(const std::vector<std::string_view>& command);
  Result<std::optional<std::string>> ask(Connection& connection, const std::vector<std::string_view>& command) const;
  Result<std::optional<std::string>> ask(redisContext& connection, const std::vector<std::string_view>& command) const;
  void note(const Result<void>& done);

  const SharedCacheOptions options_;
  mutable std::mutex mutex_;
  std::vector<Connection> idle_;  // guarded by mutex_
  SteadyTime paused_until_{};     // guarded by mutex_
  bool failing_ = false;          // guarded by mutex_: said once
  SharedCacheStats stats_;        // guarded by mutex_
};

/// What is sent as the body of a reply that is no stream.
const std::string& body_of(const http::Response& reply);

/// A reply as bytes and back; nothing for bytes that are none.
std::string reply_bytes(const http::Response& reply);
std::optional<http::Response> reply_from_bytes(std::string_view bytes);

}  // namespace tessera::server

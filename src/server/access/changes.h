#pragma once
// The way every change goes that somebody asks for: it is done, told to the audit log and, where the request carries an
// Idempotency-Key, answered alike when it comes again, all in one transaction.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "http/server.h"
#include "server/problem.h"
#include "store/audit.h"
#include "store/database.h"

namespace tessera::server {

/// What a change came to.
struct Changed {
  int status = 200;
  std::string object;      ///< what was changed, for the audit log
  std::string detail;      ///< more of it, for the audit log: JSON without secrets
  std::string location{};  ///< of what was made
  std::string body{};      ///< JSON; empty: none
  std::string kept{};      ///< what a repetition is answered with, where `body` has a secret; empty: `body`
};

/// Does it, by the database of its transaction, or says why not; then nothing of it stays.
using Change = std::function<Result<std::variant<Changed, Problem>>(store::Database&)>;

/// Thread-safe: one change at a time.
class Changes {
 public:
  explicit Changes(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}

  /// The reply to the request. `action` is a word of the audit log: "key.create"; `object` stands there for a change
  /// that was refused.
  http::Response make(const http::Request& request, std::string_view action, const std::string& object,
                      const Change& change);

  /// For what only reads.
  template <class Read>
  auto read(const Read& read) {
    const std::lock_guard lock(mutex_);
    return read(*database_);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<store::Database> database_;  // guarded by mutex_
};

/// A strong validator for what a reply shows.
std::string etag_of(std::string_view shown);

/// 412 where If-Match names other validators than `etag`; nothing where there is none.
std::optional<Problem> check_if_match(const http::Request& request, std::string_view etag);

}  // namespace tessera::server

#pragma once
// Whether this server leads: takes in what is sent, and writes. On a database of its own it always does; on one that
// servers share, the one with the lease does.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/duration.h"
#include "http/server.h"
#include "store/lease.h"

namespace tessera::server {

/// Thread-safe.
class Leadership {
 public:
  struct State {
    std::int64_t epoch = 0;  ///< of its own lease; 0: another one leads, or nobody
    std::string leader;      ///< address of who leads; empty: nobody known
    bool elsewhere = false;  ///< another one leads
    std::string before{};    ///< of its own lease: the journal of who led until then; its own after a restart
    bool operator==(const State&) const = default;
  };

  /// Of a server that has its database for itself.
  Leadership() = default;

  /// `database`: of its own, with a short deadline for statements. The first try to lead is done when this returns.
  Leadership(std::unique_ptr<store::Database> database, store::Candidate candidate);

  /// Gives the lease back, so that another need not wait for its end.
  ~Leadership();
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  bool shared() const { return database_ != nullptr; }

  State state() const;
  bool leads() const { return !shared() || state().epoch > 0; }

  /// While the lease lasts. Where it cannot be renewed this ends before another may lead.
  bool may_write() const;

  /// Whether what was begun while `epoch` was this server's (0: while it followed) may still come to something.
  bool lasts(std::int64_t epoch) const;

  /// Where others that do not lead send who asks them.
  void advertise(std::string address);

  /// Returns when the state's epoch is another one, or at the stop.
  void wait_while(std::int64_t epoch, const std::stop_token& stop) const;

  /// The last check of a transaction that writes: that `epoch` is still the present one.
  std::function<Result<void>(store::Database&)> guard(std::int64_t epoch) const;

  /// 503 with who leads; nothing while this one may write.
  std::optional<http::Response> refusal(const http::Request& request) const;

 private:
  void hold();

  const std::unique_ptr<store::Database> database_{};  ///< the thread's
  mutable std::mutex mutex_;
  store::Candidate candidate_;  // guarded by mutex_
  State state_;                 // guarded by mutex_
  SteadyTime until_{};          // guarded by mutex_: the end of the lease
  bool failing_ = false;        ///< the thread's: said once
  std::jthread thread_;         ///< last: it ends before the rest goes
};

/// The id of the journal in this folder, made with the first call.
Result<std::string> journal_id(const std::string& folder);

}  // namespace tessera::server

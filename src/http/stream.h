#pragma once
// A reply that goes on: its maker sends pieces from any thread, the connection writes them as the client takes them.
// Who leaves more than a bound lying is cut when the next pieces come, so that a slow client costs nobody else
// anything.
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace tessera::http {

/// Thread-safe. Never waits.
class Stream {
 public:
  using Piece = std::shared_ptr<const std::string>;  ///< several streams may share one

  explicit Stream(std::size_t max_queued_bytes) : max_queued_bytes_(max_queued_bytes) {}

  /// What comes at once is taken whole, however much it is: nobody can have read of it yet. False when nobody will read
  /// it: the client has gone, has been cut, or is cut now, since more than `max_queued_bytes` lie there from before.
  bool send(std::span<const Piece> pieces);
  bool send(const Piece& piece) { return send({&piece, 1}); }
  /// The reply ends behind what has been sent.
  void close();
  std::size_t queued_bytes() const;  ///< that the connection has not taken yet

  // Below: for the connection.
  enum class State { Open, Closed, Cut, Gone };
  struct Taken {
    std::vector<Piece> pieces;
    State state = State::Open;
  };
  /// `wake` is called, from any thread, when there is something to take.
  void attach(std::function<void()> wake);
  Taken take();
  State state() const;
  void leave();  ///< nobody reads any more

 private:
  void wake_up(std::unique_lock<std::mutex> lock);

  const std::size_t max_queued_bytes_;
  mutable std::mutex mutex_;
  // All below is guarded by mutex_.
  std::vector<Piece> queued_;
  std::size_t queued_bytes_ = 0;
  State state_ = State::Open;
  bool woken_ = false;  ///< and nothing taken since
  std::function<void()> wake_;
};

}  // namespace tessera::http

#pragma once
// A reply that goes on: its maker sends pieces from any thread, the connection writes them as the client takes them.
// What a slow client leaves lying is bounded; beyond that it is cut, so that it costs nobody else anything.
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tessera::http {

/// Thread-safe. Never waits.
class Stream {
 public:
  explicit Stream(std::size_t max_queued_bytes) : max_queued_bytes_(max_queued_bytes) {}

  /// Several streams may share one piece. False when nobody will read it: the client has gone, has been cut, or is cut
  /// by this very piece.
  bool send(std::shared_ptr<const std::string> piece);
  /// The reply ends behind what has been sent.
  void close();
  std::size_t queued_bytes() const;  ///< that the connection has not taken yet

  // Below: for the connection.
  enum class State { Open, Closed, Cut, Gone };
  struct Taken {
    std::vector<std::shared_ptr<const std::string>> pieces;
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
  std::vector<std::shared_ptr<const std::string>> queued_;
  std::size_t queued_bytes_ = 0;
  State state_ = State::Open;
  bool woken_ = false;  ///< and nothing taken since
  std::function<void()> wake_;
};

}  // namespace tessera::http

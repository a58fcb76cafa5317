#include "http/stream.h"

#include <utility>

namespace tessera::http {

void Stream::wake_up(std::unique_lock<std::mutex> lock) {
  if (woken_ || !wake_) return;
  woken_ = true;
  const auto wake = wake_;
  lock.unlock();
  wake();
}

bool Stream::send(std::span<const Piece> pieces) {
  std::unique_lock lock(mutex_);
  if (state_ != State::Open) return false;
  if (queued_bytes_ > max_queued_bytes_) {
    state_ = State::Cut;
    queued_.clear();
    queued_bytes_ = 0;
    woken_ = false;  // the connection may be in the middle of a write that does not end
    wake_up(std::move(lock));
    return false;
  }
  for (const Piece& piece : pieces) queued_bytes_ += piece->size();
  queued_.insert(queued_.end(), pieces.begin(), pieces.end());
  wake_up(std::move(lock));
  return true;
}

void Stream::close() {
  std::unique_lock lock(mutex_);
  if (state_ != State::Open) return;
  state_ = State::Closed;
  wake_up(std::move(lock));
}

std::size_t Stream::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void Stream::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

Stream::Taken Stream::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  queued_bytes_ = 0;
  return {std::exchange(queued_, {}), state_};
}

Stream::State Stream::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Stream::leave() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Open || state_ == State::Closed) state_ = State::Gone;
  queued_.clear();
  wake_ = nullptr;
}

}  // namespace tessera::http

#pragma once
// The newest finished value, from one writer to many readers. Before the first publish there is none: get() is null.
#include <memory>
#include <mutex>
#include <utility>

namespace tessera {

template <class T>
class Latest {
 public:
  void publish(T value) { publish(std::make_shared<const T>(std::move(value))); }
  void publish(std::shared_ptr<const T> next) {
    const std::lock_guard lock(mutex_);
    current_.swap(next);  // the old value is freed after the lock
  }
  std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_;
};

}  // namespace tessera

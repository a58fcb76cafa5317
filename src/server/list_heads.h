#pragma once
// The first rows of lists in their order, as far as somebody has asked for them: of one view they are sorted once,
// however many pages of whatever length are asked for.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace tessera::server {

template <class Row>
struct ListHead {
  std::vector<Row> rows;  ///< in their order; all of them where there are no more
  std::size_t total = 0;  ///< rows of the list
};

/// Belongs to a view, and goes with it: rows may point into that. Thread-safe; whoever asks for a head that another is
/// making waits for it. Of lists beyond the first `kMost` none is kept: filters are what callers make of them.
class ListHeads {
 public:
  static constexpr std::size_t kMost = 64;

  /// `list`: its path, filters and order, which also tell the type of its rows.
  template <class Row>
  std::shared_ptr<const ListHead<Row>> of(const std::string& list, const std::function<ListHead<Row>()>& make) {
    const auto one = one_of(list);
    const std::lock_guard lock(one->mutex);
    if (!one->head) one->head = std::make_shared<const ListHead<Row>>(make());
    return std::static_pointer_cast<const ListHead<Row>>(one->head);
  }

 private:
  struct One {
    std::mutex mutex;
    std::shared_ptr<const void> head;  // guarded by mutex
  };
  std::shared_ptr<One> one_of(const std::string& list) {
    const std::lock_guard lock(mutex_);
    if (const auto known = heads_.find(list); known != heads_.end()) return known->second;
    auto one = std::make_shared<One>();
    if (heads_.size() < kMost) heads_.emplace(list, one);
    return one;
  }

  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<One>> heads_;  // guarded by mutex_
};

}  // namespace tessera::server

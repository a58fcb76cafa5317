#pragma once
// Something that changes now and then, and what it was at each time.
#include <algorithm>
#include <map>
#include <utility>

#include "base/duration.h"

namespace tessera::server {

template <class T>
class Timeline {
 public:
  /// Null where nothing is known. Before the first change it was what that one made it: nobody knows otherwise.
  const T* at(EpochMs time) const {
    if (steps_.empty()) return nullptr;
    const auto behind = steps_.upper_bound(time);
    return &(behind == steps_.begin() ? behind : std::prev(behind))->second;
  }

  /// From then on; whether it is another than before. What is told of the past holds from the last change on.
  bool set(EpochMs from, T value) {
    if (!steps_.empty()) {
      const auto& [begin, last] = *steps_.rbegin();
      if (last == value) return false;
      from = std::max(from, begin);
    }
    steps_.insert_or_assign(from, std::move(value));
    return true;
  }

  EpochMs last_change() const { return steps_.empty() ? 0 : steps_.rbegin()->first; }

 private:
  std::map<EpochMs, T> steps_;
};

}  // namespace tessera::server

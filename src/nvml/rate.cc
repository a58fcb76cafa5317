#include "nvml/rate.h"

namespace tessera::nvml {

std::optional<double> Rate::update(std::uint64_t count, SteadyTime now) {
  if (count_ && count >= *count_ && now < time_ + kLeastWindow) return last_;
  last_.reset();
  if (count_ && count >= *count_)
    last_ = static_cast<double>(count - *count_) / std::chrono::duration<double>(now - time_).count();
  count_ = count;
  time_ = now;
  return last_;
}

}  // namespace tessera::nvml

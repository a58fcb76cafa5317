#include "fleet/serving/counter.h"

namespace tessera::fleet {

void WindowCounter::add(EpochMs time, double value) {
  if (count_ > 0) total_ += value >= value_ ? value - value_ : value;
  value_ = value;
  time_ = time;
  const std::size_t last = (next_ + kPoints - 1) % kPoints;
  if (count_ > 0 && time - times_[last] < kStep) return;
  times_[next_] = time;
  totals_[next_] = total_;
  next_ = static_cast<std::uint8_t>((next_ + 1) % kPoints);
  if (count_ < kPoints) ++count_;
}

std::optional<Increase> WindowCounter::increase() const {
  for (std::size_t i = 0; i < count_; ++i) {
    const std::size_t at = (next_ + kPoints - count_ + i) % kPoints;  // the oldest first
    if (time_ - times_[at] > kWindow || times_[at] == time_) continue;
    return Increase{total_ - totals_[at], static_cast<double>(time_ - times_[at]) / 1000};
  }
  return std::nullopt;
}

}  // namespace tessera::fleet

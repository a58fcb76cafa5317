#include "relay/isolation.h"

#include <algorithm>
#include <utility>

namespace tessera::relay {

Isolation::Isolation(std::size_t series, std::size_t suspects, std::uint64_t successes)
    : series_(series), suspects_(suspects), successes_(successes), probed_at_(successes) {
  if (suspects > 0 && suspects < series) probes_.push_back({0, series - suspects});
  std::vector<Part> level = {{0, series}};
  for (std::size_t parts = 2; parts <= kSmallestProbe && parts <= series; parts *= 2) {
    std::vector<Part> halves;
    for (const Part& part : level) {
      const std::size_t middle = part.begin + part.size() / 2;
      halves.push_back({part.begin, middle});
      halves.push_back({middle, part.end});
    }
    level = std::move(halves);
    probes_.insert(probes_.end(), level.begin(), level.end());
  }
  if (probes_.empty()) probes_ = level;
}

void Isolation::prove() {
  proven_ = by_others_ = true;
  add_halves({{0, series_}, successes_});
}

std::optional<Part> Isolation::next() const {
  if (!proven_) return probes_[probe_ % probes_.size()];
  if (waiting_.empty() || in_a_row_ >= kMaxInARow) return std::nullopt;
  return waiting_.front().part;
}

void Isolation::taken() {
  in_a_row_ = 0;
  if (proven_) {
    if (waiting_.front().tries > 0) {
      ++healed_;
      --singles_;
    }
    waiting_.pop_front();
    return;
  }
  const Part part = probes_[probe_ % probes_.size()];
  const std::size_t known = suspects_ < series_ ? series_ - suspects_ : 0;
  proven_ = true;
  add({{0, part.begin}, successes_});
  if (part.end != known || suspects_ == 0) return add({{part.end, series_}, successes_});
  for (std::size_t i = known; i < series_; ++i)  // proven before: once more is enough
    waiting_.push_back({{i, i + 1}, successes_, kProof - 1, kPatience - 1});
  singles_ = suspects_;
}

bool Isolation::refused() {
  in_a_row_ = 0;
  if (!proven_) {
    proven_ = true;
    add_halves({{0, series_}, successes_});
    return false;
  }
  const Waiting front = waiting_.front();
  waiting_.pop_front();
  if (front.tries > 0) --singles_;
  if (front.part.size() == 1) return true;
  add_halves(front);
  return false;
}

bool Isolation::failed(std::uint64_t successes) {
  ++in_a_row_;
  if (!proven_) {
    ++probe_;
    if (successes > std::exchange(probed_at_, successes) && ++probes_alone_ >= kPatience) prove();
    return false;
  }
  Waiting front = waiting_.front();
  waiting_.pop_front();
  if (successes > front.successes) ++front.alone;
  front.successes = successes;
  if (front.part.size() > 1) {
    add_halves(front);
    return false;
  }
  if (front.tries++ == 0) ++singles_;
  waiting_.push_back(front);
  if (!is_culprit(front)) return false;
  waiting_.pop_back();
  --singles_;
  ++culprits_;
  return true;
}

bool Isolation::is_culprit(const Waiting& single) const {
  if (single.tries < kPatience * (1 + healed_ + probe_ / 2)) return false;
  if (by_others_) return single.alone >= kPatience;
  const std::size_t most = std::clamp<std::size_t>(series_ / kCulpritIn, 1, kMaxCulprits);
  return single.alone >= kProof && singles_ == waiting_.size() && culprits_ + singles_ <= most;
}

void Isolation::add(Waiting whole) {
  if (whole.part.size() > 0) waiting_.push_back(whole);
}

void Isolation::add_halves(const Waiting& whole) {
  Waiting half = whole;
  const std::size_t middle = whole.part.begin + whole.part.size() / 2;
  half.part = {whole.part.begin, middle};
  add(half);
  half.part = {middle, whole.part.end};
  add(half);
}

std::vector<Part> Isolation::unsettled() const {
  std::vector<Part> parts;
  for (const Waiting& waiting : waiting_) parts.push_back(waiting.part);
  std::ranges::sort(parts, {}, &Part::begin);
  return parts;
}

}  // namespace tessera::relay

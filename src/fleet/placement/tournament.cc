#include "fleet/placement/tournament.h"

#include <algorithm>
#include <bit>

namespace tessera::fleet::placement {

// Where there is no node, the last one stands again: it cannot win against itself.
Tournament::Tournament(std::size_t nodes)
    : leaves_(std::max<std::size_t>(2, std::bit_ceil(nodes))),
      scores_(std::max<std::size_t>(1, nodes), kOut),
      winners_(leaves_) {}

std::uint32_t Tournament::entrant(std::size_t place) const {
  if (place < leaves_) return winners_[place];
  return static_cast<std::uint32_t>(std::min(place - leaves_, scores_.size() - 1));
}

void Tournament::play(std::uint32_t node) {
  for (std::size_t place = (leaves_ + node) / 2; place > 0; place /= 2)
    winners_[place] = better(entrant(2 * place), entrant(2 * place + 1));
}

void Tournament::play_all() {
  for (std::size_t place = leaves_ - 1; place > 0; --place)
    winners_[place] = better(entrant(2 * place), entrant(2 * place + 1));
}

std::optional<std::uint32_t> Tournament::winner() const {
  const std::uint32_t node = winners_[1];
  if (scores_[node] == kOut) return std::nullopt;
  return node;
}

Tournament::Ranks::Ranks(const Tournament& of) : of_(of) { add(1); }

bool Tournament::Ranks::is_worse(std::size_t a, std::size_t b) const {
  const std::uint32_t one = of_.entrant(a), other = of_.entrant(b);
  return of_.scores_[one] != of_.scores_[other] ? of_.scores_[one] < of_.scores_[other] : one > other;
}

/// A place below which there is no node has no winner of its own.
void Tournament::Ranks::add(std::size_t place) {
  std::size_t first = place;
  while (first < of_.leaves_) first *= 2;
  if (first - of_.leaves_ >= of_.scores_.size() || of_.scores_[of_.entrant(place)] == kOut) return;
  places_.push_back(place);
  std::ranges::push_heap(places_, [this](std::size_t a, std::size_t b) { return is_worse(a, b); });
}

/// Whoever lost against the winner on its way up is still to come.
std::optional<std::uint32_t> Tournament::Ranks::next() {
  if (places_.empty()) return std::nullopt;
  std::ranges::pop_heap(places_, [this](std::size_t a, std::size_t b) { return is_worse(a, b); });
  std::size_t place = places_.back();
  places_.pop_back();
  const std::uint32_t node = of_.entrant(place);
  while (place < of_.leaves_) {
    const bool left = of_.entrant(2 * place) == node;
    add(2 * place + (left ? 1 : 0));
    place = 2 * place + (left ? 0 : 1);
  }
  return node;
}

}  // namespace tessera::fleet::placement

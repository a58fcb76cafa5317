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

}  // namespace tessera::fleet::placement

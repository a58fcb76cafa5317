#pragma once
// Moves of what may move: such that a workload that waits is let in, or that whole devices are free. A move is made
// safe by its order: the new place is made and taken before the old one is given up, and each is legal when it is made.
// So a plan may stop after any of its moves, and what has moved is as well off as before.
#include <span>
#include <string>
#include <vector>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

struct Move {
  std::string holder;
  std::size_t from = 0;  ///< position of its candidate
  gpu::Placed placed;    ///< what it leaves, which goes after it
  Grant to;              ///< as large, on a device of the same model
  std::string sentence;
};

struct Way {
  std::vector<Move> moves;
  Grant grant;  ///< of who waits, once all have moved
  std::string sentence;
};

/// The fewest moves, of these those of the smallest instances, that let `need` in; none where `most_moves` do not, or
/// where it needs several devices or a whole one that is not cut.
std::optional<Way> make_way(const Stock& stock, const Need& need, Policy& policy, unsigned most_moves);

struct Consolidation {
  std::vector<Move> moves;
  std::vector<std::size_t> freed;  ///< candidates on which nothing stands any more that somebody has
  std::string sentence;
};

/// Frees whole devices, those first that take the fewest slices to move; none is begun that cannot be freed.
Consolidation free_devices(const Stock& stock, Policy& policy, unsigned most_moves);

/// As it is once these have moved, one after the other.
Supply moved(Supply supply, std::span<const Move> moves);

}  // namespace tessera::fleet::decision

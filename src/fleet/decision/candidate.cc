#include <algorithm>

#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

const gpu::Profile* Candidate::profile(unsigned number) const {
  const auto found = std::ranges::find(offered(), number, &gpu::Profile::id);
  return found == offered().end() ? nullptr : &*found;
}

std::optional<unsigned> Candidate::compute_slices() const {
  std::optional<unsigned> most;
  for (const gpu::Profile& one : offered()) most = std::max(most.value_or(0), one.compute_slices);
  return most;
}

bool Candidate::is_empty() const {
  const bool shared = shares && shares->left < shares->replicas;
  return held_by.empty() && !shared &&
         std::ranges::all_of(pieces, [](const Piece& one) { return one.held_by.empty(); });
}

}  // namespace tessera::fleet::decision

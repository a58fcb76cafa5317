#pragma once
// Fleets and needs drawn at random, for tests of what holds of every decision.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "fleet/decision/need.h"
#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {

using Random = std::mt19937_64;

inline std::shared_ptr<const std::vector<gpu::Profile>> some_profiles(Random& random) {
  switch (random() % 4) {
    case 0:
      return h100_profiles();
    case 1:
      return a100_profiles();
    case 2:
      return a30_profiles();
    default:
      return rtx_pro_6000_profiles();
  }
}

/// Cut at random, a part of it held, a part promised, a part idle.
inline Candidate some_device(unsigned number, Random& random) {
  if (random() % 8 == 0) return t4(number);
  auto profiles = some_profiles(random);
  Candidate out = test_candidate(number, profiles->back().name, profiles->back().memory_bytes / kMib, profiles);
  if (random() % 10 == 0) out.unfit = "it is silent";
  if (random() % 10 == 0) out.may_cut = false;
  gpu::Layout layout;
  for (int tries = static_cast<int>(random() % 12); tries > 0; --tries) {
    const gpu::Profile& profile = (*profiles)[random() % profiles->size()];
    const gpu::Placement at = profile.placements[random() % profile.placements.size()];
    if (!gpu::fits(*profiles, layout, profile, at)) continue;
    layout.push_back({profile.id, at});
    Piece one{.placed = layout.back()};
    if (random() % 2 == 0) one.held_by = fmt::format("ml/{}-{}", number, tries);
    one.stands = one.held_by.empty() || random() % 4 > 0;
    one.may_move = !one.held_by.empty() && random() % 2 == 0;
    out.pieces.push_back(one);
  }
  std::ranges::sort(out.pieces, {}, [](const Piece& one) { return one.placed; });
  return out;
}

inline Supply some_fleet(unsigned devices, Random& random) {
  Supply out;
  for (unsigned i = 0; i < devices; ++i) out.candidates.push_back(some_device(i, random));
  return out;
}

inline Need some_need(Random& random) {
  Need out;
  if (random() % 3 > 0) out.memory_mib = 1 + random() % 90'000;
  if (random() % 3 == 0) out.compute_slices = 1 + static_cast<unsigned>(random() % 7);
  if (random() % 4 == 0) out.mig = MigUse::Required;
  return out;
}

/// Some who have something are idle, and some devices have a price.
inline void idle_and_priced(Supply& supply, Random& random) {
  for (Candidate& on : supply.candidates) {
    if (random() % 2 == 0) on.price_micros = 1'000'000 * (1 + static_cast<std::int64_t>(random() % 3));
    for (Piece& piece : on.pieces)
      if (!piece.held_by.empty() && random() % 3 > 0)
        piece.idle = Milliseconds(60'000 * static_cast<std::int64_t>(random() % 4));
    if (on.mig == MigMode::On || random() % 2 == 0) continue;
    on.held_by = "ml/whole-" + on.id;
    if (random() % 2 == 0) on.idle = Milliseconds(60'000 * static_cast<std::int64_t>(random() % 4));
  }
}

/// Of some nodes nobody tells what they have left beside their devices.
inline void some_left_beside(Supply& supply, Random& random) {
  for (const Candidate& on : supply.candidates)
    if (random() % 6 > 0) {
      const auto left = static_cast<std::int64_t>(random() % 40'000);
      supply.nodes[{on.cluster, on.node}] = {64'000, 64'000, left, left};
    }
}

/// Of some nodes it may not take devices, others it does not see.
inline Scope some_scope(Random& random) {
  if (random() % 3 == 0) return {};
  const auto seed = random();
  return [seed](const std::string&, const std::string& node) -> std::optional<std::string> {
    const auto draw = std::hash<std::string>()(node + std::to_string(seed)) % 3;
    if (draw == 0) return std::nullopt;
    return draw == 1 ? "its taint is not tolerated" : "";
  };
}

}  // namespace tessera::fleet::decision

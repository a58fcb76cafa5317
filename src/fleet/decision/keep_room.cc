#include "fleet/decision/keep_room.h"

#include <algorithm>
#include <map>

#include "fleet/decision/options.h"
#include "gpu/geometry.h"

namespace tessera::fleet::decision {
namespace {

/// Somewhere on one device that would serve, were nobody there.
struct Spot {
  std::size_t candidate = 0;
  const gpu::Profile* profile = nullptr;  ///< null: the whole device
  gpu::Placement placement{};
  unsigned held = 0;  ///< memory slices that somebody has
  auto rank() const { return std::tuple(held, candidate, placement); }
};

unsigned held_at(const Candidate& on, const Option& option) {
  constexpr unsigned kWholeDevice = 64;  // more than any axis has: who has all of it is the last to be waited for
  unsigned out = on.held_by.empty() ? 0 : kWholeDevice;
  for (const Piece& piece : on.pieces)
    if (!piece.held_by.empty() && (!option.profile || gpu::overlap(piece.placed.placement, option.placement)))
      out += piece.placed.placement.size;
  return out;
}

/// The nearest one on a device; of which one is to be said yet.
std::optional<Spot> spot_on(const Candidate& on, const Need& need) {
  Candidate bare = on;
  bare.held_by.clear();
  bare.pieces.clear();
  const auto possible = examine(bare, need);
  const auto* options = std::get_if<std::vector<Option>>(&possible);
  if (!options) return std::nullopt;
  std::optional<Spot> best;
  for (const Option& option : *options) {
    // The profile outlives `bare`: both candidates share the table.
    const Spot spot{0, option.profile, option.placement, held_at(on, option)};
    if (!best || spot.rank() < best->rank()) best = spot;
  }
  return best;
}

std::vector<Spot> nearest(const Stock& stock, const Need& need, const Scope& scope) {
  const auto& candidates = stock.supply().candidates;
  const Sights sights(stock.supply(), scope);
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Spot>> by_node;
  for (const auto& [in_common, alike] : stock.kinds()) {
    if (alike.members.empty()) continue;
    auto spot = spot_on(candidates[*alike.members.begin()], need);
    if (!spot) continue;
    for (const std::uint32_t at : alike.members) {
      if (sights.of(at) != Sights::Sight::Open) continue;
      spot->candidate = at;
      by_node[{candidates[at].cluster, candidates[at].node}].push_back(*spot);
    }
  }
  std::vector<Spot> best;
  std::pair<unsigned, std::size_t> rank{};
  for (auto& [node, spots] : by_node) {
    if (spots.size() < need.devices) continue;
    std::ranges::sort(spots, {}, &Spot::rank);
    spots.resize(need.devices);
    unsigned held = 0;
    for (const Spot& one : spots) held += one.held;
    if (const std::pair own(held, spots.front().candidate); best.empty() || own < rank) {
      rank = own;
      best = spots;
    }
  }
  return best;
}

/// Nothing new is to stand at `kept`, and what stands there idle is given to nobody. Beside it the device may be cut.
void close(Candidate& candidate, gpu::Placement kept, std::string_view why) {
  candidate.uncut = why;
  std::vector<gpu::Profile> profiles(candidate.offered().begin(), candidate.offered().end());
  const gpu::Layout held = fixed_layout(candidate);
  for (gpu::Profile& profile : profiles)
    std::erase_if(profile.placements, [&](gpu::Placement at) {
      return gpu::overlap(at, kept) && std::ranges::count(held, gpu::Placed{profile.id, at}) == 0;
    });
  candidate.profiles = std::make_shared<const std::vector<gpu::Profile>>(std::move(profiles));
  for (Piece& piece : candidate.pieces)
    if (piece.held_by.empty() && gpu::overlap(piece.placed.placement, kept)) piece.parted = true;
}

}  // namespace

Before keep_room(Stock& stock, const Need& need, std::string_view why, const Scope& scope) {
  Before out;
  for (const Spot& spot : nearest(stock, need, scope)) {
    out.emplace_back(spot.candidate, stock.supply().candidates[spot.candidate]);
    Candidate closed = out.back().second;
    if (spot.profile) {
      close(closed, spot.placement, why);
    } else {
      closed.unfit = why;
      closed.withheld = true;
    }
    stock.set(spot.candidate, std::move(closed));
  }
  return out;
}

}  // namespace tessera::fleet::decision

#include "fleet/decision/defragment.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "fleet/decision/options.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kTargetsTried = 16;

/// What has to be moved for a place, and how much that is.
struct Target {
  std::size_t candidate = 0;
  const gpu::Profile* profile = nullptr;
  gpu::Placement placement;
  std::vector<std::size_t> blockers{};  ///< pieces
  unsigned slices = 0;
  auto rank() const { return std::tuple(blockers.size(), slices, candidate, placement, profile->id); }
};

bool may_leave(const Piece& piece) { return piece.stands && piece.may_move && !piece.held_by.empty(); }

std::optional<Target> target_at(const Candidate& on, const gpu::Profile& profile, gpu::Placement placement) {
  Target out{.profile = &profile, .placement = placement};
  gpu::Layout rest;
  for (std::size_t i = 0; i < on.pieces.size(); ++i) {
    const Piece& piece = on.pieces[i];
    if (piece.held_by.empty()) continue;
    if (!gpu::overlap(piece.placed.placement, placement)) {
      rest.push_back(piece.placed);
      continue;
    }
    if (!may_leave(piece)) return std::nullopt;
    out.blockers.push_back(i);
    out.slices += piece.placed.placement.size;
  }
  return gpu::fits(on.offered(), rest, profile, placement) ? std::optional(out) : std::nullopt;
}

/// The best first.
std::vector<Target> targets(const Stock& stock, const Need& need, unsigned most_moves, const Scope& scope) {
  std::vector<Target> out;
  const Sights sights(stock.supply(), scope);
  for (const auto& [in_common, alike] : stock.kinds()) {
    const auto open =
        std::ranges::find_if(alike.members, [&](std::size_t at) { return sights.of(at) == Sights::Sight::Open; });
    if (open == alike.members.end()) continue;
    const std::size_t first = *open;
    const Candidate& on = stock.supply().candidates[first];
    const bool of_model = need.models.empty() || std::ranges::count(need.models, on.model) > 0;
    if (!on.unfit.empty() || on.mig != MigMode::On || !on.may_cut || !on.held_by.empty() || !of_model) continue;
    for (const gpu::Profile* profile : smallest_enough(on.offered(), need))
      for (const gpu::Placement at : profile->placements)
        if (auto target = target_at(on, *profile, at); target && target->blockers.size() <= most_moves) {
          target->candidate = first;
          out.push_back(*std::move(target));
        }
  }
  std::ranges::sort(out, {}, &Target::rank);
  if (out.size() > kTargetsTried) out.resize(kTargetsTried);
  return out;
}

/// The same anew: whoever made the pod asks Kubernetes for the same resource again.
Need need_of(const Candidate& on, const gpu::Profile& profile, WorkloadType type) {
  return {.memory_mib = profile.memory_bytes / (1024 * 1024),
          .profile = profile.name,
          .models = {on.model},
          .type = type,
          .mig = MigUse::Required};
}

/// A stock that things are tried on, and that is afterwards what it was.
class Trial {
 public:
  explicit Trial(Stock& on) : on_(on) {}
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial() {
    for (auto& [at, candidate] : std::views::reverse(before_)) on_.set(at, std::move(candidate));
  }
  Stock& stock() { return on_; }
  const Candidate& at(std::size_t at) const { return on_.supply().candidates[at]; }
  void set(std::size_t at, Candidate candidate) {
    before_.emplace_back(at, this->at(at));
    on_.set(at, std::move(candidate));
  }
  void keep() { before_.clear(); }

 private:
  Stock& on_;
  std::vector<std::pair<std::size_t, Candidate>> before_;
};

/// Moves one piece to the best place that there is now; `from` is a candidate as it was before.
std::optional<Move> move_away(Trial& trial, std::size_t at, const Candidate& from, const Piece& piece, Policy& policy,
                              const TermsOf& terms_of) {
  const gpu::Profile* profile = from.profile(piece.placed.profile);
  if (!profile) return std::nullopt;
  const Terms terms = terms_of ? terms_of(piece.held_by) : Terms();
  auto to =
      place(trial.stock(), need_of(from, *profile, terms.type), terms.policy ? *terms.policy : policy, terms.scope);
  if (!to) return std::nullopt;
  trial.set(to->candidate, with(trial.at(to->candidate), *to, piece.held_by, true));
  Move out{piece.held_by, at, from.id, piece.placed, profile->name, *std::move(to), {}};
  out.sentence = fmt::format("{} goes from the {} at {} on {} to {} at {} on {}", out.holder, profile->name,
                             piece.placed.placement.start, from.id, out.to.profile, out.to.placed->placement.start,
                             out.to.device_id);
  return out;
}

Candidate without_pieces(Candidate candidate, std::span<const gpu::Placed> gone) {
  std::erase_if(candidate.pieces, [&](const Piece& one) { return std::ranges::count(gone, one.placed) > 0; });
  return candidate;
}

/// `stock` is as the fleet is, and stays so.
std::optional<Way> way_to(Stock& stock, const Target& target, Policy& policy, const TermsOf& terms_of) {
  Trial trial(stock);
  const Candidate before = trial.at(target.candidate);
  Candidate reserved = before;
  reserved.pieces.push_back(
      {.placed = {target.profile->id, target.placement}, .held_by = "who waits", .stands = false});
  trial.set(target.candidate, reserved);
  Way out;
  std::vector<gpu::Placed> gone;
  for (const std::size_t i : target.blockers) {
    auto move = move_away(trial, target.candidate, before, before.pieces[i], policy, terms_of);
    if (!move) return std::nullopt;
    gone.push_back(move->placed);
    out.moves.push_back(*std::move(move));
  }
  // What was moved within the device stands there now, and what was reserved is what is to be created.
  Candidate after = without_pieces(trial.at(target.candidate), gone);
  std::erase_if(after.pieces, [&](const Piece& one) { return one.held_by == "who waits"; });
  const Option option{.candidate = &after, .profile = target.profile, .placement = target.placement};
  out.grant = grant_of(target.candidate, option, {});
  std::vector<std::string> moves;
  for (const Move& one : out.moves) moves.push_back(one.sentence);
  out.sentence = fmt::format("If {}, there is room for a {} at {} on {}", join(moves), target.profile->name,
                             target.placement.start, before.id);
  return out;
}

/// Those whose holders all may move, with the fewest memory slices to move first.
std::vector<std::size_t> freeable(const Supply& supply) {
  std::vector<std::pair<unsigned, std::size_t>> found;
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    const Candidate& on = supply.candidates[i];
    if (!on.unfit.empty() || on.mig != MigMode::On || !on.held_by.empty() || on.is_empty()) continue;
    unsigned slices = 0;
    bool all = true;
    for (const Piece& piece : on.pieces) {
      if (piece.held_by.empty()) continue;
      all &= may_leave(piece);
      slices += piece.placed.placement.size;
    }
    if (all) found.emplace_back(slices, i);
  }
  std::ranges::sort(found);
  std::vector<std::size_t> out;
  for (const auto& [slices, i] : found) out.push_back(i);
  return out;
}

}  // namespace

std::optional<Way> make_way(Stock& stock, const Need& need, Policy& policy, unsigned most_moves, const Scope& scope,
                            const TermsOf& terms_of) {
  if (need.devices != 1 || need.mig == MigUse::Never) return std::nullopt;
  for (const Target& target : targets(stock, need, most_moves, scope)) {
    auto way = way_to(stock, target, policy, terms_of);
    if (!way) continue;
    if (need.most_price_micros && (!way->grant.price_micros || *way->grant.price_micros > *need.most_price_micros))
      continue;
    return way;
  }
  return std::nullopt;
}

void add_moves(Refusal& refusal, const Way& way) {
  const auto after = std::ranges::upper_bound(refusal.remedies, RemedyKind::Move, {}, &Remedy::kind);
  refusal.remedies.insert(after, {RemedyKind::Move, way.grant.device_id, way.sentence, way.moves});
}

Consolidation free_devices(const Stock& stock, Policy& policy, unsigned most_moves, const TermsOf& terms_of) {
  Stock all = stock;
  const auto& candidates = all.supply().candidates;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].is_empty()) {
      Candidate closed = candidates[i];
      closed.unfit = "it is kept free";
      closed.withheld = true;
      all.set(i, std::move(closed));
    }
  Consolidation out;
  for (const std::size_t i : freeable(stock.supply())) {
    const Candidate from = candidates[i];
    if (from != stock.supply().candidates[i]) continue;  // what has moved here does not move again
    Trial attempt(all);
    Candidate closed = from;
    closed.unfit = "it is being freed";
    closed.withheld = true;
    attempt.set(i, closed);
    std::vector<Move> moves;
    bool can_all = true;
    for (const Piece& piece : from.pieces) {
      if (piece.held_by.empty()) continue;
      auto move = move_away(attempt, i, from, piece, policy, terms_of);
      can_all = move && out.moves.size() + moves.size() < most_moves;
      if (!can_all) break;
      moves.push_back(*std::move(move));
    }
    if (!can_all) continue;
    attempt.keep();
    out.freed.push_back(i);
    out.moves.insert(out.moves.end(), moves.begin(), moves.end());
  }
  out.sentence = fmt::format("{} moves free {} devices", out.moves.size(), out.freed.size());
  return out;
}

Supply moved(Supply supply, std::span<const Move> moves) {
  for (const Move& one : moves) {
    Candidate& to = supply.candidates[one.to.candidate];
    to = with(std::move(to), one.to, one.holder, true);
    Candidate& from = supply.candidates[one.from];
    from = without_pieces(std::move(from), {&one.placed, 1});
  }
  return supply;
}

}  // namespace tessera::fleet::decision

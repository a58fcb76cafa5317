#include "server/movers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "server/allocation_choice.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr std::string_view kMayMove = "tessera.dev/may-move";  // a pod's label
constexpr std::size_t kMostDevices = 512;
constexpr unsigned kMostMoves = 2;

bool has_movable(const decision::Candidate& one) { return std::ranges::any_of(one.pieces, &decision::Piece::may_move); }

/// Those on which somebody may move, and as many others, up to the most; in their order.
decision::Supply nearest(const decision::Supply& of) {
  std::vector<std::size_t> at;
  for (const bool movable : {true, false})
    for (std::size_t i = 0; i < of.candidates.size() && at.size() < kMostDevices; ++i)
      if (has_movable(of.candidates[i]) == movable) at.push_back(i);
  std::ranges::sort(at);
  decision::Supply out{of.as_of, {}};
  for (const std::size_t i : at) out.candidates.push_back(of.candidates[i]);
  return out;
}

}  // namespace

Movers::Movers(const std::string& cluster, const fleet::AllocationBook& book, const fleet::ClusterView& pods)
    : pods_(pods) {
  for (const auto& [id, one] : book.all()) {
    if (fleet::is_over(one.state) || one.cluster != cluster) continue;
    auto wish = parse_allocation_wish(one.request);
    if (!wish || !wish->may_move) continue;
    wish->cluster = cluster;
    wishes_.emplace(fleet::pod_key(one.space, one.pod), *std::move(wish));
  }
  if (pods.cluster != cluster) return;
  for (const auto& [name, pod] : pods.pods) {
    const auto label = pod->labels.find(std::string(kMayMove));
    if (label == pod->labels.end() || label->second != "true") continue;
    AllocationWish wish;
    // Its allocation may be bound to a node.
    if (const auto* own = book.of_pod(cluster, pod->space, pod->name))
      if (auto asked = parse_allocation_wish(own->request)) wish = *std::move(asked);
    wish.cluster = cluster;
    wish.space = pod->space;
    wish.pod = pod->name;
    wishes_.try_emplace(name, std::move(wish));
  }
}

void Movers::mark(decision::Supply& supply) const {
  for (decision::Candidate& device : supply.candidates)
    for (decision::Piece& piece : device.pieces) piece.may_move = wishes_.contains(piece.held_by);
}

decision::ScopeOf Movers::scopes() const {
  return [this](const std::string& holder) -> decision::Scope {
    const auto found = wishes_.find(holder);
    return found == wishes_.end() ? decision::Scope() : scope_of(found->second, pods_);
  };
}

std::optional<decision::Way> way_in(const decision::Supply& supply, const AllocationWish& wish,
                                    const decision::Mix& mix, const fleet::AllocationBook& book,
                                    const fleet::ClusterView& cluster) {
  const Movers movers(*wish.cluster, book, cluster);
  if (movers.size() == 0) return std::nullopt;
  decision::Supply own{supply.as_of, {}};
  for (const decision::Candidate& one : supply.candidates)
    if (one.cluster == *wish.cluster) own.candidates.push_back(one);
  movers.mark(own);
  const auto policy = decision::make_policy("default", mix);
  return decision::make_way(decision::Stock(nearest(own)), wish.need, **policy, kMostMoves, scope_of(wish, cluster),
                            movers.scopes());
}

}  // namespace tessera::server

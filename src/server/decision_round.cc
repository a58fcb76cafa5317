#include "server/decision_round.h"

#include <algorithm>

#include "fleet/allocation/sightings.h"
#include "server/unknown_names.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;
}  // namespace

decision::Verdict DecisionRound::decide(const AllocationWish& wish, const decision::Scope& scope) {
  auto verdict = decision::decide(of_->stock(), wish.need, of_->policy(wish.policy), scope);
  if (auto* refusal = std::get_if<decision::Refusal>(&verdict)) tell_unknown_names(*refusal, supply(), wish);
  return verdict;
}

std::variant<decision::Decision, std::string> DecisionRound::decide_in_short(const AllocationWish& wish,
                                                                             const decision::Scope& scope) {
  auto verdict = decision::decide_in_short(of_->stock(), wish.need, of_->policy(wish.policy), scope);
  if (auto* sentence = std::get_if<std::string>(&verdict))
    *sentence = with_unknown_names(std::move(*sentence), supply(), wish);
  return verdict;
}

std::variant<decision::Decision, DecisionRound::Refused*> DecisionRound::decide_once(
    const AllocationWish& wish, const fleet::ClusterView& cluster) {
  if (refused_by_ != of_->stock().version()) refused_.clear();
  refused_by_ = of_->stock().version();
  WishKind kind = kind_of(wish, cluster);
  if (const auto found = std::ranges::find(refused_, kind, &Refused::kind); found != refused_.end()) return &*found;
  auto verdict = decide_in_short(wish, scope_of(wish, cluster));
  if (auto* decided = std::get_if<decision::Decision>(&verdict)) return std::move(*decided);
  return &refused_.emplace_back(std::move(kind), std::get<std::string>(std::move(verdict)), std::nullopt);
}

const decision::Refusal& DecisionRound::in_full(Refused& refused, const AllocationWish& wish,
                                                const fleet::ClusterView& cluster, const fleet::AllocationBook& book) {
  if (refused.in_full) return *refused.in_full;
  refused.in_full = std::get<decision::Refusal>(decide(wish, scope_of(wish, cluster)));
  if (const auto way = way_in(wish, book)) decision::add_moves(*refused.in_full, *way);
  return *refused.in_full;
}

bool DecisionRound::keep_room(const std::string& id, const decision::Need& need, const decision::Scope& scope,
                              std::string_view why) {
  if (keeps_room_for(id)) return true;
  auto before = decision::keep_room(of_->stock(), need, why, scope);
  if (before.empty()) return false;
  kept_.emplace_back(id, std::move(before));
  return true;
}

bool DecisionRound::keeps_room_for(const std::string& id) const {
  return std::ranges::any_of(kept_, [&](const auto& one) { return one.first == id; });
}

void DecisionRound::open_room() {
  for (; !kept_.empty(); kept_.pop_back())  // backwards: one device may have been kept twice
    for (auto& [at, candidate] : kept_.back().second) of_->stock().set(at, std::move(candidate));
}

void DecisionRound::promised(const Ground& now, const decision::Decision& decision, const decision::Need& need) {
  open_room();
  for (const decision::Grant& one : decision.grants) {
    const fleet::Node* node = fleet::find_node(now.view, one.cluster, one.node);
    const fleet::Device* device = fleet::find_device(now.view, one.cluster, one.node, one.device_uuid);
    if (node && device) of_->stock().set(one.candidate, candidate_of(now, *node, *device));
  }
  // A pod is on one node: that of its first part, as promised_beside() has it.
  if (!decision.grants.empty()) of_->take_beside(decision.grants.front().cluster, decision.grants.front().node, need);
}

}  // namespace tessera::server

#include "server/decision_round.h"

#include "fleet/allocation/sightings.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;
}  // namespace

DecisionRound::DecisionRound(const Ground& ground, const decision::Mix& mix)
    : stock_(supply_of(ground)), policy_(*decision::make_policy("default", mix)) {}

decision::Verdict DecisionRound::decide(const decision::Need& need, const decision::Scope& scope) {
  return decision::decide(stock_, need, *policy_, scope);
}

std::variant<decision::Decision, std::string> DecisionRound::decide_in_short(const decision::Need& need,
                                                                             const decision::Scope& scope) {
  return decision::decide_in_short(stock_, need, *policy_, scope);
}

void DecisionRound::keep_room(const std::string& id, const decision::Need& need, const decision::Scope& scope,
                              std::string_view why) {
  if (!keeps_room_for(id)) kept_[id] = decision::keep_room(stock_, need, why, scope);
}

void DecisionRound::promised(const Ground& now, const decision::Decision& decision) {
  for (auto& [id, before] : kept_)
    for (auto& [at, candidate] : before) stock_.set(at, std::move(candidate));
  kept_.clear();
  for (const decision::Grant& one : decision.grants) {
    const fleet::Node* node = fleet::find_node(now.view, one.cluster, one.node);
    const fleet::Device* device = fleet::find_device(now.view, one.cluster, one.node, one.device_uuid);
    if (node && device) stock_.set(one.candidate, candidate_of(now, *node, *device));
  }
}

}  // namespace tessera::server

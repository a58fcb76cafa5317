#pragma once
// Decisions one after another on one state of the fleet: each device is looked at once, and again only when something
// is promised on it. What a decision is not to see it is kept from by a scope, and by room that is kept for another.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "fleet/decision/decide.h"
#include "fleet/decision/keep_room.h"
#include "server/allocation_choice.h"

namespace tessera::server {

/// Not for several threads. The view of its ground outlives it.
class DecisionRound {
 public:
  DecisionRound(const Ground& ground, const fleet::decision::Mix& mix);

  const fleet::decision::Supply& supply() const { return stock_.supply(); }

  fleet::decision::Verdict decide(const fleet::decision::Need& need, const fleet::decision::Scope& scope);
  /// Of a refusal only its sentence, which costs a small part of all that there is to be said.
  std::variant<fleet::decision::Decision, std::string> decide_in_short(const fleet::decision::Need& need,
                                                                       const fleet::decision::Scope& scope);

  /// From now on others are kept from the room that is nearest to being had for one who has waited long.
  void keep_room(const std::string& id, const fleet::decision::Need& need, const fleet::decision::Scope& scope,
                 std::string_view why);
  bool keeps_room_for(const std::string& id) const { return kept_.contains(id); }

  /// A decision has been carried out: `now` has what it promised, and what it wanted. No room is kept from then on, for
  /// what is nearest may be another place now.
  void promised(const Ground& now, const fleet::decision::Decision& decision);

 private:
  fleet::decision::Stock stock_;
  std::unique_ptr<fleet::decision::Policy> policy_;
  std::map<std::string, fleet::decision::Before> kept_;  ///< what the room was, by whom it is kept for
};

}  // namespace tessera::server

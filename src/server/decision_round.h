#pragma once
// Decisions one after another on one state of the fleet: each device is looked at once, and again only when something
// is promised on it. What a decision is not to see it is kept from by a scope, and by room that is kept for another.
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fleet/decision/decide.h"
#include "fleet/decision/keep_room.h"
#include "server/decision_stock.h"

namespace tessera::server {

/// Not for several threads. The stock outlives it, and is nobody else's as long as it lives.
class DecisionRound {
 public:
  /// `lock` is of a stock that was brought up to date.
  DecisionRound(DecisionStock& stock, std::unique_lock<std::mutex> lock) : lock_(std::move(lock)), of_(&stock) {}
  ~DecisionRound() { open_room(); }
  DecisionRound(DecisionRound&&) = default;
  DecisionRound& operator=(DecisionRound&&) = delete;
  DecisionRound(const DecisionRound&) = delete;
  DecisionRound& operator=(const DecisionRound&) = delete;

  const fleet::decision::Supply& supply() const { return of_->stock().supply(); }

  fleet::decision::Verdict decide(const AllocationWish& wish, const fleet::decision::Scope& scope);
  /// Of a refusal only its sentence, which costs a small part of all that there is to be said.
  std::variant<fleet::decision::Decision, std::string> decide_in_short(const AllocationWish& wish,
                                                                       const fleet::decision::Scope& scope);

  /// What was said of a kind of wish. In a queue are many of few kinds.
  struct Refused {
    WishKind kind;
    std::string sentence;
    std::optional<fleet::decision::Refusal> in_full;
  };
  /// As decide_in_short(); what was refused is not decided about again until the stock has changed. What it points to
  /// is there until then.
  std::variant<fleet::decision::Decision, Refused*> decide_once(const AllocationWish& wish,
                                                                const fleet::ClusterView& cluster);
  /// All that there is to be said, with the moves that would let it in: of each kind once.
  const fleet::decision::Refusal& in_full(Refused& refused, const AllocationWish& wish,
                                          const fleet::ClusterView& cluster, const fleet::AllocationBook& book);

  /// From now on others are kept from the room that is nearest to being had for one who has waited long.
  /// Whether it is kept: there may be none that could ever do.
  bool keep_room(const std::string& id, const fleet::decision::Need& need, const fleet::decision::Scope& scope,
                 std::string_view why);
  bool keeps_room_for(const std::string& id) const;

  /// Moves that would let a wish in which is refused.
  std::optional<fleet::decision::Way> way_in(const AllocationWish& wish, const fleet::AllocationBook& book) {
    return of_->way_in(wish, book);
  }

  /// See near_miss() of allocation_choice.h.
  std::string near_miss(const fleet::decision::Need& need, const fleet::decision::Scope& scope) {
    return server::near_miss(of_->stock(), need, scope);
  }

  /// A decision for `need` has been carried out: `now` has what it promised, and what it wanted. No room is kept from
  /// then on, for what is nearest may be another place now.
  void promised(const Ground& now, const fleet::decision::Decision& decision, const fleet::decision::Need& need);

 private:
  void open_room();

  std::unique_lock<std::mutex> lock_;
  DecisionStock* of_;
  std::deque<Refused> refused_;  ///< by the stock of this version
  std::uint64_t refused_by_ = 0;
  /// What the room was, and whom it is kept for; one after the other.
  std::vector<std::pair<std::string, fleet::decision::Before>> kept_;
};

}  // namespace tessera::server

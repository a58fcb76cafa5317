// What admission is told of a pod before it is there: what it would get, and else what would serve it if all were free.
#include <algorithm>
#include <utility>

#include "server/allocations.h"
#include "server/allocations_json.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

/// Whether one could be told what it serves if it were free.
bool is_told(const decision::Candidate& one) {
  return one.mig == decision::MigMode::On ? !one.offered().empty() : one.memory_bytes.has_value();
}

/// Why no device could serve it; Unavailable where there are some of which nobody has told what they could be.
Error no_device(const decision::Supply& supply, const AllocationWish& wish, const decision::Refusal& refusal) {
  const auto unknown = std::ranges::count_if(
      supply.candidates, [&](const decision::Candidate& one) { return one.cluster == *wish.cluster && !is_told(one); });
  if (unknown > 0)
    return fail(Code::Unavailable,
                "of {} of {} devices nobody has told the memory or the MIG profiles, and no other serves it", unknown,
                supply.candidates.size());
  std::string why = refusal.sentence;
  for (const decision::Remedy& one : refusal.remedies)
    if (one.kind == decision::RemedyKind::AskForLess) why += fmt::format(". {}", one.sentence);
  return fail(Code::NotFound, "{}", why);
}

}  // namespace

DecisionRound Allocations::round_if_free(const Published& known) const {
  static const fleet::AllocationBook kNothing;
  Ground on = ground(*known.view, kNothing);
  on.wanted = [](const std::string&, const std::string&) { return std::nullopt; };
  on.uncut = on.avoided = on.excluded = {};
  std::unique_lock lock(if_free_.in_use());
  if_free_.follow(on, demand(*book_.get(), known.view->time),
                  {.cluster = known.cluster, .nodes = std::vector<InCluster>()});
  return {if_free_, std::move(lock)};
}

decision::Verdict Allocations::if_free(DecisionRound& free, const Published& known, const AllocationWish& wish) {
  AllocationWish tolerant = wish;
  if (tolerant.demands) tolerant.demands->tolerations = {{"", "Exists", "", ""}};
  for (const AllocationWish* by : {&wish, &std::as_const(tolerant)}) {
    const decision::Scope scope = scope_of(*by, *known.cluster);
    const auto open = [&](const std::string& cluster, const std::string& node) {
      const auto why = scope(cluster, node);
      return why && why->empty() ? why : std::nullopt;
    };
    auto verdict = free.decide_in_short(wish, open);
    if (auto* decided = std::get_if<decision::Decision>(&verdict)) return std::move(*decided);
  }
  const fleet::ClusterView no_nodes;
  return free.decide(wish, scope_of(wish, no_nodes));
}

std::pair<decision::Verdict, std::string> Allocations::verdict_now(const Published& known,
                                                                   const AllocationWish& wish) const {
  const decision::Scope scope = scope_of(wish, *known.cluster);
  if (std::unique_lock free(stock_.in_use(), std::try_to_lock); options_.leads && free) {
    DecisionRound round = this->round(std::move(free), known);
    auto verdict = round.decide_in_short(wish, scope);
    auto hint = round.near_miss(wish.need, scope);
    if (auto* decided = std::get_if<decision::Decision>(&verdict)) return {std::move(*decided), std::move(hint)};
    return {decision::Refusal{std::get<std::string>(std::move(verdict)), {}, {}}, std::move(hint)};
  }
  const auto told = book();
  const decision::Supply own = supply_of(ground(*known.view, *told));
  const auto mix = demand(*told, known.view->time);
  return {server::decide(own, wish, options_.policy, *mix, scope), server::near_miss(own, wish.need, scope)};
}

Result<Foreseen> Allocations::foresee(const AllocationWish& wish) const {
  const auto known = fleet_.get();
  if (!known || !known->view || !started_()) return fail(Code::Unavailable, "tessera-server has just begun");
  const auto seen = verdict_now(*known, wish);
  const decision::Verdict& now = seen.first;
  const auto foreseen = [&](const decision::Decision& decided, bool is_now, const std::string& sentence) {
    return Foreseen{resource_of(decided.grants.front()), static_cast<unsigned>(decided.grants.size()), is_now, sentence,
                    seen.second};
  };
  if (const auto* decided = std::get_if<decision::Decision>(&now))
    return foreseen(*decided, true, decided->reason.sentence);
  DecisionRound free = round_if_free(*known);
  if (!std::ranges::binary_search(free.supply().candidates, *wish.cluster, {}, &decision::Candidate::cluster))
    return fail(Code::Unavailable, "nobody has told tessera-server of a GPU of cluster {}", *wish.cluster);
  const decision::Verdict then = if_free(free, *known, wish);
  const auto* decided = std::get_if<decision::Decision>(&then);
  if (!decided) return no_device(free.supply(), wish, std::get<decision::Refusal>(then));
  return foreseen(*decided, false, std::get<decision::Refusal>(now).sentence);
}

}  // namespace tessera::server

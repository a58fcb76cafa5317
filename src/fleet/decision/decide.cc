#include "fleet/decision/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <utility>

#include "fleet/decision/options.h"
#include "fleet/decision/refusal.h"
#include "fleet/decision/text.h"
#include "fleet/decision/whole_devices.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kRunnersUp = 3;
constexpr std::size_t kNeedsKept = 256;  // of a kind of device
// Of a larger fleet it is not counted what else would do, where not every node is in the scope.
constexpr std::size_t kCounted = 4'096;

struct Choice {
  std::size_t candidate = 0;
  Option option;
  Cost cost;

  /// By which the stated order of ties goes.
  auto rank() const {
    return std::tuple(cost.value, option.switches_on, !option.piece, option.destroyed, candidate,
                      option.profile ? size_of(*option.profile) : 0, option.placement.start,
                      option.profile ? option.profile->id : 0);
  }
  bool operator<(const Choice& other) const { return rank() < other.rank(); }
};

/// "a new 2g.20gb at 4 on w-01-GPU-00"
std::string what(const Grant& grant) {
  switch (grant.kind) {
    case Kind::Instance:
      return fmt::format("the {} that stands idle at {} on {}", grant.profile, grant.placed->placement.start,
                         grant.device_id);
    case Kind::Placement:
      return fmt::format("a new {} at {} on {}{}", grant.profile, grant.placed->placement.start, grant.device_id,
                         grant.switches_on ? ", where MIG is switched on for it" : "");
    case Kind::Share:
      return fmt::format("one of {} replicas of {}, which is shared", *grant.replicas, grant.device_id);
    case Kind::Device:
      break;
  }
  return fmt::format("the whole of {} ({})", grant.device_id, grant.model);
}

/// `ways` there are to serve the need, where they were counted; `is_alone`: and no other than this.
Reason reason_of(const Choice& best, const std::vector<Grant>& grants, const std::optional<std::size_t>& ways,
                 bool is_alone, const Policy& policy) {
  Reason out{std::string(policy.name()), {}, {}};
  std::vector<std::string> things, factors;
  for (const Grant& one : grants) things.push_back(what(one));
  for (const Term& term : best.cost.terms) {
    out.factors.push_back({std::string(term.key), policy.explain(term), term.value});
    factors.push_back(out.factors.back().text);
  }
  out.sentence = fmt::format("It gets {}: ", join(things));
  const std::string all = ways ? fmt::format("{} ", *ways) : std::string("the ");
  if (is_alone)
    out.sentence += "nothing else fits";
  else if (factors.empty())
    out.sentence += fmt::format("the first of {}that fit", all);
  else
    out.sentence += fmt::format("of {}ways it costs the fleet least ({})", all, join(factors));
  if (policy.name() != "default") out.sentence += fmt::format(", by the policy {}", policy.name());
  return out;
}

/// What the engine said of a node; the higher, the better.
std::optional<double> score_of(const Cost& cost) {
  const auto found = std::ranges::find(cost.terms, "score", &Term::key);
  return found == cost.terms.end() ? std::nullopt : std::optional(-found->value);
}

std::string why_not(const Choice& other, const Choice& best, const Policy& policy) {
  const auto score = score_of(other.cost), best_score = score_of(best.cost);
  if (score && best_score && *score < *best_score)
    return fmt::format("its node scores {:.0f}, and the other one {:.0f}", *score, *best_score);
  if (!(best.cost.value < other.cost.value)) return "it is as good, and comes later";
  std::vector<std::string> factors;
  for (const Term& term : other.cost.terms) factors.push_back(policy.explain(term));
  return factors.empty() ? "it costs more" : fmt::format("it costs more: {}", join(factors));
}

/// What could be done for a need.
struct Ways {
  std::vector<Choice> best;                 ///< sorted; where devices are alike, not of all of them
  std::vector<WholeDevices::Place> places;  ///< likewise, of whole devices that the engine chooses nodes for
  std::optional<std::size_t> count{};       ///< on all devices; absent where not all of them were looked at
};

/// Whether a node's whole devices are the engine's to choose: all of it on one node, as a pod has it.
bool is_of_one_node(const Need& need) { return need.devices == 1 || need.same_node; }

std::vector<Choice> choices_of(const Supply& supply, const WholeDevices::Place& place) {
  std::vector<Choice> out;
  for (const std::uint32_t at : place.candidates)
    out.push_back({at, {.candidate = &supply.candidates[at]}, place.cost});
  return out;
}

/// The best of other devices than those that are granted, as long as there are not enough.
void add_runner_up(std::vector<RunnerUp>& to, std::vector<std::size_t>& shown, const Choice& one, const Choice& best,
                   const Need& need, const Policy& policy) {
  if (to.size() == kRunnersUp || std::ranges::count(shown, one.candidate) > 0) return;
  shown.push_back(one.candidate);
  to.push_back({grant_of(one.candidate, one.option, need), why_not(one, best, policy)});
}

/// Those of its own kind come first.
std::vector<RunnerUp> runners_up(const Supply& supply, const Ways& ways, const std::vector<Choice>& chosen,
                                 const Need& need, const Policy& policy) {
  std::vector<RunnerUp> out;
  std::vector<std::size_t> shown;
  for (const Choice& one : chosen) shown.push_back(one.candidate);
  const auto add_places = [&] {
    for (const WholeDevices::Place& place : ways.places)
      add_runner_up(out, shown, choices_of(supply, place).front(), chosen.front(), need, policy);
  };
  if (is_device(chosen.front().option)) add_places();
  for (const Choice& one : ways.best) add_runner_up(out, shown, one, chosen.front(), need, policy);
  add_places();
  return out;
}

/// The first of `best` that do not cost more together than may be paid: one is taken where as many others as are
/// lacking then are cheap enough. Empty where there are none.
std::vector<Choice> within_price(const std::vector<Choice>& best, const Need& need) {
  std::vector<std::int64_t> cheapest;  // of those that are not looked at yet, by price
  for (const Choice& one : best) cheapest.push_back(price_of(one.option).value_or(0));
  std::ranges::sort(cheapest);
  std::vector<Choice> out;
  std::int64_t left = *need.most_price_micros;
  for (const Choice& one : best) {
    const std::int64_t price = price_of(one.option).value_or(0);
    cheapest.erase(std::ranges::lower_bound(cheapest, price));
    const std::size_t lacking = need.devices - out.size() - 1;
    if (cheapest.size() < lacking) return {};
    const auto end = cheapest.begin() + static_cast<std::ptrdiff_t>(lacking);
    if (std::accumulate(cheapest.begin(), end, price) > left) continue;
    left -= price;
    out.push_back(one);
    if (lacking == 0) return out;
  }
  return {};
}

/// An instance or a share, or whole devices: what costs less, by the stated order of ties.
std::vector<Choice> choose(const Supply& supply, const Ways& ways, const Need& need) {
  if (!ways.places.empty()) {
    std::vector<Choice> whole = choices_of(supply, ways.places.front());
    if (ways.best.empty() || need.devices > 1 || whole.front() < ways.best.front()) return whole;
  }
  if (ways.best.size() < need.devices || (need.devices > 1 && need.same_node)) return {};
  if (need.devices > 1 && need.most_price_micros) return within_price(ways.best, need);
  return {ways.best.begin(), ways.best.begin() + need.devices};
}

Decision decision_of(const Supply& supply, const std::vector<Choice>& chosen, const Ways& ways, const Need& need,
                     const Policy& policy) {
  Decision out;
  std::optional<std::int64_t> sum = 0;
  for (const Choice& one : chosen) {
    out.grants.push_back(grant_of(one.candidate, one.option, need));
    const auto price = out.grants.back().price_micros;
    sum = sum && price ? std::optional(*sum + *price) : std::nullopt;
  }
  out.price_micros = sum;
  const std::size_t others = is_device(chosen.front().option) ? ways.best.size() : ways.places.size();
  const std::size_t same = is_device(chosen.front().option) ? ways.places.size() : ways.best.size();
  const bool is_alone = ways.count ? *ways.count <= out.grants.size() : others + same <= 1;
  out.reason = reason_of(chosen.front(), out.grants, ways.count, is_alone, policy);
  out.runners_up = runners_up(supply, ways, chosen, need, policy);
  return out;
}

const Stock::Ways& known(std::map<Need, Stock::Ways>& said, const Candidate& one, const Need& need, Policy& policy) {
  const auto found = said.find(need);
  if (found != said.end()) return found->second;
  if (said.size() >= kNeedsKept) said.clear();
  auto& out = said[need];
  const auto ways = examine(one, need);
  if (const auto* failure = std::get_if<1>(&ways)) out.fails_by = failure->cause;
  if (const auto* options = std::get_if<0>(&ways))
    for (const Option& option : *options) out.options.emplace_back(option, policy.cost(option, need));
  return out;
}

/// The first of those that are alike and may be given, and how many they are.
struct Open {
  std::vector<std::uint32_t> first;
  std::optional<std::size_t> count;  ///< absent where not all were looked at
  std::size_t barred = 0;
};

/// `all`: they are counted, too.
Open open_ones(const Stock::Alike& alike, const Sights& sights, std::size_t most, bool all) {
  Open out;
  if (sights.all_open()) {
    out.count = alike.members.size();
    const auto end = std::next(alike.members.begin(), static_cast<std::ptrdiff_t>(std::min(most, *out.count)));
    out.first.assign(alike.members.begin(), end);
    return out;
  }
  std::size_t count = 0;
  for (const std::uint32_t at : alike.members) {
    if (!all && out.first.size() == most) return out;
    const Sights::Sight sight = sights.of(at);
    out.barred += sight == Sights::Sight::Barred;
    if (sight != Sights::Sight::Open) continue;
    if (out.first.size() < most) out.first.push_back(at);
    ++count;
  }
  out.count = count;
  return out;
}

void add_places(WholeDevices& devices, const Supply& supply, const Need& need, Policy& policy, const Sights& sights,
                Ways& into) {
  into.places = devices.best(supply, need, policy, 1 + kRunnersUp,
                             [&](std::size_t at) { return sights.of(at) == Sights::Sight::Open; });
}

/// Ways on the first `most` devices of each kind; `counts` becomes how many devices fail by each cause.
Ways ways_of(Stock& stock, const Need& need, Policy& policy, const Sights& sights, std::size_t most,
             std::array<std::size_t, kCauses>* counts = nullptr) {
  Need alike_need = need;  // whoever asks, what is possible is the same
  alike_need.owner.clear();
  alike_need.priority = 0;
  alike_need.cpu_milli = alike_need.node_memory_mib = 0;
  stock.believe(policy);
  Ways out;
  out.count = 0;
  bool any_device = false;
  for (auto& [in_common, alike] : stock.kinds()) {
    const Open open = open_ones(alike, sights, most, counts || stock.supply().candidates.size() <= kCounted);
    const bool is_ill = !in_common.unfit.empty() && !in_common.withheld;
    if (counts) (*counts)[static_cast<std::size_t>(is_ill ? Cause::Unhealthy : Cause::Withheld)] += open.barred;
    if (open.first.empty()) continue;
    const auto& candidates = stock.supply().candidates;
    const Stock::Ways& ways = known(stock.known(alike), candidates[open.first.front()], alike_need, policy);
    if (counts) (*counts)[static_cast<std::size_t>(ways.fails_by.value_or(Cause::Together))] += *open.count;
    if (ways.options.empty()) continue;
    out.count = out.count && open.count ? std::optional(*out.count + ways.options.size() * *open.count) : std::nullopt;
    for (const auto& [option, cost] : ways.options) {
      const bool is_for_the_engine = is_device(option) && is_of_one_node(need);
      any_device |= is_for_the_engine;
      if (is_for_the_engine) continue;
      for (const std::uint32_t at : open.first) {
        out.best.push_back({at, option, cost});
        out.best.back().option.candidate = &candidates[at];
      }
    }
  }
  std::sort(out.best.begin(), out.best.end());
  if (any_device) add_places(stock.whole_devices(), stock.supply(), need, policy, sights, out);
  return out;
}

/// Of one kind no more devices can be chosen and come next than these.
std::size_t most_alike(const Need& need) { return need.devices + kRunnersUp; }

/// Whether so many would do alone, and fail by what they cost together.
bool is_too_dear_together(const Need& need, std::size_t alone) {
  return need.devices > 1 && !need.same_node && need.most_price_micros && alone >= need.devices;
}

void fail_by_price_together(const Supply& supply, const Need& need, std::vector<Failing>& failures) {
  std::vector<std::int64_t> prices;
  for (const Failing& one : failures)
    if (one.cause == Cause::Together)
      prices.insert(prices.end(), one.members.size(), supply.candidates[one.first()].price_micros.value_or(0));
  if (!is_too_dear_together(need, prices.size())) return;
  std::ranges::sort(prices);
  const auto end = prices.begin() + static_cast<std::ptrdiff_t>(need.devices);
  const std::string what = fmt::format("the {} cheapest cost {} an hour together", need.devices,
                                       money_text(std::accumulate(prices.begin(), end, std::int64_t{0})));
  for (Failing& one : failures)
    if (one.cause == Cause::Together) {
      one.cause = Cause::Price;
      one.what = what;
    }
}

bool is_barred(const Candidate& on, Sights::Sight sight) { return sight == Sights::Sight::Barred && on.unfit.empty(); }

Failing failing(const Candidate& on, const Need& need, bool barred) {
  if (barred) return {.cause = Cause::Withheld, .barred = true};
  const auto found = examine(on, need);
  const auto* failure = std::get_if<Failure>(&found);
  return failure ? Failing{failure->cause, failure->far} : Failing{Cause::Together};
}

Refusal refuse_all(const Supply& supply, const Need& need, const Sights& sights, const Scope& scope) {
  std::vector<Failing> failures;
  for (std::uint32_t at = 0; at < supply.candidates.size(); ++at) {
    const Candidate& on = supply.candidates[at];
    if (sights.of(at) == Sights::Sight::None) continue;
    failures.push_back(failing(on, need, is_barred(on, sights.of(at))));
    failures.back().members = {at};
  }
  fail_by_price_together(supply, need, failures);
  return refuse(supply, need, failures, scope);
}

/// One device of each kind is looked at.
Refusal refuse_all(const Stock& stock, const Need& need, const Sights& sights, const Scope& scope) {
  std::vector<Failing> failures;
  const auto add = [&](std::vector<std::uint32_t> members, bool barred) {
    if (members.empty()) return;
    failures.push_back(failing(stock.supply().candidates[members.front()], need, barred));
    failures.back().members = std::move(members);
  };
  for (const auto& [in_common, alike] : stock.kinds()) {
    std::vector<std::uint32_t> open, barred;
    for (const std::uint32_t at : alike.members)
      if (const auto sight = sights.of(at); sight != Sights::Sight::None)
        (is_barred(in_common, sight) ? barred : open).push_back(at);
    add(std::move(open), false);
    add(std::move(barred), true);
  }
  fail_by_price_together(stock.supply(), need, failures);
  return refuse(stock.supply(), need, failures, scope);
}

/// `counts`: says how many ways there are.
Verdict decide_one_by_one(const Supply& supply, const Need& need, Policy& policy, const Scope& scope, bool counts) {
  Ways ways;
  const Sights sights(supply, scope);
  std::size_t count = 0;
  bool any_device = false;
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    if (sights.of(i) != Sights::Sight::Open) continue;
    const auto found = examine(supply.candidates[i], need);
    const auto* options = std::get_if<0>(&found);
    if (!options) continue;
    count += options->size();
    for (const Option& one : *options)
      if (is_device(one) && is_of_one_node(need))
        any_device = true;
      else
        ways.best.push_back({i, one, policy.cost(one, need)});
  }
  std::sort(ways.best.begin(), ways.best.end());
  if (counts) ways.count = count;
  if (any_device) {
    WholeDevices devices(supply, policy);
    add_places(devices, supply, need, policy, sights, ways);
  }
  const std::vector<Choice> chosen = choose(supply, ways, need);
  if (chosen.empty()) return refuse_all(supply, need, sights, scope);
  return decision_of(supply, chosen, ways, need, policy);
}

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"instance", "placement", "device", "share"};
  return kNames[static_cast<std::size_t>(kind)];
}

Verdict decide(const Supply& supply, const Need& need, Policy& policy, const Scope& scope) {
  return decide_one_by_one(supply, need, policy, scope, true);
}

Verdict decide_on_part(const Supply& part, const Need& need, Policy& policy, const Scope& scope) {
  return decide_one_by_one(part, need, policy, scope, false);
}

Verdict decide(Stock& stock, const Need& need, Policy& policy, const Scope& scope) {
  const Sights sights(stock.supply(), scope);
  const Ways ways = ways_of(stock, need, policy, sights, most_alike(need));
  const std::vector<Choice> chosen = choose(stock.supply(), ways, need);
  if (chosen.empty()) return refuse_all(stock, need, sights, scope);
  return decision_of(stock.supply(), chosen, ways, need, policy);
}

std::variant<Decision, std::string> decide_in_short(Stock& stock, const Need& need, Policy& policy,
                                                    const Scope& scope) {
  std::array<std::size_t, kCauses> counts{};
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), most_alike(need), &counts);
  const std::vector<Choice> chosen = choose(stock.supply(), ways, need);
  auto& together = counts[static_cast<std::size_t>(Cause::Together)];
  if (chosen.empty() && is_too_dear_together(need, together))
    counts[static_cast<std::size_t>(Cause::Price)] += std::exchange(together, 0);
  if (chosen.empty()) return sentence_of(counts);
  return decision_of(stock.supply(), chosen, ways, need, policy);
}

std::optional<Grant> place(Stock& stock, const Need& need, Policy& policy, const Scope& scope) {
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), 1);
  const std::vector<Choice> chosen = choose(stock.supply(), ways, need);
  if (chosen.empty()) return std::nullopt;
  return grant_of(chosen.front().candidate, chosen.front().option, need);
}

Candidate with(Candidate candidate, const Grant& grant, std::string holder, bool may_move) {
  if (grant.kind == Kind::Share) {
    --candidate.shares->left;
    candidate.shares->left_memory_bytes -=
        std::min(candidate.shares->left_memory_bytes, grant.memory_bytes.value_or(0));
    return candidate;
  }
  if (!grant.placed) {
    candidate.held_by = std::move(holder);
    candidate.may_move = may_move;
    return candidate;
  }
  candidate.mig = MigMode::On;
  if (grant.partition)
    std::erase_if(candidate.pieces,
                  [&](const Piece& one) { return std::ranges::count(grant.partition->layout, one.placed) == 0; });
  auto found = std::ranges::find(candidate.pieces, *grant.placed, &Piece::placed);
  if (found == candidate.pieces.end()) {
    const auto after = std::ranges::find_if(
        candidate.pieces, [&](const Piece& one) { return one.placed.placement > grant.placed->placement; });
    found = candidate.pieces.insert(after, {.placed = *grant.placed});
  }
  found->held_by = std::move(holder);
  found->may_move = may_move;
  return candidate;
}

Candidate without(Candidate candidate, std::string_view holder, bool destroy) {
  if (candidate.held_by == holder) candidate.held_by.clear();
  for (Piece& one : candidate.pieces)
    if (one.held_by == holder) {
      one.held_by.clear();
      one.may_move = false;
      one.idle.reset();
      if (destroy) one.stands = false;
    }
  std::erase_if(candidate.pieces, [](const Piece& one) { return one.held_by.empty() && !one.stands; });
  return candidate;
}

}  // namespace tessera::fleet::decision

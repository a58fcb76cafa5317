#include "fleet/decision/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <utility>

#include "fleet/decision/options.h"
#include "fleet/decision/refusal.h"
#include "fleet/decision/short_nodes.h"
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
  bool is_short = false;  ///< its node has less CPU or memory left than the need's pod asks for

  /// By which the stated order of ties goes.
  auto rank() const {
    return std::tuple(is_short, cost.value, option.switches_on, !option.piece, option.destroyed, candidate,
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

/// How many ways there are.
struct Count {
  std::size_t all = 0;
  std::size_t enough = 0;  ///< on nodes that are not known to be short of CPU or memory
};

/// What could be done for a need.
struct Ways {
  std::vector<Choice> best{};                 ///< sorted; where devices are alike, not of all of them
  std::vector<std::vector<Choice>> places{};  ///< likewise, of whole devices that the engine chooses nodes for
  std::optional<Count> count{};               ///< on all devices; absent where not all of them were looked at
  bool any_short = false;                     ///< where they were not counted: nodes may be short
};

/// " where CPU and memory are left": so that nothing is said of ways that were passed over for want of them.
std::string_view among(const Ways& ways, bool is_short) {
  const bool passed_over = !is_short && (ways.count ? ways.count->enough < ways.count->all : ways.any_short);
  return passed_over ? " where CPU and memory are left" : "";
}

/// `is_alone`: there is no other way.
Reason reason_of(const std::vector<Choice>& chosen, const std::vector<Grant>& grants, const Ways& ways, bool is_alone,
                 const Policy& policy) {
  Reason out{std::string(policy.name()), {}, {}};
  std::vector<std::string> things, factors;
  for (const Grant& one : grants) things.push_back(what(one));
  for (const Term& term : chosen.front().cost.terms) {
    out.factors.push_back({std::string(term.key), policy.explain(term), term.value});
    factors.push_back(out.factors.back().text);
  }
  out.sentence = fmt::format("It gets {}: ", join(things));
  const auto short_one = std::ranges::find(chosen, true, &Choice::is_short);
  const bool is_short = short_one != chosen.end();
  const std::string all =
      ways.count ? fmt::format("{} ", is_short ? ways.count->all : ways.count->enough) : std::string("the ");
  if (is_alone)
    out.sentence += "nothing else fits";
  else if (factors.empty())
    out.sentence += fmt::format("the first of {}that fit{}", all, among(ways, is_short));
  else
    out.sentence += fmt::format("of {}ways{} it costs the fleet least ({})", all, among(ways, is_short), join(factors));
  if (is_short)
    out.sentence +=
        fmt::format(", though {} has less CPU or memory left than its pod asks for", short_one->option.candidate->node);
  if (policy.name() != "default") out.sentence += fmt::format(", by the policy {}", policy.name());
  return out;
}

/// What the engine said of a node; the higher, the better.
std::optional<double> score_of(const Cost& cost) {
  const auto found = std::ranges::find(cost.terms, "score", &Term::key);
  return found == cost.terms.end() ? std::nullopt : std::optional(-found->value);
}

std::string why_not(const Choice& other, const Choice& best, const Policy& policy) {
  if (other.is_short && !best.is_short) return "its node has less CPU or memory left than the pod asks for";
  const auto score = score_of(other.cost), best_score = score_of(best.cost);
  if (score && best_score && *score < *best_score)
    return fmt::format("its node scores {:.0f}, and the other one {:.0f}", *score, *best_score);
  if (!(best.cost.value < other.cost.value)) return "it is as good, and comes later";
  std::vector<std::string> factors;
  for (const Term& term : other.cost.terms) factors.push_back(policy.explain(term));
  return factors.empty() ? "it costs more" : fmt::format("it costs more: {}", join(factors));
}

/// Whether a node's whole devices are the engine's to choose: all of it on one node, as a pod has it.
bool is_of_one_node(const Need& need) { return need.devices == 1 || need.same_node; }

std::vector<Choice> choices_of(const Supply& supply, const ShortNodes& short_nodes, const WholeDevices::Place& place) {
  std::vector<Choice> out;
  for (const std::uint32_t at : place.candidates)
    out.push_back({at, {.candidate = &supply.candidates[at]}, place.cost, short_nodes.has(at)});
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
std::vector<RunnerUp> runners_up(const Ways& ways, const std::vector<Choice>& chosen, const Need& need,
                                 const Policy& policy) {
  std::vector<RunnerUp> out;
  std::vector<std::size_t> shown;
  for (const Choice& one : chosen) shown.push_back(one.candidate);
  const auto add_places = [&] {
    for (const std::vector<Choice>& place : ways.places)
      add_runner_up(out, shown, place.front(), chosen.front(), need, policy);
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
std::vector<Choice> choose(const Ways& ways, const Need& need) {
  if (!ways.places.empty()) {
    const std::vector<Choice>& whole = ways.places.front();
    if (ways.best.empty() || need.devices > 1 || whole.front() < ways.best.front()) return whole;
  }
  if (ways.best.size() < need.devices || (need.devices > 1 && need.same_node)) return {};
  if (need.devices > 1 && need.most_price_micros) return within_price(ways.best, need);
  return {ways.best.begin(), ways.best.begin() + need.devices};
}

Decision decision_of(const std::vector<Choice>& chosen, const Ways& ways, const Need& need, const Policy& policy) {
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
  const bool is_alone = ways.count ? ways.count->all <= out.grants.size() : others + same <= 1;
  out.reason = reason_of(chosen, out.grants, ways, is_alone, policy);
  out.runners_up = runners_up(ways, chosen, need, policy);
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
  std::vector<std::uint32_t> first;  ///< on nodes that are short only where there are too few others
  std::optional<Count> count;        ///< absent where not all were looked at
  std::size_t barred = 0;
};

/// `all`: they are counted, too.
Open open_ones(const Stock::Alike& alike, const Sights& sights, const ShortNodes& short_nodes, std::size_t most,
               bool all) {
  Open out;
  if (sights.all_open() && short_nodes.none()) {
    const std::size_t count = alike.members.size();
    out.count = {count, count};
    const auto end = std::next(alike.members.begin(), static_cast<std::ptrdiff_t>(std::min(most, count)));
    out.first.assign(alike.members.begin(), end);
    return out;
  }
  Count count;
  std::vector<std::uint32_t> on_short;
  bool looks_at_all = true;
  for (const std::uint32_t at : alike.members) {
    const bool is_short = short_nodes.has(at);
    looks_at_all &= all || (is_short ? on_short : out.first).size() < most;
    if (!looks_at_all && out.first.size() == most) break;
    if (!all && is_short && on_short.size() == most) continue;  // its scope need not be asked
    const Sights::Sight sight = sights.of(at);
    out.barred += sight == Sights::Sight::Barred;
    if (sight != Sights::Sight::Open) continue;
    auto& first = is_short ? on_short : out.first;
    if (first.size() < most) first.push_back(at);
    ++count.all;
    count.enough += is_short ? 0 : 1;
  }
  if (looks_at_all) out.count = count;
  on_short.resize(std::min(on_short.size(), most - out.first.size()));
  out.first.insert(out.first.end(), on_short.begin(), on_short.end());
  return out;
}

void add_places(WholeDevices& devices, const Supply& supply, const Need& need, Policy& policy, const Sights& sights,
                const ShortNodes& short_nodes, Ways& into) {
  for (const WholeDevices::Place& one : devices.best(
           supply, need, policy, 1 + kRunnersUp, [&](std::size_t at) { return sights.of(at) == Sights::Sight::Open; }))
    into.places.push_back(choices_of(supply, short_nodes, one));
}

/// Absent where one of them is.
void count_in(std::optional<Count>& sum, const std::optional<Count>& devices, std::size_t ways_of_each) {
  if (!sum || !devices) return sum.reset();
  sum->all += ways_of_each * devices->all;
  sum->enough += ways_of_each * devices->enough;
}

/// Ways on the first `most` devices of each kind; `counts` becomes how many devices fail by each cause.
Ways ways_of(Stock& stock, const Need& need, Policy& policy, const Sights& sights, std::size_t most,
             std::array<std::size_t, kCauses>* counts = nullptr) {
  Need alike_need = need;  // whoever asks, what is possible is the same
  alike_need.owner.clear();
  alike_need.priority = 0;
  alike_need.cpu_milli = alike_need.node_memory_mib = 0;  // of nodes, by which no device fails
  stock.believe(policy);
  const auto& candidates = stock.supply().candidates;
  const ShortNodes short_nodes(stock.supply(), need);
  Ways out{.count = Count(), .any_short = !short_nodes.none()};
  bool any_device = false;
  for (auto& [in_common, alike] : stock.kinds()) {
    const Open open = open_ones(alike, sights, short_nodes, most, counts || candidates.size() <= kCounted);
    const bool is_ill = !in_common.unfit.empty() && !in_common.withheld;
    if (counts) (*counts)[static_cast<std::size_t>(is_ill ? Cause::Unhealthy : Cause::Withheld)] += open.barred;
    if (open.first.empty()) continue;
    const Stock::Ways& ways = known(stock.known(alike), candidates[open.first.front()], alike_need, policy);
    if (counts) (*counts)[static_cast<std::size_t>(ways.fails_by.value_or(Cause::Together))] += open.count->all;
    if (ways.options.empty()) continue;
    count_in(out.count, open.count, ways.options.size());
    for (const auto& [option, cost] : ways.options) {
      const bool is_for_the_engine = is_device(option) && is_of_one_node(need);
      any_device |= is_for_the_engine;
      if (is_for_the_engine) continue;
      for (const std::uint32_t at : open.first) {
        out.best.push_back({at, option, cost, short_nodes.has(at)});
        out.best.back().option.candidate = &candidates[at];
      }
    }
  }
  std::sort(out.best.begin(), out.best.end());
  if (any_device) add_places(stock.whole_devices(), stock.supply(), need, policy, sights, short_nodes, out);
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

Refusal refuse_all(const Supply& supply, const Need& need, Policy& policy, const Sights& sights, const Scope& scope) {
  std::vector<Failing> failures;
  for (std::uint32_t at = 0; at < supply.candidates.size(); ++at) {
    const Candidate& on = supply.candidates[at];
    if (sights.of(at) == Sights::Sight::None) continue;
    failures.push_back(failing(on, need, is_barred(on, sights.of(at))));
    failures.back().members = {at};
  }
  fail_by_price_together(supply, need, failures);
  return refuse(supply, need, failures, policy, scope);
}

/// One device of each kind is looked at.
Refusal refuse_all(const Stock& stock, const Need& need, Policy& policy, const Sights& sights, const Scope& scope) {
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
  return refuse(stock.supply(), need, failures, policy, scope);
}

/// `counts`: says how many ways there are.
Verdict decide_one_by_one(const Supply& supply, const Need& need, Policy& policy, const Scope& scope, bool counts) {
  const Sights sights(supply, scope);
  const ShortNodes short_nodes(supply, need);
  Ways ways{.any_short = !short_nodes.none()};
  Count count;
  bool any_device = false;
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    if (sights.of(i) != Sights::Sight::Open) continue;
    const auto found = examine(supply.candidates[i], need);
    const auto* options = std::get_if<0>(&found);
    if (!options) continue;
    const bool is_short = short_nodes.has(i);
    count.all += options->size();
    count.enough += is_short ? 0 : options->size();
    for (const Option& one : *options)
      if (is_device(one) && is_of_one_node(need))
        any_device = true;
      else
        ways.best.push_back({i, one, policy.cost(one, need), is_short});
  }
  std::sort(ways.best.begin(), ways.best.end());
  if (counts) ways.count = count;
  if (any_device) {
    WholeDevices devices(supply, policy);
    add_places(devices, supply, need, policy, sights, short_nodes, ways);
  }
  const std::vector<Choice> chosen = choose(ways, need);
  if (chosen.empty()) return refuse_all(supply, need, policy, sights, scope);
  return decision_of(chosen, ways, need, policy);
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
  const std::vector<Choice> chosen = choose(ways, need);
  if (chosen.empty()) return refuse_all(stock, need, policy, sights, scope);
  return decision_of(chosen, ways, need, policy);
}

std::variant<Decision, std::string> decide_in_short(Stock& stock, const Need& need, Policy& policy,
                                                    const Scope& scope) {
  std::array<std::size_t, kCauses> counts{};
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), most_alike(need), &counts);
  const std::vector<Choice> chosen = choose(ways, need);
  auto& together = counts[static_cast<std::size_t>(Cause::Together)];
  if (chosen.empty() && is_too_dear_together(need, together))
    counts[static_cast<std::size_t>(Cause::Price)] += std::exchange(together, 0);
  if (chosen.empty()) return sentence_of(counts);
  return decision_of(chosen, ways, need, policy);
}

std::optional<Grant> place(Stock& stock, const Need& need, Policy& policy, const Scope& scope) {
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), 1);
  const std::vector<Choice> chosen = choose(ways, need);
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

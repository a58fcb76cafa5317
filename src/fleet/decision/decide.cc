#include "fleet/decision/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>

#include "fleet/decision/options.h"
#include "fleet/decision/refusal.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kRunnersUp = 3;
constexpr std::size_t kNeedsKept = 256;  // of a kind of device

struct Choice {
  std::size_t candidate = 0;
  Option option;
  Cost cost;

  /// By which the stated order of ties goes.
  auto rank() const {
    return std::tuple(cost.value, !option.piece, option.destroyed, candidate,
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
      return fmt::format("a new {} at {} on {}", grant.profile, grant.placed->placement.start, grant.device_id);
    case Kind::Share:
      return fmt::format("{} thousandths of {}", *grant.share_milli, grant.device_id);
    case Kind::Device:
      break;
  }
  return fmt::format("the whole of {} ({})", grant.device_id, grant.model);
}

Reason reason_of(const Choice& best, const std::vector<Grant>& grants, std::size_t ways, const Policy& policy) {
  Reason out{std::string(policy.name()), {}, {}};
  std::vector<std::string> things, factors;
  for (const Grant& one : grants) things.push_back(what(one));
  for (const Term& term : best.cost.terms) {
    out.factors.push_back({std::string(term.key), policy.explain(term), term.value});
    factors.push_back(out.factors.back().text);
  }
  out.sentence = fmt::format("It gets {}: ", join(things));
  if (ways <= grants.size())
    out.sentence += "nothing else fits";
  else if (factors.empty())
    out.sentence += fmt::format("the first of {} that fit", ways);
  else
    out.sentence += fmt::format("of {} ways it costs the fleet least ({})", ways, join(factors));
  return out;
}

std::string why_not(const Choice& other, const Choice& best, const Policy& policy) {
  if (!(best.cost.value < other.cost.value)) return "it is as good, and comes later";
  std::vector<std::string> factors;
  for (const Term& term : other.cost.terms) factors.push_back(policy.explain(term));
  return factors.empty() ? "it costs more" : fmt::format("it costs more: {}", join(factors));
}

/// What could be done for a need.
struct Ways {
  std::vector<Choice> best;  ///< sorted; where devices are alike, not of all of them
  std::size_t count = 0;     ///< on all devices
};

/// The best ones of other devices; `ways` are sorted.
std::vector<RunnerUp> runners_up(const std::vector<Choice>& ways, std::span<const Grant> grants, const Need& need,
                                 const Policy& policy) {
  std::vector<RunnerUp> out;
  std::vector<std::size_t> shown;
  for (const Grant& one : grants) shown.push_back(one.candidate);
  for (const Choice& one : ways) {
    if (out.size() == kRunnersUp) break;
    if (std::ranges::count(shown, one.candidate) > 0) continue;
    shown.push_back(one.candidate);
    out.push_back({grant_of(one.candidate, one.option, need), why_not(one, ways.front(), policy)});
  }
  return out;
}

/// The node whose devices, so many as needed, are best together; of equal ones the first. Empty if none has enough.
std::vector<Choice> together(const std::vector<Choice>& ways, unsigned devices) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Choice>> nodes;
  for (const Choice& one : ways) {
    const Candidate& on = *one.option.candidate;
    auto& of_node = nodes[{on.cluster, on.node}];
    if (of_node.size() < devices) of_node.push_back(one);
  }
  const auto cost = [](const std::vector<Choice>& of) {
    double sum = 0;
    for (const Choice& one : of) sum += one.cost.value;
    return std::pair(sum, of.front().candidate);
  };
  std::vector<Choice> best;
  for (auto& [node, of] : nodes)
    if (of.size() == devices && (best.empty() || cost(of) < cost(best))) best = of;
  return best;
}

std::vector<Choice> choose(const std::vector<Choice>& ways, const Need& need) {
  if (need.devices > 1 && need.same_node) return together(ways, need.devices);
  if (ways.size() < need.devices) return {};
  return {ways.begin(), ways.begin() + need.devices};
}

/// As long as what is given is larger than what was nearly enough.
std::string near_miss_of(const Supply& supply, const Need& need, const Decision& decision, const Scope& scope) {
  const auto miss = near_miss(supply, need, scope);
  const auto given = decision.grants.front().memory_bytes;
  const bool much_larger = given && need.memory_mib && *given > *need.memory_mib * 5 / 4 * 1024 * 1024;
  return miss && much_larger ? miss->sentence : std::string();
}

Decision decision_of(const Supply& supply, const std::vector<Choice>& chosen, const Ways& ways, const Need& need,
                     const Policy& policy, const Scope& scope) {
  Decision out;
  std::optional<std::int64_t> sum = 0;
  for (const Choice& one : chosen) {
    out.grants.push_back(grant_of(one.candidate, one.option, need));
    const auto price = out.grants.back().price_micros;
    sum = sum && price ? std::optional(*sum + *price) : std::nullopt;
  }
  out.price_micros = sum;
  out.reason = reason_of(chosen.front(), out.grants, ways.count, policy);
  out.near_miss = near_miss_of(supply, need, out, scope);
  out.runners_up = runners_up(ways.best, out.grants, need, policy);
  return out;
}

const Stock::Ways& known(Stock::Alike& alike, const Candidate& one, const Need& need, Policy& policy) {
  const auto found = alike.known.find(need);
  if (found != alike.known.end()) return found->second;
  if (alike.known.size() >= kNeedsKept) alike.known.clear();
  auto& out = alike.known[need];
  const auto ways = examine(one, need);
  if (const auto* failure = std::get_if<1>(&ways)) out.fails_by = failure->cause;
  if (const auto* options = std::get_if<0>(&ways))
    for (const Option& option : *options) out.options.emplace_back(option, policy.cost(option, need));
  return out;
}

/// The first of those that are alike and may be given, and how many they are.
struct Open {
  std::vector<std::uint32_t> first;
  std::size_t count = 0;
  std::size_t barred = 0;
};

Open open_ones(const Stock::Alike& alike, const Sights& sights, std::size_t most) {
  Open out;
  if (sights.all_open()) {
    out.count = alike.members.size();
    const auto end = std::next(alike.members.begin(), static_cast<std::ptrdiff_t>(std::min(most, out.count)));
    out.first.assign(alike.members.begin(), end);
    return out;
  }
  for (const std::uint32_t at : alike.members) {
    out.barred += sights.of(at) == Sights::Sight::Barred;
    if (sights.of(at) != Sights::Sight::Open) continue;
    if (out.first.size() < most) out.first.push_back(at);
    ++out.count;
  }
  return out;
}

/// Ways on the first `most` devices of each kind; `counts` becomes how many devices fail by each cause.
Ways ways_of(Stock& stock, Need need, Policy& policy, const Sights& sights, std::size_t most,
             std::array<std::size_t, kCauses>* counts = nullptr) {
  need.owner.clear();  // whoever asks, what is possible is the same
  need.priority = 0;
  stock.believe(policy);
  Ways out;
  for (auto& [in_common, alike] : stock.kinds()) {
    const Open open = open_ones(alike, sights, most);
    if (counts) (*counts)[static_cast<std::size_t>(Cause::Unhealthy)] += open.barred;
    if (open.count == 0) continue;
    const auto& candidates = stock.supply().candidates;
    const Stock::Ways& ways = known(alike, candidates[open.first.front()], need, policy);
    if (counts) (*counts)[static_cast<std::size_t>(ways.fails_by.value_or(Cause::Together))] += open.count;
    out.count += ways.options.size() * open.count;
    for (const std::uint32_t at : open.first)
      for (const auto& [option, cost] : ways.options) {
        out.best.push_back({at, option, cost});
        out.best.back().option.candidate = &candidates[at];
      }
  }
  std::sort(out.best.begin(), out.best.end());
  return out;
}

/// Of one kind no more devices can be chosen and come next than these.
std::size_t most_alike(const Need& need) {
  return need.devices > 1 ? std::numeric_limits<std::size_t>::max() : 1 + kRunnersUp;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"instance", "placement", "device", "share"};
  return kNames[static_cast<std::size_t>(kind)];
}

Verdict decide(const Supply& supply, const Need& need, Policy& policy, const Scope& scope) {
  Ways ways;
  const Sights sights(supply, scope);
  std::vector<std::optional<Failure>> failures(supply.candidates.size());
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    const Candidate& on = supply.candidates[i];
    if (sights.of(i) == Sights::Sight::None) continue;
    if (sights.of(i) == Sights::Sight::Barred && on.unfit.empty()) {
      failures[i] = {Cause::Unhealthy, *scope(on.cluster, on.node)};
      continue;
    }
    auto found = examine(on, need);
    if (const auto* options = std::get_if<0>(&found)) {
      for (const Option& one : *options) ways.best.push_back({i, one, policy.cost(one, need)});
      failures[i] = {Cause::Together, "it alone would do", 0};
    } else {
      failures[i] = std::get<1>(std::move(found));
    }
  }
  std::sort(ways.best.begin(), ways.best.end());
  ways.count = ways.best.size();
  const std::vector<Choice> chosen = choose(ways.best, need);
  if (chosen.empty()) return refuse(supply, need, failures, scope);
  return decision_of(supply, chosen, ways, need, policy, scope);
}

Verdict decide(Stock& stock, const Need& need, Policy& policy, const Scope& scope) {
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), most_alike(need));
  const std::vector<Choice> chosen = choose(ways.best, need);
  if (chosen.empty()) return decide(stock.supply(), need, policy, scope);
  return decision_of(stock.supply(), chosen, ways, need, policy, scope);
}

std::variant<Decision, std::string> decide_in_short(Stock& stock, const Need& need, Policy& policy,
                                                    const Scope& scope) {
  std::array<std::size_t, kCauses> counts{};
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), scope), most_alike(need), &counts);
  const std::vector<Choice> chosen = choose(ways.best, need);
  if (chosen.empty()) return sentence_of(counts);
  return decision_of(stock.supply(), chosen, ways, need, policy, scope);
}

std::optional<Grant> place(Stock& stock, const Need& need, Policy& policy) {
  const Ways ways = ways_of(stock, need, policy, Sights(stock.supply(), {}), 1);
  if (ways.best.empty()) return std::nullopt;
  return grant_of(ways.best.front().candidate, ways.best.front().option, need);
}

Candidate with(Candidate candidate, const Grant& grant, std::string holder, bool may_move) {
  if (grant.kind == Kind::Share) {
    candidate.shares->left_milli -= *grant.share_milli;
    candidate.shares->left_memory_bytes -=
        std::min(candidate.shares->left_memory_bytes, grant.memory_bytes.value_or(0));
    return candidate;
  }
  if (!grant.placed) {
    candidate.held_by = std::move(holder);
    candidate.may_move = may_move;
    return candidate;
  }
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

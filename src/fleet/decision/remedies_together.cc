#include "fleet/decision/remedies_together.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "fleet/decision/near_miss.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

using Positions = std::vector<std::uint32_t>;

constexpr std::size_t kMostTried = 16;
constexpr std::size_t kShown = 3;  // idle holders
constexpr std::uint64_t kMib = 1024 * 1024;

/// Devices of one node stand together in a supply.
struct NodeRange {
  std::uint32_t first = 0, end = 0;
};

bool is_same_node(const Candidate& a, const Candidate& b) { return a.node == b.node && a.cluster == b.cluster; }

NodeRange node_of(const Supply& supply, std::uint32_t at) {
  const Candidate& one = supply.candidates[at];
  NodeRange out{at, at + 1};
  while (out.first > 0 && is_same_node(supply.candidates[out.first - 1], one)) --out.first;
  while (out.end < supply.candidates.size() && is_same_node(supply.candidates[out.end], one)) ++out.end;
  return out;
}

/// Each would do alone.
bool would_do(const Failing& one) {
  return one.cause == Cause::Together || (one.cause == Cause::Price && !one.what.empty());
}

/// What one thing would give: devices that fail by it, of one node where all have to be of one.
struct Gain {
  std::uint32_t first = 0;      ///< the least of `members`
  const Failing* of = nullptr;  ///< that the first one is in
  Positions members{};          ///< ascending
  std::string word{};           ///< what they have in common
  Milliseconds idle{};          ///< of a holder: of that of its devices which was idle for the shortest time
};

/// A candidate as it would be, and the need as it would be asked.
struct Otherwise {
  Need need;
  void (*change)(Candidate&) = [](Candidate&) {};
};

class Tries {
 public:
  Tries(const Supply& supply, Failures failures, Policy& policy) : supply_(supply), policy_(policy) {
    does_.resize(supply.candidates.size());
    for (const Failing& one : failures)
      if (would_do(one))
        for (const std::uint32_t at : one.members) {
          does_[at] = true;
          ++all_;
        }
  }

  /// Whether there are as many as are asked for with what would be gained: told at once.
  bool are_so_many(const Gain& gain, const Need& need) const {
    std::size_t more = 0;
    for (const std::uint32_t at : gain.members) more += does_[at] ? 0 : 1;
    if (!need.same_node) return more + all_ >= need.devices;
    const NodeRange node = node_of(supply_, gain.members.front());
    const auto on_it = std::count(does_.begin() + node.first, does_.begin() + node.end, true);
    return more + static_cast<std::size_t>(on_it) >= need.devices;
  }

  /// Whether it is served with what would be gained: it is decided about.
  bool are_enough(const Gain& gain, const Otherwise& otherwise) {
    const Need& need = otherwise.need;
    Supply with_it{supply_.as_of, {}, {}};
    for (const std::uint32_t at : need.same_node ? on_node(gain) : cheapest(gain, need.devices)) {
      with_it.candidates.push_back(supply_.candidates[at]);
      if (std::ranges::binary_search(gain.members, at)) otherwise.change(with_it.candidates.back());
    }
    Stock stock(std::move(with_it));
    return decide_in_short(stock, need, policy_).index() == 0;
  }

  static bool serves(Candidate one, const Otherwise& otherwise) {
    otherwise.change(one);
    return examine(one, otherwise.need).index() == 0;
  }

 private:
  Positions on_node(const Gain& gain) const {
    const NodeRange node = node_of(supply_, gain.members.front());
    Positions out;
    for (std::uint32_t at = node.first; at < node.end; ++at) out.push_back(at);
    return out;
  }

  /// Of all that would do then the cheapest, as many as are asked for.
  Positions cheapest(const Gain& gain, unsigned count) const {
    Positions out;
    for (std::uint32_t at = 0; at < does_.size(); ++at)
      if (does_[at] || std::ranges::binary_search(gain.members, at)) out.push_back(at);
    const auto kept = out.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, out.size()));
    std::ranges::partial_sort(out, kept, {}, [&](std::uint32_t at) {
      return std::pair(supply_.candidates[at].price_micros.value_or(0), at);
    });
    out.erase(kept, out.end());
    std::ranges::sort(out);
    return out;
  }

  const Supply& supply_;
  Policy& policy_;
  std::vector<bool> does_;  ///< by position: it would do already
  std::size_t all_ = 0;     ///< of those that would
};

/// How what fails by one cause is told apart.
enum class ByNode : std::uint8_t { Always, WhereOneNode /* is asked for */ };

/// Devices that fail by `cause` and for which `word` has one, gathered by their node and by that word; in the order of
/// the first of each. It is asked once of devices of one node that are alike.
template <class Word>
std::vector<Gain> gather(const Supply& supply, const Need& need, Failures failures, Cause cause, ByNode by, Word word) {
  std::map<std::pair<std::uint32_t, std::string>, Gain> found;
  const bool any_node = by == ByNode::WhereOneNode && !need.same_node;
  for (const Failing& one : failures) {
    if (one.cause != cause) continue;
    NodeRange node;
    std::optional<std::string> said;
    for (const std::uint32_t at : one.members) {
      if (at >= node.end) {
        node = node_of(supply, at);
        said = word(one, at);
      }
      if (!said) continue;
      Gain& gain = found[{any_node ? 0 : node.first, *said}];
      if (gain.members.empty() || at < gain.first) std::tie(gain.first, gain.of) = std::pair(at, &one);
      gain.members.push_back(at);
      gain.word = *said;
    }
  }
  std::vector<Gain> out;
  for (auto& [key, gain] : found) {
    std::ranges::sort(gain.members);
    out.push_back(std::move(gain));
  }
  std::ranges::sort(out, {}, &Gain::first);
  return out;
}

std::string ids(const Supply& supply, const Positions& members) {
  std::vector<std::string> out;
  for (const std::uint32_t at : members) out.push_back(supply.candidates[at].id);
  return join(out);
}

/// Whole devices alone are given to who asks for several.
struct Holders {
  const Supply& supply;
  Positions idle{};  ///< held by somebody who has nothing to do on them, and would do without him

  /// By who has them, those that were idle longest first. One who works on a part of what he has is not idle.
  std::vector<Gain> gains() const {
    std::map<std::pair<std::uint32_t, std::string_view>, Gain> found;
    for (const std::uint32_t at : idle) {
      const Candidate& on = supply.candidates[at];
      Gain& gain = found[{node_of(supply, at).first, on.held_by}];
      if (gain.members.empty()) std::tie(gain.first, gain.idle) = std::pair(at, *on.idle);
      gain.idle = std::min(gain.idle, *on.idle);
      gain.members.push_back(at);
    }
    std::vector<Gain> out;
    for (auto& [who, gain] : found)
      if (!works(who.first, who.second)) out.push_back(std::move(gain));
    std::ranges::sort(out, {}, [](const Gain& one) { return std::pair(-one.idle, one.first); });
    return out;
  }

 private:
  bool works(std::uint32_t first, std::string_view holder) const {
    const NodeRange node = node_of(supply, first);
    for (std::uint32_t at = node.first; at < node.end; ++at) {
      const Candidate& on = supply.candidates[at];
      if (on.held_by == holder && !on.idle) return true;
      if (std::ranges::any_of(on.pieces, [&](const Piece& one) { return one.held_by == holder && !one.idle; }))
        return true;
    }
    return false;
  }
};

class Together {
 public:
  Together(const Supply& supply, const Need& need, Failures failures, Policy& policy, const Scope& scope)
      : supply_(supply), need_(need), failures_(failures), scope_(scope), tries_(supply, failures, policy) {}

  std::vector<Remedy> all() {
    ask_for_less();
    wait_for_idle();
    make_fit(Cause::Unhealthy, RemedyKind::Repair, "well");
    make_fit(Cause::Withheld, RemedyKind::Wait, "given again");
    pay_more();
    other_model();
    return std::move(out_);
  }

 private:
  using Word = std::optional<std::string>;

  /// Those of `gains` that are enough, in their order.
  template <class OtherwiseOf, class Sentence>
  void add(RemedyKind kind, const std::vector<Gain>& gains, std::size_t most, OtherwiseOf otherwise,
           Sentence sentence) {
    std::size_t tried = 0, told = 0;
    for (const Gain& one : gains) {
      if (told == most || tried == kMostTried) return;
      if (!tries_.are_so_many(one, need_)) continue;
      ++tried;
      if (!tries_.are_enough(one, otherwise(one))) continue;
      ++told;
      out_.push_back({kind, supply_.candidates[one.first].id, sentence(one)});
    }
  }

  void ask_for_less() {
    if (!need_.memory_mib) return;
    const auto size = [&](const Failing&, std::uint32_t at) -> Word {
      const auto smaller = smaller_on(supply_.candidates[at], need_);
      return smaller ? Word(fmt::format("{:020}", smaller->bytes)) : std::nullopt;
    };
    auto gains = gather(supply_, need_, failures_, Cause::Memory, ByNode::WhereOneNode, size);
    std::ranges::sort(
        gains, [](const Gain& a, const Gain& b) { return a.word != b.word ? a.word > b.word : a.first < b.first; });
    const auto smaller_of = [&](const Gain& one) { return smaller_on(supply_.candidates[one.first], need_); };
    const auto less = [&](const Gain& one) {
      Otherwise out{need_};
      out.need.memory_mib = smaller_of(one)->bytes / kMib;
      return out;
    };
    add(RemedyKind::AskForLess, gains, 1, less,
        [&](const Gain& one) { return told_of(smaller_of(one), need_)->sentence; });
  }

  void wait_for_idle() {
    const Otherwise without{need_, [](Candidate& one) { one.held_by.clear(); }};
    Holders holders{supply_};
    for (const Failing& one : failures_)
      if (one.cause == Cause::Held && would_serve(one.first(), without))
        for (const std::uint32_t at : one.members)
          if (supply_.candidates[at].idle && !supply_.candidates[at].held_by.empty()) holders.idle.push_back(at);
    std::ranges::sort(holders.idle);
    add(
        RemedyKind::Wait, holders.gains(), kShown, [&](const Gain&) { return without; },
        [&](const Gain& one) {
          const bool is_one = one.members.size() == 1;
          return fmt::format("the {} {}, which {} has, {} been idle for {}: without {} there is room",
                             is_one ? "device on" : "devices", ids(supply_, one.members),
                             supply_.candidates[one.first].held_by, is_one ? "has" : "have", time_text(one.idle),
                             is_one ? "it" : "them");
        });
  }

  /// What is not given for one reason comes back together.
  void make_fit(Cause cause, RemedyKind kind, std::string_view state) {
    const Otherwise if_fit{need_, [](Candidate& one) { one.unfit.clear(); }};
    const auto why = [&](const Failing& one, std::uint32_t at) -> Word {
      const Candidate& on = supply_.candidates[at];
      if (!would_serve(at, if_fit)) return std::nullopt;
      if (one.barred) return what_of(supply_, need_, scope_, one, at);
      return !scope_ || scope_(on.cluster, on.node) == "" ? Word(on.unfit) : std::nullopt;
    };
    add(
        kind, gather(supply_, need_, failures_, cause, ByNode::Always, why), 1, [&](const Gain&) { return if_fit; },
        [&](const Gain& one) {
          const bool is_one = one.members.size() == 1;
          return fmt::format("{} would do {} {}: {}", ids(supply_, one.members),
                             kind == RemedyKind::Repair ? (is_one ? "if it were" : "if they were")
                                                        : (is_one ? "once it is" : "once they are"),
                             state, one.word);
        });
  }

  void pay_more() {
    if (!need_.most_price_micros) return;
    Otherwise dearer{need_};
    dearer.need.most_price_micros.reset();
    const auto any = [&](const Failing&, std::uint32_t at) {
      return would_serve(at, dearer) ? Word("") : std::nullopt;
    };
    add(
        RemedyKind::PayMore, gather(supply_, need_, failures_, Cause::Price, ByNode::WhereOneNode, any), 1,
        [&](const Gain&) { return dearer; },
        [&](const Gain& one) {
          return fmt::format("there is room with {}: {}, and {} is the most that may be paid",
                             ids(supply_, one.members), what_of(supply_, need_, scope_, *one.of, one.first),
                             money_text(*need_.most_price_micros));
        });
  }

  /// One more that would do, beside those that are named.
  void other_model() {
    const auto with_it = [&](const Gain& one) {
      Otherwise out{need_};
      out.need.models.push_back(one.word);
      return out;
    };
    Otherwise any_model{need_};
    any_model.need.models.clear();
    const auto model = [&](const Failing&, std::uint32_t at) {
      return would_serve(at, any_model) ? Word(supply_.candidates[at].model) : std::nullopt;
    };
    add(RemedyKind::OtherModel, gather(supply_, need_, failures_, Cause::Model, ByNode::WhereOneNode, model), 1,
        with_it, [&](const Gain& one) {
          return fmt::format(
              "there is room with {}, {}", ids(supply_, one.members),
              one.members.size() == 1 ? fmt::format("a {}", one.word) : fmt::format("each of them a {}", one.word));
        });
  }

  bool would_serve(std::uint32_t at, const Otherwise& otherwise) const {
    return Tries::serves(supply_.candidates[at], otherwise);
  }

  const Supply& supply_;
  const Need& need_;
  Failures failures_;
  const Scope& scope_;
  Tries tries_;
  std::vector<Remedy> out_;
};

}  // namespace

std::vector<Remedy> remedies_together(const Supply& supply, const Need& need, Failures failures, Policy& policy,
                                      const Scope& scope) {
  return Together(supply, need, failures, policy, scope).all();
}

}  // namespace tessera::fleet::decision

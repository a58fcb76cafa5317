#include "fleet/decision/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "fleet/decision/near_miss.h"
#include "fleet/decision/remedies_together.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kNearest = 3;

std::string devices_text(std::size_t count) { return count == 1 ? "1 device" : fmt::format("{} devices", count); }

constexpr std::array<std::string_view, kCauses> kWhy = {"not well",
                                                        "kept from it for now",
                                                        "of another model",
                                                        "without MIG, or with it, against what was asked for",
                                                        "too small in memory",
                                                        "too small in compute",
                                                        "too dear",
                                                        "full",
                                                        "free in pieces that are too small",
                                                        "well, but not enough of them together"};

Miss miss_of(Cause cause, const Supply& supply, const Need& need, Failures failures, const Scope& scope) {
  Miss out{cause, 0, {}, {}};
  std::vector<std::tuple<std::uint64_t, std::uint32_t, const Failing*>> near;
  for (const Failing& one : failures) {
    if (one.cause != cause) continue;
    out.devices += one.members.size();
    for (std::size_t i = 0; i < std::min(kNearest, one.members.size()); ++i)
      near.emplace_back(one.far, one.members[i], &one);
  }
  std::ranges::sort(near);
  for (std::size_t i = 0; i < std::min(kNearest, near.size()); ++i) {
    const auto& [far, at, of] = near[i];
    out.nearest.push_back({supply.candidates[at].id, what_of(supply, need, scope, *of, at)});
  }
  out.sentence = fmt::format("{} {} {}", devices_text(out.devices), out.devices == 1 ? "is" : "are",
                             kWhy[static_cast<std::size_t>(cause)]);
  if (!out.nearest.empty())
    out.sentence += fmt::format("; nearest is {}: {}", out.nearest[0].device_id, out.nearest[0].what);
  return out;
}

bool serves(const Candidate& candidate, const Need& need) { return examine(candidate, need).index() == 0; }

/// Somebody who has nothing to do, on a piece of a device or on all of it.
struct IdleHolder {
  Milliseconds idle{};
  std::uint32_t at = 0;
  std::optional<std::size_t> piece{};
  /// Those that were idle longest first.
  auto rank() const { return std::tuple(-idle, at, piece); }
};

/// In whose place it would fit: what is found of one of the devices that are alike is so of each.
void add_idle(const Supply& supply, const Need& need, const Failing& alike, std::vector<IdleHolder>& out) {
  const Candidate& first = supply.candidates[alike.first()];
  std::vector<std::optional<bool>> would_do(first.pieces.size() + 1);  // the last one: all of the device
  const auto serves_without = [&](std::size_t k) {
    if (would_do[k]) return *would_do[k];
    Candidate other = first;
    (k < first.pieces.size() ? other.pieces[k].held_by : other.held_by).clear();
    return *(would_do[k] = serves(other, need));
  };
  for (const std::uint32_t at : alike.members) {
    const Candidate& on = supply.candidates[at];
    if (on.idle && !on.held_by.empty() && serves_without(on.pieces.size())) out.push_back({*on.idle, at});
    for (std::size_t k = 0; k < on.pieces.size(); ++k)
      if (!on.pieces[k].held_by.empty() && on.pieces[k].idle && on.profile(on.pieces[k].placed.profile) &&
          serves_without(k))
        out.push_back({*on.pieces[k].idle, at, k});
  }
}

void add_waits(const Supply& supply, const Need& need, Failures failures, std::vector<Remedy>& out) {
  std::vector<IdleHolder> found;
  for (const Failing& one : failures)
    if (one.cause == Cause::Held || one.cause == Cause::NoRoom) add_idle(supply, need, one, found);
  const auto shown = std::min(kNearest, found.size());
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(shown), {}, &IdleHolder::rank);
  for (std::size_t i = 0; i < shown; ++i) {
    const Candidate& on = supply.candidates[found[i].at];
    const Piece* piece = found[i].piece ? &on.pieces[*found[i].piece] : nullptr;
    const std::string what =
        piece ? fmt::format("the {} at {}", on.profile(piece->placed.profile)->name, piece->placed.placement.start)
              : std::string("the device");
    out.push_back({RemedyKind::Wait, on.id,
                   fmt::format("{} on {}, which {} has, has been idle for {}: without it there is room", what, on.id,
                               piece ? piece->held_by : on.held_by, time_text(found[i].idle))});
  }
}

/// The first device that would serve it if one thing were otherwise.
template <class Otherwise, class Sentence>
void add_first(const Supply& supply, Failures failures, Cause cause, RemedyKind kind, Otherwise would_serve,
               Sentence sentence, std::vector<Remedy>& out) {
  const Failing* best = nullptr;
  for (const Failing& one : failures)
    if (one.cause == cause && (!best || one.first() < best->first()) && would_serve(supply.candidates[one.first()]))
      best = &one;
  if (!best) return;
  const Candidate& on = supply.candidates[best->first()];
  out.push_back({kind, on.id, sentence(on, *best)});
}

std::vector<Remedy> remedies(const Supply& supply, const Need& need, Failures failures, const Scope& scope) {
  std::vector<Remedy> out;
  if (auto miss = told_of(smaller_of(supply, need, failures), need))
    out.push_back({RemedyKind::AskForLess, miss->device_id, std::move(miss->sentence)});
  add_waits(supply, need, failures, out);
  const auto with_mig = [&](Candidate one) {
    one.mig = MigMode::On;
    return one.is_empty() && serves(one, need);
  };
  add_first(
      supply, failures, Cause::Mig, RemedyKind::SwitchMigOn, with_mig,
      [](const Candidate& on, const Failing&) {
        return fmt::format("{} is empty and could be cut if MIG were switched on", on.id);
      },
      out);
  const auto if_fit = [&](Candidate one) {
    one.unfit.clear();
    return serves(one, need);
  };
  const auto why = [&](const Failing& of) { return what_of(supply, need, scope, of, of.first()); };
  add_first(
      supply, failures, Cause::Unhealthy, RemedyKind::Repair, if_fit,
      [&](const Candidate& on, const Failing& of) {
        return fmt::format("{} would do if it were well: {}", on.id, why(of));
      },
      out);
  add_first(
      supply, failures, Cause::Withheld, RemedyKind::Wait, if_fit,
      [&](const Candidate& on, const Failing& of) {
        return fmt::format("{} would do once it is given again: {}", on.id, why(of));
      },
      out);
  Need dearer = need, any_model = need;
  dearer.most_price_micros.reset();
  any_model.models.clear();
  add_first(
      supply, failures, Cause::Price, RemedyKind::PayMore, [&](const Candidate& one) { return serves(one, dearer); },
      [&](const Candidate& on, const Failing& of) {
        return fmt::format("{} has room: {}, and {} is the most that may be paid", on.id, why(of),
                           money_text(*need.most_price_micros));
      },
      out);
  add_first(
      supply, failures, Cause::Model, RemedyKind::OtherModel,
      [&](const Candidate& one) { return serves(one, any_model); },
      [](const Candidate& on, const Failing&) { return fmt::format("{}, a {}, has room", on.id, on.model); }, out);
  return out;
}

}  // namespace

std::string what_of(const Supply& supply, const Need& need, const Scope& scope, const Failing& of, std::uint32_t at) {
  if (!of.what.empty()) return of.what;
  const Candidate& on = supply.candidates[at];
  if (of.barred) return scope(on.cluster, on.node).value_or("");
  const auto found = examine(on, need);
  const auto* failure = std::get_if<Failure>(&found);
  return failure ? failure->what : "it alone would do";
}

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {"unhealthy", "withheld", "model", "mig",     "memory",
                                                            "compute",   "price",    "held",  "no_room", "together"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string_view remedy_kind_name(RemedyKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"name_another",  "ask_for_less", "wait",     "move",
                                                      "switch_mig_on", "repair",       "pay_more", "other_model"};
  return kNames[static_cast<std::size_t>(kind)];
}

Refusal refuse(const Supply& supply, const Need& need, Failures failures, Policy& policy, const Scope& scope) {
  Refusal out;
  std::array<std::size_t, kCauses> counts{};
  for (std::size_t cause = 0; cause < kCauses; ++cause) {
    Miss miss = miss_of(static_cast<Cause>(cause), supply, need, failures, scope);
    counts[cause] = miss.devices;
    if (miss.devices > 0) out.misses.push_back(std::move(miss));
  }
  out.remedies = need.devices > 1 ? remedies_together(supply, need, failures, policy, scope)
                                  : remedies(supply, need, failures, scope);
  out.sentence = sentence_of(counts);
  return out;
}

std::string sentence_of(const std::array<std::size_t, kCauses>& counts) {
  std::size_t all = 0;
  std::vector<std::string> parts;
  for (std::size_t cause = 0; cause < kCauses; ++cause) {
    if (counts[cause] == 0) continue;
    all += counts[cause];
    parts.push_back(fmt::format("{} {}", devices_text(counts[cause]), kWhy[cause]));
  }
  if (all == 0) return "There are no devices";
  return fmt::format("Of {} none serves it: {}", devices_text(all), join(parts));
}

}  // namespace tessera::fleet::decision

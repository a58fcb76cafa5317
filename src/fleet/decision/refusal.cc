#include "fleet/decision/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kNearest = 3;
constexpr std::uint64_t kMib = 1024 * 1024;

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

/// What one of them fails by, as a sentence.
std::string what_of(const Supply& supply, const Need& need, const Scope& scope, const Failing& of, std::uint32_t at) {
  if (!of.what.empty()) return of.what;
  const Candidate& on = supply.candidates[at];
  if (of.barred) return scope(on.cluster, on.node).value_or("");
  const auto found = examine(on, need);
  const auto* failure = std::get_if<Failure>(&found);
  return failure ? failure->what : "it alone would do";
}

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

/// The most memory below what is asked for that something on the device has which is enough otherwise.
std::optional<std::pair<std::string, std::uint64_t>> next_smaller(const Candidate& on, const Need& need) {
  Need without_memory = need;
  without_memory.memory_mib.reset();
  std::optional<std::pair<std::string, std::uint64_t>> best;
  const auto consider = [&](const std::string& name, std::uint64_t bytes) {
    if (bytes < *need.memory_mib * kMib && (!best || bytes > best->second)) best = {name, bytes};
  };
  if (on.mig != MigMode::On) {
    consider(on.model, on.memory_bytes.value_or(0));
    return best;
  }
  // With no memory asked for the rest may ask for nothing, which is not to mean a whole device.
  if (!without_memory.compute_milli && !without_memory.compute_slices) without_memory.compute_slices = 1;
  for (const gpu::Profile& one : on.offered())
    if (is_enough(one, compute_of(on.offered()), without_memory)) consider(one.name, one.memory_bytes);
  return best;
}

/// 20 GiB are 20,480 MiB; who means 20 GB needs 19,074.
std::string smaller_request(std::uint64_t asked_mib, std::uint64_t bytes) {
  const std::uint64_t gigabytes = asked_mib / 1024;
  if (asked_mib % 1024 == 0 && gigabytes * 1'000'000'000 <= bytes)
    return fmt::format("ask for {}G ({} MiB)", gigabytes, number_text((gigabytes * 1'000'000'000 + kMib - 1) / kMib));
  return fmt::format("ask for at most {} MiB", number_text(bytes / kMib));
}

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
  std::vector<std::uint32_t> open;  // one of each kind
  for (const Failing& one : failures)
    if (!one.barred) open.push_back(one.first());
  if (auto miss = near_miss(supply, need, open))
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

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {"unhealthy", "withheld", "model", "mig",     "memory",
                                                            "compute",   "price",    "held",  "no_room", "together"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string_view remedy_kind_name(RemedyKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"ask_for_less", "wait",     "move",       "switch_mig_on",
                                                      "repair",       "pay_more", "other_model"};
  return kNames[static_cast<std::size_t>(kind)];
}

Refusal refuse(const Supply& supply, const Need& need, Failures failures, const Scope& scope) {
  Refusal out;
  std::array<std::size_t, kCauses> counts{};
  for (std::size_t cause = 0; cause < kCauses; ++cause) {
    Miss miss = miss_of(static_cast<Cause>(cause), supply, need, failures, scope);
    counts[cause] = miss.devices;
    if (miss.devices > 0) out.misses.push_back(std::move(miss));
  }
  out.remedies = remedies(supply, need, failures, scope);
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

std::optional<NearMiss> near_miss(const Supply& supply, const Need& need, std::span<const std::uint32_t> of) {
  constexpr double kNear = 0.9;
  if (!need.memory_mib) return std::nullopt;
  std::optional<std::pair<std::string, std::uint64_t>> best;
  std::uint32_t best_at = 0;
  for (const std::uint32_t at : of) {
    const Candidate& on = supply.candidates[at];
    const bool of_model = need.models.empty() || std::ranges::count(need.models, on.model) > 0;
    if (!on.unfit.empty() || !of_model) continue;
    auto smaller = next_smaller(on, need);
    if (!smaller) continue;
    const bool is_first = best && smaller->second == best->second && at < best_at;
    if (best && smaller->second <= best->second && !is_first) continue;
    best = std::move(smaller);
    best_at = at;
  }
  if (!best || static_cast<double>(best->second) < kNear * static_cast<double>(*need.memory_mib * kMib))
    return std::nullopt;
  return NearMiss{supply.candidates[best_at].id,
                  fmt::format("{} MiB are asked for and {} has {}: {}", number_text(*need.memory_mib), best->first,
                              number_text(best->second / kMib), smaller_request(*need.memory_mib, best->second))};
}

}  // namespace tessera::fleet::decision

#include "fleet/decision/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kNearest = 3;
constexpr std::uint64_t kMib = 1024 * 1024;

std::string devices_text(std::size_t count) { return count == 1 ? "1 device" : fmt::format("{} devices", count); }

constexpr std::array<std::string_view, kCauses> kWhy = {"not well",
                                                        "of another model",
                                                        "without MIG, or with it, against what was asked for",
                                                        "too small in memory",
                                                        "too small in compute",
                                                        "too dear",
                                                        "full",
                                                        "free in pieces that are too small",
                                                        "well, but not enough of them together"};

bool fails_by(const std::optional<Failure>& failure, Cause cause) { return failure && failure->cause == cause; }

Miss miss_of(Cause cause, const Supply& supply, Failures failures) {
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < failures.size(); ++i)
    if (fails_by(failures[i], cause)) of.push_back(i);
  std::ranges::sort(of, {}, [&](std::size_t i) { return std::pair(failures[i]->far, i); });
  Miss out{cause, of.size(), {}, {}};
  for (std::size_t i = 0; i < std::min(kNearest, of.size()); ++i)
    out.nearest.push_back({supply.candidates[of[i]].id, failures[of[i]]->what});
  out.sentence = fmt::format("{} {} {}", devices_text(of.size()), of.size() == 1 ? "is" : "are",
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
    if (is_enough(one, on.compute_slices().value_or(1), without_memory)) consider(one.name, one.memory_bytes);
  return best;
}

/// 20 GiB are 20,480 MiB; who means 20 GB needs 19,074.
std::string smaller_request(std::uint64_t asked_mib, std::uint64_t bytes) {
  const std::uint64_t gigabytes = asked_mib / 1024;
  if (asked_mib % 1024 == 0 && gigabytes * 1'000'000'000 <= bytes)
    return fmt::format("ask for {}G ({} MiB)", gigabytes, number_text((gigabytes * 1'000'000'000 + kMib - 1) / kMib));
  return fmt::format("ask for at most {} MiB", number_text(bytes / kMib));
}

/// Who has nothing to do, and in whose place it would fit; those that were idle longest first.
void add_waits(const Supply& supply, const Need& need, Failures failures, std::vector<Remedy>& out) {
  std::vector<std::pair<Milliseconds, Remedy>> found;
  const auto add = [&](const Candidate& on, Milliseconds idle, const std::string& what, const std::string& holder) {
    found.push_back({idle,
                     {RemedyKind::Wait, on.id,
                      fmt::format("{} on {}, which {} has, has been idle for {}: without it there is room", what, on.id,
                                  holder, time_text(idle))}});
  };
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    if (!fails_by(failures[i], Cause::Held) && !fails_by(failures[i], Cause::NoRoom)) continue;
    const Candidate& on = supply.candidates[i];
    Candidate other = on;
    other.held_by.clear();
    if (on.idle && !on.held_by.empty() && serves(other, need)) add(on, *on.idle, "the device", on.held_by);
    for (std::size_t k = 0; k < on.pieces.size(); ++k) {
      const Piece& piece = on.pieces[k];
      if (piece.held_by.empty() || !piece.idle) continue;
      other = on;
      other.pieces[k].held_by.clear();
      const gpu::Profile* profile = on.profile(piece.placed.profile);
      if (profile && serves(other, need))
        add(on, *piece.idle, fmt::format("the {} at {}", profile->name, piece.placed.placement.start), piece.held_by);
    }
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second.sentence < b.second.sentence;
  });
  for (std::size_t i = 0; i < std::min(kNearest, found.size()); ++i) out.push_back(std::move(found[i].second));
}

/// The first device that would serve it if one thing were otherwise.
template <class Otherwise, class Sentence>
void add_first(const Supply& supply, Failures failures, Cause cause, RemedyKind kind, Otherwise would_serve,
               Sentence sentence, std::vector<Remedy>& out) {
  for (std::size_t i = 0; i < supply.candidates.size(); ++i)
    if (fails_by(failures[i], cause) && would_serve(supply.candidates[i]))
      return out.push_back({kind, supply.candidates[i].id, sentence(supply.candidates[i], *failures[i])});
}

std::vector<Remedy> remedies(const Supply& supply, const Need& need, Failures failures, const Scope& scope) {
  std::vector<Remedy> out;
  if (auto miss = near_miss(supply, need, scope))
    out.push_back({RemedyKind::AskForLess, miss->device_id, std::move(miss->sentence)});
  add_waits(supply, need, failures, out);
  const auto with_mig = [&](Candidate one) {
    one.mig = MigMode::On;
    return one.is_empty() && serves(one, need);
  };
  add_first(
      supply, failures, Cause::Mig, RemedyKind::SwitchMigOn, with_mig,
      [](const Candidate& on, const Failure&) {
        return fmt::format("{} is empty and could be cut if MIG were switched on", on.id);
      },
      out);
  const auto repaired = [&](Candidate one) {
    one.unfit.clear();
    return serves(one, need);
  };
  add_first(
      supply, failures, Cause::Unhealthy, RemedyKind::Repair, repaired,
      [](const Candidate& on, const Failure& failure) {
        return fmt::format("{} would do if it were well: {}", on.id, failure.what);
      },
      out);
  Need dearer = need, any_model = need;
  dearer.most_price_micros.reset();
  any_model.models.clear();
  add_first(
      supply, failures, Cause::Price, RemedyKind::PayMore, [&](const Candidate& one) { return serves(one, dearer); },
      [&](const Candidate& on, const Failure& failure) {
        return fmt::format("{} has room: {}, and {} is the most that may be paid", on.id, failure.what,
                           money_text(*need.most_price_micros));
      },
      out);
  add_first(
      supply, failures, Cause::Model, RemedyKind::OtherModel,
      [&](const Candidate& one) { return serves(one, any_model); },
      [](const Candidate& on, const Failure&) { return fmt::format("{}, a {}, has room", on.id, on.model); }, out);
  return out;
}

}  // namespace

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {"unhealthy", "model", "mig",     "memory",  "compute",
                                                            "price",     "held",  "no_room", "together"};
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
    Miss miss = miss_of(static_cast<Cause>(cause), supply, failures);
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

std::optional<NearMiss> near_miss(const Supply& supply, const Need& need, const Scope& scope) {
  constexpr double kNear = 0.9;
  if (!need.memory_mib) return std::nullopt;
  std::optional<NearMiss> out;
  std::uint64_t most = 0;
  const Sights sights(supply, scope);
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    const Candidate& on = supply.candidates[i];
    const bool of_model = need.models.empty() || std::ranges::count(need.models, on.model) > 0;
    if (!on.unfit.empty() || !of_model || sights.of(i) != Sights::Sight::Open) continue;
    const auto smaller = next_smaller(on, need);
    if (!smaller || smaller->second <= most) continue;
    most = smaller->second;
    if (static_cast<double>(most) < kNear * static_cast<double>(*need.memory_mib * kMib)) continue;
    out = {on.id, fmt::format("{} MiB are asked for and {} has {}: {}", number_text(*need.memory_mib), smaller->first,
                              number_text(most / kMib), smaller_request(*need.memory_mib, most))};
  }
  return out;
}

}  // namespace tessera::fleet::decision

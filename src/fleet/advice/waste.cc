// What is held and not needed: all of it, some devices of several, or at certain hours.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

constexpr double kHour = 3'600'000;
constexpr std::uint64_t kTouched = std::uint64_t{1} << 30U;  ///< a context alone takes some hundred MiB

/// Another one would not come back by itself, or not where it was.
constexpr std::array<std::string_view, 6> kHaveReplicas = {"Deployment",      "InferenceService", "LLMInferenceService",
                                                           "LeaderWorkerSet", "Rollout",          "StatefulSet"};

double hours(Milliseconds span) { return static_cast<double>(span.count()) / kHour; }

double memory_held(const Workload& of) {
  double out = 0;
  for (const Holding& one : of.holds) out += static_cast<double>(one.seen.memory_most.value_or(0));
  return out;
}

/// The devices of a pod that were never touched, and those that were.
struct Touched {
  std::size_t unused = 0, used = 0;
  std::vector<std::optional<Micros>> prices{};  ///< of those that were not
};

/// By pod. Empty where of one of them something is not known.
std::map<std::string, Touched> touched(const Workload& of, const Options& options) {
  std::map<std::string, Touched> out;
  for (const Holding& one : of.holds) {
    const Rhythm& rhythm = one.seen.rhythm;
    if (one.shared || !one.profile.empty() || one.resource != of.holds.front().resource || !one.seen.memory_most ||
        !is_enough(Kind::DropUnused, rhythm, options))
      return {};
    Touched& pod = out[one.pod];
    const bool unused = rhythm.active_slots == 0 && *one.seen.memory_most <= kTouched;
    ++(unused ? pod.unused : pod.used);
    if (unused) pod.prices.push_back(one.per_hour);
  }
  return out;
}

/// What `count` of each pod's unused devices cost: the cheapest, for nobody knows which of them it would lose. Absent
/// where one has no rate.
std::optional<Micros> cost_of_unused(const std::map<std::string, Touched>& pods, std::size_t count) {
  Wide sum = 0;
  for (const auto& [name, pod] : pods) {
    std::vector<Micros> prices;
    for (const auto& one : pod.prices) {
      if (!one) return std::nullopt;
      prices.push_back(*one);
    }
    std::ranges::sort(prices);
    for (std::size_t i = 0; i < count; ++i) sum += prices[i];
  }
  const auto out = narrow(sum, "money of an hour");
  return out ? std::optional(*out) : std::nullopt;
}

}  // namespace

Said idle_held(const Workload& of, const Options& options) {
  const auto rhythm = rhythm_of(of);
  if (!rhythm) return std::nullopt;
  const Milliseconds quiet(rhythm->to - rhythm->quiet_since);
  const bool long_enough = quiet >= least_window(Kind::IdleHeld, options) &&
                           rhythm->quiet_observed >= row_of(Kind::IdleHeld).least_observed && is_recent(*rhythm);
  // Who has made pauses before may be in one.
  if (!long_enough || (rhythm->active_slots > 0 && quiet < 2 * rhythm->longest_pause)) return std::nullopt;
  Rhythm since = *rhythm;
  since.from = rhythm->quiet_since;
  since.observed = rhythm->quiet_observed;
  Advice out = begun(Kind::IdleHeld, of, since, options);
  const char* what = of.serves ? "has had no request and made no token" : "has run no kernel";
  out.sentence = fmt::format(
      "{} {} holds {} and {} for {:.0f} hours.", out.subject.kind, of.name,
      of.holds.size() == 1 ? "a GPU or a part of one" : fmt::format("{} of them", of.holds.size()), what, hours(quiet));
  out.aim = "stopped";
  out.evidence.numbers = {{"quiet", hours(quiet), "hours"},
                          {"pods", static_cast<double>(of.pods.size()), "pods"},
                          {"held", static_cast<double>(of.holds.size()), "parts"}};
  if (!of.serves) out.evidence.numbers.push_back({"memoryHeld", memory_held(of), "bytes"});
  if (const auto costs = per_hour(of.holds)) out.saving = saving_of(costs, "all that it holds, " + hourly(*costs));
  take(out, stop_steps(of));
  return out;
}

Said drop_unused(const Workload& of, const Options& options) {
  if (of.serves) return std::nullopt;
  const auto pods = touched(of, options);
  if (pods.empty()) return std::nullopt;
  std::size_t unused = of.holds.size(), held = 0;
  for (const auto& [pod, one] : pods) {
    if (one.used == 0) return std::nullopt;  // idle, or not yet at work
    unused = std::min(unused, one.unused);
    held = std::max(held, one.used + one.unused);
  }
  const bool alike = std::ranges::all_of(pods, [&](auto& pod) { return pod.second.used + pod.second.unused == held; });
  if (unused == 0 || !alike) return std::nullopt;
  const Rhythm all = *rhythm_of(of);
  Advice out = begun(Kind::DropUnused, of, all, options);
  const std::size_t wanted = held - unused;
  out.sentence = fmt::format("{} {} holds {} GPUs a pod and has never touched {} of them.", out.subject.kind, of.name,
                             held, unused);
  out.aim = fmt::format("{} GPUs a pod", wanted);
  out.evidence.numbers = {{"held", static_cast<double>(held), "devices"},
                          {"used", static_cast<double>(wanted), "devices"},
                          {"pods", static_cast<double>(pods.size()), "pods"}};
  if (const auto less = cost_of_unused(pods, unused))
    out.saving = saving_of(*less, fmt::format("{} GPUs, {} together", unused * pods.size(), hourly(*less)));
  take(out, request_steps(of, of.holds.front().resource, wanted));
  return out;
}

Said schedule(const Workload& of, const Options& options) {
  if (std::ranges::find(kHaveReplicas, of.kind) == kHaveReplicas.end()) return std::nullopt;
  const auto rhythm = rhythm_of(of);
  constexpr unsigned kDays = 6, kLeastHours = 8, kActiveDays = 3;  // fewer are no habit
  if (!rhythm || !is_enough(Kind::Schedule, *rhythm, options) || rhythm->active_slots == 0) return std::nullopt;
  const Quiet quiet = quiet_hours(*rhythm, kDays);
  const bool habit =
      std::ranges::any_of(rhythm->hours, [](const Rhythm::Hour& hour) { return hour.active_days >= kActiveDays; });
  if (quiet.count < kLeastHours || !habit) return std::nullopt;
  // An hour of each side is left, for who comes early and who stays.
  const unsigned saved = quiet.count - 2;
  const unsigned ends = (quiet.first + 1) % kHoursOfDay, begins = (quiet.first + quiet.count - 1) % kHoursOfDay;
  Advice out = begun(Kind::Schedule, of, *rhythm, options);
  out.sentence = fmt::format("{} {} has done nothing from {:02}:00 to {:02}:00 UTC on any day.", out.subject.kind,
                             of.name, quiet.first, (quiet.first + quiet.count) % kHoursOfDay);
  out.aim = fmt::format("{:02}:00 to {:02}:00 UTC", begins, ends);
  out.evidence.numbers = {{"quietHoursOfDay", static_cast<double>(quiet.count), "hours"},
                          {"activeSlots", static_cast<double>(rhythm->active_slots), "slots"},
                          {"knownSlots", static_cast<double>(rhythm->known_slots), "slots"}};
  if (const auto costs = per_hour(of.holds))
    out.saving = saving_of(Micros{static_cast<Micros>(Wide{*costs} * saved / kHoursOfDay)},
                           fmt::format("{} of 24 hours of {}", saved, hourly(*costs)));
  take(out, schedule_steps(of, begins, ends));
  return out;
}

}  // namespace tessera::fleet::advice

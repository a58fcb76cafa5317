#include <fmt/format.h>

#include <algorithm>

#include "fleet/advice/rules.h"
#include "fleet/cost/money.h"
#include "fleet/name_key.h"

namespace tessera::fleet::advice {
namespace {

Subject subject_of(const Workload& of) {
  Subject out;
  out.cluster = of.cluster;
  out.space = of.space;
  out.kind = of.kind.empty() ? "Pod" : of.kind;
  out.name = of.name;
  out.team = of.team;
  out.project = of.project;
  out.pods = of.pods;
  out.owners = {{out.kind, out.name}};
  if (!of.holds.empty()) out.model = of.holds.front().model;
  return out;
}

std::string id_of(Kind kind, const Subject& subject, const std::string& device) {
  const NameKey key =
      key_of("{}\n{}\n{}\n{}\n{}\n{}\n{}", kind_name(kind), subject.cluster, subject.space, subject.kind, subject.name,
             device, subject.name.empty() && device.empty() ? subject.model : std::string());
  return fmt::format("{}-{:016x}", kind_name(kind), key.low);
}

}  // namespace

std::string id_by_slot(const Advice& of) { return id_of(of.kind, of.subject, of.subject.device_id); }

Advice begun(Kind kind, Subject subject, Evidence evidence, const Options& options) {
  Advice out;
  out.kind = kind;
  out.id = id_of(kind, subject, subject.device_uuid.empty() ? subject.device_id : subject.device_uuid);
  out.confidence = confidence_of(kind, evidence.observed, Milliseconds(evidence.to - evidence.from), options);
  out.risk = row_of(kind).risk;
  out.subject = std::move(subject);
  out.evidence = std::move(evidence);
  return out;
}

Advice begun(Kind kind, const Workload& of, const Rhythm& by, const Options& options) {
  return begun(kind, subject_of(of), {by.from, by.to, by.observed, {}}, options);
}

void take(Advice& into, Steps steps) {
  into.change = std::move(steps.change);
  into.undo = std::move(steps.undo);
}

bool is_recent(const Rhythm& by) {
  constexpr EpochMs kHour = 3'600'000;
  return by.to - by.told_until <= kHour;
}

bool is_enough(Kind kind, const Rhythm& by, const Options& options) {
  return by.window() >= least_window(kind, options) && by.observed >= row_of(kind).least_observed && is_recent(by);
}

std::optional<Micros> per_hour(const std::vector<Holding>& holds) {
  Wide sum = 0;
  for (const Holding& one : holds) {
    if (!one.per_hour) return std::nullopt;
    sum += *one.per_hour;
  }
  const auto out = narrow(sum, "money of an hour");
  return out ? std::optional(*out) : std::nullopt;
}

std::optional<Saving> saving_of(const std::optional<Micros>& less, const std::string& how) {
  if (!less) return std::nullopt;
  const auto month = narrow(Wide{*less} * kHoursOfMonth, "money of a month");
  if (!month) return std::nullopt;
  return Saving{*month, fmt::format("{}, for {} hours", how, kHoursOfMonth)};
}

std::string hourly(Micros micros) { return decimal(micros) + " an hour"; }

double memory_needed(const ServedNeed& of, double kv_tokens_most) {
  constexpr double kKvFull = 0.8;  // of the KV cache, that what was in it at most may take
  const double tokens = std::max(kv_tokens_most / kKvFull, static_cast<double>(of.context_tokens));
  return (static_cast<double>(of.fixed_bytes) + tokens * static_cast<double>(of.bytes_per_token)) / of.utilization;
}

std::optional<Rhythm> rhythm_of(const Workload& of) {
  if (of.serves) return of.serves->engine ? std::optional(of.serves->engine->rhythm) : std::nullopt;
  if (of.holds.empty()) return std::nullopt;
  Rhythm out = of.holds.front().seen.rhythm;
  for (const Holding& each : of.holds) {
    const Rhythm& one = each.seen.rhythm;
    out.from = std::max(out.from, one.from);
    out.to = std::min(out.to, one.to);
    out.observed = std::min(out.observed, one.observed);
    out.active_slots = std::max(out.active_slots, one.active_slots);
    out.known_slots = std::min(out.known_slots, one.known_slots);
    out.told_until = std::min(out.told_until, one.told_until);
    out.quiet_since = std::max(out.quiet_since, one.quiet_since);
    out.quiet_observed = std::min(out.quiet_observed, one.quiet_observed);
    out.longest_pause = std::max(out.longest_pause, one.longest_pause);
    for (std::size_t hour = 0; hour < kHoursOfDay; ++hour) {
      out.hours[hour].days = std::min(out.hours[hour].days, one.hours[hour].days);
      out.hours[hour].active_days = std::max(out.hours[hour].active_days, one.hours[hour].active_days);
    }
  }
  return out;
}

}  // namespace tessera::fleet::advice

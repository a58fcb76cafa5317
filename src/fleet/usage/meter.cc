#include "fleet/usage/meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "fleet/inventory/node.h"

namespace tessera::fleet {
namespace {

constexpr std::int64_t kFiveMinutes = 300;

std::int64_t scaled(double value, Field field) {
  const double most = std::numeric_limits<std::int32_t>::max();
  const bool ratio = field != Field::MemoryUsed && field != Field::Power && field != Field::Temperature;
  const double plain = std::clamp(value, 0.0, ratio ? 1.0 : 1e15);
  return std::llround(std::min(plain * kFieldRows[static_cast<std::size_t>(field)].scale, most));
}

EpochMs floor_to(EpochMs time, EpochMs span) {
  const EpochMs rest = time % span;
  return time - (rest < 0 ? rest + span : rest);
}

NameKey tenure_name(std::uint32_t subject, std::optional<unsigned> compute_instance, const Workload& owner) {
  return key_of("{} {} {}/{} {}", subject, compute_instance ? std::to_string(*compute_instance) : "-", owner.space,
                owner.pod, owner.pod_uid);
}

}  // namespace

Milliseconds span_for(Milliseconds interval) {
  std::int64_t seconds = std::clamp<std::int64_t>(interval.count() / 1000, 1, kFiveMinutes);
  while (kFiveMinutes % seconds != 0) --seconds;
  return Milliseconds(seconds * 1000);
}

Meter::Subject& Meter::subject(std::uint32_t number) {
  if (number >= subjects_.size()) subjects_.resize(number + std::size_t{1});
  return subjects_[number];
}

// Newest first: what is counted is nearly always of the newest span or of one that is not there yet, however many wait
// for a store that is away.

Totals& Meter::totals(std::uint32_t number, EpochMs bucket) {
  std::uint32_t* at = &subjects_[number].newest;
  while (*at != kNone && deltas_[*at].usage.bucket > bucket) at = &deltas_[*at].next;
  if (*at != kNone && deltas_[*at].usage.bucket == bucket) return deltas_[*at].usage.totals;
  const std::uint32_t before = std::exchange(*at, static_cast<std::uint32_t>(deltas_.size()));
  deltas_.push_back({{number, bucket, {}}, before});
  return deltas_.back().usage.totals;
}

Meter::OwnerDelta& Meter::owner_delta(Tenure tenure, EpochMs bucket) {
  std::uint32_t* at = &tenures_[tenure].newest;
  while (*at != kNone && owner_deltas_[*at].bucket > bucket) at = &owner_deltas_[*at].next;
  if (*at != kNone && owner_deltas_[*at].bucket == bucket) return owner_deltas_[*at];
  OwnerDelta fresh;
  fresh.tenure = tenure;
  fresh.bucket = bucket;
  fresh.next = std::exchange(*at, static_cast<std::uint32_t>(owner_deltas_.size()));
  owner_deltas_.push_back(fresh);
  return owner_deltas_.back();
}

std::optional<EpochMs> Meter::begins(std::uint32_t number) const {
  if (number >= subjects_.size() || subjects_[number].begins == 0) return std::nullopt;
  return subjects_[number].begins;
}

EpochMs Meter::held_until(std::uint32_t number, const State& state, EpochMs time) const {
  const EpochMs held = std::min(time, state.since + options_.hold.count());
  return options_.ends ? std::min(held, options_.ends(number)) : held;
}

/// add(bucket, ms) for each span that a part of [from, to) lies in.
template <class Add>
void Meter::spread(EpochMs from, EpochMs to, const Add& add) const {
  const EpochMs span = options_.span.count();
  if (from >= to) return;
  for (EpochMs bucket = floor_to(from, span); bucket < to; bucket += span)
    add(bucket, std::min(to, bucket + span) - std::max(from, bucket));
}

void Meter::count_seen(std::uint32_t number, EpochMs to) {
  spread(subjects_[number].seen.since, to,
         [&](EpochMs bucket, std::int64_t ms) { totals(number, bucket).observed_ms += ms; });
}

void Meter::count_field(std::uint32_t number, std::size_t field, EpochMs to) {
  const Told told = subjects_[number].fields[field];
  spread(told.since, to, [&](EpochMs bucket, std::int64_t ms) {
    FieldTotal& total = totals(number, bucket).fields[field];
    total.sum += ms * told.value;
    total.ms += ms;
    total.max = std::max(total.max, told.value);
  });
}

void Meter::count_having(Tenure tenure, std::size_t having, EpochMs to) {
  Owner& owner = tenures_[tenure];
  Subject& of = subjects_[owner.subject];
  Had& had = owner.states[having];
  const EpochMs from = std::max(had.since, had.counted);
  spread(from, to, [&](EpochMs bucket, std::int64_t ms) { owner_delta(tenure, bucket).ms[having] += ms; });
  spread(std::max(from, owner.had_until), to,
         [&](EpochMs bucket, std::int64_t ms) { owner_delta(tenure, bucket).had_ms += ms; });
  owner.had_until = std::max(owner.had_until, to);
  spread(std::max(from, of.owned_until), to,
         [&](EpochMs bucket, std::int64_t ms) { totals(owner.subject, bucket).owned_ms += ms; });
  of.owned_until = std::max(of.owned_until, to);
  had.counted = std::max(had.counted, to);
}

/// What several have had is counted once, in the order of time: so before somebody begins, what those have had who are
/// there already.
void Meter::count_owners(std::uint32_t number, EpochMs to) {
  struct One {
    EpochMs since;
    Tenure tenure;
    std::size_t having;
  };
  std::vector<One> all;
  for (Tenure at = subjects_[number].owner; at != kNone; at = tenures_[at].next)
    for (std::size_t having = 0; having < tenures_[at].states.size(); ++having)
      if (tenures_[at].states[having].on) all.push_back({tenures_[at].states[having].since, at, having});
  std::ranges::sort(all, {}, [](const One& one) { return std::tie(one.since, one.tenure, one.having); });
  for (const One& one : all)
    count_having(one.tenure, one.having, held_until(number, tenures_[one.tenure].states[one.having], to));
}

void Meter::seen(std::uint32_t number, EpochMs time) {
  if (of_before_) return;
  Subject& of = subject(number);
  of.arrived = arrived_;
  of.begins = of.begins == 0 ? time : std::min(of.begins, time);
  if (time < of.seen.since) return;
  if (of.seen.on && time > of.seen.since) count_seen(number, held_until(number, of.seen, time));
  of.seen = told(time, true);
}

void Meter::gone(std::uint32_t number, EpochMs time) {
  if (of_before_) return;
  Subject& of = subject(number);
  if (!of.seen.on || time <= of.seen.since) return;
  count_seen(number, held_until(number, of.seen, time));
  of.seen = told(time, false);
}

void Meter::read(std::uint32_t number, Field field, std::optional<double> value, EpochMs time) {
  if (of_before_) return;
  if (value) seen(number, time);
  Subject& of = subject(number);
  Told& known = of.fields[static_cast<std::size_t>(field)];
  if (time < known.since || (time == known.since && known.on)) return;
  if (known.on) count_field(number, static_cast<std::size_t>(field), held_until(number, known, time));
  known = {told(time, value.has_value()), value ? scaled(*value, field) : 0};
  if (value && field == Field::Utilization) of.better_until = time + options_.hold.count();
}

void Meter::read_second_best(std::uint32_t number, Field field, std::optional<double> value, EpochMs time) {
  if (of_before_ || time < subject(number).better_until) return;
  const EpochMs before = subject(number).better_until;
  read(number, field, value, time);
  subject(number).better_until = before;
}

Meter::Tenure Meter::tenure(std::uint32_t number, std::optional<unsigned> compute_instance,
                            std::shared_ptr<const Workload> owner) {
  const NameKey name = tenure_name(number, compute_instance, *owner);
  const auto known = tenure_by_name_.find(name);
  if (known != tenure_by_name_.end()) {
    ++tenures_[known->second].references;
    return known->second;
  }
  Owner fresh;
  fresh.subject = number;
  fresh.compute_instance = compute_instance;
  fresh.workload = std::move(owner);
  fresh.references = 1;
  if (const auto before = forgotten_.extract(name)) {
    for (std::size_t having = 0; having < fresh.states.size(); ++having)
      fresh.states[having] = {{before.mapped()[having], false, true, 0}, 0};
    fresh.had_until = std::ranges::max(before.mapped());
  }
  Tenure tenure = static_cast<Tenure>(tenures_.size());
  if (free_tenures_.empty()) {
    tenures_.emplace_back();
  } else {
    tenure = free_tenures_.back();
    free_tenures_.pop_back();
  }
  fresh.next = std::exchange(subject(number).owner, tenure);
  fresh.name = name;
  tenure_by_name_.emplace(name, tenure);
  tenures_[tenure] = std::move(fresh);
  return tenure;
}

void Meter::have(Tenure tenure, Having having, EpochMs time) {
  const std::uint32_t of = tenures_[tenure].subject;
  Had& state = tenures_[tenure].states[static_cast<std::size_t>(having)];
  if (of_before_ || time < state.since || (time == state.since && state.on)) return;
  seen(of, time);
  if (!state.on || held_until(of, state, time) < time) count_owners(of, time);
  if (state.on) count_having(tenure, static_cast<std::size_t>(having), held_until(of, state, time));
  state = {told(time, true), 0};
}

void Meter::leave(Tenure tenure, Having having, EpochMs time) {
  Had& state = tenures_[tenure].states[static_cast<std::size_t>(having)];
  if (of_before_ || !state.on || time <= state.since) return;
  count_having(tenure, static_cast<std::size_t>(having), held_until(tenures_[tenure].subject, state, time));
  state = {told(time, false), 0};
}

void Meter::settle(EpochMs now) {
  const EpochMs hold = options_.hold.count();
  const auto is_silent = [&](const Subject& of) { return now - of.arrived >= hold; };
  // A state that is over has been counted for as long as it held: what is told of that time later is too late.
  const auto is_over = [&](const State& state, const Subject& of) {
    return state.on && (is_silent(of) || state.since + hold <= of.seen.since);
  };
  const auto end = [&](State& state) {
    state.since += hold;
    state.on = state.noted = false;
  };
  for (Tenure tenure = 0; tenure < tenures_.size(); ++tenure) {
    Owner& owner = tenures_[tenure];
    for (std::size_t having = 0; having < owner.states.size(); ++having) {
      State& state = owner.states[having];
      if (!is_over(state, subject(owner.subject))) continue;
      count_having(tenure, having, held_until(owner.subject, state, state.since + hold));
      end(state);
    }
  }
  for (std::uint32_t number = 0; number < subjects_.size(); ++number) {
    Subject& of = subjects_[number];
    for (std::size_t field = 0; field < kFields; ++field) {
      Told& told = of.fields[field];
      if (!is_over(told, of)) continue;
      count_field(number, field, held_until(number, told, told.since + hold));
      end(told);
    }
    if (!of.seen.on || !is_silent(of)) continue;
    count_seen(number, held_until(number, of.seen, of.seen.since + hold));
    end(of.seen);
  }
}

/// Both are sorted by bucket and subject. Running sums are rounded, so that the shares make up the whole.
void Meter::share_out(std::vector<OwnerUsage>& owners, std::vector<std::int64_t>& had,
                      const std::vector<SubjectUsage>& of) const {
  auto whole = of.begin();
  for (std::size_t at = 0; at < owners.size();) {
    const auto key = std::tie(owners[at].bucket, owners[at].subject);
    std::size_t end = at;
    std::int64_t all = 0;
    for (; end < owners.size() && std::tie(owners[end].bucket, owners[end].subject) == key; ++end) all += had[end];
    while (whole != of.end() && std::tie(whole->bucket, whole->subject) < key) ++whole;
    const bool found = whole != of.end() && std::tie(whole->bucket, whole->subject) == key;
    const std::int64_t owned = found ? whole->totals.owned_ms : 0;
    std::int64_t sum = 0, given = 0;
    for (; at < end; ++at) {
      sum += had[at];
      const std::int64_t up_to = all > 0 ? owned * sum / all : 0;
      owners[at].share_ms = up_to - given;
      given = up_to;
    }
  }
}

void Meter::note_silent(std::vector<Counted>& into, EpochMs before) {
  const auto note = [&](State& state, Counted one) {
    if (!state.is_known() || state.arrived_s * EpochMs{1000} >= before) return;
    state.noted = true;
    one.until = state.on ? state.since + 1 : state.since;  // behind that very time, which must not count again
    into.push_back(std::move(one));
  };
  for (std::uint32_t number = 0; number < subjects_.size(); ++number) {
    Subject& of = subjects_[number];
    note(of.seen, {number, {}, nullptr, kWhetherThere, 0});
    for (std::uint8_t field = 0; field < kFields; ++field) note(of.fields[field], {number, {}, nullptr, field, 0});
  }
  for (Owner& owner : tenures_)
    for (std::size_t having = 0; having < owner.states.size(); ++having)
      note(owner.states[having],
           {owner.subject, owner.compute_instance, owner.workload, static_cast<std::uint8_t>(having), 0});
}

void Meter::remember(const Counted& one) {
  Subject& of = subject(one.subject);
  const auto take_over = [&](State& state) {
    if (one.until > state.since) state = {one.until, false, true, 0};
  };
  if (one.owner) {
    EpochMs& until = forgotten_[tenure_name(one.subject, one.compute_instance, *one.owner)].at(one.what);
    until = std::max(until, one.until);
    of.owned_until = std::max(of.owned_until, one.until);
  } else if (one.what == kWhetherThere) {
    take_over(of.seen);
  } else {
    take_over(of.fields.at(one.what));
  }
}

bool Meter::is_unused(std::uint32_t number) const {
  if (number >= subjects_.size()) return true;
  const Subject& of = subjects_[number];
  return of.newest == kNone && of.owner == kNone && !of.seen.is_known() &&
         std::ranges::none_of(of.fields, [](const Told& one) { return one.is_known(); });
}

void Meter::drop(std::uint32_t number) {
  if (number < subjects_.size()) subjects_[number] = {};
}

void Meter::forget(Tenure tenure) {
  Owner& owner = tenures_[tenure];
  Tenure* at = &subjects_[owner.subject].owner;
  while (*at != tenure) at = &tenures_[*at].next;
  *at = owner.next;
  tenure_by_name_.erase(*owner.name);
  forgotten_[*owner.name] = {owner.states[0].since, owner.states[1].since};
  owner = {};
  free_tenures_.push_back(tenure);
}

/// Those that nobody refers to, once it is noted up to when they have been counted.
void Meter::forget_tenures() {
  for (Tenure tenure = 0; tenure < tenures_.size(); ++tenure) {
    Owner& owner = tenures_[tenure];
    const auto stays = [](const State& state) { return state.on || state.is_known(); };
    if (owner.references > 0 || !owner.name || std::ranges::any_of(owner.states, stays)) continue;
    forget(tenure);
  }
  const EpochMs oldest = arrived_ - kCountedKept.count();
  std::erase_if(forgotten_, [&](const auto& one) { return std::ranges::max(one.second) < oldest; });
}

Usage Meter::take(EpochMs silent_before) {
  Usage out;
  out.subjects.reserve(deltas_.size());
  for (Delta& one : deltas_) {
    subjects_[one.usage.subject].newest = kNone;
    out.subjects.push_back(one.usage);
  }
  deltas_.clear();
  const auto place = [](const auto& one) { return std::tie(one.bucket, one.subject); };
  std::ranges::sort(out.subjects, {}, place);
  struct Row {
    OwnerUsage usage;
    std::int64_t had;
    Tenure tenure;
  };
  std::vector<Row> rows;
  rows.reserve(owner_deltas_.size());
  for (const OwnerDelta& one : owner_deltas_) {
    Owner& owner = tenures_[one.tenure];
    owner.newest = kNone;
    rows.push_back({{owner.subject, one.bucket, owner.compute_instance, owner.workload, one.ms[0], one.ms[1], 0},
                    one.had_ms,
                    one.tenure});
  }
  owner_deltas_.clear();
  std::ranges::sort(rows, {}, [](const Row& row) { return std::tie(row.usage.bucket, row.usage.subject, row.tenure); });
  std::vector<std::int64_t> had;
  for (Row& row : rows) {
    out.owners.push_back(std::move(row.usage));
    had.push_back(row.had);
  }
  share_out(out.owners, had, out.subjects);
  note_silent(out.silent, silent_before);
  forget_tenures();
  return out;
}

}  // namespace tessera::fleet

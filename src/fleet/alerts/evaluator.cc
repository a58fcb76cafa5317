#include "fleet/alerts/evaluator.h"

#include <algorithm>

namespace tessera::fleet::alerts {
namespace {

/// One that fires was told of by its key and labels, and is told to have ended by them: what a later version adds to
/// them waits for the next one.
void renew(Track& track, const std::shared_ptr<const Subject>& told) {
  const Subject& before = *track.subject;
  const bool adds = track.phase == Phase::Firing && std::ranges::includes(told->labels, before.labels);
  if (before.key == told->key && (!adds || before == *told)) {
    track.subject = told;
    return;
  }
  const LabelSet& labels = adds ? before.labels : told->labels;
  if (before.beneath == told->beneath && before.labels == labels) return;
  track.subject = std::make_shared<const Subject>(Subject{before.key, told->beneath, labels});
}

/// Keys of serving engines began without their cluster once: a track that began so goes on so.
template <class Tracks>
auto find(Tracks& tracks, const Subject& subject) {
  const auto at = tracks.find(subject.key);
  const std::string_view key = subject.key, cluster = label_of(subject.labels, "cluster");
  if (at != tracks.end() || cluster.empty() || !key.starts_with(cluster)) return at;
  if (key.size() == cluster.size() || key[cluster.size()] != '/') return at;
  const auto before = tracks.find(key.substr(cluster.size() + 1));
  if (before == tracks.end()) return at;
  return label_of(before->second.track.subject->labels, "cluster") == cluster ? before : at;
}

}  // namespace

std::string_view phase_name(Phase phase) {
  constexpr std::array<std::string_view, kPhases> kNames = {"pending", "firing", "resolved"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::optional<Phase> phase_named(std::string_view name) {
  for (std::size_t i = 0; i < kPhases; ++i)
    if (phase_name(static_cast<Phase>(i)) == name) return static_cast<Phase>(i);
  return std::nullopt;
}

std::string_view why_name(Why why) {
  constexpr std::array<std::string_view, kWhys> kNames = {"observed", "gone", "noRule", "nowTold"};
  return kNames[static_cast<std::size_t>(why)];
}

bool operator==(const Track& a, const Track& b) {
  return a.rule == b.rule && *a.subject == *b.subject && a.phase == b.phase && a.since == b.since && a.last == b.last &&
         a.fired == b.fired && a.clear_since == b.clear_since && a.unseen_since == b.unseen_since && a.value == b.value;
}

Evaluator::Evaluator(std::vector<Rule> rules, Milliseconds holds, std::vector<Track> before)
    : rules_(std::move(rules)), holds_(holds), tracks_(rules_.size()) {
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (rules_[i].enabled) by_signal_[static_cast<std::size_t>(rules_[i].signal)].push_back(i);
  for (Track& track : before) {
    const Rule* of = rule(track.rule);
    if (!of || !of->enabled || !matches(of->scope, track.subject->labels)) {
      orphans_.push_back(std::move(track));
      continue;
    }
    const std::string key = track.subject->key;
    tracks_[static_cast<std::size_t>(of - rules_.data())].insert_or_assign(key, Kept{std::move(track)});
  }
}

const Rule* Evaluator::rule(std::string_view name) const {
  const auto found = std::ranges::find(rules_, name, &Rule::name);
  return found == rules_.end() ? nullptr : &*found;
}

std::vector<Change> Evaluator::take(const Round& round) {
  ++round_;
  std::vector<Change> changes;
  for (const Observation& one : round.observations)
    for (const std::size_t rule : by_signal_[static_cast<std::size_t>(one.signal)]) observe(rule, one, changes);
  let_go(round, changes);
  return changes;
}

void Evaluator::observe(std::size_t number, const Observation& one, std::vector<Change>& changes) {
  const Rule& rule = rules_[number];
  Tracks& tracks = tracks_[number];
  const auto at = find(tracks, *one.subject);
  if (at == tracks.end()) {
    if (!one.value || !rule.holds(*one.value) || !matches(rule.scope, one.subject->labels)) return;
    Kept& kept = tracks[one.subject->key];
    kept.seen = round_;
    kept.track = {.rule = rule.name, .subject = one.subject, .since = one.time, .last = one.time, .value = *one.value};
    fire_when_due(rule, kept.track, changes);
    return;
  }
  at->second.seen = round_;
  at->second.track.unseen_since.reset();
  const EpochMs last = at->second.track.last;
  if (!one.value || (one.time < last && !is_gap(last, one.time))) return;
  renew(at->second.track, one.subject);
  if (at->second.track.phase == Phase::Pending)
    observe_pending(rule, tracks, at, one, changes);
  else
    observe_firing(rule, tracks, at, one, changes);
}

void Evaluator::fire_when_due(const Rule& rule, Track& track, std::vector<Change>& changes) const {
  if (track.last - track.since < rule.hold_for.count()) return;
  track.phase = Phase::Firing;
  track.fired = track.last;
  changes.push_back({track, track.last});
}

void Evaluator::observe_pending(const Rule& rule, Tracks& tracks, Tracks::iterator at, const Observation& one,
                                std::vector<Change>& changes) const {
  Track& track = at->second.track;
  if (!rule.holds(*one.value)) {
    tracks.erase(at);
    return;
  }
  if (is_gap(track.last, one.time)) track.since = one.time;
  track.last = one.time;
  track.value = *one.value;
  fire_when_due(rule, track, changes);
}

void Evaluator::observe_firing(const Rule& rule, Tracks& tracks, Tracks::iterator at, const Observation& one,
                               std::vector<Change>& changes) const {
  Track& track = at->second.track;
  const bool broken = is_gap(track.last, one.time);
  track.last = one.time;
  if (!rule.clears(*one.value)) {
    track.clear_since.reset();
    track.value = *one.value;
    return;
  }
  if (!track.clear_since || broken) track.clear_since = one.time;
  if (one.time - *track.clear_since < rule.keep_firing.count()) return;
  track.phase = Phase::Resolved;
  changes.push_back({std::move(track), one.time});
  tracks.erase(at);
}

void Evaluator::let_go(const Round& round, std::vector<Change>& changes) {
  const auto resolve = [&](Track track, Why why) {
    if (track.phase != Phase::Firing) return;
    track.phase = Phase::Resolved;
    changes.push_back({std::move(track), round.time, why});
  };
  for (Track& one : orphans_) resolve(std::move(one), Why::NoRule);
  orphans_.clear();
  for (Tracks& tracks : tracks_)
    for (auto at = tracks.begin(); at != tracks.end();) {
      Kept& kept = at->second;
      if (kept.seen == round_ || !has_gone(kept.track, round)) {
        ++at;
        continue;
      }
      resolve(std::move(kept.track), Why::Gone);
      at = tracks.erase(at);
    }
}

/// Seen nothing of for as long as a value holds: one round may have come in between two series of one scrape.
bool Evaluator::has_gone(Track& track, const Round& round) const {
  if (std::ranges::binary_search(round.silent, track.subject->beneath)) {
    track.unseen_since.reset();
    return false;
  }
  if (!track.unseen_since || *track.unseen_since > round.time) track.unseen_since = round.time;
  return is_gap(*track.unseen_since, round.time);
}

std::vector<Track> Evaluator::tracks() const {
  std::vector<Track> out;
  for (const Tracks& tracks : tracks_)
    for (const auto& [key, kept] : tracks) out.push_back(kept.track);
  return out;
}

}  // namespace tessera::fleet::alerts

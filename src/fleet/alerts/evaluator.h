#pragma once
// From observations to alerts. Pure: time comes in with the observations.
//
// What a gap means. A value holds from its time until the next one of the same subject and signal, and at most for
// `holds`; what lies beyond is unobserved. So two values that are further apart than `holds` have a gap between them,
// and an observation without a value is no value: it neither makes a gap nor closes one.
// Of several values of one time each counts, in their order; so one that is seen again changes nothing. One that is a
// little earlier than the last is passed over; one that is earlier by more than `holds` shows that a clock was set
// back, and there is a gap before it.
//  - A rule fires at a value that its condition holds for, if it has held for each value of an unbroken run up to this
//    one, which began at least `hold_for` before it. A gap ends a run: the value behind it begins another one.
//  - It is resolved, likewise, at the end of an unbroken run of values that clear it, of at least `keep_firing`. A gap
//    does not resolve it, and neither does it fire again behind one: it has been firing all the while.
//  - What no longer is, or no longer can be so, is resolved; being silent is not that.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/alerts/rule.h"

namespace tessera::fleet::alerts {

struct Subject {
  std::string key;      ///< within its cluster and kind, and as long as it is the same: "default/GPU-1/2/0"
  std::string beneath;  ///< key of what tells of it: when that is silent, nothing is known of this one
  LabelSet labels;
  bool operator==(const Subject&) const = default;
};

struct Observation {
  Signal signal{};
  std::shared_ptr<const Subject> subject;
  EpochMs time = 0;  ///< of the sample
  std::optional<double> value{};
};

/// All that is seen at one time: a subject that it says nothing of is not there, or the signal does not apply to it any
/// longer, unless what is above it is silent.
struct Round {
  EpochMs time = 0;
  std::vector<Observation> observations;
  std::vector<std::string> silent;  ///< values of Subject::beneath, sorted
};

enum class Phase : std::uint8_t { Pending, Firing, Resolved };
inline constexpr std::size_t kPhases = 3;
std::string_view phase_name(Phase phase);  ///< "pending"
std::optional<Phase> phase_named(std::string_view name);

/// A rule whose condition holds for a subject, or did so a moment ago. All that a restart needs to know.
struct Track {
  std::string rule;
  std::shared_ptr<const Subject> subject;
  Phase phase = Phase::Pending;
  EpochMs since = 0;                      ///< first value of the run in which the condition holds
  EpochMs last = 0;                       ///< the newest value
  EpochMs fired = 0;                      ///< 0: not yet
  std::optional<EpochMs> clear_since{};   ///< first value of the run that clears it
  std::optional<EpochMs> unseen_since{};  ///< round from which on nothing has been said of it
  double value = 0;                       ///< the newest one that did not clear it
};
bool operator==(const Track& a, const Track& b);

enum class Why : std::uint8_t {
  Observed,  ///< the condition, or its end
  Gone,      ///< its subject is no more, or the signal does not apply to it
  NoRule,    ///< nobody wants to know any longer
  NowTold    ///< it has fired for a while, and what kept it from being told is over
};
inline constexpr std::size_t kWhys = 4;
std::string_view why_name(Why why);  ///< "observed"

/// A track has begun to fire, or is resolved: as it was then.
struct Change {
  Track track;
  EpochMs time = 0;
  Why why = Why::Observed;
};

class Evaluator {
 public:
  /// `before`: what another evaluator had. Tracks of rules that are not among `rules` are resolved in the first round.
  Evaluator(std::vector<Rule> rules, Milliseconds holds, std::vector<Track> before = {});

  /// In the order in which they come about.
  std::vector<Change> take(const Round& round);

  /// Pending and firing, by rule and subject.
  std::vector<Track> tracks() const;
  const std::vector<Rule>& rules() const { return rules_; }
  /// Null where there is none of this name.
  const Rule* rule(std::string_view name) const;

 private:
  struct Kept {
    Track track;
    std::uint64_t seen = 0;  ///< the last round that said something of it
  };
  using Tracks = std::map<std::string, Kept, std::less<>>;  ///< by subject

  void observe(std::size_t rule, const Observation& one, std::vector<Change>& changes);
  void fire_when_due(const Rule& rule, Track& track, std::vector<Change>& changes) const;
  void observe_pending(const Rule& rule, Tracks& tracks, Tracks::iterator at, const Observation& one,
                       std::vector<Change>& changes) const;
  void observe_firing(const Rule& rule, Tracks& tracks, Tracks::iterator at, const Observation& one,
                      std::vector<Change>& changes) const;
  void let_go(const Round& round, std::vector<Change>& changes);
  bool has_gone(Track& track, const Round& round) const;
  bool is_gap(EpochMs from, EpochMs to) const { return std::abs(to - from) > holds_.count(); }

  const std::vector<Rule> rules_;
  const Milliseconds holds_;
  std::array<std::vector<std::size_t>, kSignals> by_signal_;
  std::vector<Tracks> tracks_;  ///< by rule
  std::vector<Track> orphans_;  ///< of no rule
  std::uint64_t round_ = 0;
};

}  // namespace tessera::fleet::alerts

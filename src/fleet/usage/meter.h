#pragma once
// Usage as it adds up. What was told holds until it is told again, and for 2.5 intervals at most; from then on it is
// unobserved. Time is that of the samples alone, so that a backlog counts as what is told as it happens. Pure.
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/duration.h"
#include "fleet/name_key.h"
#include "fleet/usage/totals.h"

namespace tessera::fleet {

struct Workload;

/// Spans are aligned, and whole numbers of them make up five minutes: the longest such span that is not longer than the
/// interval.
Milliseconds span_for(Milliseconds interval);

struct MeterOptions {
  Milliseconds span;
  Milliseconds hold;  ///< how long a state lasts that is not told again
  /// From here on another meter counts the subject; null: none does.
  std::function<EpochMs(std::uint32_t subject)> ends{};
};

/// What was added to one span since the last time that it was taken.
struct SubjectUsage {
  std::uint32_t subject = 0;
  EpochMs bucket = 0;  ///< where the span begins
  Totals totals;
};
struct OwnerUsage {
  std::uint32_t subject = 0;
  EpochMs bucket = 0;
  std::optional<unsigned> compute_instance;  ///< that was given away; absent: all of the subject
  std::shared_ptr<const Workload> owner;
  std::int64_t held_ms = 0;
  std::int64_t used_ms = 0;
  std::int64_t share_ms = 0;  ///< owned_ms of the subject, shared out among those who had it at the same time
};
/// Something that is told no longer, and up to when it has been counted: what is told again of that time says nothing
/// new. Whoever forgets what was told keeps these, so that a request which comes again after hours is not counted
/// twice.
struct Counted {
  std::uint32_t subject = 0;
  std::optional<unsigned> compute_instance;  ///< of an owner
  std::shared_ptr<const Workload> owner;     ///< null: the subject's own
  std::uint8_t what = 0;                     ///< a Field or kWhetherThere; of an owner a Meter::Having
  EpochMs until = 0;
};
inline constexpr std::uint8_t kWhetherThere = kFields;
/// Known for so long, by the time of its samples.
inline constexpr Milliseconds kCountedKept{std::chrono::hours(24 * 7)};

struct Usage {
  std::vector<SubjectUsage> subjects;  ///< by bucket and subject
  std::vector<OwnerUsage> owners;      ///< likewise
  std::vector<Counted> silent;         ///< fallen silent since the last time
};

/// Owned by the thread that owns the fleet. Subjects are numbers of the caller's, small ones.
class Meter {
 public:
  enum class Having : std::uint8_t { Holds, Uses };
  using Tenure = std::uint32_t;  ///< of an owner in a subject

  explicit Meter(MeterOptions options) : options_(std::move(options)) {}

  /// The caller's clock: when what is told from now on has arrived.
  void arrived(EpochMs time) { arrived_ = time; }

  /// What is told while this is set is somebody else's to count (see MeterOptions::ends): nothing of it counts here.
  void tell_of_before(bool before) { of_before_ = before; }
  /// The earliest time of the subject that counts here; absent where there is none.
  std::optional<EpochMs> begins(std::uint32_t subject) const;

  /// The subject is there.
  void seen(std::uint32_t subject, EpochMs time);
  /// It has been taken away.
  void gone(std::uint32_t subject, EpochMs time);
  /// Absent: from here on nobody knows. A time that is not after what was told before says nothing new.
  void read(std::uint32_t subject, Field field, std::optional<double> value, EpochMs time);
  /// The value in the place of a better source, which is believed while it speaks.
  void read_second_best(std::uint32_t subject, Field field, std::optional<double> value, EpochMs time);

  /// Each call is matched by one of release().
  Tenure tenure(std::uint32_t subject, std::optional<unsigned> compute_instance, std::shared_ptr<const Workload> owner);
  void release(Tenure tenure) { --tenures_[tenure].references; }
  void have(Tenure tenure, Having having, EpochMs time);
  /// Says nothing where it was told at this very time by another series.
  void leave(Tenure tenure, Having having, EpochMs time);

  /// Counts what is over: a state that its subject has outlived, and all of a subject of which nothing has arrived for
  /// as long as a state lasts. Depends on what was told and on `now` alone, so that the same can be done again.
  void settle(EpochMs now);

  /// What has been added since the last call; and what has arrived for the last time before `silent_before`.
  Usage take(EpochMs silent_before = 0);

  /// From before a restart.
  void remember(const Counted& one);

  /// Nothing of it lasts, is to be taken or has an owner: its number may be another's once it is dropped.
  bool is_unused(std::uint32_t subject) const;
  void drop(std::uint32_t subject);

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  /// Something that is told again and again.
  struct State {
    EpochMs since = 0;  ///< last told, and counted up to here
    bool on = false;
    bool noted = false;           ///< that it is silent
    std::uint32_t arrived_s = 0;  ///< when it was told last, by the caller's clock
    bool is_known() const { return since != 0 && !noted; }
  };
  struct Told : State {
    std::int64_t value = 0;
  };
  struct Had : State {
    EpochMs counted = 0;  ///< up to here, where that is behind `since`
  };
  struct Subject {
    State seen;
    EpochMs arrived = 0;
    EpochMs begins = 0;  ///< the earliest time that was told; 0: none
    EpochMs owned_until = 0;
    EpochMs better_until = 0;  ///< of Utilization: until then the better source is believed
    std::array<Told, kFields> fields{};
    std::uint32_t newest = kNone;  ///< its first of `deltas_`
    Tenure owner = kNone;          ///< its first of `tenures_`
  };
  struct Delta {
    SubjectUsage usage;
    std::uint32_t next = kNone;  ///< of the same subject
  };
  struct Owner {
    std::uint32_t subject = 0;
    std::optional<unsigned> compute_instance;
    std::shared_ptr<const Workload> workload;
    std::uint32_t references = 0;
    std::array<Had, 2> states{};  ///< by Having
    EpochMs had_until = 0;
    std::uint32_t newest = kNone;   ///< its first of `owner_deltas_`
    Tenure next = kNone;            ///< of the same subject
    std::optional<NameKey> name{};  ///< its key in tenure_by_name_; absent: nobody's
  };
  /// Of an owner that is forgotten.
  using CountedUntil = std::array<EpochMs, 2>;  ///< by Having
  struct OwnerDelta {
    Tenure tenure = 0;
    EpochMs bucket = 0;
    std::array<std::int64_t, 2> ms{};  ///< by Having
    std::int64_t had_ms = 0;           ///< either
    std::uint32_t next = kNone;
  };

  Subject& subject(std::uint32_t number);
  Totals& totals(std::uint32_t subject, EpochMs bucket);
  OwnerDelta& owner_delta(Tenure tenure, EpochMs bucket);
  State told(EpochMs time, bool on) const { return {time, on, false, static_cast<std::uint32_t>(arrived_ / 1000)}; }
  EpochMs held_until(std::uint32_t subject, const State& state, EpochMs time) const;
  template <class Add>
  void spread(EpochMs from, EpochMs to, const Add& add) const;
  void count_seen(std::uint32_t number, EpochMs to);
  void count_field(std::uint32_t number, std::size_t field, EpochMs to);
  void count_owners(std::uint32_t number, EpochMs to);
  void count_having(Tenure tenure, std::size_t having, EpochMs to);
  void forget(Tenure tenure);
  void note_silent(std::vector<Counted>& into, EpochMs before);
  void forget_tenures();
  void share_out(std::vector<OwnerUsage>& owners, std::vector<std::int64_t>& had,
                 const std::vector<SubjectUsage>& of) const;

  const MeterOptions options_;
  EpochMs arrived_ = 0;
  bool of_before_ = false;
  std::deque<Subject>
      subjects_;              ///< like all of these: grows without a copy of all, and without room for twice as many
  std::deque<Delta> deltas_;  ///< those of a subject are linked newest span first
  std::deque<Owner> tenures_;
  std::vector<Tenure> free_tenures_;
  std::deque<OwnerDelta> owner_deltas_;
  ByName<Tenure> tenure_by_name_;
  ByName<CountedUntil> forgotten_;  ///< by the name of the tenure
};

}  // namespace tessera::fleet

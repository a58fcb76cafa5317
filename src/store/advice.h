#pragma once
// Advice as it was said and what became of it, and what serving engines did over time, which it is given by. See
// migrations/0180_advice.sql.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/advice/seen.h"
#include "fleet/cost/money.h"
#include "store/database.h"
#include "store/history.h"

namespace tessera::store {

/// What the last run said, or one before it.
struct AdviceSaid {
  std::string id;
  std::string kind;
  std::string cluster;
  std::string space;  ///< namespace; empty where it is about no workload
  std::string name;   ///< of the workload, the device or the model
  std::string aim;
  std::optional<fleet::Micros> per_month;
  EpochMs first_said = 0, last_said = 0;
  bool standing = true;  ///< the last run has said it
  std::string body;      ///< JSON
  bool operator==(const AdviceSaid&) const = default;
};

enum class AdviceState : std::uint8_t { Open, Accepted, Snoozed, Dismissed };
inline constexpr std::size_t kAdviceStates = 4;
std::string_view advice_state_name(AdviceState state);  ///< "open"
std::optional<AdviceState> advice_state_named(std::string_view name);

/// What somebody has made of one: never Open.
struct AdviceAnswer {
  std::string id;
  AdviceState state = AdviceState::Accepted;
  EpochMs at = 0;
  std::string by;
  std::optional<EpochMs> until;  ///< of Snoozed
  std::string reason;
  std::string aim;  ///< as it was said then
  std::optional<fleet::Micros> per_month;
  std::string body;
  bool operator==(const AdviceAnswer&) const = default;
};

/// In a transaction: these are what stands, and nothing else. `first_said` of one that stands already is kept.
Result<void> keep_advice(Database& database, const std::vector<AdviceSaid>& said);
/// By id; those that stand no longer too, until they are dropped.
Result<std::vector<AdviceSaid>> advice_said(Database& database);
/// Those that stand no longer, and were said last before `time`.
Result<void> drop_advice_before(Database& database, EpochMs time);

/// By id.
Result<std::vector<AdviceAnswer>> advice_answers(Database& database);
Result<void> put_advice_answer(Database& database, const AdviceAnswer& answer);
Result<void> drop_advice_answer(Database& database, const std::string& id);

/// What was said and answered under an id stands under another one, unless something does already.
Result<void> rename_advice(Database& database, const std::string& from, const std::string& to);

/// What the engines of a pod did in one slot.
struct ServingSeen {
  std::string cluster;
  std::string space;  ///< namespace
  std::string pod;
  fleet::advice::EngineSlot slot;
};
/// Adds to what is there of the same pod and slot: sums to sums, the most to the most.
Result<void> add_serving_seen(Database& database, const std::vector<ServingSeen>& seen);
/// From `from` on, by pod and slot.
Result<std::vector<ServingSeen>> serving_seen(Database& database, EpochMs from);
Result<void> drop_serving_seen_before(Database& database, EpochMs time);

/// Moves that would free devices of a model, as look after look has shown them.
struct ScatterSeen {
  std::string cluster;
  std::string model;
  EpochMs first = 0;
  std::int64_t looks = 0;
  EpochMs looked = 0;  ///< last
  bool operator==(const ScatterSeen&) const = default;
};
Result<std::vector<ScatterSeen>> scatter_seen(Database& database);
/// These and no others.
Result<void> keep_scatter_seen(Database& database, const std::vector<ScatterSeen>& seen);

/// A pod on a part that it had, slot by slot.
struct HeldSlot {
  std::string cluster;
  std::string space;
  std::string pod;
  std::string pod_uid;
  std::string device_uuid;
  std::optional<unsigned> gpu_instance;
  std::string profile;
  fleet::advice::Slot slot;
};
/// take(slot) by pod, part and time, of whole buckets. One at a time: a fleet has millions of them.
Result<void> each_held_slot(Database& database, const Span& span, const std::function<void(const HeldSlot&)>& take);

/// take(bucket's begin, device's UUID) for what anything was known of, whether somebody had it or not; for each part,
/// so the same may come several times.
Result<void> each_told_device(Database& database, const Span& span,
                              const std::function<void(EpochMs, const std::string&)>& take);

/// All devices of one model that were bought on demand, in one hour of the ledger; shares of devices add up to devices.
struct PoolHour {
  EpochMs hour = 0;
  std::string cluster;
  std::string model;
  std::int64_t held_ms = 0;        ///< that somebody had them
  std::int64_t unobserved_ms = 0;  ///< that nobody knows of
  std::int64_t device_ms = 0;      ///< of all
};
/// Of [from, to), by cluster, model and hour.
Result<std::vector<PoolHour>> pool_hours(Database& database, EpochMs from, EpochMs to);

}  // namespace tessera::store

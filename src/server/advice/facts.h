#pragma once
// What advice is given by, of a fleet: what pods hold by the kubelet's word, what it costs an hour, and what usage and
// engines' histories say of it.
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "fleet/advice/advice.h"
#include "server/cost/costs.h"
#include "server/keeper.h"
#include "store/advice.h"
#include "store/alerts.h"

namespace tessera::server {

/// A pod on a part: cluster, namespace, pod, device's UUID, GPU instance (-1: all of the device).
using HeldPart = std::tuple<std::string, std::string, std::string, std::string, int>;
struct HeldSeen {
  std::string pod_uid;
  fleet::advice::Seen seen;
};
using HeldHistory = std::map<HeldPart, HeldSeen>;
/// Of the time before `now` that `how` looks at. Slots are read one after the other: what is kept is what they come to.
/// `also` is told of each slot, too.
Result<HeldHistory> held_history(store::Database& database, const fleet::advice::Windowing& how, EpochMs now,
                                 const std::function<void(const store::HeldSlot&)>& also = {});

/// Of the same time: the slots in which anything was known of a device.
Result<void> each_told(store::Database& database, const fleet::advice::Windowing& how, EpochMs now,
                       const std::function<void(EpochMs, const std::string&)>& take);

using AlertCopies = std::map<std::string, std::string>;  ///< by the name of a rule's copy its original's

struct AdviceHistory {
  HeldHistory held;
  std::vector<store::ServingSeen> serving;     ///< by pod and time
  std::vector<store::AlertEvent> alerts;       ///< of hardware, of the last kTroubleWindow; of each the latest first
  std::vector<fleet::alerts::Track> tracks{};  ///< that stand
  AlertCopies copies{};
};
inline constexpr Milliseconds kTroubleWindow{std::chrono::hours(24 * 7)};

/// What alerts said of devices that are there: `events` of the last kTroubleWindow, and what stands since before it.
std::vector<fleet::advice::Trouble> troubles_of(const Published& known, const HourlyCosts* hourly,
                                                const std::vector<store::AlertEvent>& events,
                                                const std::vector<fleet::alerts::Track>& tracks,
                                                const AlertCopies& copies, EpochMs now);

/// What one more of a resource would cost an hour in the cluster that is watched, by the dearest device that may be it;
/// absent where one of them has no rate.
std::optional<fleet::Micros> dearest(const Published& known, const HourlyCosts* hourly, const std::string& resource);

/// `hourly`: null where nothing is reckoned; then nothing costs anything that is known.
fleet::advice::Facts advice_facts(const Published& known, const HourlyCosts* hourly, const AdviceHistory& history,
                                  const fleet::advice::Windowing& how, EpochMs now);

/// What engines have done since `since`, as one looks at them now: for the slot of `now`.
std::vector<store::ServingSeen> serving_since(const fleet::ServingView& serving, EpochMs since, EpochMs now,
                                              Milliseconds slot);

}  // namespace tessera::server

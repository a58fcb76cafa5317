#pragma once
// What rules are held against: the fleet as it is now, taken apart into subjects and signals. What nobody can know now,
// because who would tell it is silent, is observed without a value; what does not apply (the utilization of a board
// that has been cut, the power of one that has nothing to do) is not observed. One thread's own.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fleet/alerts/baseline.h"
#include "fleet/alerts/evaluator.h"
#include "fleet/alerts/observe_budgets.h"
#include "fleet/alerts/observe_costs.h"
#include "fleet/alerts/observe_engines.h"
#include "fleet/alerts/observe_sessions.h"
#include "fleet/alerts/own_past.h"
#include "fleet/cluster/cluster.h"
#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet::alerts {

inline constexpr Milliseconds kXidWindow{15 * 60'000};

struct Sight {
  const View& view;
  const ServingView& serving;
  std::optional<std::span<const XidsSeen>> xids;  ///< of the last kXidWindow, of all devices; absent: nobody knows
  std::optional<double> refused_requests{};       ///< with samples, in as long; absent where nobody counted for so long
  std::optional<std::span<const BudgetCrossed>> budgets =
      std::span<const BudgetCrossed>();  ///< that are in force; absent: nobody knows yet
  std::optional<std::span<const CostDeviation>> costs = std::span<const CostDeviation>();  ///< likewise
  const ClusterView* cluster = nullptr;  ///< null: as one that is not watched
  IsHostJob is_host_job{};               ///< null: no process outside of pods is one
  IsPlatform is_platform{};              ///< null: no pod is
};

class Observer {
 public:
  /// As own() and recent_text() of another one were.
  explicit Observer(OwnBaseline own = {}, std::string_view recent = {}) : own_(std::move(own), recent) {}

  /// Not const: what devices are like is noted for later.
  Round look(const Sight& sight);

  const OwnBaseline& own() const { return own_.hours(); }
  std::string recent_text() const { return own_.recent_text(); }

 private:
  /// Only a kubelet that has told falls silent: what the cluster's API no longer rules out, nobody will tell of.
  /// `tells`: it does, of who holds something there or of who uses it without.
  bool holders_are_silent(const Node& node, bool tells, bool known, EpochMs now);
  /// Nobody tells of processes of a device that is heard of, and a while ago its agent did, or may have done so: who
  /// looks for the first time does not know.
  bool agent_is_away(const Device& device, const std::string& key, EpochMs now);

  struct Agent {
    EpochMs told = 0;    ///< last, or nothing was heard of the device then
    EpochMs looked = 0;  ///< round
  };

  OwnPast own_;
  Engines engines_;
  std::unordered_map<std::string, Agent> agents_;  ///< by key, of devices that are there
  std::unordered_map<std::string, EpochMs> held_;  ///< when the kubelet told last of each node, of late
};

}  // namespace tessera::fleet::alerts

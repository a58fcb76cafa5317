#pragma once
// The last two weeks of what the pods of a scenario held and did, as a server that had looked on would have written it
// down. Made up: advice in the demo stands on it.
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/usage/meter.h"
#include "sim/scenario.h"
#include "store/usage.h"

namespace tessera::demo {

/// A device or an instance that a pod of the scenario holds.
struct HeldPart {
  std::string uuid;
  const sim::GpuSpec* gpu = nullptr;
  const sim::InstanceSpec* instance = nullptr;  ///< null: the whole device
  const sim::PodSpec* pod = nullptr;
  std::size_t ordinal = 0;  ///< among those that the pod holds
};
std::vector<HeldPart> held_parts(const sim::Scenario& scenario);

/// What was told of a part in the five minutes that begin at `slot`; nothing where nobody told, or the pod was not
/// there yet. `now`: where the past ends.
std::optional<fleet::Totals> told_of(const HeldPart& part, EpochMs slot, EpochMs now);

/// Up to the last five minutes that are over at `now`.
Result<void> write_usage(store::Database& database, const std::string& cluster, const sim::Scenario& scenario,
                         EpochMs now, int days);

}  // namespace tessera::demo

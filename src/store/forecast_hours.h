#pragma once
// What forecasts stand on, by the hour: what the cost ledger says of models and teams, and how much was waited for.
// Whoever writes guards it by his epoch (Database::guard).
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fleet/cost/posting.h"
#include "store/database.h"

namespace tessera::store {

/// All devices of one model that one team had in one way within an hour.
struct LedgerHour {
  EpochMs hour = 0;   ///< where it begins
  std::string model;  ///< "H100_80GB"
  std::string team;   ///< empty: nobody's, or a team is not known
  fleet::CostKind kind = fleet::CostKind::Unobserved;
  std::int64_t device_ms = 0;  ///< of whole devices
  fleet::Micros micros = 0;    ///< with corrections
};
/// Of [from, to), which are beginnings of hours; in no order.
Result<std::vector<LedgerHour>> ledger_hours(Database& database, EpochMs from, EpochMs to);

/// The hours of [from, to) of which all buckets are closed, in their order.
Result<std::vector<EpochMs>> closed_hours(Database& database, EpochMs from, EpochMs to);

/// What one team waited for on one model.
struct QueueShare {
  std::string team;   ///< empty: none was named
  std::string model;  ///< empty: any, or one of several
  std::int64_t gpu_ms = 0;
};
/// In a transaction of the caller's: adds what was waited for within `observed_ms` more of an hour.
Result<void> add_queue(Database& database, EpochMs hour, std::int64_t observed_ms,
                       const std::vector<QueueShare>& waited);

struct QueueHour {
  EpochMs hour = 0;
  std::int64_t observed_ms = 0;
  std::vector<QueueShare> waited;  ///< by team and model
};
/// Those of [from, to) in which somebody looked, in their order.
Result<std::vector<QueueHour>> queue_hours(Database& database, EpochMs from, EpochMs to);

Result<void> drop_queue_before(Database& database, EpochMs time);

}  // namespace tessera::store

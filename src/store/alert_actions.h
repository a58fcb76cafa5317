#pragma once
// What is done about alerts, and has been.
#include <cstdint>
#include <vector>

#include "fleet/alerts/actions.h"
#include "store/database.h"

namespace tessera::store {

/// Those that have not ended, by id.
Result<std::vector<fleet::alerts::ActionRecord>> open_alert_actions(Database& database);
/// All that are kept, the latest first; the `most` latest.
Result<std::vector<fleet::alerts::ActionRecord>> alert_actions(Database& database, std::size_t most);
/// In a transaction of the caller's: gives it the next id.
Result<void> add_alert_action(Database& database, fleet::alerts::ActionRecord& action);
/// Its stage, times and last error.
Result<void> note_alert_action(Database& database, const fleet::alerts::ActionRecord& action);
/// Those that had ended by then.
Result<void> drop_alert_actions_before(Database& database, EpochMs time);

}  // namespace tessera::store

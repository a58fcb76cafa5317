#pragma once
// What a server starts of costs, by its settings.
#include <functional>
#include <memory>

#include "server/cost/costs.h"
#include "server/cost/ledger_closer.h"
#include "server/settings.h"

namespace tessera::server {

/// Null where gpu.management.cost.enabled is false.
std::unique_ptr<Costs> open_costs(const Settings& settings, const Latest<Published>& fleet, store::Readers& readers);

/// The ledger has one currency, whoever leads: Invalid for another one. Who leads makes it the ledger's where there is
/// none.
Result<void> check_currency(const Settings& settings, store::Database& database, bool leads);

/// Null where there is nothing to write it with: of who follows.
std::unique_ptr<LedgerCloser> close_ledger(const Settings& settings, std::unique_ptr<store::Database> database,
                                           const Latest<Published>& fleet, std::function<bool()> started);

}  // namespace tessera::server

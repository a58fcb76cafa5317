#include "server/cost/start.h"

namespace tessera::server {

std::unique_ptr<Costs> open_costs(const Settings& settings, const Latest<Published>& fleet, store::Readers& readers) {
  if (!settings.cost.enabled) return nullptr;
  CostsOptions options{settings.cost, owner_rules(settings.cost, settings.team_labels, settings.teams)};
  options.interval = settings.collection_interval;
  return std::make_unique<Costs>(std::move(options), fleet, readers);
}

Result<void> check_currency(const Settings& settings, store::Database& database, bool leads) {
  if (!settings.cost.enabled) return {};
  const auto currency = TRY(fleet::Currency::named(settings.cost.currency));
  if (leads || TRY(store::cost_currency(database))) return store::keep_currency(database, currency);
  return {};
}

std::unique_ptr<LedgerCloser> close_ledger(const Settings& settings, std::unique_ptr<store::Database> database,
                                           const Latest<Published>& fleet, std::function<bool()> started) {
  if (!database) return nullptr;
  LedgerOptions options{settings.cost, owner_rules(settings.cost, settings.team_labels, settings.teams)};
  options.usage_kept = std::chrono::hours(24 * settings.retention_days);
  return std::make_unique<LedgerCloser>(std::move(database), fleet, std::move(started), std::move(options));
}

}  // namespace tessera::server

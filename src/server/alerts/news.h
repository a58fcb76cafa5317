#pragma once
// Alerts that begin and end, as events of /events.
#include <vector>

#include "fleet/inventory/changes.h"
#include "server/access/changes.h"
#include "server/keeper.h"
#include "store/alerts.h"

namespace tessera::server {

/// It concerns the namespace that it names; of a whole device, those that have something of it; else none.
fleet::Change alert_change(const store::AlertEvent& event, const fleet::View& view);

/// What another server has kept, for one that does not lead. One thread's own.
class AlertNews {
 public:
  AlertNews(Changes& changes, const Latest<Published>& fleet) : changes_(changes), fleet_(fleet) {}

  /// Since this was asked last; what was before the first time is no news. Nothing while the database does not answer.
  std::vector<fleet::Change> next();

 private:
  Changes& changes_;
  const Latest<Published>& fleet_;
  std::optional<std::int64_t> told_;  ///< the newest event
};

}  // namespace tessera::server

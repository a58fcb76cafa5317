#pragma once
// /alerts: what stands, what has happened, the rules, silences, and a test of the receivers.
#include <string>
#include <vector>

#include "http/server.h"
#include "metrics/page.h"
#include "server/alerts/actions.h"
#include "server/alerts/alerts.h"
#include "server/alerts/notifier.h"

namespace tessera::server {

/// All of what is given outlives the routes.
std::vector<http::Route> alert_routes(Alerts& alerts, const Notifier& notifier, const std::string& api);

void add_action_metrics(metrics::Page& page, const ActionStats& stats);
void add_alert_metrics(metrics::Page& page, const Alerts& alerts, const Notifier& notifier);

}  // namespace tessera::server

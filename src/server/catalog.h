#pragma once
// Every metric that the server exposes, as data: the page is written from it.
#include <array>
#include <string_view>

#include "metrics/described.h"

namespace tessera::server {

using metrics::Described;

namespace catalog {
using metrics::Type;

// Of the fleet.
inline constexpr Described kGpuUtilization{{"gpu_utilization", Type::Gauge, "percent",
                                            "Utilization of the device, 0 to 100; in MIG mode that of its instances, "
                                            "weighted by compute slices over the whole "
                                            "device. Absent where it is not known."},
                                           "device_id, model",
                                           "graphics engine activity, else GPU utilization"};
inline constexpr Described kGpuTemperature{
    {"gpu_temperature", Type::Gauge, "celsius", "Temperature of the GPU core. Absent where it is not known."},
    "device_id",
    "temperature of the device"};
inline constexpr Described kMigAllocationRatio{
    {"mig_allocation_ratio", Type::Gauge, "ratio",
     "Part of the profile's instances that somebody holds, uses or is promised, 0 to 1."},
    "profile",
    "instances, their holders and allocations"};

inline constexpr Described kHourlyCost{
    {"gpu_hourly_cost", Type::Gauge, "currency",
     "Money an hour for what the team and the project have now, in the currency of gpu.management.cost.currency; empty "
     "labels: nobody says whose it is."},
    "team, project",
    "rates, and who holds or uses what"};
inline constexpr Described kHourlyCostOfNobody{{"gpu_hourly_cost_of_nobody", Type::Gauge, "currency",
                                                "Money an hour for what nobody has to pay: unallocated, unobserved, "
                                                "overhead. With gpu_hourly_cost it comes to what "
                                                "all GPUs cost."},
                                               "kind",
                                               "likewise"};

inline constexpr Described kBudgetAmount{
    {"gpu_budget_amount", Type::Gauge, "currency",
     "What a budget's scope may cost in a period, in the currency of gpu.management.cost.currency."},
    "budget, scope",
    "budgets"};
inline constexpr Described kBudgetSpent{{"gpu_budget_spent", Type::Gauge, "currency",
                                         "What a budget's scope has cost in its present period, as far as the ledger "
                                         "is closed. Absent where nothing of the period is closed."},
                                        "budget, scope",
                                        "the cost ledger"};
inline constexpr Described kBudgetEvenPace{{"gpu_budget_even_pace", Type::Gauge, "currency",
                                            "What an even pace would have spent of the budget up to there. Absent "
                                            "where nothing of the period is closed."},
                                           "budget, scope",
                                           "budgets"};
inline constexpr Described kBudgetForecast{{"gpu_budget_forecast", Type::Gauge, "currency",
                                            "What the present period is expected to come to. Absent where there is "
                                            "too little history to say."},
                                           "budget, scope",
                                           "a forecast from the cost ledger"};
inline constexpr Described kBudgetCrossed{
    {"gpu_budget_threshold_crossed", Type::Gauge, "crossings",
     "1 for each threshold, in percent of the amount, that was crossed in the present period, by what was spent "
     "(actual) or is expected (forecast)."},
    "budget, scope, threshold, kind",
    "budgets"};

// Of the server.
inline constexpr Described kBudgetLooks{{"tessera_server_budget_looks_total", Type::Counter, "looks",
                                         "How often it was worked out how budgets stand: done, or failed where the "
                                         "database did not answer, which is tried again."},
                                        "result",
                                        "the budgets"};
inline constexpr Described kLedgerClosed{{"tessera_server_cost_buckets_closed_total", Type::Counter, "buckets",
                                          "Quarters of an hour of the cost ledger that this server has closed."},
                                         "",
                                         "the cost ledger"};
inline constexpr Described kLedgerCorrected{{"tessera_server_cost_buckets_corrected_total", Type::Counter, "buckets",
                                             "Buckets that were closed and for which a correction was entered."},
                                            "",
                                            "the cost ledger"};
inline constexpr Described kLedgerFailures{{"tessera_server_cost_failures_total", Type::Counter, "tries",
                                            "Times that the ledger could not be kept; it is tried again."},
                                           "",
                                           "the cost ledger"};
inline constexpr Described kLedgerLate{{"tessera_server_cost_late_buckets", Type::Gauge, "buckets",
                                        "Closed buckets that wait to be corrected, of the next 64."},
                                       "",
                                       "the cost ledger"};
inline constexpr Described kLedgerClosedUntil{
    {"tessera_server_cost_closed_until_timestamp_seconds", Type::Gauge, "seconds",
     "Until when the cost ledger is closed, seconds since the Unix epoch. Absent where nothing is."},
    "",
    "the cost ledger"};
inline constexpr Described kBuildInfo{
    {"tessera_server_build_info", Type::Info, "", "The running server. Always 1."}, "version", "build"};
inline constexpr Described kLeads{
    {"tessera_server_leads", Type::Gauge, "boolean",
     "1 while this server takes in what is sent and runs the jobs; 0 while another one that shares its database does."},
    "",
    "the lease"};
inline constexpr Described kReady{{"tessera_server_ready", Type::Gauge, "boolean",
                                   "1 if what was accepted before the start is in what the server tells, 0 while it is "
                                   "read again."},
                                  "",
                                  "the journal"};
inline constexpr Described kDevices{
    {"tessera_server_devices", Type::Gauge, "devices", "Devices known, by whether they are heard of."},
    "presence",
    "the fleet"};
inline constexpr Described kNodes{
    {"tessera_server_nodes", Type::Gauge, "nodes", "Nodes with devices."}, "", "the fleet"};
inline constexpr Described kSeries{
    {"tessera_server_series", Type::Gauge, "series", "Series known, with those that say nothing of the fleet."},
    "",
    "the keeper's index"};
inline constexpr Described kViewTime{{"tessera_server_view_timestamp_seconds", Type::Gauge, "seconds",
                                      "Time of the view that is told, seconds since the Unix epoch."},
                                     "",
                                     "the keeper"};
inline constexpr Described kPublishSeconds{
    {"tessera_server_publish_seconds", Type::Gauge, "seconds", "Time that the last view took to make."},
    "",
    "the keeper"};
inline constexpr Described kClockDisbelieved{
    {"tessera_server_clock_disbelieved_seconds", Type::Gauge, "seconds",
     "How far the machine's clock was set ahead of the one that samples agree with, or behind it. Usually 0."},
    "",
    "the keeper's clock"};
inline constexpr Described kRequests{
    {"tessera_server_write_requests_total", Type::Counter, "requests", "Requests with samples that were accepted."},
    "",
    "intake"};
inline constexpr Described kRefused{{"tessera_server_write_refused_requests_total", Type::Counter, "requests",
                                     "Requests with samples that were refused."},
                                    "reason",
                                    "intake"};
inline constexpr Described kSamples{
    {"tessera_server_samples_total", Type::Counter, "samples", "Samples that told something of the fleet."},
    "",
    "the keeper"};
inline constexpr Described kUsageRows{
    {"tessera_server_usage_rows_total", Type::Counter, "rows", "Rows of usage that were added to the database."},
    "",
    "the keeper"};
inline constexpr Described kUsageTooLate{{"tessera_server_usage_too_late_rows_total", Type::Counter, "rows",
                                          "Rows of usage of a time that no resolution keeps any longer."},
                                         "",
                                         "the keeper"};
inline constexpr Described kSaveSeconds{
    {"tessera_server_save_seconds", Type::Gauge, "seconds", "Time that the last save of usage took."},
    "",
    "the keeper"};
inline constexpr Described kFailedSaves{{"tessera_server_failed_saves_total", Type::Counter, "saves",
                                         "Saves that the database did not take; what they held is tried again."},
                                        "",
                                        "the keeper"};
inline constexpr Described kIgnored{
    {"tessera_server_ignored_samples_total", Type::Counter, "samples",
     "Samples that were passed over: future, from too far ahead of the clock; too_old, of a time that nothing keeps "
     "any "
     "longer; not_newer, double or older than what is known; unknown_metric, of a series that says nothing here; "
     "exemplar and histogram, of a kind that is not kept."},
    "reason",
    "intake and keeper"};
inline constexpr Described kClamped{{"tessera_server_values_clamped_total", Type::Counter, "values",
                                     "Ratios above 1 and percentages above 100 that were taken as 1 and 100."},
                                    "",
                                    "the fleet"};
inline constexpr Described kQueuedBytes{
    {"tessera_server_queued_bytes", Type::Gauge, "bytes", "Memory of what was accepted and is not yet in the fleet."},
    "",
    "the keeper's queue"};
inline constexpr Described kEvents{{"tessera_server_events_total", Type::Counter, "events",
                                    "Events of the fleet, whether anybody followed them or not."},
                                   "type",
                                   "comparison of views"};
inline constexpr Described kEventClients{
    {"tessera_server_event_clients", Type::Gauge, "clients", "Clients that follow /events."}, "", "the events"};
inline constexpr Described kEventClientsEnded{
    {"tessera_server_event_clients_ended_total", Type::Counter, "clients",
     "Clients of /events that are no more: gone, by themselves; slow, cut because they did not read; refused, over the "
     "limit."},
    "reason",
    "the events and HTTP server"};
inline constexpr Described kProxied{
    {"tessera_server_proxied_queries_total", Type::Counter, "queries",
     "Queries for the engine behind prometheus.url: answered; failed, without a reply that can be handed on; refused, "
     "too many at once."},
    "outcome",
    "the proxy"};
inline constexpr Described kJournalRecords{
    {"tessera_server_journal_records", Type::Gauge, "records", "Requests that the journal holds."}, "", "the journal"};
inline constexpr Described kJournalBytes{
    {"tessera_server_journal_disk_bytes", Type::Gauge, "bytes", "Disk space of the journal."}, "", "the journal"};
inline constexpr Described kJournalDropped{
    {"tessera_server_journal_dropped_samples_total", Type::Counter, "samples",
     "Samples that left the journal early: full, to make room; age, too old; corrupt, rotten on the disk."},
    "reason",
    "the journal"};
inline constexpr Described kJournalErrors{{"tessera_server_journal_write_errors_total", Type::Counter, "errors",
                                           "Writes and syncs of the journal that failed."},
                                          "",
                                          "the journal"};
inline constexpr Described kJournalSyncs{
    {"tessera_server_journal_syncs_total", Type::Counter, "syncs", "Syncs of the journal to the disk."},
    "",
    "the journal"};
inline constexpr Described kHttpRequests{
    {"tessera_server_http_requests_total", Type::Counter, "requests", "Requests that were replied to."},
    "",
    "HTTP server"};
inline constexpr Described kRouteRequests{
    {"tessera_server_route_requests_total", Type::Counter, "requests",
     "Requests that a route replied to; those refused for who sent them are in tessera_server_access_refused_total."},
    "method, route, code",
    "the routes"};
inline constexpr Described kRouteSeconds{
    {"tessera_server_route_seconds_total", Type::Counter, "seconds",
     "Time that a route took for its replies: by the number of requests, the mean."},
    "method, route",
    "the routes"};
inline constexpr Described kStoreReads{{"tessera_server_store_reads_total", Type::Counter, "reads",
                                        "Questions about the past that the database answered."},
                                       "",
                                       "the readers"};
inline constexpr Described kStoreReadSeconds{{"tessera_server_store_read_seconds_total", Type::Counter, "seconds",
                                              "Time that they took, with the wait for a connection."},
                                             "",
                                             "the readers"};
inline constexpr Described kHttpConnections{
    {"tessera_server_http_connections", Type::Gauge, "connections", "Connections that are open."}, "", "HTTP server"};
inline constexpr Described kHttpRefused{
    {"tessera_server_http_refused_total", Type::Counter, "requests",
     "Requests and connections that were refused or cut: connections, too many of them; header_size, body_size, too "
     "large; unauthorized; timeout; failed, by a fault of the server."},
    "reason",
    "HTTP server"};
inline constexpr Described kAnswers{{"tessera_server_answers_total", Type::Counter, "replies",
                                     "Good replies of the API about the fleet: view, made anew; kept, asked before of "
                                     "the same view; shared_cache, made "
                                     "by another server."},
                                    "from",
                                    "the answers"};
inline constexpr Described kSharedCacheUp{
    {"tessera_server_shared_cache_up", Type::Gauge, "boolean",
     "1 if the shared cache answered in time when it was asked last, else 0. Absent where none is used."},
    "",
    "the shared cache"};
inline constexpr Described kSharedCacheFailed{
    {"tessera_server_shared_cache_failures_total", Type::Counter, "commands",
     "Commands that the shared cache did not carry out in time. Absent where none is used."},
    "",
    "the shared cache"};
inline constexpr Described kClusterObjects{{"tessera_server_cluster_objects", Type::Gauge, "objects",
                                            "Objects of the cluster's API that the watch has seen and that are there."},
                                           "resource",
                                           "the watches"};
inline constexpr Described kClusterConnected{
    {"tessera_server_cluster_watch_connected", Type::Gauge, "boolean",
     "1 while a watch of the cluster's API is open, 0 while it is tried again. Absent where no cluster is watched."},
    "resource",
    "the watches"};
inline constexpr Described kClusterErrors{{"tessera_server_cluster_watch_errors_total", Type::Counter, "errors",
                                           "Failures of lists and watches of the cluster's API, by kind."},
                                          "resource, kind",
                                          "the watches"};
inline constexpr Described kNodeChanges{
    {"tessera_server_node_changes", Type::Gauge, "nodes",
     "Nodes whose devices are to be cut: waiting; changing, cordoned; listing, until the device plugin lists them; "
     "stopped, not as it should be; stuck, likewise and still cordoned; dry-run. Absent where no nodes are changed."},
    "state",
    "the changes of nodes"};
inline constexpr Described kNodeActs{{"tessera_server_node_acts_total", Type::Counter, "acts",
                                      "What was done to nodes: cordon, uncordon; restart-plugin, a pod deleted; list, "
                                      "its wait begun; stop; configure and "
                                      "label, mig-manager's file and label. Absent where no nodes are changed."},
                                     "act",
                                     "the changes of nodes"};
inline constexpr Described kNodeFailures{{"tessera_server_node_failures_total", Type::Counter, "rounds",
                                          "Rounds of the changes of nodes that ended early because the API server "
                                          "refused or did not answer. Absent where no "
                                          "nodes are changed."},
                                         "",
                                         "the changes of nodes"};
inline constexpr Described kReviews{{"tessera_server_admission_reviews_total", Type::Counter, "reviews",
                                     "Pods that API servers asked about: gated, given our gate and a resource; "
                                     "warned, left as they are and told why; untouched; refused. Absent where "
                                     "admission is off."},
                                    "result",
                                    "the admission webhook"};
inline constexpr Described kGatedPods{{"tessera_server_gated_pods", Type::Gauge, "pods",
                                       "Pods that wait at our scheduling gate. Absent where admission is off, and of a "
                                       "server that does not lead."},
                                      "",
                                      "the watches"};
inline constexpr Described kGatesOpened{{"tessera_server_gates_opened_total", Type::Counter, "pods",
                                         "Pods that were let go to their node. Absent where admission is off."},
                                        "",
                                        "the gates"};
inline constexpr Described kGateFailures{{"tessera_server_gate_failures_total", Type::Counter, "steps",
                                          "Steps for pods at the gate that the database or the API server did not "
                                          "take; each is tried again. Absent where admission is off."},
                                         "",
                                         "the gates"};
inline constexpr Described kAlerts{
    {"tessera_server_alerts", Type::Gauge, "alerts", "Alerts that stand, pending ones too; on the leader."},
    "state, severity",
    "the alert rules"};
inline constexpr Described kAlertRounds{{"tessera_server_alert_rounds_total", Type::Counter, "rounds",
                                         "Evaluations of the alert rules: kept, or unkept where the database did not "
                                         "take what came of them, which is tried again."},
                                        "result",
                                        "the alert rules"};
inline constexpr Described kAlertRoundSeconds{{"tessera_server_alert_round_seconds", Type::Gauge, "seconds",
                                               "Time that the last evaluation of the alert rules took."},
                                              "",
                                              "the alert rules"};
inline constexpr Described kAlertMessages{
    {"tessera_server_alert_messages_total", Type::Counter, "messages",
     "Messages to a receiver of alerts: delivered, failed and sent again later, or dropped because the receiver "
     "refused them for what they are."},
    "receiver, result",
    "replies of the receivers"};
inline constexpr Described kAlertBehind{{"tessera_server_alert_events_undelivered", Type::Gauge, "events",
                                         "Alerts that began or ended and that the receiver has not taken yet."},
                                        "receiver",
                                        "the database"};
inline constexpr Described kAlertActions{{"tessera_server_alert_actions_open", Type::Gauge, "actions",
                                          "What is done about alerts and not over: exclude, cordon, taint, webhook; "
                                          "dry_run true: noted alone."},
                                         "action, dry_run",
                                         "the alert rules"};
inline constexpr Described kAlertActionResults{
    {"tessera_server_alert_actions_total", Type::Counter, "tries",
     "What was done about alerts: begun and ended, as a dry run too; failed and tried again; or denied, for a right "
     "that is missing, and tried again."},
    "action, result",
    "the alert rules"};
inline constexpr Described kServingEngines{
    {"tessera_server_serving_engines", Type::Gauge, "engines", "Serving engines that are heard of."}, "", "the fleet"};
inline constexpr Described kRefusedSeries{
    {"tessera_server_refused_series_total", Type::Counter, "series",
     "Series that were passed over because there is no room for another node, device, instance or session (or "
     "allocation); series: each time that one came which is beyond the most that are known at one time."},
    "what",
    "the keeper"};
inline constexpr Described kServingRefused{
    {"tessera_server_serving_refused_series_total", Type::Counter, "series",
     "Series of serving engines that were passed over, because there are too many."},
    "",
    "the keeper"};
inline constexpr Described kOpenToAll{
    {"tessera_server_open_to_all", Type::Gauge, "boolean",
     "1 if nobody is asked who he is on an address that other machines reach, else 0."},
    "",
    "access"};
inline constexpr Described kApiKeys{
    {"tessera_server_api_keys", Type::Gauge, "keys", "API keys that are good now."}, "", "access"};
inline constexpr Described kAccessRefused{
    {"tessera_server_access_refused_total", Type::Counter, "requests",
     "Requests that were not let through: no_credential; wrong, expired, revoked credentials; scope, not given to the "
     "caller; tenant, of a caller that is restricted; limit, too many of one caller; peer, too many wrong ones from "
     "one "
     "address."},
    "reason",
    "access"};
inline constexpr Described kCpuSeconds{
    {"tessera_server_cpu_seconds_total", Type::Counter, "seconds", "CPU time of the process, user and system."},
    "",
    "getrusage"};
inline constexpr Described kResident{
    {"tessera_server_resident_memory_bytes", Type::Gauge, "bytes", "Resident memory of the process."},
    "",
    "/proc/self/statm"};

/// In the order of the reference.
inline constexpr std::array kAll = {&kGpuUtilization,
                                    &kGpuTemperature,
                                    &kMigAllocationRatio,
                                    &kHourlyCost,
                                    &kHourlyCostOfNobody,
                                    &kBudgetAmount,
                                    &kBudgetSpent,
                                    &kBudgetEvenPace,
                                    &kBudgetForecast,
                                    &kBudgetCrossed,
                                    &kBudgetLooks,
                                    &kBuildInfo,
                                    &kLeads,
                                    &kReady,
                                    &kDevices,
                                    &kNodes,
                                    &kSeries,
                                    &kViewTime,
                                    &kPublishSeconds,
                                    &kClockDisbelieved,
                                    &kRequests,
                                    &kRefused,
                                    &kSamples,
                                    &kIgnored,
                                    &kClamped,
                                    &kQueuedBytes,
                                    &kUsageRows,
                                    &kUsageTooLate,
                                    &kSaveSeconds,
                                    &kFailedSaves,
                                    &kLedgerClosed,
                                    &kLedgerCorrected,
                                    &kLedgerFailures,
                                    &kLedgerLate,
                                    &kLedgerClosedUntil,
                                    &kEvents,
                                    &kEventClients,
                                    &kEventClientsEnded,
                                    &kProxied,
                                    &kJournalRecords,
                                    &kJournalBytes,
                                    &kJournalDropped,
                                    &kJournalErrors,
                                    &kJournalSyncs,
                                    &kHttpRequests,
                                    &kRouteRequests,
                                    &kRouteSeconds,
                                    &kStoreReads,
                                    &kStoreReadSeconds,
                                    &kHttpConnections,
                                    &kHttpRefused,
                                    &kAnswers,
                                    &kSharedCacheUp,
                                    &kSharedCacheFailed,
                                    &kClusterObjects,
                                    &kClusterConnected,
                                    &kClusterErrors,
                                    &kNodeChanges,
                                    &kNodeActs,
                                    &kNodeFailures,
                                    &kReviews,
                                    &kGatedPods,
                                    &kGatesOpened,
                                    &kGateFailures,
                                    &kAlerts,
                                    &kAlertRounds,
                                    &kAlertRoundSeconds,
                                    &kAlertMessages,
                                    &kAlertBehind,
                                    &kAlertActions,
                                    &kAlertActionResults,
                                    &kServingEngines,
                                    &kRefusedSeries,
                                    &kServingRefused,
                                    &kOpenToAll,
                                    &kApiKeys,
                                    &kAccessRefused,
                                    &kCpuSeconds,
                                    &kResident};

}  // namespace catalog
}  // namespace tessera::server

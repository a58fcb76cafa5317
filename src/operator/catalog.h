#pragma once
// Every metric that the operator exposes about itself, as data: the page is written from it, and docs/metrics.md is
// checked against it.
#include <array>
#include <string_view>

#include "metrics/described.h"

namespace tessera::operate {

using metrics::Described;

namespace catalog {
using metrics::Type;

inline constexpr Described kBuildInfo{
    {"tessera_operator_build_info", Type::Info, "", "The running operator. Always 1."}, "version", "build"};
inline constexpr Described kLeader{
    {"tessera_operator_leader", Type::Gauge, "boolean",
     "1 on the replica that writes, 0 on those that stand by; one replica of all has 1."},
    "",
    "the lease"};
inline constexpr Described kCondition{{"tessera_operator_condition", Type::Gauge, "boolean",
                                       "1 for the status that a condition of the GpuMonitor has (True, False, "
                                       "Unknown), 0 for the others; on the leader."},
                                      "type, status",
                                      "the resource's status"};
inline constexpr Described kReconciles{{"tessera_operator_reconciles_total", Type::Counter, "passes",
                                        "Passes over all objects; failed where the API server broke one off."},
                                       "result",
                                       "passes"};
inline constexpr Described kReconcileSeconds{
    {"tessera_operator_reconcile_seconds_total", Type::Counter, "seconds", "Time that these passes took."},
    "",
    "passes"};
inline constexpr Described kWaiting{{"tessera_operator_objects_waiting", Type::Gauge, "objects",
                                     "Objects that are not written yet: refused, and tried again later."},
                                    "",
                                    "the last pass"};
inline constexpr Described kFought{
    {"tessera_operator_objects_fought_over", Type::Gauge, "objects",
     "Objects that somebody else changes again and again, so that they are repaired ever more seldom."},
    "",
    "the last pass"};
inline constexpr Described kCertificateExpiry{{"tessera_operator_certificate_expiry_seconds", Type::Gauge, "seconds",
                                               "When the certificate of the admission webhook expires, seconds since "
                                               "the Unix epoch; absent where there is none."},
                                              "",
                                              "the webhook's Secret"};
inline constexpr Described kWrites{
    {"tessera_operator_writes_total", Type::Counter, "writes",
     "Writes that the API server took: apply (new or wanted otherwise), repair (changed by somebody else), create, "
     "delete, status, event. With nothing changing it stands still."},
    "kind",
    "replies of the API server"};
inline constexpr Described kRefused{{"tessera_operator_refused_writes_total", Type::Counter, "writes",
                                     "Writes of objects that the API server refused, by its reason."},
                                    "reason",
                                    "replies of the API server"};
inline constexpr Described kCalls{
    {"tessera_operator_api_requests_total", Type::Counter, "requests",
     "Requests to the API server but lists, watches and leases, by method and HTTP status; status 0: no reply came."},
    "method, status",
    "replies of the API server"};
inline constexpr Described kWatchUp{
    {"tessera_operator_watch_up", Type::Gauge, "boolean", "1 while the watch of this kind is open."},
    "kind",
    "watches"};
inline constexpr Described kWatchReads{{"tessera_operator_watch_reads_total", Type::Counter, "requests",
                                        "Lists that were complete and watches that were opened."},
                                       "kind, verb",
                                       "watches"};
inline constexpr Described kWatchEvents{
    {"tessera_operator_watch_events_total", Type::Counter, "events", "Changes that watches told of."},
    "kind",
    "watches"};
inline constexpr Described kWatchErrors{
    {"tessera_operator_watch_errors_total", Type::Counter, "errors", "Failures of lists and watches, by what failed."},
    "kind, error",
    "watches"};
inline constexpr Described kCpuSeconds{
    {"process_cpu_seconds_total", Type::Counter, "seconds", "User and system CPU time of the operator."},
    "",
    "getrusage"};
inline constexpr Described kResident{
    {"process_resident_memory_bytes", Type::Gauge, "bytes", "Resident memory of the operator."},
    "",
    "/proc/self/statm"};
inline constexpr Described kStartTime{
    {"process_start_time_seconds", Type::Gauge, "seconds", "Start of the operator, seconds since the Unix epoch."},
    "",
    "clock"};

inline constexpr std::array kAll = {&kBuildInfo,  &kLeader,   &kCondition,         &kReconciles,  &kReconcileSeconds,
                                    &kWaiting,    &kFought,   &kCertificateExpiry, &kWrites,      &kRefused,
                                    &kCalls,      &kWatchUp,  &kWatchReads,        &kWatchEvents, &kWatchErrors,
                                    &kCpuSeconds, &kResident, &kStartTime};

}  // namespace catalog
}  // namespace tessera::operate

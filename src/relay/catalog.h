#pragma once
// Every metric that the relay exposes about itself, as data: the page is written from it, and docs/metrics.md is
// checked against it.
#include <array>
#include <string_view>

#include "metrics/described.h"

namespace tessera::relay {

using metrics::Described;

namespace catalog {
using metrics::Type;

inline constexpr Described kBuildInfo{
    {"tessera_relay_build_info", Type::Info, "", "The running relay. Always 1."}, "version", "build"};
inline constexpr Described kReloadOk{
    {"tessera_relay_config_last_reload_successful", Type::Gauge, "boolean",
     "1 if the configuration in use is the one on disk, 0 if the newest was bad and the last good one goes on."},
    "",
    "the configuration"};
inline constexpr Described kReloadTime{
    {"tessera_relay_config_last_reload_success_timestamp_seconds", Type::Gauge, "seconds",
     "When the configuration in use was taken, seconds since the Unix epoch."},
    "",
    "the configuration"};

// Where targets come from.
inline constexpr Described kSourceReady{
    {"tessera_relay_discovery_source_ready", Type::Gauge, "boolean",
     "1 where the source of targets has been read, and its last reading went well."},
    "source",
    "discovery"};
inline constexpr Described kSourceTargets{{"tessera_relay_discovery_source_targets", Type::Gauge, "targets",
                                           "Targets that the source has, before shards, doubles and limits."},
                                          "source",
                                          "discovery"};
inline constexpr Described kTargetsDropped{
    {"tessera_relay_targets_dropped", Type::Gauge, "targets",
     "Targets that were found and are not scraped, because another one makes them needless or a limit is exceeded; "
     "/targets names them."},
    "",
    "discovery"};
inline constexpr Described kFallenBack{{"tessera_relay_nodes_fallen_back", Type::Gauge, "nodes",
                                        "Nodes whose tessera-agent is silent, so that their dcgm-exporter is scraped."},
                                       "",
                                       "scrapes"};
inline constexpr Described kFallbacks{
    {"tessera_relay_fallbacks_total", Type::Counter, "nodes",
     "Times that a node's dcgm-exporter began to be scraped because its tessera-agent was silent for two intervals."},
    "",
    "scrapes"};

// With whom the targets are shared, where leases tell.
inline constexpr Described kShardMembers{
    {"tessera_relay_shard_members", Type::Gauge, "replicas",
     "Replicas that share the targets by leases, as this one sees them: living, or away, with its targets shared among "
     "the others. Absent where the split is static."},
    "state",
    "leases of the API server"};
inline constexpr Described kLeaseHeld{
    {"tessera_relay_shard_lease_held", Type::Gauge, "boolean",
     "1 where the own lease was renewed within its duration; 0: others may scrape this replica's targets too. Absent "
     "where the split is static."},
    "",
    "leases of the API server"};

// What is scraped.
inline constexpr Described kTargets{
    {"tessera_relay_targets", Type::Gauge, "targets",
     "Targets by the outcome of their last scrape: up, down, or unknown before the first."},
    "job, state",
    "discovery and scrapes"};
inline constexpr Described kScrapes{
    {"tessera_relay_scrapes_total", Type::Counter, "scrapes",
     "Scrapes that were due, by outcome: good, failed, or missed because the one before was still under way "
     "or the relay itself stood still."},
    "outcome",
    "scrapes"};
inline constexpr Described kPagesRefused{
    {"tessera_relay_pages_refused_total", Type::Counter, "pages",
     "Scraped pages that count as failed as a whole because they are beyond a limit of their job, by that limit."},
    "limit",
    "scrapes"};
inline constexpr Described kSamplesScraped{
    {"tessera_relay_samples_scraped_total", Type::Counter, "samples", "Samples on scraped pages, before relabelling."},
    "",
    "scrapes"};
inline constexpr Described kSamplesLeftOut{
    {"tessera_relay_samples_left_out_total", Type::Counter, "samples",
     "Samples on scraped pages that were not taken: duplicate where the page has their series already, too_far_ahead "
     "where their time is more than ten minutes in the future, unfit_name where remote write has no such name."},
    "reason",
    "scrapes"};
inline constexpr Described kClamped{{"tessera_relay_utilizations_clamped_total", Type::Counter, "ratios",
                                     "Utilizations above 1 on scraped pages that gpu_weighted_utilization_ratio was "
                                     "derived from, and that were taken as 1 for it."},
                                    "",
                                    "scrapes"};

// What is sent, for each destination.
inline constexpr Described kDestinationInfo{
    {"tessera_relay_destination_info", Type::Info, "",
     "A destination and the form of its requests; agreed is true once the receiver has taken one of that form. "
     "Always 1."},
    "destination, protocol, agreed",
    "replies of the receiver"};
inline constexpr Described kQueueSamples{
    {"tessera_relay_queue_samples", Type::Gauge, "samples", "Samples that wait in the queue on disk."},
    "destination",
    "the queue"};
inline constexpr Described kQueueBytes{
    {"tessera_relay_queue_bytes", Type::Gauge, "bytes", "Size of what waits in the queue on disk, compressed."},
    "destination",
    "the queue"};
inline constexpr Described kQueueOldest{
    {"tessera_relay_queue_oldest_timestamp_seconds", Type::Gauge, "seconds",
     "Time of the oldest request that waits in the queue, seconds since the Unix epoch. Absent where none waits."},
    "destination",
    "the queue"};
inline constexpr Described kAbandoned{{"tessera_relay_abandoned_queue_bytes", Type::Gauge, "bytes",
                                       "Size of what waits in a queue on disk that no destination has, and nobody "
                                       "sends; the log says at start and reload what to do."},
                                      "folder",
                                      "the queue's folder"};
inline constexpr Described kQueueErrors{{"tessera_relay_queue_write_errors_total", Type::Counter, "writes",
                                         "Writes and syncs of the queue that the disk refused."},
                                        "destination",
                                        "the queue"};
inline constexpr Described kLag{{"tessera_relay_lag_seconds", Type::Gauge, "seconds",
                                 "How long the oldest request of the queue has waited; 0 where none waits."},
                                "destination",
                                "the queue"};
inline constexpr Described kSentSamples{
    {"tessera_relay_sent_samples_total", Type::Counter, "samples", "Samples in requests that the receiver took."},
    "destination",
    "replies of the receiver"};
inline constexpr Described kSentBytes{
    {"tessera_relay_sent_bytes_total", Type::Counter, "bytes", "Bodies of requests, compressed, each try counted."},
    "destination",
    "requests"};
inline constexpr Described kRequests{{"tessera_relay_requests_total", Type::Counter, "requests",
                                      "Requests by the HTTP status of the reply; failed where no reply came."},
                                     "destination, status",
                                     "replies of the receiver"};
inline constexpr Described kRetries{
    {"tessera_relay_retries_total", Type::Counter, "requests", "Requests that were sent again."},
    "destination",
    "requests"};
inline constexpr Described kDropped{
    {"tessera_relay_dropped_samples_total", Type::Counter, "samples",
     "Samples lost before the receiver took them. Of the queue: full, age, corrupt, unqueued (the disk did not take "
     "them). Of sending: status_CODE and poison_CODE where the receiver refused them for good, too_old beyond "
     "sample_age_limit, unreadable, not_spoken where no form of request is left to try."},
    "destination, reason",
    "the queue and replies of the receiver"};
inline constexpr Described kRejected{
    {"tessera_relay_receiver_rejected_samples_total", Type::Counter, "samples",
     "Samples that the receiver said it left out of requests that it took; they count as sent too."},
    "destination",
    "replies of the receiver"};
inline constexpr Described kHighestSent{
    {"tessera_relay_highest_sent_timestamp_seconds", Type::Gauge, "seconds",
     "Latest time of a sample that the receiver took, seconds since the Unix epoch. Absent before the first."},
    "destination",
    "replies of the receiver"};
inline constexpr Described kTrouble{{"tessera_relay_shards_retrying", Type::Gauge, "shards",
                                     "Shards of the destination that are trying a request again; 0 where all is well."},
                                    "destination",
                                    "requests"};

// The process.
inline constexpr Described kRefused{{"tessera_relay_http_refused_total", Type::Counter, "requests",
                                     "HTTP requests and connections refused, by the limit or cause."},
                                    "reason",
                                    "the HTTP server"};
inline constexpr Described kCpuSeconds{
    {"process_cpu_seconds_total", Type::Counter, "seconds", "User and system CPU time of the relay."}, "", "getrusage"};
inline constexpr Described kResident{
    {"process_resident_memory_bytes", Type::Gauge, "bytes", "Resident memory of the relay."}, "", "/proc/self/statm"};
inline constexpr Described kStartTime{
    {"process_start_time_seconds", Type::Gauge, "seconds", "Start of the relay, seconds since the Unix epoch."},
    "",
    "clock"};

inline constexpr std::array kAll = {
    &kBuildInfo,      &kReloadOk,        &kReloadTime,   &kSourceReady,    &kSourceTargets,
    &kTargetsDropped, &kFallenBack,      &kFallbacks,    &kShardMembers,   &kLeaseHeld,
    &kTargets,        &kScrapes,         &kPagesRefused, &kSamplesScraped, &kSamplesLeftOut,
    &kClamped,        &kDestinationInfo, &kQueueSamples, &kQueueBytes,     &kQueueOldest,
    &kAbandoned,      &kQueueErrors,     &kLag,          &kSentSamples,    &kSentBytes,
    &kRequests,       &kRetries,         &kDropped,      &kRejected,       &kHighestSent,
    &kTrouble,        &kRefused,         &kCpuSeconds,   &kResident,       &kStartTime};

}  // namespace catalog
}  // namespace tessera::relay

#pragma once
// Every metric of our own that the agent exposes, as data: the page is written from it, and docs/metrics.md is checked
// against it. The DCGM-compatible fields are in fields.h.
#include <array>
#include <string_view>

#include "metrics/page.h"

namespace tessera::agent {

enum class About { Device /* or a MIG instance of it */, Node };

struct Described {
  metrics::Metric metric;
  std::string_view labels;  ///< beside Hostname, and UUID where it is about a device
  std::string_view source;  ///< where the number comes from
  About about = About::Device;
};

namespace catalog {
using metrics::Type;

inline constexpr std::string_view kSessionLabels =
    "gpu, pid, command, pod, namespace, container, GPU_I_PROFILE, GPU_I_ID, pod_uid";
inline constexpr std::string_view kHolderLabels =
    "gpu, GPU_I_PROFILE, GPU_I_ID, resource, container, namespace, pod, pod_uid";
inline constexpr std::string_view kInstanceLabels = "gpu, GPU_I_PROFILE, GPU_I_ID, GPU_CI_ID";

// Sessions: process truth.
inline constexpr Described kProcessInfo{
    {"gpu_process_info", Type::Info, "",
     "A process using a device or MIG instance, or one idle row for an unused one. attribution: see above. Always 1."},
    "gpu, pid, command, pod, namespace, container, status, gpu_memory, type, attribution, GPU_I_PROFILE, GPU_I_ID, "
    "pod_uid",
    "nvmlDeviceGetComputeRunningProcesses, nvmlDeviceGetGraphicsRunningProcesses, "
    "nvmlDeviceGetMPSComputeRunningProcesses; /proc/PID/cgroup"};
inline constexpr Described kProcessStart{
    {"gpu_process_start_time_seconds", Type::Gauge, "seconds", "Start of the process, seconds since the Unix epoch."},
    kSessionLabels,
    "/proc/PID/stat"};
inline constexpr Described kProcessMemory{
    {"gpu_process_memory_used_bytes", Type::Gauge, "bytes", "Device memory that the driver accounts to the process."},
    kSessionLabels,
    "usedGpuMemory of the process list"};
inline constexpr Described kProcessMemoryRatio{
    {"gpu_process_memory_used_ratio", Type::Gauge, "ratio",
     "Memory of the process over the memory of its device or instance, 0 to 1."},
    kSessionLabels,
    "usedGpuMemory over the total of nvmlDeviceGetMemoryInfo"};
inline constexpr Described kProcessUtil{
    {"gpu_process_utilization", Type::Gauge, "percent",
     "Share of time in which kernels of the process ran, percent over the last interval. Absent in MIG mode."},
    kSessionLabels,
    "smUtil of nvmlDeviceGetProcessUtilization"};
inline constexpr Described kProcessMemoryUtil{
    {"gpu_process_memory_utilization", Type::Gauge, "percent",
     "Share of time in which the process read or wrote device memory, percent over the last interval; not a share of "
     "memory. Absent in MIG mode."},
    kSessionLabels,
    "memUtil of nvmlDeviceGetProcessUtilization"};
inline constexpr Described kSessionCount{
    {"gpu_session_count", Type::Gauge, "sessions",
     "Processes using the device, or the MIG instance where the device is in MIG mode."},
    "gpu, GPU_I_PROFILE, GPU_I_ID",
    "process lists"};
inline constexpr Described kTotalSessions{
    {"gpu_total_sessions", Type::Gauge, "sessions",
     "Processes using any device of this node, as far as they are known: gpu_sessions_coverage_ratio says how far."},
    "",
    "process lists",
    About::Node};
inline constexpr Described kSessionsCoverage{
    {"gpu_sessions_coverage_ratio", Type::Gauge, "ratio",
     "Devices whose sessions are known over all devices looked at, 0 to 1. Below 1 gpu_total_sessions is too small by "
     "an unknown number: a device hangs or may not be opened. 0 where the agent sees no process at all. A lost device "
     "has none, which is known."},
    "",
    "the collection",
    About::Node};
inline constexpr Described kSessionsStarted{
    {"gpu_sessions_started_total", Type::Counter, "sessions",
     "Sessions that began since the agent started, running ones at its start included."},
    "gpu, GPU_I_ID",
    "process lists"};
inline constexpr Described kSessionEnd{
    {"gpu_session_end_time_seconds", Type::Gauge, "seconds",
     "When a session was last seen, for sessions that ended in the last five minutes, seconds since the Unix epoch."},
    kSessionLabels,
    "process lists"};
inline constexpr Described kXidErrors{
    {"gpu_xid_errors_total", Type::Counter, "events", "XID events since the agent started, by code."},
    "gpu, xid",
    "nvmlEventSetWait"};

// Allocations: the kubelet's truth.
inline constexpr Described kAllocationInfo{
    {"gpu_allocation_info", Type::Info, "",
     "A container holds the device or instance by the kubelet's word. share is exclusive, or shared where it holds "
     "replicas. Always 1."},
    "gpu, GPU_I_PROFILE, GPU_I_ID, resource, share, replicas, container, namespace, pod, pod_uid",
    "kubelet pod-resources List"};
inline constexpr Described kAllocationUsed{
    {"gpu_allocation_used", Type::Gauge, "boolean",
     "1 if a process of the holding pod runs on what it holds, 0 if it is held but idle; absent where the device does "
     "not answer, or runs a process that may be the pod's and cannot be told: unnamed, gone, no_access, conflict."},
    kHolderLabels,
    "pod-resources and process lists"};
inline constexpr Described kAllocatedSeconds{{"gpu_allocated_seconds_total", Type::Counter, "seconds",
                                              "Time for which the container held the device or instance since the "
                                              "agent started; kept five minutes after the end."},
                                             kHolderLabels,
                                             "kubelet pod-resources List"};
inline constexpr Described kUnallocatedProcesses{
    {"gpu_unallocated_processes", Type::Gauge, "processes",
     "Processes of a pod on a device or instance that the pod does not hold. Left out where it may hold it."},
    "gpu, GPU_I_PROFILE, GPU_I_ID, namespace, pod, pod_uid",
    "process lists and pod-resources"};

// Geometry.
inline constexpr Described kDeviceInfo{{"gpu_device_info", Type::Info, "", "What the device is. Always 1."},
                                       "gpu, pci_bus_id, device, model, architecture, compute_capability, numa_node, "
                                       "ecc_mode, mig_pending_mode, and every known "
                                       "DCGM label field under its DCGM name",
                                       "nvmlDeviceGetName, nvmlDeviceGetPciInfo and others"};
inline constexpr Described kDeviceSlices{{"gpu_device_compute_slices", Type::Gauge, "slices",
                                          "Compute slices of the whole device; 1 where it cannot be partitioned."},
                                         "gpu",
                                         "nvmlDeviceGetGpuInstanceProfileInfo"};
inline constexpr Described kDeviceSms{
    {"gpu_device_sm_count", Type::Gauge, "multiprocessors",
     "Streaming multiprocessors that instances of the whole device can have. Absent outside MIG mode: NVML tells "
     "multiprocessors of MIG profiles and instances only, and tables of models would be a guess."},
    "gpu",
    "nvmlDeviceGetGpuInstanceProfileInfo"};
inline constexpr Described kDeviceMemory{
    {"gpu_device_memory_bytes", Type::Gauge, "bytes", "Memory of the whole device."},
    "gpu",
    "nvmlDeviceGetMemoryInfo_v2"};
inline constexpr Described kDeviceMemoryUnattributed{
    {"gpu_device_memory_unattributed_bytes", Type::Gauge, "bytes",
     "Memory used beyond what the driver accounts to processes: used minus their sum, never below zero. Absent where "
     "the driver does not tell the memory of one of them."},
    "gpu, GPU_I_PROFILE, GPU_I_ID",
    "nvmlDeviceGetMemoryInfo_v2 and process lists"};
inline constexpr Described kInstanceInfo{
    {"gpu_instance_info", Type::Info, "",
     "A MIG device: a compute instance in a GPU instance. start and size are memory slices; absent where the driver "
     "refuses them without root. Always 1."},
    "gpu, GPU_I_PROFILE, GPU_I_ID, GPU_CI_ID, mig_uuid, start, size",
    "nvmlDeviceGetMigDeviceHandleByIndex, nvmlGpuInstanceGetInfo"};
inline constexpr Described kInstanceSlices{
    {"gpu_instance_compute_slices", Type::Gauge, "slices", "Compute slices of the MIG device: its weight."},
    kInstanceLabels,
    "nvmlDeviceGetAttributes_v2"};
inline constexpr Described kInstanceSms{{"gpu_instance_sm_count", Type::Gauge, "multiprocessors",
                                         "Streaming multiprocessors of the MIG device: its weight by SM."},
                                        kInstanceLabels,
                                        "nvmlDeviceGetAttributes_v2"};
inline constexpr Described kInstanceMemory{
    {"gpu_instance_memory_bytes", Type::Gauge, "bytes", "Memory of the GPU instance, shared by its compute instances."},
    kInstanceLabels,
    "nvmlDeviceGetMemoryInfo_v2 of the MIG device"};
inline constexpr Described kProfileInfo{
    {"gpu_profile_info", Type::Info, "",
     "A MIG profile that the driver offers on the device, with its legal placements as start:size pairs. Always 1."},
    "gpu, profile, profile_id, compute_slices, sm_count, memory_mib, max_instances, placements",
    "nvmlDeviceGetGpuInstanceProfileInfoV, nvmlDeviceGetGpuInstancePossiblePlacements_v2"};
inline constexpr Described kWeighted{{"gpu_weighted_utilization_ratio", Type::Gauge, "ratio",
                                      "Utilization weighted by size, 0 to 1: over=allocated is the mean over the "
                                      "instances that exist, over=device the mean over the whole device."},
                                     "gpu, over, weight",
                                     "GPM graphics engine activity; without MIG and GPM nvmlDeviceGetUtilizationRates"};

// The agent itself.
inline constexpr Described kBuildInfo{{"tessera_agent_build_info", Type::Info, "", "The running agent. Always 1."},
                                      "version, simulated",
                                      "build",
                                      About::Node};
inline constexpr Described kDriverUp{
    {"tessera_agent_driver_up", Type::Gauge, "boolean", "1 if the driver library is loaded and answers."},
    "",
    "nvmlInit_v2",
    About::Node};
inline constexpr Described kDriverInfo{
    {"tessera_agent_driver_info", Type::Info, "", "The driver. simulated is true on the simulated library. Always 1."},
    "driver_version, nvml_version, simulated",
    "nvmlSystemGetDriverVersion, nvmlSystemGetNVMLVersion",
    About::Node};
inline constexpr Described kDeviceUp{
    {"tessera_agent_device_up", Type::Gauge, "boolean",
     "1 if the device answered in the last collection. 0: its other series are absent. One collection may miss a "
     "healthy device of an overloaded node: alert on several in a row."},
    "gpu",
    "the collection"};
inline constexpr Described kDeviceSeconds{{"tessera_agent_device_collection_seconds", Type::Gauge, "seconds",
                                           "Time that the device's worker took in the last collection."},
                                          "gpu",
                                          "the collection"};
inline constexpr Described kProfilingUnavailable{{"tessera_agent_profiling_unavailable", Type::Gauge, "boolean",
                                                  "1 where the DCGM_FI_PROF_ fields are absent, with the reason."},
                                                 "gpu, reason",
                                                 "nvmlGpmQueryDeviceSupport"};
inline constexpr Described kFieldUnavailable{
    {"tessera_agent_field_unavailable", Type::Gauge, "boolean",
     "1 for a field that the CSV asks for and that NVML has no source for, with the reason."},
    "field, reason",
    "the CSV",
    About::Node};
inline constexpr Described kClamped{
    {"tessera_agent_values_clamped_total", Type::Counter, "values",
     "Ratios above 1, and percentages above 100, that were exposed as 1 and 100: of the driver, "
     "and of sessions summed without pid."},
    "gpu",
    "nvmlGpmMetricsGet; process lists"};
inline constexpr Described kCollectionTime{{"tessera_agent_last_collection_timestamp_seconds", Type::Gauge, "seconds",
                                            "End of the last collection, seconds since the Unix epoch."},
                                           "",
                                           "the collection",
                                           About::Node};
inline constexpr Described kCollectionSeconds{
    {"tessera_agent_collection_duration_seconds", Type::Gauge, "seconds", "Duration of the last collection."},
    "",
    "the collection",
    About::Node};
inline constexpr Described kCollections{
    {"tessera_agent_collections_total", Type::Counter, "collections", "Collections since the agent started."},
    "",
    "the collection",
    About::Node};
inline constexpr Described kProcesses{{"tessera_agent_processes", Type::Gauge, "processes",
                                       "Processes of the last collection by how they were attributed: pod, holder "
                                       "(named by the kubelet), unnamed (pod UID only), host, gone, no_access, "
                                       "conflict."},
                                      "outcome",
                                      "/proc, pod logs, kubelet pod-resources",
                                      About::Node};
inline constexpr Described kBlind{
    {"tessera_agent_blind", Type::Gauge, "boolean",
     "1 for each thing that keeps attribution from working, or makes it doubtful, 0 where it is fine: "
     "no_proc, no_host_pid, cgroup_namespace, hidepid, no_pod_names, no_pod_resources; "
     "abi_mismatch where the driver writes process entries otherwise than its header "
     "says (they are read as written)."},
    "reason",
    "/proc, kubelet, pod logs",
    About::Node};
inline constexpr Described kKubeletFailures{{"tessera_agent_pod_resources_failures_total", Type::Counter, "calls",
                                             "Calls to the kubelet's pod-resources API that failed."},
                                            "",
                                            "kubelet pod-resources",
                                            About::Node};
inline constexpr Described kUnmatched{{"tessera_agent_unmatched_devices", Type::Gauge, "devices",
                                       "Devices held by pods that are not on this node's driver."},
                                      "",
                                      "kubelet pod-resources",
                                      About::Node};
inline constexpr Described kReloadOk{
    {"tessera_agent_fields_last_reload_successful", Type::Gauge, "boolean",
     "1 if the CSV in use is the one on disk, 0 if the newest was bad and the last good one is in use."},
    "",
    "the CSV",
    About::Node};
inline constexpr Described kTextfileFailures{{"tessera_agent_textfile_failures_total", Type::Counter, "writes",
                                              "Writes of the textfile that failed; the old file stands."},
                                             "",
                                             "--textfile",
                                             About::Node};
inline constexpr Described kDropped{
    {"tessera_agent_dropped_total", Type::Counter, "sessions",
     "What was left out because a limit was reached, since the agent started: sessions above 65536 of one collection, "
     "again in each; ended_sessions above 4096 of five minutes, the oldest first."},
    "what",
    "the collection",
    About::Node};
inline constexpr Described kScrapes{
    {"tessera_agent_scrapes_total", Type::Counter, "requests", "Requests for /metrics that were served."},
    "",
    "/metrics",
    About::Node};
inline constexpr Described kRefused{{"tessera_agent_http_refused_total", Type::Counter, "requests",
                                     "HTTP requests and connections refused, by the limit or cause."},
                                    "reason",
                                    "the HTTP server",
                                    About::Node};
inline constexpr Described kCpuSeconds{
    {"process_cpu_seconds_total", Type::Counter, "seconds", "User and system CPU time of the agent."},
    "",
    "getrusage",
    About::Node};
inline constexpr Described kResident{
    {"process_resident_memory_bytes", Type::Gauge, "bytes", "Resident memory of the agent."},
    "",
    "/proc/self/statm",
    About::Node};
inline constexpr Described kStartTime{
    {"process_start_time_seconds", Type::Gauge, "seconds", "Start of the agent, seconds since the Unix epoch."},
    "",
    "clock",
    About::Node};

inline constexpr std::array kAll = {&kProcessInfo,
                                    &kProcessStart,
                                    &kProcessMemory,
                                    &kProcessMemoryRatio,
                                    &kProcessUtil,
                                    &kProcessMemoryUtil,
                                    &kSessionCount,
                                    &kTotalSessions,
                                    &kSessionsCoverage,
                                    &kSessionsStarted,
                                    &kSessionEnd,
                                    &kXidErrors,
                                    &kAllocationInfo,
                                    &kAllocationUsed,
                                    &kAllocatedSeconds,
                                    &kUnallocatedProcesses,
                                    &kDeviceInfo,
                                    &kDeviceSlices,
                                    &kDeviceSms,
                                    &kDeviceMemory,
                                    &kDeviceMemoryUnattributed,
                                    &kInstanceInfo,
                                    &kInstanceSlices,
                                    &kInstanceSms,
                                    &kInstanceMemory,
                                    &kProfileInfo,
                                    &kWeighted,
                                    &kBuildInfo,
                                    &kDriverUp,
                                    &kDriverInfo,
                                    &kDeviceUp,
                                    &kDeviceSeconds,
                                    &kProfilingUnavailable,
                                    &kFieldUnavailable,
                                    &kClamped,
                                    &kCollectionTime,
                                    &kCollectionSeconds,
                                    &kCollections,
                                    &kProcesses,
                                    &kBlind,
                                    &kKubeletFailures,
                                    &kUnmatched,
                                    &kReloadOk,
                                    &kTextfileFailures,
                                    &kDropped,
                                    &kScrapes,
                                    &kRefused,
                                    &kCpuSeconds,
                                    &kResident,
                                    &kStartTime};

}  // namespace catalog
}  // namespace tessera::agent

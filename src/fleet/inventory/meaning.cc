#include "fleet/inventory/meaning.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tessera::fleet {
namespace {

using gpu::Reading;

struct Row {
  std::string_view name;
  Says says;
  Reading reading{};
  Scale scale = Scale::One;
};

// Sorted by name. Two names of one reading are dcgm-exporter's spelling before and after DCGM 4.6, whose values are the
// same in spite of a `_RATIO` at the end of a percentage.
constexpr Row kRows[] = {
    {"DCGM_FI_DEV_BOARD_LIMIT_VIOLATION", Says::Reading, Reading::BoardLimitViolationNanosecondsTotal},
    {"DCGM_FI_DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS", Says::Reading, Reading::PowerLimitWatts},
    {"DCGM_FI_DEV_BOARD_POWER_WATTS", Says::Reading, Reading::PowerWatts},
    {"DCGM_FI_DEV_CLOCKS_EVENT_REASONS", Says::Reading, Reading::ClocksEventReasons},
    {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", Says::Reading, Reading::ClocksEventReasons},
    {"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", Says::Reading, Reading::RemappedRowsCorrectable},
    {"DCGM_FI_DEV_DEC_UTIL", Says::Reading, Reading::DecoderUtilPercent},
    {"DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", Says::Reading, Reading::EccUncorrectedAggregateTotal},
    {"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", Says::Reading, Reading::EccUncorrectedVolatileTotal},
    {"DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", Says::Reading, Reading::EccCorrectedAggregateTotal},
    {"DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", Says::Reading, Reading::EccCorrectedVolatileTotal},
    {"DCGM_FI_DEV_ENC_UTIL", Says::Reading, Reading::EncoderUtilPercent},
    {"DCGM_FI_DEV_ENFORCED_POWER_LIMIT", Says::Reading, Reading::PowerLimitWatts},
    {"DCGM_FI_DEV_FAN_SPEED", Says::Reading, Reading::FanPercent},
    {"DCGM_FI_DEV_FAN_SPEED_RATIO", Says::Reading, Reading::FanPercent, Scale::Hundred},
    {"DCGM_FI_DEV_FB_FREE", Says::Reading, Reading::MemoryFreeBytes, Scale::Mebi},
    {"DCGM_FI_DEV_FB_RESERVED", Says::Reading, Reading::MemoryReservedBytes, Scale::Mebi},
    {"DCGM_FI_DEV_FB_TOTAL", Says::Reading, Reading::MemoryTotalBytes, Scale::Mebi},
    {"DCGM_FI_DEV_FB_USED", Says::Reading, Reading::MemoryUsedBytes, Scale::Mebi},
    {"DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", Says::Reading, Reading::EnergyMillijoulesTotal, Scale::Thousand},
    {"DCGM_FI_DEV_GPU_PSTATE", Says::Reading, Reading::PerformanceState},
    {"DCGM_FI_DEV_GPU_TEMP", Says::Reading, Reading::TemperatureCelsius},
    {"DCGM_FI_DEV_GPU_TEMP_CELSIUS", Says::Reading, Reading::TemperatureCelsius},
    {"DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS", Says::Reading, Reading::SlowdownTemperatureCelsius},
    {"DCGM_FI_DEV_GPU_UTIL", Says::Reading, Reading::GpuUtilPercent},
    {"DCGM_FI_DEV_GPU_UTIL_RATIO", Says::Reading, Reading::GpuUtilPercent},
    {"DCGM_FI_DEV_LOW_UTIL_VIOLATION", Says::Reading, Reading::LowUtilViolationNanosecondsTotal},
    {"DCGM_FI_DEV_MEMORY_CLOCK_HERTZ", Says::Reading, Reading::MemoryClockMhz, Scale::Millionth},
    {"DCGM_FI_DEV_MEMORY_TEMP", Says::Reading, Reading::MemoryTemperatureCelsius},
    {"DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", Says::Reading, Reading::MemoryTemperatureCelsius},
    {"DCGM_FI_DEV_MEM_CLOCK", Says::Reading, Reading::MemoryClockMhz},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", Says::Reading, Reading::MemoryCopyUtilPercent},
    {"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", Says::Reading, Reading::NvlinkMegabytesPerSecond},
    {"DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL", Says::Reading, Reading::NvlinkMegabytesPerSecond},
    {"DCGM_FI_DEV_PAGE_RETIRED_DBE_TOTAL", Says::Reading, Reading::RetiredPagesUncorrected},
    {"DCGM_FI_DEV_PAGE_RETIRED_PENDING", Says::Reading, Reading::RetiredPagesPending},
    {"DCGM_FI_DEV_PAGE_RETIRED_SBE_TOTAL", Says::Reading, Reading::RetiredPagesCorrected},
    {"DCGM_FI_DEV_PCIE_LINK_GEN", Says::Reading, Reading::PcieLinkGeneration},
    {"DCGM_FI_DEV_PCIE_LINK_WIDTH", Says::Reading, Reading::PcieLinkWidth},
    {"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", Says::Reading, Reading::PcieReplaysTotal},
    {"DCGM_FI_DEV_PCIE_REPLAY_TOTAL", Says::Reading, Reading::PcieReplaysTotal},
    {"DCGM_FI_DEV_POWER_MGMT_LIMIT", Says::Reading, Reading::PowerLimitWatts},
    {"DCGM_FI_DEV_POWER_USAGE", Says::Reading, Reading::PowerWatts},
    {"DCGM_FI_DEV_POWER_VIOLATION", Says::Reading, Reading::PowerViolationNanosecondsTotal},
    {"DCGM_FI_DEV_PSTATE", Says::Reading, Reading::PerformanceState},
    {"DCGM_FI_DEV_RELIABILITY_VIOLATION", Says::Reading, Reading::ReliabilityViolationNanosecondsTotal},
    {"DCGM_FI_DEV_RETIRED_DBE", Says::Reading, Reading::RetiredPagesUncorrected},
    {"DCGM_FI_DEV_RETIRED_PENDING", Says::Reading, Reading::RetiredPagesPending},
    {"DCGM_FI_DEV_RETIRED_SBE", Says::Reading, Reading::RetiredPagesCorrected},
    {"DCGM_FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL", Says::Reading, Reading::RemappedRowsCorrectable},
    {"DCGM_FI_DEV_ROW_REMAP_FAILED", Says::Reading, Reading::RowRemapFailure},
    {"DCGM_FI_DEV_ROW_REMAP_FAILURE", Says::Reading, Reading::RowRemapFailure},
    {"DCGM_FI_DEV_ROW_REMAP_PENDING", Says::Reading, Reading::RowRemapPending},
    {"DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL", Says::Reading, Reading::RemappedRowsUncorrectable},
    {"DCGM_FI_DEV_SLOWDOWN_TEMP", Says::Reading, Reading::SlowdownTemperatureCelsius},
    {"DCGM_FI_DEV_SM_CLOCK", Says::Reading, Reading::SmClockMhz},
    {"DCGM_FI_DEV_SM_CLOCK_HERTZ", Says::Reading, Reading::SmClockMhz, Scale::Millionth},
    {"DCGM_FI_DEV_SYNC_BOOST_VIOLATION", Says::Reading, Reading::SyncBoostViolationNanosecondsTotal},
    {"DCGM_FI_DEV_THERMAL_VIOLATION", Says::Reading, Reading::ThermalViolationNanosecondsTotal},
    {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Says::Reading, Reading::EnergyMillijoulesTotal},
    {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", Says::Reading, Reading::RemappedRowsUncorrectable},
    {"DCGM_FI_DEV_VIDEO_CLOCK", Says::Reading, Reading::VideoClockMhz},
    {"DCGM_FI_DEV_VIDEO_CLOCK_HERTZ", Says::Reading, Reading::VideoClockMhz, Scale::Millionth},
    {"DCGM_FI_DEV_XID_ERROR", Says::Reading, Reading::XidLast},
    {"DCGM_FI_DEV_XID_ERRORS", Says::Reading, Reading::XidLast},
    {"DCGM_FI_PROF_DRAM_ACTIVE", Says::Reading, Reading::DramActiveRatio},
    {"DCGM_FI_PROF_DRAM_UTIL_RATIO", Says::Reading, Reading::DramActiveRatio},
    {"DCGM_FI_PROF_FP16_UTIL_RATIO", Says::Reading, Reading::Fp16ActiveRatio},
    {"DCGM_FI_PROF_FP32_UTIL_RATIO", Says::Reading, Reading::Fp32ActiveRatio},
    {"DCGM_FI_PROF_FP64_UTIL_RATIO", Says::Reading, Reading::Fp64ActiveRatio},
    {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", Says::Reading, Reading::GraphicsEngineActiveRatio},
    {"DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", Says::Reading, Reading::GraphicsEngineActiveRatio},
    {"DCGM_FI_PROF_NVLINK_RX_BYTES", Says::Reading, Reading::NvlinkRxBytesPerSecond},
    {"DCGM_FI_PROF_NVLINK_TX_BYTES", Says::Reading, Reading::NvlinkTxBytesPerSecond},
    {"DCGM_FI_PROF_PCIE_RX_BYTES", Says::Reading, Reading::PcieRxBytesPerSecond},
    {"DCGM_FI_PROF_PCIE_TX_BYTES", Says::Reading, Reading::PcieTxBytesPerSecond},
    {"DCGM_FI_PROF_PIPE_FP16_ACTIVE", Says::Reading, Reading::Fp16ActiveRatio},
    {"DCGM_FI_PROF_PIPE_FP32_ACTIVE", Says::Reading, Reading::Fp32ActiveRatio},
    {"DCGM_FI_PROF_PIPE_FP64_ACTIVE", Says::Reading, Reading::Fp64ActiveRatio},
    {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", Says::Reading, Reading::TensorActiveRatio},
    {"DCGM_FI_PROF_SM_ACTIVE", Says::Reading, Reading::SmActiveRatio},
    {"DCGM_FI_PROF_SM_OCCUPANCY", Says::Reading, Reading::SmOccupancyRatio},
    {"DCGM_FI_PROF_SM_OCCUPANCY_RATIO", Says::Reading, Reading::SmOccupancyRatio},
    {"DCGM_FI_PROF_SM_UTIL_RATIO", Says::Reading, Reading::SmActiveRatio},
    {"DCGM_FI_PROF_TENSOR_ACTIVE", Says::Reading, Reading::TensorActiveRatio},
    {"DCGM_FI_PROF_TENSOR_UTIL_RATIO", Says::Reading, Reading::TensorActiveRatio},
    {"gpu_allocation_info", Says::AllocationInfo},
    {"gpu_allocation_used", Says::AllocationUsed},
    {"gpu_device_compute_slices", Says::DeviceComputeSlices},
    {"gpu_device_info", Says::DeviceInfo},
    {"gpu_device_memory_bytes", Says::DeviceMemoryBytes},
    {"gpu_device_sm_count", Says::DeviceSmCount},
    {"gpu_instance_compute_slices", Says::InstanceComputeSlices},
    {"gpu_instance_info", Says::InstanceInfo},
    {"gpu_instance_memory_bytes", Says::InstanceMemoryBytes},
    {"gpu_instance_sm_count", Says::InstanceSmCount},
    {"gpu_process_info", Says::SessionInfo},
    {"gpu_process_memory_used_bytes", Says::SessionMemoryBytes},
    {"gpu_process_memory_utilization", Says::SessionMemoryUtilPercent},
    {"gpu_process_start_time_seconds", Says::SessionStart},
    {"gpu_process_utilization", Says::SessionUtilPercent},
    {"gpu_profile_info", Says::ProfileInfo},
    {"gpu_session_end_time_seconds", Says::SessionEnd},
    {"gpu_unallocated_processes", Says::UnallocatedProcesses},
    {"gpu_xid_errors_total", Says::DeviceXids},
    {"tessera_agent_device_up", Says::DeviceUp},
};
static_assert(std::ranges::is_sorted(kRows, {}, &Row::name));

/// Containers that expose metrics: a pod label beside one of these names is the exporter's own pod.
constexpr std::string_view kExporterContainers[] = {"agent", "dcgm-exporter", "exporter", "nvidia-dcgm-exporter",
                                                    "tessera-agent"};

std::optional<unsigned> number(std::string_view text) {
  const auto value = parse_int(text);
  if (!value || *value < 0 || *value > 0xFFFF) return std::nullopt;
  return static_cast<unsigned>(*value);
}

/// The index of `0`, or `0_1_0`: device, GPU instance, compute instance.
void read_gpu_label(std::string_view text, Identity& out) {
  const auto parts = split(text, '_');
  out.index = number(parts[0]);
  if (parts.size() != 3) return;
  out.part.gpu_instance = number(parts[1]);
  out.part.compute_instance = number(parts[2]);
}

/// `10.0.0.1` of `10.0.0.1:9400`, `::1` of `[::1]:9400`.
std::string_view host_of(std::string_view instance) {
  if (instance.starts_with('[')) return instance.substr(1, instance.find(']') - 1);
  return instance.substr(0, instance.rfind(':'));
}

/// The first of these labels that is there.
std::string_view first_of(Labels labels, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const auto value = exporters_label(labels, name); !value.empty()) return value;
  return {};
}

bool is_ratio(Reading reading) {
  switch (reading) {
    case Reading::GraphicsEngineActiveRatio:
    case Reading::SmActiveRatio:
    case Reading::SmOccupancyRatio:
    case Reading::TensorActiveRatio:
    case Reading::DramActiveRatio:
    case Reading::Fp64ActiveRatio:
    case Reading::Fp32ActiveRatio:
    case Reading::Fp16ActiveRatio:
      return true;
    default:
      return false;
  }
}

}  // namespace

Meaning meaning_of(std::string_view metric) {
  const auto* row = std::ranges::lower_bound(kRows, metric, {}, &Row::name);
  if (row == std::end(kRows) || row->name != metric) return {};
  return {row->says, row->reading, row->scale};
}

double factor_of(Scale scale) {
  constexpr std::array<double, 5> kFactors = {1, 1e2, 1e3, 1U << 20U, 1e-6};
  return kFactors[static_cast<std::size_t>(scale)];
}

std::optional<double> most_of(Reading reading) {
  if (is_ratio(reading)) return 1;
  switch (reading) {
    case Reading::GpuUtilPercent:
    case Reading::MemoryCopyUtilPercent:
    case Reading::EncoderUtilPercent:
    case Reading::DecoderUtilPercent:
      return 100;
    default:
      return std::nullopt;
  }
}

bool is_per_instance(Reading reading) {
  switch (reading) {
    case Reading::MemoryTotalBytes:
    case Reading::MemoryFreeBytes:
    case Reading::MemoryUsedBytes:
    case Reading::MemoryReservedBytes:
    case Reading::XidLast:
      return true;
    default:
      return is_ratio(reading);
  }
}

std::string_view label(Labels labels, std::string_view name) {
  const auto found = std::ranges::find(labels, name, &metrics::Label::name);
  return found == labels.end() ? std::string_view{} : found->value;
}

std::string_view exporters_label(Labels labels, std::string_view name) {
  constexpr std::string_view kPrefix = "exported_";
  const auto renamed = std::ranges::find_if(labels, [&](const metrics::Label& one) {
    return one.name.size() == kPrefix.size() + name.size() && one.name.starts_with(kPrefix) && one.name.ends_with(name);
  });
  return renamed != labels.end() && !renamed->value.empty() ? renamed->value : label(labels, name);
}

Identity identity_of(Labels labels) {
  Identity out;
  out.cluster = label(labels, "cluster");
  if (out.cluster.empty()) out.cluster = "default";
  // The node that service discovery names is right where a Hostname is a pod's.
  out.node = label(labels, "node");
  if (out.node.empty()) out.node = first_of(labels, {"Hostname", "hostname"});
  if (out.node.empty()) out.node = host_of(label(labels, "instance"));
  out.uuid = first_of(labels, {"UUID", "uuid"});
  read_gpu_label(exporters_label(labels, "gpu"), out);
  if (const auto gi = number(exporters_label(labels, "GPU_I_ID"))) out.part.gpu_instance = gi;
  if (const auto ci = number(exporters_label(labels, "GPU_CI_ID"))) out.part.compute_instance = ci;
  // DCGM's families may come from either; who scraped says which, where it is named as the relay names it.
  const bool is_dcgm = label(labels, "__name__").starts_with("DCGM_");
  const bool by_agent = label(labels, "job").find("tessera-agent") != std::string_view::npos;
  out.origin = is_dcgm && !by_agent ? Origin::DcgmExporter : Origin::Agent;
  const std::hash<std::string_view> hash;
  const std::uint64_t source = hash(label(labels, "job")) * 31 + hash(label(labels, "instance"));
  out.source = static_cast<std::uint32_t>(source ^ source >> 32U);
  return out;
}

Holder holder_of(Labels labels) {
  Holder out;
  const bool renamed = !label(labels, "exported_pod").empty();
  out.pod = first_of(labels, {"pod", "pod_name"});
  out.space = first_of(labels, {"namespace", "pod_namespace"});
  out.container = first_of(labels, {"container", "container_name"});
  out.pod_uid = exporters_label(labels, "pod_uid");
  const bool exporters_own = !renamed && label(labels, "pod_name").empty() && out.pod_uid.empty() &&
                             std::ranges::find(kExporterContainers, out.container) != std::end(kExporterContainers);
  if (exporters_own || out.pod == "unknown") return {};
  return out;
}

}  // namespace tessera::fleet

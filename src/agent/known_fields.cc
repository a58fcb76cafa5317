// The table of fields: what each is, where it comes from, and in which unit. Units and levels are DCGM's, so that a
// page made from its CSV means what it meant there; the traps are in the comments.
#include <fmt/format.h>

#include <algorithm>

#include "agent/fields.h"

namespace tessera::agent {
namespace {

using gpu::Device;
using gpu::Driver;
using gpu::Reading;
using gpu::Readings;

constexpr double kToMebibytes = 1.0 / (1U << 20U);

std::string number(std::optional<unsigned> value) { return value ? std::to_string(*value) : ""; }
std::optional<double> real(std::optional<unsigned> value) {
  return value ? std::optional<double>(*value) : std::nullopt;
}

/// DCGM numbers the compute modes 0 default, 1 prohibited, 2 exclusive process; NVML has 0, 2, 3.
std::optional<unsigned> dcgm_compute_mode(const Device& device) {
  static constexpr unsigned kOfNvml[] = {0, 0, 1, 2};
  if (!device.compute_mode || *device.compute_mode >= std::size(kOfNvml)) return std::nullopt;
  return kOfNvml[*device.compute_mode];
}

/// "3g.40gb" for a compute instance "1c.3g.40gb" too.
std::string_view gi_profile(std::string_view profile) {
  const auto dot = profile.find('.');
  return dot != 0 && dot != std::string_view::npos && profile[dot - 1] == 'c' ? profile.substr(dot + 1) : profile;
}

/// These are written for each device in each collection, where fmt's parsing of the format would cost most.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

/// `1:3g.40gb@4+4`: GPU-instance id, profile, and start+size where the driver tells it.
std::string gi_info(const Device& device, const Driver&) {
  std::vector<std::string> known;
  for (const gpu::Instance& instance : device.instances) {
    std::string text = joined({number(instance.gpu_instance), ":", gi_profile(instance.profile)});
    if (const auto& placed = instance.placement)
      text += joined({"@", number(placed->start), "+", number(placed->size)});
    if (std::ranges::find(known, text) == known.end()) known.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(known, ","));
}

/// `1/0:3g.40gb`: GPU-instance id, compute-instance id, profile.
std::string ci_info(const Device& device, const Driver&) {
  std::vector<std::string> known;
  for (const gpu::Instance& instance : device.instances)
    known.push_back(
        joined({number(instance.gpu_instance), "/", number(instance.compute_instance), ":", instance.profile}));
  return fmt::format("{}", fmt::join(known, ","));
}

/// Of what programs can use: the driver's own part is neither used nor free.
std::optional<double> memory_used_ratio(const Device&, const Readings& readings) {
  const auto used = readings[Reading::MemoryUsedBytes];
  const auto total = readings[Reading::MemoryTotalBytes];
  if (!used || !total) return std::nullopt;
  const double usable = *total - readings[Reading::MemoryReservedBytes].value_or(0);
  return usable > 0 ? std::optional(std::clamp(*used / usable, 0.0, 1.0)) : std::nullopt;
}

FieldInfo device_field(std::string_view name, std::string_view later, Reading reading, std::string_view type,
                       std::string_view unit, std::string_view source, std::string_view help) {
  return {.name = name,
          .later_name = later.empty() ? name : later,
          .reading = reading,
          .source = source,
          .default_type = type,
          .unit = unit,
          .default_help = help};
}

/// A number that DCGM 4.6 has a second time, in the base unit.
FieldInfo base_unit_field(std::string_view name, Reading reading, double scale, std::string_view type,
                          std::string_view unit, std::string_view source, std::string_view help) {
  FieldInfo field = device_field(name, "", reading, type, unit, source, help);
  field.scale = scale;
  return field;
}

FieldInfo memory_field(std::string_view name, Reading reading, std::string_view help) {
  FieldInfo field = device_field(name, "", reading, "gauge", "MiB", "nvmlDeviceGetMemoryInfo_v2", help);
  field.scale = kToMebibytes;
  field.per_instance = true;
  return field;
}

FieldInfo profiling_field(std::string_view name, std::string_view later, Reading reading, std::string_view source,
                          std::string_view help) {
  FieldInfo field = device_field(name, later, reading, "gauge", "ratio", source, help);
  field.per_instance = true;
  field.profiling = true;
  return field;
}

FieldInfo derived_field(std::string_view name, std::string_view later, Reading reading,
                        std::optional<double> (*derive)(const Device&, const Readings&), std::string_view unit,
                        std::string_view source, std::string_view help) {
  FieldInfo field = device_field(name, later, reading, "gauge", unit, source, help);
  field.derive = derive;
  field.per_instance = true;
  return field;
}

FieldInfo label_field(std::string_view name, std::string_view later, std::string (*label)(const Device&, const Driver&),
                      std::string_view source, std::string_view help,
                      std::optional<double> (*derive)(const Device&, const Readings&) = nullptr) {
  return {.name = name,
          .later_name = later.empty() ? name : later,
          .derive = derive,
          .label = label,
          .source = source,
          .default_type = "label",
          .default_help = help};
}

FieldInfo missing_field(std::string_view name, std::string_view why, std::string_view type, std::string_view help) {
  return {.name = name, .later_name = name, .why_no_source = why, .default_type = type, .default_help = help};
}

void add_clocks_and_power(std::vector<FieldInfo>& to) {
  constexpr std::string_view kTemperature = "nvmlDeviceGetTemperatureV, nvmlDeviceGetTemperature";
  to.insert(to.end(),
            {device_field("DCGM_FI_DEV_SM_CLOCK", "", Reading::SmClockMhz, "gauge", "MHz", "nvmlDeviceGetClockInfo(SM)",
                          "Clock of the streaming multiprocessors (MHz)."),
             device_field("DCGM_FI_DEV_MEM_CLOCK", "", Reading::MemoryClockMhz, "gauge", "MHz",
                          "nvmlDeviceGetClockInfo(MEM)", "Clock of the device memory (MHz)."),
             device_field("DCGM_FI_DEV_VIDEO_CLOCK", "", Reading::VideoClockMhz, "gauge", "MHz",
                          "nvmlDeviceGetClockInfo(VIDEO)", "Clock of the video encoders and decoders (MHz)."),
             device_field("DCGM_FI_DEV_PSTATE", "DCGM_FI_DEV_GPU_PSTATE", Reading::PerformanceState, "gauge", "",
                          "nvmlDeviceGetPerformanceState", "Performance state from 0 (fastest) to 15 (slowest)."),
             device_field("DCGM_FI_DEV_MEMORY_TEMP", "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS",
                          Reading::MemoryTemperatureCelsius, "gauge", "celsius", "nvmlDeviceGetFieldValues(82)",
                          "Temperature of the device memory (degrees Celsius; boards with HBM only)."),
             device_field("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS", Reading::TemperatureCelsius, "gauge",
                          "celsius", kTemperature, "Temperature of the GPU core (degrees Celsius)."),
             device_field("DCGM_FI_DEV_SLOWDOWN_TEMP", "DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS",
                          Reading::SlowdownTemperatureCelsius, "gauge", "celsius", "nvmlDeviceGetTemperatureThreshold",
                          "Core temperature at which the hardware slows down (degrees Celsius)."),
             device_field("DCGM_FI_DEV_FAN_SPEED", "", Reading::FanPercent, "gauge", "percent", "nvmlDeviceGetFanSpeed",
                          "Intended fan speed (percent of its maximum; absent on passively cooled boards)."),
             device_field("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS", Reading::PowerWatts, "gauge",
                          "watts", "nvmlDeviceGetPowerUsage", "Power drawn by the whole board (watts)."),
             device_field("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "DCGM_FI_DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS",
                          Reading::PowerLimitWatts, "gauge", "watts", "nvmlDeviceGetEnforcedPowerLimit",
                          "Power limit in force now (watts)."),
             device_field("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "", Reading::EnergyMillijoulesTotal, "counter",
                          "millijoules", "nvmlDeviceGetTotalEnergyConsumption",
                          "Energy used by the board since the driver was loaded (mJ).")});
}

void add_load(std::vector<FieldInfo>& to) {
  constexpr std::string_view kUtilization = "nvmlDeviceGetUtilizationRates";
  to.insert(
      to.end(),
      {device_field("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO", Reading::GpuUtilPercent, "gauge", "percent",
                    kUtilization, "Share of time in which any kernel ran (percent from 0 to 100; absent in MIG mode)."),
       device_field("DCGM_FI_DEV_MEM_COPY_UTIL", "", Reading::MemoryCopyUtilPercent, "gauge", "percent", kUtilization,
                    "Share of time in which device memory was read or written; not the share of memory in use "
                    "(percent; absent in MIG mode)."),
       device_field("DCGM_FI_DEV_ENC_UTIL", "", Reading::EncoderUtilPercent, "gauge", "percent",
                    "nvmlDeviceGetEncoderUtilization",
                    "Share of the video encoder in use (percent; absent in MIG mode)."),
       device_field("DCGM_FI_DEV_DEC_UTIL", "", Reading::DecoderUtilPercent, "gauge", "percent",
                    "nvmlDeviceGetDecoderUtilization",
                    "Share of the video decoder in use (percent; absent in MIG mode)."),
       memory_field("DCGM_FI_DEV_FB_TOTAL", Reading::MemoryTotalBytes, "Device memory altogether (MiB)."),
       memory_field("DCGM_FI_DEV_FB_FREE", Reading::MemoryFreeBytes, "Device memory not in use (MiB)."),
       memory_field("DCGM_FI_DEV_FB_USED", Reading::MemoryUsedBytes,
                    "Device memory in use by programs without what the driver reserves (MiB)."),
       memory_field("DCGM_FI_DEV_FB_RESERVED", Reading::MemoryReservedBytes,
                    "Device memory that the driver keeps for itself (MiB)."),
       derived_field("DCGM_FI_DEV_FB_USED_PERCENT", "DCGM_FI_DEV_FB_USED_RATIO", Reading::MemoryUsedBytes,
                     memory_used_ratio, "ratio", "nvmlDeviceGetMemoryInfo_v2",
                     "Used share of the device memory that programs can have: used / (total - reserved) as a ratio "
                     "from 0 to 1.")});
}

void add_links(std::vector<FieldInfo>& to) {
  FieldInfo pcie_tx = device_field("DCGM_FI_PROF_PCIE_TX_BYTES", "", Reading::PcieTxBytesPerSecond, "gauge",
                                   "bytes per second", "nvmlGpmMetricsGet(20), nvmlDeviceGetFieldValues(197)",
                                   "Rate of data sent over PCIe; headers included (bytes per second).");
  FieldInfo pcie_rx = device_field("DCGM_FI_PROF_PCIE_RX_BYTES", "", Reading::PcieRxBytesPerSecond, "gauge",
                                   "bytes per second", "nvmlGpmMetricsGet(21), nvmlDeviceGetFieldValues(198)",
                                   "Rate of data received over PCIe; headers included (bytes per second).");
  FieldInfo nvlink_tx =
      device_field("DCGM_FI_PROF_NVLINK_TX_BYTES", "", Reading::NvlinkTxBytesPerSecond, "gauge", "bytes per second",
                   "nvmlGpmMetricsGet(61)", "Rate of data sent over all NVLinks (bytes per second).");
  FieldInfo nvlink_rx =
      device_field("DCGM_FI_PROF_NVLINK_RX_BYTES", "", Reading::NvlinkRxBytesPerSecond, "gauge", "bytes per second",
                   "nvmlGpmMetricsGet(60)", "Rate of data received over all NVLinks (bytes per second).");
  nvlink_tx.profiling = nvlink_rx.profiling = true;
  to.insert(to.end(),
            {pcie_tx, pcie_rx,
             device_field("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "DCGM_FI_DEV_PCIE_REPLAY_TOTAL", Reading::PcieReplaysTotal,
                          "counter", "", "nvmlDeviceGetPcieReplayCounter", "PCIe packets that had to be sent again."),
             device_field("DCGM_FI_DEV_PCIE_LINK_GEN", "", Reading::PcieLinkGeneration, "gauge", "",
                          "nvmlDeviceGetCurrPcieLinkGeneration", "PCIe generation that the link runs at now."),
             device_field("DCGM_FI_DEV_PCIE_LINK_WIDTH", "", Reading::PcieLinkWidth, "gauge", "",
                          "nvmlDeviceGetCurrPcieLinkWidth", "PCIe lanes in use now."),
             // A rate in DCGM too, whatever its name and the CSVs in circulation say.
             device_field("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL",
                          Reading::NvlinkMegabytesPerSecond, "gauge", "megabytes per second",
                          "nvmlDeviceGetFieldValues(138, 139)",
                          "Rate of data over all NVLinks in both directions together (MB/s; a rate and no counter)."),
             nvlink_tx, nvlink_rx});
}

void add_health(std::vector<FieldInfo>& to) {
  const auto count = [&to](std::string_view name, std::string_view later, Reading reading, std::string_view source,
                           std::string_view help) {
    to.push_back(device_field(name, later, reading, "counter", "", source, help));
  };
  const auto flag = [&to](std::string_view name, std::string_view later, Reading reading, std::string_view source,
                          std::string_view help) {
    to.push_back(device_field(name, later, reading, "gauge", "", source, help));
  };
  const auto violation = [&to](std::string_view name, Reading reading, std::string_view source, std::string_view help) {
    to.push_back(device_field(name, "", reading, "counter", "nanoseconds", source, help));
  };
  flag("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR", Reading::XidLast, "nvmlEventSetWait_v2",
       "Code of the last XID event; 0 before any. A code and no count: gpu_xid_errors_total counts.");
  to.back().per_instance = true;  // an event that names no instance is each one's
  flag("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS", Reading::ClocksEventReasons,
       "nvmlDeviceGetCurrentClocksEventReasons",
       "Why the clocks are lower than they could be; a sum of bits: 1 idle; 2 application clocks; 4 power cap; 8 "
       "hardware slowdown; 16 sync boost; 32 software thermal; 64 hardware thermal; 128 power brake; 256 display.");
  violation("DCGM_FI_DEV_POWER_VIOLATION", Reading::PowerViolationNanosecondsTotal, "nvmlDeviceGetFieldValues(74)",
            "Time in which the power limit held the clocks down (nanoseconds).");
  violation("DCGM_FI_DEV_THERMAL_VIOLATION", Reading::ThermalViolationNanosecondsTotal, "nvmlDeviceGetFieldValues(75)",
            "Time in which the temperature held the clocks down (nanoseconds).");
  violation("DCGM_FI_DEV_SYNC_BOOST_VIOLATION", Reading::SyncBoostViolationNanosecondsTotal,
            "nvmlDeviceGetFieldValues(76)", "Time in which sync boost held the clocks down (nanoseconds).");
  violation("DCGM_FI_DEV_BOARD_LIMIT_VIOLATION", Reading::BoardLimitViolationNanosecondsTotal,
            "nvmlDeviceGetFieldValues(77)", "Time in which the board's limits held the clocks down (nanoseconds).");
  violation("DCGM_FI_DEV_LOW_UTIL_VIOLATION", Reading::LowUtilViolationNanosecondsTotal, "nvmlDeviceGetFieldValues(78)",
            "Time in which low utilization held the clocks down (nanoseconds).");
  violation("DCGM_FI_DEV_RELIABILITY_VIOLATION", Reading::ReliabilityViolationNanosecondsTotal,
            "nvmlDeviceGetFieldValues(79)", "Time in which reliability limits held the clocks down (nanoseconds).");
  count("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "", Reading::EccCorrectedVolatileTotal, "nvmlDeviceGetFieldValues(3)",
        "Corrected (single-bit) ECC errors since the driver was loaded.");
  count("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "", Reading::EccUncorrectedVolatileTotal, "nvmlDeviceGetFieldValues(4)",
        "Uncorrected (double-bit) ECC errors since the driver was loaded.");
  count("DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", "", Reading::EccCorrectedAggregateTotal, "nvmlDeviceGetFieldValues(5)",
        "Corrected (single-bit) ECC errors in the board's life.");
  count("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "", Reading::EccUncorrectedAggregateTotal, "nvmlDeviceGetFieldValues(6)",
        "Uncorrected (double-bit) ECC errors in the board's life.");
  count("DCGM_FI_DEV_RETIRED_SBE", "DCGM_FI_DEV_PAGE_RETIRED_SBE_TOTAL", Reading::RetiredPagesCorrected,
        "nvmlDeviceGetRetiredPages", "Memory pages retired for repeated corrected errors; boards before Ampere only.");
  count("DCGM_FI_DEV_RETIRED_DBE", "DCGM_FI_DEV_PAGE_RETIRED_DBE_TOTAL", Reading::RetiredPagesUncorrected,
        "nvmlDeviceGetFieldValues(30)", "Memory pages retired for uncorrected errors; boards before Ampere only.");
  flag("DCGM_FI_DEV_RETIRED_PENDING", "DCGM_FI_DEV_PAGE_RETIRED_PENDING", Reading::RetiredPagesPending,
       "nvmlDeviceGetFieldValues(31)", "Whether pages wait for a reboot to be retired: 0 or 1 (no count).");
  count("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL",
        Reading::RemappedRowsUncorrectable, "nvmlDeviceGetFieldValues(143)",
        "Memory rows remapped for uncorrected errors; Ampere and later; absent while MIG instances exist.");
  count("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL",
        Reading::RemappedRowsCorrectable, "nvmlDeviceGetFieldValues(142)",
        "Memory rows remapped for corrected errors; Ampere and later; absent while MIG instances exist.");
  flag("DCGM_FI_DEV_ROW_REMAP_FAILURE", "DCGM_FI_DEV_ROW_REMAP_FAILED", Reading::RowRemapFailure,
       "nvmlDeviceGetFieldValues(145)",
       "Whether a remapping of memory rows has failed: 0 or 1 (1: replace the board).");
  flag("DCGM_FI_DEV_ROW_REMAP_PENDING", "", Reading::RowRemapPending, "nvmlDeviceGetFieldValues(144)",
       "Whether remapped rows wait for a GPU reset: 0 or 1.");
}

void add_profiling(std::vector<FieldInfo>& to) {
  to.insert(
      to.end(),
      {profiling_field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO",
                       Reading::GraphicsEngineActiveRatio, "nvmlGpmMetricsGet(1)",
                       "Share of time in which the graphics or compute engine was busy; of the instance in MIG mode "
                       "(ratio from 0 to 1)."),
       profiling_field(
           "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO", Reading::SmActiveRatio, "nvmlGpmMetricsGet(2)",
           "Share of time in which an SM held at least one warp; averaged over the SMs (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_SM_OCCUPANCY", "DCGM_FI_PROF_SM_OCCUPANCY_RATIO", Reading::SmOccupancyRatio,
                       "nvmlGpmMetricsGet(3)",
                       "Warps resident on the SMs against the most that they can hold (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO", Reading::TensorActiveRatio,
                       "nvmlGpmMetricsGet(5)", "Share of cycles in which any tensor pipe worked (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO", Reading::DramActiveRatio,
                       "nvmlGpmMetricsGet(10)",
                       "Share of cycles in which data moved to or from device memory (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_PIPE_FP64_ACTIVE", "DCGM_FI_PROF_FP64_UTIL_RATIO", Reading::Fp64ActiveRatio,
                       "nvmlGpmMetricsGet(11)", "Share of cycles in which the FP64 pipe worked (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_PIPE_FP32_ACTIVE", "DCGM_FI_PROF_FP32_UTIL_RATIO", Reading::Fp32ActiveRatio,
                       "nvmlGpmMetricsGet(12)", "Share of cycles in which the FP32 pipe worked (ratio from 0 to 1)."),
       profiling_field("DCGM_FI_PROF_PIPE_FP16_ACTIVE", "DCGM_FI_PROF_FP16_UTIL_RATIO", Reading::Fp16ActiveRatio,
                       "nvmlGpmMetricsGet(13)", "Share of cycles in which the FP16 pipe worked (ratio from 0 to 1).")});
}

void add_base_units(std::vector<FieldInfo>& to) {
  to.insert(to.end(),
            {base_unit_field("DCGM_FI_DEV_SM_CLOCK_HERTZ", Reading::SmClockMhz, 1e6, "gauge", "hertz",
                             "nvmlDeviceGetClockInfo(SM)", "Clock of the streaming multiprocessors (hertz)."),
             base_unit_field("DCGM_FI_DEV_MEMORY_CLOCK_HERTZ", Reading::MemoryClockMhz, 1e6, "gauge", "hertz",
                             "nvmlDeviceGetClockInfo(MEM)", "Clock of the device memory (hertz)."),
             base_unit_field("DCGM_FI_DEV_VIDEO_CLOCK_HERTZ", Reading::VideoClockMhz, 1e6, "gauge", "hertz",
                             "nvmlDeviceGetClockInfo(VIDEO)", "Clock of the video encoders and decoders (hertz)."),
             base_unit_field("DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", Reading::EnergyMillijoulesTotal, 1e-3, "counter",
                             "joules", "nvmlDeviceGetTotalEnergyConsumption",
                             "Energy used by the board since the driver was loaded (joules)."),
             base_unit_field("DCGM_FI_DEV_FAN_SPEED_RATIO", Reading::FanPercent, 1e-2, "gauge", "ratio",
                             "nvmlDeviceGetFanSpeed", "Intended fan speed as a share of its maximum.")});
}

void add_labels(std::vector<FieldInfo>& to) {
  to.insert(
      to.end(),
      {label_field(
           "DCGM_FI_DRIVER_VERSION", "DCGM_FI_SYSTEM_DRIVER_VERSION",
           [](const Device&, const Driver& driver) { return driver.version; }, "nvmlSystemGetDriverVersion",
           "Version of the NVIDIA driver."),
       label_field(
           "DCGM_FI_NVML_VERSION", "DCGM_FI_SYSTEM_NVML_VERSION",
           [](const Device&, const Driver& driver) { return driver.nvml_version; }, "nvmlSystemGetNVMLVersion",
           "Version of the NVML library."),
       label_field(
           "DCGM_FI_DEV_NAME", "DCGM_FI_DEV_GPU_NAME", [](const Device& device, const Driver&) { return device.name; },
           "nvmlDeviceGetName", "Product name of the device."),
       label_field(
           "DCGM_FI_DEV_SERIAL", "DCGM_FI_DEV_BOARD_SERIAL",
           [](const Device& device, const Driver&) { return device.serial.value_or(""); }, "nvmlDeviceGetSerial",
           "Serial number of the board."),
       label_field(
           "DCGM_FI_DEV_UUID", "DCGM_FI_DEV_GPU_UUID", [](const Device& device, const Driver&) { return device.uuid; },
           "nvmlDeviceGetUUID", "UUID of the device."),
       label_field(
           "DCGM_FI_DEV_COMPUTE_MODE", "DCGM_FI_DEV_GPU_COMPUTE_MODE",
           [](const Device& device, const Driver&) { return number(dcgm_compute_mode(device)); },
           "nvmlDeviceGetComputeMode",
           "Compute mode in DCGM's numbers: 0 default; 1 prohibited; 2 exclusive process (NVML: 0; 2; 3).",
           [](const Device& device, const Readings&) { return real(dcgm_compute_mode(device)); }),
       label_field(
           "DCGM_FI_DEV_PERSISTENCE_MODE", "DCGM_FI_DEV_GPU_PERSISTENCE_MODE",
           [](const Device& device, const Driver&) { return number(device.persistence_mode); },
           "nvmlDeviceGetPersistenceMode", "Whether the driver keeps the device awake: 0 or 1.",
           [](const Device& device, const Readings&) { return real(device.persistence_mode); }),
       label_field(
           "DCGM_FI_DEV_VIRTUAL_MODE", "DCGM_FI_DEV_GPU_VIRTUAL_MODE",
           [](const Device& device, const Driver&) { return number(device.virtualization_mode); },
           "nvmlDeviceGetVirtualizationMode",
           "Virtualization: 0 none; 1 passthrough; 2 vGPU guest; 3 vGPU host; 4 vSGA host.",
           [](const Device& device, const Readings&) { return real(device.virtualization_mode); }),
       label_field(
           "DCGM_FI_DEV_MIG_MODE", "", [](const Device& device, const Driver&) { return number(device.mig_enabled); },
           "nvmlDeviceGetMigMode", "Whether MIG mode is on: 0 or 1; absent where the device has none.",
           [](const Device& device, const Readings&) { return real(device.mig_enabled); }),
       label_field(
           "DCGM_FI_DEV_MIG_MAX_SLICES", "",
           [](const Device& device, const Driver&) { return number(device.max_mig_devices); },
           "nvmlDeviceGetMaxMigDeviceCount", "Most MIG devices that the device can be cut into.",
           [](const Device& device, const Readings&) { return real(device.max_mig_devices); }),
       label_field("DCGM_FI_DEV_MIG_GI_INFO", "", gi_info, "nvmlGpuInstanceGetInfo",
                   "GPU instances as id:profile@start+size with commas between (a binary block in DCGM)."),
       label_field("DCGM_FI_DEV_MIG_CI_INFO", "", ci_info, "nvmlDeviceGetComputeInstanceId",
                   "Compute instances as GPU instance/id:profile with commas between (a binary block in DCGM)."),
       label_field(
           "DCGM_FI_DEV_NVML_INDEX", "",
           [](const Device& device, const Driver&) { return std::to_string(device.index); }, "nvmlDeviceGetIndex",
           "Index of the device; may change at a reboot.",
           [](const Device& device, const Readings&) { return real(device.index); }),
       label_field(
           "DCGM_FI_DEV_MINOR_NUMBER", "DCGM_FI_DEV_GPU_MINOR_NUMBER",
           [](const Device& device, const Driver&) { return number(device.minor); }, "nvmlDeviceGetMinorNumber",
           "N of /dev/nvidiaN.", [](const Device& device, const Readings&) { return real(device.minor); }),
       label_field(
           "DCGM_FI_DEV_PCI_BUSID", "DCGM_FI_DEV_PCI_BUS_ID",
           [](const Device& device, const Driver&) { return device.pci_bus_id; }, "nvmlDeviceGetPciInfo_v3",
           "PCI address of the device."),
       label_field(
           "DCGM_FI_DEV_ECC_CURRENT", "DCGM_FI_DEV_ECC_MODE",
           [](const Device& device, const Driver&) { return number(device.ecc_enabled); }, "nvmlDeviceGetEccMode",
           "Whether ECC is on: 0 or 1; absent where the device has none.",
           [](const Device& device, const Readings&) { return real(device.ecc_enabled); })});
}

void add_missing(std::vector<FieldInfo>& to) {
  to.insert(to.end(),
            {missing_field("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "vGPU licences are not read", "gauge",
                           "Whether the vGPU is licensed: 0 or 1."),
             missing_field("DCGM_EXP_XID_ERRORS_COUNT",
                           "dcgm-exporter counts these itself; gpu_xid_errors_total counts every event by its code",
                           "gauge", "XID events by code within a time window."),
             missing_field("DCGM_EXP_CLOCK_EVENTS_COUNT",
                           "dcgm-exporter counts these itself; DCGM_FI_DEV_CLOCK_THROTTLE_REASONS has the bit mask",
                           "gauge", "Clock events by reason within a time window."),
             missing_field("DCGM_EXP_GPU_HEALTH_STATUS", "these are checks of DCGM's own, unknown to NVML", "gauge",
                           "Result of DCGM's health checks."),
             missing_field("DCGM_EXP_P2P_STATUS", "peer-to-peer status is not read", "gauge",
                           "Whether two devices can reach each other's memory.")});
}

}  // namespace

const std::vector<FieldInfo>& known_fields() {
  static const std::vector<FieldInfo> kFields = [] {
    std::vector<FieldInfo> fields;
    for (auto* add : {add_clocks_and_power, add_load, add_links, add_health, add_profiling, add_base_units, add_labels,
                      add_missing})
      add(fields);
    return fields;
  }();
  return kFields;
}

std::optional<double> field_value(const FieldInfo& field, const Device& device, const gpu::Instance* instance) {
  const Readings& readings = field.per_instance && instance != nullptr ? instance->readings : device.readings;
  if (field.derive != nullptr) return field.derive(device, readings);
  const auto value = field.reading ? readings[*field.reading] : std::nullopt;
  return value ? std::optional(*value * field.scale) : std::nullopt;
}

}  // namespace tessera::agent

// Names: which field a name means, and which names are DCGM's without being known here.
#include <algorithm>

#include "agent/fields.h"

namespace tessera::agent {
namespace {

/// Other names of known fields: one in circulation that DCGM never had, and dcgm-exporter's names of its first years.
constexpr struct {
  std::string_view alias;
  std::string_view name;
} kAliases[] = {
    {"DCGM_FI_PROF_TENSOR_ACTIVE", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"},
    {"dcgm_sm_clock", "DCGM_FI_DEV_SM_CLOCK"},
    {"dcgm_memory_clock", "DCGM_FI_DEV_MEM_CLOCK"},
    {"dcgm_memory_temp", "DCGM_FI_DEV_MEMORY_TEMP"},
    {"dcgm_gpu_temp", "DCGM_FI_DEV_GPU_TEMP"},
    {"dcgm_power_usage", "DCGM_FI_DEV_POWER_USAGE"},
    {"dcgm_total_energy_consumption", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"},
    {"dcgm_pcie_replay_counter", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"},
    {"dcgm_gpu_utilization", "DCGM_FI_DEV_GPU_UTIL"},
    {"dcgm_mem_copy_utilization", "DCGM_FI_DEV_MEM_COPY_UTIL"},
    {"dcgm_enc_utilization", "DCGM_FI_DEV_ENC_UTIL"},
    {"dcgm_dec_utilization", "DCGM_FI_DEV_DEC_UTIL"},
    {"dcgm_xid_errors", "DCGM_FI_DEV_XID_ERRORS"},
    {"dcgm_power_violation", "DCGM_FI_DEV_POWER_VIOLATION"},
    {"dcgm_thermal_violation", "DCGM_FI_DEV_THERMAL_VIOLATION"},
    {"dcgm_sync_boost_violation", "DCGM_FI_DEV_SYNC_BOOST_VIOLATION"},
    {"dcgm_board_limit_violation", "DCGM_FI_DEV_BOARD_LIMIT_VIOLATION"},
    {"dcgm_low_util_violation", "DCGM_FI_DEV_LOW_UTIL_VIOLATION"},
    {"dcgm_reliability_violation", "DCGM_FI_DEV_RELIABILITY_VIOLATION"},
    {"dcgm_fb_free", "DCGM_FI_DEV_FB_FREE"},
    {"dcgm_fb_used", "DCGM_FI_DEV_FB_USED"},
    {"dcgm_ecc_sbe_volatile_total", "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"},
    {"dcgm_ecc_dbe_volatile_total", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"},
    {"dcgm_ecc_sbe_aggregate_total", "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL"},
    {"dcgm_ecc_dbe_aggregate_total", "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL"},
    {"dcgm_retired_pages_sbe", "DCGM_FI_DEV_RETIRED_SBE"},
    {"dcgm_retired_pages_dbe", "DCGM_FI_DEV_RETIRED_DBE"},
    {"dcgm_retired_pages_pending", "DCGM_FI_DEV_RETIRED_PENDING"},
    {"dcgm_nvlink_bandwidth_total", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"},
    {"dcgm_fi_prof_gr_engine_active", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"},
    {"dcgm_fi_prof_sm_active", "DCGM_FI_PROF_SM_ACTIVE"},
    {"dcgm_fi_prof_sm_occupancy", "DCGM_FI_PROF_SM_OCCUPANCY"},
    {"dcgm_fi_prof_pipe_tensor_active", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"},
    {"dcgm_fi_prof_dram_active", "DCGM_FI_PROF_DRAM_ACTIVE"},
    {"dcgm_fi_prof_pcie_tx_bytes", "DCGM_FI_PROF_PCIE_TX_BYTES"},
    {"dcgm_fi_prof_pcie_rx_bytes", "DCGM_FI_PROF_PCIE_RX_BYTES"},
};

}  // namespace

const FieldInfo* find_field(std::string_view name) {
  if (const auto* alias = std::ranges::find(kAliases, name, [](const auto& a) { return a.alias; });
      alias != std::end(kAliases))
    name = alias->name;
  const auto& fields = known_fields();
  const auto found =
      std::ranges::find_if(fields, [name](const FieldInfo& f) { return f.name == name || f.later_name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const std::vector<FieldFamily>& field_families() {
  static constexpr std::string_view kPerLink = "NVLink error counts and numbers per link are not read";
  static constexpr std::string_view kNotGpu = "not about a GPU";
  static constexpr std::string_view kPerPlace = "ECC errors per memory location are not read; the totals are";
  static constexpr std::string_view kNotRead = "not read by this program";
  static constexpr std::string_view kInforom = "InfoROM and VBIOS versions are not read";
  static constexpr std::string_view kVirtual = "vGPU details are not read";
  static constexpr std::string_view kDiag = "results of DCGM's own diagnostics, unknown to NVML";
  static constexpr std::string_view kProfiling = "this profiling metric is not read";
  static const std::vector<FieldFamily> kFamilies = {
      {"DCGM_FI_DEV_NVLINK_", kPerLink},
      {"DCGM_FI_DEV_GPU_NVLINK_ERRORS", kPerLink},
      {"DCGM_FI_PROF_NVLINK_", kPerLink},
      {"dcgm_nvlink_", kPerLink},
      {"DCGM_FI_DEV_NVSWITCH_", kNotGpu},
      {"DCGM_FI_DEV_SXID_", kNotGpu},
      {"DCGM_FI_DEV_CONNECTX_", kNotGpu},
      {"DCGM_FI_DEV_CPU_", kNotGpu},
      {"DCGM_FI_DEV_SYSIO_POWER", kNotGpu},
      {"DCGM_FI_DEV_MODULE_POWER", kNotGpu},
      {"DCGM_FI_IMEX_", kNotGpu},
      {"DCGM_FI_SYSTEM_", kNotGpu},
      {"DCGM_FI_SYNC_BOOST", kNotGpu},
      {"DCGM_FI_PROCESS_NAME", kNotGpu},
      {"DCGM_FI_GPU_TOPOLOGY_", kNotGpu},
      {"DCGM_FI_DEV_COUNT", kNotGpu},
      {"DCGM_FI_CUDA_", kNotRead},
      {"DCGM_FI_DEV_CUDA_", kNotRead},
      {"DCGM_FI_DEV_ECC_SBE_VOL_", kPerPlace},
      {"DCGM_FI_DEV_ECC_DBE_VOL_", kPerPlace},
      {"DCGM_FI_DEV_ECC_SBE_AGG_", kPerPlace},
      {"DCGM_FI_DEV_ECC_DBE_AGG_", kPerPlace},
      {"DCGM_FI_DEV_ECC_PENDING", kNotRead},
      {"DCGM_FI_DEV_SRAM_EXCEEDED", kNotRead},
      {"DCGM_FI_DEV_MEMORY_UNREPAIRABLE", kNotRead},
      {"DCGM_FI_DEV_THRESHOLD_SRM", kNotRead},
      {"DCGM_FI_DEV_BANK_REMAP_", kNotRead},
      {"DCGM_FI_DEV_BANKS_REMAP_", kNotRead},
      {"DCGM_FI_DEV_BAR1_", kNotRead},
      {"DCGM_FI_DEV_C2C_", kNotRead},
      {"DCGM_FI_DEV_CC_MODE", kNotRead},
      {"DCGM_FI_DEV_P2P_", kNotRead},
      {"DCGM_FI_DEV_FABRIC_", kNotRead},
      {"DCGM_FI_DEV_PLATFORM_", kNotRead},
      {"DCGM_FI_DEV_PWR_SMOOTHING_", kNotRead},
      {"DCGM_FI_DEV_CLOCKS_EVENT_REASON_", kNotRead},
      {"DCGM_FI_DEV_CLOCKS_AUTOBOOST", kNotRead},
      {"DCGM_FI_DEV_CLOCKS_SUPPORTED", kNotRead},
      {"DCGM_FI_DEV_SUPPORTED_CLOCKS", kNotRead},
      {"DCGM_FI_DEV_AUTOBOOST", kNotRead},
      {"DCGM_FI_DEV_TOTAL_APP_CLOCKS_VIOLATION", kNotRead},
      {"DCGM_FI_DEV_TOTAL_BASE_CLOCKS_VIOLATION", kNotRead},
      {"DCGM_FI_DEV_APP_", kNotRead},
      {"DCGM_FI_DEV_MAX_", kNotRead},
      {"DCGM_FI_DEV_GPU_MAX_OP_TEMP", kNotRead},
      {"DCGM_FI_DEV_MEM_MAX_OP_TEMP", kNotRead},
      {"DCGM_FI_DEV_MEMORY_MAX_OP_TEMP", kNotRead},
      {"DCGM_FI_DEV_GPU_TEMP_LIMIT", kNotRead},
      {"DCGM_FI_DEV_GPU_TEMP_MARGIN", kNotRead},
      {"DCGM_FI_DEV_GPU_TEMP_SHUTDOWN", kNotRead},
      {"DCGM_FI_DEV_SHUTDOWN_TEMP", kNotRead},
      {"DCGM_FI_DEV_POWER_MGMT_LIMIT", kNotRead},
      {"DCGM_FI_DEV_POWER_USAGE_INSTANT", kNotRead},
      {"DCGM_FI_DEV_BOARD_POWER_", kNotRead},
      {"DCGM_FI_DEV_ENFORCED_POWER_PROFILE", kNotRead},
      {"DCGM_FI_DEV_REQUESTED_POWER_PROFILE", kNotRead},
      {"DCGM_FI_DEV_VALID_POWER_PROFILE", kNotRead},
      {"DCGM_FI_DEV_PCIE_", kNotRead},
      {"dcgm_pcie_", kNotRead},
      {"DCGM_FI_DEV_PCI_", kNotRead},
      {"DCGM_FI_DEV_MEM_AFFINITY_", kNotRead},
      {"DCGM_FI_DEV_MEMORY_AFFINITY_", kNotRead},
      {"DCGM_FI_DEV_MIG_ATTRIBUTES", kNotRead},
      {"DCGM_FI_DEV_GPM_SUPPORT", kNotRead},
      {"DCGM_FI_DEV_BRAND", kNotRead},
      {"DCGM_FI_DEV_GPU_BRAND", kNotRead},
      {"DCGM_FI_DEV_GPU_RECOVERY_ACTION", kNotRead},
      {"DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", kNotRead},
      {"DCGM_FI_DEV_ACCOUNTING_DATA", kNotRead},
      {"DCGM_FI_DEV_PROCESS_ACCOUNTING", kNotRead},
      {"DCGM_FI_BIND_UNBIND_EVENT", kNotRead},
      {"DCGM_FI_DEV_SM_APP_CLOCK", kNotRead},
      {"DCGM_FI_DEV_SM_MAX_CLOCK", kNotRead},
      {"DCGM_FI_DEV_MEMORY_APP_CLOCK", kNotRead},
      {"DCGM_FI_DEV_MEMORY_MAX_CLOCK", kNotRead},
      {"DCGM_FI_DEV_VIDEO_MAX_CLOCK", kNotRead},
      {"DCGM_FI_DEV_INFOROM_", kInforom},
      {"DCGM_FI_DEV_OEM_INFOROM_VER", kInforom},
      {"DCGM_FI_DEV_ECC_INFOROM_VER", kInforom},
      {"DCGM_FI_DEV_POWER_INFOROM_VER", kInforom},
      {"DCGM_FI_DEV_VBIOS_VERSION", kInforom},
      {"DCGM_FI_DEV_VGPU_", kVirtual},
      {"DCGM_FI_DEV_CREATABLE_VGPU_", kVirtual},
      {"DCGM_FI_DEV_SUPPORTED_", kVirtual},
      {"DCGM_FI_DEV_ENC_STATS", kVirtual},
      {"DCGM_FI_DEV_FBC_", kVirtual},
      {"DCGM_FI_DEV_DIAG_", kDiag},
      {"DCGM_FI_PROF_PIPE_", kProfiling},
      {"DCGM_FI_PROF_C2C_", kProfiling},
      {"DCGM_FI_PROF_NV", kProfiling},
      {"DCGM_FI_PROF_DFMA_", kProfiling},
      {"DCGM_FI_PROF_DMMA_", kProfiling},
      {"DCGM_FI_PROF_HMMA_", kProfiling},
      {"DCGM_FI_PROF_IMMA_", kProfiling},
      {"DCGM_FI_PROF_MMA_", kProfiling},
      {"DCGM_FI_PROF_INT", kProfiling},
      {"DCGM_FI_PROF_FP", kProfiling},
      {"DCGM_FI_PROF_SM_CYCLES_", kProfiling},
      {"DCGM_FI_PROF_PCIE_", kProfiling},
      {"DCGM_FI_PROF_HOSTMEM_CACHE_", kProfiling},
      {"DCGM_FI_PROF_PEERMEM_CACHE_", kProfiling},
  };
  return kFamilies;
}

}  // namespace tessera::agent

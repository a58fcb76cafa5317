// nvmlDeviceGetFieldValues: a batch, each value with its own answer.
#include <cmath>

#include "sim/environment.h"

using namespace tessera::sim;

namespace {

struct Answer {
  Return code = kNotSupported;
  ValueType type = kValueU32;
  Value value{};
};

Answer whole(u64 value) {
  Answer out{kSuccess, kValueU64, {}};
  out.value.u64v = value;
  return out;
}
Answer small(double value) {
  Answer out{kSuccess, kValueU32, {}};
  out.value.u32v = static_cast<u32>(std::lround(value));
  return out;
}
Answer signed_number(int value) {
  Answer out{kSuccess, kValueS32, {}};
  out.value.s32 = value;
  return out;
}

// The header that brought the id: an older driver does not know it.
unsigned since(u32 id) {
  if (id <= 184) return 1100;
  if (id <= 196) return 1202;
  if (id <= 198) return 1205;
  if (id <= 229) return 1206;
  return 1208;
}

Answer ecc(const Target& t, int type, bool corrected) {
  const auto counts = ecc_counts(t, type);
  return counts ? whole(corrected ? counts->corrected : counts->uncorrected) : Answer{};
}

Answer memory_temperature(Call& call, const Target& t) {
  if (!t.spec.model->hbm) return {};
  constexpr double kAboveGpu = 6;
  Answer out = small(call.node.temperature(*call.state, t.gpu, call.now) + kAboveGpu);
  if (call.node.spec().driver.memory_temperature_double) out.type = kValueDouble;  // the number stays in the u32
  return out;
}

// One link carries its share; no traffic at all while MIG is on.
Answer nvlink_kib(Call& call, const Target& t, u32 scope, double mib, bool generation5) {
  const Model& model = *t.spec.model;
  const bool has_counter = generation5 ? model.nvlink_version >= 5 : model.nvlink_version < 5;
  if (model.nvlinks == 0 || !has_counter) return {};
  if (scope != kAllLinks && scope >= model.nvlinks) return {kInvalidArgument, kValueU64, {}};
  if (t.state.mig) return whole(0);
  const double bytes = moved_bytes(call, t, mib) / (scope == kAllLinks ? 1 : model.nvlinks);
  return whole(static_cast<u64>(generation5 ? bytes : bytes / 1024));
}

Answer pcie_bytes(Call& call, const Target& t, double mib) {
  if (t.spec.model->architecture < kVolta) return {};
  const u64 bytes = static_cast<u64>(moved_bytes(call, t, mib));
  return whole(call.node.spec().driver.pcie_wrap32 ? bytes & 0xFFFFFFFFU : bytes);
}

Answer rows(const Target& t, unsigned GpuFaults::* count) {
  return remapped_rows_visible(t) ? small(t.state.faults.*count) : Answer{};
}

Answer margin(const Target& t, int value) {
  return has_thermal_margin(*t.spec.model) ? signed_number(value) : Answer{};
}

Answer health_field(Call& call, const Target& t, u32 id) {
  const Model& model = *t.spec.model;
  switch (id) {
    case kFieldEccCurrent:
    case kFieldEccPending:
      return model.data_center ? small(1) : Answer{};
    case kFieldEccSbeVolatile:
      return ecc(t, kEccVolatile, true);
    case kFieldEccDbeVolatile:
      return ecc(t, kEccVolatile, false);
    case kFieldEccSbeAggregate:
      return ecc(t, kEccAggregate, true);
    case kFieldEccDbeAggregate:
      return ecc(t, kEccAggregate, false);
    case kFieldRetiredSbe:
      return has_retired_pages(model) ? small(0) : Answer{};
    case kFieldRetiredDbe:
      return has_retired_pages(model) ? small(static_cast<double>(t.state.faults.dbe_aggregate)) : Answer{};
    case kFieldRetiredPending:
      return has_retired_pages(model) ? small(t.state.faults.dbe_volatile > 0) : Answer{};
    case kFieldMemoryTemperature:
      return memory_temperature(call, t);
    case kFieldRemappedCorrectable:
      return rows(t, &GpuFaults::rows_correctable);
    case kFieldRemappedUncorrectable:
      return rows(t, &GpuFaults::rows_uncorrectable);
    case kFieldRemappedPending:
      return rows(t, &GpuFaults::rows_pending);
    case kFieldRemappedFailure:
      return rows(t, &GpuFaults::rows_failure);
    case kFieldRecoveryAction:
      return model.data_center ? small(t.state.faults.rows_failure > 0 ? 1 : 0) : Answer{};
    case kFieldMarginShutdown:
      return margin(t, -5);
    case kFieldMarginSlowdown:
      return margin(t, -2);
    case kFieldMarginMemoryMax:
    case kFieldMarginGpuMax:
      return margin(t, 0);
    default:
      return {};
  }
}

Answer link_field(Call& call, const Target& t, u32 id, u32 scope) {
  const GpuSpec& spec = t.spec;
  switch (id) {
    case kFieldNvLinkCrcFlit:
    case kFieldNvLinkCrcData:
    case kFieldNvLinkReplay:
    case kFieldNvLinkRecovery:
      return spec.model->nvlinks > 0 && spec.model->nvlink_version < 5 ? whole(0) : Answer{};
    case kFieldNvLinkSpeed:
      return spec.model->nvlinks > 0 ? small(spec.model->nvlink_version >= 4 ? 26562 : 25781) : Answer{};
    case kFieldNvLinkCount:
      return small(spec.model->nvlinks);
    case kFieldPcieReplay:
      return small(t.state.faults.pcie_replays);
    case kFieldPcieReplayRollover:
      return small(0);
    case kFieldNvLinkDataTx:
    case kFieldNvLinkRawTx:
      return nvlink_kib(call, t, scope, spec.nvlink.tx, false);
    case kFieldNvLinkDataRx:
    case kFieldNvLinkRawRx:
      return nvlink_kib(call, t, scope, spec.nvlink.rx, false);
    case kFieldNvLink5TxBytes:
      return nvlink_kib(call, t, scope, spec.nvlink.tx, true);
    case kFieldNvLink5RxBytes:
      return nvlink_kib(call, t, scope, spec.nvlink.rx, true);
    case kFieldPcieTxBytes:
      return pcie_bytes(call, t, spec.pcie.tx);
    case kFieldPcieRxBytes:
      return pcie_bytes(call, t, spec.pcie.rx);
    default:
      return {};
  }
}

Answer power_field(Call& call, const Target& t, u32 id, u32 scope) {
  const Model& model = *t.spec.model;
  switch (id) {
    case kFieldTotalEnergy:
    case kFieldTotalEnergyAgain:
      return has_energy(model) ? whole(static_cast<u64>(call.node.energy_joules(*call.state, t.gpu, call.now) * 1000))
                               : Answer{};
    case kFieldPowerAverage:
    case kFieldPowerInstant:  // scope 1 is the module, which only superchips have
      return scope == 0 ? small(call.node.power_watts(*call.state, t.gpu, call.now) * 1000) : Answer{};
    case kFieldPowerLimitMin:
      return small(model.min_watts * 1000.0);
    case kFieldPowerLimitMax:
    case kFieldPowerLimitDefault:
    case kFieldPowerLimitCurrent:
    case kFieldPowerLimitRequested:
      return small(model.tdp_watts * 1000.0);
    default:
      return {};
  }
}

Answer answer(Call& call, const Target& t, u32 id, u32 scope) {
  if (generation().header < since(id)) return {};
  if (id >= kFieldViolationPower && id <= kFieldViolationBaseClocks) {
    constexpr int kPolicies[] = {kViolationPower,      kViolationThermal,        kViolationSyncBoost,
                                 kViolationBoardLimit, kViolationLowUtilization, kViolationReliability,
                                 kViolationAppClocks,  kViolationBaseClocks};
    return whole(violation_ns(call, t, kPolicies[id - kFieldViolationPower]).value_or(0));
  }
  for (const Answer& found : {power_field(call, t, id, scope), link_field(call, t, id, scope)})
    if (found.code != kNotSupported) return found;
  return health_field(call, t, id);
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetFieldValues(Device device, int count, FieldValue* values) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (count < 0 || (count > 0 && !values)) return kInvalidArgument;
    for (int i = 0; i < count; ++i) {
      FieldValue& value = values[i];
      const Answer found = answer(call, t, value.fieldId, value.scopeId);
      value.timestamp = call.now;
      value.latencyUsec = 0;
      value.nvmlReturn = found.code;
      value.valueType = found.type;
      if (found.code == kSuccess) value.value = found.value;
    }
    return kSuccess;
  });
}

// ECC errors, retired pages, remapped rows.
#include "sim/environment.h"

using namespace tessera::sim;

TESSERA_EXPORT Return nvmlDeviceGetTotalEccErrors(Device device, int error_type, int counter_type, u64* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (error_type < 0 || error_type > kEccUncorrected || counter_type < 0 || counter_type > kEccAggregate || !out)
      return kInvalidArgument;
    const auto counts = ecc_counts(t, counter_type);
    if (!counts) return kNotSupported;
    *out = error_type == kEccCorrected ? counts->corrected : counts->uncorrected;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMemoryErrorCounter(Device device, int error_type, int counter_type, int location,
                                                      u64* out) {
  return on_device(__func__, device, [&](Call&, const Target& t) {
    if (!out || location < 0 || location > kEccSram) return kInvalidArgument;
    const auto counts = ecc_counts(t, counter_type);
    if (!counts) return kNotSupported;
    // With MIG: volatile counts by location exist per instance only, uncorrected and outside DRAM.
    const bool volatile_count = counter_type == kEccVolatile;
    if (t.is_mig() && !(volatile_count && error_type == kEccUncorrected && location != kEccDram)) return kNotSupported;
    if (!t.is_mig() && t.state.mig && volatile_count) return kNotSupported;
    const bool here = !t.is_mig() && location == kEccDram;  // the simulated errors are DRAM errors
    *out = !here ? 0 : error_type == kEccCorrected ? counts->corrected : counts->uncorrected;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetSramEccErrorStatus(Device device, EccSramErrorStatus* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<EccSramErrorStatus>) return kArgumentVersionMismatch;
    if (!has_remapped_rows(*t.spec.model)) return kNotSupported;
    *out = versioned<EccSramErrorStatus>();
    return kSuccess;
  });
}

namespace {
// Each uncorrected error retires a page in the simulation; several single-bit errors retire none.
Return retired(const char* function, Device device, int cause, u32* count, u64* addresses, u64* times) {
  return on_gpu(function, device, [&](Call&, const Target& t) {
    if (!has_retired_pages(*t.spec.model)) return kNotSupported;
    if (!count || cause < kRetiredMultipleSbe || cause > kRetiredDbe) return kInvalidArgument;
    const u32 room = addresses ? *count : 0;
    *count = cause == kRetiredDbe ? static_cast<u32>(t.state.faults.dbe_aggregate) : 0;
    if (*count > room) return addresses || room == 0 ? kInsufficientSize : kInvalidArgument;
    for (u32 i = 0; i < *count; ++i) {
      addresses[i] = 0x1000ULL * (i + 1);
      if (times) times[i] = static_cast<u64>(t.state.loaded);
    }
    return kSuccess;
  });
}
}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetRetiredPages(Device device, int cause, u32* count, u64* addresses) {
  return retired(__func__, device, cause, count, addresses, nullptr);
}
TESSERA_EXPORT Return nvmlDeviceGetRetiredPages_v2(Device device, int cause, u32* count, u64* addresses, u64* times) {
  return retired(__func__, device, cause, count, addresses, times);
}

TESSERA_EXPORT Return nvmlDeviceGetRetiredPagesPendingStatus(Device device, int* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!has_retired_pages(*t.spec.model)) return kNotSupported;
    if (!out) return kInvalidArgument;
    *out = t.state.faults.dbe_volatile > 0 ? 1 : 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetRemappedRows(Device device, u32* correctable, u32* uncorrectable, u32* pending,
                                                u32* failed) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!remapped_rows_visible(t)) return kNotSupported;
    if (!correctable || !uncorrectable || !pending || !failed) return kInvalidArgument;
    const GpuFaults& faults = t.state.faults;
    *correctable = faults.rows_correctable;
    *uncorrectable = faults.rows_uncorrectable;
    *pending = faults.rows_pending;
    *failed = faults.rows_failure;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetRemappedRows_v2(Device device, RemappedRowsInfo* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!remapped_rows_visible(t)) return kNotSupported;
    if (!out) return kInvalidArgument;
    const GpuFaults& faults = t.state.faults;
    *out = {faults.rows_correctable, 0, faults.rows_uncorrectable, 0, faults.rows_pending, faults.rows_failure};
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetRowRemapperHistogram(Device device, RowRemapperHistogram* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!remapped_rows_visible(t)) return kNotSupported;
    if (!out) return kInvalidArgument;
    constexpr u32 kBanks = 640;
    const u32 used = t.state.faults.rows_correctable + t.state.faults.rows_uncorrectable;
    const u32 touched = used < kBanks ? used : kBanks;
    *out = {kBanks - touched, touched, 0, 0, 0};
    return kSuccess;
  });
}

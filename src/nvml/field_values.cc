#include "nvml/field_values.h"

#include <limits>

#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

using gpu::Reading;
using Kind = FieldRow::Kind;

constexpr FieldRow kRows[] = {
    {abi::kFieldEccSbeVolatile, 0, Kind::Gauge, Reading::EccCorrectedVolatileTotal},
    {abi::kFieldEccDbeVolatile, 0, Kind::Gauge, Reading::EccUncorrectedVolatileTotal},
    {abi::kFieldEccSbeAggregate, 0, Kind::Gauge, Reading::EccCorrectedAggregateTotal},
    {abi::kFieldEccDbeAggregate, 0, Kind::Gauge, Reading::EccUncorrectedAggregateTotal},
    {abi::kFieldRetiredSbe, 0, Kind::Gauge, Reading::RetiredPagesCorrected},
    {abi::kFieldRetiredDbe, 0, Kind::Gauge, Reading::RetiredPagesUncorrected},
    {abi::kFieldRetiredPending, 0, Kind::Gauge, Reading::RetiredPagesPending},
    {abi::kFieldViolationPower, 0, Kind::Gauge, Reading::PowerViolationNanosecondsTotal},
    {abi::kFieldViolationThermal, 0, Kind::Gauge, Reading::ThermalViolationNanosecondsTotal},
    {abi::kFieldViolationSyncBoost, 0, Kind::Gauge, Reading::SyncBoostViolationNanosecondsTotal},
    {abi::kFieldViolationBoard, 0, Kind::Gauge, Reading::BoardLimitViolationNanosecondsTotal},
    {abi::kFieldViolationLowUtilization, 0, Kind::Gauge, Reading::LowUtilViolationNanosecondsTotal},
    {abi::kFieldViolationReliability, 0, Kind::Gauge, Reading::ReliabilityViolationNanosecondsTotal},
    {abi::kFieldMemoryTemperature, 0, Kind::Gauge, Reading::MemoryTemperatureCelsius},
    {abi::kFieldRemappedCorrectable, 0, Kind::Gauge, Reading::RemappedRowsCorrectable},
    {abi::kFieldRemappedUncorrectable, 0, Kind::Gauge, Reading::RemappedRowsUncorrectable},
    {abi::kFieldRemappedPending, 0, Kind::Gauge, Reading::RowRemapPending},
    {abi::kFieldRemappedFailure, 0, Kind::Gauge, Reading::RowRemapFailure},
    {abi::kFieldNvLinkDataTx, abi::kAllLinks, Kind::NvlinkTx, Reading::NvlinkTxBytesPerSecond},
    {abi::kFieldNvLinkDataRx, abi::kAllLinks, Kind::NvlinkRx, Reading::NvlinkRxBytesPerSecond},
    {abi::kFieldPcieTxBytes, 0, Kind::PcieTx, Reading::PcieTxBytesPerSecond},
    {abi::kFieldPcieRxBytes, 0, Kind::PcieRx, Reading::PcieRxBytesPerSecond},
};

constexpr std::chrono::minutes kAskAgainAfter{10};
constexpr double kHottestBelievable = 200;
constexpr double kBytesPerKib = 1024;

template <class T>
std::optional<double> unless_all_ones(T value) {
  if (value == std::numeric_limits<T>::max()) return std::nullopt;
  return static_cast<double>(value);
}

}  // namespace

std::span<const FieldRow> field_rows() { return kRows; }

std::optional<double> decode(const abi::FieldValue& field) {
  if (field.nvmlReturn != abi::kSuccess) return std::nullopt;
  if (field.fieldId == abi::kFieldMemoryTemperature) {
    // Whatever the tag says: one driver branch tags it as a double, though the number sits in the integer.
    const auto celsius = unless_all_ones(field.value.u32v);
    return celsius && *celsius <= kHottestBelievable ? celsius : std::nullopt;
  }
  switch (field.valueType) {
    case abi::kValueDouble:
      return field.value.d == field.value.d ? std::optional(field.value.d) : std::nullopt;
    case abi::kValueU32:
      return unless_all_ones(field.value.u32v);
    case abi::kValueUnsignedLong:
      return unless_all_ones(field.value.ul);
    case abi::kValueU64:
      return unless_all_ones(field.value.u64v);
    case abi::kValueS64:
      return static_cast<double>(field.value.s64);
    case abi::kValueS32:
      return static_cast<double>(field.value.s32);
    case abi::kValueU16:
      return static_cast<double>(field.value.u16);
    default:
      return std::nullopt;  // a type of a later driver
  }
}

void FieldValues::read(Asking& asking, gpu::Readings& out) {
  static_assert(std::size(kRows) <= kMostRows);
  std::array<abi::FieldValue, kMostRows> asked{};
  std::array<std::size_t, kMostRows> row_of{};
  std::size_t count = 0;
  for (std::size_t row = 0; row < std::size(kRows); ++row) {
    if (asking.now < ask_again_[row]) continue;
    asked[count].fieldId = kRows[row].id;
    asked[count].scopeId = kRows[row].scope;
    row_of[count++] = row;
  }
  if (count == 0) return;
  if (!asking.ask(Call::FieldValues, asking.api.nvmlDeviceGetFieldValues, static_cast<int>(count), asked.data()))
    return;
  const SteadyTime answered = asking.clock();
  for (std::size_t i = 0; i < count; ++i) {
    const FieldRow& row = kRows[row_of[i]];
    if (is_absent(asked[i].nvmlReturn) || asked[i].nvmlReturn == abi::kInvalidArgument)
      ask_again_[row_of[i]] = asking.now + kAskAgainAfter;
    if (row.kind != FieldRow::Kind::Gauge) {
      keep_counter(row.kind, asked[i], answered, out);
    } else if (const auto value = decode(asked[i])) {
      out.set(row.reading, *value);
    }
  }
  const auto tx = out[Reading::NvlinkTxBytesPerSecond];
  const auto rx = out[Reading::NvlinkRxBytesPerSecond];
  if (tx && rx) out.set(Reading::NvlinkMegabytesPerSecond, (*tx + *rx) / kBytesPerKib / 1000);
}

void FieldValues::keep_counter(FieldRow::Kind kind, const abi::FieldValue& field, SteadyTime now, gpu::Readings& out) {
  const auto value = decode(field);
  if (!value || *value < 0) return;
  const auto count = static_cast<std::uint64_t>(*value);
  const auto set = [&](Rate& rate, Reading reading, double scale) {
    if (const auto per_second = rate.update(count, now)) out.set(reading, *per_second * scale);
  };
  switch (kind) {
    case Kind::NvlinkTx:
      return set(nvlink_tx_, Reading::NvlinkTxBytesPerSecond, kBytesPerKib);
    case Kind::NvlinkRx:
      return set(nvlink_rx_, Reading::NvlinkRxBytesPerSecond, kBytesPerKib);
    case Kind::PcieTx:
      return set(pcie_tx_, Reading::PcieTxBytesPerSecond, 1);
    case Kind::PcieRx:
      return set(pcie_rx_, Reading::PcieRxBytesPerSecond, 1);
    case Kind::Gauge:
      return;
  }
}

}  // namespace tessera::nvml

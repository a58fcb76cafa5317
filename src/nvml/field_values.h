#pragma once
// What the driver hands out as numbered fields, all in one call: ECC, retired pages, remapped rows, times limited,
// memory temperature, and the NVLink and PCIe counters, whose speed we compute.
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "gpu/reading.h"
#include "nvml/calls.h"
#include "nvml/rate.h"

namespace tessera::nvml {

/// The number in a field value; absent where the driver refused it or put a "no value" mark.
std::optional<double> decode(const abi::FieldValue& field);

/// One field that we ask for. A counter's reading is its speed.
struct FieldRow {
  abi::u32 id;
  abi::u32 scope;
  enum class Kind { Gauge, NvlinkTx, NvlinkRx, PcieTx, PcieRx } kind;
  gpu::Reading reading;
};
std::span<const FieldRow> field_rows();

/// The fields of one device, collection after collection.
class FieldValues {
 public:
  void read(Asking& asking, gpu::Readings& out);
  /// Asks for everything again, whatever was absent.
  void forget_absences() { ask_again_.fill({}); }

 private:
  void keep_counter(FieldRow::Kind kind, const abi::FieldValue& field, SteadyTime now, gpu::Readings& out);

  static constexpr std::size_t kMostRows = 24;
  std::array<SteadyTime, kMostRows> ask_again_{};
  Rate nvlink_tx_, nvlink_rx_, pcie_tx_, pcie_rx_;
};

}  // namespace tessera::nvml

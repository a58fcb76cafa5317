// The GPU models that can be simulated: a data table of what each real one answers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/profiles.h"

namespace tessera::sim {

struct Model {
  std::string_view key;   // as a scenario writes it: "h100_sxm"
  std::string_view name;  // nvmlDeviceGetName
  unsigned architecture;  // abi::Architecture
  int cc_major, cc_minor;
  int brand;
  unsigned memory_mib, reserved_mib;
  unsigned sm, cores_per_sm, bus_bits;
  unsigned tdp_watts, idle_watts, min_watts;
  unsigned sm_clock_mhz, memory_clock_mhz;
  unsigned pci_device;  // PCI device id, vendor 0x10DE
  unsigned fans;
  unsigned pcie_generation;
  unsigned nvlinks, nvlink_version;
  bool data_center;      // serial, part number, ECC
  bool hbm;              // memory temperature
  const MigFamily* mig;  // null: not MIG-capable
};

std::span<const Model> models();
const Model* find_model(std::string_view key);

// What follows from a row, in one place because several calls ask.
bool has_gpm(const Model& model);
bool has_thermal_margin(const Model& model);
bool has_remapped_rows(const Model& model);
bool has_retired_pages(const Model& model);
bool has_energy(const Model& model);

}  // namespace tessera::sim

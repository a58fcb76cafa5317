// MIG shapes of the simulated models: which GPU-instance profiles exist, where they may lie, and what they hold.
// A data table: the product itself never reads it, it discovers the same facts through the driver's calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tessera::sim {

struct MigProfile {
  unsigned index;         // position in the driver's profile enum, the argument of GetGpuInstanceProfileInfo
  unsigned id;            // what the create calls take; differs between families
  std::string_view name;  // as the driver prints it: "1g.10gb+me"
  unsigned compute_slices;
  unsigned size;            // memory slices of the placement
  std::string_view starts;  // one byte per legal first memory slice: '0' + start
  unsigned max_instances;
  unsigned sm;
  unsigned memory_mib;
  unsigned copy_engines, decoders, encoders, jpegs, ofas;
  bool graphics;
};

struct MigFamily {
  unsigned memory_slices;  // length of the placement axis
  unsigned compute_slices;
  unsigned max_devices;  // MIG device slots
  std::span<const MigProfile> profiles;

  const MigProfile* by_name(std::string_view name) const;
  const MigProfile* by_index(unsigned index) const;
  const MigProfile* by_id(unsigned id) const;
  // Engines of the whole device: instances share them out.
  unsigned total_decoders() const;
  unsigned total_ofas() const;
};

bool may_start_at(const MigProfile& profile, unsigned start);

extern const MigFamily kMigA100_40, kMigA100_80, kMigH100Pcie, kMigH100Sxm, kMigH200, kMigB200, kMigA30, kMigRtxPro6000;

// Compute-instance profiles: the enum value is also the id. They depend only on the GPU instance's size.
struct ComputeShape {
  unsigned index;  // 0: 1 slice, 1: 2, 2: 3, 3: 4, 4: 7
  unsigned slices;
};
std::span<const ComputeShape> compute_shapes();
bool compute_shape_fits(const MigProfile& gpu_instance, unsigned index);
bool compute_may_start_at(const MigProfile& gpu_instance, unsigned index, unsigned start);
unsigned compute_sm(const MigFamily& family, const MigProfile& gpu_instance, unsigned index);
const ComputeShape* compute_shape(unsigned index);
// "3g.40gb" for the whole instance, "1c.3g.40gb" for a part of it.
std::string compute_name(const MigProfile& gpu_instance, unsigned index);

}  // namespace tessera::sim

#include "sim/profiles.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::sim {
namespace {

// Figures printed by real GPUs, except those marked "derived": nobody has published them, so they are set between their
// neighbours (twice the half plus what real tables show as the gain, at most the whole device).
//
// Columns: enum index, id, name, compute slices, size, starts, max, SMs, MiB, CE, NVDEC, NVENC, JPEG, OFA, graphics.

constexpr MigProfile kA100_40Rows[] = {
    {0, 19, "1g.5gb", 1, 1, "0123456", 7, 14, 4864, 1, 0, 0, 0, 0, false},
    {7, 20, "1g.5gb+me", 1, 1, "0123456", 1, 14, 4864, 1, 1, 0, 1, 1, false},
    {9, 15, "1g.10gb", 1, 2, "0246", 4, 14, 9856, 1, 1, 0, 0, 0, false},
    {1, 14, "2g.10gb", 2, 2, "024", 3, 28, 9856, 2, 1, 0, 0, 0, false},
    {2, 9, "3g.20gb", 3, 4, "04", 2, 42, 19968, 3, 2, 0, 0, 0, false},
    {3, 5, "4g.20gb", 4, 4, "0", 1, 56, 19968, 4, 2, 0, 0, 0, false},
    {4, 0, "7g.40gb", 7, 8, "0", 1, 98, 40192, 7, 5, 0, 1, 1, false},
};
constexpr MigProfile kA100_80Rows[] = {
    {0, 19, "1g.10gb", 1, 1, "0123456", 7, 14, 9856, 1, 0, 0, 0, 0, false},
    {7, 20, "1g.10gb+me", 1, 1, "0123456", 1, 14, 9856, 1, 1, 0, 1, 1, false},
    {9, 15, "1g.20gb", 1, 2, "0246", 4, 14, 19968, 1, 1, 0, 0, 0, false},
    {1, 14, "2g.20gb", 2, 2, "024", 3, 28, 19968, 2, 1, 0, 0, 0, false},
    {2, 9, "3g.40gb", 3, 4, "04", 2, 42, 40192, 3, 2, 0, 0, 0, false},
    {3, 5, "4g.40gb", 4, 4, "0", 1, 56, 40192, 4, 2, 0, 0, 0, false},
    {4, 0, "7g.80gb", 7, 8, "0", 1, 98, 80384, 7, 5, 0, 1, 1, false},
};
constexpr MigProfile kH100PcieRows[] = {
    {0, 19, "1g.10gb", 1, 1, "0123456", 7, 14, 9984, 1, 1, 0, 1, 0, false},
    {7, 20, "1g.10gb+me", 1, 1, "0123456", 1, 14, 9984, 1, 1, 0, 1, 1, false},
    {9, 15, "1g.20gb", 1, 2, "0246", 4, 14, 20096, 1, 1, 0, 1, 0, false},
    {1, 14, "2g.20gb", 2, 2, "024", 3, 30, 20096, 2, 2, 0, 2, 0, false},
    {2, 9, "3g.40gb", 3, 4, "04", 2, 46, 40448, 3, 3, 0, 3, 0, false},
    {3, 5, "4g.40gb", 4, 4, "0", 1, 62, 40448, 4, 4, 0, 4, 0, false},
    {4, 0, "7g.80gb", 7, 8, "0", 1, 114, 81152, 8, 7, 0, 7, 1, false},
};
constexpr MigProfile kH100SxmRows[] = {
    {0, 19, "1g.10gb", 1, 1, "0123456", 7, 16, 9984, 1, 1, 0, 1, 0, false},
    {7, 20, "1g.10gb+me", 1, 1, "0123456", 1, 16, 9984, 1, 1, 0, 1, 1, false},
    {9, 15, "1g.20gb", 1, 2, "0246", 4, 26, 20096, 1, 1, 0, 1, 0, false},
    {1, 14, "2g.20gb", 2, 2, "024", 3, 32, 20096, 2, 2, 0, 2, 0, false},
    {2, 9, "3g.40gb", 3, 4, "04", 2, 60, 40448, 3, 3, 0, 3, 0, false},
    {3, 5, "4g.40gb", 4, 4, "0", 1, 64, 40448, 4, 4, 0, 4, 0, false},
    {4, 0, "7g.80gb", 7, 8, "0", 1, 132, 81152, 8, 7, 0, 7, 1, false},
};
constexpr MigProfile kH200Rows[] = {
    {0, 19, "1g.18gb", 1, 1, "0123456", 7, 16, 16384, 1, 1, 0, 1, 0, false},
    {7, 20, "1g.18gb+me", 1, 1, "0123456", 1, 16, 16384, 1, 1, 0, 1, 1, false},
    {9, 15, "1g.35gb", 1, 2, "0246", 4, 26, 33024, 1, 1, 0, 1, 0, false},
    {1, 14, "2g.35gb", 2, 2, "024", 3, 32, 33024, 2, 2, 0, 2, 0, false},
    {2, 9, "3g.71gb", 3, 4, "04", 2, 60, 71168, 3, 3, 0, 3, 0, false},
    {3, 5, "4g.71gb", 4, 4, "0", 1, 64, 71168, 4, 4, 0, 4, 0, false},
    {4, 0, "7g.141gb", 7, 8, "0", 1, 132, 142848, 8, 7, 0, 7, 1, false},  // SMs and memory derived
};
constexpr MigProfile kB200Rows[] = {
    {0, 19, "1g.23gb", 1, 1, "0123456", 7, 18, 22528, 2, 1, 0, 1, 0, false},
    {7, 20, "1g.23gb+me", 1, 1, "0123456", 1, 18, 22528, 2, 1, 0, 1, 1, false},
    {9, 15, "1g.45gb", 1, 2, "0246", 4, 30, 45312, 2, 1, 0, 1, 0, false},
    {1, 14, "2g.45gb", 2, 2, "024", 3, 36, 45312, 4, 2, 0, 2, 0, false},
    {2, 9, "3g.90gb", 3, 4, "04", 2, 70, 91136, 6, 3, 0, 3, 0, false},     // SMs, memory, engines derived
    {3, 5, "4g.90gb", 4, 4, "0", 1, 72, 91136, 8, 4, 0, 4, 0, false},      // SMs, memory, engines derived
    {4, 0, "7g.180gb", 7, 8, "0", 1, 148, 182784, 16, 7, 0, 7, 1, false},  // memory, engines derived
};
constexpr MigProfile kA30Rows[] = {
    {0, 14, "1g.6gb", 1, 1, "0123", 4, 14, 5836, 1, 0, 0, 0, 0, false},
    {7, 21, "1g.6gb+me", 1, 1, "0123", 1, 14, 5836, 1, 1, 0, 1, 1, false},
    {1, 5, "2g.12gb", 2, 2, "02", 2, 28, 11672, 2, 2, 0, 0, 0, false},
    {8, 6, "2g.12gb+me", 2, 2, "02", 1, 28, 11672, 2, 2, 0, 1, 1, false},
    {3, 0, "4g.24gb", 4, 4, "0", 1, 56, 23344, 4, 4, 0, 1, 1, false},
};
constexpr MigProfile kRtxPro6000Rows[] = {
    {0, 14, "1g.24gb", 1, 3, "0369", 4, 46, 24192, 1, 1, 1, 1, 0, false},
    {7, 21, "1g.24gb+me", 1, 3, "0369", 1, 46, 24192, 1, 1, 1, 1, 1, false},
    {0xA, 47, "1g.24gb+gfx", 1, 3, "0369", 4, 46, 24192, 1, 1, 1, 1, 0, true},
    {0xF, 65, "1g.24gb+me.all", 1, 3, "0369", 1, 46, 24192, 1, 4, 4, 4, 1, false},
    {0xD, 67, "1g.24gb-me", 1, 3, "0369", 4, 46, 24192, 1, 0, 0, 0, 0, false},
    {1, 5, "2g.48gb", 2, 6, "06", 2, 94, 48512, 2, 2, 2, 2, 0, false},
    {0xB, 35, "2g.48gb+gfx", 2, 6, "06", 2, 94, 48512, 2, 2, 2, 2, 0, true},
    {0x10, 64, "2g.48gb+me.all", 2, 6, "06", 1, 94, 48512, 2, 4, 4, 4, 1, false},
    {0xE, 66, "2g.48gb-me", 2, 6, "06", 2, 94, 48512, 2, 0, 0, 0, 0, false},
    {3, 0, "4g.96gb", 4, 12, "0", 1, 188, 97280, 4, 4, 4, 4, 1, false},
    {0xC, 32, "4g.96gb+gfx", 4, 12, "0", 1, 188, 97280, 4, 4, 4, 4, 1, true},
};

constexpr ComputeShape kComputeShapes[] = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 7}};

template <class Of>
const MigProfile* find(std::span<const MigProfile> rows, const Of& of) {
  const auto row = std::ranges::find_if(rows, of);
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

const MigFamily kMigA100_40{8, 7, 7, kA100_40Rows};
const MigFamily kMigA100_80{8, 7, 7, kA100_80Rows};
const MigFamily kMigH100Pcie{8, 7, 7, kH100PcieRows};
const MigFamily kMigH100Sxm{8, 7, 7, kH100SxmRows};
const MigFamily kMigH200{8, 7, 7, kH200Rows};
const MigFamily kMigB200{8, 7, 7, kB200Rows};
const MigFamily kMigA30{4, 4, 4, kA30Rows};
const MigFamily kMigRtxPro6000{12, 4, 4, kRtxPro6000Rows};

const MigProfile* MigFamily::by_name(std::string_view name) const {
  return find(profiles, [&](const MigProfile& p) { return p.name == name; });
}
const MigProfile* MigFamily::by_index(unsigned index) const {
  return find(profiles, [&](const MigProfile& p) { return p.index == index; });
}
const MigProfile* MigFamily::by_id(unsigned id) const {
  return find(profiles, [&](const MigProfile& p) { return p.id == id; });
}
unsigned MigFamily::total_decoders() const { return std::ranges::max(profiles, {}, &MigProfile::decoders).decoders; }
unsigned MigFamily::total_ofas() const { return std::ranges::max(profiles, {}, &MigProfile::ofas).ofas; }

bool may_start_at(const MigProfile& profile, unsigned start) {
  return std::ranges::any_of(profile.starts, [&](char c) { return static_cast<unsigned>(c - '0') == start; });
}

std::span<const ComputeShape> compute_shapes() { return kComputeShapes; }

const ComputeShape* compute_shape(unsigned index) {
  return index < std::size(kComputeShapes) ? &kComputeShapes[index] : nullptr;
}

bool compute_shape_fits(const MigProfile& gpu_instance, unsigned index) {
  const ComputeShape* shape = compute_shape(index);
  if (!shape || shape->slices > gpu_instance.compute_slices) return false;
  // Real tables: one and two slices everywhere, the whole always, three and four only in the 7-slice instance.
  return shape->slices <= 2 || shape->slices == gpu_instance.compute_slices || gpu_instance.compute_slices == 7;
}

bool compute_may_start_at(const MigProfile& gpu_instance, unsigned index, unsigned start) {
  if (!compute_shape_fits(gpu_instance, index)) return false;
  const unsigned slices = compute_shape(index)->slices;
  const unsigned step = slices == 1 ? 1 : slices == 2 ? 2 : 4;
  return start % step == 0 && start + slices <= gpu_instance.compute_slices;
}

unsigned compute_sm(const MigFamily& family, const MigProfile& gpu_instance, unsigned index) {
  const unsigned slices = compute_shape(index)->slices;
  if (slices == gpu_instance.compute_slices) return gpu_instance.sm;
  return std::min(gpu_instance.sm, family.by_index(0)->sm * slices);
}

std::string compute_name(const MigProfile& gpu_instance, unsigned index) {
  const unsigned slices = compute_shape(index)->slices;
  if (slices == gpu_instance.compute_slices) return std::string(gpu_instance.name);
  return fmt::format("{}c.{}", slices, gpu_instance.name);
}

}  // namespace tessera::sim

#pragma once
// Devices as their drivers tell of them, for tests and experiments.
#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

inline constexpr std::uint64_t kMib = 1024 * 1024;

struct ProfileRow {
  unsigned id;
  std::string_view name;
  unsigned slices, memory_mib, most, size;
  std::initializer_list<unsigned> starts;
};

inline std::shared_ptr<const std::vector<gpu::Profile>> profile_table(std::initializer_list<ProfileRow> rows) {
  std::vector<gpu::Profile> out;
  for (const ProfileRow& row : rows) {
    out.push_back({row.id, std::string(row.name), row.slices, {}, row.memory_mib * kMib, row.most, {}});
    for (const unsigned start : row.starts) out.back().placements.push_back({start, row.size});
  }
  return std::make_shared<const std::vector<gpu::Profile>>(std::move(out));
}

inline constexpr unsigned k1g = 19, k1gMe = 20, k1gDouble = 15, k2g = 14, k3g = 9, k4g = 5, k7g = 0;

/// As an H100 of 80 GB offers them, in the order of a driver.
inline std::shared_ptr<const std::vector<gpu::Profile>> h100_profiles() {
  static const auto kTable = profile_table({{k1g, "1g.10gb", 1, 9'984, 7, 1, {0, 1, 2, 3, 4, 5, 6}},
                                            {k1gMe, "1g.10gb+me", 1, 9'984, 1, 1, {0, 1, 2, 3, 4, 5, 6}},
                                            {k1gDouble, "1g.20gb", 1, 20'096, 4, 2, {0, 2, 4, 6}},
                                            {k2g, "2g.20gb", 2, 20'096, 3, 2, {0, 2, 4}},
                                            {k3g, "3g.40gb", 3, 40'448, 2, 4, {0, 4}},
                                            {k4g, "4g.40gb", 4, 40'448, 1, 4, {0}},
                                            {k7g, "7g.80gb", 7, 81'152, 1, 8, {0}}});
  return kTable;
}

/// The same without the variants.
inline std::shared_ptr<const std::vector<gpu::Profile>> plain_h100_profiles() {
  static const auto kTable = profile_table({{k1g, "1g.10gb", 1, 9'984, 7, 1, {0, 1, 2, 3, 4, 5, 6}},
                                            {k2g, "2g.20gb", 2, 20'096, 3, 2, {0, 2, 4}},
                                            {k3g, "3g.40gb", 3, 40'448, 2, 4, {0, 4}},
                                            {k4g, "4g.40gb", 4, 40'448, 1, 4, {0}},
                                            {k7g, "7g.80gb", 7, 81'152, 1, 8, {0}}});
  return kTable;
}

/// Of 80 GB, without the variants.
inline std::shared_ptr<const std::vector<gpu::Profile>> a100_profiles() {
  static const auto kTable = profile_table({{k1g, "1g.10gb", 1, 9'856, 7, 1, {0, 1, 2, 3, 4, 5, 6}},
                                            {k2g, "2g.20gb", 2, 19'968, 3, 2, {0, 2, 4}},
                                            {k3g, "3g.40gb", 3, 40'192, 2, 4, {0, 4}},
                                            {k4g, "4g.40gb", 4, 40'192, 1, 4, {0}},
                                            {k7g, "7g.80gb", 7, 80'384, 1, 8, {0}}});
  return kTable;
}

inline std::shared_ptr<const std::vector<gpu::Profile>> a30_profiles() {
  static const auto kTable = profile_table({{14, "1g.6gb", 1, 5'836, 4, 1, {0, 1, 2, 3}},
                                            {5, "2g.12gb", 2, 11'672, 2, 2, {0, 2}},
                                            {0, "4g.24gb", 4, 23'344, 1, 4, {0}}});
  return kTable;
}

inline std::shared_ptr<const std::vector<gpu::Profile>> rtx_pro_6000_profiles() {
  static const auto kTable = profile_table({{14, "1g.24gb", 1, 24'187, 4, 3, {0, 3, 6, 9}},
                                            {5, "2g.48gb", 2, 48'517, 2, 6, {0, 6}},
                                            {0, "4g.96gb", 4, 97'280, 1, 12, {0}}});
  return kTable;
}

inline Candidate test_candidate(unsigned number, std::string_view model, std::uint64_t memory_mib,
                                std::shared_ptr<const std::vector<gpu::Profile>> profiles = nullptr) {
  Candidate out;
  out.cluster = "c";
  out.node = fmt::format("w-{:02}", number / 4);
  out.id = fmt::format("{}-GPU-{:02}", out.node, number % 4);
  out.uuid = fmt::format("GPU-{:04}", number);
  out.model = model;
  out.memory_bytes = memory_mib * kMib;
  out.mig = profiles ? MigMode::On : MigMode::None;
  out.profiles = std::move(profiles);
  return out;
}

inline Candidate h100(unsigned number) { return test_candidate(number, "H100_80GB", 81'559, h100_profiles()); }
inline Candidate a100(unsigned number) { return test_candidate(number, "A100_80GB", 81'920, a100_profiles()); }
inline Candidate t4(unsigned number) { return test_candidate(number, "T4", 15'360); }

inline Piece piece(unsigned profile, unsigned start, unsigned size, std::string held_by = {}) {
  return {.placed = {profile, {start, size}}, .held_by = std::move(held_by)};
}

}  // namespace tessera::fleet::decision

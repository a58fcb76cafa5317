#include "fleet/decision/published.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <vector>

#include "fleet/inventory/catalogue.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

struct ProfileRow {
  unsigned id;
  std::string_view name;
  unsigned slices, size;
  std::string_view starts;  ///< in units of `size`'s axis, a digit each
  unsigned most, sms, memory_mib;
};

// As real GPUs print them (nvidia-smi mig -lgip, -lgipp). Of a model whose table nobody has published in full there is
// none here.
constexpr ProfileRow kA100_40[] = {
    {19, "1g.5gb", 1, 1, "0123456", 7, 14, 4'864}, {20, "1g.5gb+me", 1, 1, "0123456", 1, 14, 4'864},
    {15, "1g.10gb", 1, 2, "0246", 4, 14, 9'856},   {14, "2g.10gb", 2, 2, "024", 3, 28, 9'856},
    {9, "3g.20gb", 3, 4, "04", 2, 42, 19'968},     {5, "4g.20gb", 4, 4, "0", 1, 56, 19'968},
    {0, "7g.40gb", 7, 8, "0", 1, 98, 40'192}};
constexpr ProfileRow kA100_80[] = {
    {19, "1g.10gb", 1, 1, "0123456", 7, 14, 9'856}, {20, "1g.10gb+me", 1, 1, "0123456", 1, 14, 9'856},
    {15, "1g.20gb", 1, 2, "0246", 4, 14, 19'968},   {14, "2g.20gb", 2, 2, "024", 3, 28, 19'968},
    {9, "3g.40gb", 3, 4, "04", 2, 42, 40'192},      {5, "4g.40gb", 4, 4, "0", 1, 56, 40'192},
    {0, "7g.80gb", 7, 8, "0", 1, 98, 80'384}};
constexpr ProfileRow kH100_80[] = {
    {19, "1g.10gb", 1, 1, "0123456", 7, 16, 9'984}, {20, "1g.10gb+me", 1, 1, "0123456", 1, 16, 9'984},
    {15, "1g.20gb", 1, 2, "0246", 4, 26, 20'096},   {14, "2g.20gb", 2, 2, "024", 3, 32, 20'096},
    {9, "3g.40gb", 3, 4, "04", 2, 60, 40'448},      {5, "4g.40gb", 4, 4, "0", 1, 64, 40'448},
    {0, "7g.80gb", 7, 8, "0", 1, 132, 81'152}};
constexpr ProfileRow kA30[] = {{14, "1g.6gb", 1, 1, "0123", 4, 14, 5'836},
                               {21, "1g.6gb+me", 1, 1, "0123", 1, 14, 5'836},
                               {5, "2g.12gb", 2, 2, "02", 2, 28, 11'672},
                               {6, "2g.12gb+me", 2, 2, "02", 1, 28, 11'672},
                               {0, "4g.24gb", 4, 4, "0", 1, 56, 23'344}};
constexpr ProfileRow kRtxPro6000[] = {{14, "1g.24gb", 1, 3, "0369", 4, 46, 24'187},
                                      {5, "2g.48gb", 2, 6, "06", 2, 94, 48'517},
                                      {0, "4g.96gb", 4, 12, "0", 1, 188, 97'280}};

struct ModelRow {
  std::string_view key;
  std::span<const ProfileRow> profiles;
  unsigned memory_mib, sms;
};
constexpr ModelRow kModels[] = {{"A100_40GB", kA100_40, 40'960, 108},
                                {"A100_80GB", kA100_80, 81'920, 108},
                                {"H100_80GB", kH100_80, 81'559, 132},
                                {"A30", kA30, 24'576, 56},
                                {"RTXPRO6000", kRtxPro6000, 97'887, 188}};

gpu::Profile profile_of(const ProfileRow& row) {
  gpu::Profile out{row.id, std::string(row.name), row.slices, row.sms, row.memory_mib * kMib, row.most, {}};
  for (const char start : row.starts) out.placements.push_back({static_cast<unsigned>(start - '0'), row.size});
  return out;
}

Candidate device_of(const ModelRow& row) {
  Candidate out;
  out.model = row.key;
  out.memory_bytes = row.memory_mib * kMib;
  out.sm_count = row.sms;
  out.mig = MigMode::On;
  std::vector<gpu::Profile> profiles;
  for (const ProfileRow& one : row.profiles) profiles.push_back(profile_of(one));
  out.profiles = std::make_shared<const std::vector<gpu::Profile>>(std::move(profiles));
  return out;
}

/// Of a card that cannot be cut, its memory is all that has to be known.
Candidate device_of(const Model& model) {
  Candidate out;
  out.model = model.key;
  out.memory_bytes = std::uint64_t{model.memory_gib} * 1024 * kMib;
  return out;
}

}  // namespace

bool is_called(std::string_view key, std::string_view model) {
  return key == model || key.substr(0, key.find('_')) == model;
}

Result<Candidate> published_device(std::string_view model) {
  std::vector<std::string_view> all, meant;
  std::vector<Candidate> found;
  const auto look_at = [&](std::string_view key, const auto& row) {
    all.push_back(key);
    if (!is_called(key, model)) return;
    meant.push_back(key);
    found.push_back(device_of(row));
  };
  for (const ModelRow& row : kModels) look_at(row.key, row);
  for (const Model& one : models())
    if (one.mig_max_slices == 0) look_at(one.key, one);
  if (found.empty())
    return fail(Code::NotFound, "What is published, and could be assumed, is of {}", fmt::join(all, ", "));
  if (found.size() > 1) return fail(Code::Invalid, "'{}' may be {}: say which", model, fmt::join(meant, " or "));
  return std::move(found.front());
}

}  // namespace tessera::fleet::decision

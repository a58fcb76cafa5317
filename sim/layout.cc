#include "sim/layout.h"

#include <algorithm>

namespace tessera::sim {

bool fits(const MigFamily& family, std::span<const Placed> present, const MigProfile& profile, unsigned start) {
  if (!may_start_at(profile, start)) return false;
  unsigned alike = 0, decoders = profile.decoders, ofas = profile.ofas;
  for (const Placed& other : present) {
    if (start < other.start + other.profile->size && other.start < start + profile.size) return false;
    if (other.profile == &profile) ++alike;
    decoders += other.profile->decoders;
    ofas += other.profile->ofas;
  }
  return alike < profile.max_instances && decoders <= family.total_decoders() && ofas <= family.total_ofas();
}

std::optional<unsigned> pick_start(const MigFamily& family, std::span<const Placed> present,
                                   const MigProfile& profile) {
  std::optional<unsigned> picked;
  const bool from_the_end =
      profile.compute_slices == 3;  // as seen on real ones: the first 3g lands at 4, leaving 0 for a 4g
  for (const char c : profile.starts) {
    const auto start = static_cast<unsigned>(c - '0');
    if (!fits(family, present, profile, start)) continue;
    picked = start;
    if (!from_the_end) break;
  }
  return picked;
}

unsigned remaining_capacity(const MigFamily& family, std::span<const Placed> present, const MigProfile& profile) {
  std::vector<Placed> all(present.begin(), present.end());
  unsigned count = 0;
  while (const auto start = pick_start(family, all, profile)) {
    all.push_back({&profile, *start});
    ++count;
  }
  return count;
}

unsigned instance_id(const MigFamily& family, const MigProfile& profile, unsigned start) {
  return family.memory_slices / profile.size - 1 + start / profile.size;
}

namespace {

// Tries every legal start for the next one: at most seven slices, so this ends at once.
bool place_rest(const MigProfile& instance, std::span<const unsigned> profiles, std::vector<bool>& taken,
                std::vector<unsigned>& starts) {
  if (starts.size() == profiles.size()) return true;
  const unsigned profile = profiles[starts.size()];
  const unsigned slices = compute_shape(profile)->slices;
  for (unsigned start = 0; start + slices <= instance.compute_slices; ++start) {
    const auto first = taken.begin() + start;
    if (!compute_may_start_at(instance, profile, start) || std::find(first, first + slices, true) != first + slices)
      continue;
    std::fill_n(first, slices, true);
    starts.push_back(start);
    if (place_rest(instance, profiles, taken, starts)) return true;
    starts.pop_back();
    std::fill_n(first, slices, false);
  }
  return false;
}

}  // namespace

std::optional<std::vector<unsigned>> lay_out_compute(const MigProfile& instance, std::span<const unsigned> profiles) {
  std::vector<bool> taken(instance.compute_slices, false);
  std::vector<unsigned> starts;
  return place_rest(instance, profiles, taken, starts) ? std::optional(starts) : std::nullopt;
}

}  // namespace tessera::sim

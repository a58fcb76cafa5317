#include "gpu/geometry.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include "gpu/profile_name.h"

namespace tessera::gpu {
namespace {

unsigned end_of(Placement placement) { return placement.start + placement.size; }

const Profile* find(std::span<const Profile> profiles, unsigned id) {
  const auto found = std::ranges::find(profiles, id, &Profile::id);
  return found == profiles.end() ? nullptr : &*found;
}

/// What an instance takes of the media engines beyond those of its slices, told by its name's attribute: the driver
/// counts instances per profile, but these engines exist once for all of them.
enum class Media { Ordinary, Extension /* +me: the one set of JPEG and OFA */, All /* +me.all */, None /* -me */ };

Media media_of(const Profile& profile) {
  const std::string_view name = profile.name;
  if (name.ends_with("+me")) return Media::Extension;
  if (name.ends_with("+me.all")) return Media::All;
  return name.ends_with("-me") ? Media::None : Media::Ordinary;
}

bool media_fits(Media a, Media b) {
  if (a == Media::All || b == Media::All) return a == Media::None || b == Media::None;
  return a != Media::Extension || b != Media::Extension;
}

/// The part of `fits` that does not look at the place.
bool allowed_beside(std::span<const Profile> profiles, std::span<const Placed> taken, const Profile& profile) {
  const auto same = std::ranges::count(taken, profile.id, &Placed::profile);
  if (static_cast<std::size_t>(same) >= profile.max_instances) return false;
  const Media media = media_of(profile);
  return std::ranges::all_of(taken, [&](const Placed& other) {
    const Profile* of_other = find(profiles, other.profile);
    return !of_other || media_fits(media, media_of(*of_other));
  });
}

bool is_free(std::span<const Placed> taken, Placement placement) {
  return std::ranges::none_of(taken, [&](const Placed& other) { return overlap(other.placement, placement); });
}

/// Adds to `out` all legal extensions of `layout` by `candidates` from `next` on: each layout once, as candidates are
/// taken in order only.
void extend(std::span<const Profile> profiles, std::span<const Placed> candidates, std::size_t next, Layout& layout,
            std::vector<Layout>& out) {
  out.push_back(layout);
  std::ranges::sort(out.back(), {}, [](const Placed& placed) { return placed.placement; });
  for (; next < candidates.size(); ++next) {
    const Placed& candidate = candidates[next];
    if (!fits(profiles, layout, *find(profiles, candidate.profile), candidate.placement)) continue;
    layout.push_back(candidate);
    extend(profiles, candidates, next + 1, layout, out);
    layout.pop_back();
  }
}

}  // namespace

bool overlap(Placement a, Placement b) { return a.start < end_of(b) && b.start < end_of(a); }

bool fits(std::span<const Profile> profiles, std::span<const Placed> taken, const Profile& profile,
          Placement placement) {
  return std::ranges::count(profile.placements, placement) > 0 && is_free(taken, placement) &&
         allowed_beside(profiles, taken, profile);
}

std::optional<std::vector<Placement>> free_placements(std::span<const Profile> profiles, std::span<const Placed> taken,
                                                      const Profile& profile) {
  if (profile.placements.empty()) return std::nullopt;
  std::vector<Placement> out;
  for (const auto placement : profile.placements)
    if (fits(profiles, taken, profile, placement)) out.push_back(placement);
  return out;
}

std::optional<unsigned> remaining_capacity(std::span<const Profile> profiles, std::span<const Placed> taken,
                                           const Profile& profile) {
  auto places = free_placements(profiles, taken, profile);
  if (!places) return std::nullopt;
  // The interval that ends first leaves most room for the others.
  std::ranges::sort(*places, {}, end_of);
  Layout with(taken.begin(), taken.end());
  for (const auto placement : *places)
    if (fits(profiles, with, profile, placement)) with.push_back({profile.id, placement});
  return static_cast<unsigned>(with.size() - taken.size());
}

std::vector<Layout> layouts(std::span<const Profile> profiles, std::span<const Placed> taken) {
  std::vector<Placed> candidates;
  for (const auto& profile : profiles)
    for (const auto placement : profile.placements) candidates.push_back({profile.id, placement});
  std::vector<Layout> out;
  Layout layout(taken.begin(), taken.end());
  extend(profiles, candidates, 0, layout, out);
  return out;
}

bool is_maximal(std::span<const Profile> profiles, std::span<const Placed> layout) {
  return std::ranges::none_of(profiles, [&](const Profile& profile) {
    return std::ranges::any_of(profile.placements,
                               [&](Placement placement) { return fits(profiles, layout, profile, placement); });
  });
}

std::optional<Layout> layout_of(const Device& device) {
  Layout out;
  std::set<unsigned> seen;
  for (const auto& instance : device.instances) {
    if (!seen.insert(instance.gpu_instance).second) continue;
    auto name = parse_profile_name(instance.profile);
    if (!name || !instance.placement) return std::nullopt;
    name->compute_slices = name->gpu_instance_slices;
    const auto profile = std::ranges::find(device.profiles, format_profile_name(*name), &Profile::name);
    if (profile == device.profiles.end()) return std::nullopt;
    out.push_back({profile->id, *instance.placement});
  }
  std::ranges::sort(out, {}, &Placed::placement);
  return out;
}

}  // namespace tessera::gpu

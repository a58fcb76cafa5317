#include "fleet/partition/partition.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "fleet/inventory/catalogue.h"
#include "gpu/profile_name.h"

namespace tessera::fleet {
namespace {

std::string name_of(std::span<const gpu::Profile> profiles, unsigned id) {
  const auto found = std::ranges::find(profiles, id, &gpu::Profile::id);
  return found == profiles.end() ? fmt::format("profile {}", id) : found->name;
}

std::vector<unsigned> profiles_in(const gpu::Layout& layout) {
  std::vector<unsigned> out;
  for (const gpu::Placed& one : layout) out.push_back(one.profile);
  std::ranges::sort(out);
  return out;
}

/// Of the legal layouts around `fixed` that are `wanted` (sorted): the one that keeps most of `standing`.
std::optional<gpu::Layout> best_around(std::span<const gpu::Profile> profiles, const gpu::Layout& fixed,
                                       std::span<const Standing> standing, const std::vector<unsigned>& wanted) {
  // What is not wanted is never tried, which leaves a few dozen layouts of thousands.
  std::vector<gpu::Profile> tried;
  for (const gpu::Profile& one : profiles)
    if (std::ranges::binary_search(wanted, one.id)) tried.push_back(one);
  const auto kept = [&](const gpu::Layout& layout) {
    return std::ranges::count_if(standing,
                                 [&](const Standing& one) { return std::ranges::count(layout, one.placed) > 0; });
  };
  std::optional<gpu::Layout> best;
  for (const gpu::Layout& one : gpu::layouts(tried, fixed)) {
    if (profiles_in(one) != wanted) continue;
    if (!best || kept(one) > kept(*best) || (kept(one) == kept(*best) && one < *best)) best = one;
  }
  return best;
}

std::string holders(std::span<const gpu::Profile> profiles, std::span<const Standing> standing) {
  std::vector<std::string> out;
  for (const Standing& one : standing)
    if (!one.held_by.empty())
      out.push_back(fmt::format("{} at {} is held by {}", name_of(profiles, one.placed.profile),
                                one.placed.placement.start, one.held_by));
  return fmt::format("{}", fmt::join(out, ", "));
}

/// What goes first, then what comes: so each step is legal.
Partition towards(gpu::Layout layout, std::span<const Standing> standing) {
  Partition out{std::move(layout), {}};
  for (const Standing& one : standing)
    if (std::ranges::count(out.layout, one.placed) == 0) out.steps.push_back({false, one.placed});
  for (const gpu::Placed& one : out.layout)
    if (std::ranges::count(standing, one, &Standing::placed) == 0) out.steps.push_back({true, one});
  return out;
}

std::string who_has(const Device& device, unsigned gpu_instance) {
  for (const Allocation& one : device.allocations)
    if (one.part.gpu_instance == gpu_instance || !one.part.gpu_instance) {
      const Workload& of = one.facts->workload;
      return of.is_pod() ? fmt::format("{}/{}", of.space, of.pod) : "a holder without a name";
    }
  for (const Session& one : device.sessions)
    if (one.part.gpu_instance == gpu_instance || !one.part.gpu_instance) {
      const Workload& of = one.facts->workload;
      return of.is_pod() ? fmt::format("{}/{}", of.space, of.pod) : fmt::format("process {}", one.facts->pid);
    }
  return {};
}

/// The profile of the whole GPU instance: `3g.40gb` of `1c.3g.40gb`.
std::optional<unsigned> profile_of(const Device& device, const InstanceFacts& facts) {
  if (!device.facts->profiles) return std::nullopt;
  auto name = gpu::parse_profile_name(facts.profile);
  if (name) name->compute_slices = name->gpu_instance_slices;
  const std::string whole = name ? gpu::format_profile_name(*name) : facts.profile;
  const auto found = std::ranges::find(*device.facts->profiles, whole, &gpu::Profile::name);
  return found == device.facts->profiles->end() ? std::nullopt : std::optional(found->id);
}

}  // namespace

Result<Partition> plan_partition(std::span<const gpu::Profile> profiles, std::span<const Standing> standing,
                                 std::vector<unsigned> wanted) {
  std::ranges::sort(wanted);
  gpu::Layout fixed;
  for (const Standing& one : standing)
    if (!one.held_by.empty()) fixed.push_back(one.placed);
  const auto found = best_around(profiles, fixed, standing, wanted);
  if (!found) {
    std::vector<std::string> names;
    for (const unsigned id : wanted) names.push_back(name_of(profiles, id));
    const std::string shown = names.empty() ? "no instances" : fmt::format("{}", fmt::join(names, ", "));
    if (!best_around(profiles, {}, {}, wanted))
      return fail(Code::Invalid,
                  "no layout of {} is legal on this device: instances stand at the placements that the driver offers, "
                  "and may not overlap",
                  shown);
    return fail(Code::Unavailable, "{} would be legal on an idle device, but {}", shown, holders(profiles, standing));
  }
  return towards(*found, standing);
}

Result<Partition> make_room(std::span<const gpu::Profile> profiles, std::span<const Standing> standing,
                            gpu::Placed placed) {
  const auto profile = std::ranges::find(profiles, placed.profile, &gpu::Profile::id);
  if (profile == profiles.end() || std::ranges::count(profile->placements, placed.placement) == 0)
    return fail(Code::Invalid, "{} at {}+{} is no place that the driver of this device offers",
                name_of(profiles, placed.profile), placed.placement.start, placed.placement.size);
  gpu::Layout layout;
  for (const Standing& one : standing)
    if (!one.held_by.empty()) layout.push_back(one.placed);
  if (!gpu::fits(profiles, layout, *profile, placed.placement))
    return fail(Code::Unavailable, "{} at {} has no room: {}", profile->name, placed.placement.start,
                holders(profiles, standing));
  layout.push_back(placed);
  for (const Standing& one : standing) {
    const auto of = std::ranges::find(profiles, one.placed.profile, &gpu::Profile::id);
    if (one.held_by.empty() && of != profiles.end() && gpu::fits(profiles, layout, *of, one.placed.placement))
      layout.push_back(one.placed);
  }
  std::ranges::sort(layout, {}, &gpu::Placed::placement);
  return towards(std::move(layout), standing);
}

Result<std::vector<Standing>> standing_of(const Device& device) {
  // A GPU instance and each compute instance in it are told of on their own, and not all by whom knows the place.
  std::map<unsigned, const InstanceFacts*> told;
  const auto known = [](const InstanceFacts& of) { return !of.profile.empty() + of.placement.has_value(); };
  for (const Instance& one : device.instances) {
    if (!one.part.gpu_instance || !one.facts) continue;
    const InstanceFacts*& best = told[*one.part.gpu_instance];
    if (!best || known(*best) < known(*one.facts)) best = one.facts.get();
  }
  std::vector<Standing> out;
  for (const auto& [gpu_instance, facts] : told) {
    if (facts->profile.empty())
      return fail(
          Code::Unavailable,
          "of GPU instance {} nothing is told but that it is there: nobody knows what it would be in the way of",
          gpu_instance);
    const auto profile = profile_of(device, *facts);
    if (!profile || !facts->placement)
      return fail(Code::Unavailable,
                  "where GPU instance {} ({}) stands is not known: the driver tells placements to root alone, so the "
                  "agent of this node must run as root",
                  gpu_instance, facts->profile);
    out.push_back({{*profile, *facts->placement}, who_has(device, gpu_instance)});
  }
  std::ranges::sort(out, {}, [](const Standing& one) { return one.placed.placement; });
  return out;
}

bool mode_needs_reset(const Device& device) {
  constexpr double kHopper = 9.0;  // its compute capability
  const auto capability = parse_double(device.facts->compute_capability);
  return !capability || *capability < kHopper;
}

Result<unsigned> profile_wanted(std::span<const gpu::Profile> profiles, std::string_view model_key,
                                std::string_view word) {
  const std::string asked = lower(word);
  std::vector<std::string> known;
  for (const gpu::Profile& one : profiles) {
    const auto key = profile_key(model_key, one.name);
    if (asked == one.name || (key && asked == lower(*key))) return one.id;
    known.push_back(key.value_or(one.name));
  }
  return fail(Code::NotFound, "'{}' is no profile of this device; there are {}", word, fmt::join(known, ", "));
}

}  // namespace tessera::fleet

#include "fleet/decision/room_value.h"

#include <algorithm>
#include <set>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {
namespace {

constexpr double kUnasked = 0.25;

/// A device serves it alone, and by an instance.
bool is_served(const Need& need, std::span<const gpu::Profile> profiles) {
  return need.devices == 1 && need.mig != MigUse::Never && !smallest_enough(profiles, need).empty();
}

}  // namespace

RoomValue::RoomValue(std::shared_ptr<const std::vector<gpu::Profile>> profiles, const Mix& mix)
    : profiles_(std::move(profiles)) {
  std::set<unsigned> sizes;  // in compute slices
  for (const gpu::Profile& one : *profiles_) {
    if (one.placements.empty()) continue;
    sizes.insert(one.compute_slices);
    for (const gpu::Placement at : one.placements) axis_ = std::max(axis_, at.start + at.size);
  }
  double asked = 0;
  for (const Typical& one : mix) asked += is_served(one.need, *profiles_) ? one.share : 0;
  for (const Typical& one : mix)
    if (is_served(one.need, *profiles_)) expect(one.need, (1 - kUnasked) * one.share / asked);
  for (const unsigned slices : sizes)
    expect({.compute_slices = slices}, (asked > 0 ? kUnasked : 1) / static_cast<double>(sizes.size()));
}

/// Kinds that the same profiles serve are one.
void RoomValue::expect(const Need& need, double weight) {
  auto serving = smallest_enough(*profiles_, need);
  const auto found = std::ranges::find(kinds_, serving, &Kind::profiles);
  if (found != kinds_.end())
    found->weight += weight;
  else
    kinds_.push_back({std::move(serving), weight});
}

double RoomValue::usable_slices(const gpu::Layout& layout) {
  const auto known = usable_.find(layout);
  if (known != usable_.end()) return known->second;
  double sum = 0;
  for (const Kind& kind : kinds_) {
    unsigned most = 0;
    for (const gpu::Profile* one : kind.profiles)
      most = std::max(most, size_of(*one) * gpu::remaining_capacity(*profiles_, layout, *one).value_or(0));
    sum += kind.weight * most;
  }
  usable_.emplace(layout, sum);
  return sum;
}

double RoomValue::lost_milli(const gpu::Layout& taken, gpu::Placed placed) {
  gpu::Layout after = taken;
  after.insert(std::ranges::upper_bound(after, placed.placement, {}, &gpu::Placed::placement), placed);
  return 1000 * (usable_slices(taken) - usable_slices(after)) / axis_;
}

}  // namespace tessera::fleet::decision

#include "server/allocation_trouble.h"

#include <fmt/format.h>

#include <algorithm>

#include "fleet/partition/partition.h"
#include "server/allocations_json.h"

namespace tessera::server {
namespace {

/// What an agent reports of a layout that it will not make.
constexpr std::string_view kNever[] = {"failed", "hands-off", "dry-run"};
/// A node's course that goes on by itself no more, or not soon.
constexpr std::string_view kOver[] = {"stopped", "stuck"};

bool is_one_of(const std::string& state, std::span<const std::string_view> states) {
  return std::ranges::find(states, state) != states.end();
}

std::string of_node(const NodeCourse& course) { return fmt::format("its node is {}: {}", course.state, course.reason); }

/// Instances of the profile on the node's devices, as far as they are known.
std::int64_t standing(const fleet::View& view, const std::string& cluster, const fleet::PromisedPart& part) {
  std::int64_t out = 0;
  for (const auto& node : view.nodes) {
    if (node->cluster != cluster || node->name != part.node) continue;
    for (const fleet::Device& device : node->devices) {
      const auto stands = fleet::standing_of(device);
      if (!stands || !device.facts->profiles) continue;
      const auto profile = std::ranges::find(*device.facts->profiles, part.profile, &gpu::Profile::name);
      if (profile == device.facts->profiles->end()) continue;
      out += std::ranges::count_if(*stands, [&](const auto& one) { return one.placed.profile == profile->id; });
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> why_not_cut(const WantedLayouts& layouts, const std::string& cluster,
                                       const fleet::PromisedPart& part, EpochMs now) {
  const auto wanted = layouts.of(cluster, part.device_uuid);
  if (!wanted || std::ranges::find(wanted->instances, store::WantedInstance{part.profile, part.placement}) ==
                     wanted->instances.end())
    return "nobody wants that layout any longer";
  if (auto changed = layouts.why_changed(cluster, part.device_uuid)) return changed;
  if (const auto node = layouts.course_of(cluster, part.node)) {
    const bool blocked = node->blocked_since && *node->blocked_since + kBlockedFor.count() <= now;
    if (is_one_of(node->state, kOver) || node->state == "dry-run" || blocked) return of_node(*node);
  }
  const auto report = layouts.report_of(cluster, part.device_uuid);
  if (!report || report->generation < wanted->generation || !is_one_of(report->state, kNever)) return std::nullopt;
  return fmt::format("its agent reports {}{}{}", report->state, report->reason.empty() ? "" : ": ", report->reason);
}

std::optional<std::string> why_not_given(const WantedLayouts& layouts, const std::string& cluster,
                                         const fleet::PromisedPart& part, const Published& known) {
  const auto course = layouts.course_of(cluster, part.node);
  if (part.profile.empty() || !course || !is_one_of(course->state, kOver) || course->unlisted.empty())
    return std::nullopt;
  // The node may not list others, and this one all the same.
  const fleet::ClusterNode* node = known.cluster ? known.cluster->node(cluster, part.node) : nullptr;
  const auto listed = node ? node->allocatable.find(resource_of(part)) : fleet::GpuAmounts::const_iterator{};
  if (node && listed != node->allocatable.end() && listed->second >= standing(*known.view, cluster, part))
    return std::nullopt;
  return fmt::format("{}; {}", of_node(*course), course->unlisted);
}

}  // namespace tessera::server

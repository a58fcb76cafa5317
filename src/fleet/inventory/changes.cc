#include "fleet/inventory/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "fleet/inventory/health.h"

namespace tessera::fleet {
namespace {

constexpr std::array<std::string_view, kChangeKinds> kNames = {
    "device.appeared", "device.presence",    "device.health",    "layout.changed",   "session.started",
    "session.ended",   "allocation.started", "allocation.ended", "allocation.state", "node.change",
    "cost.rate",       "alert.firing",       "alert.resolved"};

/// "2g.20gb@0,1g.10gb@2": by placement where it is known.
std::string layout_of(const Device& device) {
  std::vector<std::string> parts;
  for (const ListedInstance& one : listed_instances(device)) {
    const InstanceFacts& facts = *one.instance->facts;
    const Part& part = one.instance->part;
    parts.push_back(fmt::format(
        "{}@{}", facts.profile.empty() ? "?" : facts.profile,
        facts.placement ? std::to_string(facts.placement->start) : fmt::format("gi{}", part.gpu_instance.value_or(0))));
  }
  std::ranges::sort(parts);
  std::string out;
  for (const std::string& one : parts) out += (out.empty() ? "" : ",") + one;
  return out;
}

class Comparison {
 public:
  Comparison(EpochMs time, std::vector<Change>& out) : time_(time), out_(out) {}

  void appeared(const Node& node, const Device& device) {
    Change& change = add(ChangeKind::DeviceAppeared, node, device);
    change.to = presence_name(device.presence);
    rows(node, nullptr, device);
  }

  void changed(const Node& node, const Device& before, const Device& after) {
    if (before.presence != after.presence) {
      Change& change = add(ChangeKind::DevicePresence, node, after);
      change.from = presence_name(before.presence);
      change.to = presence_name(after.presence);
      if (change.spaces.empty()) change.spaces = spaces_of(before);
    }
    const Health was = health_of(before), is = health_of(after);
    // A device that falls silent is told once: by its presence.
    if (was != is && is != Health::Unknown && was != Health::Unknown) {
      Change& change = add(ChangeKind::DeviceHealth, node, after);
      change.from = health_name(was);
      change.to = health_name(is);
    }
    std::string layout_before = layout_of(before), layout = layout_of(after);
    if (layout_before != layout) {
      Change& change = add(ChangeKind::LayoutChanged, node, after);
      change.from = std::move(layout_before);
      change.to = std::move(layout);
    }
    rows(node, &before, after);
  }

 private:
  Change& add(ChangeKind kind, const Node& node, const Device& device) {
    Change& out = out_.emplace_back();
    out.kind = kind;
    out.time = time_;
    out.cluster = node.cluster;
    out.node = node.name;
    out.device_id = device_id(node.name, device.facts->index);
    out.uuid = device.facts->uuid;
    out.model = device.facts->name;
    out.spaces = spaces_of(device);
    return out;
  }

  template <class Row>
  Change& add_row(ChangeKind kind, const Node& node, const Device& device, const Row& row) {
    Change& out = add(kind, node, device);
    out.part = row.part;
    out.profile = profile_of(device, row.part);
    out.workload = row.facts->workload;
    out.spaces.clear();  // its own owner alone
    if (!row.facts->workload.space.empty()) out.spaces.push_back(row.facts->workload.space);
    return out;
  }

  void add_session(ChangeKind kind, const Node& node, const Device& device, const Session& session) {
    Change& change = add_row(kind, node, device, session);
    change.pid = session.facts->pid;
    change.command = session.facts->command;
  }

  /// Sessions and allocations that are in one of the two only. A reused row is told apart by when it was first seen.
  void rows(const Node& node, const Device* before, const Device& after) {
    static const Device kNone;
    const Device& was = before ? *before : kNone;
    const auto lacks = [](const auto& list, const auto& one) {
      return std::ranges::none_of(
          list, [&](const auto& other) { return other.row == one.row && other.first_seen == one.first_seen; });
    };
    for (const Session& one : was.sessions)
      if (lacks(after.sessions, one)) add_session(ChangeKind::SessionEnded, node, after, one);
    for (const Session& one : after.sessions)
      if (lacks(was.sessions, one)) add_session(ChangeKind::SessionStarted, node, after, one);
    for (const Allocation& one : was.allocations)
      if (lacks(after.allocations, one))
        add_row(ChangeKind::AllocationEnded, node, after, one).resource = one.facts->resource;
    for (const Allocation& one : after.allocations)
      if (lacks(was.allocations, one))
        add_row(ChangeKind::AllocationStarted, node, after, one).resource = one.facts->resource;
  }

  const EpochMs time_;
  std::vector<Change>& out_;
};

void compare(const Node* before, const Node& after, Comparison& comparison) {
  for (const Device& device : after.devices) {
    const Device* was = nullptr;
    if (before)
      for (const Device& one : before->devices)
        if (one.facts->uuid == device.facts->uuid) was = &one;
    was ? comparison.changed(after, *was, device) : comparison.appeared(after, device);
  }
}

auto name_of(const Node& node) { return std::tie(node.cluster, node.name); }

}  // namespace

std::vector<std::string> spaces_of(const Device& device) {
  std::vector<std::string> out;
  const auto add = [&](const auto& one) {
    if (!one.facts->workload.space.empty()) out.push_back(one.facts->workload.space);
  };
  std::ranges::for_each(device.allocations, add);
  std::ranges::for_each(device.sessions, add);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string_view change_name(ChangeKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::vector<Change> changes_between(const View& before, const View& after) {
  std::vector<Change> out;
  Comparison comparison(after.time, out);
  // Both are sorted. That a device has left was told long before it is listed no longer.
  auto was = before.nodes.begin();
  for (const auto& node : after.nodes) {
    while (was != before.nodes.end() && name_of(**was) < name_of(*node)) ++was;
    const bool known = was != before.nodes.end() && name_of(**was) == name_of(*node);
    if (known && *was == node) continue;
    compare(known ? was->get() : nullptr, *node, comparison);
  }
  return out;
}

}  // namespace tessera::fleet

#include "server/node_changes/sight.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "fleet/allocation/sightings.h"
#include "fleet/inventory/parts.h"
#include "fleet/partition/partition.h"
#include "server/wish_origin.h"

namespace tessera::server::nodes {
namespace {

using Instances = std::vector<store::WantedInstance>;

Instances sorted(Instances of) {
  std::ranges::sort(of, {}, [](const store::WantedInstance& one) { return one.placement.start; });
  return of;
}

std::string held(const store::WantedInstance& instance, const std::string& by) {
  return fmt::format("{} at {} is held by {}", instance.profile, instance.placement.start, by);
}

std::string workload_name(const fleet::Workload& of) {
  return of.pod.empty() ? "a process" : fmt::format("{}/{}", of.space, of.pod);
}

constexpr std::string_view kReset =
    "MIG is off, and to switch it on needs a reset of the device, which is never done here (nvidia-smi -mig 1)";

const ToldDevice* told_of(const ToldNode* told, const std::string& uuid) {
  if (!told) return nullptr;
  const auto found = std::ranges::find(told->devices, uuid, &ToldDevice::uuid);
  return found == told->devices.end() ? nullptr : &*found;
}

/// Profiles of the compute instances, each of which the device plugin lists; absent where one is not told.
std::optional<std::vector<std::string>> profiles_of(const fleet::Device& device) {
  std::vector<std::string> out;
  for (const fleet::ListedInstance& one : fleet::listed_instances(device)) {
    if (one.instance->facts->profile.empty()) return std::nullopt;
    out.push_back(one.instance->facts->profile);
  }
  return out;
}

std::map<std::string, unsigned> counted(const std::vector<std::string>& profiles) {
  std::map<std::string, unsigned> out;
  for (const std::string& one : profiles) ++out[one];
  return out;
}
std::map<std::string, unsigned> counted(const Instances& instances) {
  std::map<std::string, unsigned> out;
  for (const store::WantedInstance& one : instances) ++out[one.profile];
  return out;
}

bool is_here(const fleet::Device& device) { return device.presence == fleet::Presence::Present && device.up != false; }

class Sighting {
 public:
  Sighting(const std::string& node, const Around& around) : node_(node), around_(around) {}

  DeviceSight device(const store::WantedLayout& wanted) const {
    const fleet::Device* known = fleet::find_device(around_.view, around_.cluster.cluster, node_, wanted.device_uuid);
    DeviceSight out{wanted.device_uuid, wanted.generation, Course::Open};
    if (is_somebodys(wanted)) out.asked_at = wanted.wanted_since;
    if (around_.rules.way == Way::Nvml)
      by_agent(wanted, known, out);
    else
      by_manager(wanted, known, out);
    return out;
  }

  CutNode stands() const {
    CutNode out;
    each_device([&](const fleet::Device& device) {
      if (const ToldDevice* told = told_of(around_.told.get(), device.facts->uuid); told && is_by_agent()) {
        CutDevice cut{told->mig.value_or(false)};
        for (const ToldInstance& one : told->instances)
          cut.profiles.insert(cut.profiles.end(), one.compute.begin(), one.compute.end());
        out.push_back(std::move(cut));
        return;
      }
      auto profiles = profiles_of(device);
      out.push_back(is_here(device) && profiles
                        ? std::optional(CutDevice{device.facts->mig_enabled.value_or(false), *std::move(profiles)})
                        : std::nullopt);
    });
    return out;
  }

  std::optional<MigEntries::value_type> entry() const {
    std::vector<ManagedDevice> devices;
    bool all_known = true;
    each_device([&](const fleet::Device& device) {
      if (!device.facts->mig_enabled) {
        all_known = all_known && is_here(device);
        return;  // it cannot be cut
      }
      const auto wanted = std::ranges::find(around_.wanted, device.facts->uuid, &store::WantedLayout::device_uuid);
      const auto profiles = profiles_of(device);
      all_known = all_known && is_here(device) && profiles;
      if (wanted != around_.wanted.end())
        devices.push_back({device.facts->index, *device.facts->mig_enabled || !wanted->instances.empty(),
                           counted(wanted->instances)});
      else if (profiles)
        devices.push_back({device.facts->index, *device.facts->mig_enabled, counted(*profiles)});
    });
    return all_known && !devices.empty() ? std::optional(mig_entry(devices)) : std::nullopt;
  }

  /// Whether each device that something is wanted of has been told of since.
  bool is_told_since(EpochMs time) const {
    return std::ranges::all_of(around_.wanted, [&](const store::WantedLayout& one) {
      const fleet::Device* known = fleet::find_device(around_.view, around_.cluster.cluster, node_, one.device_uuid);
      return known && known->last_seen > time;
    });
  }

 private:
  bool is_by_agent() const { return around_.rules.way == Way::Nvml; }

  template <class Visit>
  void each_device(const Visit& visit) const {
    for (const auto& node : around_.view.nodes)
      if (node->cluster == around_.cluster.cluster && node->name == node_)
        for (const fleet::Device& device : node->devices)
          if (device.presence != fleet::Presence::Retired) visit(device);
  }

  static std::optional<Instances> standing(const fleet::Device* known) {
    Instances out;
    if (!known) return std::nullopt;
    for (const fleet::ListedInstance& one : fleet::listed_instances(*known)) {
      const fleet::InstanceFacts& facts = *one.instance->facts;
      if (!facts.placement) return std::nullopt;
      out.push_back({facts.profile, *facts.placement});
    }
    return sorted(std::move(out));
  }

  static const ToldInstance* changed_by_another(const ToldDevice& told, const store::WantedLayout& wanted) {
    const auto found = std::ranges::find_if(told.instances, [&](const ToldInstance& one) {
      return std::ranges::count(wanted.instances, one.placed) == 0 &&
             std::ranges::count(wanted.planned_from, one.placed) == 0;
    });
    return found == told.instances.end() ? nullptr : &*found;
  }

  void by_agent(const store::WantedLayout& wanted, const fleet::Device* known, DeviceSight& out) const {
    const ToldDevice* told = told_of(around_.told.get(), wanted.device_uuid);
    if (told ? stands_as_wanted(*told, wanted.instances) : standing(known) == sorted(wanted.instances)) {
      out.course = Course::Stands;
      return;
    }
    // Its agent keeps its hands off until something else is wanted, so there is nothing to prepare the node for.
    if (const ToldInstance* other = told ? changed_by_another(*told, wanted) : nullptr) {
      out.course = Course::Ended;
      out.changed = around_.told->generation >= wanted.generation;  // else it may be of before it was planned
      out.says =
          fmt::format("changed by somebody else: {} at {} is neither wanted nor stood there when this was planned",
                      other->placed.profile, other->placed.placement.start);
      return;
    }
    const auto report = around_.layouts.report_of(wanted.cluster, wanted.device_uuid);
    if (report && report->generation >= wanted.generation) {
      if (report->state == "failed" || report->state == "dry-run") out.course = Course::Ended;
      out.says =
          fmt::format("its agent reports {}{}{}", report->state, report->reason.empty() ? "" : ": ", report->reason);
    }
    if (!told || out.course == Course::Ended) return;
    for (const ToldInstance& one : told->instances) {
      if (one.held_by.empty() || std::ranges::count(wanted.instances, one.placed) > 0) continue;
      out.course = Course::Held;
      out.says = held(one.placed, one.held_by);
    }
    if (told->mig != false || wanted.instances.empty()) return;
    if (told->busy || !known || fleet::mode_needs_reset(*known)) out.course = Course::Held;
    if (told->busy)
      out.says = "MIG is off, and the device is in use";
    else if (!known || fleet::mode_needs_reset(*known))
      out.says = kReset;
  }

  void by_manager(const store::WantedLayout& wanted, const fleet::Device* known, DeviceSight& out) const {
    out.course = Course::Held;
    const auto profiles = known && is_here(*known) ? profiles_of(*known) : std::nullopt;
    if (!profiles) {
      out.says = "nobody tells how it is cut now";
    } else if (counted(*profiles) == counted(wanted.instances) &&
               (known->facts->mig_enabled == true || wanted.instances.empty())) {
      out.course = Course::Stands;
    } else if (const std::string who = who_has(*known); !who.empty()) {
      out.says = fmt::format("mig-manager rebuilds whole devices, and {}", who);
    } else if (known->facts->mig_enabled != true && fleet::mode_needs_reset(*known)) {
      out.says = kReset;
    } else {
      out.course = Course::Open;
    }
  }

  /// Empty: nobody, for sure.
  std::string who_has(const fleet::Device& device) const {
    if (!fleet::tells_sessions(device)) return "nobody tells which processes this one has: tessera-agent does";
    if (!device.allocations.empty())
      return fmt::format("{} holds it", workload_name(device.allocations.front().facts->workload));
    if (!device.sessions.empty())
      return fmt::format("{} runs on it", workload_name(device.sessions.front().facts->workload));
    for (const auto& [key, pod] : around_.cluster.pods)
      if (pod->node == node_ && pod->asks_for_gpus() && !is_seen(*pod))
        return fmt::format("pod {} is on the node, and nobody tells yet which device it was given", key);
    return {};
  }

  bool is_seen(const fleet::ClusterPod& pod) const {
    bool out = false;
    each_device([&](const fleet::Device& device) {
      const auto is_its = [&](const auto& one) {
        return one.facts->workload.space == pod.space && one.facts->workload.pod == pod.name;
      };
      out = out || std::ranges::any_of(device.allocations, is_its) || std::ranges::any_of(device.sessions, is_its);
    });
    return out;
  }

  const std::string& node_;
  const Around& around_;
};

ManagerSight manager_of(const fleet::ClusterNode& node) {
  const auto label = [&](std::string_view name) {
    const auto found = node.labels.find(std::string(name));
    return found == node.labels.end() ? std::string() : found->second;
  };
  ManagerSight out;
  out.label = label(kConfigLabel);
  out.state = label(kConfigStateLabel);
  out.here = label(kManagerDeployLabel) != "false" && (!out.label.empty() || !out.state.empty());
  return out;
}

ManagerSight manager_of(const SeenNode& seen, const Sighting& sighting, const Around& around) {
  ManagerSight out = manager_of(seen.node);
  out.owner = seen.label_owner;
  if (around.rules.way == Way::Nvml) return out;
  if (const auto entry = sighting.entry()) out.entry = entry->first;
  out.written = !out.entry.empty() && around.written(out.entry);
  out.told_anew = seen.change && sighting.is_told_since(seen.change->since);
  return out;
}

}  // namespace

NodeSight sight_of(const SeenNode& seen, std::vector<PluginPod> plugins, const Around& around) {
  const Sighting sighting(seen.node.name, around);
  NodeSight out;
  out.unschedulable = seen.node.cordoned;
  out.ready = seen.node.ready == true;
  out.change = seen.change;
  for (const store::WantedLayout& one : around.wanted) out.devices.push_back(sighting.device(one));
  out.agent_asks = around.told != nullptr;
  out.agent_dry_run = around.told && around.told->dry_run;
  out.let_go = around.layouts.let_go(around.cluster.cluster, seen.node.name);
  out.listing = compare(sighting.stands(), strategy_of(around.rules.strategy, seen.node.labels), seen.node.allocatable);
  out.plugins = std::move(plugins);
  out.manager = manager_of(seen, sighting, around);
  return out;
}

std::string why_never(const fleet::ClusterNode& node, const ToldNode* told, const Rules& rules) {
  NodeSight sight;
  sight.agent_asks = told != nullptr;
  sight.agent_dry_run = told && told->dry_run;
  sight.manager = manager_of(node);
  return why_never(sight, rules);
}

std::optional<MigEntries::value_type> entry_for(const std::string& node, const Around& around) {
  return Sighting(node, around).entry();
}

Pool pool_of(const fleet::View& view, const fleet::ClusterView& cluster) {
  Pool out;
  for (const auto& node : view.nodes) {
    const fleet::ClusterNode* known = cluster.node(node->cluster, node->name);
    if (!known || node->devices.empty()) continue;
    ++out.nodes;
    if (known->ready == true && !known->cordoned) ++out.schedulable;
  }
  return out;
}

}  // namespace tessera::server::nodes

#include "fleet/inventory/groups.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "fleet/inventory/catalogue.h"

namespace tessera::fleet {
namespace {

bool in_one_cluster(GroupBy by) {
  return by == GroupBy::Cluster || by == GroupBy::Node || by == GroupBy::Namespace || by == GroupBy::Pod;
}

/// Who has the part, by namespace, pod or team.
std::set<std::string> owners(const std::string& cluster, const Device& device, const DevicePart& part,
                             const GroupQuery& query) {
  std::set<std::string> out;
  const auto note = [&](const Part& told, const Workload& of) {
    if (of.space.empty() || !covers(told, part.part)) return;
    const std::string_view team = query.by == GroupBy::Team && query.team ? query.team(cluster, of) : "";
    if (!team.empty()) out.emplace(team);
    if (query.by == GroupBy::Team) return;
    if (query.by == GroupBy::Namespace)
      out.insert(of.space);
    else if (!of.pod.empty())
      out.insert(fmt::format("{}/{}", of.space, of.pod));
  };
  for (const Allocation& one : device.allocations) note(one.part, one.facts->workload);
  for (const Session& one : device.sessions) note(one.part, one.facts->workload);
  return out;
}

/// The groups that the part is in.
std::set<std::string> keys_of(const Node& node, const Device& device, const DevicePart& part, const GroupQuery& query) {
  switch (query.by) {
    case GroupBy::Namespace:
    case GroupBy::Pod:
    case GroupBy::Team:
      return owners(node.cluster, device, part, query);
    case GroupBy::Profile: {
      if (!part.instance || part.instance->facts->profile.empty()) return {};
      const std::string& profile = part.instance->facts->profile;
      return {profile_key(model_key_of(device.facts->name), profile).value_or(profile)};
    }
    case GroupBy::Cluster:
      return {node.cluster};
    case GroupBy::Model:
      return {model_key_of(device.facts->name)};
    case GroupBy::Node:
      return {node.name};
    case GroupBy::Fleet:
      break;
  }
  return {"fleet"};
}

/// A device that is cut into nothing is idle hardware, and counts where devices are grouped and not what they hold.
bool counts_without_parts(const GroupQuery& query) {
  return !query.part && query.by != GroupBy::Namespace && query.by != GroupBy::Pod && query.by != GroupBy::Profile &&
         query.by != GroupBy::Team;
}

}  // namespace

const std::vector<std::string_view>& group_by_names() {
  static const std::vector<std::string_view> kNames = {"fleet",     "cluster", "model",   "node",
                                                       "namespace", "pod",     "profile", "team"};
  return kNames;
}

std::vector<Group> groups_of(const View& view, const GroupQuery& query) {
  std::map<std::pair<std::string, std::string>, Group> groups;
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices) {
      if (device.presence == Presence::Retired || (query.device && !query.device(*node, device))) continue;
      std::map<std::string, std::vector<DevicePart>> had;
      const auto parts = parts_of(device);
      if (parts.empty() && counts_without_parts(query)) had[*keys_of(*node, device, {}, query).begin()];
      for (const DevicePart& part : parts) {
        if (query.part && !query.part(device, part)) continue;
        for (const std::string& key : keys_of(*node, device, part, query)) had[key].push_back(part);
      }
      for (const auto& [key, of] : had) {
        const std::string cluster = in_one_cluster(query.by) ? node->cluster : "";
        const auto [entry, fresh] = groups.try_emplace({cluster, key});
        Group& group = entry->second;
        if (fresh) group = {key, cluster, UtilizationSum(query.weight), 0, 0};
        group.utilization.add(device, of);
        ++group.devices;
        group.parts += of.size();
      }
    }
  std::vector<Group> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

}  // namespace tessera::fleet

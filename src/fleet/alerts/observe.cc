#include "fleet/alerts/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fleet/alerts/observe_device.h"
#include "fleet/alerts/observe_quotas.h"
#include "fleet/inventory/parts.h"

namespace tessera::fleet::alerts {
namespace {

/// Once it told, a kubelet or an agent may be away that tells of nothing; behind this there is nothing.
constexpr Milliseconds kAway{std::chrono::minutes(10)};

bool is_heard(const Device& device) { return device.presence == Presence::Present; }

/// What is sought for among devices that have not retired.
template <class Is>
bool any_device(const Node& node, const Is& is) {
  return std::ranges::any_of(node.devices,
                             [&](const Device& one) { return one.presence != Presence::Retired && is(one); });
}

/// Several, and none is heard of: something between them and here is silent, and says nothing of any of them.
bool all_are_silent(const View& view) {
  const auto here = [](const auto& node) { return any_device(*node, [](const Device&) { return true; }); };
  return std::ranges::count_if(view.nodes, here) > 1 &&
         std::ranges::none_of(view.nodes, [](const auto& node) { return any_device(*node, is_heard); });
}

void observe_node(const Node& node, EpochMs now, bool all_silent, Round& round) {
  const auto subject = std::make_shared<const Subject>(
      Subject{node_key(node), node_key(node), {{"cluster", node.cluster}, {"node", node.name}}});
  const bool heard = any_device(node, is_heard);
  const bool missing = !any_device(node, [](const Device& one) { return one.presence != Presence::Missing; });
  std::optional<double> silent;
  if (heard) silent = 0;
  if (missing && !all_silent) silent = 1;
  round.observations.push_back({Signal::NodeSilent, subject, now, silent});
  if (!heard) round.silent.push_back(node_key(node));
}

struct Share {
  std::size_t busy = 0, all = 0;
  bool heard = false;  ///< any of its devices
  bool away = false;   ///< an agent of any of them
};

void count_busy(const Device& device, bool agent_away, const Sight& sight, Share& share) {
  share.heard = share.heard || is_heard(device);
  share.away = share.away || agent_away;
  if (!is_heard(device) || !tells_sessions(device)) return;
  for (const DevicePart& part : parts_of(device)) {
    ++share.all;
    share.busy += std::ranges::any_of(device.sessions, [&](const Session& one) {
      return covers(one.part, part.part) && may_be_users(*one.facts, sight.is_host_job, sight.is_platform);
    });
  }
}

void observe_clusters(const std::map<std::string, Share>& shares, EpochMs now, Round& round) {
  for (const auto& [cluster, share] : shares) {
    if (share.heard && share.all == 0 && !share.away) continue;  // nobody tells of processes
    std::optional<double> busy;
    if (share.all > 0) busy = static_cast<double>(share.busy) / static_cast<double>(share.all);
    round.observations.push_back({Signal::BusyShareRatio,
                                  std::make_shared<const Subject>(Subject{cluster, "", {{"cluster", cluster}}}), now,
                                  busy});
  }
}

void observe_server(const Sight& sight, EpochMs newest, Round& round) {
  const auto subject = std::make_shared<const Subject>(Subject{"server", "", {{"job", "tessera-server"}}});
  const EpochMs now = sight.view.time;
  round.observations.push_back({Signal::RefusedRequests, subject, now, sight.refused_requests});
  if (newest == 0) return;  // there is no device that could be late
  round.observations.push_back(
      {Signal::LagSeconds, subject, now, static_cast<double>(std::max<EpochMs>(0, now - newest)) / 1000});
}

}  // namespace

bool Observer::holders_are_silent(const Node& node, bool tells, bool known, EpochMs now) {
  if (tells) held_[node_key(node)] = now;
  return !tells && !known && held_.contains(node_key(node));
}

bool Observer::agent_is_away(const Device& device, const std::string& key, EpochMs now) {
  const bool tells = !is_heard(device) || tells_sessions(device);
  Agent& agent = agents_.try_emplace(key, Agent{now, now}).first->second;
  agent.looked = now;
  if (tells) agent.told = now;
  return !tells && now - agent.told <= kAway.count();
}

Round Observer::look(const Sight& sight) {
  Round round{sight.view.time, {}, {}};
  own_.note(sight.view);
  const Neighbours neighbours(sight.view, own_);
  const XidCounts xids(sight.xids);
  const ServingPods serving(sight.serving, sight.view, sight.cluster);
  const Holders holders(sight.cluster);
  const Unallocated unallocated(sight.view);
  const bool all_silent = all_are_silent(sight.view);
  std::map<std::string, Share> shares;
  EpochMs newest = 0;
  for (const auto& node : sight.view.nodes) {
    if (!any_device(*node, [](const Device&) { return true; })) continue;  // it has left
    observe_node(*node, sight.view.time, all_silent, round);
    const bool heard = any_device(*node, is_heard);
    const bool holders_known = holders.known(*node);
    const bool kubelet_tells = tells_allocations(*node) || unallocated.any_on(*node);
    const bool holders_silent = holders_are_silent(*node, kubelet_tells, holders_known, sight.view.time);
    for (const Device& device : node->devices) {
      if (device.presence == Presence::Retired) continue;
      newest = std::max(newest, device.last_seen);
      const bool agent_away = agent_is_away(device, agent_key(*node, device), sight.view.time);
      count_busy(device, agent_away, sight, shares[node->cluster]);
      if (!is_heard(device)) round.silent.push_back(device_key(*node, device));
      if (!is_heard(device) || agent_away) round.silent.push_back(agent_key(*node, device));
      if (!is_heard(device) || holders_silent) round.silent.push_back(holders_key(*node, device));
      observe_device({*node, device, heard, agent_away, sight.view.time}, neighbours, xids, own_, round);
      if (is_heard(device))
        observe_sessions(
            {*node, device, holders_known, holders_silent, unallocated, serving, sight.is_host_job, sight.is_platform},
            round);
    }
  }
  observe_clusters(shares, sight.view.time, round);
  engines_.observe(sight.view, sight.serving, round);
  observe_server(sight, newest, round);
  std::ranges::sort(round.silent);
  observe_budgets(sight.budgets, sight.view.time, round);
  observe_costs(sight.costs, sight.view.time, round);
  if (sight.cluster) observe_quotas(*sight.cluster, sight.view.time, round);
  own_.forget(sight.view.time);
  std::erase_if(held_, [&](const auto& one) { return sight.view.time - one.second > kAway.count(); });
  std::erase_if(agents_, [&](const auto& one) { return one.second.looked != sight.view.time; });
  return round;
}

}  // namespace tessera::fleet::alerts

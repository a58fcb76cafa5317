#include "fleet/alerts/observe_sessions.h"

#include <algorithm>
#include <map>
#include <optional>

#include "fleet/alerts/observe_device.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"
#include "fleet/serving/serving_pods.h"

namespace tessera::fleet::alerts {
namespace {

using Value = std::optional<double>;

std::string pod_key(const std::string& cluster, const Workload& of) { return cluster + '/' + of.space + '/' + of.pod; }

LabelSet workload_labels(LabelSet labels, const Workload& of) {
  if (!of.space.empty()) labels.emplace_back("namespace", of.space);
  if (!of.pod.empty()) labels.emplace_back("pod", of.pod);
  if (!of.container.empty()) labels.emplace_back("container", of.container);
  std::ranges::sort(labels);
  return labels;
}

/// Share of time in which its kernels ran; of a process that has an instance to itself, the instance's.
Value activity_of(const Device& device, const Session& session) {
  if (session.util_percent) return *session.util_percent / 100;
  const auto here = [&](const Session& one) { return covers(one.part, session.part); };
  if (!session.part.gpu_instance || std::ranges::count_if(device.sessions, here) != 1) return std::nullopt;
  for (const DevicePart& part : parts_of(device))
    if (covers(session.part, part.part)) return activity(*part.readings);
  return std::nullopt;
}

/// Outside of a pod for sure: one of which nobody knows whose it is may be a pod's.
bool is_on_host(const SessionFacts& facts) {
  return !facts.workload.is_pod() && (facts.attribution == "host" || facts.attribution.empty());
}

bool is_platforms(const Workload& of, const IsPlatform& is_platform) { return is_platform && is_platform(of.space); }

bool is_job(const SessionFacts& facts, const SessionSight& sight) {
  if (facts.workload.is_pod()) return !is_platforms(facts.workload, sight.is_platform);
  return sight.is_host_job && is_on_host(facts) && sight.is_host_job(facts.command);
}

void observe_session(const SessionSight& sight, const Session& session, Round& round) {
  const Node& node = sight.node;
  const Device& device = sight.device;
  const SessionFacts& facts = *session.facts;
  LabelSet labels = workload_labels(part_labels(node, device, session.part), facts.workload);
  if (!facts.workload.is_pod()) labels.emplace_back("command", facts.command);
  if (facts.pid != 0) labels.emplace_back("pid", std::to_string(facts.pid));
  if (session.start) labels.emplace_back("started", std::to_string(*session.start / 1000));
  std::ranges::sort(labels);
  const auto subject = std::make_shared<const Subject>(
      Subject{session_id(node.cluster, device.facts->uuid, session), agent_key(node, device), std::move(labels)});
  if (session.start)
    round.observations.push_back({Signal::SessionAgeSeconds, subject, session.last_seen,
                                  static_cast<double>(session.last_seen - *session.start) / 1000});
  if (sight.serving.may_be(node, facts)) return;
  const auto busy = activity_of(device, session);
  if (!busy || !session.memory_bytes) return;
  const bool stuck = *session.memory_bytes > 0 && *busy < kQuietRatio;
  round.observations.push_back({Signal::IdleWithMemory, subject, session.last_seen, stuck ? 1 : 0});
}

Value held_idle(const Device& device, const Allocation& held) {
  if (held.used == false) return 1;
  for (const DevicePart& part : parts_of(device)) {
    if (!covers(held.part, part.part)) continue;
    const Use use = use_of(device, part).use;
    if (use == Use::Idle) return 1;
    if (use == Use::Active) return 0;
  }
  return std::nullopt;
}

std::shared_ptr<const Subject> holding(const Node& node, const Device& device, const Part& part, const Workload& of,
                                       std::string_view what, std::string beneath) {
  std::string key = device_key(node, device) + part_name(part) + '/' + of.space + '/' + of.pod + '/' + of.container;
  return std::make_shared<const Subject>(
      Subject{key.append(what), std::move(beneath), workload_labels(part_labels(node, device, part), of)});
}

bool is_same_pod(const Workload& a, const Workload& b) {
  if (!a.pod_uid.empty() && !b.pod_uid.empty()) return a.pod_uid == b.pod_uid;
  return a.space == b.space && a.pod == b.pod;
}

bool holds(const Device& device, const Session& session) {
  return std::ranges::any_of(device.allocations, [&](const Allocation& held) {
    return is_same_pod(held.facts->workload, session.facts->workload) && covers(held.part, session.part);
  });
}

/// Where nobody is known to hold anything on the node, its agent's word that it does not counts, and that alone. While
/// the kubelet is away, for a while, it is unknown of each pod that has a process still.
void observe_use(const SessionSight& sight, Round& round) {
  const Device& device = sight.device;
  std::map<std::string, std::pair<std::shared_ptr<const Subject>, Value>> users;
  for (const Session& one : device.sessions) {
    const Workload& of = one.facts->workload;
    if (!of.is_pod() || of.pod.empty() || is_platforms(of, sight.is_platform)) continue;
    Value without;
    if (sight.holders_known)
      without = holds(device, one) ? 0 : 1;
    else if (sight.unallocated.is(sight.node, device, one))
      without = 1;
    else if (!sight.holders_silent)
      continue;
    const auto subject = holding(sight.node, device, one.part, of, "/uses", agent_key(sight.node, device));
    users.try_emplace(subject->key, subject, without);
  }
  for (const auto& [key, user] : users)
    round.observations.push_back({Signal::UsedWithoutHolding, user.first, device.last_seen, user.second});
}

std::string use_key(const std::string& cluster, const std::string& uuid, const Part& part, const Workload& of) {
  return cluster + '/' + uuid + part_name(part) + '/' + of.space + '/' + of.pod;
}

}  // namespace

bool tells_allocations(const Node& node) {
  return std::ranges::any_of(node.devices, [](const Device& one) { return !one.allocations.empty(); });
}

Holders::Holders(const ClusterView* cluster)
    : cluster_(cluster && cluster->watched && cluster->synced ? cluster : nullptr) {
  if (!cluster_) return;
  for (const auto& [key, pod] : cluster_->pods)
    if (pod->asks_for_gpus()) asked_.insert(pod->node);
}

bool Holders::known(const Node& node) const { return tells_allocations(node) || nobody_asks(node); }

/// A node that offers no GPUs under the names that are known here may give them under others.
bool Holders::nobody_asks(const Node& node) const {
  if (!cluster_) return false;
  const ClusterNode* known = cluster_->node(node.cluster, node.name);
  return known && !known->allocatable.empty() && !asked_.contains(node.name);
}

std::string agent_key(const Node& node, const Device& device) { return device_key(node, device) + "/agent"; }

std::string holders_key(const Node& node, const Device& device) { return device_key(node, device) + "/held"; }

bool may_be_users(const SessionFacts& facts, const IsHostJob& is_host_job, const IsPlatform& is_platform) {
  if (facts.type == "G") return false;
  if (is_on_host(facts)) return is_host_job && is_host_job(facts.command);
  return !is_platforms(facts.workload, is_platform);
}

ServingPods::ServingPods(const ServingView& serving, const View& view, const ClusterView* cluster) {
  for (const auto& engine : serving.engines)
    if (!engine->pod.empty())
      add(engine->cluster, engine->space, engine->pod, cluster);
    else if (!engine->node.empty())
      nodes_.insert(engine->cluster + '/' + engine->node);
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices)
      for (const Session& one : device.sessions)
        if (const Workload& of = one.facts->workload; !of.pod.empty() && is_engine_title(one.facts->command))
          add(node->cluster, of.space, of.pod, cluster);
  if (!cluster) return;
  for (const auto& [key, pod] : cluster->pods)
    if (is_engine(pod->engine_arguments)) add(cluster->cluster, pod->space, pod->name, cluster);
}

void ServingPods::add(const std::string& cluster, const std::string& space, const std::string& pod,
                      const ClusterView* known) {
  const std::string prefix = cluster + '/' + space + '/';
  if (!pods_.insert(prefix + pod).second || !known) return;
  for (const std::string& one : pods_of_replica(cluster, space, pod, *known)) pods_.insert(prefix + one);
}

Unallocated::Unallocated(const View& view) {
  for (const UnallocatedUse& one : view.unallocated) {
    uses_.insert(use_key(one.cluster, one.device_uuid, one.part, one.facts->workload));
    devices_.insert(one.cluster + '/' + one.device_uuid);
  }
}

bool Unallocated::is(const Node& node, const Device& device, const Session& session) const {
  return uses_.contains(use_key(node.cluster, device.facts->uuid, session.part, session.facts->workload));
}

bool Unallocated::any_on(const Node& node) const {
  return !devices_.empty() &&
         std::ranges::any_of(node.devices, [&](const Device& one) { return devices_.contains(device_key(node, one)); });
}

bool ServingPods::may_be(const Node& node, const SessionFacts& of) const {
  if (is_engine_title(of.command)) return true;
  return of.workload.is_pod() ? pods_.contains(pod_key(node.cluster, of.workload)) : nodes_.contains(node_key(node));
}

void observe_sessions(const SessionSight& sight, Round& round) {
  const Device& device = sight.device;
  for (const Session& one : device.sessions)
    if (is_job(*one.facts, sight)) observe_session(sight, one, round);
  for (const Allocation& one : device.allocations)
    if (const Value idle = held_idle(device, one))
      round.observations.push_back(
          {Signal::HeldIdle,
           holding(sight.node, device, one.part, one.facts->workload, "", holders_key(sight.node, device)),
           device.last_seen, idle});
  observe_use(sight, round);
}

}  // namespace tessera::fleet::alerts

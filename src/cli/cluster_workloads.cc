// What is deployed of Tessera in a cluster, by which rights, and what comes of it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/cluster_calls.h"
#include "cli/cluster_doctor.h"
#include "cli/cluster_sight.h"

namespace tessera::cli {
namespace {

/// What keeps the agents' pods from seeing what they are there for, in words; empty: nothing.
std::string blind_to(const JsonValue& pod) {
  if (member(pod, "hostPID") != true)
    return "without hostPID there are device metrics only: no sessions, no pods of processes";
  for (const JsonValue& container : list_at(pod, "containers")) {
    const JsonValue& user = member(container, "securityContext.runAsUser");
    if (text_cell(container, "name") == "agent" && user.is_number() && user != 0)
      return fmt::format("uid {} cannot read the kubelet's pod-resources socket, which is root's", user.get<int>());
  }
  return {};
}

/// Statuses of containers that began, in the order of the pod.
std::string waiting_of(const JsonValue& pod, const char* list) {
  for (const JsonValue& status : list_at(pod, list)) {
    if (member(status, "ready") == true) continue;
    const JsonValue& waiting = member(status, "state.waiting");
    if (waiting.is_object()) {
      const std::string message = text_cell(waiting, "message");
      return text_cell(waiting, "reason") + (message == kAbsent ? "" : ": " + message);
    }
    const JsonValue& ended = member(status, "lastState.terminated");
    if (ended.is_object())
      return fmt::format("restarted {} times; it ended last with {} (exit code {})", text_cell(status, "restartCount"),
                         text_cell(ended, "reason"), text_cell(ended, "exitCode"));
  }
  return {};
}

/// Most conditions are good where they are true; to be on the way is neither good nor bad.
bool is_bad(const JsonValue& condition) {
  const std::string type = text_cell(condition, "type"), status = text_cell(condition, "status");
  if (type == "Progressing") return false;
  return status == (type == "Degraded" ? "True" : "False");
}

bool is_workload(const JsonValue& pod) {
  static const std::set<std::string> kPrograms = {"tessera-relay", "tessera-server", "tessera-operator",
                                                  "tessera-database"};
  return kPrograms.contains(label_of(pod, "app.kubernetes.io/name"));
}

void judge_relay(const std::string& relay, const JsonValue& page, Findings& out) {
  std::map<std::string, std::vector<std::string>> silent;  // by what went wrong
  std::size_t up = 0;
  for (const JsonValue& target : list_at(page, "targets")) {
    if (text_cell(target, "health") == "up")
      ++up;
    else
      silent[text_cell(target, "lastError")].push_back(
          fmt::format("{} ({})", text_cell(target, "url"), text_cell(target, "job")));
  }
  if (up > 0) out.push_back({Status::Ok, relay, fmt::format("{} up", count_of(up, "target")), "", {}});
  for (const auto& [why, targets] : silent)
    out.push_back(
        {Status::Problem,
         relay,
         fmt::format("silent: {}: {}", named(targets), why),
         "Look whether the pod runs, serves that port and path, and whether a NetworkPolicy keeps the relay away.",
         {"tessera get targets --relay URL"}});
  for (const JsonValue& source : list_at(page, "sources"))
    if (source.contains("problem"))
      out.push_back({Status::Problem,
                     relay,
                     fmt::format("{} is not read: {}", text_cell(source, "source"), text_cell(source, "problem")),
                     "What it has of targets is what it knew before.",
                     {}});
  if (up == 0 && silent.empty())
    out.push_back({Status::Warning,
                   relay,
                   "it has no target",
                   "Its selectors match no pod: `tessera-relay --explain NAMESPACE/POD` says why for each.",
                   {}});
}

}  // namespace

std::string trouble_of(const JsonValue& pod) {
  const std::string phase = text_cell(pod, "status.phase");
  bool ready = false;
  std::string unscheduled;
  for (const JsonValue& condition : list_at(pod, "status.conditions")) {
    const std::string type = text_cell(condition, "type");
    if (type == "Ready") ready = text_cell(condition, "status") == "True";
    if (type == "PodScheduled" && text_cell(condition, "status") == "False")
      unscheduled = fmt::format("{}: {}", text_cell(condition, "reason"), text_cell(condition, "message"));
  }
  if (phase == "Running" && ready) return {};
  if (!unscheduled.empty()) return unscheduled;
  for (const char* list : {"status.initContainerStatuses", "status.containerStatuses"})
    if (const std::string waiting = waiting_of(pod, list); !waiting.empty()) return waiting;
  return fmt::format("its phase is {}, and it is not ready", phase);
}

Findings judge_pod_security(const ClusterSight& sight) {
  Findings out;
  for (const JsonValue& set : sight.daemon_sets) {
    if (label_of(set, "app.kubernetes.io/name") != "tessera-agent") continue;
    const std::string blind = blind_to(member(set, "spec.template.spec"));
    if (blind.empty())
      out.push_back({Status::Ok, place_of(set), "agents see the host's processes", "", {}});
    else
      out.push_back({Status::Warning,
                     place_of(set),
                     blind,
                     "Set what the chart sets: hostPID: true, and uid 0 with all capabilities dropped.",
                     {}});
  }
  for (const JsonValue& space : sight.namespaces) {
    const std::string level = label_of(space, "pod-security.kubernetes.io/enforce");
    if (level.empty() || level == "privileged") continue;
    const std::string name = text_cell(space, "metadata.name");
    out.push_back(
        {Status::Problem,
         name,
         fmt::format("the namespace enforces the level \"{}\" of pod security, which refuses agents", level),
         "hostPID and hostPath need the level privileged.",
         {fmt::format("kubectl label --overwrite namespace {} pod-security.kubernetes.io/enforce=privileged", name)}});
  }
  return out;
}

Findings judge_rights(const ClusterSight& sight) {
  Findings out;
  for (const MissingRight& missing : sight.missing_rights)
    out.push_back(
        {Status::Problem,
         missing.account,
         fmt::format("may not {}", missing.right),
         "Its role or binding was changed or is not there: install the chart, or apply its manifest, once more.",
         {fmt::format("kubectl auth can-i {} --all-namespaces --as=system:serviceaccount:{}", missing.right,
                      std::string(missing.account).replace(missing.account.find('/'), 1, ":"))}});
  const bool any = std::ranges::any_of(sight.pods, is_workload);
  if (out.empty() && any) out.push_back({Status::Ok, "accounts", "each program may list what it needs", "", {}});
  return out;
}

Findings judge_workloads(const ClusterSight& sight) {
  Findings out;
  std::size_t fine = 0;
  for (const JsonValue& pod : sight.pods) {
    if (!is_workload(pod)) continue;
    const std::string trouble = trouble_of(pod);
    if (trouble.empty())
      ++fine;
    else
      out.push_back({Status::Problem,
                     place_of(pod),
                     fmt::format("not ready: {}", trouble),
                     "See the pod's events and log; an unbound claim wants a storage class.",
                     {fmt::format("kubectl -n {} describe pod {}", text_cell(pod, "metadata.namespace"),
                                  text_cell(pod, "metadata.name"))}});
  }
  if (fine > 0) out.push_back({Status::Ok, "pods", fmt::format("{} ready", count_of(fine, "pod")), "", {}});
  std::vector<std::string> leaving;
  for (const JsonValue& pod : sight.leaving)
    if (is_workload(pod)) leaving.push_back(place_of(pod));
  if (!leaving.empty())
    out.push_back({Status::Note,
                   "pods",
                   fmt::format("being deleted, and not looked at: {}", named(leaving)),
                   "Where they stay so, their node's kubelet does not answer.",
                   {"kubectl get nodes"}});
  return out;
}

Findings judge_resource(const ClusterSight& sight) {
  Findings out;
  if (!sight.monitors.is_array()) return out;
  if (sight.monitors.size() > 1)
    out.push_back({Status::Warning,
                   "gpumonitors",
                   fmt::format("there are {}, and one is served", sight.monitors.size()),
                   "Put what they say into one, and delete the others.",
                   {"kubectl get gpumonitors"}});
  for (const JsonValue& monitor : sight.monitors) {
    const std::string name = text_cell(monitor, "metadata.name");
    const JsonValue& conditions = list_at(monitor, "status.conditions");
    if (conditions.empty())
      out.push_back({Status::Problem,
                     name,
                     "nobody has looked at it: it has no status",
                     "Run tessera-operator (chart: operator.enabled: true), and see its log.",
                     {}});
    bool well = !conditions.empty();
    for (const JsonValue& condition : conditions) {
      if (!is_bad(condition)) continue;
      well = false;
      out.push_back({text_cell(condition, "type") == "Ready" ? Status::Problem : Status::Warning,
                     name,
                     fmt::format("{} is {}: {}: {}", text_cell(condition, "type"), text_cell(condition, "status"),
                                 text_cell(condition, "reason"), text_cell(condition, "message")),
                     "The message says what is missing.",
                     {fmt::format("kubectl describe gpumonitor {}", name)}});
    }
    if (well) out.push_back({Status::Ok, name, "all conditions hold", "", {}});
  }
  return out;
}

Findings judge_targets(const ClusterSight& sight) {
  Findings out;
  for (const auto& [relay, page] : sight.targets) judge_relay(relay, page, out);
  return out;
}

}  // namespace tessera::cli

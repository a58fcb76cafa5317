// Whether the PIDs that the driver names can be told: /proc, namespaces, cgroups, and what comes out of them.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "cli/check_processes.h"
#include "cli/checks.h"
#include "kube/pod_names.h"
#include "kube/process.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

std::string own_cgroup(const fs::path& proc) {
  const auto text = read_file(proc / "self/cgroup");
  if (!text) return "not known";
  for (const auto line : split(*text, '\n')) {  // "0::/path", or the first hierarchy of v1
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second != std::string_view::npos) return std::string(line.substr(second + 1));
  }
  return "not known";
}

/// What became of the processes that the driver names.
struct Outcomes {
  std::size_t in_pods = 0;
  std::size_t unnamed = 0;  ///< in a pod that the log folders do not name
  std::size_t on_host = 0;  ///< in no pod; in a container of no pod
  std::size_t refused = 0;
  std::size_t lost = 0;  ///< gone, unreadable or contradictory
  std::size_t all() const { return in_pods + unnamed + on_host + refused + lost; }
};

Outcomes attribute(const Node& node) {
  const kube::ProcessTable table(node.at.proc);
  kube::PodNames names(node.at.pod_logs);
  std::set<unsigned> pids;
  for (const auto& device : node.driver.devices)
    for (const auto& process : device.processes) pids.insert(process.pid);
  Outcomes out;
  for (const unsigned pid : pids) {
    const auto found = table.look_up(pid);
    if (!found.identity) {
      ++(found.why == kube::Unidentified::NoAccess ? out.refused : out.lost);
      continue;
    }
    const auto& owner = found.identity->owner;
    if (names.find(owner.pod_uid, owner.container_id, std::chrono::steady_clock::now()))
      ++out.in_pods;
    else
      ++(owner.pod_uid.empty() ? out.on_host : out.unnamed);
  }
  return out;
}

}  // namespace

std::optional<std::string_view> cgroup_version(std::string_view mountinfo) {
  bool v1 = false;
  bool v2 = false;
  for (const auto line : split(mountinfo, '\n')) {
    const auto end = line.find(" - ");  // the type of the file system stands after the optional fields
    if (end == std::string_view::npos) continue;
    const auto type = line.substr(end + 3, line.find(' ', end + 3) - end - 3);
    v1 = v1 || type == "cgroup";
    v2 = v2 || type == "cgroup2";
  }
  if (v1 && v2) return "hybrid (v1 and v2)";
  if (v1) return "v1";
  if (v2) return "v2";
  return std::nullopt;
}

Findings check_proc(const Node& node) {
  const auto path = node.at.proc.string();
  const auto blind = kube::look_for_blindness(node.at.proc);
  if (blind.no_proc)
    return {{Status::Problem,
             path,
             "cannot be read as a /proc tree: no process can be told",
             "Mount it, and name it with --proc DIR (for a container that has the node's as /host/proc, or --root "
             "/host).",
             {"mount -t proc proc /proc"}}};
  if (blind.hidepid)
    return {{Status::Warning,
             path,
             "other users' processes are hidden: they will have no names and no pods",
             "Run as root, or mount /proc without hidepid.",
             {"mount -o remount,hidepid=0 /proc"}}};
  return {{Status::Ok, path, "all processes can be read", "", {}}};
}

Findings check_pid_namespace(const Node& node) {
  const auto path = (node.at.proc / "self/ns/pid").string();
  const auto blind = kube::look_for_blindness(node.at.proc);
  if (blind.no_proc) return {};
  if (!blind.no_host_pid)
    return {{Status::Ok, path, "the node's own PIDs: those of the driver can be looked up", "", {}}};
  return {{Status::Warning,
           path,
           "not the node's first PID namespace: the driver's PIDs mean nothing here, so the agent attributes nothing",
           "Set hostPID: true in the pod (docker run --pid=host), and run doctor there. On a machine that is itself a "
           "container there is no way.",
           {}}};
}

Findings check_cgroups(const Node& node) {
  const auto path = (node.at.proc / "self/mountinfo").string();
  const auto text = read_file(node.at.proc / "self/mountinfo");
  if (!text)
    return {{Status::Note,
             path,
             "cannot be read: the cgroup version is not known",
             "The agent reads every version from /proc/PID/cgroup; nothing depends on this file.",
             {}}};
  const auto version = cgroup_version(*text);
  const auto blind = kube::look_for_blindness(node.at.proc);
  const auto seen =
      fmt::format("cgroup {}, this process in {}", version.value_or("not mounted"), own_cgroup(node.at.proc));
  if (blind.cgroup_namespaced)
    return {{Status::Note,
             path,
             seen + "; in a private cgroup namespace: paths start with /..",
             "Pods can be told all the same, unless their path is cut off above the pod. If pods stay unknown, run "
             "privileged or with the host's cgroup namespace (docker run --cgroupns=host).",
             {}}};
  return {{Status::Ok, path, seen, "", {}}};
}

Findings check_attribution(const Node& node) {
  const auto out = attribute(node);
  if (out.all() == 0) return {};
  const std::string looked_at = "processes on the devices";
  const std::pair<std::size_t, std::string_view> parts[] = {{out.in_pods, "in pods"},
                                                            {out.unnamed, "in pods that the log folders do not name"},
                                                            {out.on_host, "outside Kubernetes"},
                                                            {out.refused, "not readable"},
                                                            {out.lost, "not in "}};
  std::vector<std::string> seen;
  for (const auto& [count, what] : parts)
    if (count > 0) seen.push_back(fmt::format("{} {}{}", count, what, what == "not in " ? node.at.proc.string() : ""));
  const auto line = fmt::format("{}", fmt::join(seen, ", "));
  if (out.refused > 0) return {{Status::Warning, looked_at, line, "Run as root, or mount /proc without hidepid.", {}}};
  if (out.lost > 0 && node.driver.driver.simulated)
    return {{Status::Note,
             looked_at,
             line,
             "The simulated driver makes PIDs up. Play the scenario with tessera-sim, which lays out a /proc for them, "
             "and name that with --proc DIR.",
             {}}};
  if (out.lost > 0)
    return {{Status::Warning,
             looked_at,
             line,
             "They belong to another PID namespace (see pid-namespace), or ended just now.",
             {}}};
  if (out.unnamed > 0)
    return {{Status::Warning,
             looked_at,
             line,
             "Mount the kubelet's log folders and name their parent with --pod-logs DIR. The kubelet's socket names "
             "only pods "
             "that alone hold what they run on.",
             {}}};
  return {{Status::Ok, looked_at, line, "", {}}};
}

}  // namespace tessera::cli

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "relay/builtin_targets.h"
#include "relay/discover.h"

namespace tessera::relay {
namespace {

using kube::ContainerPort;
using kube::Pod;
using kube::PodContainer;

constexpr std::string_view kMeta = "__meta_kubernetes_";

/// As Prometheus makes a label's name of any text.
std::string as_label_name(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (!is_label_name(std::string{'_', c})) c = '_';
  return out;
}

std::string address_of(const std::string& ip, std::optional<std::uint16_t> port) {
  const bool v6 = ip.find(':') != std::string::npos;
  const std::string host = v6 ? fmt::format("[{}]", ip) : ip;
  return port ? fmt::format("{}:{}", host, *port) : host;
}

/// A step's outcome; the walk goes on only where it passed.
bool add(Walk& walk, std::string step, bool passed, std::string detail, std::string change) {
  walk.steps.push_back({std::move(step), passed, std::move(detail), passed ? "" : std::move(change)});
  return passed;
}

void append(Walk& walk, Walk more) {
  std::ranges::move(more.steps, std::back_inserter(walk.steps));
  std::ranges::move(more.targets, std::back_inserter(walk.targets));
}

bool step_namespace(Walk& walk, const Job& job, const PodDiscovery& discovery, const Pod& pod,
                    const std::string& own_namespace) {
  const Namespaces& chosen = discovery.namespaces;
  if (!chosen.own && chosen.names.empty()) return add(walk, "namespace", true, "all namespaces are looked at", "");
  const bool in = std::ranges::count(chosen.names, pod.space) > 0 || (chosen.own && pod.space == own_namespace);
  return add(walk, "namespace", in,
             fmt::format("the pod is in '{}'; looked at: {}{}", pod.space, fmt::join(chosen.names, ", "),
                         chosen.own ? " (and the relay's own, '" + own_namespace + "')" : ""),
             fmt::format("add '{}' to the namespaces of the job ({})", pod.space, shown(job.place)));
}

bool step_labels(Walk& walk, const Job& job, const PodDiscovery& discovery, const Pod& pod) {
  if (discovery.role == PodRole::Builtin) return true;
  const Requirement* unmet = first_unmet(discovery.select, pod.labels);
  if (!unmet)
    return add(walk, "labels", true,
               discovery.select.empty() ? "any labels will do" : "all of " + to_query(discovery.select) + " hold", "");
  const auto at = pod.labels.find(unmet->key);
  return add(walk, "labels", false,
             at == pod.labels.end()
                 ? fmt::format("'{}' does not hold: the pod has no label '{}'", to_query(*unmet), unmet->key)
                 : fmt::format("'{}' does not hold: the pod has {}={}", to_query(*unmet), unmet->key, at->second),
             fmt::format("change the pod's label or the selector of the job ({})", shown(job.place)));
}

/// The API server has done this; there is no second reading of it here.
void tell_fields(Walk& walk, const PodDiscovery& discovery) {
  if (!discovery.field_selector.empty())
    add(walk, "fields", true, "the API server was asked for " + discovery.field_selector, "");
}

/// Prometheus leaves what has ended to the job's rules; the other roles do not ask for it.
bool step_phase(Walk& walk, const PodDiscovery& discovery, const Pod& pod) {
  if (discovery.role == PodRole::Prometheus || !discovery.filter_running) return true;
  const bool ended = pod.phase == "Succeeded" || pod.phase == "Failed";
  return add(walk, "phase", !ended, fmt::format("the pod is {}", pod.phase.empty() ? "in no phase yet" : pod.phase),
             "nothing: a pod that has ended answers no more (filterRunning: false keeps it)");
}

bool step_ip(Walk& walk, const Pod& pod) {
  return add(walk, "ip", !pod.ip.empty(), pod.ip.empty() ? "the pod has no IP yet" : "the pod's IP is " + pod.ip,
             "wait until it is scheduled and its network is ready; `kubectl describe pod` says what it waits for");
}

struct Candidate {
  const PodContainer* container = nullptr;
  const ContainerPort* port = nullptr;
  std::uint16_t number = 0;  ///< 0: none, the scheme's own
};

/// Containers that still run once the pod does.
bool lasts(const PodContainer& container) { return !container.init || container.sidecar; }

std::string declared_ports(const Pod& pod) {
  std::vector<std::string> out;
  for (const PodContainer& container : pod.containers)
    for (const ContainerPort& port : container.ports)
      out.push_back(fmt::format("{} {}{}{}", container.name, port.name, port.name.empty() ? "" : "=", port.number));
  return out.empty() ? "the pod declares no port" : fmt::format("the pod declares: {}", fmt::join(out, ", "));
}

std::vector<Candidate> candidates_of(const PortChoice& choice, const Pod& pod) {
  std::vector<Candidate> out;
  for (const PodContainer& container : pod.containers)
    for (const ContainerPort& port : container.ports) {
      const bool any = choice.name.empty() && !choice.number;
      const bool chosen = any || (choice.number ? port.number == *choice.number : port.name == choice.name);
      if (chosen && lasts(container)) out.push_back({&container, &port, port.number});
    }
  if (out.empty() && choice.number) {  // not declared, and open all the same
    const auto running = std::ranges::count_if(pod.containers, lasts);
    const auto first = std::ranges::find_if(pod.containers, lasts);
    out.push_back({running == 1 ? &*first : nullptr, nullptr, *choice.number});
  }
  return out;
}

bool step_port(Walk& walk, const Job& job, const PortChoice& choice, const Pod& pod,
               const std::vector<Candidate>& found) {
  const std::string wanted = choice.number         ? fmt::format("port {}", *choice.number)
                             : choice.name.empty() ? std::string("any declared port")
                                                   : fmt::format("a port named '{}'", choice.name);
  return add(walk, "port", !found.empty(), fmt::format("wanted: {}; {}", wanted, declared_ports(pod)),
             fmt::format("name a port that a running container declares, or write its number ({})", shown(job.place)));
}

/// The labels a PodMonitor gives, over the meta labels.
Labels monitor_labels(const PodDiscovery& discovery, const Pod& pod, const Candidate& candidate) {
  Labels out = pod_meta_labels(pod, candidate.container, candidate.port);
  set_label(out, "__address__", address_of(pod.ip, candidate.number));
  set_label(out, "namespace", pod.space);
  set_label(out, "pod", pod.name);
  if (candidate.container) set_label(out, "container", candidate.container->name);
  set_label(out, "endpoint", discovery.port.name);
  if (discovery.node_label) set_label(out, "node", pod.node);
  return out;
}

TargetSpec known_of(const Pod& pod) {
  TargetSpec out;
  out.origin = fmt::format("pod {}/{}", pod.space, pod.name);
  out.node = pod.node;
  return out;
}

void walk_prometheus(Walk& walk, const Job& job, const Pod& pod) {
  const auto one = [&](const PodContainer& container, const ContainerPort* port) {
    Labels labels = pod_meta_labels(pod, &container, port);
    set_label(labels, "__address__",
              address_of(pod.ip, port ? std::optional<std::uint16_t>(port->number) : std::nullopt));
    append(walk, resolve(job, std::move(labels), known_of(pod)));
  };
  for (const PodContainer& container : pod.containers) {
    for (const ContainerPort& port : container.ports) one(container, &port);
    if (container.ports.empty()) one(container, nullptr);
  }
}

void walk_monitor(Walk& walk, const Job& job, const PodDiscovery& discovery, const Pod& pod) {
  const auto found = candidates_of(discovery.port, pod);
  if (!step_port(walk, job, discovery.port, pod, found)) return;
  for (const Candidate& candidate : found)
    append(walk, resolve(job, monitor_labels(discovery, pod, candidate), known_of(pod)));
}

void walk_builtin(Walk& walk, const Job& job, const PodDiscovery& discovery, const Pod& pod) {
  const auto recognised = recognise(pod, discovery.builtin);
  if (!add(walk, "recognise", recognised.has_value(),
           recognised ? recognised->why
                      : fmt::format("the pod does not look like {}: expected {}", name_of(discovery.builtin),
                                    marks_of(discovery.builtin)),
           "if it is one, name it in targets, with its port"))
    return;
  if (!add(walk, "metrics", recognised->problem.empty(),
           recognised->problem.empty() ? fmt::format("expected at port {}", recognised->port) : recognised->problem,
           recognised->change))
    return;
  const auto container = std::ranges::find(pod.containers, recognised->container, &PodContainer::name);
  const bool named = !recognised->container.empty() && container != pod.containers.end();
  const Candidate candidate{named ? &*container : nullptr, nullptr, recognised->port};
  Labels labels = monitor_labels(discovery, pod, candidate);
  set_label(labels, "__scheme__", recognised->scheme);
  set_label(labels, "__metrics_path__", recognised->path);
  TargetSpec known = known_of(pod);
  known.builtin = recognised->kind;
  append(walk, resolve(job, std::move(labels), known));
}

}  // namespace

Labels pod_meta_labels(const Pod& pod, const PodContainer* container, const ContainerPort* port) {
  std::vector<Label> out;
  const auto put = [&](std::string_view name, std::string_view value) {
    out.push_back({fmt::format("{}{}", kMeta, name), std::string(value)});
  };
  put("namespace", pod.space);
  put("pod_name", pod.name);
  put("pod_ip", pod.ip);
  put("pod_ready", !pod.ready ? "unknown" : *pod.ready ? "true" : "false");
  put("pod_phase", pod.phase);
  put("pod_node_name", pod.node);
  put("pod_host_ip", pod.host_ip);
  put("pod_uid", pod.uid);
  put("pod_controller_kind", pod.controller_kind);
  put("pod_controller_name", pod.controller_name);
  for (const auto& [name, value] : pod.labels) {
    put("pod_label_" + as_label_name(name), value);
    put("pod_labelpresent_" + as_label_name(name), "true");
  }
  for (const auto& [name, value] : pod.annotations) {
    put("pod_annotation_" + as_label_name(name), value);
    put("pod_annotationpresent_" + as_label_name(name), "true");
  }
  if (container) {
    put("pod_container_name", container->name);
    put("pod_container_id", container->id);
    put("pod_container_image", container->image);
    put("pod_container_init", container->init ? "true" : "false");
  }
  if (port) {
    put("pod_container_port_name", port->name);
    put("pod_container_port_number", std::to_string(port->number));
    put("pod_container_port_protocol", port->protocol);
  }
  return to_labels(std::move(out));
}

Walk walk_pod(const Job& job, const PodDiscovery& discovery, const Pod& pod, const std::string& own_namespace) {
  Walk out;
  if (!step_namespace(out, job, discovery, pod, own_namespace) || !step_labels(out, job, discovery, pod) ||
      !step_phase(out, discovery, pod) || !step_ip(out, pod))
    return out;
  tell_fields(out, discovery);
  switch (discovery.role) {
    case PodRole::Prometheus:
      walk_prometheus(out, job, pod);
      break;
    case PodRole::PodMonitor:
      walk_monitor(out, job, discovery, pod);
      break;
    case PodRole::Builtin:
      walk_builtin(out, job, discovery, pod);
      break;
  }
  return out;
}

namespace {

Walk explain_discovery(const Job& job, const PodDiscovery& discovery, const NamedPod& named,
                       const std::string& own_namespace) {
  Walk out;
  Pod nameless;  // its namespace is all that the first step looks at
  nameless.space = named.space;
  if (!step_namespace(out, job, discovery, nameless, own_namespace)) return out;
  const auto pod = named.look_up(discovery);
  if (pod) return walk_pod(job, discovery, *pod, own_namespace);
  const bool absent = pod.error().code == Code::NotFound;
  add(out, "server", false, pod.error().what,
      absent ? "nothing, if the pod is another server's"
             : fmt::format("mend the way to the API server ({})", shown(job.place)));
  return out;
}

}  // namespace

std::vector<Explanation> explain_pod(const NamedPod& pod, std::span<const Job> jobs, const std::string& own_namespace) {
  std::vector<Explanation> out;
  for (const Job& job : jobs) {
    Explanation one{job.id, job.place, {}};
    for (const Discovery& discovery : job.discoveries)
      if (const auto* pods = std::get_if<PodDiscovery>(&discovery))
        append(one.walk, explain_discovery(job, *pods, pod, own_namespace));
    if (one.walk.steps.empty())
      add(one.walk, "discovery", false, "this job looks at no pods", "nothing, if it is meant for other targets");
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tessera::relay

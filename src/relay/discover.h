#pragma once
// From what was discovered to what is scraped: pure functions of pods, target groups and jobs. The same walk finds the
// targets and explains them, so that an explanation cannot differ from what happens.
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kube/pod.h"
#include "relay/config.h"
#include "relay/labels.h"

namespace tessera::relay {

struct TargetSpec {
  std::string job_id;  ///< of the Job whose settings hold
  std::string url;     ///< with path and parameters
  Labels labels;       ///< what its samples get; without any __name
  Milliseconds interval{0}, timeout{0};
  std::string origin;  ///< "pod gpu/dcgm-abc", "static", a file, a URL
  std::string node;    ///< of a pod; empty: not known
  std::optional<BuiltinKind> builtin;
  bool operator==(const TargetSpec&) const = default;
};

/// One step of the way from a pod to its targets.
struct Step {
  std::string step;  ///< "namespace", "labels", "phase", "address", "port", "relabel", …
  bool passed = false;
  std::string detail;  ///< what was compared with what
  std::string change;  ///< what to do about it; empty where it passed
};

/// What a job makes of something discovered: the targets, and how it came to them or why there is none.
struct Walk {
  std::vector<Step> steps;
  std::vector<TargetSpec> targets;
};

/// Labels before relabelling to a target: the job's defaults (job, scheme, path, interval, parameters), its rules, the
/// URL, the instance. Steps tell which rule dropped it or why it has no usable address.
Walk resolve(const Job& job, Labels discovered, const TargetSpec& known);

/// All targets of target groups. `meta` goes to each (__meta_url, __meta_filepath).
Walk walk_groups(const Job& job, std::span<const TargetGroup> groups, const Labels& meta, const std::string& origin);

/// What one discovery of a job makes of a pod. `own_namespace`: the relay's.
Walk walk_pod(const Job& job, const PodDiscovery& discovery, const kube::Pod& pod, const std::string& own_namespace);

/// The labels that Prometheus' pod role gives, for a container and a port of it (either may be null).
Labels pod_meta_labels(const kube::Pod& pod, const kube::PodContainer* container, const kube::ContainerPort* port);

struct Explanation {
  std::string job_id;
  Place place;
  Walk walk;
};

/// A pod by name. Discoveries may look at different servers, which may know different pods of that name, or none.
struct NamedPod {
  std::string space, name;
  std::function<Result<kube::Pod>(const PodDiscovery&)> look_up;
};

/// Every job's walk over this pod; those that look at no pods say so. A discovery that does not look into the pod's
/// namespace looks nothing up.
std::vector<Explanation> explain_pod(const NamedPod& pod, std::span<const Job> jobs, const std::string& own_namespace);

/// Targets that stay, and those that another one makes needless.
struct Sifted {
  struct Dropped {
    TargetSpec target;
    std::string why;
  };
  std::vector<TargetSpec> kept;
  std::vector<Dropped> dropped;
  std::set<std::string> contested{};    ///< keys of agents that another exporter stands back for
  std::set<std::string> fallen_back{};  ///< nodes whose agents are all silent, so that dcgm-exporter is scraped
};

/// Of targets with equal labels, whose samples could not be told apart, only the first stays.
Sifted without_equal_labels(std::vector<TargetSpec> targets);

/// Where both built-in exporters tell of one node's GPUs, tessera-agent is elected, until it is silent: then
/// dcgm-exporter stays beside it. `silent`: keys of targets that do not answer.
Sifted prefer_agent(std::vector<TargetSpec> targets, const std::set<std::string>& silent = {});

/// What replicas share targets by: the key, but both built-in exporters of a node go to one replica, which can then
/// elect between them.
std::string share_key(const TargetSpec& target);

}  // namespace tessera::relay

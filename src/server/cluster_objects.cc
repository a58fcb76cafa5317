#include "server/cluster_objects.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/text.h"
#include "kube/json_slice.h"
#include "kube/quantity.h"

namespace tessera::server {
namespace {

using fleet::GpuAmounts;
using fleet::LabelMap;
using kube::each_item;
using kube::each_member;
using kube::text_member;
using kube::text_of;

constexpr std::size_t kMaxAnnotationBytes = 256;  // longer ones are somebody's data, and name no team
constexpr std::size_t kMaxNoteBytes = 2'048;      // of our own
constexpr double kMostDevices = 1e6;

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }

bool is_true(std::string_view value) { return value == "true"; }

LabelMap read_labels(std::string_view object, std::size_t longest = std::string_view::npos,
                     std::string_view prefix = "") {
  LabelMap out;
  each_member(object, [&](const std::string& name, std::string_view value) {
    std::string text = text_of(value);
    if (text.size() <= longest && name.starts_with(prefix)) out.emplace(name, std::move(text));
  });
  return out;
}

std::vector<std::string> read_texts(std::string_view list) {
  std::vector<std::string> out;
  each_item(list, [&](std::string_view one) { out.push_back(text_of(one)); });
  return out;
}

/// A quantity is a string, or a bare number.
std::optional<double> quantity(std::string_view value) {
  return kube::parse_quantity(value.starts_with('"') ? text_of(value) : std::string(value));
}

std::optional<double> amount(std::string_view resources, std::string_view name) {
  return quantity(at(resources, name));
}

GpuAmounts gpus(std::string_view resources) {
  GpuAmounts out;
  each_member(resources, [&](const std::string& name, std::string_view value) {
    const auto count = quantity(value);
    if (fleet::is_gpu_resource(name) && count && *count >= 0 && *count <= kMostDevices)
      out[name] = std::llround(*count);
  });
  return out;
}

/// Of a quota, which limits extended resources by what is requested of them: "requests.nvidia.com/gpu".
GpuAmounts quota_gpus(std::string_view resources) {
  constexpr std::string_view kRequests = "requests.";
  GpuAmounts out;
  each_member(resources, [&](const std::string& name, std::string_view value) {
    if (!name.starts_with(kRequests)) return;
    const std::string resource = name.substr(kRequests.size());
    const auto count = quantity(value);
    if (fleet::is_gpu_resource(resource) && count && *count >= 0 && *count <= kMostDevices)
      out[resource] = std::llround(*count);
  });
  return out;
}

/// What the scheduler counts: the containers together, or the largest of those that run before them.
struct Requests {
  GpuAmounts gpus;
  std::optional<double> cpu, memory;

  void add(const Requests& other) {
    for (const auto& [name, count] : other.gpus) gpus[name] += count;
    if (other.cpu) cpu = cpu.value_or(0) + *other.cpu;
    if (other.memory) memory = memory.value_or(0) + *other.memory;
  }
  void raise_to(const Requests& other) {
    for (const auto& [name, count] : other.gpus) gpus[name] = std::max(gpus[name], count);
    if (other.cpu) cpu = std::max(cpu.value_or(0), *other.cpu);
    if (other.memory) memory = std::max(memory.value_or(0), *other.memory);
  }
};

Requests requests_of(std::string_view container) {
  const std::string_view resources = at(container, "resources");
  const std::string_view asked = at(resources, "requests");
  Requests out{gpus(asked), amount(asked, "cpu"), amount(asked, "memory")};
  // A limit alone is a request too; the API server copies it, unless it is an old one.
  for (const auto& [name, count] : gpus(at(resources, "limits"))) out.gpus.try_emplace(name, count);
  std::erase_if(out.gpus, [](const auto& one) { return one.second == 0; });
  return out;
}

void add_requirements(std::string_view list, bool fields, fleet::NodeTerm& into) {
  each_item(list, [&](std::string_view one) {
    into.push_back({text_member(one, "key"), text_member(one, "operator"), read_texts(at(one, "values")), fields});
  });
}

fleet::NodeDemands read_demands(std::string_view spec) {
  fleet::NodeDemands out;
  out.selector = read_labels(at(spec, "nodeSelector"));
  each_item(at(spec, "tolerations"), [&](std::string_view one) {
    out.tolerations.push_back(
        {text_member(one, "key"), text_member(one, "operator"), text_member(one, "value"), text_member(one, "effect")});
  });
  const std::string_view required =
      at(at(at(spec, "affinity"), "nodeAffinity"), "requiredDuringSchedulingIgnoredDuringExecution");
  if (!required.starts_with('{')) return out;
  out.terms.emplace();
  each_item(at(required, "nodeSelectorTerms"), [&](std::string_view term) {
    fleet::NodeTerm& into = out.terms->emplace_back();
    add_requirements(at(term, "matchExpressions"), false, into);
    add_requirements(at(term, "matchFields"), true, into);
  });
  return out;
}

void read_spec(std::string_view spec, fleet::ClusterPod& pod) {
  Requests all, first;
  std::vector<std::string> words;
  each_item(at(spec, "containers"), [&](std::string_view container) {
    all.add(requests_of(container));
    for (const char* list : {"command", "args"})
      each_item(at(container, list), [&](std::string_view word) { words.push_back(text_of(word)); });
  });
  each_item(at(spec, "initContainers"), [&](std::string_view container) {
    const bool sidecar = text_member(container, "restartPolicy") == "Always";
    sidecar ? all.add(requests_of(container)) : first.raise_to(requests_of(container));
  });
  all.raise_to(first);
  pod.requests = std::move(all.gpus);
  pod.cpu_request_cores = all.cpu;
  pod.memory_request_bytes = all.memory;
  pod.node = text_member(spec, "nodeName");
  each_item(at(spec, "resourceClaims"), [&](std::string_view) { pod.has_claims = true; });
  each_item(at(spec, "schedulingGates"),
            [&](std::string_view gate) { pod.gates.push_back(text_member(gate, "name")); });
  pod.priority = parse_int(at(spec, "priority")).value_or(0);
  if (pod.node.empty())
    pod.demands = read_demands(spec);
  else
    pod.demands.selector = read_labels(at(spec, "nodeSelector"));  // the rest has been met already
  pod.engine_arguments = fleet::engine_arguments_of(words);
}

void read_conditions(std::string_view status, fleet::ClusterPod& pod) {
  each_item(at(status, "conditions"), [&](std::string_view condition) {
    if (text_member(condition, "type") != "PodScheduled" || text_member(condition, "status") == "True") return;
    pod.waits_reason = text_member(condition, "reason");
    pod.waits_message = text_member(condition, "message");
    pod.waits_since = text_member(condition, "lastTransitionTime");
  });
}

/// A ReplicaSet whose name ends in the hash of its pods' template was made by a Deployment of the name before that.
void read_owner(std::string_view metadata, fleet::ClusterPod& pod) {
  each_item(at(metadata, "ownerReferences"), [&](std::string_view owner) {
    if (!is_true(at(owner, "controller"))) return;
    pod.owner_kind = text_member(owner, "kind");
    pod.owner_name = text_member(owner, "name");
  });
  const auto hash = pod.labels.find("pod-template-hash");
  if (pod.owner_kind != "ReplicaSet" || hash == pod.labels.end()) return;
  const std::string suffix = "-" + hash->second;
  if (!pod.owner_name.ends_with(suffix) || pod.owner_name.size() == suffix.size()) return;
  pod.owner_kind = "Deployment";
  pod.owner_name.resize(pod.owner_name.size() - suffix.size());
}

fleet::ResourceUse use_in(std::string_view usage) {
  return {amount(usage, "cpu").value_or(0), amount(usage, "memory").value_or(0)};
}

}  // namespace

bool is_over(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

fleet::ClusterNode read_node(std::string_view json) {
  fleet::ClusterNode out;
  const std::string_view metadata = at(json, "metadata");
  out.name = text_member(metadata, "name");
  out.labels = read_labels(at(metadata, "labels"));
  out.created = text_member(metadata, "creationTimestamp");
  const std::string_view spec = at(json, "spec");
  out.cordoned = is_true(at(spec, "unschedulable"));
  each_item(at(spec, "taints"), [&](std::string_view taint) {
    out.taints.push_back({text_member(taint, "key"), text_member(taint, "value"), text_member(taint, "effect")});
  });
  const std::string_view status = at(json, "status");
  const std::string_view allocatable = at(status, "allocatable");
  out.allocatable = gpus(allocatable);
  out.capacity = gpus(at(status, "capacity"));
  out.allocatable_cpu_cores = amount(allocatable, "cpu");
  out.allocatable_memory_bytes = amount(allocatable, "memory");
  each_item(at(status, "conditions"), [&](std::string_view condition) {
    fleet::NodeCondition one{text_member(condition, "type"), text_member(condition, "status"),
                             text_member(condition, "reason")};
    if (one.type == "Ready" && (one.status == "True" || one.status == "False")) out.ready = one.status == "True";
    out.conditions.push_back(std::move(one));
  });
  return out;
}

fleet::ClusterNamespace read_namespace(std::string_view json) {
  const std::string_view metadata = at(json, "metadata");
  return {text_member(metadata, "name"), read_labels(at(metadata, "labels")),
          read_labels(at(metadata, "annotations"), kMaxAnnotationBytes)};
}

fleet::ClusterQuota read_quota(std::string_view json) {
  fleet::ClusterQuota out;
  const std::string_view metadata = at(json, "metadata");
  out.space = text_member(metadata, "namespace");
  out.name = text_member(metadata, "name");
  const std::string_view spec = at(json, "spec");
  each_item(at(spec, "scopes"), [&](std::string_view) { out.scoped = true; });
  each_item(at(at(spec, "scopeSelector"), "matchExpressions"), [&](std::string_view) { out.scoped = true; });
  // What is in force is in the status; the spec may just have been changed.
  const std::string_view status = at(json, "status");
  out.hard = quota_gpus(at(status, "hard"));
  out.used = quota_gpus(at(status, "used"));
  return out;
}

fleet::ClusterPod read_pod(std::string_view json) {
  fleet::ClusterPod out;
  const std::string_view metadata = at(json, "metadata");
  out.space = text_member(metadata, "namespace");
  out.name = text_member(metadata, "name");
  out.uid = text_member(metadata, "uid");
  out.labels = read_labels(at(metadata, "labels"));
  out.notes = read_labels(at(metadata, "annotations"), kMaxNoteBytes, "tessera.dev/");
  out.created = text_member(metadata, "creationTimestamp");
  out.deleting = !text_member(metadata, "deletionTimestamp").empty();
  read_owner(metadata, out);
  read_spec(at(json, "spec"), out);
  const std::string_view status = at(json, "status");
  out.phase = text_member(status, "phase");
  if (out.node.empty()) read_conditions(status, out);
  return out;
}

fleet::ResourceUses read_node_use(std::string_view list) {
  fleet::ResourceUses out;
  each_item(at(list, "items"),
            [&](std::string_view item) { out[text_member(at(item, "metadata"), "name")] = use_in(at(item, "usage")); });
  return out;
}

fleet::ResourceUses read_pod_use(std::string_view list, const fleet::ClusterView& wanted) {
  fleet::ResourceUses out;
  each_item(at(list, "items"), [&](std::string_view item) {
    const std::string_view metadata = at(item, "metadata");
    const std::string key = fleet::pod_key(text_member(metadata, "namespace"), text_member(metadata, "name"));
    if (!wanted.pods.contains(key)) return;
    fleet::ResourceUse& sum = out[key];
    each_item(at(item, "containers"), [&](std::string_view container) {
      const fleet::ResourceUse one = use_in(at(container, "usage"));
      sum.cpu_cores += one.cpu_cores;
      sum.memory_bytes += one.memory_bytes;
    });
  });
  return out;
}

}  // namespace tessera::server

#include "operator/node_groups.h"

#include <nlohmann/json.hpp>

#include "operator/objects.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

/// The label of a node with an NVIDIA GPU, by who sets it.
constexpr struct {
  std::string_view key, value;  ///< without a value: any
} kGpuLabels[] = {
    {"nvidia.com/gpu.present", "true"},                       // GPU feature discovery, the GPU operator
    {"feature.node.kubernetes.io/pci-10de.present", "true"},  // node feature discovery
    {"cloud.google.com/gke-accelerator", ""},
    {"k8s.amazonaws.com/accelerator", ""},
    {"kubernetes.azure.com/accelerator", "nvidia"},
};

Json expression(std::string_view key, std::string_view op, std::string_view value) {
  Json out{{"key", key}, {"operator", op}};
  if (!value.empty()) out["values"] = Json::array({value});
  return out;
}

/// Terms of a node selector: one of them must hold.
Json gpu_terms() {
  Json out = Json::array();
  for (const auto& [key, value] : kGpuLabels)
    out.push_back({{"matchExpressions", Json::array({expression(key, value.empty() ? "Exists" : "In", value)})}});
  return out;
}

/// The same terms, without nodes that have all labels of the group: one alternative for each label that a node may
/// lack.
Json without(const Json& terms, const Override& group) {
  Json out = Json::array();
  for (const Json& term : terms)
    for (const auto& [key, value] : group.node_selector) {
      Json narrower = term;
      narrower["matchExpressions"].push_back(expression(key, "NotIn", value));
      out.push_back(std::move(narrower));
    }
  return out;
}

}  // namespace

Json affinity_outside(const Raw& given, const TextMap& selector, bool gpu_nodes, std::span<const Override> groups) {
  Json out = given.given() ? raw(given) : Json::object();
  const bool chosen = out.contains("nodeAffinity") && out["nodeAffinity"].contains(kRequired);
  Json terms = Json::array({Json::object()});  // every node
  if (chosen)
    terms = out["nodeAffinity"][kRequired].value("nodeSelectorTerms", terms);
  else if (gpu_nodes && selector.empty())
    terms = gpu_terms();
  for (const Override& group : groups) terms = without(terms, group);
  if (terms != Json::array({Json::object()})) out["nodeAffinity"][kRequired]["nodeSelectorTerms"] = std::move(terms);
  return out.empty() ? Json(nullptr) : out;
}

}  // namespace tessera::operate

#include "fleet/cost/facts.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>

namespace tessera::fleet {
namespace {

constexpr std::array<std::string_view, kCostDimensions> kNames = {
    "cluster", "node",      "pool", "model", "purchase", "device",    "instance",
    "profile", "namespace", "pod",  "team",  "project",  "costCentre"};

/// A driver numbers instances from 0, and has fewer than sixteen of them on a device; what an agent tells may be more.
std::string_view instance_name(std::optional<unsigned> number) {
  static std::mutex mutex;
  static std::map<unsigned, std::string> names;
  if (!number) return {};
  const std::lock_guard lock(mutex);
  const auto found = names.try_emplace(*number).first;
  if (found->second.empty()) found->second = std::to_string(*number);
  return found->second;
}

}  // namespace

std::string_view cost_dimension_name(CostDimension dimension) { return kNames[static_cast<std::size_t>(dimension)]; }

std::optional<CostDimension> cost_dimension_named(std::string_view name) {
  if (name == "costCenter") return CostDimension::CostCentre;
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<CostDimension>(found - kNames.begin());
}

std::string cost_dimension_names() {
  std::string out;
  for (const std::string_view name : kNames) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

std::string_view cost_value(const CostKey& key, const CostSubject& subject, const CostOwner* owner) {
  static const CostOwner kNobody;
  const CostOwner& whose = owner ? *owner : kNobody;
  switch (key.dimension) {
    case CostDimension::Cluster:
      return subject.cluster;
    case CostDimension::Node:
      return subject.node;
    case CostDimension::Pool:
      return subject.pool;
    case CostDimension::Model:
      return subject.model;
    case CostDimension::Purchase:
      return purchase_name(subject.purchase);
    case CostDimension::Device:
      return subject.device_id;
    case CostDimension::Instance:
      return instance_name(subject.gpu_instance);
    case CostDimension::Profile:
      return subject.profile;
    case CostDimension::Namespace:
      return whose.space;
    case CostDimension::Pod:
      return whose.pod;
    case CostDimension::Team:
      return whose.team;
    case CostDimension::Project:
      return whose.project;
    case CostDimension::CostCentre:
      return whose.cost_centre;
    case CostDimension::Label:
      break;
  }
  const auto label = whose.labels.find(key.label);
  return label == whose.labels.end() ? std::string_view() : std::string_view(label->second);
}

}  // namespace tessera::fleet

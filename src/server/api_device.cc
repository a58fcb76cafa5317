// One device with all that is known of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "fleet/inventory/catalogue.h"
#include "gpu/geometry.h"
#include "gpu/profile_name.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/past_devices.h"
#include "store/devices.h"

namespace tessera::server {
namespace {

using fleet::Device;
using fleet::Node;

bool is_nearer_to_now(const Device& one, const Device& other) {
  const bool both = one.presence == other.presence;
  return both ? std::tie(one.last_seen, one.first_seen) > std::tie(other.last_seen, other.first_seen)
              : one.presence < other.presence;
}

/// Of several boards that had one place, the one that is there now; of each cluster one.
class Nearest {
 public:
  void take(const Node& node, const Device& device) {
    FoundDevice& best = by_cluster_[node.cluster];
    if (!best.device || is_nearer_to_now(device, *best.device)) best = {&node, &device};
  }
  std::vector<FoundDevice> found() const {
    std::vector<FoundDevice> out;
    for (const auto& [name, found] : by_cluster_) out.push_back(found);
    return out;
  }

 private:
  std::map<std::string_view, FoundDevice> by_cluster_;
};

/// The nodes of that name, one in each cluster: nodes stand by cluster and name.
std::vector<const Node*> nodes_named(const fleet::View& view, std::string_view name) {
  std::vector<const Node*> out;
  const auto place = [](const auto& node) {
    return std::pair<std::string_view, std::string_view>(node->cluster, node->name);
  };
  for (auto at = view.nodes.begin(); at != view.nodes.end();) {
    const std::string_view cluster = (*at)->cluster;
    const auto found = std::ranges::lower_bound(at, view.nodes.end(), std::pair(cluster, name), {}, place);
    if (found != view.nodes.end() && place(*found) == std::pair(cluster, name)) out.push_back(found->get());
    at = std::ranges::upper_bound(at, view.nodes.end(), cluster, {},
                                  [](const auto& node) { return std::string_view(node->cluster); });
  }
  return out;
}

/// By id or UUID.
std::vector<FoundDevice> find_devices(const fleet::View& view, std::string_view id,
                                      const std::optional<std::string>& cluster) {
  const auto is_asked = [&](const Node& node) { return !cluster || node.cluster == *cluster; };
  Nearest nearest;
  if (const auto at = id.rfind("-GPU-"); at != std::string_view::npos)
    for (const Node* node : nodes_named(view, id.substr(0, at)))
      for (const Device& device : node->devices)
        if (is_asked(*node) && fleet::device_id(node->name, device.facts->index) == id) nearest.take(*node, device);
  if (auto found = nearest.found(); !found.empty()) return found;
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices)
      if (is_asked(*node) && device.facts->uuid == id) nearest.take(*node, device);
  return nearest.found();
}

/// What stands where, for counting what fits beside it; absent where one's profile or place is not known.
std::optional<gpu::Layout> layout_of(const Device& device) {
  gpu::Layout out;
  std::optional<unsigned> counted;
  for (const fleet::ListedInstance& one : fleet::listed_instances(device)) {
    const fleet::InstanceFacts& facts = *one.instance->facts;
    if (counted && counted == one.instance->part.gpu_instance) continue;
    counted = one.instance->part.gpu_instance;
    auto name = gpu::parse_profile_name(facts.profile);
    if (!name || !facts.placement) return std::nullopt;
    name->compute_slices = name->gpu_instance_slices;  // of the GPU instance, not of a part of it
    const auto profile =
        std::ranges::find(*device.facts->profiles, gpu::format_profile_name(*name), &gpu::Profile::name);
    if (profile == device.facts->profiles->end()) return std::nullopt;
    out.push_back({profile->id, *facts.placement});
  }
  return out;
}

Json placements_json(const std::vector<gpu::Placement>& placements) {
  Json out = Json::array();
  for (const gpu::Placement& one : placements) out.push_back(placement_json(one));
  return out;
}

Json profiles_json(const Device& device) {
  Json out = Json::array();
  if (!device.facts->profiles) return out;
  const auto& profiles = *device.facts->profiles;
  const auto taken = layout_of(device);
  const std::string model = fleet::model_key_of(device.facts->name);
  for (const gpu::Profile& one : profiles) {
    const auto free = taken ? gpu::free_placements(profiles, *taken, one) : std::nullopt;
    out.push_back({{"profile", one.name},
                   {"profileKey", text_or_null(fleet::profile_key(model, one.name).value_or(""))},
                   {"profileId", one.id},
                   {"computeSlices", one.compute_slices},
                   {"smCount", or_null(one.sm_count)},
                   {"memoryBytes", one.memory_bytes},
                   {"maxInstances", one.max_instances},
                   {"placements", placements_json(one.placements)},
                   {"freePlacements", free ? placements_json(*free) : Json(nullptr)},
                   {"remaining", or_null(taken ? gpu::remaining_capacity(profiles, *taken, one) : std::nullopt)}});
  }
  return out;
}

Json memory_slices(const Device& device) {
  unsigned length = 0;
  if (device.facts->profiles)
    for (const gpu::Profile& profile : *device.facts->profiles)
      for (const gpu::Placement& one : profile.placements) length = std::max(length, one.start + one.size);
  return length == 0 ? Json(nullptr) : Json(length);
}

/// What the driver has in use and accounts to no process.
Json memory_unattributed(const Device& device) {
  const auto used = fleet::memory_used_bytes(device);
  if (!used || !fleet::tells_sessions(device)) return nullptr;
  double accounted = 0;
  for (const fleet::Session& one : device.sessions) {
    if (!one.memory_bytes) return nullptr;
    accounted += static_cast<double>(*one.memory_bytes);
  }
  return bytes_or_null(std::max(0.0, *used - accounted));
}

Json usage_by_profile(const Device& device) {
  struct Usage {
    unsigned count = 0, told = 0;
    double sum = 0;
  };
  std::map<std::string, Usage> by_profile;
  for (const fleet::DevicePart& part : fleet::parts_of(device)) {
    if (!part.instance || part.instance->facts->profile.empty()) continue;
    Usage& usage = by_profile[part.instance->facts->profile];
    ++usage.count;
    if (const auto busy = fleet::activity(*part.readings)) usage.sum += *busy, ++usage.told;
  }
  Json out = Json::array();
  for (const auto& [profile, usage] : by_profile)
    out.push_back({{"profile", profile},
                   {"count", usage.count},
                   {"utilization", percent_of(usage.told > 0 ? std::optional(usage.sum / usage.told) : std::nullopt)}});
  return out;
}

Json pods_json(const Device& device) {
  struct Has {
    bool holds = false;
    std::optional<bool> uses;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Has> pods;
  const auto key = [](const fleet::Workload& of) { return std::tuple(of.space, of.pod, of.pod_uid); };
  for (const fleet::Allocation& one : device.allocations) {
    if (!one.facts->workload.is_pod()) continue;
    Has& has = pods[key(one.facts->workload)];
    has.holds = true;
    if (one.used) has.uses = has.uses.value_or(false) || *one.used;
  }
  for (const fleet::Session& one : device.sessions)
    if (one.facts->workload.is_pod()) pods[key(one.facts->workload)].uses = true;
  Json out = Json::array();
  for (const auto& [name, has] : pods)
    out.push_back({{"namespace", text_or_null(std::get<0>(name))},
                   {"pod", text_or_null(std::get<1>(name))},
                   {"podUid", text_or_null(std::get<2>(name))},
                   {"holds", has.holds},
                   {"uses", or_null(has.uses)}});
  return out;
}

/// Those that the agent has counted, and the last one of those that only tell that.
Json xids_json(const Device& device) {
  Json out = Json::array();
  for (const auto& [code, count] : device.xids) out.push_back(xid_json(code, count));
  const double last = device.readings[gpu::Reading::XidLast].value_or(0);
  if (last > 0 && last < 1e6 && !device.xids.contains(static_cast<unsigned>(last)))
    out.push_back(xid_json(static_cast<unsigned>(last), nullptr));
  return out;
}

void add_detail(Json& out, const Node& node, const Device& device) {
  const fleet::DeviceFacts& facts = *device.facts;
  std::size_t at = 0;
  for (const fleet::DevicePart& part : fleet::parts_of(device))
    if (part.instance) out["instances"][at++]["readings"] = readings_json(*part.readings);
  out["serial"] = text_or_null(facts.serial);
  out["pciBusId"] = text_or_null(facts.pci_bus_id);
  out["computeCapability"] = text_or_null(facts.compute_capability);
  out["migPending"] = or_null(facts.mig_pending);
  out["memorySlices"] = memory_slices(device);
  out["memoryUnattributedBytes"] = memory_unattributed(device);
  out["readings"] = readings_json(device.readings);
  out["profiles"] = profiles_json(device);
  out["usageByProfile"] = usage_by_profile(device);
  out["sessions"] = Json::array();
  for (const fleet::Session& one : device.sessions) out["sessions"].push_back(session_json(node, device, one));
  out["pods"] = pods_json(device);
  out["findings"] = Json::array();
  for (const fleet::Problem& one : fleet::problems_of(device))
    out["findings"].push_back(finding_json(node, device, one));
  out["xids"] = xids_json(device);
}

/// Absent where there is none or several: the query holds the problem.
std::optional<FoundDevice> the_one_of(std::vector<FoundDevice> found, Query& query, std::string_view id,
                                      const std::optional<std::string>& cluster) {
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    query.refuse({404, "not-found",
                  fmt::format("no device has the id or UUID '{}'{}; /gpu/devices lists them", id,
                              cluster ? fmt::format(" in cluster '{}'", *cluster) : "")});
    return std::nullopt;
  }
  std::vector<std::string_view> clusters;
  for (const FoundDevice& one : found) clusters.push_back(one.node->cluster);
  query.refuse(
      {409, "ambiguous-id",
       fmt::format("device '{}' is in the clusters {}: say which with cluster=", id, fmt::join(clusters, ", "))});
  return std::nullopt;
}

}  // namespace

std::optional<FoundDevice> find_device(const fleet::View& view, Query& query, std::string_view id,
                                       const std::optional<std::string>& cluster) {
  return the_one_of(find_devices(view, id, cluster), query, id, cluster);
}

std::optional<FoundDevice> find_device(const Known& known, Query& query, std::string_view id,
                                       const std::optional<std::string>& cluster) {
  return find_device(known.view, query, id, cluster);
}

std::optional<FoundDevice> find_past_device(const Known& known, Query& query, std::string_view id,
                                            const std::optional<std::string>& cluster) {
  auto found = find_devices(known.view, id, cluster);
  if (!found.empty() || known.viewer.restricted()) return the_one_of(std::move(found), query, id, cluster);
  if (!ask(known.history, query, [&](store::Database& database) -> Result<void> {
        auto seen = TRY(store::devices_seen(database, id));
        for (fleet::Remembered& one : seen) {
          if (cluster && one.cluster != *cluster) continue;
          const auto node = std::make_shared<const fleet::Node>(past_node(std::move(one)));
          found.push_back({node.get(), node->devices.data(), node});
        }
        return {};
      }))
    return std::nullopt;
  return the_one_of(std::move(found), query, id, cluster);
}

void refuse_whole_board(Query& query, const Viewer& viewer) {
  query.refuse({403, "restricted",
                fmt::format("the past of a board that is cut tells of all on it, and {} is restricted to namespaces or "
                            "teams: ask for /metrics of one GPU instance that it has, by gpuInstance=",
                            viewer.caller)});
}

Json show_device(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  if (!query.finish()) return {};
  const auto found = find_device(known, query, query.path("deviceId"), cluster);
  if (!found) return {};
  Json out = device_json(*found->node, *found->device);
  add_detail(out, *found->node, *found->device);
  return out;
}

}  // namespace tessera::server

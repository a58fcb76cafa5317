#include "server/past_devices.h"

#include <memory>
#include <set>
#include <string>

#include "store/devices.h"

namespace tessera::server {
namespace {

/// Nothing was told of it while that was news, so it was never remembered.
fleet::Remembered by_usage(std::string_view cluster, std::string_view uuid, const store::UsageOf* whole) {
  fleet::DeviceFacts facts;
  facts.uuid = uuid;
  facts.mig_enabled = true;  // for all that is known: it weighs what its usage says, or nothing
  if (whole) {
    facts.compute_slices = whole->compute_slices;
    facts.sm_count = whole->sm_count;
  }
  fleet::Remembered out{std::string(cluster), "", {}};
  out.device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
  return out;
}

}  // namespace

fleet::Node past_node(fleet::Remembered one) {
  fleet::Node out;
  out.cluster = std::move(one.cluster);
  out.name = std::move(one.node);
  out.last_seen = one.device.last_seen;
  out.devices.push_back(std::move(one.device));
  out.devices[0].presence = fleet::Presence::Retired;
  return out;
}

Result<void> PastDevices::read(store::Database& database, const Unseen& unseen, const Known& known) {
  if (unseen.empty()) return {};
  Unseen left = unseen;
  std::set<std::pair<std::string_view, std::string_view>> shown;
  for (const auto& node : known.view.nodes) shown.insert({node->cluster, node->name});
  TRY(store::each_device_seen(database, [&](fleet::Remembered one) {
    if (left.erase({one.cluster, one.device.facts->uuid}) == 0) return;
    if (known.viewer.restricted() && !shown.contains({one.cluster, one.node})) one.node.clear();
    nodes_.push_back(past_node(std::move(one)));
  }));
  for (const auto& [name, whole] : left) nodes_.push_back(past_node(by_usage(name.first, name.second, whole)));
  return {};
}

}  // namespace tessera::server

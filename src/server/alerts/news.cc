#include "server/alerts/news.h"

#include <utility>

#include "fleet/alerts/silence.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr std::size_t kMostAtOnce = 1'000;

std::vector<std::string> concerned(const store::AlertEvent& event, const fleet::View& view) {
  const auto label = [&](std::string_view name) { return std::string(alerts::label_of(event.labels, name)); };
  if (std::string space = label("namespace"); !space.empty()) return {std::move(space)};
  // A process of nobody's that is known, on a device that others have too.
  if (!label("pid").empty() || !label("command").empty()) return {};
  const std::string uuid = label("uuid"), cluster = label("cluster");
  if (uuid.empty() || !label("gpu_instance").empty()) return {};  // an instance is its holder's alone
  for (const auto& node : view.nodes)
    for (const fleet::Device& device : node->devices)
      if (node->cluster == cluster && device.facts->uuid == uuid) return fleet::spaces_of(device);
  return {};
}

}  // namespace

fleet::Change alert_change(const store::AlertEvent& event, const fleet::View& view) {
  const auto label = [&](std::string_view name) { return std::string(alerts::label_of(event.labels, name)); };
  fleet::Change out;
  out.kind = event.phase == alerts::Phase::Firing ? fleet::ChangeKind::AlertFiring : fleet::ChangeKind::AlertResolved;
  out.time = event.time;
  out.cluster = label("cluster");
  out.node = label("node");
  out.device_id = label("device_id");
  out.uuid = label("uuid");
  out.model = label("uuid").empty() ? "" : label("model");  // of an engine, it is what that serves
  if (const std::string space = label("namespace"); !space.empty())
    out.workload = fleet::Workload{space, label("pod"), label("container"), ""};
  out.alert = std::make_shared<const fleet::AlertWord>(
      fleet::AlertWord{event.alert, event.severity, event.summary, event.labels, event.value, event.fired, event.told});
  out.spaces = concerned(event, view);
  return out;
}

std::vector<fleet::Change> AlertNews::next() {
  std::vector<fleet::Change> out;
  const auto known = fleet_.get();
  if (!known || !known->view) return out;
  std::vector<store::AlertEvent> events;
  const auto read = changes_.read([&](store::Database& database) -> Result<void> {
    if (!told_) told_ = TRY(store::last_alert_event(database));
    events = TRY(store::alert_events_behind(database, *told_, kMostAtOnce));
    return {};
  });
  if (!read) return out;
  for (const store::AlertEvent& one : events) {
    out.push_back(alert_change(one, *known->view));
    told_ = one.id;
  }
  return out;
}

}  // namespace tessera::server

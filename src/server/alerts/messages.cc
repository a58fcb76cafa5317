#include "server/alerts/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/api_json.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr std::size_t kSlackLines = 20;

Json labels_json(const alerts::LabelSet& labels) {
  Json out = Json::object();
  for (const auto& [name, value] : labels) out[name] = value;
  return out;
}

Json annotations_json(const ToldAlert& one) {
  Json out = {{"summary", one.summary}, {"value", fmt::format("{:.6g}", one.value)}};
  if (!one.runbook.empty()) out["runbook_url"] = one.runbook;
  return out;
}

EpochMs ends_of(const ToldAlert& one) { return std::max(one.starts, one.ends); }

/// Labels that all of them have alike.
alerts::LabelSet common_labels(std::span<const ToldAlert> group) {
  alerts::LabelSet out = group.front().labels;
  std::erase_if(out, [&](const auto& label) {
    return !std::ranges::all_of(
        group, [&](const ToldAlert& one) { return alerts::label_of(one.labels, label.first) == label.second; });
  });
  return out;
}

bool any_fires(std::span<const ToldAlert> group) {
  return std::ranges::any_of(group, [](const ToldAlert& one) { return !one.resolved; });
}

/// What Slack takes as its own marks.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

}  // namespace

std::string alertmanager_body(std::span<const ToldAlert> alerts) {
  Json out = Json::array();
  for (const ToldAlert& one : alerts)
    out.push_back({{"labels", labels_json(one.labels)},
                   {"annotations", annotations_json(one)},
                   {"startsAt", format_time(one.starts)},
                   {"endsAt", format_time(ends_of(one))}});
  return json_text(out);
}

std::vector<std::vector<ToldAlert>> grouped(std::span<const ToldAlert> alerts) {
  std::vector<std::vector<ToldAlert>> out;
  for (const ToldAlert& one : alerts) {
    const auto same = [&](const std::vector<ToldAlert>& group) {
      return group.front().alert == one.alert &&
             alerts::label_of(group.front().labels, "cluster") == alerts::label_of(one.labels, "cluster");
    };
    const auto found = std::ranges::find_if(out, same);
    found == out.end() ? out.push_back({one}) : found->push_back(one);
  }
  return out;
}

std::string webhook_body(std::span<const ToldAlert> group, std::string_view receiver) {
  const std::string_view cluster = alerts::label_of(group.front().labels, "cluster");
  Json alerts = Json::array();
  for (const ToldAlert& one : group)
    alerts.push_back({{"status", one.resolved ? "resolved" : "firing"},
                      {"labels", labels_json(one.labels)},
                      {"annotations", annotations_json(one)},
                      {"startsAt", format_time(one.starts)},
                      {"endsAt", one.resolved ? Json(format_time(ends_of(one))) : Json("0001-01-01T00:00:00Z")}});
  return json_text(
      {{"version", "4"},
       {"groupKey", fmt::format("{{}}:{{alertname=\"{}\", cluster=\"{}\"}}", group.front().alert, cluster)},
       {"truncatedAlerts", 0},
       {"status", any_fires(group) ? "firing" : "resolved"},
       {"receiver", receiver},
       {"groupLabels", {{"alertname", group.front().alert}, {"cluster", cluster}}},
       {"commonLabels", labels_json(common_labels(group))},
       {"commonAnnotations", Json::object()},
       {"externalURL", ""},
       {"alerts", std::move(alerts)}});
}

std::string slack_body(std::span<const ToldAlert> group) {
  std::string text =
      fmt::format("{} *{}* ({})", any_fires(group) ? ":fire:" : ":white_check_mark:", plain(group.front().alert),
                  plain(alerts::label_of(group.front().labels, "severity")));
  for (std::size_t i = 0; i < std::min(group.size(), kSlackLines); ++i)
    text += fmt::format("\n{}{}", group[i].resolved ? "resolved: " : "", plain(group[i].summary));
  if (group.size() > kSlackLines) text += fmt::format("\nand {} more", group.size() - kSlackLines);
  if (!group.front().runbook.empty()) text += "\n" + plain(group.front().runbook);
  return json_text({{"text", text}});
}

}  // namespace tessera::server

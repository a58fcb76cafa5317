#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Device;
using fleet::Node;
using fleet::Session;

struct Row {
  const Node* node;
  const Device* device;
  const Session* session;
  std::string id;
};

std::optional<double> mean_utilization(const Session& session) {
  return session.util_samples > 0 ? std::optional(session.util_sum / session.util_samples) : std::nullopt;
}

SortValue text_of(const std::string& text) { return text.empty() ? SortValue() : SortValue(text); }

constexpr SortColumn<Row> kSort[] = {
    {"id", [](const Row& r) { return SortValue(r.id); }},
    {"firstSeen", [](const Row& r) { return SortValue(static_cast<double>(r.session->first_seen)); }},
    {"lastSeen", [](const Row& r) { return SortValue(static_cast<double>(r.session->last_seen)); }},
    {"deviceId", nullptr, "node,index"},
    {"node", [](const Row& r) { return SortValue(r.node->name); }},
    {"index", [](const Row& r) { return SortValue(static_cast<double>(r.device->facts->index)); }},
    {"namespace", [](const Row& r) { return text_of(r.session->facts->workload.space); }},
    {"pod", [](const Row& r) { return text_of(r.session->facts->workload.pod); }},
    {"command", [](const Row& r) { return text_of(r.session->facts->command); }},
    {"memoryUsedBytes", [](const Row& r) { return SortValue(r.session->memory_bytes); }},
    {"peakMemoryBytes", [](const Row& r) { return SortValue(r.session->peak_memory_bytes); }},
    {"meanUtilizationPercent", [](const Row& r) { return SortValue(mean_utilization(*r.session)); }},
};

constexpr std::string_view kColumns[] = {"id",
                                         "cluster",
                                         "node",
                                         "deviceId",
                                         "deviceUuid",
                                         "instance.gi",
                                         "instance.ci",
                                         "instance.profile",
                                         "pid",
                                         "command",
                                         "type",
                                         "namespace",
                                         "pod",
                                         "podUid",
                                         "container",
                                         "attribution",
                                         "why",
                                         "holds",
                                         "startTime",
                                         "firstSeen",
                                         "lastSeen",
                                         "endTime",
                                         "memoryUsedBytes",
                                         "peakMemoryBytes",
                                         "utilizationPercent",
                                         "meanUtilizationPercent"};

struct Attribution {
  std::string_view word;
  std::string_view why;  ///< empty where there is a pod
};
constexpr Attribution kAttributions[] = {
    {"pod", ""},
    {"holder", ""},
    {"unnamed", ""},
    {"host", "It runs on the host outside of any pod."},
    {"gone", "It ended before it was looked at."},
    {"no_access", "The agent may not look at the process: it needs hostPID, and /proc without hidepid."},
    {"conflict", "Its cgroups name several pods."},
};

std::vector<std::string_view> attribution_words() {
  std::vector<std::string_view> out;
  for (const Attribution& one : kAttributions) out.push_back(one.word);
  return out;
}

const Attribution* attribution_of(const Session& session) {
  const auto* found = std::ranges::find(kAttributions, session.facts->attribution, &Attribution::word);
  return found == std::end(kAttributions) ? nullptr : found;
}

/// Whether the session's pod holds what it uses; null where no kubelet tells who holds.
Json holds(const Device& device, const Session& session) {
  const fleet::Workload& of = session.facts->workload;
  const auto by_kubelet = [](const auto& one) { return !one.facts->resource.empty(); };
  const auto same = [&](const fleet::Allocation& one) {
    const fleet::Workload& holder = one.facts->workload;
    const bool pod = (!of.pod_uid.empty() && of.pod_uid == holder.pod_uid) ||
                     (!of.pod.empty() && of.pod == holder.pod && of.space == holder.space);
    return pod && fleet::covers(one.part, session.part);
  };
  if (!of.is_pod() && attribution_of(session)) return false;
  if (std::ranges::any_of(device.allocations, same)) return true;
  return of.is_pod() && std::ranges::any_of(device.allocations, by_kubelet) ? Json(false) : Json(nullptr);
}

bool found_by(const Row& row, std::string_view search) {
  const fleet::SessionFacts& facts = *row.session->facts;
  return search.empty() || has_text(row.id, search) || has_text(facts.command, search) ||
         has_text(facts.workload.space, search) || has_text(facts.workload.pod, search) ||
         has_text(row.device->facts->uuid, search) ||
         has_text(fleet::device_id(row.node->name, row.device->facts->index), search);
}

}  // namespace

const Columns kSessionColumns = kColumns;

Json session_json(const Node& node, const Device& device, const Session& session) {
  const fleet::SessionFacts& facts = *session.facts;
  const Attribution* attribution = attribution_of(session);
  const auto ratio = [](std::optional<double> percent) {
    return percent ? std::optional(*percent / 100) : std::nullopt;
  };
  return {{"id", fleet::session_id(node.cluster, device.facts->uuid, session)},
          {"cluster", node.cluster},
          {"node", node.name},
          {"deviceId", fleet::device_id(node.name, device.facts->index)},
          {"deviceUuid", device.facts->uuid},
          {"instance", instance_ref(device, session.part)},
          {"pid", facts.pid == 0 ? Json(nullptr) : Json(facts.pid)},
          {"command", text_or_null(facts.command)},
          {"type", text_or_null(facts.type)},
          {"namespace", text_or_null(facts.workload.space)},
          {"pod", text_or_null(facts.workload.pod)},
          {"podUid", text_or_null(facts.workload.pod_uid)},
          {"container", text_or_null(facts.workload.container)},
          {"attribution", attribution ? Json(attribution->word) : Json(nullptr)},
          {"why", text_or_null(attribution ? attribution->why : "")},
          {"holds", holds(device, session)},
          {"startTime", time_or_null(session.start)},
          {"firstSeen", time_json(session.first_seen)},
          {"lastSeen", time_json(session.last_seen)},
          {"endTime", nullptr},
          {"memoryUsedBytes", or_null(session.memory_bytes)},
          {"peakMemoryBytes", or_null(session.peak_memory_bytes)},
          {"utilizationPercent", percent_of(ratio(session.util_percent))},
          {"meanUtilizationPercent", percent_of(ratio(mean_utilization(session)))}};
}

Page list_sessions(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .devices = query.texts("deviceId"),
                            .spaces = query.texts("namespace")};
  const auto state = query.word("state", {"active", "past", "all"}).value_or(0);
  const auto start = query.time("start"), end = query.time("end");
  const auto pod = query.text("pod");
  const std::string command = lower(query.text("command").value_or(""));
  const auto attribution = query.words("attribution", attribution_words());
  const std::string search = lower(query.text("search").value_or(""));
  if (state > 0) {
    store::SessionFilter past{
        start, end, filter.cluster, filter.nodes, filter.devices, filter.spaces, pod.value_or(""), command, {}, search};
    for (const std::size_t one : attribution) past.attributions.emplace_back(kAttributions[one].word);
    return list_past_sessions(known, query, std::move(past), state == 2);
  }
  const Pager<Row> pager(query, kSort, "-firstSeen,id", "id");
  if (!query.finish()) return {};
  const auto wants = [&](const Row& row) {
    const fleet::SessionFacts& facts = *row.session->facts;
    const Attribution* known_as = attribution_of(*row.session);
    if ((start && row.session->last_seen < *start) || (end && row.session->first_seen > *end)) return false;
    return filter.wants(facts.workload) && (!pod || facts.workload.pod == *pod || facts.workload.pod_uid == *pod) &&
           has_text(facts.command, command) &&
           (attribution.empty() ||
            (known_as && is_any(attribution, static_cast<std::size_t>(known_as - kAttributions)))) &&
           found_by(row, search);
  };
  std::vector<Row> rows;
  for (const auto& node : known.view.nodes) {
    if (!filter.wants(*node)) continue;
    for (const Device& device : node->devices) {
      if (device.sessions.empty() || !filter.wants(*node, device)) continue;
      for (const Session& session : device.sessions) {
        Row row{node.get(), &device, &session, fleet::session_id(node->cluster, device.facts->uuid, session)};
        if (wants(row)) rows.push_back(std::move(row));
      }
    }
  }
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) {
    into = session_json(*rows[at].node, *rows[at].device, *rows[at].session);
  };
  return page;
}

}  // namespace tessera::server

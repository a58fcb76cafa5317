#include "cli/get_resource.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

constexpr FilterFlag kNode{"--node", "nodeName", "only of these nodes (a,b)"};
constexpr FilterFlag kCluster{"--cluster", "cluster", "only of this cluster"};
constexpr FilterFlag kNamespace{"-n,--namespace", "namespace", "only what these namespaces hold or use (a,b)"};
constexpr FilterFlag kModel{"--model", "model", "only these models: H100_80GB or the driver's name (a,b)"};
constexpr FilterFlag kDevice{"--device", "deviceId", "only of these devices, by id or UUID (a,b)"};
constexpr FilterFlag kUse{"--use", "use", "active, idle, free, unknown (a,b)"};
constexpr FilterFlag kSearch{"--search", "search", "only rows with this text in a name"};
constexpr FilterFlag kSelector{"-l,--selector", "labelSelector", "only on nodes with these labels (a=b,c in (d,e))"};
constexpr FilterFlag kFieldSelector{"--field-selector", "fieldSelector",
                                    "only where fields are so (use=idle,health!=healthy)"};
constexpr FilterFlag kPresence{"--presence", "presence", "present, stale, missing, retired (a,b)"};
constexpr FilterFlag kSort{"--sort", "sort", "members to sort by; - before one turns it round (a,-b)"};

constexpr FilterFlag kDeviceFilters[] = {kNode,
                                         kCluster,
                                         kNamespace,
                                         kModel,
                                         kUse,
                                         kPresence,
                                         kSelector,
                                         kFieldSelector,
                                         kSearch,
                                         kSort,
                                         {"--health", "health", "healthy, degraded, unhealthy, unknown (a,b)"}};
constexpr FilterFlag kInstanceFilters[] = {
    kNode,   kCluster, kNamespace, kModel,
    kDevice, kUse,     kSort,      {"--profile", "profile", "only these profiles: 2g.20gb or H100_2G20GB"}};
constexpr FilterFlag kSessionFilters[] = {kNode,
                                          kCluster,
                                          kNamespace,
                                          kDevice,
                                          kSearch,
                                          kSort,
                                          {"--pod", "pod", "only of this pod, by name or UID"},
                                          {"--command", "command", "only commands with this text"},
                                          {"--attribution", "attribution", "pod, host, gone, no_access… (a,b)"}};
constexpr FilterFlag kPodFilters[] = {kNode, kCluster, kNamespace, kDevice,
                                      kUse,  kSearch,  kSort,      {"--pod", "pod", "only this pod, by name or UID"}};
constexpr FilterFlag kNodeFilters[] = {kCluster, kSelector, kModel, kPresence, kSearch, kSort};

constexpr FilterFlag kAllocationFilters[] = {
    kNode,
    kCluster,
    {"-n,--namespace", "namespace", "only of these namespaces (a,b)"},
    kSort,
    {"--pod", "podName", "only of these pods (a,b)"},
    {"--team", "team", "only of these teams (a,b)"},
    {"--state", "state", "waiting, promised, bound, ended, expired, released (a,b)"}};

constexpr Resource kResources[] = {
    {"devices", "/gpu/devices", "GPUs: use, utilization, memory, health, holders", "id", kDeviceFilters,
     "id, node, model, utilization, memoryUsedBytes, powerWatts, temperatureCelsius, sessionCount, idleSince…"},
    {"instances", "/gpu/instances", "MIG instances of all GPUs", "uuid", kInstanceFilters,
     "node, deviceId, profile, utilizationPercent, memoryUsedBytes, idleSince…"},
    {"sessions", "/gpu/sessions", "processes on GPUs, and the pods that they belong to", "id", kSessionFilters,
     "firstSeen, deviceId, namespace, pod, command, memoryUsedBytes…"},
    {"pods", "/gpu/pods", "pods that hold or use GPUs", "name", kPodFilters,
     "namespace, name, node, utilization, memoryUsedBytes, idleSince…"},
    {"nodes", "/gpu/nodes", "nodes that have GPUs", "name", kNodeFilters,
     "name, deviceCount, sessionCount, utilization, powerWatts, lastSeen…"},
    {"allocations", "/gpu/allocations", "what pods have asked for, and what became of it", "id", kAllocationFilters,
     "askedAt, since, priority, namespace, podName, team, state"}};

enum class Align { Left, Right };
enum class Shown { Always, Wide };

struct Column {
  std::string_view head;
  Align align;
  Shown shown;
  std::string (*cell)(const JsonValue& row, EpochMs now);
};

std::string health_of(const JsonValue& row) {
  const std::string presence = text_cell(row, "presence");
  return presence == "present" || presence == kAbsent ? text_cell(row, "health") : presence;
}

std::string size_of(const JsonValue& row, std::string_view list) {
  const JsonValue& value = member(row, list);
  return value.is_array() ? std::to_string(value.size()) : std::string(kAbsent);
}

std::string pod_parts(const JsonValue& row) {
  std::string out;
  for (const JsonValue& part : member(row, "parts")) {
    const std::string instance = instance_cell(member(part, "instance"));
    out += (out.empty() ? "" : ", ") + text_cell(part, "deviceId") + (instance.empty() ? "" : ":" + instance);
  }
  return out;
}

std::string allocated_parts(const JsonValue& row) {
  std::string out;
  for (const JsonValue& part : member(row, "parts")) {
    const std::string profile = text_cell(part, "profile");
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", text_cell(part, "deviceId"),
                       profile == kAbsent ? "" : fmt::format(":{}@{}", profile, text_cell(part, "start")));
  }
  return out.empty() ? std::string(kAbsent) : out;
}

std::string models_of(const JsonValue& row) {
  std::string out;
  for (const auto& [model, count] : member(row, "devicesByModel").items())
    out += fmt::format("{}{} × {}", out.empty() ? "" : ", ", count.dump(), harmless(model));
  return out;
}

// The last column may be cut to the width of the terminal.
constexpr Column kDevices[] = {
    {"DEVICE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "id"); }},
    {"UUID", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "uuid"); }},
    {"MODEL", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "modelKey"); }},
    {"MIG", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return size_of(r, "instances"); }},
    {"USE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "use"); }},
    {"UTIL", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "utilization.device"); }},
    {"MEMORY", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "memoryUsedBytes", "memoryTotalBytes"); }},
    {"TEMP", Align::Right, Shown::Wide,
     [](const JsonValue& r, EpochMs) { return number_cell(r, "temperatureCelsius", "°C"); }},
    {"POWER", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return number_cell(r, "powerWatts", "W"); }},
    {"PROCS", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "sessionCount"); }},
    {"DRIVER", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "driverVersion"); }},
    {"SEEN", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs now) { return age_cell(r, "lastSeen", now); }},
    {"HEALTH", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return health_of(r); }},
    {"HELD BY", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return holders_cell(r); }}};

constexpr Column kInstances[] = {
    {"DEVICE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "deviceId"); }},
    {"UUID", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "uuid"); }},
    {"GI", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "gi"); }},
    {"CI", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "ci"); }},
    {"PROFILE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "profile"); }},
    {"START", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "start"); }},
    {"SIZE", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "size"); }},
    {"USE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "use"); }},
    {"IDLE", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs now) { return age_cell(r, "idleSince", now); }},
    {"UTIL", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "utilizationPercent"); }},
    {"MEMORY", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "memoryUsedBytes", "memoryTotalBytes"); }},
    {"HELD BY", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return holders_cell(r); }}};

constexpr Column kSessions[] = {
    {"DEVICE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "deviceId"); }},
    {"INSTANCE", Align::Left, Shown::Always,
     [](const JsonValue& r, EpochMs) { return instance_cell(member(r, "instance")); }},
    {"PID", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "pid"); }},
    {"COMMAND", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "command"); }},
    {"TYPE", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "type"); }},
    {"MEMORY", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "memoryUsedBytes", ""); }},
    {"PEAK", Align::Right, Shown::Wide,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "peakMemoryBytes", ""); }},
    {"UTIL", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "utilizationPercent"); }},
    {"MEAN", Align::Right, Shown::Wide,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "meanUtilizationPercent"); }},
    {"AGE", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs now) {
       return age_cell(r, member(r, "startTime").is_null() ? "firstSeen" : "startTime", now);
     }},
    {"CONTAINER", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "container"); }},
    {"ID", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "id"); }},
    {"POD", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return pod_cell(r); }}};

constexpr Column kPods[] = {
    {"NAMESPACE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "namespace"); }},
    {"NAME", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "name"); }},
    {"UID", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "uid"); }},
    {"NODE", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "node"); }},
    {"USE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "use"); }},
    {"IDLE", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs now) { return age_cell(r, "idleSince", now); }},
    {"UTIL", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "utilization.allocated"); }},
    {"MEMORY", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "memoryUsedBytes", "memoryHeldBytes"); }},
    {"PROCS", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "sessionCount"); }},
    {"AGE", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs now) { return age_cell(r, "firstSeen", now); }},
    {"GPUS", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return pod_parts(r); }}};

constexpr Column kNodes[] = {
    {"NODE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "name"); }},
    {"CLUSTER", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "cluster"); }},
    {"PRESENCE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "presence"); }},
    {"GPUS", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "deviceCount"); }},
    {"MIG", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "instanceCount"); }},
    {"PROCS", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "sessionCount"); }},
    {"UTIL", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return percent_cell(r, "utilization.device"); }},
    {"MEMORY", Align::Right, Shown::Always,
     [](const JsonValue& r, EpochMs) { return memory_cell(r, "memoryUsedBytes", "memoryTotalBytes"); }},
    {"POWER", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return number_cell(r, "powerWatts", "W"); }},
    {"DRIVER", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "driverVersion"); }},
    {"SEEN", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs now) { return age_cell(r, "lastSeen", now); }},
    {"MODELS", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return models_of(r); }}};

constexpr Column kAllocations[] = {
    {"ID", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "id"); }},
    {"NAMESPACE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "namespace"); }},
    {"POD", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "podName"); }},
    {"TEAM", Align::Left, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "team"); }},
    {"STATE", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "state"); }},
    {"READY", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "ready"); }},
    {"SINCE", Align::Right, Shown::Always, [](const JsonValue& r, EpochMs now) { return age_cell(r, "since", now); }},
    {"PRIORITY", Align::Right, Shown::Wide, [](const JsonValue& r, EpochMs) { return text_cell(r, "priority"); }},
    {"HAS", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return allocated_parts(r); }},
    {"WHY", Align::Left, Shown::Always, [](const JsonValue& r, EpochMs) { return text_cell(r, "reason"); }}};

// In the order of kResources.
constexpr std::span<const Column> kTables[] = {kDevices, kInstances, kSessions, kPods, kNodes, kAllocations};
static_assert(std::size(kTables) == std::size(kResources));

std::string id_of(const Resource& resource, const JsonValue& row) {
  if (resource.name == "pods") return text_cell(row, "namespace") + "/" + text_cell(row, "name");
  return text_cell(row, resource.id);
}

/// The rows of all pages up to the limit, and the time of the first.
Result<JsonValue> all_rows(FleetServer& server, const GetCommand& command) {
  constexpr std::int64_t kPage = 1'000;
  JsonValue out;
  std::string cursor;
  for (;;) {
    Parameters query = command.query;
    const auto had = out.is_null() ? 0 : static_cast<std::int64_t>(out["items"].size());
    query.emplace_back("limit", std::to_string(command.limit > 0 ? std::min(kPage, command.limit - had) : kPage));
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    JsonValue page = TRY(server.json(command.resource->path, query));
    if (!member(page, "items").is_array())
      return fail(Code::Invalid, "{}: no list, so this is no tessera-server", server.api_url(command.resource->path));
    const JsonValue next = member(page, "nextCursor");
    if (out.is_null()) {
      out = std::move(page);
    } else {
      for (JsonValue& row : page["items"]) out["items"].push_back(std::move(row));
    }
    const bool enough = command.limit > 0 && static_cast<std::int64_t>(out["items"].size()) >= command.limit;
    if (!next.is_string() || enough) return out;
    cursor = next.get<std::string>();
  }
}

/// A table of up to 100,000 rows comes in one piece.
Result<std::string> csv(FleetServer& server, const GetCommand& command) {
  constexpr std::int64_t kMost = 100'000;
  Parameters query = command.query;
  query.emplace_back("limit", std::to_string(command.limit > 0 ? std::min(kMost, command.limit) : kMost));
  return server.csv(command.resource->path, query);
}

}  // namespace

std::span<const Resource> resources() { return kResources; }

std::string resource_table(const Resource& resource, const JsonValue& items, EpochMs now, bool wide,
                           std::size_t columns) {
  std::vector<const Column*> shown;
  for (const Column& column : kTables[&resource - kResources])
    if (wide || column.shown == Shown::Always) shown.push_back(&column);
  std::vector<Cells> lines(1);
  std::vector<std::size_t> right;
  for (const Column* column : shown) {
    if (column->align == Align::Right) right.push_back(lines[0].size());
    lines[0].emplace_back(column->head);
  }
  for (const JsonValue& row : items) {
    Cells cells;
    for (const Column* column : shown) cells.push_back(column->cell(row, now));
    lines.push_back(std::move(cells));
  }
  std::string grid;
  append_grid(grid, lines, right);
  if (columns == 0) return grid;
  std::string out;
  for (const std::string_view line : split(grid, '\n'))
    if (!line.empty()) out += fitted(line, columns) + '\n';
  return out;
}

Result<std::string> get_resource(FleetServer& server, const GetCommand& command, std::size_t columns) {
  if (command.output == Output::Csv) return csv(server, command);
  const JsonValue all = TRY(all_rows(server, command));
  const JsonValue& items = all["items"];
  if (command.output == Output::Json) {
    JsonValue out = all;
    if (command.limit == 0) out["nextCursor"] = nullptr;
    return out.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
  }
  if (command.output == Output::Name) {
    std::string out;
    for (const JsonValue& row : items) out += id_of(*command.resource, row) + '\n';
    return out;
  }
  if (items.empty()) return fmt::format("No {}.\n", command.resource->name);
  std::string out = resource_table(*command.resource, items, time_of(all, "time").value_or(now_epoch_ms()),
                                   command.output == Output::Wide, columns);
  const JsonValue& total = member(all, "total");
  if (total.is_number_unsigned() && total.get<std::size_t>() > items.size())
    out += fmt::format("{} of {}\n", items.size(), total.get<std::size_t>());
  return out;
}

}  // namespace tessera::cli

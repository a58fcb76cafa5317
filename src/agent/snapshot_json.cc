#include "agent/snapshot_json.h"

#include <nlohmann/json.hpp>

#include "agent/fields.h"
#include "base/text.h"

namespace tessera::agent {
namespace {
using Json = nlohmann::ordered_json;

template <class T>
void put(Json& out, const char* key, const std::optional<T>& value) {
  if (value) out[key] = *value;
}
void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

std::string_view health_name(gpu::Health health) {
  static constexpr std::string_view kNames[] = {"up", "slow", "lost", "denied", "failed"};
  return kNames[static_cast<std::size_t>(health)];
}

/// Under their DCGM names; of an instance only those that are its own.
Json readings(const gpu::Device& device, const gpu::Instance* instance) {
  Json out = Json::object();
  for (const FieldInfo& field : known_fields())
    if (!instance || field.per_instance)
      if (const auto value = field_value(field, device, instance)) out[std::string(field.name)] = *value;
  return out;
}

Json instance(const gpu::Device& d, const gpu::Instance& i) {
  Json out{{"gpuInstanceId", i.gpu_instance},
           {"computeInstanceId", i.compute_instance},
           {"uuid", i.uuid},
           {"profile", i.profile}};
  if (i.placement) out["placement"] = {{"start", i.placement->start}, {"size", i.placement->size}};
  out["computeSlices"] = i.compute_slices;
  put(out, "smCount", i.sm_count);
  out["memoryBytes"] = i.memory_bytes;
  out["readings"] = readings(d, &i);
  return out;
}

Json profile(const gpu::Profile& p) {
  Json out{{"id", p.id},
           {"name", p.name},
           {"computeSlices", p.compute_slices},
           {"memoryBytes", p.memory_bytes},
           {"maxInstances", p.max_instances}};
  put(out, "smCount", p.sm_count);
  out["placements"] = Json::array();
  for (const auto& placement : p.placements)
    out["placements"].push_back({{"start", placement.start}, {"size", placement.size}});
  return out;
}

Json device(const gpu::Device& d) {
  Json out{{"index", d.index}, {"uuid", d.uuid}, {"health", health_name(d.health)}};
  put(out, "why", d.why);
  put(out, "name", d.name);
  put(out, "pciBusId", d.pci_bus_id);
  put(out, "minor", d.minor);
  put(out, "numaNode", d.numa_node);
  put(out, "serial", d.serial);
  put(out, "architecture", d.architecture);
  put(out, "computeCapability", d.compute_capability);
  put(out, "migEnabled", d.mig_enabled);
  put(out, "migPending", d.mig_pending);
  if (d.health != gpu::Health::Up) return out;
  out["computeSlices"] = d.compute_slices;
  put(out, "smCount", d.sm_count);
  out["memoryBytes"] = d.memory_bytes;
  out["readings"] = readings(d, nullptr);
  out["instances"] = Json::array();
  for (const auto& i : d.instances) out["instances"].push_back(instance(d, i));
  out["profiles"] = Json::array();
  for (const auto& p : d.profiles) out["profiles"].push_back(profile(p));
  return out;
}

Json subject(const Subject& s) {
  Json out{{"gpu", s.gpu}, {"uuid", s.uuid}};
  put(out, "gpuInstanceId", s.gpu_instance);
  put(out, "computeInstanceId", s.compute_instance);
  return out;
}

void put_workload(Json& out, const Workload& w) {
  put(out, "namespace", w.space);
  put(out, "pod", w.pod);
  put(out, "container", w.container);
  put(out, "podUid", w.pod_uid);
}

Json session(const Session& s) {
  Json out = subject(s.subject);
  out["pid"] = s.pid;
  out["type"] = s.type;
  put(out, "command", valid_utf8(s.command));
  out["attribution"] = outcome_name(s.outcome);
  put_workload(out, s.workload);
  if (s.start_time > 0) out["startTime"] = format_time(s.start_time);
  out["firstSeen"] = format_time(s.first_seen);
  out["lastSeen"] = format_time(s.last_seen);
  put(out, "memoryUsedBytes", s.memory_bytes);
  if (s.peak_memory_bytes > 0) out["peakMemoryUsedBytes"] = s.peak_memory_bytes;
  put(out, "smUtilizationPercent", s.sm_percent);
  put(out, "memoryUtilizationPercent", s.memory_percent);
  return out;
}

Json allocation(const Allocation& a) {
  Json out = subject(a.subject);
  put_workload(out, a.workload);
  out["resource"] = a.resource;
  out["shared"] = a.shared;
  if (a.shared) out["replicas"] = a.replicas;
  put(out, "used", a.used);
  return out;
}

template <class List, class Make>
Json array_of(const List& list, Make make) {
  Json out = Json::array();
  for (const auto& item : list) out.push_back(make(item));
  return out;
}

}  // namespace

std::string snapshot_json(const Observation& seen) {
  Json out{{"time", format_time(seen.time)}};
  out["driver"] = {{"up", seen.driver_up},
                   {"version", seen.snapshot.driver.version},
                   {"nvmlVersion", seen.snapshot.driver.nvml_version},
                   {"simulated", seen.snapshot.driver.simulated}};
  put(out["driver"], "problem", seen.driver_problem);
  out["devices"] = array_of(seen.snapshot.devices, device);
  if (seen.sessions_known()) {
    out["sessions"] = array_of(seen.sessions, session);
    out["endedSessions"] = array_of(seen.ended, session);
  }
  if (seen.allocations.known) out["allocations"] = array_of(seen.allocations.list, allocation);
  put(out, "podResourcesProblem", seen.allocations.problem);
  put(out, "podNamesProblem", seen.names_problem);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace tessera::agent

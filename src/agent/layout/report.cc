#include "agent/layout/report.h"

#include <nlohmann/json.hpp>

namespace tessera::agent::layout {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

Json placement(const gpu::Placement& at) { return {{"start", at.start}, {"size", at.size}}; }

Json profile(const gpu::Profile& one) {
  Json out{{"name", one.name},
           {"id", one.id},
           {"computeSlices", one.compute_slices},
           {"memoryMib", one.memory_bytes >> 20U},
           {"instancesMax", one.max_instances},
           {"placements", Json::array()}};
  for (const gpu::Placement& at : one.placements) out["placements"].push_back(placement(at));
  return out;
}

Json instance(const Standing& standing) {
  Json out{{"gpuInstanceId", standing.gpu_instance}, {"profile", standing.place.profile}};
  out.update(placement(standing.place.placement));
  out["computeInstances"] = Json::array();
  for (const ComputeInstance& compute : standing.compute_instances)
    out["computeInstances"].push_back({{"id", compute.id}, {"profile", compute.profile}, {"uuid", compute.uuid}});
  static constexpr const char* kHeldBy[] = {"", "process", "pod", "both"};
  put(out, "heldBy", kHeldBy[static_cast<std::size_t>(standing.held_by)]);
  put(out, "holder", standing.holder);
  if (standing.since > 0) out["since"] = format_time(standing.since);
  return out;
}

Json step(const Step& one) {
  Json out{{"action", name_of(one.action)}};
  if (one.action == Action::Mode) {
    out["mode"] = one.mig == true ? "mig" : "whole";
  } else {
    out["profile"] = one.place.profile;
    out.update(placement(one.place.placement));
  }
  out["state"] = name_of(one.state);
  put(out, "reason", one.reason);
  return out;
}

Json report(const Report& one) {
  Json out{{"generation", one.generation}, {"state", name_of(one.progress)}};
  put(out, "reason", one.reason);
  out["steps"] = Json::array();
  for (const Step& each : one.steps) out["steps"].push_back(step(each));
  return out;
}

Json device(const DeviceState& state) {
  Json out{{"uuid", state.uuid}, {"index", state.index}};
  put(out, "name", state.name);
  if (state.mig) out["migMode"] = {{"current", *state.mig}, {"pending", state.pending.value_or(*state.mig)}};
  out["busy"] = state.busy;
  out["profiles"] = Json::array();
  for (const gpu::Profile& one : state.profiles) out["profiles"].push_back(profile(one));
  out["instances"] = Json::array();
  for (const Standing& standing : state.instances) out["instances"].push_back(instance(standing));
  return out;
}

}  // namespace

std::string report_json(const Reporter& reporter, const Newest& newest, std::span<const DeviceState> devices,
                        const Reports& reports) {
  Json out{{"cluster", reporter.cluster}, {"node", reporter.node}};
  put(out, "bootId", reporter.boot_id);
  out["agentVersion"] = TESSERA_VERSION;
  out["mode"] = reporter.dry_run ? "dry-run" : "apply";
  if (newest != Newest{}) out["newest"] = {{"epoch", newest.epoch}, {"generation", newest.generation}};
  out["devices"] = Json::array();
  for (const DeviceState& state : devices) {
    Json one = device(state);
    if (const auto found = reports.find(state.uuid); found != reports.end()) one["report"] = report(found->second);
    out["devices"].push_back(std::move(one));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tessera::agent::layout

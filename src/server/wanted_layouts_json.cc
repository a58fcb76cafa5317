#include "server/wanted_layouts_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMostDevices = 64;     // of a node; there are 16 at most
constexpr std::size_t kLongestSteps = 8192;  // as JSON
constexpr std::size_t kMostInstances = 64;   // of a device; there are 7 at most
constexpr std::uint64_t kMostSlices = 1'000;
constexpr int kDeepest = 8;
constexpr std::uint64_t kLargest = 1ULL << 62U;
constexpr std::string_view kStates[] = {"done", "working", "waiting", "failed", "dry-run", "hands-off"};

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? valid_utf8(found->get<std::string>()) : std::string();
}

bool flag_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

const Json& list_of(const Json& object, const char* member) {
  static const Json kNone = Json::array();
  const auto found = object.find(member);
  return found != object.end() && found->is_array() && found->size() <= kMostInstances ? *found : kNone;
}

std::optional<unsigned> number_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > kMostSlices)
    return std::nullopt;
  return found->get<unsigned>();
}

std::optional<ToldInstance> instance_told(const Json& instance) {
  if (!instance.is_object()) return std::nullopt;
  const auto start = number_of(instance, "start"), size = number_of(instance, "size");
  if (!start || !size) return std::nullopt;
  ToldInstance out{{text_of(instance, "profile"), {*start, *size}}};
  for (const Json& compute : list_of(instance, "computeInstances"))
    if (compute.is_object()) out.compute.push_back(text_of(compute, "profile"));
  if (!text_of(instance, "heldBy").empty()) {
    const std::string holder = text_of(instance, "holder");
    out.held_by = holder.empty() ? "a process" : holder;
  }
  return out;
}

ToldDevice device_told(const Json& device) {
  ToldDevice out;
  out.uuid = text_of(device, "uuid");
  out.busy = flag_of(device, "busy");
  if (const auto mode = device.find("migMode"); mode != device.end() && mode->is_object())
    out.mig = flag_of(*mode, "current");
  for (const Json& instance : list_of(device, "instances"))
    if (auto told = instance_told(instance)) out.instances.push_back(*std::move(told));
  return out;
}

Result<LayoutReport> report_told(const Json& report, const std::string& uuid, std::size_t i, EpochMs now) {
  LayoutReport out;
  out.device_uuid = uuid;
  out.time = now;
  if (!report.is_object() || !report.contains("generation") || !report["generation"].is_number_integer())
    return fail(Code::Invalid, "devices[{}].report.generation: a whole number expected", i);
  out.generation = report["generation"].get<std::int64_t>();
  out.state = text_of(report, "state");
  if (std::ranges::count(kStates, out.state) == 0)
    return fail(Code::Invalid,
                "devices[{}].report.state: '{}', but done, working, waiting, failed, dry-run or hands-off is expected",
                i, out.state);
  out.reason = text_of(report, "reason");
  if (const auto steps = report.find("steps"); steps != report.end() && steps->is_array())
    out.steps = json_text(*steps);
  if (out.steps.size() > kLongestSteps)
    return fail(Code::Invalid, "devices[{}].report.steps: at most {} bytes expected", i, kLongestSteps);
  return out;
}

Result<LayoutNumber> newest_told(const Json& newest) {
  LayoutNumber out;
  for (const auto& [member, into] : {std::pair("epoch", &out.epoch), std::pair("generation", &out.generation)}) {
    const auto found = newest.find(member);
    if (found == newest.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > kLargest)
      return fail(Code::Invalid, "newest.{}: a whole number up to {} expected", member, kLargest);
    *into = found->get<std::int64_t>();
  }
  return out;
}

}  // namespace

Json instances_json(const std::vector<store::WantedInstance>& instances) {
  Json out = Json::array();
  for (const store::WantedInstance& one : instances)
    out.push_back({{"profile", one.profile}, {"start", one.placement.start}, {"size", one.placement.size}});
  return out;
}

Json layout_document(const std::string& cluster, const std::string& node, std::int64_t generation, std::int64_t epoch,
                     const std::vector<const store::WantedLayout*>& layouts, EpochMs now, Milliseconds lifetime) {
  Json devices = Json::array();
  for (const store::WantedLayout* one : layouts) {
    Json device = {{"uuid", one->device_uuid},
                   {"generation", one->generation},
                   {"plannedFrom", instances_json(one->planned_from)},
                   {"instances", instances_json(one->instances)}};
    if (!one->instances.empty()) device["mode"] = "mig";
    devices.push_back(std::move(device));
  }
  return {{"cluster", cluster},         {"node", node},
          {"generation", generation},   {"epoch", epoch},
          {"issuedAt", time_json(now)}, {"expiresAt", time_json(now + lifetime.count())},
          {"devices", devices}};
}

Result<ToldNode> read_told(std::string_view body, EpochMs now) {
  bool deep = false;  // what is nested for its own sake would be written by as many calls
  const Json json = Json::parse(
      body, [&](int depth, Json::parse_event_t, Json&) { return !(deep = deep || depth > kDeepest); }, false);
  if (deep || !json.is_object())
    return fail(Code::Invalid, "the body is no JSON object of at most {} levels", kDeepest);
  const auto devices = json.find("devices");
  if (devices == json.end() || !devices->is_array() || devices->size() > kMostDevices)
    return fail(Code::Invalid, "devices: a list of at most {} expected", kMostDevices);
  ToldNode out;
  out.dry_run = text_of(json, "mode") == "dry-run";
  if (const auto newest = json.find("newest"); newest != json.end()) out.newest = TRY(newest_told(*newest));
  out.time = now;
  for (std::size_t i = 0; i < devices->size(); ++i) {
    const Json& device = (*devices)[i];
    if (!device.is_object() || text_of(device, "uuid").empty())
      return fail(Code::Invalid, "devices[{}].uuid: the device's UUID expected", i);
    out.devices.push_back(device_told(device));
    if (const auto report = device.find("report"); report != device.end() && !report->is_null())
      out.reports.push_back(TRY(report_told(*report, out.devices.back().uuid, i, now)));
  }
  return out;
}

}  // namespace tessera::server

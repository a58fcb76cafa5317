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
constexpr int kDeepest = 8;
constexpr std::string_view kStates[] = {"done", "working", "waiting", "failed", "dry-run", "hands-off"};

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? valid_utf8(found->get<std::string>()) : std::string();
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

Result<std::vector<LayoutReport>> read_reports(std::string_view body, EpochMs now) {
  bool deep = false;  // what is nested for its own sake would be written by as many calls
  const Json json = Json::parse(
      body, [&](int depth, Json::parse_event_t, Json&) { return !(deep = deep || depth > kDeepest); }, false);
  if (deep || !json.is_object())
    return fail(Code::Invalid, "the body is no JSON object of at most {} levels", kDeepest);
  const auto devices = json.find("devices");
  if (devices == json.end() || !devices->is_array() || devices->size() > kMostDevices)
    return fail(Code::Invalid, "devices: a list of at most {} expected", kMostDevices);
  std::vector<LayoutReport> out;
  for (std::size_t i = 0; i < devices->size(); ++i) {
    const Json& device = (*devices)[i];
    if (!device.is_object() || text_of(device, "uuid").empty())
      return fail(Code::Invalid, "devices[{}].uuid: the device's UUID expected", i);
    const auto report = device.find("report");
    if (report == device.end() || report->is_null()) continue;
    LayoutReport one;
    one.device_uuid = text_of(device, "uuid");
    one.time = now;
    if (!report->is_object() || !report->contains("generation") || !(*report)["generation"].is_number_integer())
      return fail(Code::Invalid, "devices[{}].report.generation: a whole number expected", i);
    one.generation = (*report)["generation"].get<std::int64_t>();
    one.state = text_of(*report, "state");
    if (std::ranges::count(kStates, one.state) == 0)
      return fail(Code::Invalid,
                  "devices[{}].report.state: '{}', but done, working, waiting, failed, dry-run or "
                  "hands-off is expected",
                  i, one.state);
    one.reason = text_of(*report, "reason");
    if (const auto steps = report->find("steps"); steps != report->end() && steps->is_array())
      one.steps = json_text(*steps);
    if (one.steps.size() > kLongestSteps)
      return fail(Code::Invalid, "devices[{}].report.steps: at most {} bytes expected", i, kLongestSteps);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tessera::server

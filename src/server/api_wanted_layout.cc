#include "server/api_wanted_layout.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "fleet/partition/partition.h"
#include "server/api_rows.h"
#include "server/json_body.h"
#include "server/query.h"
#include "server/resource.h"
#include "server/wanted_layouts_json.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMostProfiles = 16;
constexpr Milliseconds kLongestWait{60'000};

using Outcome = std::variant<Changed, Problem>;

http::Response json_reply(const http::Request& request, const Json& value) {
  http::Response out;
  out.content_type = "application/json";
  out.body = json_text(value);
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

/// `["H100_2G20GB"]`, or the same as `profiles` of an object with `dryRun`.
struct Wish {
  std::vector<std::string> profiles;
  bool dry_run = false;
};
Result<Wish> read_wish(const http::Request& request, bool dry_run) {
  const Json json = Json::parse(request.body, nullptr, false);
  const Json* profiles = &json;
  Wish out{{}, dry_run};
  if (json.is_object()) {
    for (const auto& [member, value] : json.items()) {
      if (member == "profiles") {
        profiles = &value;
      } else if (member == "dryRun" && value.is_boolean()) {
        out.dry_run = out.dry_run || value.get<bool>();
      } else {
        return fail(Code::Invalid, "{}: profiles, a list of texts, and dryRun, true or false, are expected",
                    valid_utf8(member));
      }
    }
  }
  if (!profiles->is_array() || profiles->size() > kMostProfiles)
    return fail(Code::Invalid, "a list of at most {} profiles is expected, such as [\"H100_2G20GB\",\"H100_3G40GB\"]",
                kMostProfiles);
  for (const Json& one : *profiles) {
    if (!one.is_string()) return fail(Code::Invalid, "profiles: a list of texts expected");
    out.profiles.push_back(valid_utf8(one.get<std::string>()));
  }
  return out;
}

std::vector<store::WantedInstance> named(const std::vector<gpu::Profile>& profiles, const gpu::Layout& layout) {
  std::vector<store::WantedInstance> out;
  for (const gpu::Placed& one : layout)
    out.push_back({std::ranges::find(profiles, one.profile, &gpu::Profile::id)->name, one.placement});
  return out;
}

Json steps_json(const std::vector<gpu::Profile>& profiles, const std::vector<fleet::PartitionStep>& steps) {
  Json out = Json::array();
  for (const fleet::PartitionStep& one : steps)
    out.push_back({{"action", one.create ? "create" : "destroy"},
                   {"profile", std::ranges::find(profiles, one.placed.profile, &gpu::Profile::id)->name},
                   {"start", one.placed.placement.start},
                   {"size", one.placed.placement.size}});
  return out;
}

/// Why no plan is to be made for it at all; nothing where one may be.
std::optional<std::string> unfit(const fleet::Device& device) {
  const fleet::DeviceFacts& facts = *device.facts;
  if (device.presence != fleet::Presence::Present)
    return fmt::format("it is {}", fleet::presence_name(device.presence));
  if (device.up == false) return "it does not answer its agent";
  if (!facts.mig_enabled || !facts.profiles || facts.profiles->empty())
    return "it cannot be cut, or nobody tells of its MIG profiles: tessera-agent does";
  if (!fleet::tells_sessions(device)) return "nobody tells which processes it has: tessera-agent does";
  if (!*facts.mig_enabled && !(device.sessions.empty() && device.allocations.empty()))
    return "MIG is off, and it has to be empty to be switched on";
  return std::nullopt;
}

struct Planned {
  store::WantedLayout layout;
  Json shown;
};
std::variant<Planned, Problem> plan(const FoundDevice& found, const Wish& wish, const http::Request& request) {
  const fleet::Device& device = *found.device;
  const std::string id = fleet::device_id(found.node->name, device.facts->index);
  if (const auto why = unfit(device))
    return Problem{409, "cannot-be-cut", fmt::format("device {} is not cut: {}", id, *why)};
  const std::vector<gpu::Profile>& profiles = *device.facts->profiles;
  std::vector<unsigned> wanted;
  for (const std::string& word : wish.profiles) {
    const auto profile = fleet::profile_wanted(profiles, fleet::model_key_of(device.facts->name), word);
    if (!profile) return Problem{400, "unknown-profile", fmt::format("device {}: {}", id, profile.error().what)};
    wanted.push_back(*profile);
  }
  const auto standing = fleet::standing_of(device);
  if (!standing) return Problem{409, "layout-unknown", fmt::format("device {}: {}", id, standing.error().what)};
  const auto partition = fleet::plan_partition(profiles, *standing, wanted);
  if (!partition) {
    const bool never = partition.error().code == Code::Invalid;
    return Problem{never ? 422 : 409, never ? "illegal-layout" : "device-in-use",
                   fmt::format("device {}: {}", id, partition.error().what)};
  }
  gpu::Layout from;
  for (const fleet::Standing& one : *standing) from.push_back(one.placed);
  Planned out{{found.node->cluster, device.facts->uuid, found.node->name, 0, named(profiles, partition->layout),
               named(profiles, from), viewer_of(request).actor, now_epoch_ms()},
              {}};
  out.shown = {{"deviceId", id},
               {"deviceUuid", device.facts->uuid},
               {"cluster", found.node->cluster},
               {"node", found.node->name},
               {"dryRun", wish.dry_run},
               {"generation", nullptr},
               {"from", instances_json(out.layout.planned_from)},
               {"to", instances_json(out.layout.instances)},
               {"steps", steps_json(profiles, partition->steps)}};
  return out;
}

/// The device that a request is about, as it is known now.
std::optional<FoundDevice> device_of(const Published& known, Query& query) {
  const auto cluster = query.text("cluster");
  if (!query.finish()) return std::nullopt;
  return find_device(*known.view, query, query.path("deviceId"), cluster);
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts)
      : fleet_(fleet), access_(access), layouts_(layouts) {}

  http::Response want(const http::Request& request) const {
    if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    const bool dry_run = query.flag("dryRun").value_or(false);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    const auto found = device_of(*known, query);
    if (!found) return reply(*query.problem(), request);
    const auto wish = read_wish(request, dry_run);
    if (!wish) return reply({400, "invalid-parameter", wish.error().what}, request);
    auto planned = plan(*found, *wish, request);
    if (const auto* problem = std::get_if<Problem>(&planned)) return reply(*problem, request);
    Planned& of = std::get<Planned>(planned);
    if (wish->dry_run) return json_reply(request, of.shown);
    const std::string object = "device:" + of.layout.device_uuid;
    bool made = false;
    http::Response out =
        access_.changes().make(request, "layout.want", object, [&](store::Database& database) -> Result<Outcome> {
          of.layout.generation = TRY(store::want_layout(database, of.layout));
          of.shown["generation"] = of.layout.generation;
          made = true;
          return Outcome(Changed{202, object, json_text(of.shown), request.path, json_text(of.shown)});
        });
    if (made && out.status == 202) layouts_.want(of.layout);
    return out;
  }

  http::Response forget(const http::Request& request) const {
    Query query(request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    const auto found = device_of(*known, query);
    if (!found) return reply(*query.problem(), request);
    const std::string cluster = found->node->cluster, uuid = found->device->facts->uuid;
    http::Response out = access_.changes().make(
        request, "layout.forget", "device:" + uuid, [&](store::Database& database) -> Result<Outcome> {
          if (!TRY(store::forget_wanted_layout(database, cluster, uuid)))
            return Outcome(Problem{404, "not-found", fmt::format("nothing is wanted of device {}", uuid)});
          return Outcome(Changed{204, "device:" + uuid, "{}"});
        });
    if (out.status == 204) layouts_.forget(cluster, uuid);
    return out;
  }

  http::Response show(const http::Request& request) const {
    Query query(request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    const auto found = device_of(*known, query);
    if (!found) return reply(*query.problem(), request);
    const fleet::DeviceFacts& facts = *found->device->facts;
    const auto wanted = layouts_.of(found->node->cluster, facts.uuid);
    const auto report = layouts_.report_of(found->node->cluster, facts.uuid);
    Json out = {{"deviceId", fleet::device_id(found->node->name, facts.index)},
                {"deviceUuid", facts.uuid},
                {"cluster", found->node->cluster},
                {"wanted", nullptr},
                {"reported", nullptr}};
    if (wanted)
      out["wanted"] = {{"generation", wanted->generation},
                       {"instances", instances_json(wanted->instances)},
                       {"by", wanted->wanted_by},
                       {"since", time_json(wanted->wanted_since)}};
    if (report)
      out["reported"] = {{"generation", report->generation},
                         {"state", report->state},
                         {"reason", text_or_null(report->reason)},
                         {"steps", Json::parse(report->steps, nullptr, false)},
                         {"time", time_json(report->time)}};
    return json_reply(request, out);
  }

  http::Response ask(const http::Request& request) const {
    const std::string node(request.param("node"));
    const Viewer& viewer = viewer_of(request);
    if (viewer.scopes.has(Scope::Node) && !viewer.scopes.has(Scope::Admin) && viewer.name != node)
      return reply({403, "another-node",
                    fmt::format("{} is the key of node '{}': it is told nothing of node '{}'", viewer.caller,
                                viewer.name, valid_utf8(node))},
                   request);
    if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    const std::string cluster = query.text("cluster").value_or("default");
    const Milliseconds wait = query.duration("wait").value_or(Milliseconds(0));
    if (wait > kLongestWait) query.fault("wait", "60s at most");
    if (!query.finish()) return reply(*query.problem(), request);
    auto reports = read_reports(request.body, now_epoch_ms());
    if (!reports) return reply({400, "invalid-parameter", reports.error().what}, request);
    return layouts_.ask(cluster, node, *std::move(reports), wait);
  }

 private:
  const Latest<Published>& fleet_;
  Access& access_;
  WantedLayouts& layouts_;
};

}  // namespace

std::vector<http::Route> wanted_layout_routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts,
                                              const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, access, layouts);
  const std::string mig = api + "/gpu/devices/{deviceId}/mig";
  using http::Request;
  return {{"GET", mig, [routes](const Request& r) { return routes->show(r); }},
          {"POST", mig, [routes](const Request& r) { return routes->want(r); }},
          {"DELETE", mig, [routes](const Request& r) { return routes->forget(r); }},
          {"POST", api + "/nodes/{node}/layout", [routes](const Request& r) { return routes->ask(r); }}};
}

}  // namespace tessera::server

#include "server/api_wanted_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "fleet/allocation/sightings.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "fleet/partition/partition.h"
#include "server/access/node_tokens.h"
#include "server/api_rows.h"
#include "server/json_body.h"
#include "server/query.h"
#include "server/resource.h"
#include "server/wanted_layouts_json.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMostProfiles = 16;
constexpr Milliseconds kLongestWait{60'000};
// A node has documents numbered above this at most: browsers count exactly to twice that, which leaves as many.
constexpr std::int64_t kFarthest = std::int64_t{1} << 52U;
constexpr std::size_t kLongestReport = 1U << 20U;  // sixteen devices with their profiles are a tenth of it

using Outcome = std::variant<Changed, Problem>;

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

/// How long the reply may take; nothing, as where it is not named, is at once.
Milliseconds read_wait(Query& query) {
  const auto given = query.text("wait");
  const auto out = given ? parse_duration(*given) : Result<Milliseconds>(Milliseconds(0));
  if (!out) query.fault("wait", out.error().what);
  if (out && *out > kLongestWait) query.fault("wait", "60s at most");
  return out ? *out : Milliseconds(0);
}

Json numbers_json(const LayoutNumber& from, const LayoutNumber& to) {
  const auto json = [](const LayoutNumber& one) { return Json{{"epoch", one.epoch}, {"generation", one.generation}}; };
  return {{"from", json(from)}, {"to", json(to)}};
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

/// Who is promised the whole of it, which leaves nothing to be cut; absent: nobody is.
std::optional<std::string> whole_promise(const fleet::AllocationBook& book, const FoundDevice& found) {
  for (const auto& taken : book.taken(found.node->cluster, found.device->facts->uuid))
    if (taken.part->profile.empty())
      return fmt::format("all of it is promised to {}/{} by allocation {}", taken.by->space, taken.by->pod,
                         taken.by->id);
  return std::nullopt;
}

/// What is promised on a device is held, be it that it does not stand yet.
void hold_promised(std::vector<fleet::Standing>& standing, const fleet::AllocationBook& book,
                   const FoundDevice& found) {
  for (const auto& taken : book.taken(found.node->cluster, found.device->facts->uuid)) {
    const auto profile = std::ranges::find(*found.device->facts->profiles, taken.part->profile, &gpu::Profile::name);
    if (profile == found.device->facts->profiles->end()) continue;
    const gpu::Placed placed{profile->id, taken.part->placement};
    auto at = std::ranges::find(standing, placed, &fleet::Standing::placed);
    if (at == standing.end()) at = standing.insert(standing.end(), {placed});
    if (at->held_by.empty())
      at->held_by = fmt::format("allocation {} for {}/{}", taken.by->id, taken.by->space, taken.by->pod);
  }
}

std::variant<Planned, Problem> plan(const FoundDevice& found, const fleet::AllocationBook& book, const Wish& wish,
                                    const http::Request& request, EpochMs now) {
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
  auto standing = fleet::standing_of(device);
  if (!standing) return Problem{409, "layout-unknown", fmt::format("device {}: {}", id, standing.error().what)};
  if (const auto who = whole_promise(book, found))
    return Problem{409, "device-in-use", fmt::format("device {}: {}", id, *who)};
  hold_promised(*standing, book, found);
  const auto partition = fleet::plan_partition(profiles, *standing, wanted);
  if (!partition) {
    const bool never = partition.error().code == Code::Invalid;
    return Problem{never ? 422 : 409, never ? "illegal-layout" : "device-in-use",
                   fmt::format("device {}: {}", id, partition.error().what)};
  }
  gpu::Layout from;
  for (const fleet::Standing& one : *standing) from.push_back(one.placed);
  Planned out{{found.node->cluster, device.facts->uuid, found.node->name, 0, named(profiles, partition->layout),
               named(profiles, from), viewer_of(request).actor, now},
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

/// What an earlier wish has made or was to take away is nobody else's, though the inventory does not show it yet.
void add_own_work(std::vector<store::WantedInstance>& planned_from, const store::WantedLayout& before) {
  for (const auto* instances : {&before.instances, &before.planned_from})
    for (const store::WantedInstance& one : *instances)
      if (std::ranges::find(planned_from, one) == planned_from.end()) planned_from.push_back(one);
}

/// The same device in another view; without one where it is not there any longer.
FoundDevice again(const fleet::View& view, const FoundDevice& before) {
  const std::string &cluster = before.node->cluster, &node = before.node->name;
  return {fleet::find_node(view, cluster, node), fleet::find_device(view, cluster, node, before.device->facts->uuid)};
}

/// The device that a request is about, and what it stands in.
struct Asked {
  std::shared_ptr<const Published> known;
  FoundDevice found;
};
/// Or the reply that there is none. What else the query may have has been read.
std::variant<Asked, http::Response> device_of(const Latest<Published>& fleet, Query& query) {
  auto known = fleet.get();
  if (!known) return starting(query.request());
  const auto cluster = query.text("cluster");
  if (!query.finish()) return reply(*query.problem(), query.request());
  auto found = find_device(*known->view, query, query.path("deviceId"), cluster);
  if (!found) return reply(*query.problem(), query.request());
  return Asked{std::move(known), *std::move(found)};
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts, Promised promised, bool enabled)
      : fleet_(fleet), access_(access), layouts_(layouts), promised_(std::move(promised)), enabled_(enabled) {}

  http::Response want(const http::Request& request) const {
    if (auto refused = refused_body(request)) return *std::move(refused);
    if (!enabled_)
      return reply({403, "disabled", "gpu.management.mig.enabled is false: no device is cut by this server"}, request);
    Query query(request);
    const bool dry_run = query.flag("dryRun").value_or(false);
    auto asked = device_of(fleet_, query);
    if (auto* refused = std::get_if<http::Response>(&asked)) return std::move(*refused);
    const auto& [known, found] = std::get<Asked>(asked);
    const auto wish = read_wish(request, dry_run);
    if (!wish) return reply({400, "invalid-parameter", wish.error().what}, request);
    if (!wish->dry_run) return want(request, found, *wish);
    auto planned = plan(found, *promised_(), *wish, request, known->view->time);
    if (const auto* problem = std::get_if<Problem>(&planned)) return reply(*problem, request);
    return json_reply(request, std::get<Planned>(planned).shown);
  }

  http::Response forget(const http::Request& request) const {
    Query query(request);
    const auto cluster = query.text("cluster");
    const auto gone = layouts_.of_device(request.param("deviceId"), cluster);  // of which the view may know no more
    std::string of_cluster = gone ? gone->cluster : "", uuid = gone ? gone->device_uuid : "";
    if (!gone) {
      auto asked = device_of(fleet_, query);
      if (auto* refused = std::get_if<http::Response>(&asked)) return std::move(*refused);
      const FoundDevice& found = std::get<Asked>(asked).found;
      of_cluster = found.node->cluster;
      uuid = found.device->facts->uuid;
    } else if (!query.finish()) {
      return reply(*query.problem(), request);
    }
    const std::lock_guard lock(layouts_.changing());
    bool made = false;
    http::Response out = access_.changes().make(
        request, "layout.forget", "device:" + uuid, [&](store::Database& database) -> Result<Outcome> {
          if (!TRY(store::forget_wanted_layout(database, of_cluster, uuid)))
            return Outcome(Problem{404, "not-found", fmt::format("nothing is wanted of device {}", uuid)});
          made = true;
          return Outcome(Changed{204, "device:" + uuid, "{}"});
        });
    if (made && out.status == 204) layouts_.forget(of_cluster, uuid);
    return out;
  }

  http::Response show(const http::Request& request) const {
    Query query(request);
    auto asked = device_of(fleet_, query);
    if (auto* refused = std::get_if<http::Response>(&asked)) return std::move(*refused);
    const FoundDevice& found = std::get<Asked>(asked).found;
    const fleet::DeviceFacts& facts = *found.device->facts;
    const auto wanted = layouts_.of(found.node->cluster, facts.uuid);
    const auto report = layouts_.report_of(found.node->cluster, facts.uuid);
    Json out = {{"deviceId", fleet::device_id(found.node->name, facts.index)},
                {"deviceUuid", facts.uuid},
                {"cluster", found.node->cluster},
                {"wanted", nullptr},
                {"reported", nullptr},
                {"node", nullptr}};
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
    if (const auto course = layouts_.course_of(found.node->cluster, found.node->name); course && !course->state.empty())
      out["node"] = {
          {"state", course->state}, {"reason", text_or_null(course->reason)}, {"since", time_json(course->since)}};
    return json_reply(request, out);
  }

  http::Response ask(const http::Request& request) const {
    const std::string node(request.param("node"));
    Query query(request);
    const std::string cluster = query.text("cluster").value_or("default");
    const Viewer& viewer = viewer_of(request);
    if (!viewer.scopes.has(Scope::Admin) && viewer.name != node_key_name(cluster, node))
      return reply(
          {403, "another-node",
           fmt::format("{} has the name '{}': node '{}' of cluster '{}' is told by the key or the token of '{}' alone",
                       viewer.caller, viewer.name, valid_utf8(node), valid_utf8(cluster),
                       valid_utf8(node_key_name(cluster, node)))},
          request);
    if (auto refused = refused_body(request, kLongestReport)) return *std::move(refused);
    const Milliseconds wait = read_wait(query);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    if (std::ranges::none_of(known->view->nodes, [&](const auto& one) { return one->cluster == cluster; }))
      return reply({409, "unknown-cluster",
                    fmt::format("nothing has been told of a cluster '{}': name the one that the node's metrics carry",
                                valid_utf8(cluster))},
                   request);
    auto told = read_told(request.body, now_epoch_ms());
    if (!told) return reply({400, "invalid-parameter", told.error().what}, request);
    if (auto refused = catch_up(request, cluster, node, told->newest)) return *std::move(refused);
    if (layouts_.is_anothers(cluster, node, told->newest)) told->reports.clear();
    std::vector<LayoutReport> reports = told->reports;
    layouts_.hear(cluster, node, *std::move(told));
    return layouts_.ask(cluster, node, std::move(reports), wait);
  }

 private:
  /// A node that has acted on newer documents than this database has given would refuse ours for ever: they go on above
  /// those. The reply where that cannot be kept, or is not believed.
  std::optional<http::Response> catch_up(const http::Request& request, const std::string& cluster,
                                         const std::string& node, const LayoutNumber& newest) const {
    if (!layouts_.number_after(cluster, node, newest)) return std::nullopt;
    const std::lock_guard lock(layouts_.changing());
    const auto next = layouts_.number_after(cluster, node, newest);
    if (!next) return std::nullopt;
    if (std::max(newest.epoch, newest.generation) > kFarthest)
      return reply({400, "invalid-parameter",
                    fmt::format("newest: epoch {} and generation {} are more than any server has given (at most {}): "
                                "look what happened to layout.json in the --data of this node's tessera-agent layout",
                                newest.epoch, newest.generation, kFarthest)},
                   request);
    const LayoutNumber before = layouts_.number();
    const std::string object = fmt::format("node:{}/{}", cluster, node);
    http::Response out =
        access_.changes().make(request, "layout.catch-up", object, [&](store::Database& database) -> Result<Outcome> {
          TRY(store::skip_layout_numbers(database, next->generation, next->epoch - before.epoch));
          return Outcome(Changed{204, object, json_text(numbers_json(before, *next))});
        });
    if (out.status != 204) return out;
    layouts_.go_on_from(cluster, node, *next);
    log::warn(
        "a node has acted on newer layouts than this database knows: it was restored, or is a new one; what is "
        "wanted from now on is numbered above them",
        {{"node", node}, {"cluster", cluster}, {"generation", std::to_string(next->generation)}});
    return std::nullopt;
  }

  /// `asked`: as it was before the wait for the lock. It is planned on what is known then.
  http::Response want(const http::Request& request, const FoundDevice& asked, const Wish& wish) const {
    const std::string object = "device:" + asked.device->facts->uuid;
    const std::lock_guard lock(layouts_.changing());
    std::optional<store::WantedLayout> made;
    http::Response out =
        access_.changes().make(request, "layout.want", object, [&](store::Database& database) -> Result<Outcome> {
          const auto book = promised_();
          const auto known = fleet_.get();
          const FoundDevice found = again(*known->view, asked);
          if (!found.device)
            return Outcome(Problem{409, "cannot-be-cut", fmt::format("{} is not told of any longer", object)});
          auto planned = plan(found, *book, wish, request, known->view->time);
          if (auto* problem = std::get_if<Problem>(&planned)) return Outcome(std::move(*problem));
          Planned& of = std::get<Planned>(planned);
          if (const auto before = layouts_.of(of.layout.cluster, of.layout.device_uuid))
            add_own_work(of.layout.planned_from, *before);
          of.layout.generation = TRY(store::want_layout(database, of.layout));
          of.shown["generation"] = of.layout.generation;
          made = of.layout;
          const std::string shown = json_text(of.shown);
          return Outcome(Changed{202, object, shown, request.path, shown});
        });
    if (made && out.status == 202) layouts_.want(*std::move(made));
    return out;
  }

  const Latest<Published>& fleet_;
  Access& access_;
  WantedLayouts& layouts_;
  const Promised promised_;
  const bool enabled_;
};

}  // namespace

std::vector<http::Route> wanted_layout_routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts,
                                              Promised promised, bool enabled, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, access, layouts, std::move(promised), enabled);
  const std::string mig = api + "/gpu/devices/{deviceId}/mig";
  using http::Request;
  return {{"GET", mig, [routes](const Request& r) { return routes->show(r); }},
          {"POST", mig, [routes](const Request& r) { return routes->want(r); }},
          {"DELETE", mig, [routes](const Request& r) { return routes->forget(r); }},
          {"POST", api + "/nodes/{node}/layout", [routes](const Request& r) { return routes->ask(r); }}};
}

}  // namespace tessera::server

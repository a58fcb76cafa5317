#include "server/api_allocations.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "server/access/viewer.h"
#include "server/allocations_json.h"
#include "server/api_json.h"
#include "server/api_rows.h"
#include "server/budgets/api.h"
#include "server/decision_scene.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"
#include "store/allocations.h"

namespace tessera::server {
namespace {
using fleet::AllocationState;

constexpr std::string_view kColumns[] = {
    "id", "cluster", "namespace", "podName",    "podUid",  "team", "project",      "priority", "state",  "reason",
    "by", "since",   "ready",     "readySince", "expires", "wait", "leaseSeconds", "askedBy",  "askedAt"};

const std::vector<std::string_view>& state_names() {
  static const auto kNames = names_of(fleet::allocation_state_name, fleet::kAllocationStates);
  return kNames;
}

struct Row {
  const fleet::PodAllocation* one;
  fleet::CostOwner owner;
};
constexpr SortColumn<Row> kSort[] = {
    {"askedAt", [](const Row& r) { return SortValue(static_cast<double>(r.one->asked_at)); }},
    {"since", [](const Row& r) { return SortValue(static_cast<double>(r.one->since)); }},
    {"priority", [](const Row& r) { return SortValue(static_cast<double>(r.one->priority)); }},
    {"namespace", [](const Row& r) { return SortValue(r.one->space); }},
    {"podName", [](const Row& r) { return SortValue(r.one->pod); }},
    {"team", [](const Row& r) { return SortValue(r.owner.team); }},
    {"state", [](const Row& r) { return SortValue(static_cast<double>(r.one->state)); }},
    {"id", [](const Row& r) { return SortValue(r.one->id); }}};

/// Which allocations. What is empty does not filter.
struct Filter {
  std::optional<std::string> cluster;
  std::vector<std::string> spaces, pods, teams, projects, nodes, devices;
  std::vector<std::size_t> states;

  bool wants(const fleet::PodAllocation& one, const fleet::CostOwner& owner) const {
    const auto on = [&](const std::vector<std::string>& names, auto name) {
      return names.empty() ||
             std::ranges::any_of(one.parts, [&](const auto& part) { return is_any(names, name(part)); });
    };
    return (!cluster || *cluster == one.cluster) && is_any(spaces, one.space) && is_any(pods, one.pod) &&
           is_any(teams, owner.team) && is_any(projects, owner.project) && is_one(states, one.state) &&
           on(nodes, [](const auto& part) { return part.node; }) &&
           on(devices, [](const auto& part) { return part.device_uuid; });
  }
};

Filter read_filter(Query& query, const Viewer& viewer) {
  Filter out;
  out.cluster = query.text("cluster");
  out.spaces = viewer.visible(query.texts("namespace"));
  out.pods = query.texts("podName");
  out.teams = query.texts("team");
  out.projects = query.texts("project");
  out.nodes = query.texts("nodeName");
  out.devices = query.texts("deviceUuid");
  out.states = query.words("state", state_names());
  // What is over has its place in the past: it is listed where somebody asks for it.
  if (out.states.empty() && !query.flag("over").value_or(false))
    for (const AllocationState state : {AllocationState::Waiting, AllocationState::Promised, AllocationState::Bound})
      out.states.push_back(static_cast<std::size_t>(state));
  return out;
}

/// What is in the way of an allocation, and what came next to it, names devices and pods of others; and the amounts of
/// budgets are for those who see them.
void keep_from_others(Json& told, const Viewer& viewer) {
  if (told.contains("replay") && told["replay"].is_object()) keep_from_others(told["replay"], viewer);
  for (const char* decided : {"decision", "refusal"}) {
    if (!told.contains(decided) || !told[decided].is_object()) continue;
    for (const char* names : {"misses", "remedies", "runnersUp"}) told[decided].erase(names);
    if (!told[decided].contains("budgets")) continue;
    for (Json& one : told[decided]["budgets"]) {
      const auto kind = fleet::budgets::scope_kind_named(one["scope"].get<std::string>());
      const std::string name = one["scopeName"].is_string() ? one["scopeName"].get<std::string>() : std::string();
      if (kind && sees_budget(viewer, {*kind, name})) continue;
      for (const char* amount : {"amount", "spent", "forecast"}) one[amount] = nullptr;
    }
  }
}

/// By what they say of the places; what else is told of them may be more or less in another version.
bool gives_the_same(const Json& grants, const Json& others) {
  static constexpr const char* kMembers[] = {"cluster", "node", "deviceUuid", "kind",         "profile",
                                             "start",   "size", "replicas",   "pricePerHour", "switchesMigOn"};
  return std::ranges::equal(grants, others, [](const Json& one, const Json& other) {
    return std::ranges::all_of(kMembers,
                               [&](const char* name) { return one.value(name, Json()) == other.value(name, Json()); });
  });
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, Allocations& allocations, const History& history)
      : fleet_(fleet), allocations_(allocations), history_(history) {}

  http::Response ask(const http::Request& request) const {
    if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    const bool dry_run = query.flag("dryRun").value_or(false);
    if (!query.finish()) return reply(*query.problem(), request);
    auto wish = parse_allocation_wish(request.body);
    if (!wish) return reply({400, "invalid-parameter", wish.error().what}, request);
    wish->dry_run = wish->dry_run || dry_run;
    if (!viewer_of(request).sees(wish->space))
      return reply(
          {403, "forbidden",
           fmt::format("namespace: '{}' is none of those that {} is for", wish->space, viewer_of(request).caller)},
          request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    if (const auto problem = settle_cluster(wish->cluster, *known->view)) return reply(*problem, request);
    http::Response out = allocations_.ask(request, *wish);
    if (viewer_of(request).restricted() && !out.body.empty()) {
      Json body = Json::parse(out.body);
      keep_from_others(body, viewer_of(request));
      out.body = json_text(body);
    }
    return out;
  }

  http::Response list(const http::Request& request) const {
    Query query(request);
    const Pager<Row> pager(query, kSort, "askedAt", "id");
    const Filter filter = read_filter(query, viewer_of(request));
    if (!query.finish()) return reply(*query.problem(), request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    const auto book = allocations_.book();
    std::vector<Row> rows;
    for (const auto& [id, one] : book->all())
      if (auto owner = allocations_.owner_of(*known, one); filter.wants(one, owner))
        rows.push_back({&one, std::move(owner)});
    Page page;
    page.total = rows.size();
    page.next_cursor = pager.cut(rows);
    page.rows = rows.size();
    page.row = [&](std::size_t at, Json& into) {
      into = allocation_json(*rows[at].one, *known->view, rows[at].owner);
      if (viewer_of(request).restricted()) keep_from_others(into, viewer_of(request));
    };
    return paged(page, kColumns, query, known->view->time);
  }

  http::Response show(const http::Request& request) const {
    Query query(request);
    const bool again = query.flag("replay").value_or(false);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto known = fleet_.get();
    if (!known) return starting(request);
    const auto book = allocations_.book();
    const fleet::PodAllocation* one = book->find(request.param("allocationId"));
    if (!one || !viewer_of(request).sees(one->space))
      return reply({404, "not-found",
                    fmt::format("no allocation has the id '{}'; /gpu/allocations lists them",
                                valid_utf8(request.param("allocationId")))},
                   request);
    Json out = allocation_json(*one, *known->view, allocations_.owner_of(*known, *one));
    if (again) out["replay"] = replayed(query, *one);
    if (query.problem()) return reply(*query.problem(), request);
    if (viewer_of(request).restricted()) keep_from_others(out, viewer_of(request));
    return json_reply(request, out);
  }

  http::Response release(const http::Request& request) const {
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    return allocations_.release(request, valid_utf8(request.param("allocationId")));
  }

  /// By the number of its GPU instance, or by its UUID.
  http::Response drop_instance(const http::Request& request) const {
    const auto known = fleet_.get();
    if (!known) return starting(request);
    Query query(request);
    const auto cluster = query.text("cluster");
    if (!query.finish()) return reply(*query.problem(), request);
    const auto found = find_device(*known->view, query, query.path("deviceId"), cluster);
    if (!found) return reply(*query.problem(), request);
    const std::string_view name = query.path("instance");
    for (const fleet::Instance& one : found->device->instances)
      if (one.part.gpu_instance && (name == std::to_string(*one.part.gpu_instance) ||
                                    (one.facts && !one.facts->uuid.empty() && one.facts->uuid == name)))
        return allocations_.drop_instance(request, *found->node, *found->device, {one.part.gpu_instance, std::nullopt});
    return reply({404, "not-found",
                  fmt::format("device {} has no instance '{}': the number of a GPU instance, or a UUID, is expected",
                              valid_utf8(query.path("deviceId")), valid_utf8(name))},
                 request);
  }

 private:
  /// Its decision, made again; null where what it was made on is not kept, or by a version that had another form of it.
  Json replayed(Query& query, const fleet::PodAllocation& one) const {
    const Json before = Json::parse(one.decision, nullptr, false);
    if (!before.is_object() || !before.contains("grants") || !before["grants"].is_array()) return nullptr;
    std::optional<store::KeptScene> kept;
    const bool is_read = server::ask(history_, query, [&](store::Database& database) -> Result<void> {
      kept = TRY(store::scene_of(database, one.id));
      return {};
    });
    if (!is_read || !kept) return nullptr;
    const auto scene = read_scene(kept->text, kept->mix ? kept->mix->text : std::string_view());
    const auto again = scene ? fleet::decision::replay(*scene) : Result<fleet::decision::Verdict>(scene.error());
    if (!again) {
      log::warn("a decision cannot be made again", {{"allocation", one.id}, {"why", again.error().what}});
      return nullptr;
    }
    const auto* decided = std::get_if<fleet::decision::Decision>(&*again);
    Json now = decided ? decision_json(*decided) : refusal_json(std::get<fleet::decision::Refusal>(*again));
    return {{"same", decided && gives_the_same(before["grants"], now["grants"])},
            {"asOf", time_json(scene->supply.as_of)},
            {"devices", scene->supply.candidates.size()},
            {"decision", std::move(now)}};
  }

  const Latest<Published>& fleet_;
  Allocations& allocations_;
  const History history_;
};

}  // namespace

std::optional<Problem> settle_cluster(std::optional<std::string>& cluster, const fleet::View& view) {
  std::set<std::string> known;
  for (const auto& node : view.nodes) known.insert(node->cluster);
  if (!cluster && known.size() == 1) cluster = *known.begin();
  if (cluster && known.contains(*cluster)) return std::nullopt;
  if (cluster || known.empty())
    return Problem{409, "unknown-cluster",
                   cluster ? fmt::format("nothing has been told of a cluster '{}'", *cluster)
                           : std::string("nothing has been told of any device yet")};
  return Problem{400, "invalid-parameter", fmt::format("cluster: there are {}, so one has to be named", known.size())};
}

std::vector<http::Route> allocation_routes(const Latest<Published>& fleet, Allocations& allocations,
                                           const History& history, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, allocations, history);
  const std::string all = api + "/gpu/allocations";
  using http::Request;
  return {{"GET", all, [routes](const Request& r) { return routes->list(r); }},
          {"POST", all, [routes](const Request& r) { return routes->ask(r); }},
          {"GET", all + "/{allocationId}", [routes](const Request& r) { return routes->show(r); }},
          {"DELETE", all + "/{allocationId}", [routes](const Request& r) { return routes->release(r); }},
          {"DELETE", api + "/gpu/devices/{deviceId}/mig/{instance}",
           [routes](const Request& r) { return routes->drop_instance(r); }}};
}

std::size_t promised_count(const fleet::AllocationBook& book, const fleet::View& view,
                           const std::optional<std::string>& cluster, const Viewer& viewer) {
  const auto is_held = [&](const fleet::PodAllocation& one) {
    return std::ranges::any_of(one.parts, [&](const fleet::PromisedPart& part) {
      const fleet::Device* device = fleet::find_device(view, one.cluster, part.node, part.device_uuid);
      return device && std::ranges::any_of(device->allocations, [&](const fleet::Allocation& held) {
               return held.facts->workload.space == one.space && held.facts->workload.pod == one.pod;
             });
    });
  };
  std::size_t out = 0;
  for (const auto& [id, one] : book.all())
    if ((one.state == AllocationState::Promised || one.state == AllocationState::Bound) &&
        (!cluster || *cluster == one.cluster) && viewer.sees(one.space) && !is_held(one))
      ++out;
  return out;
}

}  // namespace tessera::server

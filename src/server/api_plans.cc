#include "server/api_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "fleet/allocation/sightings.h"
#include "fleet/decision/defragment.h"
#include "fleet/decision/what_if.h"
#include "server/allocation_choice.h"
#include "server/allocations_json.h"
#include "server/api_allocations.h"
#include "server/api_json.h"
#include "server/cost/json.h"
#include "server/json_body.h"
#include "server/movers.h"
#include "server/query.h"
#include "server/resource.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr std::size_t kMostWaiting = 50;  ///< of those that wait, a way is looked for
constexpr std::int64_t kMostMoves = 100, kUsualMoves = 4;
constexpr std::int64_t kMostAdded = 10'000;

/// One of a cluster's allocations that wait, as it was asked for.
struct Waiting {
  const fleet::PodAllocation* one = nullptr;
  AllocationWish wish;
};

/// One cluster as it is: what is decided about, and who waits, in the order of their turn.
struct Scene {
  std::shared_ptr<const fleet::AllocationBook> book;  ///< which `waiting` points into
  std::string cluster;
  decision::Supply supply{};
  std::vector<Waiting> waiting{};
  std::shared_ptr<const decision::Mix> demand{};
};

Scene scene_of(const Published& known, const Allocations& allocations, const std::string& cluster) {
  Scene out{.book = allocations.book(), .cluster = cluster};
  out.supply = allocations.supply(*known.view);
  out.demand = allocations.demand(*out.book, known.view->time);
  std::erase_if(out.supply.candidates, [&](const auto& one) { return one.cluster != cluster; });
  for (const fleet::PodAllocation* one : out.book->queue())
    if (auto wish = read_kept_wish(one->request); wish && one->cluster == cluster) {
      wish->cluster = cluster;
      out.waiting.push_back({one, *std::move(wish)});
    }
  return out;
}

Json pieces_json(const decision::Candidate& of) {
  Json out = Json::array();
  for (const decision::Piece& one : of.pieces) {
    const gpu::Profile* profile = of.profile(one.placed.profile);
    out.push_back({{"profile", profile ? Json(profile->name) : Json(nullptr)},
                   {"start", one.placed.placement.start},
                   {"size", one.placed.placement.size},
                   {"holder", text_or_null(one.held_by)}});
  }
  return out;
}

/// Devices that moves touch, as they are and as they would be; `more` would be placed after them.
Json devices_json(const decision::Supply& before, const std::vector<decision::Move>& moves, const decision::Grant* more,
                  const std::string& holder) {
  decision::Supply after = decision::moved(before, moves);
  std::set<std::size_t> touched;
  for (const decision::Move& one : moves) touched.insert({one.from, one.to.candidate});
  if (more) {
    touched.insert(more->candidate);
    decision::Candidate& on = after.candidates[more->candidate];
    on = decision::with(std::move(on), *more, holder);
  }
  Json out = Json::array();
  for (const std::size_t at : touched)
    out.push_back({{"deviceId", before.candidates[at].id},
                   {"node", before.candidates[at].node},
                   {"modelKey", before.candidates[at].model},
                   {"before", pieces_json(before.candidates[at])},
                   {"after", pieces_json(after.candidates[at])}});
  return out;
}

/// On the axis of memory slices.
unsigned slices_moved(const std::vector<decision::Move>& moves) {
  unsigned out = 0;
  for (const decision::Move& one : moves) out += one.placed.placement.size;
  return out;
}

/// Moves that free whole devices, with what they cost and bring.
Json consolidation_json(const decision::Supply& supply, const decision::Consolidation& of, const fleet::View& view) {
  Json ids = Json::array();
  unsigned slices = 0;
  std::optional<std::int64_t> price = 0;
  for (const std::size_t at : of.freed) {
    const decision::Candidate& one = supply.candidates[at];
    ids.push_back(one.id);
    // By its driver: of a candidate that is not to be cut not all places are there.
    if (const auto* device = fleet::find_device(view, one.cluster, one.node, one.uuid))
      slices += fleet::whole_of(*device).size;
    price = price && one.price_micros ? std::optional(*price + *one.price_micros) : std::nullopt;
  }
  return {{"sentence", of.sentence},
          {"freedDevices", std::move(ids)},
          {"slicesMoved", slices_moved(of.moves)},
          {"slicesFreed", slices},
          {"pricePerHourFreed", price ? money_json(*price) : Json(nullptr)},
          {"moves", moves_json(of.moves)},
          {"devices", devices_json(supply, of.moves, nullptr, "")}};
}

/// Moves are looked for within these.
struct Bounds {
  const fleet::ClusterView& cluster;
  const Movers& movers;
  unsigned most_moves;
  decision::Policy& policy;  ///< the server's
  Policies& policies;        ///< those that who moves has named
};

/// A way for one that waits.
Json way_json(decision::Stock& stock, const Waiting& who, const Bounds& bounds) {
  Json out = {{"allocationId", who.one->id}, {"namespace", who.one->space}, {"podName", who.one->pod}};
  if (const auto way =
          decision::make_way(stock, who.wish.need, bounds.policy, bounds.most_moves, scope_of(who.wish, bounds.cluster),
                             bounds.movers.terms(*who.wish.cluster, bounds.policies))) {
    out["sentence"] = way->sentence;
    out["moves"] = moves_json(way->moves);
    out["slicesMoved"] = slices_moved(way->moves);
    out["slicesLetIn"] = way->grant.placed->placement.size;
    out["grant"] = grant_json(way->grant);
    out["devices"] = devices_json(stock.supply(), way->moves, &way->grant, who.wish.need.owner);
    return out;
  }
  out["sentence"] = bounds.movers.of(*who.wish.cluster) == 0
                        ? "nothing may move: a pod says that it may by the label tessera.dev/may-move=true, an "
                          "allocation by mayMove"
                        : fmt::format("no {} moves of what may move, to where it may go, let it in", bounds.most_moves);
  out["moves"] = out["grant"] = out["slicesMoved"] = out["slicesLetIn"] = nullptr;
  out["devices"] = Json::array();
  return out;
}

/// "4xH100_80GB"
Result<std::pair<unsigned, std::string>> read_more(std::string_view text) {
  const auto at = text.find('x');
  const auto count = at == std::string_view::npos ? std::nullopt : parse_int(text.substr(0, at));
  if (!count || *count <= 0 || *count > kMostAdded || at + 1 == text.size())
    return fail(Code::Invalid, "'{}', but how many of which model is expected, such as 4xH100_80GB, and at most {}",
                valid_utf8(text.substr(0, 100)), kMostAdded);
  return std::pair(static_cast<unsigned>(*count), std::string(text.substr(at + 1)));
}

/// "A100_80GB:2g.20gb"
Result<std::pair<std::string, std::string>> read_cut(std::string_view text) {
  const auto at = text.find(':');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size())
    return fail(Code::Invalid, "'{}', but a model and a profile are expected, such as A100_80GB:2g.20gb",
                valid_utf8(text.substr(0, 100)));
  return std::pair(std::string(text.substr(0, at)), std::string(text.substr(at + 1)));
}

/// A fleet that is not there: its devices, its nodes as the cluster would show them, and what is assumed of it.
struct OtherFleet {
  decision::Supply supply;
  fleet::ClusterView cluster;
  std::vector<std::string> assumed{};
};

/// As the node that it is like, were that not cordoned; by its own name.
std::shared_ptr<const fleet::ClusterNode> node_like(const fleet::ClusterView& cluster,
                                                    const decision::AddedNode& added) {
  fleet::ClusterNode out;
  if (const auto* like = cluster.node(cluster.cluster, added.like)) out = *like;
  out.name = added.name;
  out.cordoned = false;
  out.labels.insert_or_assign("kubernetes.io/hostname", added.name);
  return std::make_shared<const fleet::ClusterNode>(std::move(out));
}

/// What is cut otherwise, then what is added to it, as it comes.
Result<OtherFleet> other_fleet(const Scene& scene, const fleet::ClusterView& cluster,
                               const std::vector<std::string>& cuts, const std::vector<std::string>& more) {
  OtherFleet out{scene.supply, cluster};
  decision::Supply grown = scene.supply;
  for (const std::string& text : cuts) {
    const auto [model, profile] = TRY(read_cut(text));
    out.supply = TRY(decision::cut_as(std::move(out.supply), model, profile));
  }
  for (const std::string& text : more) {
    const auto [count, model] = TRY(read_more(text));
    auto next = TRY(decision::with_more(std::move(grown), count, model, scene.cluster));
    grown = std::move(next.supply);
    if (cluster.cluster == scene.cluster)
      for (const decision::AddedNode& one : next.nodes) out.cluster.nodes[one.name] = node_like(cluster, one);
    if (!next.assumed.empty()) out.assumed.push_back(std::move(next.assumed));
  }
  const auto added = grown.candidates.begin() + static_cast<std::ptrdiff_t>(scene.supply.candidates.size());
  out.supply.candidates.insert(out.supply.candidates.end(), added, grown.candidates.end());
  return out;
}

/// Who of those that wait would be served, each where it may go.
Json served_json(const Scene& scene, decision::Supply supply, const fleet::ClusterView& cluster,
                 const std::string& policy_name) {
  std::vector<decision::Need> needs;
  std::vector<decision::Scope> scopes;
  for (const Waiting& one : scene.waiting) {
    needs.push_back(one.wish.need);
    scopes.push_back(scope_of(one.wish, cluster));
  }
  const auto policy = *decision::make_policy(policy_name, *scene.demand);
  const decision::Served served = decision::serve(std::move(supply), needs, *policy, scopes);
  Json ids = Json::array();
  for (const std::size_t at : served.needs) ids.push_back(scene.waiting[at].one->id);
  return {{"served", std::move(ids)}, {"emptyDevices", served.empty_devices}};
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, const Allocations& allocations) : fleet_(fleet), allocations_(allocations) {}

  http::Response defragment(const http::Request& request) const {
    const auto known = fleet_.get();
    if (!known) return starting(request);
    Query query(request);
    auto cluster = query.text("cluster");
    const auto most_moves = static_cast<unsigned>(query.whole("mostMoves", 1, kMostMoves, kUsualMoves));
    if (!query.finish()) return reply(*query.problem(), request);
    if (const auto problem = settle_cluster(cluster, *known->view)) return reply(*problem, request);
    Scene scene = scene_of(*known, allocations_, *cluster);
    const Movers movers(*scene.book, known->cluster);
    movers.mark(scene.supply);
    Policies policies(scene.demand);  // which the stock has pointers to
    decision::Stock stock(scene.supply);
    decision::Policy& policy = policies.named(allocations_.policy());
    Json waiting = Json::array();
    for (const Waiting& one : scene.waiting) {
      if (waiting.size() == kMostWaiting) break;
      waiting.push_back(way_json(stock, one, {*known->cluster, movers, most_moves, policy, policies}));
    }
    const auto freed = decision::free_devices(stock, policy, most_moves, movers.terms(*cluster, policies));
    return json_reply(request, {{"time", time_json(known->view->time)},
                                {"cluster", *cluster},
                                {"mostMoves", most_moves},
                                {"movable", movers.of(*cluster)},
                                {"waitingTotal", scene.waiting.size()},
                                {"waiting", std::move(waiting)},
                                {"consolidation", consolidation_json(scene.supply, freed, *known->view)}});
  }

  http::Response what_if(const http::Request& request) const {
    const auto known = fleet_.get();
    if (!known) return starting(request);
    Query query(request);
    auto cluster = query.text("cluster");
    const auto cuts = query.each("cut"), more = query.each("add");
    const std::string policy = query.text("policy").value_or(allocations_.policy());
    if (const auto known_policy = decision::make_policy(policy, {}); !known_policy)
      query.fault("policy", known_policy.error().what);
    if (!query.finish()) return reply(*query.problem(), request);
    if (const auto problem = settle_cluster(cluster, *known->view)) return reply(*problem, request);
    const Scene scene = scene_of(*known, allocations_, *cluster);
    auto other = other_fleet(scene, *known->cluster, cuts, more);
    if (!other) return reply({400, "invalid-parameter", other.error().what}, request);
    const auto bound = std::ranges::count_if(scene.waiting, [](const Waiting& one) { return !one.wish.node.empty(); });
    return json_reply(request, {{"time", time_json(known->view->time)},
                                {"cluster", *cluster},
                                {"waiting", scene.waiting.size()},
                                {"boundToNode", bound},
                                {"policy", policy},
                                {"assumed", other->assumed},
                                {"now", served_json(scene, scene.supply, *known->cluster, policy)},
                                {"then", served_json(scene, std::move(other->supply), other->cluster, policy)}});
  }

 private:
  const Latest<Published>& fleet_;
  const Allocations& allocations_;
};

}  // namespace

std::vector<Consolidated> consolidations(const Published& known, const Allocations& allocations) {
  std::set<std::string> clusters;
  for (const auto& node : known.view->nodes) clusters.insert(node->cluster);
  std::vector<Consolidated> out;
  const Movers movers(*allocations.book(), known.cluster);
  for (const std::string& cluster : clusters) {
    Scene scene = scene_of(known, allocations, cluster);
    if (movers.of(cluster) == 0) continue;
    movers.mark(scene.supply);
    Policies policies(scene.demand);
    const auto plan = decision::free_devices(decision::Stock(scene.supply), policies.named(allocations.policy()),
                                             kUsualMoves, movers.terms(cluster, policies));
    std::map<std::string, Consolidated> by_model;
    const auto of = [&](std::size_t candidate) -> Consolidated& {
      return by_model[scene.supply.candidates[candidate].model];
    };
    for (const std::size_t at : plan.freed) of(at).frees.push_back(scene.supply.candidates[at].id);
    for (const decision::Move& one : plan.moves) of(one.from).moves.push_back(one.sentence);
    for (auto& [model, one] : by_model) {
      one.cluster = cluster;
      one.model = model;
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::vector<http::Route> plan_routes(const Latest<Published>& fleet, const Allocations& allocations,
                                     const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, allocations);
  return {{"GET", api + "/gpu/defragmentation", [routes](const http::Request& r) { return routes->defragment(r); }},
          {"GET", api + "/gpu/what-if", [routes](const http::Request& r) { return routes->what_if(r); }}};
}

}  // namespace tessera::server

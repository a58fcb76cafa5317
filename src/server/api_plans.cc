#include "server/api_plans.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "fleet/decision/defragment.h"
#include "fleet/decision/what_if.h"
#include "server/allocations_json.h"
#include "server/api_allocations.h"
#include "server/api_json.h"
#include "server/json_body.h"
#include "server/query.h"
#include "server/resource.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr std::string_view kMayMove = "tessera.dev/may-move";  ///< a pod's label
constexpr std::size_t kMostWaiting = 50;                       ///< of those that wait, a way is looked for
constexpr std::int64_t kMostMoves = 100;
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

/// "namespace/pod" of those whose owners will have them put elsewhere.
std::set<std::string> movable(const Scene& scene, const fleet::ClusterView& pods) {
  std::set<std::string> out;
  for (const auto& [id, one] : scene.book->all())
    if (!fleet::is_over(one.state) && one.cluster == scene.cluster)
      if (const auto wish = parse_allocation_wish(one.request); wish && wish->may_move)
        out.insert(fmt::format("{}/{}", one.space, one.pod));
  if (pods.cluster != scene.cluster) return out;
  for (const auto& [name, pod] : pods.pods)
    if (const auto label = pod->labels.find(std::string(kMayMove));
        label != pod->labels.end() && label->second == "true")
      out.insert(name);
  return out;
}

void mark(decision::Supply& supply, const std::set<std::string>& may_move) {
  for (decision::Candidate& device : supply.candidates)
    for (decision::Piece& piece : device.pieces) piece.may_move = may_move.contains(piece.held_by);
}

Scene scene_of(const Published& known, const Allocations& allocations, const std::string& cluster) {
  Scene out{.book = allocations.book(), .cluster = cluster};
  out.supply = allocations.supply(*known.view);
  out.demand = allocations.demand(*out.book, known.view->time);
  std::erase_if(out.supply.candidates, [&](const auto& one) { return one.cluster != cluster; });
  for (const fleet::PodAllocation* one : out.book->queue())
    if (auto wish = parse_allocation_wish(one->request); wish && one->cluster == cluster)
      out.waiting.push_back({one, *std::move(wish)});
  return out;
}

std::unique_ptr<decision::Policy> default_policy(const Scene& scene) {
  return *decision::make_policy("default", *scene.demand);
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

Json moves_json(const decision::Supply& supply, const std::vector<decision::Move>& moves) {
  Json out = Json::array();
  for (const decision::Move& one : moves) {
    const decision::Candidate& from = supply.candidates[one.from];
    const gpu::Profile* profile = from.profile(one.placed.profile);
    out.push_back({{"holder", one.holder},
                   {"fromDeviceId", from.id},
                   {"profile", profile ? Json(profile->name) : Json(nullptr)},
                   {"start", one.placed.placement.start},
                   {"size", one.placed.placement.size},
                   {"to", grant_json(one.to)},
                   {"sentence", one.sentence}});
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

/// A way for one that waits.
Json way_json(const decision::Stock& stock, const Waiting& who, decision::Policy& policy, unsigned most_moves,
              bool any_may_move) {
  Json out = {{"allocationId", who.one->id}, {"namespace", who.one->space}, {"podName", who.one->pod}};
  auto way = who.wish.node.empty() ? decision::make_way(stock, who.wish.need, policy, most_moves) : std::nullopt;
  if (way) {
    out["sentence"] = way->sentence;
    out["moves"] = moves_json(stock.supply(), way->moves);
    out["grant"] = grant_json(way->grant);
    out["devices"] = devices_json(stock.supply(), way->moves, &way->grant, who.wish.need.owner);
    return out;
  }
  out["sentence"] = !who.wish.node.empty() ? "it is to be on one node, for which no moves are looked for"
                    : !any_may_move        ? fmt::format(
                                          "nothing may move: a pod says that it may by the label {}=true, an "
                                                 "allocation by mayMove",
                                          kMayMove)
                                    : fmt::format("no {} moves of what may move let it in", most_moves);
  out["moves"] = out["grant"] = nullptr;
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

/// The fleet that is asked about: what is cut otherwise, then what is added to it, as it comes.
Result<decision::Supply> other_fleet(const decision::Supply& supply, const std::vector<std::string>& cuts,
                                     const std::vector<std::string>& more) {
  decision::Supply cut = supply, grown = supply;
  for (const std::string& text : cuts) {
    const auto [model, profile] = TRY(read_cut(text));
    cut = TRY(decision::cut_as(std::move(cut), model, profile));
  }
  for (const std::string& text : more) {
    const auto [count, model] = TRY(read_more(text));
    grown = TRY(decision::with_more(std::move(grown), count, model));
  }
  const auto added = grown.candidates.begin() + static_cast<std::ptrdiff_t>(supply.candidates.size());
  cut.candidates.insert(cut.candidates.end(), added, grown.candidates.end());
  return cut;
}

class Routes {
 public:
  Routes(const Latest<Published>& fleet, const Allocations& allocations) : fleet_(fleet), allocations_(allocations) {}

  http::Response defragment(const http::Request& request) const {
    const auto known = fleet_.get();
    if (!known) return starting(request);
    Query query(request);
    auto cluster = query.text("cluster");
    const auto most_moves = static_cast<unsigned>(query.whole("mostMoves", 1, kMostMoves, 4));
    if (!query.finish()) return reply(*query.problem(), request);
    if (const auto problem = settle_cluster(cluster, *known->view)) return reply(*problem, request);
    Scene scene = scene_of(*known, allocations_, *cluster);
    const auto may_move = movable(scene, *known->cluster);
    mark(scene.supply, may_move);
    const decision::Stock stock(scene.supply);
    const auto policy = default_policy(scene);
    Json waiting = Json::array();
    for (const Waiting& one : scene.waiting) {
      if (waiting.size() == kMostWaiting) break;
      waiting.push_back(way_json(stock, one, *policy, most_moves, !may_move.empty()));
    }
    const auto freed = decision::free_devices(stock, *policy, most_moves);
    Json devices = Json::array();
    for (const std::size_t at : freed.freed) devices.push_back(scene.supply.candidates[at].id);
    return json_reply(request, {{"time", time_json(known->view->time)},
                                {"cluster", *cluster},
                                {"mostMoves", most_moves},
                                {"movable", may_move.size()},
                                {"waitingTotal", scene.waiting.size()},
                                {"waiting", std::move(waiting)},
                                {"consolidation",
                                 {{"sentence", freed.sentence},
                                  {"freedDevices", std::move(devices)},
                                  {"moves", moves_json(scene.supply, freed.moves)},
                                  {"devices", devices_json(scene.supply, freed.moves, nullptr, "")}}}});
  }

  http::Response what_if(const http::Request& request) const {
    const auto known = fleet_.get();
    if (!known) return starting(request);
    Query query(request);
    auto cluster = query.text("cluster");
    const auto cuts = query.each("cut"), more = query.each("add");
    if (!query.finish()) return reply(*query.problem(), request);
    if (const auto problem = settle_cluster(cluster, *known->view)) return reply(*problem, request);
    const Scene scene = scene_of(*known, allocations_, *cluster);
    auto other = other_fleet(scene.supply, cuts, more);
    if (!other) return reply({400, "invalid-parameter", other.error().what}, request);
    std::vector<decision::Need> needs;
    std::vector<std::string> ids;
    for (const Waiting& one : scene.waiting) {
      if (!one.wish.node.empty()) continue;  // a node that is not there cannot be meant
      needs.push_back(one.wish.need);
      ids.push_back(one.one->id);
    }
    const auto served = [&](decision::Supply of) {
      const auto policy = default_policy(scene);
      const decision::Served out = decision::serve(std::move(of), needs, *policy);
      Json of_ids = Json::array();
      for (const std::size_t at : out.needs) of_ids.push_back(ids[at]);
      return Json({{"served", std::move(of_ids)}, {"emptyDevices", out.empty_devices}});
    };
    return json_reply(request, {{"time", time_json(known->view->time)},
                                {"cluster", *cluster},
                                {"waiting", scene.waiting.size()},
                                {"boundToNode", scene.waiting.size() - needs.size()},
                                {"now", served(scene.supply)},
                                {"then", served(*std::move(other))}});
  }

 private:
  const Latest<Published>& fleet_;
  const Allocations& allocations_;
};

}  // namespace

std::vector<http::Route> plan_routes(const Latest<Published>& fleet, const Allocations& allocations,
                                     const std::string& api) {
  const auto routes = std::make_shared<const Routes>(fleet, allocations);
  return {{"GET", api + "/gpu/defragmentation", [routes](const http::Request& r) { return routes->defragment(r); }},
          {"GET", api + "/gpu/what-if", [routes](const http::Request& r) { return routes->what_if(r); }}};
}

}  // namespace tessera::server

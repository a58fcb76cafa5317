// What Allocations does where somebody asks: promises, takes back, and drops instances that nobody has.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/access/viewer.h"
#include "server/allocations.h"
#include "server/allocations_json.h"
#include "server/api_json.h"
#include "server/json_body.h"
#include "server/resource.h"
#include "server/wish_origin.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;
using Outcome = std::variant<Changed, Problem>;

fleet::PodAllocation asked(const AllocationWish& wish, const std::string& who, EpochMs time) {
  fleet::PodAllocation out;
  out.id = new_allocation_id();
  out.cluster = *wish.cluster;
  out.space = wish.space;
  out.pod = wish.pod;
  out.request = wish.asked;
  out.team = wish.team;
  out.priority = wish.need.priority;
  out.waits = wish.waits;
  out.lease = wish.lease;
  out.asked_by = out.who = who;
  out.asked_at = out.since = time;
  out.pod_uid = wish.pod_uid;
  return out;
}

Problem asked_otherwise(const AllocationWish& wish, const fleet::PodAllocation& own) {
  return {
      409, "already-allocated",
      fmt::format("pod {}/{} has allocation {}, which was asked for otherwise: release it first (DELETE), or ask the "
                  "same",
                  wish.space, wish.pod, own.id)};
}

std::string_view why_refused(const std::vector<BudgetWord>& budgets) {
  return refused_by(budgets) ? "over-budget" : "no-room";
}

http::Response refused(const http::Request& request, std::string_view type, const decision::Refusal& refusal,
                       const Json& shown) {
  http::Response out = reply({409, type, refusal.sentence}, request);
  Json body = Json::parse(out.body);
  body["refusal"] = shown;
  out.body = json_text(body);
  return out;
}

}  // namespace

decision::Refusal Allocations::with_moves(decision::Refusal refusal, DecisionRound& round,
                                          const AllocationWish& wish) const {
  if (const auto way = round.way_in(wish, *book_.get())) decision::add_moves(refusal, *way);
  return refusal;
}

http::Response Allocations::preview(const http::Request& request, const AllocationWish& asked_for) const {
  const auto told = book();
  const std::lock_guard lock(changing_);
  const auto known = fleet_.get();
  const AllocationWish wish = with_pod(asked_for, *known->cluster);
  const auto* own = told->of_pod(*wish.cluster, wish.space, wish.pod);
  if (own && !ask_the_same(own->request, wish.asked, options_.policy))
    return reply(asked_otherwise(wish, *own), request);
  if (own && !own->parts.empty())
    return json_reply(request, {{"dryRun", true},
                                {"allocationId", own->id},
                                {"decision", allocation_json(*own, *known->view, owner_of(*known, *own))["decision"]}});
  // One that waits has its turn, and would be decided about anew.
  DecisionRound round = round_for(*known, own ? *own : asked(wish, viewer_of(request).actor, known->view->time));
  const decision::Scope scope = scope_of(wish, *known->cluster);
  const auto budgets = options_.budgets(*known, wish);
  const auto over = refused_by(budgets);
  decision::Verdict verdict = over ? decision::Verdict(*over) : round.decide(wish, scope);
  if (auto* refusal = std::get_if<decision::Refusal>(&verdict); refusal && !over)
    *refusal = with_moves(std::move(*refusal), round, wish);
  const auto said = [&](Json decided) {
    return explained(std::move(decided), wish, round.near_miss(wish.need, scope), budgets);
  };
  if (const auto* refusal = std::get_if<decision::Refusal>(&verdict))
    return refused(request, why_refused(budgets), *refusal, said(refusal_json(*refusal)));
  return json_reply(request,
                    {{"dryRun", true}, {"decision", said(decision_json(std::get<decision::Decision>(verdict)))}});
}

http::Response Allocations::ask(const http::Request& request, const AllocationWish& asked_for) {
  if (!fleet_.get() || !started_()) return starting(request);
  if (asked_for.dry_run) return preview(request, asked_for);
  const std::string object = fmt::format("pod:{}/{}", asked_for.space, asked_for.pod);
  const std::string who = viewer_of(request).actor;
  const std::lock_guard lock(changing_);
  const auto known = fleet_.get();  // not of before the wait for the lock
  const AllocationWish wish = with_pod(asked_for, *known->cluster);
  std::optional<Turns> turns;
  std::optional<http::Response> no_room;
  http::Response out =
      changes_.make(request, "allocation.ask", object, [&](store::Database& database) -> Result<Outcome> {
        const auto book = book_.get();
        if (const auto* own = book->of_pod(*wish.cluster, wish.space, wish.pod)) {
          if (!ask_the_same(own->request, wish.asked, options_.policy)) return Outcome(asked_otherwise(wish, *own));
          return Outcome(Changed{200, "allocation:" + own->id, "{}", request.path + "/" + own->id,
                                 json_text(allocation_json(*own, *known->view, owner_of(*known, *own)))});
        }
        const Ground on = ground(*known->view, *book);
        const fleet::PodAllocation one = asked(wish, who, known->view->time);
        DecisionRound round = round_for(*known, one);
        const decision::Scope scope = scope_of(wish, *known->cluster);
        const auto budgets = options_.budgets(*known, wish);
        const auto over = refused_by(budgets);
        decision::Verdict verdict = over ? decision::Verdict(*over) : round.decide(wish, scope);
        const std::string hint = round.near_miss(wish.need, scope);
        int status = 201;
        if (auto* refusal = std::get_if<decision::Refusal>(&verdict)) {
          if (!over) *refusal = with_moves(std::move(*refusal), round, wish);
          const Json shown = explained(refusal_json(*refusal), wish, hint, budgets);
          if (!wish.waits) {
            no_room = refused(request, why_refused(budgets), *refusal, shown);
            return Outcome(Problem{409, why_refused(budgets), refusal->sentence});
          }
          status = 202;
          turns =
              Turns{{TRY(fleet::still_waiting(one, json_text(shown), {refusal->sentence, who, known->view->time}))}};
        } else {
          const auto& decided = std::get<decision::Decision>(verdict);
          turns = TRY(promise(on, decided, explained(decision_json(decided), wish, hint, budgets), one, who));
          turns->scenes.push_back(scene_of(one.id, round, wish, scope, decided));
        }
        // What is kept and contradicts another one would keep the server from starting.
        TRY(book->may_put(turns->turned.front()));
        TRY(keep(database, *turns));
        const fleet::PodAllocation& made = turns->turned.front();
        const std::string shown = json_text(allocation_json(made, *known->view, owner_of(*known, made)));
        return Outcome(Changed{status, "allocation:" + one.id, wish.asked, request.path + "/" + one.id, shown});
      });
  if (out.status == 409 && no_room) return *std::move(no_room);
  if (turns && out.status < 300)
    take(*turns, known->view->time);
  else if (turns)
    read_again();
  return out;
}

http::Response Allocations::release(const http::Request& request, const std::string& id) {
  if (!fleet_.get() || !started_()) return starting(request);
  const Viewer& viewer = viewer_of(request);
  const std::lock_guard lock(changing_);
  const auto known = fleet_.get();
  std::optional<Turns> turns;
  http::Response out = changes_.make(
      request, "allocation.release", "allocation:" + id, [&](store::Database& database) -> Result<Outcome> {
        const auto book = book_.get();
        const fleet::PodAllocation* one = book->find(id);
        if (!one || !viewer.sees(one->space))
          return Outcome(Problem{404, "not-found", fmt::format("no allocation has the id '{}'", id)});
        if (fleet::is_over(one->state)) return Outcome(Changed{204, "allocation:" + id, "{}"});
        turns = Turns{{TRY(fleet::over(*one, fleet::AllocationState::Released,
                                       {"it was taken back", viewer.actor, known->view->time}))}};
        fleet::AllocationBook after = *book;
        TRY(after.put(turns->turned.front()));
        stop_cutting(ground(*known->view, after), *one, std::string(kServerName), *turns);
        TRY(keep(database, *turns));
        return Outcome(Changed{204, "allocation:" + id, one->request});
      });
  if (turns && out.status < 300)
    take(*turns, known->view->time);
  else if (turns)
    read_again();
  return out;
}

http::Response Allocations::drop_instance(const http::Request& request, const fleet::Node& node,
                                          const fleet::Device& device, const fleet::Part& part) {
  if (!options_.may_cut)
    return reply({403, "disabled", "gpu.management.mig.enabled is false: no device is cut by this server"}, request);
  const std::string id = fleet::device_id(node.name, device.facts->index) + fleet::part_name(part);
  const std::string object = "instance:" + device.facts->uuid + fleet::part_name(part);
  const std::lock_guard lock(changing_);
  const auto known = fleet_.get();
  std::optional<Turns> turns;
  http::Response out =
      changes_.make(request, "instance.drop", object, [&](store::Database& database) -> Result<Outcome> {
        const auto book = book_.get();
        // Of before the wait for the lock is what was asked about: another instance may have its number by now.
        const fleet::Node* on = fleet::find_node(*known->view, node.cluster, node.name);
        const fleet::Device* now = fleet::find_device(*known->view, node.cluster, node.name, device.facts->uuid);
        const auto place = on && now ? fleet::place_of(*on, *now, part) : std::nullopt;
        if (place != fleet::place_of(node, device, part))
          return Outcome(
              Problem{409, "layout-unknown", fmt::format("instance {} was changed meanwhile: ask again", id)});
        const auto standing = now ? fleet::standing_of(*now) : fleet::standing_of(device);
        if (!place || !standing)
          return Outcome(Problem{409, "layout-unknown", fmt::format("instance {}: nobody tells where it stands", id)});
        for (const fleet::Standing& one : *standing)
          if (one.placed.placement == place->placement && !one.held_by.empty())
            return Outcome(Problem{409, "device-in-use", fmt::format("instance {} is held by {}", id, one.held_by)});
        if (const auto* owner = book->owner_of(node.cluster, *place))
          return Outcome(Problem{409, "device-in-use",
                                 fmt::format("instance {} is promised to {}/{} by allocation {}", id, owner->space,
                                             owner->pod, owner->id)});
        auto less = layout_without(ground(*known->view, *book), node.cluster, node.name, *now,
                                   {{place->profile, place->placement}}, std::string(kServerName));
        if (!less) return Outcome(Changed{202, object, "{}"});  // it is going already
        turns = Turns{{}, {*std::move(less)}};
        TRY(keep(database, *turns));
        return Outcome(Changed{202, object, "{}"});
      });
  if (turns && out.status < 300)
    take(*turns, known->view->time);
  else if (turns)
    read_again();
  return out;
}

}  // namespace tessera::server

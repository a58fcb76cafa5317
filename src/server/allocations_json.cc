#include "server/allocations_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet/allocation/sightings.h"
#include "fleet/inventory/catalogue.h"
#include "server/allocation_choice.h"
#include "server/api_json.h"
#include "server/budgets/json.h"
#include "server/node_changes/listing.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

/// "2.500000": exact, as money is written.
Json money_or_null(const std::optional<std::int64_t>& micros) {
  if (!micros) return nullptr;
  return fmt::format("{}.{:06}", *micros / 1'000'000, *micros % 1'000'000);
}

/// JSON that was kept as text; null where there is none.
Json kept(const std::string& text) {
  if (text.empty()) return nullptr;
  Json out = Json::parse(text, nullptr, false);
  return out.is_discarded() ? Json(nullptr) : out;
}

Json part_json(const fleet::PodAllocation& of, const fleet::PromisedPart& part, const fleet::View& view) {
  const fleet::Device* device = fleet::find_device(view, of.cluster, part.node, part.device_uuid);
  Json out = {{"node", part.node},
              {"deviceId", nullptr},
              {"deviceUuid", part.device_uuid},
              {"profile", text_or_null(part.profile)},
              {"profileKey", nullptr},
              {"start", part.placement.start},
              {"size", part.placement.size},
              {"resource", resource_of(part)},
              {"replicas", part.replicas > 0 ? Json(part.replicas) : Json(nullptr)},
              {"stands", nullptr},
              {"instanceUuid", nullptr},
              {"made", part.made}};
  if (!device) return out;
  out["deviceId"] = fleet::device_id(part.node, device->facts->index);
  out["stands"] = fleet::stands(*device, part);
  if (const auto key = fleet::profile_key(fleet::model_key_of(device->facts->name), part.profile))
    out["profileKey"] = *key;
  for (const fleet::Instance& one : device->instances)
    if (!part.profile.empty() && one.facts && one.facts->placement == part.placement && !one.facts->uuid.empty())
      out["instanceUuid"] = one.facts->uuid;
  return out;
}

}  // namespace

Json grant_json(const decision::Grant& one) {
  Json out = {{"cluster", one.cluster},
              {"node", one.node},
              {"deviceId", one.device_id},
              {"deviceUuid", one.device_uuid},
              {"modelKey", one.model},
              {"kind", decision::kind_name(one.kind)},
              {"profile", text_or_null(one.profile)},
              {"start", nullptr},
              {"size", nullptr},
              {"memoryMib", nullptr},
              {"computeSlices", or_null(one.compute_slices)},
              {"smCount", or_null(one.sm_count)},
              {"replicas", or_null(one.replicas)},
              {"resource", resource_of(one)},
              {"switchesMigOn", one.switches_on},
              {"pricePerHour", money_or_null(one.price_micros)}};
  if (one.placed) {
    out["start"] = one.placed->placement.start;
    out["size"] = one.placed->placement.size;
  }
  if (one.memory_bytes) out["memoryMib"] = *one.memory_bytes >> 20U;
  return out;
}

std::string resource_of(const fleet::PromisedPart& part) {
  return part.resource.empty() ? resource_name(part.profile) : part.resource;
}

std::string resource_of(const decision::Grant& grant) {
  return grant.resource.empty() ? resource_name(grant.profile) : grant.resource;
}

Json moves_json(const std::vector<decision::Move>& moves) {
  Json out = Json::array();
  for (const decision::Move& one : moves)
    out.push_back({{"holder", one.holder},
                   {"fromDeviceId", one.from_device_id},
                   {"profile", one.profile},
                   {"start", one.placed.placement.start},
                   {"size", one.placed.placement.size},
                   {"to", grant_json(one.to)},
                   {"sentence", one.sentence}});
  return out;
}

std::string resource_name(const std::string& profile) {
  if (profile.empty()) return "nvidia.com/gpu";
  return nodes::mig_resource(profile);
}

Json decision_json(const decision::Decision& of) {
  Json grants = Json::array(), factors = Json::array(), others = Json::array();
  for (const decision::Grant& one : of.grants) grants.push_back(grant_json(one));
  for (const decision::Factor& one : of.reason.factors)
    factors.push_back({{"key", one.key}, {"text", one.text}, {"value", one.value}});
  for (const decision::RunnerUp& one : of.runners_up) {
    Json other = grant_json(one.grant);
    other["whyNot"] = one.why_not;
    others.push_back(std::move(other));
  }
  return {{"policy", of.reason.policy},
          {"sentence", of.reason.sentence},
          {"factors", factors},
          {"grants", grants},
          {"pricePerHour", money_or_null(of.price_micros)},
          {"runnersUp", others}};
}

Json refusal_json(const decision::Refusal& of) {
  Json misses = Json::array(), remedies = Json::array();
  for (const decision::Miss& one : of.misses) {
    Json nearest = Json::array();
    for (const decision::Nearest& near : one.nearest)
      nearest.push_back({{"deviceId", near.device_id}, {"what", near.what}});
    misses.push_back({{"cause", decision::cause_name(one.cause)},
                      {"devices", one.devices},
                      {"sentence", one.sentence},
                      {"nearest", nearest}});
  }
  for (const decision::Remedy& one : of.remedies) {
    remedies.push_back({{"kind", decision::remedy_kind_name(one.kind)},
                        {"deviceId", text_or_null(one.device_id)},
                        {"sentence", one.sentence}});
    if (!one.moves.empty()) remedies.back()["moves"] = moves_json(one.moves);
  }
  return {{"sentence", of.sentence}, {"misses", misses}, {"remedies", remedies}};
}

Json allocation_json(const fleet::PodAllocation& one, const fleet::View& view, const fleet::CostOwner& owner) {
  Json parts = Json::array();
  for (const fleet::PromisedPart& part : one.parts) parts.push_back(part_json(one, part, view));
  return {{"id", one.id},
          {"cluster", one.cluster},
          {"namespace", one.space},
          {"podName", one.pod},
          {"podUid", text_or_null(one.pod_uid)},
          {"team", text_or_null(owner.team)},
          {"project", text_or_null(owner.project)},
          {"priority", one.priority},
          {"state", fleet::allocation_state_name(one.state)},
          {"reason", one.why},
          {"by", one.who},
          {"since", time_json(one.since)},
          {"ready", one.ready_since.has_value() && !fleet::is_over(one.state)},
          {"readySince", time_or_null(one.ready_since)},
          {"expires", time_or_null(one.expires)},
          {"wait", one.waits},
          {"leaseSeconds", one.lease.count() / 1'000},
          {"askedBy", one.asked_by},
          {"askedAt", time_json(one.asked_at)},
          {"request", kept(one.request)},
          {"parts", parts},
          {"decision", kept(one.decision)}};
}

std::optional<decision::Refusal> refused_by(const std::vector<BudgetWord>& budgets) {
  if (budgets.empty() || !budgets.front().refuses()) return std::nullopt;
  return decision::Refusal{budgets.front().sentence, {}, {}};
}

Json explained(Json decided, const AllocationWish& wish, const std::string& hint,
               const std::vector<BudgetWord>& budgets) {
  decided["requiredMib"] = wish.need.memory_mib ? Json(*wish.need.memory_mib) : Json(nullptr);
  decided["hint"] = text_or_null(hint);
  decided["assumed"] = text_or_null(wish.assumed);
  decided["budgets"] = words_json(budgets);
  return decided;
}

}  // namespace tessera::server

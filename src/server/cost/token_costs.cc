#include "server/cost/token_costs.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "fleet/cost/tokens.h"
#include "server/api_json.h"
#include "server/cost/json.h"
#include "server/serving_pods.h"

namespace tessera::server {
namespace {

using fleet::CostKind;
using PodKey = std::tuple<std::string, std::string, std::string>;  ///< cluster, namespace, name

struct PodCost {
  fleet::Micros held = 0, idle = 0;
  bool priced = true;  ///< else there is no rate for some of what it has
  std::string team;
};

using PodCosts = std::map<PodKey, PodCost>;

void add(PodCosts& into, const fleet::CostOwner* owner, CostKind kind, const fleet::CostAmount& amount) {
  if (!owner || owner->pod.empty() || !fleet::is_allocated(kind)) return;
  PodCost& of = into[{owner->cluster, owner->space, owner->pod}];
  of.held += amount.micros;
  of.priced = of.priced && amount.unpriced_ms == 0;
  if (kind == CostKind::HeldIdle) of.idle += amount.micros;
  of.team = owner->team;
}

struct ModelSum {
  std::size_t engines = 0;
  fleet::Micros held = 0, idle = 0;
  bool priced = true;
  double prompt = 0, cached = 0, generated = 0;  ///< tokens of an hour
  std::set<PodKey> pods;                         ///< whose money is in it: data-parallel engines may share one
};
using ModelSums = std::map<std::tuple<std::string, std::string, std::string>, ModelSum>;  ///< by cluster, model, team

/// `tokens` are of an hour.
void add(ModelSums& into, const store::ServedTokens& tokens, const PodCosts& costs) {
  const auto own = costs.find({tokens.cluster, tokens.space, tokens.pod});
  const std::string team = own == costs.end() ? "" : own->second.team;
  ModelSum& sum = into[{tokens.cluster, tokens.model, team}];
  ++sum.engines;
  sum.prompt += tokens.prompt;
  sum.cached += tokens.cached;
  sum.generated += tokens.generated;
  for (const std::string& pod : tokens.pods) {
    const auto cost = costs.find({tokens.cluster, tokens.space, pod});
    if (cost == costs.end() || !sum.pods.insert(cost->first).second) continue;
    sum.priced = sum.priced && cost->second.priced;
    sum.held += cost->second.held;
    sum.idle += cost->second.idle;
  }
}

Json sum_json(const ModelSum& sum) {
  const auto units = [](fleet::Micros micros) { return static_cast<double>(micros) / fleet::kUnit; };
  const auto prices = fleet::token_prices({units(sum.held), units(sum.idle), sum.prompt, sum.cached, sum.generated});
  const bool known = sum.priced && !sum.pods.empty();
  const fleet::TokenPrices of = prices && known ? *prices : fleet::TokenPrices();
  return {{"engines", sum.engines},
          {"pods", sum.pods.size()},
          {"costPerHour", known ? money_json(sum.held) : Json()},
          {"idleCostPerHour", known ? money_json(sum.idle) : Json()},
          {"promptTokensPerHour", sum.prompt},
          {"cachedTokensPerHour", sum.cached},
          {"generatedTokensPerHour", sum.generated},
          {"perMillionTokens",
           {{"blended", or_null(of.blended)},
            {"perOutput", or_null(of.per_output)},
            {"prompt", or_null(of.prompt)},
            {"generated", or_null(of.generated)},
            {"blendedOfUsed", or_null(of.blended_used)}}}};
}

Json sums_json(const ModelSums& sums) {
  Json out = Json::array();
  for (const auto& [of, sum] : sums) {
    const auto& [cluster, model, team] = of;
    Json row = {{"cluster", cluster}, {"model", text_or_null(model)}, {"team", text_or_null(team)}};
    row.update(sum_json(sum));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

Json token_costs_json(const Published& known, const HourlyCosts& hourly, const Viewer& viewer) {
  constexpr double kHour = 3'600;
  PodCosts costs;
  for (const store::CostPosting& one : hourly.postings)
    add(costs, one.owner ? &*one.owner : nullptr, one.kind, one.amount);
  ModelSums sums;
  for (const auto& engine : known.serving->engines) {
    if (viewer.restricted() && (engine->space.empty() || !viewer.sees(engine->space))) continue;
    const bool paced = engine->prompt_tokens_per_second || engine->generation_tokens_per_second;
    auto pods = pods_of_replica(*engine, *known.cluster);
    if (!paced || pods.empty()) continue;
    const double prompt = engine->prompt_tokens_per_second.value_or(0) * kHour;
    const std::string pod = pods.front();
    add(sums,
        {engine->cluster, engine->space, pod, engine->model, std::move(pods), prompt,
         prompt * engine->prefix_hit_ratio.value_or(0), engine->generation_tokens_per_second.value_or(0) * kHour},
        costs);
  }
  return sums_json(sums);
}

Json token_costs_json(const std::vector<store::ServedTokens>& tokens, const std::vector<fleet::CostRow>& rows,
                      const fleet::CostWindow& window, const Viewer& viewer) {
  constexpr double kHour = 3'600'000;
  ModelSums sums;
  if (window.from >= window.to) return sums_json(sums);
  const double hours = static_cast<double>(window.to - window.from) / kHour;
  PodCosts costs;
  for (const fleet::CostRow& row : rows) add(costs, row.owner, row.kind, row.amount);
  for (auto& [pod, cost] : costs) {
    cost.held = std::llround(static_cast<double>(cost.held) / hours);
    cost.idle = std::llround(static_cast<double>(cost.idle) / hours);
  }
  for (store::ServedTokens one : tokens) {
    if (viewer.restricted() && (one.space.empty() || !viewer.sees(one.space))) continue;
    one.prompt /= hours, one.cached /= hours, one.generated /= hours;
    add(sums, one, costs);
  }
  return sums_json(sums);
}

}  // namespace tessera::server

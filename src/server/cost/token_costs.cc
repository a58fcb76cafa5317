#include "server/cost/token_costs.h"

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

std::map<PodKey, PodCost> pod_costs(const HourlyCosts& hourly) {
  std::map<PodKey, PodCost> out;
  for (const store::CostPosting& one : hourly.postings) {
    if (!one.owner || one.owner->pod.empty() || !fleet::is_allocated(one.kind)) continue;
    PodCost& of = out[{one.owner->cluster, one.owner->space, one.owner->pod}];
    of.held += one.amount.micros;
    of.priced = of.priced && one.amount.unpriced_ms == 0;
    if (one.kind == CostKind::HeldIdle) of.idle += one.amount.micros;
    of.team = one.owner->team;
  }
  return out;
}

struct ModelSum {
  std::size_t engines = 0;
  fleet::Micros held = 0, idle = 0;
  bool priced = true;
  double prompt = 0, cached = 0, generated = 0;  ///< tokens of an hour
  std::set<PodKey> pods;                         ///< whose money is in it: data-parallel engines may share one
};

void add(ModelSum& into, const fleet::Served& engine, const std::vector<std::string>& pods,
         const std::map<PodKey, PodCost>& costs) {
  constexpr double kHour = 3'600;
  ++into.engines;
  const double prompt = engine.prompt_tokens_per_second.value_or(0) * kHour;
  into.prompt += prompt;
  into.cached += prompt * engine.prefix_hit_ratio.value_or(0);
  into.generated += engine.generation_tokens_per_second.value_or(0) * kHour;
  for (const std::string& pod : pods) {
    const auto cost = costs.find({engine.cluster, engine.space, pod});
    if (cost == costs.end() || !into.pods.insert(cost->first).second) continue;
    into.priced = into.priced && cost->second.priced;
    into.held += cost->second.held;
    into.idle += cost->second.idle;
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

}  // namespace

Json token_costs_json(const Published& known, const HourlyCosts& hourly, const Viewer& viewer) {
  const auto costs = pod_costs(hourly);
  std::map<std::tuple<std::string, std::string, std::string>, ModelSum> sums;  // by cluster, model and team
  for (const auto& engine : known.serving->engines) {
    if (viewer.restricted() && (engine->space.empty() || !viewer.sees(engine->space))) continue;
    const bool paced = engine->prompt_tokens_per_second || engine->generation_tokens_per_second;
    const auto pods = pods_of_replica(*engine, *known.cluster);
    if (!paced || pods.empty()) continue;
    const auto own = costs.find({engine->cluster, engine->space, pods.front()});
    const std::string team = own == costs.end() ? "" : own->second.team;
    add(sums[{engine->cluster, engine->model, team}], *engine, pods, costs);
  }
  Json out = Json::array();
  for (const auto& [of, sum] : sums) {
    const auto& [cluster, model, team] = of;
    Json row = {{"cluster", cluster}, {"model", text_or_null(model)}, {"team", text_or_null(team)}};
    row.update(sum_json(sum));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace tessera::server

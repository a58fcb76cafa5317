#include "server/cost/token_costs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "fleet/cost/ledger.h"
#include "fleet/cost/tokens.h"
#include "fleet/serving/serving_pods.h"
#include "server/api_json.h"
#include "server/cost/json.h"

namespace tessera::server {
namespace {

using fleet::CostKind;
using PodKey = std::tuple<std::string, std::string, std::string>;  ///< cluster, namespace, name

struct PodCost {
  fleet::Micros held = 0, idle = 0;
  std::int64_t device_ms = 0;
  bool priced = true;  ///< else there is no rate for some of what it has
  std::string team;
};

using PodCosts = std::map<PodKey, PodCost>;

void add(PodCosts& into, const fleet::CostOwner& owner, CostKind kind, const fleet::CostAmount& amount) {
  if (owner.pod.empty() || !fleet::is_allocated(kind)) return;
  PodCost& of = into[{owner.cluster, owner.space, owner.pod}];
  of.held += amount.micros;
  of.device_ms += amount.device_ms;
  of.priced = of.priced && amount.unpriced_ms == 0;
  if (kind == CostKind::HeldIdle) of.idle += amount.micros;
  of.team = owner.team;
}

struct ModelSum {
  std::set<PodKey> engines;
  double held = 0, idle = 0;  ///< in millionths
  bool priced = true;
  double prompt = 0, cached = 0, generated = 0;
  std::set<PodKey> pods;  ///< whose money is in it
  std::size_t buckets = 0;
  std::optional<EpochMs> bucket;  ///< the last of them
  double device_ms = 0;           ///< that its pods had devices for, whether anybody told of tokens or not
  double observed_ms = 0;         ///< of that, where counters were told
  bool observed_known = true;     ///< else there is time of which nobody knows
};
using ModelSums = std::map<std::tuple<std::string, std::string, std::string>, ModelSum>;  ///< by cluster, model, team

/// What a pod served with all models, in one bucket.
struct Served {
  double tokens = 0;
  std::size_t models = 0;
};

/// Of a model for which one pod answers: whichever pods have served it with that one, it told of one after the other.
using Answering = std::pair<PodKey, std::string>;
Answering answering(const store::ServedTokens& of) { return {{of.cluster, of.space, of.pod}, of.model}; }

/// In how much of the bucket counters were told.
std::map<Answering, double> observed_shares(std::span<const store::ServedTokens> tokens) {
  constexpr auto kBucket = static_cast<double>(fleet::kCostBucket.count());
  std::map<Answering, double> out;
  for (const store::ServedTokens& one : tokens) {
    double& share = out[answering(one)];
    share = std::min(1.0, share + static_cast<double>(one.observed_ms.value_or(0)) / kBucket);
  }
  return out;
}

/// `tokens` are of one bucket, or of an hour, `costs` of the same time. The money of a pod that served several models,
/// or answers for several engines, is split as their tokens are; where it made none, evenly.
void add(ModelSums& into, std::span<const store::ServedTokens> tokens, const PodCosts& costs) {
  std::map<PodKey, Served> served;
  for (const store::ServedTokens& one : tokens)
    for (const std::string& pod : one.pods) {
      Served& of = served[{one.cluster, one.space, pod}];
      of.tokens += one.prompt + one.generated;
      ++of.models;
    }
  const auto observed = observed_shares(tokens);
  for (const store::ServedTokens& one : tokens) {
    const PodKey key{one.cluster, one.space, one.pod};
    const auto own = costs.find(key);
    ModelSum& sum = into[{one.cluster, one.model, own == costs.end() ? "" : own->second.team}];
    sum.engines.insert(key);
    if (sum.bucket != one.bucket) ++sum.buckets;
    sum.bucket = one.bucket;
    sum.prompt += one.prompt;
    sum.cached += one.cached;
    sum.generated += one.generated;
    for (const std::string& pod : one.pods) {
      const auto cost = costs.find({one.cluster, one.space, pod});
      if (cost == costs.end()) continue;
      const Served& all = served[cost->first];
      const double share =
          all.tokens > 0 ? (one.prompt + one.generated) / all.tokens : 1.0 / static_cast<double>(all.models);
      sum.pods.insert(cost->first);
      sum.priced = sum.priced && cost->second.priced;
      sum.held += share * static_cast<double>(cost->second.held);
      sum.idle += share * static_cast<double>(cost->second.idle);
      const double device_ms = share * static_cast<double>(cost->second.device_ms);
      sum.device_ms += device_ms;
      sum.observed_known = sum.observed_known && one.observed_ms.has_value();
      sum.observed_ms += device_ms * observed.at(answering(one));
    }
  }
}

using SumsOfPods = std::map<PodKey, std::vector<ModelSum*>>;

/// The sums that a pod's money is in.
SumsOfPods sums_of_pods(ModelSums& sums) {
  SumsOfPods out;
  for (auto& [of, sum] : sums)
    for (const PodKey& pod : sum.pods) out[pod].push_back(&sum);
  return out;
}

/// What pods of the sums had devices for in a bucket in which nobody told of tokens of theirs: of models that a pod has
/// served otherwise, in equal parts.
void add_untold(const SumsOfPods& into, std::span<const store::ServedTokens> tokens, const PodCosts& costs) {
  std::set<PodKey> told;
  for (const store::ServedTokens& one : tokens)
    for (const std::string& pod : one.pods) told.insert({one.cluster, one.space, pod});
  for (const auto& [pod, cost] : costs) {
    const auto served = into.find(pod);
    if (served == into.end() || told.contains(pod)) continue;
    for (ModelSum* sum : served->second)
      sum->device_ms += static_cast<double>(cost.device_ms) / static_cast<double>(served->second.size());
  }
}

/// How much of its pods' time is in a row's numbers. Null for what is now.
Json coverage_json(const ModelSum& sum, std::optional<EpochMs> bucket) {
  constexpr double kHour = 3'600'000;
  if (!bucket)
    return {{"coveredSeconds", nullptr}, {"gpuHours", nullptr}, {"unobservedGpuHours", nullptr}, {"coverage", nullptr}};
  const bool known = sum.observed_known && sum.device_ms > 0;
  return {{"coveredSeconds", static_cast<EpochMs>(sum.buckets) * *bucket / 1'000},
          {"gpuHours", sum.device_ms / kHour},
          {"unobservedGpuHours", known ? Json((sum.device_ms - sum.observed_ms) / kHour) : Json()},
          {"coverage", known ? Json(sum.observed_ms / sum.device_ms) : Json()}};
}

/// `hours` is the length of a bucket.
Json sum_json(const ModelSum& sum, double hours) {
  const double all = hours * static_cast<double>(sum.buckets);
  const double unit = static_cast<double>(fleet::kUnit);
  const auto prices = fleet::token_prices({sum.held / unit, std::min(sum.idle, sum.held) / unit, sum.prompt,
                                           std::min(sum.cached, sum.prompt), sum.generated});
  const bool known = sum.priced && !sum.pods.empty();
  const fleet::TokenPrices of = prices && known ? *prices : fleet::TokenPrices();
  return {{"engines", sum.engines.size()},
          {"pods", sum.pods.size()},
          {"costPerHour", known ? money_json(std::llround(sum.held / all)) : Json()},
          {"idleCostPerHour", known ? money_json(std::llround(sum.idle / all)) : Json()},
          {"promptTokensPerHour", sum.prompt / all},
          {"cachedTokensPerHour", sum.cached / all},
          {"generatedTokensPerHour", sum.generated / all},
          {"perMillionTokens",
           {{"blended", or_null(of.blended)},
            {"perOutput", or_null(of.per_output)},
            {"prompt", or_null(of.prompt)},
            {"generated", or_null(of.generated)},
            {"blendedOfUsed", or_null(of.blended_used)}}}};
}

Json sums_json(const ModelSums& sums, std::optional<EpochMs> bucket) {
  constexpr double kHour = 3'600'000;
  Json out = Json::array();
  for (const auto& [of, sum] : sums) {
    const auto& [cluster, model, team] = of;
    Json row = {{"cluster", cluster}, {"model", text_or_null(model)}, {"team", text_or_null(team)}};
    row.update(sum_json(sum, bucket ? static_cast<double>(*bucket) / kHour : 1));
    row.update(coverage_json(sum, bucket));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

Json token_costs_json(const Published& known, const HourlyCosts& hourly, const Viewer& viewer) {
  constexpr double kHour = 3'600;
  PodCosts costs;
  for (const store::CostPosting& one : hourly.postings)
    if (one.owner) add(costs, *one.owner, one.kind, one.amount);
  std::vector<store::ServedTokens> tokens;
  for (const auto& engine : known.serving->engines) {
    if (viewer.restricted() && (engine->space.empty() || !viewer.sees(engine->space))) continue;
    const bool paced = engine->prompt_tokens_per_second || engine->generation_tokens_per_second;
    auto pods = pods_of_replica(*engine, *known.cluster);
    if (!paced || pods.empty()) continue;
    const double prompt = engine->prompt_tokens_per_second.value_or(0) * kHour;
    const std::string pod = pods.front();
    tokens.push_back({engine->cluster, engine->space, pod, engine->model, std::move(pods), prompt,
                      prompt * engine->prefix_hit_ratio.value_or(0),
                      engine->generation_tokens_per_second.value_or(0) * kHour});
  }
  ModelSums sums;
  add(sums, tokens, costs);
  return sums_json(sums, std::nullopt);
}

Json token_costs_json(const ServedTime& served, const Viewer& viewer) {
  std::map<EpochMs, PodCosts> costs;
  for (const store::ServingCost& one : served.costs) add(costs[one.bucket], one.owner, one.kind, one.amount);
  std::map<EpochMs, std::vector<store::ServedTokens>> tokens;
  for (const store::ServedTokens& one : served.tokens)
    if (!viewer.restricted() || (!one.space.empty() && viewer.sees(one.space))) tokens[one.bucket].push_back(one);
  ModelSums sums;
  for (const auto& [bucket, of] : tokens) add(sums, of, costs[bucket]);
  const SumsOfPods of_pods = sums_of_pods(sums);
  for (const auto& [bucket, of] : costs) add_untold(of_pods, tokens[bucket], of);
  return sums_json(sums, fleet::kCostBucket.count());
}

}  // namespace tessera::server

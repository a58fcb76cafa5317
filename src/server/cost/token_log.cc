#include "server/cost/token_log.h"

#include <algorithm>
#include <set>

#include "fleet/cost/ledger.h"
#include "fleet/serving/serving_pods.h"

namespace tessera::server {
namespace {

constexpr EpochMs kMinute = 60'000, kGap = 5 * kMinute;

}  // namespace

void TokenLog::look(const fleet::ServingView& serving, const fleet::ClusterView& cluster, EpochMs now) {
  const EpochMs since = std::exchange(looked_, now).value_or(now);
  if (now <= since || now - since > kGap) return;
  for (EpochMs from = since, to = 0; from < now; from = to) {
    to = std::min(now, fleet::cost_bucket_of(from) + fleet::kCostBucket.count());
    add(serving, cluster, from, to);
  }
}

void TokenLog::add(const fleet::ServingView& serving, const fleet::ClusterView& cluster, EpochMs from, EpochMs to) {
  const double seconds = static_cast<double>(to - from) / 1'000;
  std::set<const store::ServedTokens*> seen;  // several engines may be one's
  for (const auto& one : serving.engines) {
    if (!one->prompt_tokens_per_second && !one->generation_tokens_per_second) continue;
    auto pods = pods_of_replica(*one, cluster);
    if (pods.empty()) continue;
    const double prompt = one->prompt_tokens_per_second.value_or(0) * seconds;
    auto& sum = sums_[{fleet::cost_bucket_of(from), one->cluster, one->space, pods.front(), one->model, pods}];
    sum.cluster = one->cluster;
    sum.space = one->space;
    sum.pod = pods.front();
    sum.model = one->model;
    sum.pods = std::move(pods);
    sum.prompt += prompt;
    sum.cached += prompt * std::clamp(one->prefix_hit_ratio.value_or(0), 0.0, 1.0);
    sum.generated += one->generation_tokens_per_second.value_or(0) * seconds;
    if (seen.insert(&sum).second) sum.observed_ms = sum.observed_ms.value_or(0) + (to - from);
  }
}

std::vector<std::pair<EpochMs, std::vector<store::ServedTokens>>> TokenLog::due(EpochMs now) const {
  std::vector<std::pair<EpochMs, std::vector<store::ServedTokens>>> out;
  if (now - kept_at_ < kMinute) return out;
  for (const auto& [key, sum] : sums_) {
    if (out.empty() || out.back().first != std::get<0>(key)) out.push_back({std::get<0>(key), {}});
    out.back().second.push_back(sum);
  }
  return out;
}

void TokenLog::kept(EpochMs now) {
  sums_.clear();
  kept_at_ = now;
}

}  // namespace tessera::server

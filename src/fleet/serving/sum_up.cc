// What the series of one engine come to.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include "fleet/serving/serving.h"

namespace tessera::fleet {
namespace {

using Piece = ServingMeaning::Piece;

constexpr double kHalf = 0.5, kMost = 0.9, kNearlyAll = 0.99;

/// Series that say the same, of all ranks; under the new name where it is told, else under the old one.
template <class Series>
class Sorted {
 public:
  void add(const Series& series) { of(series.meaning.measure, series.meaning.old).push_back(&series); }
  const std::vector<const Series*>& told(Measure measure) const {
    const auto& fresh = all_[static_cast<std::size_t>(measure)][0];
    return fresh.empty() ? all_[static_cast<std::size_t>(measure)][1] : fresh;
  }

  std::optional<double> sum(Measure measure) const {
    std::optional<double> out;
    for (const Series* one : told(measure)) out = out.value_or(0) + one->value;
    return out;
  }
  std::optional<double> mean(Measure measure) const {
    const auto all = sum(measure);
    return all ? std::optional(*all / static_cast<double>(told(measure).size())) : std::nullopt;
  }
  std::optional<double> increase(Measure measure) const {
    return over(measure, [](const Increase& one) { return one.amount; });
  }
  std::optional<double> rate(Measure measure) const {
    return over(measure, [](const Increase& one) { return one.amount / one.seconds; });
  }

  Latency latency(Measure measure) const {
    Latency out;
    double sum = 0, count = 0;
    std::map<double, double> by_upper;
    for (const Series* one : told(measure)) {
      const auto grown = one->counter.increase();
      if (!grown) continue;
      if (one->meaning.piece == Piece::Sum) sum += grown->amount;
      if (one->meaning.piece == Piece::Count) count += grown->amount;
      if (one->meaning.piece == Piece::Bucket) by_upper[one->upper] += grown->amount;
    }
    if (count > 0) out.mean = sum / count;
    std::vector<Bucket> buckets;
    for (const auto& [upper, grown] : by_upper) buckets.push_back({upper, grown});
    out.p50 = quantile(kHalf, buckets);
    out.p90 = quantile(kMost, buckets);
    out.p99 = quantile(kNearlyAll, buckets);
    return out;
  }

 private:
  std::vector<const Series*>& of(Measure measure, bool old) { return all_[static_cast<std::size_t>(measure)][old]; }

  template <class Of>
  std::optional<double> over(Measure measure, const Of& of) const {
    std::optional<double> out;
    for (const Series* one : told(measure))
      if (const auto grown = one->counter.increase()) out = out.value_or(0) + of(*grown);
    return out;
  }

  std::array<std::array<std::vector<const Series*>, 2>, kMeasures> all_;
};

std::optional<double> ratio(std::optional<double> part, std::optional<double> whole) {
  return part && whole && *whole > 0 ? std::optional(std::min(1.0, *part / *whole)) : std::nullopt;
}

}  // namespace

std::shared_ptr<const Served> Serving::sum_up(const EngineState& engine) const {
  Sorted<Series> sorted;
  for (const Slot slot : engine.series) {
    const Series& series = series_[slot];
    if (series.live && series.source == engine.source && engine.last_seen - series.last <= silence())
      sorted.add(series);
  }
  Served out = *engine.facts;
  out.last_seen = engine.last_seen;
  out.ranks = static_cast<unsigned>(sorted.told(Measure::Running).size());
  out.running = sorted.sum(Measure::Running);
  out.waiting = sorted.sum(Measure::Waiting);
  out.kv_used_ratio = sorted.mean(Measure::KvUsed);
  out.kv_capacity_tokens = sorted.sum(Measure::KvCapacity);
  if (!out.kv_capacity_tokens) out.kv_capacity_tokens = sorted.sum(Measure::CacheConfig);
  if (const auto awake = sorted.sum(Measure::Awake)) out.asleep = *awake == 0;
  out.prompt_tokens_per_second = sorted.rate(Measure::PromptTokens);
  out.generation_tokens_per_second = sorted.rate(Measure::GenerationTokens);
  out.finished_per_second = sorted.rate(Measure::Finished);
  out.preemptions = sorted.increase(Measure::Preemptions);
  for (const Series* one : sorted.told(Measure::GenerationTokens))
    if (const auto grown = one->counter.increase()) out.window_seconds = grown->seconds;
  // Counters tell of the window; a gauge, of what its engine takes for now.
  out.prefix_hit_ratio = ratio(sorted.increase(Measure::PrefixHits), sorted.increase(Measure::PrefixQueries));
  if (!out.prefix_hit_ratio)
    out.prefix_hit_ratio = ratio(sorted.increase(Measure::CachedPromptTokens), sorted.increase(Measure::PromptTokens));
  if (!out.prefix_hit_ratio) out.prefix_hit_ratio = sorted.mean(Measure::PrefixHitRatio);
  out.first_token = sorted.latency(Measure::FirstToken);
  out.inter_token = sorted.latency(Measure::InterToken);
  out.end_to_end = sorted.latency(Measure::EndToEnd);
  out.queue = sorted.latency(Measure::Queue);
  return std::make_shared<const Served>(std::move(out));
}

}  // namespace tessera::fleet

#include "fleet/serving/serving_meaning.h"

#include <algorithm>

namespace tessera::fleet {
namespace {

struct Row {
  std::string_view name;
  Measure measure;
  bool old = false;
};

constexpr Row kVllm[] = {
    {"num_requests_running", Measure::Running},
    {"num_requests_waiting", Measure::Waiting},
    {"kv_cache_usage_perc", Measure::KvUsed},
    {"gpu_cache_usage_perc", Measure::KvUsed, true},
    {"cache_config_info", Measure::CacheConfig},
    {"gpu_prefix_cache_hit_rate", Measure::PrefixHitRatio},
    {"prefix_cache_queries_total", Measure::PrefixQueries},
    {"gpu_prefix_cache_queries_total", Measure::PrefixQueries, true},
    {"prefix_cache_hits_total", Measure::PrefixHits},
    {"gpu_prefix_cache_hits_total", Measure::PrefixHits, true},
    {"num_preemptions_total", Measure::Preemptions},
    {"prompt_tokens_total", Measure::PromptTokens},
    {"prompt_tokens_cached_total", Measure::CachedPromptTokens},
    {"generation_tokens_total", Measure::GenerationTokens},
    {"request_success_total", Measure::Finished},
    {"engine_sleep_state", Measure::Awake},
    {"time_to_first_token_seconds", Measure::FirstToken},
    {"inter_token_latency_seconds", Measure::InterToken},
    {"time_per_output_token_seconds", Measure::InterToken, true},
    {"e2e_request_latency_seconds", Measure::EndToEnd},
    {"request_queue_time_seconds", Measure::Queue},
};

constexpr Row kSglang[] = {
    {"num_running_reqs", Measure::Running},
    {"num_queue_reqs", Measure::Waiting},
    {"token_usage", Measure::KvUsed},
    {"max_total_num_tokens", Measure::KvCapacity},
    {"cache_hit_rate", Measure::PrefixHitRatio},
    {"num_retracted_requests_total", Measure::Preemptions},
    {"prompt_tokens_total", Measure::PromptTokens},
    {"cached_tokens_total", Measure::CachedPromptTokens},
    {"generation_tokens_total", Measure::GenerationTokens},
    {"num_requests_total", Measure::Finished},
    {"time_to_first_token_seconds", Measure::FirstToken},
    {"inter_token_latency_seconds", Measure::InterToken},
    {"time_per_output_token_seconds", Measure::InterToken, true},
    {"e2e_request_latency_seconds", Measure::EndToEnd},
    {"queue_time_seconds", Measure::Queue},
};

using Piece = ServingMeaning::Piece;
constexpr struct {
  std::string_view suffix;
  Piece piece;
} kPieces[] = {{"_bucket", Piece::Bucket}, {"_count", Piece::Count}, {"_sum", Piece::Sum}};

/// The colon becomes an underscore where Ray exports them.
bool take_prefix(std::string_view& name, std::string_view engine) {
  if (!name.starts_with(engine) || name.size() == engine.size()) return false;
  const char after = name[engine.size()];
  if (after != ':' && after != '_') return false;
  name.remove_prefix(engine.size() + 1);
  return true;
}

template <std::size_t kSize>
std::optional<ServingMeaning> find(const Row (&rows)[kSize], std::string_view name, Engine engine) {
  ServingMeaning out{engine, {}};
  const auto row = [&](std::string_view of) { return std::ranges::find(rows, of, &Row::name); };
  const auto* found = row(name);
  if (found == std::end(rows))
    for (const auto& [suffix, piece] : kPieces)
      if (name.ends_with(suffix)) {
        found = row(name.substr(0, name.size() - suffix.size()));
        out.piece = piece;
        break;
      }
  // A histogram has pieces, and nothing else has.
  if (found == std::end(rows) || is_histogram(found->measure) != (out.piece != Piece::Value)) return std::nullopt;
  out.measure = found->measure;
  out.old = found->old;
  return out;
}

}  // namespace

std::string_view engine_name(Engine engine) { return engine == Engine::Vllm ? "vllm" : "sglang"; }

bool is_histogram(Measure measure) { return measure >= Measure::FirstToken; }

bool is_counter(Measure measure) { return measure >= Measure::PrefixQueries && measure != Measure::Awake; }

std::optional<ServingMeaning> serving_meaning(std::string_view metric) {
  if (metric.starts_with("ray_")) metric.remove_prefix(4);
  if (take_prefix(metric, "vllm")) return find(kVllm, metric, Engine::Vllm);
  if (take_prefix(metric, "sglang")) return find(kSglang, metric, Engine::Sglang);
  return std::nullopt;
}

}  // namespace tessera::fleet

#include "fleet/serving/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"

namespace tessera::fleet {
namespace {

using Piece = ServingMeaning::Piece;

/// vLLM's default engine tells its ranks by `engine`, SGLang by `dp_rank`. Of the other ranks of a group each tells the
/// same: the first is taken.
bool is_first_rank(Labels labels) {
  for (const char* name : {"tp_rank", "pp_rank"})
    if (const auto rank = label(labels, name); !rank.empty() && rank != "0") return false;
  return true;
}

std::optional<double> bound(std::string_view le) {
  if (le == "+Inf" || le == "Inf" || le == "inf") return std::numeric_limits<double>::infinity();
  return parse_double(le);
}

/// What `cache_config_info` tells in its labels: the tokens that the cache holds.
std::optional<double> capacity(Labels labels) {
  if (const auto told = parse_double(label(labels, "kv_cache_size_tokens"))) return told;
  const auto blocks = parse_double(label(labels, "num_gpu_blocks"));
  const auto size = parse_double(label(labels, "block_size"));
  return blocks && size ? std::optional(*blocks * *size) : std::nullopt;
}

/// By the job, and by the replica of a Prometheus that runs twice; never 0.
std::uint32_t source_of(Labels labels) {
  std::size_t out = 0;
  for (const char* name : {"job", "prometheus", "prometheus_replica", "replica", "__replica__"})
    out = out * 31 + std::hash<std::string_view>()(label(labels, name));
  return static_cast<std::uint32_t>(out) | 1U;
}

}  // namespace

std::string engine_key(const Served& engine) {
  if (engine.pod.empty()) return fmt::format("{} {}", engine_name(engine.engine), engine.instance);
  return fmt::format("{} {}/{} {} {}", engine_name(engine.engine), engine.space, engine.pod, engine.pod_uid,
                     engine.container);
}

std::uint32_t Serving::learn_engine(Labels labels, Engine engine, EpochMs time) {
  const auto text = [&](std::string_view name) { return std::string(label(labels, name)); };
  Served facts;
  facts.cluster = text("cluster").empty() ? "default" : text("cluster");
  facts.space = text("namespace");
  facts.pod = text("pod");
  facts.pod_uid = text("pod_uid");
  facts.container = text("container");
  facts.node = text("node");
  facts.instance = text("instance");
  facts.engine = engine;
  const std::string name = fmt::format("{} {}", facts.cluster, engine_key(facts));
  const auto known = engine_by_name_.find(name);
  std::uint32_t number = known == engine_by_name_.end() ? 0 : known->second;
  if (known == engine_by_name_.end()) {
    number = static_cast<std::uint32_t>(engines_.size());
    if (free_engines_.empty()) {
      engines_.emplace_back();
    } else {
      number = free_engines_.back();
      free_engines_.pop_back();
    }
    engine_by_name_.emplace(name, number);
    facts.first_seen = time;
    engines_[number].name = name;
    engines_[number].facts = std::make_shared<Served>(std::move(facts));
  }
  Served& of = *engines_[number].facts;
  if (const auto model = label(labels, "model_name"); !model.empty()) of.model = model;
  if (const auto role = label(labels, "engine_type"); role == "prefill" || role == "decode") of.role = role;
  return number;
}

Slot Serving::learn(Labels labels, EpochMs time) {
  const auto meaning = serving_meaning(label(labels, "__name__"));
  if (!meaning || !is_first_rank(labels)) return kNothing;
  if (label(labels, "pod").empty() && label(labels, "instance").empty()) return kNothing;
  if (meaning->measure == Measure::Awake && label(labels, "sleep_state") != "awake") return kNothing;
  Series fresh;
  fresh.meaning = *meaning;
  fresh.source = source_of(labels);
  if (meaning->piece == Piece::Bucket) {
    const auto upper = bound(label(labels, "le"));
    if (!upper) return kNothing;
    fresh.upper = *upper;
  }
  if (meaning->measure == Measure::CacheConfig) {
    fresh.by_label = capacity(labels);
    if (!fresh.by_label) return kNothing;
  }
  if (series() >= options_.max_series) {
    ++refused_;
    return kNothing;
  }
  fresh.engine = learn_engine(labels, meaning->engine, time);
  Slot slot = static_cast<Slot>(series_.size());
  if (free_series_.empty()) {
    series_.push_back(fresh);
  } else {
    slot = free_series_.back();
    free_series_.pop_back();
    series_[slot] = fresh;
  }
  engines_[series_[slot].engine].series.push_back(slot);
  return slot;
}

/// Of two who scrape one pod, one is believed while it speaks: their counts would be twice what they are.
bool Serving::believe(EngineState& engine, const Series& series, EpochMs time) const {
  const bool alive = time - engine.source_last <= 2 * options_.interval.count();
  if (engine.source != series.source && engine.source != 0 && alive) return false;
  engine.source = series.source;
  engine.source_last = std::max(engine.source_last, time);
  return true;
}

bool Serving::apply(Slot slot, double value, EpochMs time) {
  if (slot == kNothing) return false;
  Series& series = series_[slot];
  if (time <= series.last) return false;
  series.last = time;
  EngineState& engine = engines_[series.engine];
  series.live = std::isfinite(value);
  if (series.live) {
    series.value = series.by_label.value_or(value);
    if (is_counter(series.meaning.measure)) series.counter.add(time, value);
  }
  if (!believe(engine, series, time)) return true;
  engine.last_seen = std::max(engine.last_seen, time);
  engine.changed = true;
  return true;
}

void Serving::end(Slot slot, EpochMs time) {
  if (slot == kNothing || time <= series_[slot].last) return;
  series_[slot].last = time;
  series_[slot].live = false;
  engines_[series_[slot].engine].changed = true;
}

void Serving::forget(Slot slot) {
  if (slot == kNothing) return;
  const std::uint32_t number = series_[slot].engine;
  EngineState& engine = engines_[number];
  std::erase(engine.series, slot);
  engine.changed = true;
  series_[slot] = {};
  free_series_.push_back(slot);
  if (!engine.series.empty()) return;
  engine_by_name_.erase(engine.name);
  engine = {};
  free_engines_.push_back(number);
}

std::shared_ptr<const ServingView> Serving::publish(EpochMs now) {
  auto view = std::make_shared<ServingView>();
  for (EngineState& engine : engines_) {
    if (!engine.facts || now - engine.last_seen > silence()) continue;
    if (std::exchange(engine.changed, false) || !engine.published) engine.published = sum_up(engine);
    view->engines.push_back(engine.published);
  }
  return view;
}

}  // namespace tessera::fleet

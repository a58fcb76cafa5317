#pragma once
// Pods that serve models, as the metrics of their engines tell it. One thread writes; readers get immutable views.
// Pure: time comes in with the samples.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/serving/counter.h"
#include "fleet/serving/latency.h"
#include "fleet/serving/serving_meaning.h"

namespace tessera::fleet {

struct ServingOptions {
  Milliseconds interval{30'000};     ///< the longest that a source is expected to leave between two samples
  std::size_t max_series = 500'000;  ///< some 100 an engine, of some 150 bytes each
};

/// An engine in a pod, or at an address outside of Kubernetes: all its ranks together. What is not told is absent.
struct Served {
  // Who.
  std::string cluster;
  std::string space;  ///< namespace; empty outside of Kubernetes
  std::string pod;
  std::string pod_uid;  ///< mostly not told
  std::string container;
  std::string node;
  std::string instance;  ///< address of its metrics
  Engine engine{};
  std::string model;
  std::string role;  ///< "prefill", "decode"; empty: both
  // Now.
  unsigned ranks = 0;  ///< data-parallel ones that tell for themselves
  std::optional<double> running, waiting;
  std::optional<double> kv_used_ratio;       ///< mean over the ranks
  std::optional<double> kv_capacity_tokens;  ///< of all ranks
  std::optional<bool> asleep;
  // Over the last window.
  std::optional<double> window_seconds;  ///< of which the rates are
  std::optional<double> prompt_tokens_per_second, generation_tokens_per_second, finished_per_second;
  std::optional<double> prefix_hit_ratio;
  std::optional<double> preemptions;  ///< in the window
  Latency first_token, inter_token, end_to_end, queue;
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
};

/// Which engine of its cluster it is: another one has another.
std::string engine_key(const Served& engine);

struct ServingView {
  std::vector<std::shared_ptr<const Served>> engines;  ///< those that are heard of
};

class Serving {
 public:
  explicit Serving(ServingOptions options = {}) : options_(options) {}

  /// The slot of a series that has not been seen yet; kNothing for one that says nothing here, and where there are too
  /// many.
  Slot learn(Labels labels, EpochMs time);
  /// False for a sample that is not newer than the slot's last.
  bool apply(Slot slot, double value, EpochMs time);
  void end(Slot slot, EpochMs time);
  void forget(Slot slot);
  std::shared_ptr<const ServingView> publish(EpochMs now);

  std::size_t series() const { return series_.size() - 1 - free_series_.size(); }
  std::uint64_t refused_series() const { return refused_; }

 private:
  struct Series {
    std::uint32_t engine = 0;
    std::uint32_t source = 0;  ///< who scraped, as a number
    ServingMeaning meaning;
    bool live = false;               ///< it has been told and has not ended
    double upper = 0;                ///< of a bucket
    std::optional<double> by_label;  ///< what its labels tell, in the value's place
    EpochMs last = 0;
    double value = 0;
    WindowCounter counter;
  };
  struct EngineState {
    std::string name;  ///< in engine_by_name_
    std::shared_ptr<Served> facts;
    std::vector<Slot> series;
    std::uint32_t source = 0;  ///< believed until it is silent for two intervals
    EpochMs source_last = 0;
    EpochMs last_seen = 0;
    bool changed = false;
    std::shared_ptr<const Served> published;
  };

  std::uint32_t learn_engine(Labels labels, Engine engine, EpochMs time);
  bool believe(EngineState& engine, const Series& series, EpochMs time) const;
  std::shared_ptr<const Served> sum_up(const EngineState& engine) const;
  EpochMs silence() const { return options_.interval.count() * 5 / 2; }

  const ServingOptions options_;
  std::vector<Series> series_{1};
  std::vector<Slot> free_series_;
  std::vector<EngineState> engines_;
  std::vector<std::uint32_t> free_engines_;
  std::unordered_map<std::string, std::uint32_t> engine_by_name_;
  std::uint64_t refused_ = 0;
};

}  // namespace tessera::fleet

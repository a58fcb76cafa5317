#pragma once
// Where the samples of a batch go: each series is read once, when it is met for the first time, and has a slot of the
// fleet or of its serving engines from then on.
#include <cstdint>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/fleet.h"
#include "fleet/inventory/series_index.h"
#include "fleet/serving/serving.h"
#include "server/batch.h"

namespace tessera::server {

/// What became of a batch's samples.
struct Routed {
  std::uint64_t samples = 0;    ///< told something
  std::uint64_t ignored = 0;    ///< of series that say nothing here
  std::uint64_t not_newer = 0;  ///< double, or older than what is known
};

/// One thread's.
class SampleRouter {
 public:
  /// Both outlive it. `max_series`: known at one time, whatever they say.
  SampleRouter(fleet::Fleet& fleet, fleet::Serving& serving, std::size_t max_series);

  Routed apply(const Batch& batch);

  /// Series of which nothing has come for so long give their slots back.
  void forget_silent(Milliseconds silence);

  std::uint64_t series() const { return index_.size(); }
  /// Times that a series came which there was no room for at all.
  std::uint64_t refused() const { return refused_; }

 private:
  void find_slots(const Batch& batch);
  void learn_new(const Batch& batch);
  std::uint32_t learn(fleet::Labels labels, EpochMs time);
  std::uint32_t epoch() const;

  fleet::Fleet& fleet_;
  fleet::Serving& serving_;
  const std::size_t max_series_;
  fleet::SeriesIndex index_;
  std::vector<std::uint32_t> slots_;  ///< of one batch's samples
  bool all_known_ = true;             ///< of `slots_`
  std::uint64_t refused_ = 0;
  SteadyTime started_;
};

}  // namespace tessera::server

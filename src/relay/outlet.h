#pragma once
// One target's way to one destination: which of its series go there and under which labels, and what the open request
// knows of them already. Thread contract: the scrape thread.
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "relay/batch.h"
#include "relay/config.h"
#include "relay/scrape_cache.h"
#include "relay/series_table.h"

namespace tessera::relay {

/// What of a scrape goes out: samples in a table's rows, and the time of those that brought none.
struct Delivery {
  const SeriesTable& table;
  std::uint64_t epoch;  ///< of the table's rows
  std::span<const ScrapedSample> samples;
  std::span<const ScrapedTime> times;
  std::span<const ScrapedExemplar> exemplars;
  EpochMs time;
};

class Outlet {
 public:
  /// `rules` are the destination's write_relabel_configs; it outlives this, as the batch does.
  Outlet(const Destination& destination, Batch& batch) : destination_(destination), batch_(batch) {}

  /// Writes what the rules let through. Two series that the rules make the same cannot both go: the first one does,
  /// until it ends.
  void deliver(const Delivery& delivery, SteadyTime now);

  std::uint64_t collisions() const { return collisions_; }  ///< samples left out because another series has the labels
  /// Samples left out since it was last asked, because the rules made a metric name that remote write does not have.
  std::uint64_t take_unfit() { return std::exchange(unfit_, 0); }

 private:
  struct Handle {
    std::uint64_t generation = 0;  ///< of the batch; 0: none
    std::uint32_t value = 0;
  };
  /// Of a row that goes out: the series that goes as it, and at which scrape it last did.
  struct Owner {
    std::uint32_t series;
    EpochMs seen = 0;
  };
  std::uint32_t row_of(const Delivery& delivery, std::uint32_t series);
  bool may_go(std::uint32_t row, const ScrapedSample& sample);
  void write(const SeriesTable& table, const ScrapedSample& sample, std::uint32_t row, EpochMs time);
  bool is_told(const std::vector<Handle>& handles, std::uint32_t number) const {
    return number < handles.size() && handles[number].generation == batch_.generation();
  }
  void tell_metric(const SeriesTable& table, std::uint32_t metric);
  void tell_labels(const SeriesTable& table, std::uint32_t set);

  const Destination& destination_;
  Batch& batch_;
  std::vector<Handle> metrics_, label_sets_;
  SteadyTime metadata_due_{};

  // Where the destination has rules: the rows of the target's table as rows of a table of our own.
  std::unique_ptr<SeriesTable> relabelled_;
  std::vector<std::uint32_t> rows_;
  std::vector<Owner> owners_;  ///< a row of ours each
  EpochMs scrape_ = 0, scrape_before_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t collisions_ = 0;
  std::uint64_t unfit_ = 0;
};

}  // namespace tessera::relay

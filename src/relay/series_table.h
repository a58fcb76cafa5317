#pragma once
// The series of one target, in little memory: names and values once each, and label sets once each, because the metrics
// of a page repeat the same few sets. Thread contract: one thread.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/parse.h"
#include "relay/dictionary.h"
#include "relay/index_table.h"
#include "relay/labels.h"

namespace tessera::relay {

/// A row of the table. `metric` and `labels` are numbers of the table's own.
struct Series {
  std::uint32_t metric;
  std::uint32_t labels;
  std::uint32_t seen = 0;  ///< the last page that it stood in
  bool live = false;       ///< its newest sample that went out was no stale marker, and one is owed when it goes
};

/// What its family says of a metric. The views live as long as the table.
struct MetricText {
  std::string_view name;
  std::string_view family;  ///< as the page calls it; the name where the page says nothing
  metrics::Kind kind = metrics::Kind::Unknown;
  std::string_view help;
  std::string_view unit;
};

class SeriesTable {
 public:
  /// The series of these labels (with `__name__`), added where it is new. `scraped_name` is the name on the page, which
  /// the family is looked up by: relabelling may have changed it.
  std::uint32_t add(const Labels& labels, std::string_view scraped_name);

  /// The series of this name, as scraped, with a label set that the table has already.
  std::uint32_t add(std::string_view name, std::uint32_t label_set);

  Series& operator[](std::uint32_t series) { return series_[series]; }
  const Series& operator[](std::uint32_t series) const { return series_[series]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(series_.size()); }
  std::uint32_t metrics() const { return static_cast<std::uint32_t>(metrics_.size()); }
  std::uint32_t label_sets() const { return static_cast<std::uint32_t>(set_ends_.size()); }

  MetricText metric(std::uint32_t metric) const;
  std::string_view scraped_name(std::uint32_t metric) const { return texts_.text(metrics_[metric].scraped); }
  /// Sorted by name, without `__name__`; valid until the next call.
  std::span<const metrics::Label> label_set(std::uint32_t set) const;
  Labels labels(const Series& series) const;  ///< with `__name__`

  std::size_t text_bytes() const { return texts_.bytes(); }

  // What the page's own metadata lines say; true where it was not known, or otherwise. Of some hundred thousand
  // families it is kept, and no more.
  bool set_kind(std::string_view family, metrics::Kind kind);
  bool set_help(std::string_view family, std::string_view text);
  bool set_unit(std::string_view family, std::string_view unit);
  /// What another table knows of a metric.
  void describe(const MetricText& metric);

 private:
  struct Pair {
    std::uint32_t name, value;
    bool operator==(const Pair&) const = default;
  };
  struct Family {
    std::uint32_t name;
    metrics::Kind kind = metrics::Kind::Unknown;
    std::uint32_t help = 0, unit = 0;
  };
  struct Metric {
    std::uint32_t name;     ///< as it goes out
    std::uint32_t scraped;  ///< as it stood on the page
  };
  std::span<const Pair> pairs(std::uint32_t set) const;
  std::uint64_t hash_of_set(std::span<const Pair> set) const;
  std::uint32_t add_set(std::span<const Pair> set);
  std::uint32_t add_series(std::uint32_t metric, std::uint32_t label_set);
  std::uint32_t add_metric(std::string_view name, std::string_view scraped);
  Family* family(std::string_view name);
  bool say(std::string_view family, std::uint32_t Family::* what, std::string_view text);
  bool has_room_for(std::string_view word);
  const Family* family_of(std::string_view scraped) const;
  const Family* find_family(std::string_view name) const;

  Dictionary texts_;
  std::vector<Pair> pairs_;              ///< of all sets, one after another
  std::vector<std::uint32_t> set_ends_;  ///< where each set ends in pairs_
  std::vector<Metric> metrics_;
  std::vector<Family> families_;
  std::vector<Series> series_;
  IndexTable sets_by_pairs_, metrics_by_name_, families_by_name_, series_by_parts_;
  std::vector<Pair> adding_;
  mutable std::vector<metrics::Label> shown_;
  std::size_t word_bytes_ = 0;  ///< what is said of families has cost so much
};

}  // namespace tessera::relay

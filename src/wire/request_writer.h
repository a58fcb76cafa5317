#pragma once
// One remote-write request while it fills: the hot path of whoever sends. A sample is kept in 24 bytes and written when
// the request is finished, by copying the bytes that its metric and its label set were encoded to beforehand; no sample
// allocates. The series of a label set go out one after another and in an order of fields in which all that changes
// stands together, because that is what snappy needs to be good: see README.md. Not thread-safe.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "metrics/parse.h"
#include "wire/symbols.h"
#include "wire/write_request.h"

namespace tessera::wire {

/// A metric and a label set of the request that is open; worth nothing once generation() has changed.
enum class MetricRef : std::uint32_t {};
enum class LabelsRef : std::uint32_t {};

class RequestWriter {
 public:
  explicit RequestWriter(Protocol protocol);

  /// What samples of one name have in common. `family` is what version 1 tells metadata by, the name where empty
  /// (`x_bucket` belongs to `x`). To be called once per metric and request: its strings are hashed.
  MetricRef metric(std::string_view name, metrics::Kind kind, std::string_view help, std::string_view unit,
                   std::string_view family = {});

  /// A set without `__name__`, sorted bytewise, no name twice, no empty value. To be called once per set and request:
  /// strings that differ from those of the call before are hashed.
  LabelsRef labels(std::span<const metrics::Label> sorted);

  /// Samples of one series go out in the order in which they are added; different series in any.
  void sample(MetricRef metric, LabelsRef labels, double value, EpochMs time);

  /// Belongs to the sample added last. Labels as in labels().
  void exemplar(std::span<const metrics::Label> sorted, double value, EpochMs time);

  std::size_t samples() const { return records_.size(); }
  std::size_t families() const {
    return families_;
  }  ///< how many entries a list of metadata would have; 0 in version 2
  bool empty() const { return records_.empty(); }

  /// Never less than finish() will return without a list of metadata; some 10 to 20 bytes a sample more.
  std::size_t bytes() const { return (v2() ? symbols_.encoded().size() : 0) + series_bytes_; }

  /// Changes when handles become worthless.
  std::uint64_t generation() const { return generation_; }

  /// Version 1 says metadata in a list of its own, where it is wanted; version 2 with every series, always.
  enum class MetadataList : std::uint8_t { Without, With };

  /// The message, uncompressed; lives until the next finish(). The writer is empty again and keeps its buffers.
  std::string_view finish(MetadataList list = MetadataList::Without);

  /// Drops what was added.
  void clear();

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Block {  ///< a piece of blocks_
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Metric {
    Block name;              ///< V1: the label; V2: the two references
    Block metadata;          ///< V2: the field; V1: empty
    std::uint32_t most = 0;  ///< bytes of a series with one sample, at the most, besides its other labels
    std::uint32_t family = 0, help = 0, unit = 0;
    metrics::Kind kind = metrics::Kind::Unknown;
  };
  struct LabelSet {
    Block before;                               ///< labels whose names sort before `__name__`
    Block after;                                ///< V2: the whole field
    std::uint32_t most = 0;                     ///< bytes of both
    std::uint32_t first = kNone, last = kNone;  ///< of its samples, in records_
  };
  struct Record {
    double value;
    EpochMs time;
    std::uint32_t metric;  ///< with kHasExemplar
    std::uint32_t next;    ///< of the same label set
  };
  struct Exemplars {
    std::uint32_t record;
    Block field;
  };
  struct KnownLabel {  ///< of the set encoded last, by position
    std::uint32_t name, value;
  };

  bool v2() const { return protocol_ == Protocol::V2; }
  Block block_from(std::size_t begin) const;
  KnownLabel known_label(const metrics::Label& label, std::size_t position);
  Block append_labels(std::span<const metrics::Label> set, std::size_t first, std::size_t last);
  void prefix_with_length(std::size_t begin, char tag);
  template <Protocol kProtocol>
  char* write_series(char* out) const;
  std::span<const Exemplars> exemplars_of(std::uint32_t record) const;
  void count_family(std::uint32_t family);
  std::string metadata_list() const;

  const Protocol protocol_;
  std::uint64_t generation_ = 1;
  SymbolTable symbols_;
  std::string blocks_;
  std::vector<Metric> metrics_;
  std::vector<LabelSet> sets_;
  std::vector<Record> records_;
  std::vector<Exemplars> exemplars_;
  std::vector<KnownLabel> known_;
  std::vector<bool> is_family_;  ///< of a symbol
  std::size_t families_ = 0;
  std::size_t series_bytes_ = 0;
  std::string message_;  ///< what finish() returned, with room behind it
};

/// Here, because it is called for each sample of every page.
inline void RequestWriter::sample(MetricRef metric, LabelsRef labels, double value, EpochMs time) {
  const auto metric_index = static_cast<std::uint32_t>(metric);
  assert(metric_index < metrics_.size() && static_cast<std::size_t>(labels) < sets_.size());
  LabelSet& set = sets_[static_cast<std::size_t>(labels)];
  const auto index = static_cast<std::uint32_t>(records_.size());
  records_.push_back({value, time, metric_index, kNone});
  (set.last == kNone ? set.first : records_[set.last].next) = index;
  set.last = index;
  series_bytes_ += metrics_[metric_index].most + set.most;
}

}  // namespace tessera::wire

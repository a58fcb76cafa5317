#pragma once
// A remote-write message walked series by series, as views into it: for a receiver that knows most series already.
// Nothing is allocated per series once the walk's own buffers have grown.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metrics/parse.h"
#include "wire/write_request.h"

namespace tessera::wire {

/// A series' label set as a number: equal for equal labels in equal order of one protocol version, and for nothing else
/// that will be met (128 bits of XXH3).
struct SeriesKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const SeriesKey&) const = default;
};

class SeriesWalk {
 public:
  /// `message` must outlive the walk.
  SeriesWalk(Protocol protocol, std::string_view message, const Limits& limits = {});

  /// Goes to the next series; false behind the last. Invalid with the byte offset, as decode() says it.
  Result<bool> next();

  const SeriesKey& key() const { return key_; }
  /// In the message's order; nothing is judged but their number. They are read here: who knows the key has no need to.
  /// Invalid as next() says it.
  Result<std::span<const metrics::Label>> labels();
  std::span<const Sample> samples() const { return samples_; }

  /// So far.
  std::size_t series_count() const { return series_; }
  std::size_t sample_count() const { return sample_count_; }
  std::size_t exemplar_count() const { return exemplars_; }
  std::size_t histogram_count() const { return histograms_; }  ///< native ones, which are not read

 private:
  Result<void> read_symbols();
  Result<void> read_series(std::size_t at);
  Result<void> read_labels();
  Result<void> read_label(std::string_view label);
  std::size_t hop_labels();
  Result<void> read_reference(std::uint64_t number, std::size_t at);
  Result<void> read_sample(std::string_view sample);
  Result<void> count(std::size_t& what, std::size_t limit, std::string_view name, std::size_t at) const;

  struct Symbol {
    std::string_view text;
    SeriesKey key;
  };

  Protocol protocol_;
  std::string_view message_;
  Limits limits_;
  std::size_t offset_ = 0;  ///< of what has not been walked
  bool begun_ = false;
  SeriesKey key_;
  std::string_view one_;  ///< the series
  std::size_t label_count_ = 0;
  bool labels_read_ = false;
  std::vector<metrics::Label> labels_;
  std::vector<Sample> samples_;
  std::vector<Symbol> symbols_;            ///< V2
  std::vector<std::uint32_t> references_;  ///< V2: of the series
  std::vector<SeriesKey> reference_keys_;  ///< V2: of the series' symbols
  std::size_t series_ = 0, sample_count_ = 0, exemplars_ = 0, histograms_ = 0;
};

}  // namespace tessera::wire

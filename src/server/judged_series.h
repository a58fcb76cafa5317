#pragma once
// Which series' labels have been judged good: those need not be read again.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "fleet/inventory/series_index.h"

namespace tessera::server {

/// Of a fixed size, whose memory is taken as it fills; where a set is full the newcomer takes another's place, which is
/// judged once more. It keeps 32 bits of a key: one unknown series of 250 million is taken for a known one, so who
/// reads its labels later must stand any. Thread-safe.
class JudgedSeries {
 public:
  JudgedSeries();
  /// Begins to fetch what has() will read.
  void prefetch(const fleet::SeriesKey& key) const { __builtin_prefetch(set_of(key)); }
  bool has(const fleet::SeriesKey& key) const;
  void add(const fleet::SeriesKey& key);

 private:
  static constexpr std::size_t kWays = 16;  ///< a line of the processor's cache
  static constexpr std::size_t kSets = std::size_t{1} << 20U;
  struct Free {
    void operator()(void* memory) const;
  };
  std::atomic<std::uint32_t>* set_of(const fleet::SeriesKey& key) const {
    return marks_.get() + key.low % kSets * kWays;
  }

  std::unique_ptr<std::atomic<std::uint32_t>, Free> marks_;  ///< 0: free
};

}  // namespace tessera::server

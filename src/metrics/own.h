#pragma once
// A program's numbers about itself: added to from any thread, read when a page is built. Every series of a family is
// exposed from the start, with 0, so that a rate() over it misses nothing.
#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>

#include "metrics/page.h"

namespace tessera::metrics {

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// A counter of its own per value of one label, for a set of values that is known beforehand.
class CounterFamily {
 public:
  /// `metric` outlives the family and its pages; the values of the label are copied.
  CounterFamily(const Metric& metric, std::string_view label, std::initializer_list<std::string_view> values);

  /// The counter of a value that the constructor was given: any other is a fault of the program.
  Counter& operator[](std::string_view value);

  /// Starts the family in `page` and adds its points. `common` is put before the own label, as append_label writes it.
  void append_to(Page& page, std::string_view common = {}) const;

 private:
  struct Series {
    std::string value;
    Counter counter;
  };
  const Metric& metric_;
  std::string label_;
  std::deque<Series> series_;  // counters do not move
};

/// Starts a family of one point.
void append_single(Page& page, const Metric& metric, double value, std::string_view common = {});

}  // namespace tessera::metrics

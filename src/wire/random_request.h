#pragma once
// For tests: requests of every shape that has a meaning in both versions, the same for the same seed.
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "wire/staleness.h"
#include "wire/write_request.h"

namespace tessera::wire {

class RandomRequest {
 public:
  explicit RandomRequest(unsigned seed) : random_(seed) {}

  /// Metadata stands where `protocol` has it, for every series or for none.
  WriteRequest operator()(Protocol protocol) {
    WriteRequest request;
    std::map<std::string, Metadata> told;
    const bool with_metadata = below(2) == 0;
    for (std::size_t n = below(20); n > 0; --n) {
      Series& series = request.series.emplace_back();
      const std::string name = "metric_" + std::to_string(below(6));
      series.labels = labels();
      series.labels.push_back({"__name__", name});
      std::ranges::sort(series.labels, {}, &Label::name);
      for (std::size_t samples = below(4); samples > 0; --samples) series.samples.push_back(sample());
      for (std::size_t exemplars = below(8) / 6; exemplars > 0; --exemplars)
        series.exemplars.push_back({labels(), sample()});
      if (!with_metadata) continue;
      const auto [known, is_new] = told.try_emplace(name, metadata());
      if (protocol == Protocol::V2)
        series.metadata = known->second;
      else if (is_new)
        request.metadata.push_back({name, known->second});
    }
    return request;
  }

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

  std::vector<Label> labels() {
    static const std::array<std::string, 8> kNames = {"A", "UUID", "Hostname", "_x", "gpu", "job", "pod", "zone"};
    std::vector<Label> out;
    for (const auto& name : kNames)
      if (below(2) == 0) out.push_back({name, std::string(1 + below(3) * 70, static_cast<char>('a' + below(3)))});
    std::ranges::sort(out, {}, &Label::name);
    return out;
  }

  Sample sample() {
    static const std::array kValues = {0.0, -0.0, 1.0, 0.123456, 1e300, std::numeric_limits<double>::infinity()};
    static constexpr std::array kTimes = {EpochMs{0}, EpochMs{-1}, EpochMs{1'793'210'400'123},
                                          std::numeric_limits<EpochMs>::min(), std::numeric_limits<EpochMs>::max()};
    const std::size_t pick = below(kValues.size() + 2);
    const double value = pick < kValues.size() ? kValues[pick] : pick == kValues.size() ? stale_marker() : plain_nan();
    return {value, kTimes[below(kTimes.size())]};
  }

  /// Never the one that says nothing: it is the same as none.
  Metadata metadata() {
    return {static_cast<metrics::Kind>(1 + below(7)), below(2) == 0 ? "" : "Help of it.", below(2) == 0 ? "" : "bytes"};
  }

 private:
  std::mt19937 random_;
};

}  // namespace tessera::wire

#pragma once
// A run in which nothing goes wrong: what a program delivers, and what it costs.
#include <array>
#include <optional>

#include "bench/relay/stage.h"

namespace tessera::bench {

struct Steady {
  double delivered, offered;                ///< samples of the run's scrapes
  std::array<double, 5> first_intervals{};  ///< delivered, as shares of what each offered; NaN: the run was shorter
  double cpu_share;                         ///< of one core
  double cpu_per_million;                   ///< CPU seconds per million samples received, from its start
  double rss_median_mib, rss_peak_mib, anon_median_mib, anon_peak_mib;
  double p50_s, p99_s;      ///< from a sample's time to its arrival
  double bytes_per_sample;  ///< heads and bodies of the requests
  const char* protocol;
};

/// nullopt: it delivers nothing.
std::optional<Steady> run_steady(const Contender& contender, const LoadShape& shape, unsigned seconds);

}  // namespace tessera::bench

#pragma once
// How a scraped sample's labels become those of a series, as Prometheus does it: the target's labels, honor_labels,
// metric relabelling, limits, external labels.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metrics/parse.h"
#include "relay/config.h"
#include "relay/labels.h"
#include "relay/relabel.h"

namespace tessera::relay {

struct SeriesRules {
  Labels target{};  ///< the target's own, after relabelling: no `__` names
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;  ///< stale markers also for series with time stamps of their own
  RelabelRules metric_relabel{};
  Labels external{};      ///< added where a series lacks them
  ScrapeLimits limits{};  ///< a page beyond one of them counts as failed
  bool derive_gpu_weights = false;
};

/// What the rules make of a sample.
struct Ruled {
  enum class Outcome : std::uint8_t {
    Goes,
    Dropped,  ///< by metric relabelling
    Unfit,    ///< a name that receivers may refuse, and with it the whole request: it goes no further
    Exceeds   ///< a limit, which fails the page
  };
  Outcome outcome = Outcome::Goes;
  Labels labels{};                     ///< of a series that goes, with `__name__`
  std::string why{};                   ///< of one that is unfit or exceeds a limit
  std::optional<std::string> label{};  ///< by this label; absent: by its name, or all of it
};
Ruled rule(std::string_view name, std::span<const metrics::Label> scraped, const SeriesRules& rules);

/// The same of a sample that stands on no page: nullopt where it goes no further, Invalid where it exceeds a limit.
Result<std::optional<Labels>> series_labels(std::string_view name, std::span<const metrics::Label> scraped,
                                            const SeriesRules& rules);

/// The labels of a sample that is about the target itself, such as `up`: no metric relabelling.
Labels target_series_labels(std::string_view name, const SeriesRules& rules);

}  // namespace tessera::relay

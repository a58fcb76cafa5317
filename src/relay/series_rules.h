#pragma once
// How a scraped sample's labels become those of a series, as Prometheus does it: the target's labels, honor_labels,
// metric relabelling, limits, external labels.
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "metrics/parse.h"
#include "relay/labels.h"
#include "relay/relabel.h"

namespace tessera::relay {

/// What one page may hold, counted after metric relabelling; 0: no limit. A page beyond any of them counts as failed.
struct ScrapeLimits {
  std::size_t samples = 0;
  std::size_t labels = 0;  ///< of a series, with its name
  std::size_t label_name_bytes = 0;
  std::size_t label_value_bytes = 0;
  bool operator==(const ScrapeLimits&) const = default;
};

struct SeriesRules {
  Labels target{};  ///< the target's own, after relabelling: no `__` names
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;  ///< stale markers also for series with time stamps of their own
  RelabelRules metric_relabel{};
  Labels external{};  ///< added where a series lacks them
  ScrapeLimits limits{};
};

/// The series' labels with `__name__`; nullopt where a rule drops it. Invalid where a limit is exceeded, or a label
/// without a valid name would go out.
Result<std::optional<Labels>> series_labels(std::string_view name, std::span<const metrics::Label> scraped,
                                            const SeriesRules& rules);

/// The labels of a sample that is about the target itself, such as `up`: no metric relabelling.
Labels target_series_labels(std::string_view name, const SeriesRules& rules);

}  // namespace tessera::relay

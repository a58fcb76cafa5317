#pragma once
// How a scraped sample's labels become those of a series, as Prometheus does it: the target's labels, honor_labels,
// metric relabelling, limits, external labels.
#include <optional>
#include <span>
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

/// The series' labels with `__name__`; nullopt where a rule drops it. Invalid where a limit is exceeded, or a label
/// without a valid name would go out.
Result<std::optional<Labels>> series_labels(std::string_view name, std::span<const metrics::Label> scraped,
                                            const SeriesRules& rules);

/// The labels of a sample that is about the target itself, such as `up`: no metric relabelling.
Labels target_series_labels(std::string_view name, const SeriesRules& rules);

}  // namespace tessera::relay

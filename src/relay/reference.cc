#include "relay/reference.h"

#include "relay/catalog.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics of tessera-relay

What the relay says about itself on its own `/metrics`; what it scrapes it passes on, with `up`, `scrape_duration_seconds`,
`scrape_samples_scraped`, `scrape_samples_post_metric_relabeling` and `scrape_series_added` for each target, as Prometheus
has them. `destination` is the name of a `remote_write`, made of its URL where none is given. Counts of destinations and
fallbacks begin anew when the configuration changes, as they do at a start.

Samples that were scraped are sent, wait in a queue, or are counted as lost: watch
`rate(tessera_relay_dropped_samples_total[5m])`, which should be 0, and `tessera_relay_lag_seconds`.
)";

}  // namespace

std::string metrics_reference() { return metrics::reference(kIntroduction, catalog::kAll); }

}  // namespace tessera::relay

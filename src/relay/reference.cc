#include "relay/reference.h"

#include <fmt/format.h>

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

| metric | type | unit | labels | meaning | source |
| --- | --- | --- | --- | --- | --- |
)";

std::string_view or_dash(std::string_view text) { return text.empty() ? "–" : text; }

}  // namespace

std::string metrics_reference() {
  std::string out(kIntroduction);
  for (const Described* d : catalog::kAll)
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", d->metric.name, metrics::type_name(d->metric.type),
                       or_dash(d->metric.unit), or_dash(d->labels), d->metric.help, d->source);
  return out;
}

}  // namespace tessera::relay

#include "metrics/own.h"

#include <algorithm>
#include <cassert>

namespace tessera::metrics {

CounterFamily::CounterFamily(const Metric& metric, std::string_view label,
                             std::initializer_list<std::string_view> values)
    : metric_(metric), label_(label) {
  for (const auto value : values) series_.emplace_back().value = value;
}

Counter& CounterFamily::operator[](std::string_view value) {
  const auto found = std::ranges::find(series_, value, &Series::value);
  assert(found != series_.end());
  return found->counter;
}

void CounterFamily::append_to(Page& page, std::string_view common) const {
  page.family(metric_);
  for (const auto& [value, counter] : series_) {
    std::string labels(common);
    append_label(labels, label_, value);
    page.add(page.labels(labels), static_cast<double>(counter.value()));
  }
}

void append_single(Page& page, const Metric& metric, double value, std::string_view common) {
  page.family(metric);
  page.add(page.labels(common), value);
}

}  // namespace tessera::metrics

// The cache's part in series that the page did not have.
#include "relay/scrape_cache.h"

namespace tessera::relay {

/// What a line is to stand for: its series, or where it tells something of weights a number of its own.
std::uint32_t ScrapeCache::watched(const metrics::Sample& sample, std::uint32_t series) {
  const auto number = weights_ ? weights_->watch(sample) : std::nullopt;
  if (!number) return series;
  watched_.push_back(series);  // numbers are given one after another
  return kWatched + *number;
}

/// As if the page had gone on with these: the same rules of labels, and an end when they are not there any more.
Result<void> ScrapeCache::derive() {
  const ScrapeWeights::Page derived = weights_->finish();
  page_.clamped = derived.clamped;
  for (const auto& [made, value] : derived.samples)
    if (const std::uint32_t row = TRY(row_of(made)); row != kDropped) take_series(row, value, std::nullopt);
  return {};
}

Result<std::uint32_t> ScrapeCache::row_of(std::uint32_t made) {
  if (made >= derived_.size()) derived_.resize(made + 1, kNoRow);
  if (derived_[made] != kNoRow) return derived_[made];
  const auto& [name, labels] = weights_->made(made);
  std::vector<metrics::Label> shown;
  for (const Label& label : labels) shown.push_back({label.name, label.value});
  const auto ruled = TRY(series_labels(name, shown, rules_));
  return derived_[made] = ruled ? table_->add(*ruled, name) : kDropped;
}

}  // namespace tessera::relay

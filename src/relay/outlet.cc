#include "relay/outlet.h"

#include <algorithm>
#include <utility>

#include "wire/staleness.h"

namespace tessera::relay {
namespace {
constexpr std::uint32_t kUnknown = 0xffff'ffff;
constexpr std::uint32_t kDropped = 0xffff'fffe;
constexpr std::uint32_t kUnfit = 0xffff'fffd;
constexpr std::uint32_t kNobodyYet = 0xffff'ffff;  // but what an earlier table knew may end
constexpr std::uint32_t kNobody = 0xffff'fffe;
}  // namespace

void Outlet::deliver(const Delivery& delivery, SteadyTime now) {
  if (epoch_ != delivery.epoch) {
    epoch_ = delivery.epoch;
    metrics_.clear();
    label_sets_.clear();
    rows_.clear();
    owners_.clear();
    relabelled_ = destination_.relabel.empty() ? nullptr : std::make_unique<SeriesTable>();
  }
  if (delivery.time != scrape_) scrape_before_ = std::exchange(scrape_, delivery.time);
  const bool tells_metadata = destination_.metadata.send && now >= metadata_due_;
  if (tells_metadata) {
    batch_.want_metadata();
    metadata_due_ = now + destination_.metadata.interval;
  }
  bool any = false;
  auto time = delivery.times.begin();
  auto exemplar = delivery.exemplars.begin();
  EpochMs newest = 0;
  for (std::uint32_t i = 0; i < delivery.samples.size(); ++i) {
    const ScrapedSample& sample = delivery.samples[i];
    EpochMs at = delivery.time;
    if (time != delivery.times.end() && time->sample == i) at = (time++)->time;
    const auto* own_exemplar = exemplar != delivery.exemplars.end() && exemplar->sample == i ? &*exemplar++ : nullptr;
    const std::uint32_t row = relabelled_ ? row_of(delivery, sample.series) : sample.series;
    if (relabelled_ && !may_go(row, sample)) continue;
    write(relabelled_ ? *relabelled_ : delivery.table, sample, row, at);
    if (own_exemplar && destination_.send_exemplars) {
      std::vector<metrics::Label> shown;
      for (const auto& [name, value] : own_exemplar->labels) shown.push_back({name, value});
      batch_.writer().exemplar(shown, own_exemplar->value, own_exemplar->time.value_or(at));
    }
    newest = std::max(newest, at);
    any = true;
    if (!batch_.full()) continue;
    batch_.wrote(newest, now);
    if (tells_metadata) batch_.want_metadata();  // the request that goes on with this page
  }
  if (any) batch_.wrote(newest, now);
}

/// The series' row in our own table.
std::uint32_t Outlet::row_of(const Delivery& delivery, std::uint32_t series) {
  if (series >= rows_.size()) rows_.resize(delivery.table.size(), kUnknown);
  std::uint32_t& row = rows_[series];
  if (row != kUnknown) return row;
  const Series& origin = delivery.table[series];
  Labels labels = delivery.table.labels(origin);
  if (!relabel(destination_.relabel, labels)) return row = kDropped;
  const std::string_view name = value_of(labels, "__name__");
  if (!is_metric_name(name)) return row = name.empty() ? kDropped : kUnfit;
  row = relabelled_->add(labels, delivery.table.scraped_name(origin.metric));
  if (row == owners_.size()) {
    owners_.push_back({kNobodyYet});
    relabelled_->describe(delivery.table.metric(origin.metric));
  }
  return row;
}

/// Of several series that became one row the first goes, until its end has been written, or for as long as it comes
/// where it has no end (those with times of their own): then another may.
bool Outlet::may_go(std::uint32_t row, const ScrapedSample& sample) {
  const bool ends = wire::is_stale(sample.value);
  if (row == kUnfit && !ends) ++unfit_;
  if (row == kDropped || row == kUnfit) return false;
  Owner& owner = owners_[row];
  const bool stays_away = owner.seen != scrape_ && owner.seen != scrape_before_;
  if (owner.series == kNobodyYet || (!ends && (owner.series == kNobody || stays_away))) owner.series = sample.series;
  if (owner.series == sample.series) {
    owner.seen = scrape_;
    if (ends) owner.series = kNobody;
    return true;
  }
  if (!ends) ++collisions_;
  return false;
}

void Outlet::write(const SeriesTable& table, const ScrapedSample& sample, std::uint32_t row, EpochMs time) {
  const Series& series = table[row];
  if (!is_told(metrics_, series.metric)) tell_metric(table, series.metric);
  if (!is_told(label_sets_, series.labels)) tell_labels(table, series.labels);
  batch_.writer().sample(wire::MetricRef{metrics_[series.metric].value},
                         wire::LabelsRef{label_sets_[series.labels].value}, sample.value, time);
}

void Outlet::tell_metric(const SeriesTable& table, std::uint32_t metric) {
  metrics_.resize(table.metrics());
  const MetricText text = table.metric(metric);
  const auto ref = batch_.writer().metric(text.name, text.kind, text.help, text.unit, text.family);
  metrics_[metric] = {batch_.generation(), static_cast<std::uint32_t>(ref)};
}

void Outlet::tell_labels(const SeriesTable& table, std::uint32_t set) {
  label_sets_.resize(table.label_sets());
  const auto ref = batch_.writer().labels(table.label_set(set));
  label_sets_[set] = {batch_.generation(), static_cast<std::uint32_t>(ref)};
}

}  // namespace tessera::relay

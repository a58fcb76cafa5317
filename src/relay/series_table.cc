#include "relay/series_table.h"

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {
namespace {

constexpr std::string_view kName = "__name__";
// A sample's name is its family's, or that with one of these behind it.
constexpr std::string_view kSuffixes[] = {"_bucket",  "_count", "_sum",    "_total",
                                          "_created", "_info",  "_gcount", "_gsum"};

constexpr std::size_t kMostWordBytes = 32U << 20U, kWordCost = 100;  // beside the text itself, about

std::uint64_t hash_of(const Series& series) { return mixed((std::uint64_t{series.metric} << 32U | series.labels) + 1); }

}  // namespace

std::uint32_t SeriesTable::add(const Labels& labels, std::string_view scraped_name) {
  adding_.clear();
  std::string_view name;
  for (const auto& [label, value] : labels) {
    if (label == kName)
      name = value;
    else
      adding_.push_back({texts_.number(label), texts_.number(value)});
  }
  return add_series(add_metric(name, scraped_name), add_set(adding_));
}

std::uint32_t SeriesTable::add(std::string_view name, std::uint32_t label_set) {
  return add_series(add_metric(name, name), label_set);
}

std::uint32_t SeriesTable::add_series(std::uint32_t metric, std::uint32_t label_set) {
  const Series wanted{metric, label_set};
  const auto same = [&](std::uint32_t i) {
    return series_[i].metric == wanted.metric && series_[i].labels == wanted.labels;
  };
  if (const auto known = series_by_parts_.find(hash_of(wanted), same); known != kNoRow) return known;
  const std::uint32_t added = size();
  series_.push_back(wanted);
  series_by_parts_.insert(added, [this](std::uint32_t i) { return hash_of(series_[i]); });
  return added;
}

std::span<const SeriesTable::Pair> SeriesTable::pairs(std::uint32_t set) const {
  const std::uint32_t begin = set == 0 ? 0 : set_ends_[set - 1];
  return std::span(pairs_).subspan(begin, set_ends_[set] - begin);
}

std::uint64_t SeriesTable::hash_of_set(std::span<const Pair> set) const {
  return XXH3_64bits(set.data(), set.size_bytes());
}

std::uint32_t SeriesTable::add_set(std::span<const Pair> set) {
  const auto same = [&](std::uint32_t i) { return std::ranges::equal(pairs(i), set); };
  if (const auto known = sets_by_pairs_.find(hash_of_set(set), same); known != kNoRow) return known;
  const std::uint32_t added = label_sets();
  pairs_.insert(pairs_.end(), set.begin(), set.end());
  set_ends_.push_back(static_cast<std::uint32_t>(pairs_.size()));
  sets_by_pairs_.insert(added, [this](std::uint32_t i) { return hash_of_set(pairs(i)); });
  return added;
}

std::uint32_t SeriesTable::add_metric(std::string_view name, std::string_view scraped) {
  const std::uint32_t number = texts_.number(name);
  const auto same = [&](std::uint32_t i) { return metrics_[i].name == number; };
  if (const auto known = metrics_by_name_.find(mixed(number), same); known != kNoRow) return known;
  const std::uint32_t added = metrics();
  metrics_.push_back({number, texts_.number(scraped)});
  metrics_by_name_.insert(added, [this](std::uint32_t i) { return mixed(metrics_[i].name); });
  return added;
}

std::span<const metrics::Label> SeriesTable::label_set(std::uint32_t set) const {
  shown_.clear();
  for (const auto& [name, value] : pairs(set)) shown_.push_back({texts_.text(name), texts_.text(value)});
  return shown_;
}

Labels SeriesTable::labels(const Series& series) const {
  std::vector<Label> all{{std::string(kName), std::string(texts_.text(metrics_[series.metric].name))}};
  for (const auto& [name, value] : pairs(series.labels))
    all.push_back({std::string(texts_.text(name)), std::string(texts_.text(value))});
  return to_labels(std::move(all));
}

MetricText SeriesTable::metric(std::uint32_t metric) const {
  const Metric& row = metrics_[metric];
  const std::string_view name = texts_.text(row.name);
  MetricText text{name, name, metrics::Kind::Unknown, {}, {}};
  if (const Family* of = family_of(texts_.text(row.scraped))) {
    if (row.name == row.scraped) text.family = texts_.text(of->name);
    text.kind = of->kind;
    text.help = texts_.text(of->help);
    text.unit = texts_.text(of->unit);
  }
  return text;
}

const SeriesTable::Family* SeriesTable::find_family(std::string_view name) const {
  const auto found = families_by_name_.find(XXH3_64bits(name.data(), name.size()),
                                            [&](std::uint32_t i) { return texts_.text(families_[i].name) == name; });
  return found == kNoRow ? nullptr : &families_[found];
}

const SeriesTable::Family* SeriesTable::family_of(std::string_view scraped) const {
  if (const Family* whole = find_family(scraped)) return whole;
  for (const std::string_view suffix : kSuffixes)
    if (scraped.ends_with(suffix))
      if (const Family* stem = find_family(scraped.substr(0, scraped.size() - suffix.size()))) return stem;
  return nullptr;
}

/// Counts it. A page is read to its end before anybody knows whether it is a page.
bool SeriesTable::has_room_for(std::string_view word) {
  if (word_bytes_ + word.size() + kWordCost > kMostWordBytes) return false;
  word_bytes_ += word.size() + kWordCost;
  return true;
}

/// Null where there is no room for another one.
SeriesTable::Family* SeriesTable::family(std::string_view name) {
  if (const Family* known = find_family(name)) return &families_[static_cast<std::size_t>(known - families_.data())];
  if (!has_room_for(name)) return nullptr;
  const auto added = static_cast<std::uint32_t>(families_.size());
  families_.push_back({.name = texts_.number(name)});
  families_by_name_.insert(added, [this](std::uint32_t i) {
    const std::string_view text = texts_.text(families_[i].name);
    return XXH3_64bits(text.data(), text.size());
  });
  return &families_.back();
}

bool SeriesTable::say(std::string_view name, std::uint32_t Family::* what, std::string_view text) {
  Family* const of = family(name);
  if (!of || texts_.text(of->*what) == text || !has_room_for(text)) return false;
  of->*what = texts_.number(text);
  return true;
}

bool SeriesTable::set_kind(std::string_view name, metrics::Kind kind) {
  Family* const of = family(name);
  return of && std::exchange(of->kind, kind) != kind;
}
bool SeriesTable::set_help(std::string_view name, std::string_view text) { return say(name, &Family::help, text); }
bool SeriesTable::set_unit(std::string_view name, std::string_view unit) { return say(name, &Family::unit, unit); }

void SeriesTable::describe(const MetricText& metric) {
  set_kind(metric.family, metric.kind);
  set_help(metric.family, metric.help);
  set_unit(metric.family, metric.unit);
}

}  // namespace tessera::relay

#include "metrics/strict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "metrics/number.h"

namespace tessera::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What the names of a kind's samples end in.
struct Suffixes {
  Kind kind;
  std::vector<std::string_view> openmetrics;
  std::vector<std::string_view> text;
};
const std::vector<Suffixes> kSuffixes = {
    {Kind::Unknown, {""}, {""}},
    {Kind::Gauge, {""}, {""}},
    {Kind::Counter, {"_total", "_created"}, {""}},
    {Kind::Summary, {"", "_count", "_sum", "_created"}, {"", "_count", "_sum"}},
    {Kind::Histogram, {"_bucket", "_count", "_sum", "_created"}, {"_bucket", "_count", "_sum"}},
    {Kind::GaugeHistogram, {"_bucket", "_gcount", "_gsum"}, {}},
    {Kind::Info, {"_info"}, {}},
    {Kind::StateSet, {""}, {}},
};

const std::vector<std::string_view>& suffixes(Kind kind, bool openmetrics) {
  const auto& row = kSuffixes[static_cast<std::size_t>(kind)];
  return openmetrics ? row.openmetrics : row.text;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<std::string_view> find_label(const Sample& sample, std::string_view name) {
  const auto found = std::ranges::find(sample.labels, name, &Label::name);
  if (found == sample.labels.end()) return std::nullopt;
  return found->value;
}

/// A number in a label; infinity has one spelling only.
std::optional<double> number_label(const Sample& sample, std::string_view name) {
  const auto text = find_label(sample, name);
  const auto number = text ? parse_value(*text) : std::nullopt;
  if (!number || std::isnan(*number) || (*number == kInfinity && *text != "+Inf")) return std::nullopt;
  return number;
}

/// The same text for the same labels in any order, without the label `without`.
std::string label_key(std::span<const Label> labels, std::string_view without) {
  std::vector<Label> sorted(labels.begin(), labels.end());
  std::ranges::sort(sorted, {}, &Label::name);
  std::string key;
  for (const auto& label : sorted)
    if (label.name != without)
      key += fmt::format("{}:{}{}:{}", label.name.size(), label.name, label.value.size(), label.value);
  return key;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

StrictRules::Complaint StrictRules::metadata(std::string_view family) {
  if (family_ && family_->name == family) {
    if (family_->has_samples) return fmt::format("metadata of '{}' stands after its samples", family);
    return std::nullopt;
  }
  auto wrong = close();
  family_.emplace().name = family;
  return wrong;
}

StrictRules::Complaint StrictRules::type(std::string_view family, Kind kind) {
  if (auto wrong = metadata(family)) return wrong;
  if (family_->kind) return fmt::format("'{}' has a second TYPE", family);
  family_->kind = kind;
  return std::nullopt;
}

StrictRules::Complaint StrictRules::help(std::string_view family) {
  if (auto wrong = metadata(family)) return wrong;
  if (family_->has_help) return fmt::format("'{}' has a second HELP", family);
  family_->has_help = true;
  return std::nullopt;
}

StrictRules::Complaint StrictRules::unit(std::string_view family, std::string_view unit) {
  if (auto wrong = metadata(family)) return wrong;
  if (family_->unit) return fmt::format("'{}' has a second UNIT", family);
  family_->unit = unit;
  return std::nullopt;
}

StrictRules::Complaint StrictRules::close() {
  if (!family_) return std::nullopt;
  const FamilySoFar& family = *family_;
  const Kind kind = family.kind.value_or(Kind::Unknown);
  if (family.unit && !family.unit->empty() && (kind == Kind::Info || kind == Kind::StateSet))
    return fmt::format("'{}' is of kind {}, which has no unit", family.name, kind_name(kind));
  std::set<std::string, std::less<>> own = {family.name};
  for (const auto suffix : suffixes(kind, openmetrics_)) own.insert(fmt::format("{}{}", family.name, suffix));
  for (const auto& name : own)
    if (!names_.insert(name).second)
      return fmt::format("the name '{}' is used twice, or its family is not in one piece", name);
  auto wrong = close_histogram();
  family_.reset();
  return wrong;
}

std::optional<std::string_view> StrictRules::suffix_of(std::string_view sample_name) const {
  if (!family_ || !sample_name.starts_with(family_->name)) return std::nullopt;
  const std::string_view suffix = sample_name.substr(family_->name.size());
  if (std::ranges::count(suffixes(family_->kind.value_or(Kind::Unknown), openmetrics_), suffix) == 0)
    return std::nullopt;
  return suffix;
}

StrictRules::Complaint StrictRules::sample(const Sample& sample) {
  auto suffix = suffix_of(sample.name);
  if (!suffix) {
    if (auto wrong = close()) return wrong;
    family_.emplace().name = sample.name;
    suffix = "";
  }
  family_->has_samples = true;
  if (auto wrong = check_series(sample)) return wrong;
  if (auto wrong = check_labels(sample, *suffix)) return wrong;
  if (!openmetrics_) return std::nullopt;
  if (auto wrong = check_value(sample, *suffix)) return wrong;
  if (auto wrong = check_exemplar(sample, *suffix)) return wrong;
  if (auto wrong = check_group(sample, *suffix)) return wrong;
  return check_histogram(sample, *suffix);
}

StrictRules::Complaint StrictRules::check_labels(const Sample& sample, std::string_view suffix) const {
  const Kind kind = family_->kind.value_or(Kind::Unknown);
  if (kind == Kind::StateSet && !find_label(sample, family_->name))
    return fmt::format("a state of '{}' needs the label '{}'", family_->name, family_->name);
  if (suffix == "_bucket" && !number_label(sample, "le"))
    return "a bucket needs a number in its label 'le', '+Inf' in the last";
  if (kind == Kind::Summary && suffix.empty()) {
    const auto quantile = number_label(sample, "quantile");
    if (!quantile || *quantile < 0 || *quantile > 1)
      return "a quantile needs a number from 0 to 1 in its label 'quantile'";
  }
  return std::nullopt;
}

StrictRules::Complaint StrictRules::check_value(const Sample& sample, std::string_view suffix) const {
  const Kind kind = family_->kind.value_or(Kind::Unknown);
  const double value = sample.value;
  if (kind == Kind::StateSet && value != 0 && value != 1) return "a state is 0 or 1";
  if (kind == Kind::Info && value != 1) return "the value of an info is 1";
  if (kind == Kind::Summary && suffix.empty() && value < 0) return "a quantile's value is not negative";
  if (is_one_of(suffix, {"_total", "_sum", "_count", "_bucket", "_gcount", "_gsum"}) && std::isnan(value))
    return "counters, counts and sums are numbers";
  if (is_one_of(suffix, {"_bucket", "_count", "_gcount"}) && (std::isinf(value) || value != std::trunc(value)))
    return "buckets and counts are whole numbers";
  if (is_one_of(suffix, {"_total", "_sum", "_count", "_bucket", "_gcount"}) && value < 0)
    return "counters, counts and sums are not negative";
  return std::nullopt;
}

StrictRules::Complaint StrictRules::check_exemplar(const Sample& sample, std::string_view suffix) const {
  if (!sample.exemplar) return std::nullopt;
  constexpr std::size_t kLongest = 128;  // code points, the formats' own limit
  std::size_t length = 0;
  for (const auto& label : sample.exemplar->labels) length += code_points(label.name) + code_points(label.value);
  if (length > kLongest)
    return fmt::format("the exemplar's labels have {} characters, {} are allowed", length, kLongest);
  if (!is_one_of(suffix, {"_bucket", "_total"})) return "only buckets and counters have exemplars";
  return std::nullopt;
}

StrictRules::Complaint StrictRules::check_series(const Sample& sample) {
  // In OpenMetrics a series may have several points, told apart by their times.
  if (openmetrics_ && sample.time) return std::nullopt;
  if (!family_->series.insert(fmt::format("{}:{}", sample.name, label_key(sample.labels, ""))).second)
    return fmt::format("this series of '{}' stands twice", sample.name);
  return std::nullopt;
}

StrictRules::Complaint StrictRules::check_group(const Sample& sample, std::string_view suffix) {
  FamilySoFar& family = *family_;
  const Kind kind = family.kind.value_or(Kind::Unknown);
  std::string_view own_label;  // tells the samples of one metric apart
  if (kind == Kind::StateSet) own_label = family.name;
  if (kind == Kind::Summary && suffix.empty()) own_label = "quantile";
  if (suffix == "_bucket") own_label = "le";
  std::string group = kind == Kind::Info ? "" : label_key(sample.labels, own_label);
  if (family.group == group) {
    if (family.time.has_value() != sample.time.has_value())
      return "some samples of this metric have a time, some have not";
    if (kind != Kind::Info && sample.time < family.time) return "the times of this metric go backwards";
    if (sample.time == family.time) return std::nullopt;
  } else if (!family.groups.insert(group).second) {
    return fmt::format("the samples of this metric of '{}' do not stand together", family.name);
  }
  auto wrong = close_histogram();
  family.histogram.reset();
  family.group = std::move(group);
  family.time = sample.time;
  return wrong;
}

StrictRules::Complaint StrictRules::check_histogram(const Sample& sample, std::string_view suffix) {
  const auto kind = family_->kind;
  if ((kind != Kind::Histogram && kind != Kind::GaugeHistogram) || suffix == "_created") return std::nullopt;
  if (!family_->histogram) family_->histogram.emplace();
  HistogramSoFar& histogram = *family_->histogram;
  if (suffix == "_bucket") {
    const double bound = *number_label(sample, "le");
    if (histogram.bound && bound <= *histogram.bound) return "buckets are not in order";
    if (sample.value < histogram.value) return "buckets do not add up: each includes the ones before";
    histogram.negative_buckets |= bound < 0;
    histogram.bound = bound;
    histogram.value = sample.value;
  } else if (is_one_of(suffix, {"_count", "_gcount"})) {
    histogram.count = sample.value;
  } else if (suffix == "_sum") {
    histogram.has_sum = true;
  } else {
    histogram.has_gauge_sum = true;
    histogram.negative_gauge_sum = sample.value < 0;
  }
  return std::nullopt;
}

StrictRules::Complaint StrictRules::close_histogram() const {
  if (!family_->histogram) return std::nullopt;
  const HistogramSoFar& histogram = *family_->histogram;
  const auto wrong = [&](std::string_view what) { return fmt::format("histogram '{}' {}", family_->name, what); };
  const bool has_sum = histogram.has_sum || histogram.has_gauge_sum;
  if (histogram.bound != kInfinity) return wrong("has no bucket '+Inf'");
  if (histogram.count && *histogram.count != histogram.value) return wrong("has another count than its bucket '+Inf'");
  if (has_sum && !histogram.count) return wrong("has a sum but no count");
  if (!has_sum && histogram.count) return wrong("has a count but no sum");
  if (histogram.negative_buckets && histogram.has_sum) return wrong("has buckets below 0, so it may not have a sum");
  if (!histogram.negative_buckets && histogram.negative_gauge_sum)
    return wrong("has a negative sum without buckets below 0");
  return std::nullopt;
}

}  // namespace tessera::metrics

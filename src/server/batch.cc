#include "server/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "wire/series_walk.h"

namespace tessera::server {
namespace {

/// Whose name stands for the series in errors; a part of it where it is long.
std::string_view metric_name(std::span<const metrics::Label> labels) {
  const auto found = std::ranges::find(labels, "__name__", &metrics::Label::name);
  return found == labels.end() ? "without a name" : found->value.substr(0, 200);
}

Result<void> check_labels(std::span<const metrics::Label> labels, const IntakeLimits& limits) {
  std::string_view before;
  bool sorted = true;
  for (const metrics::Label& label : labels) {
    if (!is_label_name(label.name))
      return fail(Code::Invalid, "series {}: label name '{}': letters, digits and _ expected", metric_name(labels),
                  label.name.substr(0, 200));
    if (label.value.empty())
      return fail(Code::Invalid, "series {}: label {} is empty: leave it out", metric_name(labels), label.name);
    if (label.name.size() > limits.label_name_bytes || label.value.size() > limits.label_value_bytes)
      return fail(Code::Invalid, "series {}: label {} has a name of {} bytes and a value of {}: at most {} and {}",
                  metric_name(labels), label.name.substr(0, 200), label.name.size(), label.value.size(),
                  limits.label_name_bytes, limits.label_value_bytes);
    if (label.name == before)
      return fail(Code::Invalid, "series {}: label {} is there twice", metric_name(labels), label.name);
    sorted &= before < label.name;
    before = label.name;
  }
  if (!sorted) {  // no sender's order, but no loss either
    for (std::size_t i = 0; i < labels.size(); ++i)
      for (std::size_t j = i + 1; j < labels.size(); ++j)
        if (labels[i].name == labels[j].name)
          return fail(Code::Invalid, "series {}: label {} is there twice", metric_name(labels), labels[i].name);
  }
  if (std::ranges::find(labels, "__name__", &metrics::Label::name) == labels.end())
    return fail(Code::Invalid, "a series without __name__: {} labels", labels.size());
  return {};
}

/// Whether there are series in a message that have not been judged: each is looked up some time after it was met, when
/// what that reads has come from memory.
class Unjudged {
 public:
  explicit Unjudged(const JudgedSeries& judged) : judged_(judged) {}
  void look_at(const fleet::SeriesKey& key) {
    judged_.prefetch(key);
    fleet::SeriesKey& place = met_[count_++ % kAhead];
    if (count_ > kAhead) any_ |= !judged_.has(place);
    place = key;
  }
  bool any() {
    for (std::size_t i = 0; i < std::min(count_, kAhead); ++i) any_ |= !judged_.has(met_[i]);
    return any_;
  }

 private:
  static constexpr std::size_t kAhead = 16;
  const JudgedSeries& judged_;
  std::array<fleet::SeriesKey, kAhead> met_;
  std::size_t count_ = 0;
  bool any_ = false;
};

/// Reads the labels of those series of a message that have not been judged.
Result<void> judge(wire::Protocol protocol, std::string_view message, const wire::Limits& most,
                   const IntakeLimits& limits, JudgedSeries& judged) {
  wire::SeriesWalk walk(protocol, message, most);
  while (TRY(walk.next())) {
    const fleet::SeriesKey key{walk.key().low, walk.key().high};
    if (judged.has(key)) continue;
    TRY(check_labels(TRY(walk.labels()), limits));
    judged.add(key);
  }
  return {};
}

}  // namespace

bool is_label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, [&](char c) { return letter(c) || digit(c); });
}

Result<Batch> read_batch(wire::Protocol protocol, std::string message, const IntakeLimits& limits, ClockRange now,
                         JudgedSeries& judged, LeftOut& left_out) {
  Batch batch;
  batch.protocol = protocol;
  batch.message = std::move(message);
  const wire::Limits most{limits.series, limits.samples, limits.labels, limits.series, limits.message_bytes};
  wire::SeriesWalk walk(protocol, batch.message, most);
  Unjudged unjudged(judged);
  EpochMs newest = std::numeric_limits<EpochMs>::min();
  for (;;) {
    const bool more = TRY(walk.next());
    if (!more) break;
    const fleet::SeriesKey key{walk.key().low, walk.key().high};
    unjudged.look_at(key);
    for (const wire::Sample& sample : walk.samples()) {
      if (sample.time > now.latest + limits.future.count()) {
        ++left_out.too_new;
        continue;
      }
      if (sample.time < now.earliest - limits.past.count()) {
        ++left_out.too_old;
        continue;
      }
      batch.samples.push_back({key, sample.value, sample.time});
      if (sample.time > newest) newest = sample.time;
    }
  }
  if (!batch.samples.empty()) batch.newest = newest;
  batch.exemplars = walk.exemplar_count();
  batch.histograms = walk.histogram_count();
  if (unjudged.any()) TRY(judge(protocol, batch.message, most, limits, judged));
  return batch;
}

}  // namespace tessera::server

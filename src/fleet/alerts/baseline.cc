#include "fleet/alerts/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tessera::fleet::alerts {
namespace {

constexpr EpochMs kHour = 3600LL * 1000;
constexpr std::size_t kWeek = 7UL * 24;

/// Of at least one; the mean of the middle two where they are even in number.
double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace

std::optional<Centre> centre_of(std::vector<double> values, const Usual& usual) {
  if (values.empty() || values.size() < usual.at_least) return std::nullopt;
  const double middle = median(values);
  for (double& one : values) one = std::abs(one - middle);
  constexpr double kNormal = 1.4826;
  return Centre{middle, std::max(kNormal * median(values), usual.least_spread)};
}

double deviation_beyond(std::span<const double> others, const Centre& centre, double value, std::size_t seldom) {
  const double off = value - centre.median;
  const auto as_far = std::ranges::count_if(
      others, [&](double one) { return off > 0 ? one - centre.median >= off / 2 : one - centre.median <= off / 2; });
  const double deviation = centre.deviation(value);
  return static_cast<std::size_t>(as_far) > seldom ? std::clamp(deviation, -kOftenSeen, kOftenSeen) : deviation;
}

void OwnBaseline::add(const std::string& subject, EpochMs time, double value) {
  Series& series = series_[subject];
  if (const EpochMs hour = time / kHour; hour != series.hour) {
    if (series.count > 0) series.means.push_back(series.sum / static_cast<double>(series.count));
    if (series.means.size() > kWeek) series.means.pop_front();
    series.hour = hour, series.sum = 0, series.count = 0;
  }
  series.sum += value;
  ++series.count;
}

std::optional<Centre> OwnBaseline::centre(const std::string& subject, const Usual& usual) const {
  const auto found = series_.find(subject);
  if (found == series_.end()) return std::nullopt;
  return centre_of({found->second.means.begin(), found->second.means.end()}, usual);
}

std::optional<double> OwnBaseline::deviation(const std::string& subject, const Usual& usual, double value) const {
  const auto centre = this->centre(subject, usual);
  if (!centre) return std::nullopt;
  const auto& means = series_.find(subject)->second.means;
  return deviation_beyond(std::vector(means.begin(), means.end()), *centre, value, means.size() / 20);
}

void OwnBaseline::forget(EpochMs now) {
  std::erase_if(series_, [&](const auto& one) { return now / kHour - one.second.hour > static_cast<EpochMs>(kWeek); });
}

std::string OwnBaseline::text() const {
  std::string out;
  for (const auto& [subject, series] : series_) {
    fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}", subject, series.hour, series.sum, series.count);
    for (const double mean : series.means) fmt::format_to(std::back_inserter(out), "\t{:.2f}", mean);
    out += '\n';
  }
  return out;
}

OwnBaseline OwnBaseline::read(std::string_view text) {
  OwnBaseline out;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(line, '\t');
    if (words.size() < 4 || words.size() > 4 + kWeek) continue;
    const auto hour = parse_int(words[1]), count = parse_int(words[3]);
    const auto sum = parse_double(words[2]);
    if (!hour || !sum || !count || *count < 0) continue;
    Series series{*hour, *sum, static_cast<std::size_t>(*count), {}};
    for (std::size_t i = 4; i < words.size(); ++i)
      if (const auto mean = parse_double(words[i])) series.means.push_back(*mean);
    out.series_.insert_or_assign(std::string(words[0]), std::move(series));
  }
  return out;
}

}  // namespace tessera::fleet::alerts

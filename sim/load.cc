#include "sim/load.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>

#include "sim/units.h"

namespace tessera::sim {
namespace {

std::vector<std::string_view> split_cells(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

struct Columns {
  std::size_t value, time, key;
};

// The two public traces order their columns differently: the header decides.
std::optional<Columns> read_header(std::string_view line) {
  std::optional<std::size_t> value, time, key;
  const auto cells = split_cells(line);
  if (cells.size() != 3) return std::nullopt;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    auto& column = cells[i] == "value" ? value : cells[i].starts_with("timestamp") ? time : key;
    if (column) return std::nullopt;
    column = i;
  }
  if (!value || !time || !key) return std::nullopt;
  return Columns{*value, *time, *key};
}

}  // namespace

Outcome<const ReplayFiles::File*> ReplayFiles::load(const std::string& path) {
  if (const auto known = files_.find(path); known != files_.end()) return &known->second;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(path.c_str(), "rb"), gzclose);  // reads plain files too
  if (!in) return Failure{fmt::format("replay file {}: cannot be opened", path)};

  File file;
  std::optional<Columns> columns;
  char line[512];
  for (std::size_t number = 1; gzgets(in.get(), line, sizeof line); ++number) {
    std::string_view text(line);
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    if (!columns) {
      columns = read_header(text);
      if (!columns)
        return Failure{
            fmt::format("{}:1: header with the columns value, timestamp and a key expected, found '{}'", path, text)};
      continue;
    }
    if (text.empty()) continue;
    const auto cells = split_cells(text);
    const auto value = cells.size() == 3 ? parse_number(cells[columns->value]) : std::nullopt;
    const auto time = cells.size() == 3 ? parse_number(cells[columns->time]) : std::nullopt;
    if (!value || !time) return Failure{fmt::format("{}:{}: three columns with two numbers expected", path, number)};
    std::string key(cells[columns->key]);
    if (file.first_key.empty()) file.first_key = key;
    file.series[std::move(key)].push_back({*time, *value});
  }
  for (auto& [key, points] : file.series) std::ranges::sort(points);
  return &files_.emplace(path, std::move(file)).first->second;
}

Outcome<std::vector<ReplayFiles::Point>> ReplayFiles::read(const std::string& path, const std::string& key) {
  const auto file = load(path);
  if (!file) return file.error();
  const auto found = (*file)->series.find(key.empty() ? (*file)->first_key : key);
  if (found == (*file)->series.end())
    return Failure{fmt::format("replay file {}: no rows with the key '{}'", path, key)};
  return found->second;
}

Outcome<std::shared_ptr<const Signal::Steps>> Signal::walk(const LoadSpec& spec) {
  constexpr std::size_t kSteps = 512;
  auto steps = std::make_shared<Steps>();
  std::uint64_t random = hash_text("walk", spec.seed);
  double value = std::clamp(spec.level, spec.low, spec.high);
  for (std::size_t i = 0; i < kSteps; ++i) {
    steps->values.push_back(static_cast<float>(value));
    const double unit = static_cast<double>(next_random(random) >> 11U) * 0x1.0p-53;
    value = std::clamp(value + (2 * unit - 1) * spec.step, spec.low, spec.high);
  }
  // Walked back the same way, so that the next round starts where this one ends.
  for (std::size_t i = kSteps; i-- > 0;) steps->values.push_back(steps->values[i]);
  for (std::size_t i = 0; i <= steps->values.size(); ++i) steps->times.push_back(static_cast<double>(i) * spec.every);
  return std::shared_ptr<const Steps>(std::move(steps));
}

Outcome<std::shared_ptr<const Signal::Steps>> Signal::replay(const LoadSpec& spec, ReplayFiles& files) {
  const auto points = files.read(spec.file, spec.key);
  if (!points) return points.error();
  auto steps = std::make_shared<Steps>();
  const double first = points->front().time;
  for (const auto& point : *points) {
    const double time = (point.time - first) / spec.speed;
    if (!steps->times.empty() && time <= steps->times.back()) continue;  // two values at one instant: the lower counts
    steps->times.push_back(time);
    steps->values.push_back(static_cast<float>(std::clamp(point.value * spec.scale, 0.0, 100.0)));
  }
  const std::size_t count = steps->times.size();
  const double gap = count > 1 ? steps->times.back() / static_cast<double>(count - 1) : 1;
  steps->times.push_back(steps->times.back() + gap);
  return std::shared_ptr<const Steps>(std::move(steps));
}

Outcome<Signal> Signal::make(const LoadSpec& spec, ReplayFiles& files) {
  Signal signal;
  if (spec.kind == LoadSpec::Kind::Constant || spec.kind == LoadSpec::Kind::Wave) {
    signal.level_ = spec.level;
    if (spec.kind == LoadSpec::Kind::Constant) return signal;
    signal.amplitude_ = spec.amplitude;
    signal.omega_ = 2 * std::numbers::pi / spec.period;
    signal.phase_ = 2 * std::numbers::pi * spec.phase;
    return signal;
  }
  auto steps = spec.kind == LoadSpec::Kind::Walk ? walk(spec) : replay(spec, files);
  if (!steps) return steps.error();
  auto summed = std::make_shared<Steps>(**steps);
  double sum = 0;
  for (std::size_t i = 0; i < summed->values.size(); ++i) {
    summed->sums.push_back(sum);
    sum += static_cast<double>(summed->values[i]) * (summed->times[i + 1] - summed->times[i]);
  }
  summed->sums.push_back(sum);
  signal.steps_ = std::move(summed);
  return signal;
}

double Signal::at(double seconds) const {
  if (!steps_) return std::clamp(level_ + amplitude_ * std::sin(omega_ * seconds + phase_), 0.0, 100.0);
  const double round = std::fmod(std::max(seconds, 0.0), steps_->times.back());
  const auto next = std::ranges::upper_bound(steps_->times, round);
  const auto index = static_cast<std::size_t>(std::max<std::ptrdiff_t>(next - steps_->times.begin() - 1, 0));
  return static_cast<double>(steps_->values[std::min(index, steps_->values.size() - 1)]);
}

double Signal::integral(double seconds) const {
  if (seconds <= 0) return 0;
  if (!steps_) {
    const double wave =
        amplitude_ == 0 ? 0 : amplitude_ / omega_ * (std::cos(phase_) - std::cos(omega_ * seconds + phase_));
    return level_ * seconds + wave;
  }
  const double length = steps_->times.back();
  const double rounds = std::floor(seconds / length);
  const double rest = seconds - rounds * length;
  const auto next = std::ranges::upper_bound(steps_->times, rest);
  const auto index = std::min(static_cast<std::size_t>(std::max<std::ptrdiff_t>(next - steps_->times.begin() - 1, 0)),
                              steps_->values.size() - 1);
  return rounds * steps_->sums.back() + steps_->sums[index] +
         static_cast<double>(steps_->values[index]) * (rest - steps_->times[index]);
}

}  // namespace tessera::sim

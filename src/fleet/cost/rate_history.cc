#include "fleet/cost/rate_history.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace tessera::fleet {
namespace {

constexpr EpochMs kBegin = std::numeric_limits<EpochMs>::min(), kEnd = std::numeric_limits<EpochMs>::max();

/// Which devices a rate is for.
struct Devices {
  std::string model, cluster, node, pool;
  std::optional<Purchase> purchase;
  auto operator<=>(const Devices&) const = default;
};

/// The rate from each time on; none where it is absent.
using Line = std::map<EpochMs, std::optional<Micros>>;
using Lines = std::map<Devices, Line>;

bool is_dated(const Rate& rate) { return rate.from != kBegin || rate.to != kEnd; }
Devices devices_of(const Rate& rate) { return {rate.model, rate.cluster, rate.node, rate.pool, rate.purchase}; }

void paint(Line& line, EpochMs from, EpochMs to, std::optional<Micros> rate) {
  if (from >= to) return;
  const std::optional<Micros> behind = std::prev(line.upper_bound(to))->second;
  line.erase(line.lower_bound(from), line.upper_bound(to));
  line[from] = rate;
  if (to != kEnd) line[to] = behind;
}

Line& line_of(Lines& lines, const Rate& rate) {
  return lines.try_emplace(devices_of(rate), Line{{kBegin, {}}}).first->second;
}

Lines lines_of(const std::vector<Rate>& rates) {
  Lines out;
  for (const Rate& one : rates) paint(line_of(out, one), one.from, one.to, one.per_hour);
  return out;
}

std::vector<Rate> rates_of(const Lines& lines) {
  std::vector<Rate> out;
  for (const auto& [of, line] : lines)
    for (auto at = line.begin(); at != line.end(); ++at) {
      const auto next = std::next(at);
      const EpochMs to = next == line.end() ? kEnd : next->first;
      if (!at->second) continue;
      const bool goes_on = !out.empty() && devices_of(out.back()) == of && out.back().to == at->first &&
                           out.back().per_hour == *at->second;
      if (goes_on)
        out.back().to = to;
      else
        out.push_back({of.model, of.cluster, of.node, of.pool, of.purchase, *at->second, at->first, to});
    }
  return out;
}

std::optional<Micros> at(const Lines& lines, const Devices& of, EpochMs time) {
  const auto line = lines.find(of);
  return line == lines.end() ? std::nullopt : std::prev(line->second.upper_bound(time))->second;
}

}  // namespace

Result<void> check_wanted_rates(const std::vector<Rate>& wanted) {
  std::vector<Rate> dated, others;
  for (const Rate& one : wanted) {
    if (one.from == kBegin && one.to != kEnd)
      return fail(Code::Invalid, "rate of model '{}': it has an end and no begin; say from when on it holds",
                  one.model);
    (is_dated(one) ? dated : others).push_back(one);
  }
  for (auto* rates : {&dated, &others}) TRY(RateBook::of(std::move(*rates)));
  return {};
}

std::vector<Rate> repriced(const std::vector<Rate>& known, const std::vector<Rate>& wanted, EpochMs now) {
  Lines lines = lines_of(known);
  const EpochMs begin = known.empty() ? kBegin : now;
  for (auto& [of, line] : lines) paint(line, begin, kEnd, std::nullopt);
  for (const bool dated : {false, true})
    for (const Rate& one : wanted)
      if (is_dated(one) == dated) paint(line_of(lines, one), dated ? one.from : begin, one.to, one.per_hour);
  return rates_of(lines);
}

std::vector<TimeSpan> times_repriced(const std::vector<Rate>& before, const std::vector<Rate>& after) {
  const Lines old_lines = lines_of(before), new_lines = lines_of(after);
  std::map<Devices, std::vector<EpochMs>> edges;
  for (const Lines* lines : {&old_lines, &new_lines})
    for (const auto& [of, line] : *lines)
      for (const auto& [time, rate] : line) edges[of].push_back(time);
  std::vector<TimeSpan> spans;
  for (auto& [of, times] : edges) {
    std::ranges::sort(times);
    for (std::size_t i = 0; i < times.size(); ++i)
      if (at(old_lines, of, times[i]) != at(new_lines, of, times[i]))
        spans.push_back({times[i], i + 1 < times.size() ? times[i + 1] : kEnd});
  }
  std::ranges::sort(spans, {}, &TimeSpan::from);
  std::vector<TimeSpan> out;
  for (const TimeSpan& one : spans) {
    if (one.from == one.to) continue;
    if (!out.empty() && one.from <= out.back().to)
      out.back().to = std::max(out.back().to, one.to);
    else
      out.push_back(one);
  }
  return out;
}

}  // namespace tessera::fleet

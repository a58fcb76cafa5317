#include "server/forecast/past.h"

#include <algorithm>
#include <set>

namespace tessera::server {
namespace {

using fleet::CostKind;

constexpr float kMostUnknown = 0.1F;  // of what is there
constexpr std::string_view kTeam = "team:", kModel = "model:";

template <class T>
void shift(std::vector<T>& values, std::size_t by) {
  by = std::min(by, values.size());
  std::move(values.begin() + static_cast<std::ptrdiff_t>(by), values.end(), values.begin());
  std::fill(values.end() - static_cast<std::ptrdiff_t>(by), values.end(), T());
}

float gpus(std::int64_t ms) { return static_cast<float>(ms) / static_cast<float>(kForecastHour); }

}  // namespace

std::string_view measure_name(Measure measure) {
  constexpr std::string_view kNames[] = {"usage", "demand", "cost", "held"};
  return kNames[static_cast<std::size_t>(measure)];
}

std::string team_scope(std::string_view team) { return std::string(kTeam).append(team); }
std::string model_scope(std::string_view model) { return std::string(kModel).append(model); }

bool is_scope(std::string_view text) {
  return text == kFleetScope || (text.starts_with(kTeam) && text.size() > kTeam.size()) ||
         (text.starts_with(kModel) && text.size() > kModel.size());
}

void Past::advance(EpochMs end) {
  if (end <= end_) return;
  const auto by = static_cast<std::size_t>((end - end_) / kForecastHour);
  end_ = end;
  shift(closed_, by);
  shift(queued_, by);
  for (auto& [scope, hours] : scopes_) shift(hours, by);
  std::erase_if(scopes_, [](const auto& one) {
    return std::ranges::all_of(one.second, [](const Hour& hour) { return hour.empty(); });
  });
}

std::optional<std::size_t> Past::index_of(EpochMs hour) const {
  if (hour < begin() || hour >= end_) return std::nullopt;
  return static_cast<std::size_t>((hour - begin()) / kForecastHour);
}

Past::Hours* Past::hours_of(const std::string& scope) {
  const auto found = scopes_.find(scope);
  if (found != scopes_.end()) return &found->second;
  if (scopes_.size() >= kMostScopes) return nullptr;
  return &scopes_.emplace(scope, Hours(kHours)).first->second;
}

void Past::add(Hour& to, const store::LedgerHour& one) {
  const float time = gpus(one.device_ms);
  to.all += time;
  to.micros += one.micros;
  if (one.kind == CostKind::Used) to.used += time;
  if (one.kind == CostKind::HeldIdle) to.idle += time;
  if (one.kind == CostKind::HeldUnknown) to.unknown += time;
  if (one.kind == CostKind::Unobserved) to.unobserved += time, to.unobserved_micros += one.micros;
}

void Past::take(const PastChunk& chunk) {
  const auto from = index_of(std::max(chunk.from, begin()));
  if (!from || chunk.to <= chunk.from) return;
  const auto to =
      *from + static_cast<std::size_t>((std::min(chunk.to, end_) - std::max(chunk.from, begin())) / kForecastHour);
  for (std::size_t at = *from; at < to; ++at) closed_[at] = queued_[at] = false;
  for (auto& [scope, hours] : scopes_)
    std::fill(hours.begin() + static_cast<std::ptrdiff_t>(*from), hours.begin() + static_cast<std::ptrdiff_t>(to),
              Hour());
  std::set<std::string> refused;
  const auto at = [&](EpochMs hour, const std::string& scope) -> Hour* {
    const auto index = index_of(hour);
    if (!index) return nullptr;
    Hours* const hours = hours_of(scope);
    if (!hours) refused.insert(scope);
    return hours ? &(*hours)[*index] : nullptr;
  };
  for (const EpochMs hour : chunk.closed)
    if (const auto index = index_of(hour)) closed_[*index] = true;
  const std::string all(kFleetScope);
  for (const store::LedgerHour& one : chunk.ledger) {
    if (Hour* const hour = at(one.hour, all)) add(*hour, one);
    if (Hour* const hour = at(one.hour, model_scope(one.model))) add(*hour, one);
    if (one.team.empty() || !fleet::is_allocated(one.kind)) continue;
    if (Hour* const hour = at(one.hour, team_scope(one.team))) add(*hour, one);
  }
  for (const store::QueueHour& one : chunk.queue) {
    const auto index = index_of(one.hour);
    // Of an hour in which nobody looked for long, the rest of it is not known.
    if (!index || one.observed_ms * 10 < kForecastHour * 9) continue;
    queued_[*index] = true;
    for (const store::QueueShare& share : one.waited) {
      const float waiting = static_cast<float>(share.gpu_ms) / static_cast<float>(one.observed_ms);
      if (Hour* const hour = at(one.hour, all)) hour->waiting += waiting;
      if (!share.model.empty())
        if (Hour* const hour = at(one.hour, model_scope(share.model))) hour->waiting += waiting;
      if (!share.team.empty())
        if (Hour* const hour = at(one.hour, team_scope(share.team))) hour->waiting += waiting;
    }
  }
  left_out_ = refused.size();
}

std::optional<double> Past::value_at(std::size_t at, const Hour& hour, const Hour& around, Measure measure) const {
  if (!closed_[at]) return std::nullopt;
  const bool of_team = &hour != &around;
  // What nobody observed costs as well, but nobody knows whom.
  if (measure == Measure::Cost && !of_team) return static_cast<double>(hour.micros);
  if (around.unobserved > kMostUnknown * around.all) return std::nullopt;
  const float held = hour.used + hour.idle + hour.unknown;
  switch (measure) {
    case Measure::Usage:
      if (hour.unknown > kMostUnknown * held) return std::nullopt;
      return hour.used;
    case Measure::Demand:
      if (!queued_[at]) return std::nullopt;
      return held + hour.waiting;
    case Measure::Cost:
      return static_cast<double>(hour.micros);
    case Measure::Held:
      return held;
  }
  return std::nullopt;
}

std::vector<std::optional<double>> Past::series(std::string_view scope, Measure measure) const {
  std::vector<std::optional<double>> out;
  const auto found = scopes_.find(scope);
  if (found == scopes_.end()) return out;
  const auto fleet = scopes_.find(kFleetScope);
  const bool of_team = scope.starts_with(kTeam) && fleet != scopes_.end();
  const Hours& hours = found->second;
  const Hours& around = of_team ? fleet->second : hours;
  for (std::size_t at = first_of(hours); at < kHours; ++at) out.push_back(value_at(at, hours[at], around[at], measure));
  return out;
}

std::vector<double> Past::unobserved_costs(std::string_view scope) const {
  std::vector<double> out;
  const auto found = scopes_.find(scope), fleet = scopes_.find(kFleetScope);
  if (found == scopes_.end() || fleet == scopes_.end()) return out;
  for (std::size_t at = first_of(found->second); at < kHours; ++at)
    out.push_back(static_cast<double>(fleet->second[at].unobserved_micros));
  return out;
}

std::size_t Past::first_of(const Hours& hours) {
  return static_cast<std::size_t>(std::ranges::find_if(hours, [](const Hour& hour) { return !hour.empty(); }) -
                                  hours.begin());
}

std::vector<std::string> Past::scopes() const {
  std::vector<std::string> out;
  for (const auto& [scope, hours] : scopes_) out.push_back(scope);
  return out;
}

}  // namespace tessera::server

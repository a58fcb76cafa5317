#include "fleet/alerts/silence.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "fleet/alerts/track_text.h"
#include "fleet/cost/zone.h"

namespace tessera::fleet::alerts {
namespace {

constexpr EpochMs kDay = 24LL * 3600 * 1000;

/// The values of the labels that an inhibition compares, and what of. Empty where one of them is not there.
std::string compared(const Inhibition& by, const LabelSet& labels) {
  std::string out(by.source);
  for (const std::string_view name : by.equal) {
    const std::string_view value = label_of(labels, name);
    if (value.empty()) return {};
    out += '\n' + labels_text({{"", std::string(value)}});
  }
  return out;
}

bool is_target(const Inhibition& by, std::string_view rule) {
  const auto is_among = [&](const std::vector<std::string_view>& names) {
    return std::ranges::find(names, rule) != names.end();
  };
  return rule != by.source && !is_among(by.except) && (by.targets.empty() || is_among(by.targets));
}

/// Names of sources that fire, by what is compared.
using Sources = std::unordered_map<std::string, std::string>;

Sources inhibiting(const std::vector<Standing>& all, const Evaluator& of) {
  Sources out;
  for (const Standing& one : all) {
    if (one.track.phase != Phase::Firing) continue;
    for (const Inhibition& by : inhibitions())
      if (of.rule(one.track.rule)->original() == by.source) out.emplace(compared(by, one.labels), one.track.rule);
  }
  return out;
}

std::string inhibitor(const Standing& one, const Rule& rule, const Sources& sources) {
  for (const Inhibition& by : inhibitions()) {
    if (!is_target(by, rule.original())) continue;
    const std::string values = compared(by, one.labels);
    if (values.empty()) continue;
    if (const auto found = sources.find(values); found != sources.end()) return found->second;
  }
  return {};
}

}  // namespace

std::string_view repeat_name(Repeat repeat) {
  constexpr std::array<std::string_view, kRepeats> kNames = {"never", "daily", "weekly"};
  return kNames[static_cast<std::size_t>(repeat)];
}

std::optional<Repeat> repeat_named(std::string_view name) {
  for (std::size_t i = 0; i < kRepeats; ++i)
    if (repeat_name(static_cast<Repeat>(i)) == name) return static_cast<Repeat>(i);
  return std::nullopt;
}

bool is_in_force(const Silence& silence, EpochMs time) {
  if (time < silence.starts) return false;
  if (time < silence.ends) return true;
  if (silence.repeat == Repeat::Never) return false;
  const int every = silence.repeat == Repeat::Daily ? 1 : 7;
  const EpochMs lasts = silence.ends - silence.starts;
  if (lasts >= every * kDay) return true;  // until it comes again, also of a day of 25 hours
  const auto zone = Zone::named(silence.time_zone);
  if (!zone) return false;
  const Day first = zone->day_at(silence.starts);
  const Milliseconds clock = zone->clock_at(silence.starts);
  const int last = days_between(first, zone->day_at(time)) / every * every;
  for (const int day : {last, last - every}) {  // the one before may go on behind midnight
    const EpochMs begin = zone->time_of({first.year, first.month, first.day + day}, clock);
    if (day > 0 && begin <= time && time < begin + lasts) return true;
  }
  return false;
}

bool is_over(const Silence& silence, EpochMs time) { return silence.repeat == Repeat::Never && time >= silence.ends; }

LabelSet alert_labels(const Rule& rule, const LabelSet& subject) {
  LabelSet out = subject;
  out.emplace_back("alertname", rule.name);
  out.emplace_back("severity", severity_name(rule.severity));
  std::ranges::sort(out);
  return out;
}

std::vector<Standing> standing(const std::vector<Track>& tracks, const Evaluator& of, std::span<const Silence> silences,
                               EpochMs time) {
  std::vector<Standing> out;
  for (const Track& track : tracks)
    if (const Rule* rule = of.rule(track.rule))
      out.push_back({track, alert_labels(*rule, track.subject->labels), {}, {}});
  const Sources sources = inhibiting(out, of);
  std::vector<const Silence*> in_force;
  for (const Silence& silence : silences)
    if (is_in_force(silence, time)) in_force.push_back(&silence);
  for (Standing& one : out) {
    one.inhibited_by = inhibitor(one, *of.rule(one.track.rule), sources);
    const auto by =
        std::ranges::find_if(in_force, [&](const Silence* silence) { return matches(silence->matchers, one.labels); });
    if (by != in_force.end()) one.silenced_by = (*by)->id;
  }
  return out;
}

}  // namespace tessera::fleet::alerts

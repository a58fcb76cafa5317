#include "server/alerts/json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/utc.h"
#include "fleet/cost/zone.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr std::size_t kMostMatchers = 20;
constexpr std::size_t kLongestText = 500;
constexpr Milliseconds kDay{std::chrono::hours(24)}, kLongest{std::chrono::hours(24 * 366)};
constexpr std::string_view kMembers[] = {"matchers", "starts", "ends", "duration", "repeat", "timeZone", "comment"};

Result<std::string> text_of(std::string_view member, const Json& value, std::size_t most = kLongestText) {
  if (!value.is_string()) return fail(Code::Invalid, "{}: a text expected", member);
  auto out = value.get<std::string>();
  if (out.size() > most || !is_utf8(out))
    return fail(Code::Invalid, "{}: at most {} bytes of UTF-8 expected", member, most);
  return out;
}

Result<alerts::Matcher> matcher_of(const Json& value) {
  if (!value.is_object()) return fail(Code::Invalid, "matchers: objects of label, value and equal expected");
  alerts::Matcher out;
  for (const auto& [member, of] : value.items()) {
    if (member == "label")
      out.label = TRY(text_of("label", of));
    else if (member == "value")
      out.value = TRY(text_of("value", of));
    else if (member == "equal" && of.is_boolean())
      out.equal = of.get<bool>();
    else
      return fail(Code::Invalid, "matchers: '{}': label, value and equal (true or false) expected", valid_utf8(member));
  }
  if (out.label.empty()) return fail(Code::Invalid, "matchers: label: the name of a label of alerts expected");
  return out;
}

Result<EpochMs> time_of(std::string_view member, const Json& value) {
  const auto time = parse_utc(TRY(text_of(member, value)));
  if (!time) return fail(Code::Invalid, "{}: a time as 2026-01-31T09:30:00Z expected", member);
  return *time;
}

Result<void> take(std::string_view member, const Json& value, alerts::Silence& into) {
  if (member == "matchers") {
    if (!value.is_array() || value.size() > kMostMatchers)
      return fail(Code::Invalid, "matchers: a list of at most {} expected", kMostMatchers);
    for (const Json& one : value) into.matchers.push_back(TRY(matcher_of(one)));
  } else if (member == "starts") {
    into.starts = TRY(time_of(member, value));
  } else if (member == "ends") {
    into.ends = TRY(time_of(member, value));
  } else if (member == "repeat") {
    const auto repeat = alerts::repeat_named(TRY(text_of(member, value)));
    if (!repeat) return fail(Code::Invalid, "repeat: never, daily or weekly expected");
    into.repeat = *repeat;
  } else if (member == "timeZone") {
    into.time_zone = TRY(text_of(member, value));
    if (const auto zone = fleet::Zone::named(into.time_zone); !zone)
      return fail(Code::Invalid, "timeZone: {}", zone.error().what);
  } else {
    into.comment = TRY(text_of(member, value));
  }
  return {};
}

Result<void> check(const alerts::Silence& silence) {
  const Milliseconds lasts(silence.ends - silence.starts);
  if (silence.ends == 0) return fail(Code::Invalid, "ends: a time, or a duration as 2h, expected");
  if (lasts <= Milliseconds(0) || lasts > kLongest)
    return fail(Code::Invalid, "ends: behind starts, and by a year at most, expected");
  const Milliseconds period = silence.repeat == alerts::Repeat::Daily ? kDay : 7 * kDay;
  if (silence.repeat != alerts::Repeat::Never && lasts > period)
    return fail(Code::Invalid, "repeat: a silence that comes again lasts for no longer than until then");
  return {};
}

std::string_view state_of(const alerts::Silence& silence, EpochMs now) {
  if (alerts::is_in_force(silence, now)) return "active";
  return alerts::is_over(silence, now) ? "expired" : "pending";
}

Json wish_json(const std::optional<alerts::Action>& action) {
  if (!action) return nullptr;
  return {{"do", alerts::deed_name(action->deed)}, {"dryRun", action->dry_run}};
}

}  // namespace

Json labels_json(const alerts::LabelSet& labels) {
  Json out = Json::object();
  for (const auto& [name, value] : labels) out[name] = value;
  return out;
}

Json standing_json(const alerts::Standing& one, const alerts::Rule& rule, const std::string& runbooks) {
  const alerts::Track& track = one.track;
  return {{"alert", track.rule},
          {"state", alerts::phase_name(track.phase)},
          {"severity", fleet::severity_name(rule.severity)},
          {"subject", alerts::kind_name(rule.kind)},
          {"labels", labels_json(one.labels)},
          {"summary", alerts::fill(rule.summary, one.labels, track.value)},
          {"value", track.value},
          {"since", time_json(track.since)},
          {"fired", track.fired == 0 ? Json(nullptr) : time_json(track.fired)},
          {"lastSample", time_json(track.last)},
          {"inhibitedBy", text_or_null(one.inhibited_by)},
          {"silencedBy", text_or_null(one.silenced_by)},
          {"runbook", alerts::runbook_of(rule, runbooks)}};
}

Json event_json(const store::AlertEvent& one) {
  return {{"id", one.id},
          {"time", time_json(one.time)},
          {"alert", one.alert},
          {"state", alerts::phase_name(one.phase)},
          {"why", one.why},
          {"severity", text_or_null(one.severity)},
          {"labels", labels_json(one.labels)},
          {"summary", text_or_null(one.summary)},
          {"value", one.value},
          {"fired", time_json(one.fired)},
          {"told", one.told}};
}

Json action_json(const alerts::ActionRecord& one) {
  const auto time = [](EpochMs at) { return at == 0 ? Json(nullptr) : time_json(at); };
  return {{"id", one.id},
          {"alert", one.rule},
          {"action", alerts::deed_name(one.deed)},
          {"target", one.target},
          {"dryRun", one.dry_run},
          {"state", alerts::stage_name(one.stage)},
          {"cluster", text_or_null(one.cluster)},
          {"labels", labels_json(one.labels)},
          {"asked", time_json(one.asked)},
          {"begun", time(one.begun)},
          {"ended", time(one.ended)},
          {"error", text_or_null(one.last_error)},
          {"summary", text_or_null(one.summary)}};
}

Json rule_json(const alerts::Rule& rule, const std::string& runbooks) {
  Json scope = Json::object();
  for (const alerts::Matcher& one : rule.scope) scope[one.label] = one.value;
  return {{"alert", rule.name},
          {"copyOf", text_or_null(rule.copy_of)},
          {"enabled", rule.enabled},
          {"subject", alerts::kind_name(rule.kind)},
          {"observes", alerts::signal_name(rule.signal)},
          {"beyond", rule.beyond == alerts::Beyond::Above ? "above" : "below"},
          {"threshold", rule.threshold},
          {"clear", rule.clear},
          {"for", format_duration(rule.hold_for)},
          {"keepFiring", format_duration(rule.keep_firing)},
          {"severity", fleet::severity_name(rule.severity)},
          {"scope", std::move(scope)},
          {"action", wish_json(rule.action)},
          {"summary", rule.summary},
          {"runbook", alerts::runbook_of(rule, runbooks)}};
}

Json silence_json(const alerts::Silence& silence, EpochMs now) {
  Json matchers = Json::array();
  for (const alerts::Matcher& one : silence.matchers)
    matchers.push_back({{"label", one.label}, {"value", one.value}, {"equal", one.equal}});
  return {{"id", silence.id},
          {"state", state_of(silence, now)},
          {"matchers", std::move(matchers)},
          {"starts", time_json(silence.starts)},
          {"ends", time_json(silence.ends)},
          {"repeat", alerts::repeat_name(silence.repeat)},
          {"timeZone", silence.time_zone},
          {"comment", text_or_null(silence.comment)},
          {"createdBy", silence.created_by},
          {"created", time_json(silence.created)}};
}

Result<alerts::Silence> parse_silence(std::string_view body, EpochMs now) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(Code::Invalid, "the body is no JSON object");
  alerts::Silence out;
  std::optional<Milliseconds> lasts;
  for (const auto& [member, value] : json.items()) {
    if (std::ranges::find(kMembers, member) == std::end(kMembers))
      return fail(Code::Invalid, "{}: there is no such member; there are {}", valid_utf8(member),
                  fmt::join(kMembers, ", "));
    if (value.is_null()) continue;
    if (member == "duration")
      lasts = TRY(parse_duration(TRY(text_of(member, value))));
    else
      TRY(take(member, value, out));
  }
  if (!json.contains("matchers"))
    return fail(Code::Invalid, "matchers: a list expected; an empty one is of all alerts");
  if (out.starts == 0) out.starts = now;
  if (lasts && out.ends != 0) return fail(Code::Invalid, "duration: ends is there already");
  if (lasts) out.ends = out.starts + lasts->count();
  TRY(check(out));
  return out;
}

}  // namespace tessera::server

#include "server/alerts/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "metrics/own.h"
#include "server/access/viewer.h"
#include "server/alerts/json.h"
#include "server/api_json.h"
#include "server/api_rows.h"
#include "server/catalog.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr std::string_view kAlertColumns[] = {"alert",       "state",      "severity", "subject", "labels",
                                              "summary",     "value",      "since",    "fired",   "lastSample",
                                              "inhibitedBy", "silencedBy", "runbook"};
constexpr std::string_view kEventColumns[] = {"id",     "time",    "alert", "state", "why", "severity",
                                              "labels", "summary", "value", "fired", "told"};
constexpr std::string_view kRuleColumns[] = {"alert",     "enabled", "subject", "observes",   "beyond",
                                             "threshold", "clear",   "for",     "keepFiring", "severity",
                                             "scope",     "action",  "summary", "runbook"};
constexpr std::string_view kSilenceColumns[] = {"id",     "state",    "matchers", "starts",    "ends",
                                                "repeat", "timeZone", "comment",  "createdBy", "created"};
constexpr std::string_view kActionColumns[] = {"id",     "alert", "action", "target", "dryRun", "state",  "cluster",
                                               "labels", "asked", "begun",  "ended",  "error",  "summary"};
constexpr std::size_t kMostEvents = 10'000;
constexpr std::size_t kMostActions = 1'000;
constexpr Milliseconds kHistory{std::chrono::hours(24)};  ///< unless another time is asked for

struct StandingRow {
  const alerts::Standing* one;
  const alerts::Rule* rule;
};
constexpr SortColumn<StandingRow> kAlertSort[] = {
    {"severity", [](const StandingRow& r) { return SortValue(static_cast<double>(r.rule->severity)); }},
    {"since", [](const StandingRow& r) { return SortValue(static_cast<double>(r.one->track.since)); }},
    {"alert", [](const StandingRow& r) { return SortValue(r.one->track.rule); }},
    {"state", [](const StandingRow& r) { return SortValue(static_cast<double>(r.one->track.phase)); }},
    {"key", [](const StandingRow& r) { return SortValue(r.one->track.subject->key); }}};

constexpr SortColumn<store::AlertEvent> kEventSort[] = {
    {"id", [](const store::AlertEvent& r) { return SortValue(static_cast<double>(r.id)); }},
    {"time", [](const store::AlertEvent& r) { return SortValue(static_cast<double>(r.time)); }}};

constexpr SortColumn<alerts::ActionRecord> kActionSort[] = {
    {"id", [](const alerts::ActionRecord& r) { return SortValue(static_cast<double>(r.id)); }},
    {"alert", [](const alerts::ActionRecord& r) { return SortValue(r.rule); }}};

constexpr SortColumn<alerts::Silence> kSilenceSort[] = {
    {"starts", [](const alerts::Silence& r) { return SortValue(static_cast<double>(r.starts)); }},
    {"id", [](const alerts::Silence& r) { return SortValue(r.id); }}};

constexpr SortColumn<const alerts::Rule*> kRuleSort[] = {
    {"alert", [](const alerts::Rule* const& r) { return SortValue(r->name); }}};

template <class Row>
Page page_of(std::vector<Row> rows, const Pager<Row>& pager, std::function<Json(const Row&)> json) {
  Page out;
  out.total = rows.size();
  out.next_cursor = pager.cut(rows);
  out.rows = rows.size();
  out.row = [rows = std::move(rows), json = std::move(json)](std::size_t at, Json& into) { into = json(rows[at]); };
  return out;
}

class Routes {
 public:
  Routes(Alerts& alerts, const Notifier& notifier) : alerts_(alerts), notifier_(notifier) {}

  http::Response list(const http::Request& request) const {
    Query query(request);
    const Pager<StandingRow> pager(query, kAlertSort, "-severity,since", "alert,key");
    const auto states = query.words("state", names_of(alerts::phase_name, 2));
    const auto severities = query.words("severity", names_of(fleet::severity_name, fleet::kSeverities));
    const auto names = query.texts("alert"), nodes = query.texts("nodeName");
    const auto told = query.flag("told");
    if (!query.finish()) return reply(*query.problem(), request);
    const auto book = alerts_.book();
    std::vector<StandingRow> rows;
    for (const alerts::Standing& one : book->standing) {
      const alerts::Rule& rule = *std::ranges::find(alerts_.settings().rules, one.track.rule, &alerts::Rule::name);
      if (is_one(states, one.track.phase) && is_one(severities, rule.severity) && is_any(names, one.track.rule) &&
          is_any(nodes, std::string(alerts::label_of(one.labels, "node"))) && (!told || *told == one.is_told()))
        rows.push_back({&one, &rule});
    }
    return paged(page_of<StandingRow>(std::move(rows), pager,
                                      [this](const StandingRow& row) {
                                        return standing_json(*row.one, *row.rule, alerts_.settings().runbooks);
                                      }),
                 kAlertColumns, query, book->time == 0 ? now_epoch_ms() : book->time);
  }

  http::Response history(const http::Request& request) const {
    Query query(request);
    const Pager<store::AlertEvent> pager(query, kEventSort, "-id", "id");
    const EpochMs now = now_epoch_ms();
    const EpochMs from = query.time("from").value_or(now - kHistory.count()), to = query.time("to").value_or(now + 1);
    const std::string alert = query.text("alert").value_or("");
    if (!query.finish()) return reply(*query.problem(), request);
    auto events = alerts_.history(from, to, alert, kMostEvents);
    if (!events)
      return reply({503, "database-unavailable", "what has happened cannot be read: " + events.error().what}, request);
    return paged(page_of<store::AlertEvent>(*std::move(events), pager, event_json), kEventColumns, query, now);
  }

  http::Response actions(const http::Request& request) const {
    Query query(request);
    const Pager<alerts::ActionRecord> pager(query, kActionSort, "-id", "id");
    const auto open = query.flag("open");
    if (!query.finish()) return reply(*query.problem(), request);
    auto known = alerts_.actions(kMostActions);
    if (!known)
      return reply({503, "database-unavailable", "what is done cannot be read: " + known.error().what}, request);
    std::erase_if(
        *known, [&](const alerts::ActionRecord& one) { return open && *open != (one.stage != alerts::Stage::Ended); });
    return paged(page_of<alerts::ActionRecord>(*std::move(known), pager, action_json), kActionColumns, query,
                 now_epoch_ms());
  }

  http::Response rules(const http::Request& request) const {
    Query query(request);
    const Pager<const alerts::Rule*> pager(query, kRuleSort, "alert", "alert");
    if (!query.finish()) return reply(*query.problem(), request);
    std::vector<const alerts::Rule*> rows;
    for (const alerts::Rule& one : alerts_.settings().rules) rows.push_back(&one);
    return paged(page_of<const alerts::Rule*>(
                     std::move(rows), pager,
                     [this](const alerts::Rule* const& one) { return rule_json(*one, alerts_.settings().runbooks); }),
                 kRuleColumns, query, now_epoch_ms());
  }

  http::Response silences(const http::Request& request) const {
    Query query(request);
    const Pager<alerts::Silence> pager(query, kSilenceSort, "-starts", "id");
    if (!query.finish()) return reply(*query.problem(), request);
    const EpochMs now = now_epoch_ms();
    return paged(page_of<alerts::Silence>(alerts_.silences(), pager,
                                          [now](const alerts::Silence& one) { return silence_json(one, now); }),
                 kSilenceColumns, query, now);
  }

  http::Response add_silence(const http::Request& request) const {
    if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    auto silence = parse_silence(request.body, now_epoch_ms());
    if (!silence) return reply({400, "invalid-parameter", silence.error().what}, request);
    return alerts_.add_silence(request, *std::move(silence));
  }

  http::Response drop_silence(const http::Request& request) const {
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    return alerts_.drop_silence(request, valid_utf8(request.param("silenceId")));
  }

  /// Of what nothing is kept.
  http::Response test(const http::Request& request) const {
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    Json receivers = Json::array();
    for (const TestDelivery& one : notifier_.test())
      receivers.push_back(
          {{"receiver", one.receiver}, {"delivered", one.delivered}, {"detail", text_or_null(one.detail)}});
    return json_reply(request, {{"receivers", std::move(receivers)}});
  }

 private:
  Alerts& alerts_;
  const Notifier& notifier_;
};

}  // namespace

std::vector<http::Route> alert_routes(Alerts& alerts, const Notifier& notifier, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(alerts, notifier);
  const auto to = [&](http::Response (Routes::*handle)(const http::Request&) const) {
    return [routes, handle](const http::Request& request) { return (routes.get()->*handle)(request); };
  };
  return {{"GET", api + "/alerts", to(&Routes::list)},
          {"GET", api + "/alerts/history", to(&Routes::history)},
          {"GET", api + "/alerts/actions", to(&Routes::actions)},
          {"GET", api + "/alerts/rules", to(&Routes::rules)},
          {"GET", api + "/alerts/silences", to(&Routes::silences)},
          {"POST", api + "/alerts/silences", to(&Routes::add_silence)},
          {"DELETE", api + "/alerts/silences/{silenceId}", to(&Routes::drop_silence)},
          {"POST", api + "/alerts/test", to(&Routes::test)}};
}

void add_action_metrics(metrics::Page& page, const ActionStats& stats) {
  using metrics::label_text;
  const auto name = [](std::size_t deed) { return alerts::deed_name(static_cast<alerts::Deed>(deed)); };
  page.family(catalog::kAlertActions.metric);
  for (std::size_t deed = 0; deed < alerts::kDeeds; ++deed)
    for (const bool dry : {false, true})
      page.add(page.labels(label_text({{"action", name(deed)}, {"dry_run", dry ? "true" : "false"}})),
               static_cast<double>(stats.open[deed][dry ? 1 : 0]));
  page.family(catalog::kAlertActionResults.metric);
  for (std::size_t deed = 0; deed < alerts::kDeeds; ++deed)
    for (std::size_t result = 0; result < kActionResults; ++result)
      page.add(page.labels(label_text(
                   {{"action", name(deed)}, {"result", action_result_name(static_cast<ActionResult>(result))}})),
               static_cast<double>(stats.results[deed][result]));
}

void add_alert_metrics(metrics::Page& page, const Alerts& of, const Notifier& notifier) {
  using metrics::label_text;
  std::array<std::array<double, fleet::kSeverities>, 2> counts{};
  const auto book = of.book();
  for (const alerts::Standing& one : book->standing)
    for (const alerts::Rule& rule : of.settings().rules)
      if (rule.name == one.track.rule)
        ++counts[static_cast<std::size_t>(one.track.phase)][static_cast<std::size_t>(rule.severity)];
  page.family(catalog::kAlerts.metric);
  for (std::size_t phase = 0; phase < counts.size(); ++phase)
    for (std::size_t severity = 0; severity < fleet::kSeverities; ++severity)
      page.add(page.labels(label_text({{"state", alerts::phase_name(static_cast<alerts::Phase>(phase))},
                                       {"severity", fleet::severity_name(static_cast<fleet::Severity>(severity))}})),
               counts[phase][severity]);
  const AlertStats stats = of.stats();
  page.family(catalog::kAlertRounds.metric);
  page.add(page.labels(label_text({{"result", "kept"}})), static_cast<double>(stats.rounds - stats.failed_rounds));
  page.add(page.labels(label_text({{"result", "unkept"}})), static_cast<double>(stats.failed_rounds));
  metrics::append_single(page, catalog::kAlertRoundSeconds.metric, stats.round_seconds);
  const auto receivers = notifier.stats();
  page.family(catalog::kAlertMessages.metric);
  for (const ReceiverStats& one : receivers) {
    page.add(page.labels(label_text({{"receiver", one.receiver}, {"result", "delivered"}})),
             static_cast<double>(one.delivered));
    page.add(page.labels(label_text({{"receiver", one.receiver}, {"result", "failed"}})),
             static_cast<double>(one.failed));
    page.add(page.labels(label_text({{"receiver", one.receiver}, {"result", "dropped"}})),
             static_cast<double>(one.dropped));
  }
  page.family(catalog::kAlertBehind.metric);
  for (const ReceiverStats& one : receivers)
    page.add(page.labels(label_text({{"receiver", one.receiver}})), static_cast<double>(one.behind));
}

}  // namespace tessera::server

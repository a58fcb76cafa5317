#include "server/advice/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/access/viewer.h"
#include "server/advice/json.h"
#include "server/api_json.h"
#include "server/api_rows.h"
#include "server/cost/json.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"

namespace tessera::server {
namespace {

using store::AdviceState;

constexpr std::string_view kColumns[] = {"id",
                                         "kind",
                                         "state",
                                         "subject.cluster",
                                         "subject.namespace",
                                         "subject.kind",
                                         "subject.name",
                                         "subject.team",
                                         "subject.project",
                                         "subject.deviceId",
                                         "subject.model",
                                         "sentence",
                                         "aim",
                                         "savingPerMonth",
                                         "costPerMonth",
                                         "currency",
                                         "confidence",
                                         "evidence.from",
                                         "evidence.to",
                                         "evidence.observedShare",
                                         "firstSaid",
                                         "lastSaid"};
constexpr Milliseconds kLongestSnooze{std::chrono::hours(24 * 366)};
constexpr std::size_t kLongestReason = 1'000;

struct AdviceRow {
  AdviceTold told;
  fleet::advice::Subject subject;
};
/// What nobody can reckon comes behind what saves nothing.
constexpr SortColumn<AdviceRow> kSort[] = {
    {"savingPerMonth",
     [](const AdviceRow& r) { return SortValue(static_cast<double>(r.told.said.per_month.value_or(-1))); }},
    {"kind", [](const AdviceRow& r) { return SortValue(r.told.said.kind); }},
    {"firstSaid", [](const AdviceRow& r) { return SortValue(static_cast<double>(r.told.said.first_said)); }},
    {"id", [](const AdviceRow& r) { return SortValue(r.told.said.id); }}};

bool sees(const Viewer& viewer, const AdviceTold& one) {
  return !viewer.restricted() || (!one.said.space.empty() && viewer.sees(one.said.space));
}

/// Without what it says of namespaces that the viewer does not see.
Json shown_to(const Viewer& viewer, const AdviceTold& one) {
  Json out = advice_json(one);
  if (!viewer.restricted() || !out.contains("evidence")) return out;
  Json& numbers = out["evidence"]["numbers"];
  for (auto of = numbers.begin(); of != numbers.end();)
    of = (*of)["name"] == "unusedElsewhere" ? numbers.erase(of) : of + 1;
  return out;
}

/// What a body asks: `until` or `for`, and `reason`.
struct Asked {
  std::optional<EpochMs> until;
  std::string reason;
};

Result<Asked> read_asked(std::string_view body, EpochMs now) {
  Asked out;
  if (trim(body).empty()) return out;
  const Json read = Json::parse(body, nullptr, false);
  if (!read.is_object()) return fail(Code::Invalid, "the body: a JSON object expected");
  for (const auto& [name, value] : read.items()) {
    if (!value.is_string()) return fail(Code::Invalid, "{}: a text expected", name);
    const auto text = value.get<std::string>();
    if (name == "reason") {
      out.reason = text;
    } else if (name == "until") {
      out.until = TRY(parse_time(text));
    } else if (name == "for") {
      out.until = now + TRY(parse_duration(text)).count();
    } else {
      return fail(Code::Invalid, "{}: no such member; there are reason, until and for", name);
    }
  }
  if (out.reason.size() > kLongestReason) return fail(Code::Invalid, "reason: {} letters at most", kLongestReason);
  return out;
}

Result<store::AdviceAnswer> read_answer(AdviceState state, std::string_view body, EpochMs now) {
  const Asked asked = TRY(read_asked(body, now));
  store::AdviceAnswer out;
  out.state = state;
  out.reason = asked.reason;
  const bool snoozes = state == AdviceState::Snoozed;
  if (snoozes != asked.until.has_value())
    return fail(Code::Invalid, "{}",
                snoozes ? "until (a time) or for (as 14d) expected: until when it is left alone"
                        : "until and for are of what is snoozed alone");
  if (asked.until && (*asked.until <= now || *asked.until > now + kLongestSnooze.count()))
    return fail(Code::Invalid, "until: a time in the next 366 days expected");
  if (state == AdviceState::Dismissed && trim(asked.reason).empty())
    return fail(Code::Invalid, "reason: a text expected: why it is not to be done");
  out.until = asked.until;
  return out;
}

class Routes {
 public:
  explicit Routes(Advisor& advisor) : advisor_(advisor) {}

  http::Response list(const http::Request& request) const {
    Query query(request);
    const Pager<AdviceRow> pager(query, kSort, "-savingPerMonth", "id");
    std::vector<std::string_view> names;
    for (const auto& one : fleet::advice::kinds()) names.push_back(one.name);
    const auto kinds = query.words("kind", names);
    const auto states = query.words("state", names_of(store::advice_state_name, store::kAdviceStates));
    const auto spaces = query.texts("namespace"), teams = query.texts("team");
    if (!query.finish()) return reply(*query.problem(), request);
    const EpochMs now = now_epoch_ms();
    auto told = advisor_.told(now);
    if (!told) return unavailable(told.error(), request);
    std::vector<AdviceRow> rows;
    for (AdviceTold& one : *told) {
      if (!sees(viewer_of(request), one) || !is_one(states, one.state)) continue;
      const bool wanted =
          kinds.empty() || std::ranges::any_of(kinds, [&](auto at) { return names[at] == one.said.kind; });
      AdviceRow row{std::move(one), {}};
      row.subject = subject_of_body(row.told.said.body);
      if (wanted && is_any(spaces, row.told.said.space) && is_any(teams, row.subject.team))
        rows.push_back(std::move(row));
    }
    Page page;
    page.total = rows.size();
    page.next_cursor = pager.cut(rows);
    page.rows = rows.size();
    page.row = [rows = std::move(rows), currency = advisor_.currency(), viewer = viewer_of(request)](std::size_t at,
                                                                                                     Json& into) {
      into = shown_to(viewer, rows[at].told);
      into["currency"] = text_or_null(currency);
    };
    return paged(page, kColumns, query, now);
  }

  http::Response show(const http::Request& request) const {
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    const EpochMs now = now_epoch_ms();
    const auto told = advisor_.told(now);
    if (!told) return unavailable(told.error(), request);
    const auto one =
        std::ranges::find(*told, request.param("adviceId"), [](const AdviceTold& of) { return of.said.id; });
    if (one == told->end() || !sees(viewer_of(request), *one)) return unknown(request);
    const auto realised = advisor_.realised(*one, now);
    if (!realised) return unavailable(realised.error(), request);
    Json out = shown_to(viewer_of(request), *one);
    out["currency"] = text_or_null(advisor_.currency());
    out["realised"] = *realised ? realised_json(**realised) : Json(nullptr);
    return json_reply(request, out);
  }

  template <AdviceState kState>
  http::Response answer(const http::Request& request) const {
    if (!request.body.empty())
      if (auto refused = refused_body(request)) return *std::move(refused);
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    auto asked = read_answer(kState, request.body, now_epoch_ms());
    if (!asked) return reply({400, "invalid-parameter", asked.error().what}, request);
    return advisor_.answer(request, valid_utf8(request.param("adviceId")), *std::move(asked));
  }

 private:
  static http::Response unavailable(const Error& error, const http::Request& request) {
    return reply({503, "database-unavailable", "advice cannot be read: " + error.what}, request);
  }
  static http::Response unknown(const http::Request& request) {
    return reply({404, "not-found",
                  fmt::format("there is no advice '{}'; GET /advice lists what there is",
                              valid_utf8(request.param("adviceId")))},
                 request);
  }

  Advisor& advisor_;
};

}  // namespace

std::vector<http::Route> advice_routes(Advisor& advisor, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(advisor);
  const auto to = [&](http::Response (Routes::*handle)(const http::Request&) const) {
    return [routes, handle](const http::Request& request) { return (routes.get()->*handle)(request); };
  };
  const std::string one = api + "/advice/{adviceId}";
  return {{"GET", api + "/advice", to(&Routes::list)},
          {"GET", one, to(&Routes::show)},
          {"POST", one + "/accept", to(&Routes::answer<AdviceState::Accepted>)},
          {"POST", one + "/snooze", to(&Routes::answer<AdviceState::Snoozed>)},
          {"POST", one + "/dismiss", to(&Routes::answer<AdviceState::Dismissed>)},
          {"POST", one + "/reopen", to(&Routes::answer<AdviceState::Open>)}};
}

}  // namespace tessera::server

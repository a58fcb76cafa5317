#include "server/benchmarks/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utc.h"
#include "server/api_json.h"
#include "server/cost/json.h"

namespace tessera::server {
namespace {
namespace benchmarks = fleet::benchmarks;
using benchmarks::Record;

using Take = Result<void> (*)(Record&, std::string_view member, const Json& value);
struct Member {
  std::string_view name;
  bool needed;
  Take take;
};

template <std::string Record::* kMember, bool kMayLack>
Result<void> take_text(Record& into, std::string_view member, const Json& value) {
  if (kMayLack && value.is_null()) return {};
  if (!value.is_string()) return fail(Code::Invalid, "{}: a text expected", member);
  into.*kMember = value.get<std::string>();
  return {};
}

Result<double> number_of(std::string_view member, const Json& value) {
  if (!value.is_number()) return fail(Code::Invalid, "{}: a number expected", member);
  return value.get<double>();
}

Result<void> take_value(Record& into, std::string_view member, const Json& value) {
  into.value = TRY(number_of(member, value));
  return {};
}
Result<void> take_watts(Record& into, std::string_view member, const Json& value) {
  if (!value.is_null()) into.watts = TRY(number_of(member, value));
  return {};
}
Result<void> take_better(Record& into, std::string_view member, const Json& value) {
  const auto better = value.is_string() ? benchmarks::better_named(value.get<std::string>()) : std::nullopt;
  if (!better) return fail(Code::Invalid, "{}: higher or lower expected", member);
  into.better = *better;
  return {};
}
Result<void> take_time(Record& into, std::string_view member, const Json& value) {
  const auto time = value.is_string() ? parse_utc(value.get<std::string>()) : std::nullopt;
  if (!time) return fail(Code::Invalid, "{}: a time as 2026-01-31T12:00:00Z expected", member);
  into.time = *time;
  return {};
}
/// The server's own: of what it has told once.
Result<void> take_nothing(Record&, std::string_view, const Json&) { return {}; }

constexpr Member kMembers[] = {{"model", true, take_text<&Record::model, false>},
                               {"driver", false, take_text<&Record::driver, true>},
                               {"name", true, take_text<&Record::name, false>},
                               {"version", false, take_text<&Record::version, true>},
                               {"value", true, take_value},
                               {"unit", true, take_text<&Record::unit, false>},
                               {"better", true, take_better},
                               {"source", false, take_text<&Record::source, true>},
                               {"time", true, take_time},
                               {"watts", false, take_watts},
                               {"id", false, take_nothing}};

std::string member_names() {
  std::string out;
  for (const Member& one : kMembers) out += (out.empty() ? "" : ", ") + std::string(one.name);
  return out;
}

Result<Record> parse_record(const Json& of, EpochMs latest) {
  if (!of.is_object()) return fail(Code::Invalid, "an object expected");
  Record out;
  for (const auto& [name, value] : of.items()) {
    const auto* const member = std::ranges::find(kMembers, name, &Member::name);
    if (member == std::end(kMembers))
      return fail(Code::Invalid, "{}: no such member; there are {}", name, member_names());
    TRY(member->take(out, member->name, value));
  }
  for (const Member& one : kMembers)
    if (one.needed && !of.contains(one.name)) return fail(Code::Invalid, "{}: is missing", one.name);
  TRY(benchmarks::check(out, latest));
  return out;
}

Json record_json(const Record& of) {
  return {{"model", of.model},
          {"driver", text_or_null(of.driver)},
          {"name", of.name},
          {"version", text_or_null(of.version)},
          {"value", of.value},
          {"unit", of.unit},
          {"better", benchmarks::better_name(of.better)},
          {"source", text_or_null(of.source)},
          {"time", time_json(of.time)},
          {"watts", or_null(of.watts)}};
}

Json watts_from_json(const benchmarks::Compared& of) {
  if (!of.watts) return nullptr;
  return of.watts_from == benchmarks::Watts::Measured ? "measured" : "limit";
}

Json compared_json(const benchmarks::Compared& of) {
  return {{"model", of.model},
          {"driver", text_or_null(of.driver)},
          {"runs", of.runs},
          {"median", of.median},
          {"spread", of.spread},
          {"firstRun", time_json(of.first)},
          {"lastRun", time_json(of.last)},
          {"ratio", or_null(of.ratio)},
          {"verdict", of.verdict ? Json(benchmarks::verdict_name(*of.verdict)) : Json(nullptr)},
          {"perHour", of.per_hour ? money_json(*of.per_hour) : Json(nullptr)},
          {"perMoney", or_null(of.per_money)},
          {"watts", or_null(of.watts)},
          {"wattsFrom", watts_from_json(of)},
          {"perWatt", or_null(of.per_watt)}};
}

Json regression_json(const benchmarks::Regression& of) {
  return {{"model", of.model},
          {"name", of.name},
          {"version", text_or_null(of.version)},
          {"unit", of.unit},
          {"better", benchmarks::better_name(of.better)},
          {"driverBefore", text_or_null(of.driver_before)},
          {"driverNow", text_or_null(of.driver_now)},
          {"before", of.before},
          {"now", of.now},
          {"worse", of.worse},
          {"p", of.p},
          {"runsBefore", of.runs_before},
          {"runsNow", of.runs_now},
          {"since", time_json(of.since)}};
}

}  // namespace

Result<benchmarks::ReadRecords> parse_benchmarks(std::string_view body, EpochMs latest) {
  const Json read = Json::parse(body, nullptr, false);
  if (!read.is_object() && !read.is_array())
    return fail(Code::Invalid, "the body: a JSON object or a list of them expected");
  if (read.is_array() && read.size() > benchmarks::kMostRecords)
    return fail(Code::Invalid, "{} records found, {} at most expected", read.size(), benchmarks::kMostRecords);
  benchmarks::ReadRecords out;
  const auto take = [&](const Json& one, std::size_t number) {
    auto record = parse_record(one, latest);
    if (record)
      out.taken.push_back(*std::move(record));
    else
      out.refused.push_back({number, record.error().what});
  };
  if (read.is_object()) {
    take(read, 1);
    return out;
  }
  for (std::size_t i = 0; i < read.size(); ++i) take(read[i], i + 1);
  return out;
}

std::string benchmarks_json(const std::vector<Record>& records) {
  std::string out = "[";
  for (const Record& one : records) out += (&one == &records.front() ? "\n" : ",\n") + json_text(record_json(one));
  return out + "\n]\n";
}

Json benchmark_json(const Record& record) {
  Json out{{"id", benchmarks::id_of(record)}};
  out.update(record_json(record));
  return out;
}

Json comparison_json(const benchmarks::Comparison& of) {
  Json rows = Json::array();
  for (const benchmarks::Compared& one : of.rows) rows.push_back(compared_json(one));
  return {{"name", of.name},
          {"version", text_or_null(of.version)},
          {"unit", of.unit},
          {"better", benchmarks::better_name(of.better)},
          {"model", text_or_null(of.model)},
          {"baseline", text_or_null(of.baseline)},
          {"rows", std::move(rows)}};
}

Json watched_json(const benchmarks::Watched& of) {
  Json items = Json::array();
  for (const benchmarks::Regression& one : of.regressions) items.push_back(regression_json(one));
  return {{"newestRuns", benchmarks::kNewestRuns},
          {"leastBefore", benchmarks::kLeastBefore},
          {"leastWorse", benchmarks::kLeastWorse},
          {"significance", benchmarks::kSignificance},
          {"judged", of.judged},
          {"tooFew", of.too_few},
          {"items", std::move(items)}};
}

}  // namespace tessera::server

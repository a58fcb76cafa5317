#include "cli/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/// Money is a text; GPUs have two digits behind the point.
std::string amount_cell(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  return value.is_number() ? fmt::format("{:.2f}", value.get<double>()) : text_cell(row, path);
}

/// Money is an hour's here; sums of a month are not.
std::string unit_text(const JsonValue& reply) {
  const std::string unit = harmless(text_cell(reply, "unit"));
  return unit == "GPU" ? unit : unit + "/h";
}

/// `2026-11-30 14:00` of `2026-11-30T14:00:00.000Z`
std::string hour_cell(const JsonValue& row, std::string_view path) {
  std::string out = text_cell(row, path).substr(0, 16);
  std::ranges::replace(out, 'T', ' ');
  return out;
}
std::string day_cell(const JsonValue& row, std::string_view path) { return hour_cell(row, path).substr(0, 10); }

std::string why_not(const JsonValue& reply) {
  return fmt::format("no forecast ({}): {}\n{} hours are known, {} are gaps\n", text_cell(reply, "state"),
                     text_cell(reply, "reason"), text_cell(reply, "history.observedHours"),
                     text_cell(reply, "history.gapHours"));
}

std::string error_text(const JsonValue& reply) {
  const JsonValue& part = member(reply, "error.ofSameHourYesterday");
  return fmt::format(
      "off by {} {} on average, asked {} times in the past, {} h ahead; the same hour of the day before: {}, the last "
      "value: {}{}\n",
      amount_cell(reply, "error.mean"), unit_text(reply), text_cell(reply, "error.origins"),
      text_cell(reply, "error.judgedHours"), amount_cell(reply, "error.sameHourYesterday"),
      amount_cell(reply, "error.lastValue"),
      part.is_number() && part.get<double>() >= 1 ? " (the forecast is no better)" : "");
}

std::string month_text(const JsonValue& reply) {
  if (!member(reply, "month").is_object()) return "";
  std::string out =
      fmt::format("this month: {} until {}", text_cell(reply, "month.soFar"), text_cell(reply, "month.soFarUntil"));
  if (member(reply, "month.projected").is_string())
    out += fmt::format(", {} at its end ({} to {})", text_cell(reply, "month.projected"), text_cell(reply, "month.low"),
                       text_cell(reply, "month.high"));
  out += fmt::format(" {}\n", text_cell(reply, "unit"));
  const JsonValue& unknown = member(reply, "month.unknownHours");
  if (unknown.is_number() && unknown.get<double>() > 0)
    out += fmt::format("{} hours of this month are not in the ledger, and what they cost is in no sum\n",
                       text_cell(reply, "month.unknownHours"));
  return out;
}

std::string series_table(const JsonValue& reply) {
  std::string out;
  const JsonValue& items = member(reply, "items");
  if (items.empty()) return why_not(reply) + month_text(reply);
  std::vector<Cells> lines{{"HOUR (UTC)", unit_text(reply), "AT LEAST", "AT MOST"}};
  for (const JsonValue& one : items)
    lines.push_back(
        {hour_cell(one, "time"), amount_cell(one, "value"), amount_cell(one, "low"), amount_cell(one, "high")});
  append_grid(out, lines, {1, 2, 3});
  out += fmt::format("{} of {}, by {} and others, from {} hours with {} gaps\n", text_cell(reply, "measure"),
                     harmless(text_cell(reply, "scope")), text_cell(reply, "method"),
                     text_cell(reply, "history.observedHours"), text_cell(reply, "history.gapHours"));
  return out + error_text(reply) + month_text(reply);
}

/// `2027-03-01 (2027-01-10 to –)`, or the word of what there is in its place.
std::string full_cell(const JsonValue& of) {
  if (text_cell(of, "state") != "dated") return text_cell(of, "state");
  return fmt::format("{} ({} to {})", day_cell(of, "fullAt"), day_cell(of, "earliest"), day_cell(of, "latest"));
}

/// `8`, or `6 (2 missing)`
std::string capacity_cell(const JsonValue& pool) {
  const JsonValue& missing = member(pool, "missing");
  std::string out = text_cell(pool, "capacity");
  if (missing.is_number() && missing.get<double>() > 0) out += fmt::format(" ({} missing)", text_cell(pool, "missing"));
  return out;
}

std::string capacity_table(const JsonValue& reply) {
  const JsonValue& items = member(reply, "items");
  const bool more = std::ranges::any_of(items, [](const JsonValue& one) { return member(one, "whatIf").is_object(); });
  std::vector<Cells> lines{{"MODEL", "HELD", "OF", "A DAY", "FULL"}};
  if (more) lines.front().push_back("WITH MORE");
  for (const JsonValue& one : items) {
    lines.push_back({harmless(text_cell(one, "model")), amount_cell(one, "held"), capacity_cell(one),
                     amount_cell(one, "trend.perDay"), full_cell(one)});
    if (more) lines.back().push_back(member(one, "whatIf").is_object() ? full_cell(member(one, "whatIf")) : "");
  }
  std::string out;
  append_grid(out, lines, {1, 2, 3});
  return out + fmt::format("by the fullest hour of each day until {}\n", text_cell(reply, "until"));
}

std::string pattern_table(const JsonValue& reply) {
  if (member(reply, "items").empty()) return why_not(reply);
  std::vector<Cells> lines{{"HOUR", "MEAN", "PEAK"}};
  for (const JsonValue& one : member(reply, "byHour"))
    lines.push_back({fmt::format("{:>2}", text_cell(one, "hour")), amount_cell(one, "mean"), amount_cell(one, "peak")});
  std::string out;
  append_grid(out, lines, {1, 2});
  for (const char* which : {"busiest", "quietest"}) {
    const JsonValue& one = member(reply, which);
    const JsonValue& day = member(one, "weekday");
    if (day.is_number() && day.get<int>() >= 1 && day.get<int>() <= 7)
      out += fmt::format("{}: {} {}:00, {} {}\n", which, kDays[day.get<int>() - 1], text_cell(one, "hour"),
                         amount_cell(one, "mean"), unit_text(reply));
  }
  return out + fmt::format("{} of {}, {}\n", text_cell(reply, "measure"), harmless(text_cell(reply, "scope")),
                           text_cell(reply, "timeZone"));
}

struct Asked {
  std::string_view what;
  std::string (*table)(const JsonValue& reply);
};
constexpr Asked kAsked[] = {{"usage", series_table},
                            {"demand", series_table},
                            {"cost", series_table},
                            {"capacity", capacity_table},
                            {"patterns", pattern_table}};

}  // namespace

std::vector<std::string_view> forecast_words() {
  std::vector<std::string_view> out;
  for (const Asked& one : kAsked) out.push_back(one.what);
  return out;
}

std::string forecast_table(std::string_view what, const JsonValue& reply) {
  return std::ranges::find(kAsked, what, &Asked::what)->table(reply);
}

Result<std::string> show_forecast(const ForecastCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  const std::string path = "/forecast/" + command.what;
  const JsonValue reply = TRY(server.json(path, command.query));
  if (!member(reply, "items").is_array())
    return fail(Code::Invalid, "{}: no forecast, so this is no tessera-server", server.api_url(path));
  if (command.json) return reply.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
  return forecast_table(command.what, reply);
}

}  // namespace tessera::cli

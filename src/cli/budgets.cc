#include "cli/budgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

std::string scope_of(const JsonValue& one) {
  const std::string kind = text_cell(one, "scope");
  return member(one, "scopeName").is_string() ? kind + ":" + text_cell(one, "scopeName") : kind;
}

/// "76.19 %": also far above 100.
std::string part_cell(const JsonValue& row, std::string_view path) {
  const JsonValue& part = member(row, path);
  return part.is_number() ? fmt::format("{:.2f} %", part.get<double>()) : std::string(kAbsent);
}

/// "80 % actual, 100 % forecast"
std::string thresholds_of(const JsonValue& list) {
  std::string out;
  for (const JsonValue& one : list)
    out += fmt::format("{}{} % {}", out.empty() ? "" : ", ", text_cell(one, "percent"), text_cell(one, "on"));
  return out.empty() ? std::string(kAbsent) : out;
}

std::string state_of(const JsonValue& one) {
  if (member(one, "trouble").is_string()) return "trouble";
  const JsonValue& overspent = member(one, "standing.overspent");
  if (overspent.is_boolean() && overspent.get<bool>()) return "overspent";
  const JsonValue& crossed = member(one, "standing.crossings");
  return crossed.is_array() && !crossed.empty() ? "crossed " + text_cell(crossed.back(), "percent") + " %" : "";
}

std::string forecast_text(const JsonValue& standing) {
  if (!member(standing, "forecast").is_object()) return "none: " + text_cell(standing, "noForecast");
  std::string methods;
  for (const JsonValue& one : member(standing, "forecast.methods"))
    methods += fmt::format("{}{} {:.0f} %", methods.empty() ? "" : ", ", text_cell(one, "name"),
                           100 * member(one, "weight").get<double>());
  return fmt::format("{} ({} to {}), from {} hours for {} ahead; an hour was off by {} in the backtest; {}",
                     text_cell(standing, "forecast.value"), text_cell(standing, "forecast.low"),
                     text_cell(standing, "forecast.high"), text_cell(standing, "forecast.historyHours"),
                     text_cell(standing, "forecast.aheadHours"), text_cell(standing, "forecast.hourlyError"), methods);
}

void append_burn_down(std::string& out, const JsonValue& standing) {
  std::vector<Cells> lines{{"DAY", "SPENT", "SPENT BY THEN", "EVEN PACE"}};
  for (const JsonValue& one : member(standing, "burnDown")) {
    if (!member(one, "spent").is_string()) continue;
    const bool closed = member(one, "closed").is_boolean() && member(one, "closed").get<bool>();
    lines.push_back({text_cell(one, "start").substr(0, 10) + (closed ? "" : " (so far)"), text_cell(one, "spent"),
                     text_cell(one, "spentBy"), text_cell(one, "evenBy")});
  }
  if (lines.size() == 1) return;
  out += '\n';
  append_grid(out, lines, {1, 2, 3});
}

/// The id of the budget that has this name, or this id.
Result<std::string> id_of(FleetServer& server, const std::string& name) {
  const JsonValue all = TRY(server.json("/budgets", {{"limit", "1000"}}));
  for (const JsonValue& one : member(all, "items"))
    if (member(one, "id") == name || member(one, "name") == name) return member(one, "id").get<std::string>();
  return fail(Code::NotFound, "{}: no budget has the name or the id '{}'; `tessera budgets` lists them",
              server.api_url("/budgets"), name);
}

std::string indented(const JsonValue& value) {
  return value.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
}

}  // namespace

std::string budgets_table(const JsonValue& reply) {
  std::vector<Cells> lines{{"NAME", "SCOPE", "PERIOD", "AMOUNT", "SPENT", "", "EVEN PACE", "FORECAST", "STATE"}};
  for (const JsonValue& one : member(reply, "items"))
    lines.push_back({text_cell(one, "name"), scope_of(one), text_cell(one, "period"),
                     text_cell(one, "amount") + " " + text_cell(one, "currency"), text_cell(one, "standing.spent"),
                     part_cell(one, "standing.spentPercent"), text_cell(one, "standing.evenPace"),
                     text_cell(one, "standing.forecast.value"), state_of(one)});
  if (lines.size() == 1) return "There are no budgets. POST /budgets makes one; so does the dashboard.\n";
  std::string out;
  append_grid(out, lines, {3, 4, 5, 6, 7});
  return out;
}

std::string budget_text(const JsonValue& budget) {
  const JsonValue& standing = member(budget, "standing");
  const std::vector<Cells> lines = {
      {"name", text_cell(budget, "name")},
      {"id", text_cell(budget, "id")},
      {"scope", scope_of(budget)},
      {"period", fmt::format("{} ({}), {} to {}", text_cell(budget, "period"), text_cell(budget, "timeZone"),
                             text_cell(standing, "period.start"), text_cell(standing, "period.end"))},
      {"amount", text_cell(budget, "amount") + " " + text_cell(budget, "currency")},
      {"spent", fmt::format("{} ({}), closed until {}", text_cell(standing, "spent"),
                            part_cell(standing, "spentPercent"), text_cell(standing, "closedUntil"))},
      {"even pace", text_cell(standing, "evenPace")},
      {"forecast", forecast_text(standing)},
      {"thresholds", thresholds_of(member(budget, "thresholds"))},
      {"crossed", thresholds_of(member(standing, "crossings"))},
      {"enforcement", fmt::format("{}, on {}", text_cell(budget, "enforcement"), text_cell(budget, "enforceOn"))}};
  std::string out;
  append_grid(out, lines, {});
  if (member(budget, "trouble").is_string()) out += "trouble: " + text_cell(budget, "trouble") + '\n';
  append_burn_down(out, standing);
  return out;
}

Result<std::string> show_budgets(const BudgetsCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  if (!command.name.empty()) {
    const std::string path = "/budgets/" + TRY(id_of(server, command.name));
    const JsonValue one = TRY(server.json(path));
    return command.form == CostForm::Json ? indented(one) : budget_text(one);
  }
  if (command.form == CostForm::Csv) return server.csv("/budgets", command.query);
  const JsonValue reply = TRY(server.json("/budgets", command.query));
  return command.form == CostForm::Json ? indented(reply) : budgets_table(reply);
}

}  // namespace tessera::cli

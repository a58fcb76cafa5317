#include "cli/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

struct Asked {
  std::string_view what;
  std::string_view path;
  std::string_view name;  ///< the member of an item that names it
  std::string_view head;
};
constexpr Asked kAsked[] = {{"teams", "/cost/teams", "team", "TEAM"},
                            {"projects", "/cost/projects", "project", "PROJECT"},
                            {"allocation", "/cost/allocation", "name", "GROUP"}};

const Asked& asked(std::string_view what) { return *std::ranges::find(kAsked, what, &Asked::what); }

/// All with six digits behind the point, so that they stand below each other and add up.
std::string money_cell(const JsonValue& row, std::string_view path) {
  constexpr std::size_t kDigits = 6;
  std::string out = text_cell(row, path);
  const auto point = out.find('.');
  if (point != std::string::npos && out.size() - point <= kDigits) out.append(kDigits + 1 - (out.size() - point), '0');
  return out;
}

std::string hours_cell(const JsonValue& row) {
  const JsonValue& hours = member(row, "gpuHours");
  return hours.is_number() ? fmt::format("{:.2f}", hours.get<double>()) : std::string(kAbsent);
}

Cells row_of(const std::string& name, const JsonValue& money, const JsonValue& of, const std::string& efficiency) {
  Cells out{name, money_cell(money, "cost"), money_cell(money, "used"), money_cell(money, "heldIdle"),
            money_cell(money, "heldUnknown")};
  out.push_back(hours_cell(of));
  out.push_back(efficiency);
  return out;
}

void add_groups(std::vector<Cells>& lines, const Asked& of, const JsonValue& reply) {
  for (const JsonValue& one : member(reply, "items")) {
    const std::string name = text_cell(one, of.name);
    lines.push_back(row_of(name == kAbsent ? "(no " + std::string(of.name) + ")" : name, one, one,
                           percent_cell(one, "efficiencyPercent")));
  }
  for (const JsonValue& piece : member(reply, "data"))
    for (const auto& [name, one] : piece.items()) {
      const JsonValue& ratio = member(one, "totalEfficiency");
      const std::string efficiency =
          ratio.is_number() ? fmt::format("{:.0f} %", 100 * ratio.get<double>()) : std::string(kAbsent);
      lines.push_back(row_of(harmless(name), member(one, "money"), one, efficiency));
    }
}

void add_nobodys(std::vector<Cells>& lines, const JsonValue& reply) {
  for (const auto& [kind, money] : member(reply, "nobodys").items())
    if (money != "0.00")
      lines.push_back({"(" + harmless(kind) + ")", money_cell(member(reply, "nobodys"), kind), "", "", "", "", ""});
}

/// Hours that are in no sum, because nobody has said what they cost.
double unpriced_hours(const JsonValue& reply) {
  double out = 0;
  const auto add = [&](const JsonValue& of) {
    if (const JsonValue& hours = member(of, "unpricedGpuHours"); hours.is_number()) out += hours.get<double>();
  };
  for (const JsonValue& one : member(reply, "items")) add(one);
  for (const JsonValue& piece : member(reply, "data"))
    for (const auto& [name, one] : piece.items()) add(member(one, "money"));
  return out;
}

std::string sum_of(const JsonValue& reply) {
  if (member(reply, "all").is_string()) return money_cell(reply, "all");
  const JsonValue& totals = member(reply, "totals");
  return totals.size() == 1 ? money_cell(totals.front(), "cost") : "";
}

}  // namespace

std::vector<std::string_view> cost_words() {
  std::vector<std::string_view> out;
  for (const Asked& one : kAsked) out.push_back(one.what);
  return out;
}

std::string cost_table(std::string_view what, const JsonValue& reply) {
  const Asked& of = asked(what);
  std::vector<Cells> lines{{std::string(of.head), "COST", "USED", "HELD IDLE", "NOT KNOWN", "GPU HOURS", "EFFICIENCY"}};
  add_groups(lines, of, reply);
  add_nobodys(lines, reply);
  if (const std::string sum = sum_of(reply); !sum.empty()) lines.push_back({"all GPUs", sum, "", "", "", "", ""});
  std::string out;
  append_grid(out, lines, {1, 2, 3, 4, 5, 6});
  out += fmt::format("{} from {} to {}", text_cell(reply, "currency"), text_cell(reply, "window.start"),
                     text_cell(reply, "window.end"));
  const std::string closed = text_cell(reply, "closedUntil"), known = text_cell(reply, "knownUntil");
  if (closed != known) out += fmt::format("; closed until {}, told until {}", closed, known);
  out += '\n';
  if (const double hours = unpriced_hours(reply); hours > 0)
    out +=
        fmt::format("{:.2f} GPU hours are in no sum: their models have no rate (gpu.management.cost.rates)\n", hours);
  return out;
}

Result<std::string> show_cost(const CostCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  const Asked& of = asked(command.what);
  if (command.form == CostForm::Csv) return server.csv(of.path, command.query);
  const JsonValue reply = TRY(server.json(of.path, command.query));
  if (!member(reply, "currency").is_string())
    return fail(Code::Invalid, "{}: no costs, so this is no tessera-server", server.api_url(of.path));
  if (command.form == CostForm::Json) return reply.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
  return cost_table(command.what, reply);
}

}  // namespace tessera::cli

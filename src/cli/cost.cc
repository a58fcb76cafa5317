#include "cli/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

struct Asked {
  std::string_view what;
  std::string_view path;
  std::string_view name = "";  ///< the member of an item that names it
  std::string_view head = "";
};
constexpr Asked kAsked[] = {{"teams", "/cost/teams", "team", "TEAM"},
                            {"projects", "/cost/projects", "project", "PROJECT"},
                            {"allocation", "/cost/allocation", "name", "GROUP"},
                            {"trend", "/cost/trend"},
                            {"tokens", "/cost/tokens"},
                            {kCostExport, "/cost/export"}};

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

std::string foot_of(const JsonValue& reply) {
  std::string out = fmt::format("{} from {} to {}", text_cell(reply, "currency"), text_cell(reply, "window.start"),
                                text_cell(reply, "window.end"));
  const std::string closed = text_cell(reply, "closedUntil"), known = text_cell(reply, "knownUntil");
  if (closed != known) out += fmt::format("; closed until {}, told until {}", closed, known);
  out += '\n';
  if (const double hours = unpriced_hours(reply); hours > 0)
    out +=
        fmt::format("{:.2f} GPU hours are in no sum: their models have no rate (gpu.management.cost.rates)\n", hours);
  return out;
}

std::string groups_table(const Asked& of, const JsonValue& reply) {
  std::vector<Cells> lines{{std::string(of.head), "COST", "USED", "HELD IDLE", "NOT KNOWN", "GPU HOURS", "EFFICIENCY"}};
  add_groups(lines, of, reply);
  add_nobodys(lines, reply);
  if (const std::string sum = sum_of(reply); !sum.empty()) lines.push_back({"all GPUs", sum, "", "", "", "", ""});
  std::string out;
  append_grid(out, lines, {1, 2, 3, 4, 5, 6});
  return out + foot_of(reply);
}

/// Of each piece of time what became of its money; by groups what each had, the dearest first.
std::string trend_table(const JsonValue& reply) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {{"USED", "used"},
                                                                      {"HELD IDLE", "heldIdle"},
                                                                      {"NOT KNOWN", "heldUnknown"},
                                                                      {"UNALLOCATED", "unallocated"},
                                                                      {"UNOBSERVED", "unobserved"},
                                                                      {"OVERHEAD", "overhead"}};
  const JsonValue& series = member(reply, "series");
  std::vector<Cells> lines{{"FROM", "ALL GPUS"}};
  for (const JsonValue& one : series) lines.front().push_back(text_cell(one, "name"));
  if (series.empty())
    for (const auto& [head, kind] : kKinds) lines.front().emplace_back(head);
  std::size_t at = 0;
  for (const JsonValue& one : member(reply, "items")) {
    const JsonValue& closed = member(one, "closed");
    const bool grows = closed.is_boolean() && !closed.get<bool>();
    Cells line{text_cell(one, "start").substr(0, 16) + (grows ? " (so far)" : ""), money_cell(one, "all")};
    for (const JsonValue& group : series) {
      const JsonValue& costs = member(group, "costs");
      line.push_back(costs.is_array() && at < costs.size() ? money_cell({{"cost", costs[at]}}, "cost")
                                                           : std::string(kAbsent));
    }
    if (series.empty())
      for (const auto& [head, kind] : kKinds) line.push_back(money_cell(one, kind));
    lines.push_back(std::move(line));
    ++at;
  }
  std::vector<std::size_t> right(lines.front().size() - 1);
  std::iota(right.begin(), right.end(), 1);
  std::string out;
  append_grid(out, lines, right);
  return out + foot_of(reply);
}

std::string rate_cell(const JsonValue& row, std::string_view path, int digits) {
  const JsonValue& value = member(row, path);
  return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), digits) : std::string(kAbsent);
}

std::string tokens_table(const JsonValue& reply) {
  constexpr int kPriceDigits = 5;  // of money for a million tokens
  std::vector<Cells> lines{{"MODEL", "TEAM", "COST/H", "IDLE/H", "PROMPT/H", "GENERATED/H", "BLENDED", "PER OUTPUT",
                            "PROMPT", "GENERATED", "COVERED"}};
  for (const JsonValue& one : member(reply, "items")) {
    const JsonValue& covered = member(one, "coverage");
    lines.push_back(
        {text_cell(one, "model"), text_cell(one, "team"), money_cell(one, "costPerHour"),
         money_cell(one, "idleCostPerHour"), rate_cell(one, "promptTokensPerHour", 0),
         rate_cell(one, "generatedTokensPerHour", 0), rate_cell(one, "perMillionTokens.blended", kPriceDigits),
         rate_cell(one, "perMillionTokens.perOutput", kPriceDigits),
         rate_cell(one, "perMillionTokens.prompt", kPriceDigits),
         rate_cell(one, "perMillionTokens.generated", kPriceDigits),
         covered.is_number() ? fmt::format("{:.0f} %", 100 * covered.get<double>()) : std::string(kAbsent)});
  }
  std::string out;
  if (lines.size() == 1) out = "No engine has told of tokens.\n";
  if (lines.size() > 1) append_grid(out, lines, {2, 3, 4, 5, 6, 7, 8, 9, 10});
  if (!member(reply, "window").is_object())
    return out +
           fmt::format("{} for a million tokens, at the pace of the last minutes\n", text_cell(reply, "currency"));
  return out + fmt::format("{} for a million tokens, from {} to {}\n", text_cell(reply, "currency"),
                           text_cell(reply, "window.start"), text_cell(reply, "window.end"));
}

}  // namespace

std::vector<std::string_view> cost_words() {
  std::vector<std::string_view> out;
  for (const Asked& one : kAsked) out.push_back(one.what);
  return out;
}

std::string cost_table(std::string_view what, const JsonValue& reply) {
  if (what == "trend") return trend_table(reply);
  if (what == "tokens") return tokens_table(reply);
  return groups_table(asked(what), reply);
}

Result<void> show_cost(const CostCommand& command, const std::function<bool(std::string_view)>& print) {
  FleetServer server = TRY(FleetServer::open(command.server));
  const Asked& of = asked(command.what);
  bool takes = true;
  const auto put = [&](std::string_view text) { return takes = takes && print(text); };
  if (of.what == kCostExport) {
    TRY(server.file(of.path, command.query, put));
  } else if (command.form == CostForm::Csv) {
    put(TRY(server.csv(of.path, command.query)));
  } else {
    const JsonValue reply = TRY(server.json(of.path, command.query));
    if (!member(reply, "currency").is_string())
      return fail(Code::Invalid, "{}: no costs, so this is no tessera-server", server.api_url(of.path));
    put(command.form == CostForm::Json ? reply.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n'
                                       : cost_table(command.what, reply));
  }
  return takes ? Result<void>() : fail(Code::Unavailable, "the output takes no more");
}

}  // namespace tessera::cli

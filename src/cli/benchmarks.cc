#include "cli/benchmarks.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

constexpr std::size_t kMostBytes = 4U << 20U;

std::string amount_cell(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  return value.is_number() ? fmt::format("{:.6g}", value.get<double>()) : std::string(kAbsent);
}

std::string name_of(const JsonValue& one) {
  std::string out = text_cell(one, "name");
  if (member(one, "version").is_string()) out += ' ' + text_cell(one, "version");
  return out;
}

/// "3010.5 tokens/s"
std::string measured(const JsonValue& row, std::string_view path, const JsonValue& of) {
  return amount_cell(row, path) + ' ' + text_cell(of, "unit");
}

std::string list_table(const JsonValue& reply) {
  std::vector<Cells> lines{{"TIME", "MODEL", "DRIVER", "BENCHMARK", "VALUE", "BETTER", "WATTS", "SOURCE"}};
  for (const JsonValue& one : member(reply, "items"))
    lines.push_back({text_cell(one, "time"), text_cell(one, "model"), text_cell(one, "driver"), name_of(one),
                     measured(one, "value", one), text_cell(one, "better"), amount_cell(one, "watts"),
                     text_cell(one, "source")});
  if (lines.size() == 1) return "There are no runs. `tessera benchmarks import FILE` takes some in.\n";
  std::string out;
  append_grid(out, lines, {4, 6});
  if (member(reply, "nextCursor").is_string())
    out += fmt::format("{} of {}: export has all\n", lines.size() - 1, text_cell(reply, "total"));
  return out;
}

std::string change_cell(const JsonValue& row) {
  const JsonValue& ratio = member(row, "ratio");
  if (!ratio.is_number()) return std::string(kAbsent);
  const std::string verdict = text_cell(row, "verdict");
  return verdict == "baseline" ? verdict : fmt::format("{:+.1f} % {}", 100 * (ratio.get<double>() - 1), verdict);
}

std::string watts_cell(const JsonValue& row) {
  const std::string watts = amount_cell(row, "watts");
  return text_cell(row, "wattsFrom") == "limit" ? watts + " (limit)" : watts;
}

std::string compare_table(const JsonValue& reply) {
  std::string out;
  for (const JsonValue& one : member(reply, "items")) {
    if (!out.empty()) out += '\n';
    const std::string on = member(one, "model").is_string() ? " on " + text_cell(one, "model") : "";
    out += fmt::format("{}{} ({}, {} is better)\n", name_of(one), on, text_cell(one, "unit"), text_cell(one, "better"));
    std::vector<Cells> lines{
        {"MODEL", "DRIVER", "RUNS", "MEDIAN", "SPREAD", "", "AN HOUR", "PER MONEY", "WATTS", "PER WATT"}};
    for (const JsonValue& row : member(one, "rows"))
      lines.push_back({text_cell(row, "model"), text_cell(row, "driver"), text_cell(row, "runs"),
                       amount_cell(row, "median"), amount_cell(row, "spread"), change_cell(row),
                       text_cell(row, "perHour"), amount_cell(row, "perMoney"), watts_cell(row),
                       amount_cell(row, "perWatt")});
    append_grid(out, lines, {2, 3, 4, 6, 7, 8, 9});
  }
  if (out.empty()) return "There are no runs to compare.\n";
  if (member(reply, "currency").is_string()) out += fmt::format("\nmoney in {}\n", text_cell(reply, "currency"));
  if (member(reply, "truncated") == true) out += "there are more: ask for fewer by --name or --model\n";
  return out;
}

std::string regressions_table(const JsonValue& reply) {
  std::vector<Cells> lines{{"MODEL", "BENCHMARK", "BEFORE", "NOW", "WORSE", "DRIVER BEFORE", "DRIVER NOW", "SINCE"}};
  for (const JsonValue& one : member(reply, "items")) {
    const JsonValue& worse = member(one, "worse");
    lines.push_back({text_cell(one, "model"), name_of(one), measured(one, "before", one), measured(one, "now", one),
                     worse.is_number() ? fmt::format("{:.1f} %", 100 * worse.get<double>()) : std::string(kAbsent),
                     text_cell(one, "driverBefore"), text_cell(one, "driverNow"), text_cell(one, "since")});
  }
  std::string out;
  if (lines.size() > 1) append_grid(out, lines, {2, 3, 4});
  return out + fmt::format("{} of {} have become worse; of {} there are too few runs to say\n", lines.size() - 1,
                           text_cell(reply, "judged"), text_cell(reply, "tooFew"));
}

constexpr BenchmarksWord kWords[] = {
    {"list", "Runs, the newest first", "/benchmarks", list_table},
    {"compare", "Models, or drivers, side by side: by value, money and power", "/benchmarks/compare", compare_table},
    {"regressions", "What has become slower", "/benchmarks/regressions", regressions_table},
    {"import", "Take runs in from a file (CSV, or JSON where its name ends so)", "/benchmarks", nullptr},
    {"export", "Runs as a file that can be taken in again", "/benchmarks/export", nullptr},
};

Result<std::string> import_file(FleetServer& server, const BenchmarksCommand& command) {
  std::string body = TRY(read_file(command.file, kMostBytes));
  const bool json = lower(command.file).ends_with(".json");
  const JsonValue reply =
      TRY(server.post_file("/benchmarks", command.query, json ? "application/json" : "text/csv", std::move(body)));
  std::string said =
      fmt::format("{}{} taken: {} new, {} corrected, {} were there", member(reply, "dryRun") == true ? "dry run: " : "",
                  text_cell(reply, "taken"), text_cell(reply, "added"), text_cell(reply, "corrected"),
                  text_cell(reply, "unchanged"));
  if (member(reply, "refused") == 0) return said + '\n';
  said += fmt::format("; {} refused", text_cell(reply, "refused"));
  for (const JsonValue& one : member(reply, "refusals"))
    said += fmt::format("\n  {}: {}", text_cell(one, "where"), text_cell(one, "why"));
  return fail(Code::Invalid, "{}: {}", command.file, said);
}

}  // namespace

std::span<const BenchmarksWord> benchmarks_words() { return kWords; }

Result<std::string> run_benchmarks(const BenchmarksCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  if (!command.file.empty()) return import_file(server, command);
  const std::string_view path = command.word->path;
  if (!command.word->table || command.form == CostForm::Csv) return server.csv(path, command.query);
  const JsonValue reply = TRY(server.json(path, command.query));
  if (command.form == CostForm::Json) return reply.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
  return command.word->table(reply);
}

}  // namespace tessera::cli

#include "cli/get_targets.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "http/client.h"

namespace tessera::cli {
namespace {

constexpr std::string_view kAbsent = "–";

/// Text or number of a key; what the relay left out is absent here too.
std::string cell(const JsonValue& object, const char* key) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return std::string(kAbsent);
  return harmless(value->is_string() ? value->get<std::string>()
                                     : value->dump(-1, ' ', false, JsonValue::error_handler_t::replace));
}

std::string seconds_cell(const JsonValue& target) {
  const auto value = target.find("lastScrapeDurationSeconds");
  return value != target.end() && value->is_number() ? fmt::format("{:.3f}", value->get<double>())
                                                     : std::string(kAbsent);
}

std::string error_cell(const JsonValue& target) {
  return target.contains("lastError") ? cell(target, "lastError") : "";
}

/// The list, where the answer has one.
std::vector<JsonValue> list(const JsonValue& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_array() ? found->get<std::vector<JsonValue>>() : std::vector<JsonValue>{};
}

}  // namespace

Result<std::string> targets_table(std::string_view json) {
  const JsonValue answer = JsonValue::parse(json, nullptr, false);
  if (!answer.is_object() || !answer.contains("targets") || !answer["targets"].is_array())
    return fail(Code::Invalid, "no list of targets, so this is no relay");
  const auto targets = list(answer, "targets");
  std::vector<Cells> lines = {{"HEALTH", "JOB", "TARGET", "LAST SCRAPE", "SECONDS", "SAMPLES", "KEPT", "ERROR"}};
  for (const bool up : {false, true})
    for (const JsonValue& target : targets)
      if ((cell(target, "health") == "up") == up)
        lines.push_back({cell(target, "health"), cell(target, "job"), cell(target, "url"), cell(target, "lastScrape"),
                         seconds_cell(target), cell(target, "samplesScraped"), cell(target, "samplesKept"),
                         error_cell(target)});
  std::string out;
  append_grid(out, lines, {4, 5, 6});
  for (const JsonValue& source : list(answer, "sources"))
    if (source.contains("problem"))
      out += fmt::format("source {}: {}\n", cell(source, "source"), cell(source, "problem"));
  for (const JsonValue& dropped : list(answer, "dropped"))
    out += fmt::format("not scraped: {}: {}\n", cell(dropped, "url"), cell(dropped, "why"));
  return out;
}

Result<std::string> get_targets(const GetTargetsCommand& command) {
  http::ClientRequest request;
  request.url = command.relay;
  while (request.url.ends_with('/')) request.url.pop_back();
  request.url += "/targets";
  request.headers = {{"Accept", "application/json"}};
  request.deadline = command.patience;
  const auto reply = http::Client().send(request);
  if (!reply) return fail(reply.error().code, "{}; --relay URL names another relay", reply.error().what);
  if (reply->status != 200)
    return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", request.url, reply->status);
  if (command.print == Print::Json) return reply->body;
  auto table = targets_table(reply->body);
  if (!table) return fail(table.error().code, "{}: {}", request.url, table.error().what);
  return table;
}

}  // namespace tessera::cli

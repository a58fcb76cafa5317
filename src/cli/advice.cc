#include "cli/advice.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

constexpr AdviceWord kWords[] = {
    {"show", "One: the evidence, the money, the risk, what to do and how to undo it"},
    {"accept", "It is done, or will be; what it saves is measured from now on", false, true},
    {"snooze", "Leave it alone for a while", true, true},
    {"dismiss", "It is not to be done", false, true, true},
    {"reopen", "Take back what was made of it"},
};

/// "research/idle-holder", or the device or model that it is about.
std::string subject_of(const JsonValue& one) {
  if (member(one, "subject.name").is_string())
    return text_cell(one, "subject.namespace") + '/' + text_cell(one, "subject.name");
  return text_cell(one, member(one, "subject.deviceId").is_string() ? "subject.deviceId" : "subject.model");
}

std::string money_of(const JsonValue& one, std::string_view path) {
  if (!member(one, path).is_string()) return std::string(kAbsent);
  const JsonValue& currency = member(one, "currency");
  return text_cell(one, path) + (currency.is_string() ? ' ' + text_cell(one, "currency") : "");
}

/// What it saves, or what doing it costs.
std::string money_of(const JsonValue& one) {
  const bool costs = member(one, "costPerMonth").is_string();
  return costs ? "costs " + money_of(one, "costPerMonth") : money_of(one, "savingPerMonth");
}

std::string confidence_of(const JsonValue& one) {
  const JsonValue& share = member(one, "confidence");
  return share.is_number() ? fmt::format("{:.2f} {}", share.get<double>(), text_cell(one, "confidenceWord"))
                           : std::string(kAbsent);
}

/// "98.5 %" of a share of 1.
std::string share_cell(const JsonValue& row, std::string_view path) {
  const JsonValue& share = member(row, path);
  return share.is_number() ? fmt::format("{:.4g} %", 100 * share.get<double>()) : std::string(kAbsent);
}

std::string state_of(const JsonValue& one) {
  const JsonValue& reopened = member(one, "reopened");
  return text_cell(one, "state") + (reopened.is_boolean() && reopened.get<bool>() ? " again" : "");
}

std::string answer_of(const JsonValue& one) {
  if (!member(one, "answer").is_object()) return std::string(kAbsent);
  std::string out = fmt::format("{} by {}", text_cell(one, "answer.time"), text_cell(one, "answer.by"));
  if (member(one, "answer.until").is_string()) out += ", until " + text_cell(one, "answer.until");
  if (member(one, "answer.reason").is_string()) out += ": " + text_cell(one, "answer.reason");
  return out;
}

std::string realised_of(const JsonValue& one) {
  const JsonValue& known = member(one, "realised.known");
  if (!known.is_boolean()) return std::string(kAbsent);
  if (!known.get<bool>()) return "not known before " + text_cell(one, "realised.to");
  return fmt::format("{} a month: {} in the week before, {} in the week behind",
                     money_of(one, "realised.savingPerMonth"), text_cell(one, "realised.before"),
                     text_cell(one, "realised.after"));
}

/// With what it is called by, and each line as it is: it is copied from here.
void append_step(std::string& out, std::string_view what, const JsonValue& step) {
  out += fmt::format("\n{} ({}):\n", what, text_cell(step, "by"));
  const JsonValue& given = member(step, "text");
  const std::string text = given.is_string() ? given.get<std::string>() : std::string();
  for (const std::string_view line : split(text, '\n'))
    if (!line.empty()) out += fmt::format("  {}\n", harmless(line));
}

std::string indented(const JsonValue& value) {
  return value.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
}

JsonValue body_of(const AdviceCommand& command) {
  JsonValue out = JsonValue::object();
  if (!command.reason.empty()) out["reason"] = command.reason;
  if (!command.until.empty()) out["until"] = command.until;
  if (!command.span.empty()) out["for"] = command.span;
  return out;
}

Result<std::string> run_one(FleetServer& server, const AdviceCommand& command) {
  // It goes into a path.
  if (command.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    return fail(Code::Invalid, "'{}': an id as idle-held-0123456789abcdef is expected; `tessera advice` lists them",
                command.id);
  const std::string path = "/advice/" + command.id;
  const bool shows = command.word->word == "show";
  const JsonValue one =
      shows ? TRY(server.json(path)) : TRY(server.post(path + '/' + std::string(command.word->word), body_of(command)));
  if (command.form == CostForm::Json) return indented(one);
  if (shows) return advice_text(one);
  return fmt::format("{} is {}: {}\n", text_cell(one, "id"), state_of(one), text_cell(one, "sentence"));
}

}  // namespace

std::span<const AdviceWord> advice_words() { return kWords; }

std::string advice_table(const JsonValue& reply) {
  std::vector<Cells> lines{{"ID", "KIND", "SUBJECT", "SAVES A MONTH", "CONFIDENCE", "STATE", "AIM"}};
  for (const JsonValue& one : member(reply, "items"))
    lines.push_back({text_cell(one, "id"), text_cell(one, "kind"), subject_of(one), money_of(one), confidence_of(one),
                     state_of(one), text_cell(one, "aim")});
  if (lines.size() == 1) return "There is no advice: nothing is known to be wasted, or not for long enough.\n";
  std::string out;
  append_grid(out, lines, {3});
  return out;
}

std::string advice_text(const JsonValue& one) {
  std::vector<Cells> lines = {
      {"id", text_cell(one, "id")},
      {"state", state_of(one)},
      {"about", fmt::format("{} {}", subject_of(one), text_cell(one, "subject.model"))},
      {"evidence", fmt::format("{} to {}, {} of it told", text_cell(one, "evidence.from"),
                               text_cell(one, "evidence.to"), share_cell(one, "evidence.observedShare"))}};
  for (const JsonValue& number : member(one, "evidence.numbers"))
    lines.push_back({"  " + text_cell(number, "name"),
                     fmt::format("{:.6g} {}", member(number, "value").get<double>(), text_cell(number, "unit"))});
  const bool costs = member(one, "costPerMonth").is_string();  // such advice saves nothing
  lines.push_back(
      {costs ? "costs a month" : "saves a month",
       fmt::format("{} ({})", money_of(one, costs ? "costPerMonth" : "savingPerMonth"), text_cell(one, "reckoned"))});
  lines.push_back({"confidence", confidence_of(one)});
  lines.push_back({"risk", text_cell(one, "risk")});
  lines.push_back({"answered", answer_of(one)});
  lines.push_back({"has saved", realised_of(one)});
  std::string out = text_cell(one, "sentence") + "\n\n";
  append_grid(out, lines, {});
  append_step(out, "To do", member(one, "change"));
  append_step(out, "To undo", member(one, "undo"));
  return out;
}

Result<std::string> run_advice(const AdviceCommand& command) {
  FleetServer server = TRY(FleetServer::open(command.server));
  if (command.word) return run_one(server, command);
  if (command.form == CostForm::Csv) return server.csv("/advice", command.query);
  const JsonValue reply = TRY(server.json("/advice", command.query));
  return command.form == CostForm::Json ? indented(reply) : advice_table(reply);
}

}  // namespace tessera::cli

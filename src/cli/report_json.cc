#include <nlohmann/json.hpp>

#include "cli/report.h"

namespace tessera::cli {

std::string render_json(const Report& report) {
  using JsonValue = nlohmann::ordered_json;
  JsonValue findings = JsonValue::array();
  for (const auto& section : report)
    for (const auto& finding : section.findings) {
      JsonValue out{{"check", section.check},
                    {"status", status_name(finding.status)},
                    {"lookedAt", finding.looked_at},
                    {"seen", finding.seen}};
      if (!finding.advice.empty()) out["whatToDo"] = finding.advice;
      if (!finding.commands.empty()) out["commands"] = finding.commands;
      findings.push_back(std::move(out));
    }
  const auto t = tally(report);
  const JsonValue whole{
      {"version", TESSERA_VERSION},
      {"findings", std::move(findings)},
      {"summary", {{"ok", t.ok}, {"notes", t.notes}, {"warnings", t.warnings}, {"problems", t.problems}}}};
  return whole.dump(2, ' ', false, JsonValue::error_handler_t::replace) + '\n';
}

}  // namespace tessera::cli

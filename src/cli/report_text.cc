#include <fmt/format.h>

#include <algorithm>

#include "base/grid.h"
#include "base/text.h"
#include "cli/report.h"

namespace tessera::cli {
namespace {

struct Look {
  Status status;
  std::string_view name;    ///< for scripts
  std::string_view mark;    ///< for people, four wide
  std::string_view colour;  ///< ANSI
};
constexpr Look kLooks[] = {
    {Status::Ok, "ok", "ok  ", "\x1b[32m"},
    {Status::Note, "note", "note", "\x1b[36m"},
    {Status::Warning, "warning", "WARN", "\x1b[1;33m"},
    {Status::Problem, "problem", "FAIL", "\x1b[1;31m"},
};
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::size_t kNameColumn = 6;      // after mark and two blanks
constexpr std::size_t kTextColumn = 25;     // after the longest check name
constexpr std::string_view kPrompt = "$ ";  // before a command

const Look& look_of(Status status) { return *std::ranges::find(kLooks, status, &Look::status); }

/// Columns that a text takes on a terminal: code points, which is right for all that we print ourselves.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Appends `text`, whose first line starts at `column` and whose next lines are indented to it.
void wrap(std::string& out, std::string_view text, std::size_t column, std::size_t width) {
  std::size_t at = column;
  bool first = true;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    const std::size_t size = columns(word);
    if (!first && at + 1 + size > width) {
      out += '\n';
      out.append(column, ' ');
      at = column;
    } else if (!first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += size;
    first = false;
  }
  out += '\n';
}

void append(std::string& out, std::string_view check, const Finding& finding, bool colour, std::size_t width) {
  const auto& look = look_of(finding.status);
  if (colour) out += look.colour;
  out += look.mark;
  if (colour) out += kPlain;
  out += fmt::format("  {:<{}}", check, kTextColumn - kNameColumn);
  const bool named = finding.seen.find(finding.looked_at) != std::string::npos;
  wrap(out, harmless(named ? finding.seen : finding.looked_at + ": " + finding.seen), kTextColumn, width);
  if (finding.status == Status::Ok) return;
  if (!finding.advice.empty()) {
    out.append(kTextColumn, ' ');
    wrap(out, "→ " + harmless(finding.advice), kTextColumn, width);
  }
  for (const auto& command : finding.commands) {
    out.append(kTextColumn + 2, ' ');
    out += kPrompt;
    out += harmless(command) + '\n';
  }
}

std::string counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

}  // namespace

std::string_view status_name(Status status) { return look_of(status).name; }

Tally tally(const Report& report) {
  Tally out;
  for (const auto& section : report)
    for (const auto& finding : section.findings) switch (finding.status) {
        case Status::Ok:
          ++out.ok;
          break;
        case Status::Note:
          ++out.notes;
          break;
        case Status::Warning:
          ++out.warnings;
          break;
        case Status::Problem:
          ++out.problems;
          break;
      }
  return out;
}

std::string render_text(const Report& report, bool colour, std::size_t width) {
  std::string out;
  for (const auto& section : report)
    for (const auto& finding : section.findings) append(out, section.check, finding, colour, width);
  const auto t = tally(report);
  out += fmt::format("\n{} ok, {}, {}, {}\n", t.ok, counted(t.notes, "note"), counted(t.warnings, "warning"),
                     counted(t.problems, "problem"));
  return out;
}

}  // namespace tessera::cli

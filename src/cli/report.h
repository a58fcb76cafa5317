#pragma once
// The report as people and as scripts read it.
#include <string>

#include "cli/finding.h"

namespace tessera::cli {

/// How many findings of each status.
struct Tally {
  std::size_t ok = 0, notes = 0, warnings = 0, problems = 0;
};
Tally tally(const Report& report);

/// One line per finding, and below it what to do where it is not ok; a closing line with the counts. Lines are broken
/// at `width` columns, commands never.
std::string render_text(const Report& report, bool colour, std::size_t width = 100);

/// One object: version, findings, summary. Keys are camelCase.
std::string render_json(const Report& report);

/// "ok", "note", "warning", "problem".
std::string_view status_name(Status status);

}  // namespace tessera::cli

#pragma once
// Every setting as a row, and dcgm-exporter's settings that are none here. What a row does is the same from a flag, a
// variable and the file; the names in the latter two follow from the flag's.
#include <string>
#include <string_view>
#include <vector>

#include "agent/options.h"

namespace tessera::agent {

/// A setting of ours. Its variable is TESSERA_NAME, its key in the file the name in camelCase.
struct Flag {
  std::string_view name;         ///< "log-format"
  std::string_view aliases;      ///< further names with blanks between; one letter is a short one
  std::string_view argument;     ///< "FILE"; empty: a switch, true where no value is given
  std::string_view environment;  ///< dcgm-exporter's variable, empty for none
  std::string_view group;
  Result<void> (*set)(Options& options, std::string_view value);  ///< its error says what is expected
  std::string_view help;
};
/// Of all commands.
const std::vector<Flag>& flags();
/// Whether the command has it.
bool has(Command command, const Flag& flag);

/// What becomes of a dcgm-exporter setting without a counterpart.
enum class Foreign {
  Always,   ///< is so here anyway
  Ignored,  ///< has no effect, and a warning says so
  Refused   ///< would change the page in a way that we do not offer
};
struct ForeignFlag {
  std::string_view name;
  std::string_view aliases;
  bool is_switch;
  std::string_view environment;
  Foreign treatment;
  std::string_view neutral;  ///< the value that asks for nothing, beside false for a switch
  std::string_view words;    ///< why it has no effect, or what to do instead
};
const std::vector<ForeignFlag>& foreign_flags();

/// Whether a variable that begins as ours or dcgm-exporter's do is somebody else's: other programs of this project, and
/// what Kubernetes sets in each pod for a Service that is named tessera-agent or dcgm-exporter.
bool is_foreign_variable(std::string_view name);

/// As Go reads them, because dcgm-exporter does: 1, t, T, true, True, TRUE and the same of false.
std::optional<bool> parse_switch(std::string_view text);

}  // namespace tessera::agent

#pragma once
// What is wrong with a device, from its readings: a table of conditions, each with what to do about it.
#include <cstdint>
#include <string_view>
#include <vector>

#include "fleet/inventory/node.h"

namespace tessera::fleet {

enum class Severity : std::uint8_t {
  Info,      ///< it shortens nobody's work today
  Warning,   ///< slower than it should be, or due for care
  Critical,  ///< no work should be placed on it
};
std::string_view severity_name(Severity severity);  ///< "info", "warning", "critical"

struct Problem {
  std::string_view key;  ///< "row_remap_failure": stable, for rules and filters
  Severity severity;
  std::string_view what;        ///< one sentence
  std::string_view what_to_do;  ///< one sentence
  bool operator==(const Problem&) const = default;
};

/// The worst first. Empty for a device that is well, or whose state nobody knows but that is not missing.
std::vector<Problem> problems_of(const Device& device);

/// "ok", "info", "warning", "critical", and "unknown" for a device that is stale.
std::string_view health_word(const Device& device);

}  // namespace tessera::fleet

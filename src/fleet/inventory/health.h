#pragma once
// What is wrong with a device, from its readings: a table of conditions, each with what to do about it.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "fleet/inventory/node.h"

namespace tessera::fleet {

enum class Severity : std::uint8_t {
  Info,      ///< it shortens nobody's work today
  Warning,   ///< slower than it should be, or due for care
  Critical,  ///< no work should be placed on it
};
inline constexpr std::size_t kSeverities = 3;
std::string_view severity_name(Severity severity);  ///< "info", "warning", "critical"

struct Problem {
  std::string_view key;   ///< "row_remap_failure": stable, for rules and filters
  std::string_view kind;  ///< "row_remap": what it is about
  Severity severity;
  std::string_view what;          ///< one sentence
  std::string_view what_to_do;    ///< one sentence
  std::string_view unit;          ///< of the value; empty where there is none
  std::optional<double> value{};  ///< what was measured
  bool operator==(const Problem&) const = default;
};

/// Every kind that a problem may have, each once.
std::vector<std::string_view> problem_kinds();

/// The worst first; of a device that is silent, its silence alone. Empty for one that is well, or that has left.
std::vector<Problem> problems_of(const Device& device);

enum class Health : std::uint8_t {
  Healthy,
  Degraded,   ///< something is wrong that is not critical
  Unhealthy,  ///< something is critical
  Unknown     ///< it is not present
};
inline constexpr std::size_t kHealths = 4;
std::string_view health_name(Health health);  ///< "healthy"
Health health_of(const Device& device);

}  // namespace tessera::fleet

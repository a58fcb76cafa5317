#pragma once
// `tessera doctor`: asks the driver once, runs every check, and gives the report. No check can hang the whole: one that
// misses its deadline is reported as such, and its thread is left behind.
#include <span>

#include "cli/checks.h"

namespace tessera::cli {

struct Diagnosis {
  Report report;          ///< in the order of the table; checks that do not apply have no findings
  bool stuck = false;     ///< a thread is left behind: end the process without waiting for it
  int exit_code() const;  ///< 1 if there is a problem
};

/// `patience` is for one answer of the driver, the kubelet or a server.
Diagnosis examine(const Places& places, Environment environment, Milliseconds patience);

/// The same with these checks and what the driver told already.
Diagnosis run_checks(std::span<const Check> checks, Node node, Milliseconds deadline);

}  // namespace tessera::cli

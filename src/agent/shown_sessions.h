#pragma once
// Sessions as the labels show them: a row each, or one for those that differ in nothing that is shown.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agent/expose.h"
#include "agent/observation.h"

namespace tessera::agent {

/// Moves, but must not be copied: `rows` point into `sums`, or into what was given.
struct ShownSessions {
  std::span<const Session> rows;
  std::vector<Session> sums;                     ///< of several sessions, where they are shown as one
  std::map<std::string, std::uint64_t> clamped;  ///< sums above the whole that were taken as the whole, by device UUID
};

/// Without pid, the sessions of one container on one subject become one: numbers are sums, absent where one of them is.
/// With it, each is shown as it is, where it is.
ShownSessions shown_sessions(const std::vector<Session>& sessions, const ExposeOptions& options);

}  // namespace tessera::agent

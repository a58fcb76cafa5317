#pragma once
// Sessions as the labels show them: a row each, or one for those that differ in nothing that is shown.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/expose.h"
#include "agent/observation.h"

namespace tessera::agent {

struct ShownSessions {
  std::vector<Session> rows;
  std::map<std::string, std::uint64_t> clamped;  ///< sums above the whole that were taken as the whole, by device UUID
};

/// Without pid, the sessions of one container on one subject become one: numbers are sums, absent where one of them is.
ShownSessions shown_sessions(const std::vector<Session>& sessions, const ExposeOptions& options);

}  // namespace tessera::agent

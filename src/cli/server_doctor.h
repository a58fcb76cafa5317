#pragma once
// `tessera doctor --server`: what is wrong with a server and with what it is told, and what to do about it.
#include "cli/doctor.h"
#include "cli/fleet_server.h"

namespace tessera::cli {

/// What is looked at, for the help.
std::string_view server_checks_text();

Diagnosis examine_server(const ServerPlace& place);

/// The findings of what a server said, at our own time `now`: pure.
Report judge_status(const JsonValue& status, const std::string& url);
/// `me` is what /access/whoami says; null where it says nothing.
Findings judge_keys(const JsonValue& status, const JsonValue& me, const std::string& url, bool key_shown);
Findings judge_clock(const JsonValue& status, const std::string& url, EpochMs now);
Findings judge_nodes(const JsonValue& nodes, const std::string& url, EpochMs server_time);

}  // namespace tessera::cli

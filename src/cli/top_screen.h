#pragma once
// A screen of `tessera top`: a pure function of what the server said.
#include <cstddef>
#include <memory>
#include <string>

#include "cli/fleet_server.h"
#include "cli/top.h"

namespace tessera::cli {

/// What a screen tells; nothing is null.
struct TopSeen {
  std::shared_ptr<const JsonValue> overview;
  std::shared_ptr<const JsonValue> devices;   ///< a page of /gpu/devices
  std::shared_ptr<const JsonValue> sessions;  ///< a page of /gpu/sessions
};

struct TopLook {
  std::size_t columns = 120;
  std::size_t rows = 0;  ///< 0: all
  bool colour = false;
};

Result<TopSeen> ask_top(FleetServer& server, const TopCommand& command, const std::string& sort);
std::string top_screen(const TopSeen& seen, const TopLook& look);

}  // namespace tessera::cli

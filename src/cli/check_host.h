#pragma once
// The pure parts of the checks of the machine.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/duration.h"
#include "cli/finding.h"

namespace tessera::cli {

struct ClockSight {
  EpochMs now = 0;
  std::optional<bool> kernel_synchronised;  ///< absent where the kernel refuses to tell
  std::optional<std::int64_t> error_ms;     ///< the kernel's bound of its error
  bool timesync_file = false;               ///< systemd-timesyncd has synchronised since boot
};
Finding judge_clock(const ClockSight& sight);
Finding judge_host(std::string_view system, std::string_view release, std::string_view machine);

}  // namespace tessera::cli

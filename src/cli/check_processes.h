#pragma once
// The pure part of the checks of processes.
#include <optional>
#include <string_view>

namespace tessera::cli {

/// "v1", "v2" or "hybrid (v1 and v2)", by the file systems in the text of /proc/PID/mountinfo.
std::optional<std::string_view> cgroup_version(std::string_view mountinfo);

}  // namespace tessera::cli

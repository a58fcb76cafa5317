#pragma once
// The pure parts of the driver's checks.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/finding.h"

namespace tessera::cli {

/// The version in the text of /proc/driver/nvidia/version, of the open and of the closed module.
std::optional<std::string> module_version(std::string_view text);

/// A file below /dev, and the errno of opening it for reading and writing; 0 where that works.
struct DeviceFile {
  std::string name;
  int error = 0;
};
Findings judge_device_files(const std::filesystem::path& dev, const std::vector<DeviceFile>& files, bool module_loaded);

}  // namespace tessera::cli

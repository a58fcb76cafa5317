#pragma once
// Where node_exporter's textfiles are, and which GPU series a page holds.
#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/node.h"

namespace tessera::cli {

/// Below the node's root.
inline constexpr std::array<std::string_view, 3> kUsualTextfileFolders{
    "var/lib/prometheus/node-exporter",          // Debian, Ubuntu
    "var/lib/node_exporter/textfile_collector",  // most guides and roles
    "var/lib/node_exporter",
};

struct TextfileFolder {
  std::filesystem::path path;
  std::string source;  ///< how we came to it
};
/// The folder given by the user, else by a running node_exporter's flag, else a usual one that exists.
std::optional<TextfileFolder> textfile_folder(const Node& node);

/// Names of the series of a page of metrics that start with gpu_ or DCGM_.
std::set<std::string, std::less<>> gpu_families(std::string_view page);

struct PromFile {
  std::filesystem::path path;
  bool readable_by_all = false;
  std::chrono::seconds age{0};                  ///< since it was last written
  std::set<std::string, std::less<>> families;  ///< names of its gpu_ and DCGM_ series
};

/// The *.prom files of a folder, by name; `failure` says why it could not be listed.
std::vector<PromFile> prom_files(const std::filesystem::path& folder, std::error_code& failure);

}  // namespace tessera::cli

#pragma once
// An image as it ships: made of the programs of this build without a container engine, and unpacked.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/e2e/child.h"

namespace tessera::images {

/// Fails the test, with what was said, unless it ends well; what it printed.
std::string done(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {});
nlohmann::json parsed(const std::filesystem::path& file);
/// Of a file's bytes, in hexadecimal.
std::string sha256(const std::filesystem::path& file);
/// Regular files below a folder, as paths from it that begin with "/".
std::vector<std::string> files_below(const std::filesystem::path& folder);

class Image {
 public:
  /// `name`: agent, operator, relay or server.
  explicit Image(const std::string& name);

  const std::string& name() const { return name_; }
  std::string program() const { return "/usr/bin/tessera-" + name_; }
  std::filesystem::path archive() const { return folder_.path() / "out" / ("tessera-" + name_ + ".tar"); }
  std::filesystem::path bill_of_materials() const {
    return folder_.path() / "out" / ("tessera-" + name_ + ".spdx.json");
  }
  /// The archive's files.
  std::filesystem::path layout() const { return folder_.path() / "layout"; }
  /// A file of the layout by its descriptor's digest.
  std::filesystem::path blob(const nlohmann::json& descriptor) const;
  const nlohmann::json& index() const { return index_; }
  const nlohmann::json& manifest() const { return manifest_; }
  const nlohmann::json& config() const { return config_; }
  /// All layers, one over the other.
  std::filesystem::path root() const { return folder_.path() / "root"; }
  /// USER of its Dockerfile.
  std::string user() const { return config_.at("config").at("User"); }

 private:
  std::string name_;
  TempDir folder_;
  nlohmann::json index_, manifest_, config_;
};

/// The image of that name, made when it is first asked for.
const Image& image_of(const std::string& name);
/// The command line that runs these words in a root folder as a user (UID:GID), as the script `inside` does; `mounts`
/// are FROM=TO.
std::vector<std::string> inside(const std::filesystem::path& root, const std::string& user,
                                const std::vector<std::string>& words, const std::vector<std::string>& mounts = {});
std::vector<std::string> inside(const Image& image, const std::vector<std::string>& words,
                                const std::vector<std::string>& mounts = {});
/// Makes the image NAME in `out`.
void make(const std::string& name, const std::filesystem::path& out);
/// Why no program can be run with a root of its own here; empty where it can.
std::string why_not_inside();

}  // namespace tessera::images

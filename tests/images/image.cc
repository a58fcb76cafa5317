#include "tests/images/image.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

namespace tessera::images {
namespace {
namespace fs = std::filesystem;

constexpr const char* kBuild = TESSERA_BUILD_DIR;
constexpr const char* kSource = TESSERA_SOURCE_DIR;

}  // namespace

std::string done(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment) {
  const std::string what = arguments[0];
  e2e::Child child(std::move(arguments), environment);
  constexpr std::chrono::minutes kLongest{5};  // cpack, on a busy machine
  const int code = child.wait(kLongest);
  const std::string output = code == -1 ? child.output() : child.rest();
  EXPECT_EQ(code, 0) << what << (code == -1 ? " did not end: " : ": ") << output;
  return output;
}

nlohmann::json parsed(const fs::path& file) {
  const auto text = read_file(file);
  EXPECT_TRUE(text) << (text ? "" : text.error().what);
  return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

std::string sha256(const fs::path& file) {
  const std::string line = done({"sha256sum", file.string()});
  return line.substr(0, line.find(' '));
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.symlink_status().type() == fs::file_type::regular)
      out.push_back("/" + entry.path().lexically_relative(folder).string());
  std::ranges::sort(out);
  return out;
}

void make(const std::string& name, const fs::path& out) {
  done({fmt::format("{}/tools/image/make", kSource), name, kBuild, out.string()},
       {{"SOURCE_DATE_EPOCH", "1700000000"}});
}

Image::Image(const std::string& name) : name_(name) {
  make(name, archive().parent_path());
  fs::create_directories(layout());
  done({"tar", "-C", layout().string(), "-xf", archive().string()});
  index_ = parsed(layout() / "index.json");
  manifest_ = parsed(blob(index_.at("manifests").at(0)));
  config_ = parsed(blob(manifest_.at("config")));
  fs::create_directories(root());
  for (const auto& layer : manifest_.at("layers"))
    done({"tar", "-C", root().string(), "-xpf", blob(layer).string(), "--numeric-owner"});
}

fs::path Image::blob(const nlohmann::json& descriptor) const {
  const auto digest = descriptor.at("digest").get<std::string>();
  return layout() / "blobs/sha256" / digest.substr(digest.find(':') + 1);
}

const Image& image_of(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Image>> images;
  auto& image = images[name];
  if (!image) image = std::make_unique<Image>(name);
  return *image;
}

std::vector<std::string> inside(const fs::path& root, const std::string& user, const std::vector<std::string>& words,
                                const std::vector<std::string>& mounts) {
  std::vector<std::string> out{fmt::format("{}/tests/images/inside", kSource), root.string(), user};
  out.insert(out.end(), mounts.begin(), mounts.end());
  out.emplace_back("--");
  out.insert(out.end(), words.begin(), words.end());
  return out;
}

std::vector<std::string> inside(const Image& image, const std::vector<std::string>& words,
                                const std::vector<std::string>& mounts) {
  return inside(image.root(), image.user(), words, mounts);
}

std::string why_not_inside() {
  if (::geteuid() != 0) return "a root of its own needs the rights of root";
  const auto tried = e2e::run({"unshare", "--mount", "mount", "--bind", "/tmp", "/tmp"});
  return tried.code == 0 ? "" : fmt::format("no mount namespace is allowed here: {}", tried.output);
}

}  // namespace tessera::images

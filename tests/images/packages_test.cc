// Debian packages, made by cpack and installed by dpkg into a root that has the libraries of the program's image and
// nothing else: what a package depends on, and what a program loads, must be the same.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/e2e/node.h"
#include "tests/images/image.h"

namespace tessera::images {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

struct Packaged {
  const char* name;
  const char* image;   ///< that has its libraries
  const char* unit;    ///< "": it has none
  const char* edited;  ///< by an administrator; "": nothing is
  const char* check;   ///< the flag that reads it; "": there is none
};
constexpr Packaged kPackaged[] = {
    {"tessera", "agent", "", "", ""},
    {"tessera-agent", "agent", "tessera-agent.service", "/etc/default/tessera-agent", ""},
    {"tessera-operator", "operator", "", "", ""},
    {"tessera-relay", "relay", "tessera-relay.service", "/etc/tessera/relay.yaml", "--check-config"},
    {"tessera-server", "server", "tessera-server.service", "/etc/tessera/server.yaml", "--check-config"},
};

/// The folder that cpack has put all packages in.
const fs::path& packages() {
  static const TempDir folder;
  static const std::string said =
      done({"cpack", "--config", fmt::format("{}/CPackConfig.cmake", TESSERA_BUILD_DIR), "-B", folder.path().string()},
           {{"SOURCE_DATE_EPOCH", "1700000000"}});
  return folder.path();
}

void append(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

/// Files and links below a root, without dpkg's own; folders are not told, for dpkg removes and leaves empty ones.
std::set<std::string> contents(const fs::path& root) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = "/" + entry.path().lexically_relative(root).string();
    if (entry.symlink_status().type() != fs::file_type::directory && !path.starts_with("/var/lib/dpkg"))
      out.insert(path);
  }
  return out;
}

class ShippedPackages : public testing::TestWithParam<Packaged> {
 protected:
  const Packaged& is = GetParam();
  std::string file;

  void SetUp() override {
    if (e2e::run({"sh", "-c", "command -v dpkg && command -v dpkg-shlibdeps"}).code != 0)
      GTEST_SKIP() << "dpkg or dpkg-shlibdeps is missing: ./dev deps installs dpkg-dev";
    for (const auto& entry : fs::directory_iterator(packages()))
      if (entry.path().filename().string().starts_with(fmt::format("{}_", is.name))) file = entry.path().string();
    ASSERT_NE(file, "") << "cpack made no package " << is.name;
  }
  std::string field(const std::string& name) const {
    std::string text = done({"dpkg-deb", "-f", file, name});
    return text.substr(0, text.find('\n'));
  }
};

TEST_P(ShippedPackages, SayWhatTheyNeedAndAre) {
  EXPECT_EQ(field("Package"), is.name);
  EXPECT_EQ(field("Version"), fmt::format("{}-1", TESSERA_VERSION));
  EXPECT_THAT(field("Depends"), AllOf(HasSubstr("libc6 (>= "), HasSubstr("libfmt")));
  EXPECT_THAT(field("Description"), Not(HasSubstr("built using CMake")));
  const std::string list = done({"dpkg-deb", "-c", file});
  for (const std::string part : {"copyright", "changelog.Debian.gz"})
    EXPECT_THAT(list, HasSubstr(fmt::format("./usr/share/doc/{}/{}\n", is.name, part)));
  EXPECT_THAT(list, HasSubstr(fmt::format("/{}.{}.gz\n", is.name, is.name == std::string("tessera") ? 1 : 8)));
  EXPECT_THAT(list, Not(HasSubstr("libnvidia")));
}

/// A root with the libraries of an image, which dpkg knows of.
class CleanRoot {
 public:
  explicit CleanRoot(const Image& image) {
    done({"cp", "-a", image.root().string() + "/.", root().string()});
    // Without what is ours.
    for (const auto& entry : fs::directory_iterator(root() / "usr/bin")) fs::remove(entry.path());
    fs::remove_all(root() / "etc/dcgm-exporter");
    fs::remove_all(root() / "usr/share/doc" / ("tessera-" + image.name()));
    for (const char* folder : {"info", "updates", "triggers"}) fs::create_directories(dpkg() / folder);
    for (const auto& package : fs::directory_iterator(dpkg() / "status.d")) {
      append(dpkg() / "status", *read_file(package.path()) + "\n");
      const bool same = read_file(package.path())->find("\nMulti-Arch: same\n") != std::string::npos;
      const std::string architecture = same ? ":" + image.config().at("architecture").get<std::string>() : "";
      append(dpkg() / "info" / (package.path().filename().string() + architecture + ".list"), "/.\n");
    }
    append(dpkg() / "info/format", "1\n");
  }
  fs::path root() const { return folder_.path(); }
  std::string do_dpkg(const std::vector<std::string>& words) const {
    std::vector<std::string> all{"dpkg", "--root=" + root().string(), "--force-script-chrootless"};
    all.insert(all.end(), words.begin(), words.end());
    return done(all);
  }

 private:
  fs::path dpkg() const { return root() / "var/lib/dpkg"; }
  TempDir folder_;
};

TEST_P(ShippedPackages, ComeRunAndGoWithoutATrace) {
  if (const std::string why = why_not_inside(); !why.empty()) GTEST_SKIP() << why;
  const CleanRoot clean(image_of(is.image));
  const auto run_in_it = [&](std::vector<std::string> words) {
    words.insert(words.begin(), fmt::format("/usr/bin/{}", is.name));
    return done(inside(clean.root(), "65532:65532", words));
  };
  const auto before = contents(clean.root());
  const std::string link = fmt::format("/etc/systemd/system/multi-user.target.wants/{}", is.unit);
  const fs::path kept = clean.root() / "var/lib" / is.name;

  clean.do_dpkg({"--install", file});
  EXPECT_THAT(run_in_it({"--version"}), HasSubstr(TESSERA_VERSION));
  if (*is.unit) {
    EXPECT_THAT(contents(clean.root()), IsSupersetOf({fmt::format("/usr/lib/systemd/system/{}", is.unit), link}));
  }
  if (*is.check) run_in_it({is.check, is.edited});

  if (*is.edited) {  // what an administrator has written stays, through another installation and after removal
    append(clean.root() / std::string(is.edited).substr(1), "# mine\n");
    clean.do_dpkg({"--install", file});
    EXPECT_THAT(*read_file(clean.root() / std::string(is.edited).substr(1)), HasSubstr("\n# mine\n"));
  }
  if (*is.unit) fs::create_directories(kept / "queue");  // as systemd does for StateDirectory=

  clean.do_dpkg({"--remove", is.name});
  const auto removed = contents(clean.root());
  EXPECT_THAT(removed, Not(Contains(fmt::format("/usr/bin/{}", is.name))));
  EXPECT_EQ(removed.contains(is.edited), *is.edited != '\0');
  clean.do_dpkg({"--purge", is.name});
  EXPECT_THAT(contents(clean.root()), ElementsAreArray(before));
  EXPECT_FALSE(fs::exists(kept));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedPackages, testing::ValuesIn(kPackaged), [](const auto& i) {
  std::string name = i.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace tessera::images

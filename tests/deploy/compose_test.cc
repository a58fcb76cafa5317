// docker-compose.yml, as far as can be seen without docker: its files are there and good, and only this machine reaches
// it.
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "base/files.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;
using testing::StartsWith;

const fs::path kRoot = TESSERA_SOURCE_DIR;

YAML::Node services() { return YAML::LoadFile((kRoot / "docker-compose.yml").string())["services"]; }

TEST(Compose, IsBuiltOfWhatIsThere) {
  for (const auto& service : services()) {
    const std::string name = service.first.as<std::string>();
    for (const auto& port : service.second["ports"])
      EXPECT_THAT(port.as<std::string>(), StartsWith("127.0.0.1:")) << name;
    for (const auto& volume : service.second["volumes"]) {
      const auto text = volume.as<std::string>();
      EXPECT_TRUE(!text.starts_with("./") || fs::exists(kRoot / text.substr(0, text.find(':')))) << text;
    }
    if (!service.second["build"]) continue;
    EXPECT_TRUE(fs::exists(kRoot / service.second["build"]["dockerfile"].as<std::string>())) << name;
    EXPECT_EQ(service.second["image"].as<std::string>(), fmt::format("tessera-{}:{}", name, TESSERA_VERSION));
  }
}

TEST(Compose, ItsConfigurationsAreGood) {
  for (const char* name : {"relay", "server"}) {
    const auto file = kRoot / "deploy/compose" / fmt::format("{}.yaml", name);
    std::vector<std::string> words = services()[name]["command"].as<std::vector<std::string>>();
    ASSERT_EQ(words[0], fmt::format("--config=/etc/tessera/{}.yaml", name));
    words[0] = "--config=" + file.string();
    words.insert(words.begin(), program(fmt::format("tessera-{}", name)));
    words.insert(words.end(), {"--check-config", file.string()});
    const Finished checked = run(words);
    EXPECT_EQ(checked.code, 0) << fmt::format("{}", fmt::join(words, " ")) << checked.output;
  }
  const std::string promtool = peer("promtool");
  if (promtool.empty()) GTEST_SKIP() << "promtool is missing: ./dev unpacks it with prometheus";
  const TempDir folder;
  fs::copy(kRoot / "deploy/compose/prometheus.yaml", folder.path());
  for (const char* rules : {"tessera.rules.yaml", "gpu.rules.yaml"})
    fs::copy(kRoot / "deploy/prometheus" / rules, folder.path());
  const Finished checked = run({promtool, "check", "config", (folder.path() / "prometheus.yaml").string()});
  EXPECT_EQ(checked.code, 0) << checked.output;
}

}  // namespace
}  // namespace tessera::e2e

// The flags that every program has: --config, --log-format, --log-level.
#include "sim/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/fixture.h"

namespace tessera::sim {
namespace {

constexpr const char* kScenario =
    "nodes:\n  - {name: far, gpus: [{model: t4}]}\n  - {name: near, gpus: [{model: l4}]}\n";

TEST(Settings, AreReadAndMisspeltOnesRefused) {
  const TemporaryDirectory directory;
  const auto good = load_settings(directory.write("good.yaml", "node: near\nlogFormat: json\nlogLevel: warn\n"));
  ASSERT_TRUE(good) << good.error().what;
  EXPECT_EQ(good->node, "near");
  EXPECT_EQ(good->log_format, "json");
  EXPECT_EQ(good->scenario, "");
  EXPECT_TRUE(load_settings(directory.write("empty.yaml", "")));

  const struct {
    const char* text;
    const char* says;
  } kCases[] = {{"scenaro: x\n", ":1: file: unknown key 'scenaro'"},
                {"node: a\nlogFormat: xml\n", ":2: logFormat: one of text, json expected"},
                {"logLevel: loud\n", ":1: logLevel: one of debug, info, warn, error expected"},
                {"- a\n", "a map with"},
                {"{", "YAML expected"}};
  for (const auto& c : kCases) {
    const auto bad = load_settings(directory.write("bad.yaml", c.text));
    ASSERT_FALSE(bad) << c.text;
    EXPECT_NE(bad.error().what.find("bad.yaml"), std::string::npos) << bad.error().what;
    EXPECT_NE(bad.error().what.find(c.says), std::string::npos) << bad.error().what;
  }
  EXPECT_FALSE(load_settings(directory.path() + "/none.yaml"));
}

TEST(Settings, AComplaintIsALineOfTextOrJson) {
  EXPECT_EQ(complaint("no \"x\"", false), "tessera-sim: no \"x\"\n");
  const std::string json = complaint("no \"x\"\n", true);
  EXPECT_NE(json.find("\"level\":\"error\",\"message\":\"tessera-sim\",\"why\":\"no \\\"x\\\"\\u000a\"}"),
            std::string::npos)
      << json;
}

TEST(Settings, AFlagWinsOverTheEnvironmentAndBothOverTheFile) {
  for (const char* name : {"TESSERA_SIM_SCENARIO", "TESSERA_SIM_STATE", "TESSERA_SIM_NODE"}) ::unsetenv(name);
  const TemporaryDirectory directory;
  directory.write("s.yaml", kScenario);
  const std::string file = directory.write(
      "sim.yaml", "scenario: " + directory.path() + "/s.yaml\nstate: " + directory.path() + "/state\nnode: near\n");
  const auto shown = [&](const std::string& flags) { return run_tool("show --config " + file + flags).output; };
  EXPECT_NE(shown("").find("L4"), std::string::npos) << shown("");
  EXPECT_NE(shown(" --node far").find("T4"), std::string::npos);
  EXPECT_NE(run_tool("--node far --config " + file + " show").output.find("T4"), std::string::npos) << "in any order";
  ::setenv("TESSERA_SIM_NODE", "far", 1);
  EXPECT_NE(shown("").find("T4"), std::string::npos);
  EXPECT_NE(shown(" --node near").find("L4"), std::string::npos);
  ::unsetenv("TESSERA_SIM_NODE");
}

TEST(Settings, TheProgramTakesTheCommonFlags) {
  const TemporaryDirectory directory;
  const Finished json = run_tool("--log-format json --log-level debug check " + directory.path() + "/none.yaml");
  EXPECT_NE(json.code, 0);
  EXPECT_EQ(json.output.rfind("{\"time\":\"", 0), 0U) << json.output;
  const Finished bad = run_tool("show --config " + directory.write("bad.yaml", "nodes: []\n"));
  EXPECT_NE(bad.code, 0);
  EXPECT_EQ(bad.output.rfind("--config: " + directory.path() + "/bad.yaml:1: file: unknown key 'nodes'", 0), 0U)
      << bad.output;
  EXPECT_NE(run_tool("show --log-format xml").code, 0);
  for (const char* flag : {"--config FILE", "--log-format", "--log-level", "--version"})
    EXPECT_NE(run_tool("--help").output.find(flag), std::string::npos) << flag;
}

}  // namespace
}  // namespace tessera::sim

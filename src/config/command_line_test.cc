#include "config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace tessera::config {
namespace {
using testing::HasSubstr;

struct Line : CommandLine {
  Line() : CommandLine("tessera-x", "1.2", "what it is", "what else there is") {
    app().add_option("--address", address, "where");
  }
  std::string address = ":1";
};

TEST(CommandLine, SetsWhatIsGivenAndLogsAsText) {
  Line line;
  EXPECT_EQ(*line.parse({"--address", ":2"}), std::nullopt);
  EXPECT_EQ(line.address, ":2");
  EXPECT_EQ(line.log().format, log::Format::Text);
  EXPECT_EQ(line.log().level, log::Level::Info);
}

TEST(CommandLine, KnowsHowToLog) {
  Line line;
  EXPECT_TRUE(line.parse({"--log-format=json", "--log-level", "warn"}));
  EXPECT_EQ(line.log().format, log::Format::Json);
  EXPECT_EQ(line.log().level, log::Level::Warn);
}

TEST(CommandLine, PrintsVersionAndHelp) {
  EXPECT_EQ(*Line().parse({"--version"}), "tessera-x 1.2\n");
  const auto help = *Line().parse({"-h"});
  ASSERT_TRUE(help);
  for (const char* part : {"what it is", "what else there is", "--address", "--log-level debug|info|warn|error"})
    EXPECT_THAT(*help, HasSubstr(part));
}

TEST(CommandLine, SaysWhatIsWrongAndWhatIsNear) {
  const std::pair<std::vector<std::string>, std::vector<const char*>> cases[] = {
      {{"--adress=:2"}, {"did you mean --address?", "See: tessera-x --help"}},
      {{"--log-level", "loud"}, {"'loud', but one of debug|error|info|warn is expected"}},
      {{"stray"}, {"stray", "See: tessera-x --help"}}};
  for (const auto& [arguments, parts] : cases) {
    const auto parsed = Line().parse(arguments);
    ASSERT_FALSE(parsed) << arguments[0];
    for (const char* part : parts) EXPECT_THAT(parsed.error().what, HasSubstr(part));
  }
}

}  // namespace
}  // namespace tessera::config

#include "operator/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::operate {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string text_of(const std::vector<std::string>& arguments) {
  const auto parsed = parse_options(arguments);
  if (!parsed) return "error: " + parsed.error().what;
  const auto* text = std::get_if<Text>(&*parsed);
  return text != nullptr ? text->text : "";
}

TEST(Options, PrintsWhatItIsAskedFor) {
  EXPECT_THAT(text_of({"--help"}), HasSubstr("--dry-run"));
  EXPECT_THAT(text_of({"--version"}), StartsWith("tessera-operator "));
  EXPECT_THAT(text_of({"--rights"}), HasSubstr("\nkind: ClusterRole\n"));
  EXPECT_THAT(text_of({"--crd"}), StartsWith("apiVersion: apiextensions.k8s.io/v1\n"));
}

TEST(Options, TakesAFile) {
  for (const auto* version : {"1.20", "v1.20.2", "1.20+"}) {
    const auto parsed = parse_options({"--once", "--dry-run", "--file", "m.yaml", "--kubernetes-version", version});
    ASSERT_TRUE(parsed) << parsed.error().what;
    EXPECT_EQ(std::get<Options>(*parsed).file, "m.yaml");
    EXPECT_EQ(std::get<Options>(*parsed).minor, 20U);
  }
}

TEST(Options, ServesAClusterUnlessItIsToPrint) {
  const auto parsed = parse_options({"--address", "127.0.0.1:0", "--lease-duration", "6s", "--log-format", "json"});
  ASSERT_TRUE(parsed) << parsed.error().what;
  const auto& options = std::get<Options>(*parsed);
  EXPECT_FALSE(options.dry_run);
  EXPECT_EQ(options.lease_duration, Milliseconds(6'000));
  EXPECT_EQ(options.log_format, log::Format::Json);
}

TEST(Options, RemovesOneByItsName) {
  const auto parsed = parse_options({"--remove=gpus"});
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(std::get<Options>(*parsed).remove, "gpus");
  EXPECT_THAT(text_of({"--remove", ""}), HasSubstr("the name of a GpuMonitor expected"));
  EXPECT_THAT(text_of({"--remove", "a", "--once", "--dry-run", "--file", "b"}), HasSubstr("one of the two"));
}

TEST(Options, TakesFlagsFromAFileWhereTheyAreNotGiven) {
  const TempDir folder;
  const auto path = folder.path() / "operator.yaml";
  const auto with = [&](const std::string& text, std::vector<std::string> arguments) {
    EXPECT_TRUE(write_file_atomically(path, text));
    arguments.insert(arguments.end(), {"--config", path.string()});
    return parse_options(arguments);
  };
  const auto parsed = with("address: 127.0.0.1:9\nleaseDuration: 6s\nlogFormat: json\n", {"--address", "127.0.0.1:0"});
  ASSERT_TRUE(parsed) << parsed.error().what;
  const auto& options = std::get<Options>(*parsed);
  EXPECT_EQ(options.address, "127.0.0.1:0");
  EXPECT_EQ(options.lease_duration, Milliseconds(6'000));
  EXPECT_EQ(options.log_format, log::Format::Json);
  const auto printing = with("once: true\ndryRun: true\nfile: m.yaml\n", {});
  ASSERT_TRUE(printing) << printing.error().what;
  EXPECT_TRUE(std::get<Options>(*printing).dry_run);

  EXPECT_THAT(with("leaseDurations: 6s\n", {}).error().what,
              AllOf(HasSubstr("operator.yaml:1"), HasSubstr("leaseDuration")));
  EXPECT_THAT(with("logLevel: loud\n", {}).error().what, AllOf(HasSubstr("operator.yaml:1"), HasSubstr("loud")));
}

TEST(Options, SaysWhatIsWrong) {
  for (const std::vector<std::string>& some : {std::vector<std::string>{"--once"}, {"--dry-run"}, {"--file", "m.yaml"}})
    EXPECT_THAT(text_of(some), HasSubstr("--once --dry-run --file FILE"));
  for (const auto* duration : {"1s", "2h", "15", "3500ms"})
    EXPECT_THAT(text_of({"--lease-duration", duration}), HasSubstr("such as 15s")) << duration;
  EXPECT_THAT(text_of({"--dry-ran"}), HasSubstr("did you mean --dry-run?"));
  for (const auto* version : {"1", "2.3", "x", "1.x", "1.-3"})
    EXPECT_THAT(text_of({"--once", "--dry-run", "--file", "m", "--kubernetes-version", version}),
                HasSubstr("such as 1.28"))
        << version;
}

}  // namespace
}  // namespace tessera::operate

#include "relay/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::relay {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Options options(const std::vector<std::string>& arguments) {
  auto parsed = parse_options(arguments);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().what);
  return parsed ? std::get<Options>(*parsed) : Options();
}

TEST(RelayOptions, ServeUnlessToldOtherwise) {
  const Options plain = options({});
  EXPECT_EQ(plain.mode, Mode::Serve);
  EXPECT_EQ(plain.config, "");
  EXPECT_EQ(plain.address, ":9411");
  EXPECT_EQ(plain.data, "/var/lib/tessera-relay");
  EXPECT_EQ(plain.share, (Share{0, 1}));
  EXPECT_EQ(plain.shard_lease, "");
  EXPECT_EQ(plain.shard_lease_duration, std::chrono::seconds(15));
}

TEST(RelayOptions, TakeEveryFlag) {
  const Options all = options({"--config=r.yaml", "--address", "[::1]:1", "--data", "/d", "--shard", "2/3",
                               "--web-config-file", "w", "--shard-lease", "gpu-relay", "--shard-lease-duration", "1m",
                               "--service-account", "/sa", "--log-format", "json", "--log-level", "debug"});
  EXPECT_EQ(all.config, "r.yaml");
  EXPECT_EQ(all.address, "[::1]:1");
  EXPECT_EQ(all.data, "/d");
  EXPECT_EQ(all.share, (Share{2, 3}));
  EXPECT_EQ(all.shard_lease, "gpu-relay");
  EXPECT_EQ(all.shard_lease_duration, std::chrono::minutes(1));
  EXPECT_EQ(all.web_config, "w");
  EXPECT_EQ(all.service_account, "/sa");
  EXPECT_EQ(all.log_format, log::Format::Json);
  EXPECT_EQ(all.log_level, log::Level::Debug);
}

TEST(RelayOptions, ChooseAMode) {
  const Options check = options({"--check-config", "c.yaml"});
  EXPECT_EQ(check.mode, Mode::CheckConfig);
  EXPECT_EQ(check.config, "c.yaml");
  EXPECT_EQ(options({"--config", "c.yaml", "--dry-run"}).mode, Mode::DryRun);
  const Options explain = options({"--explain", "gpu/dcgm-x"});
  EXPECT_EQ(explain.mode, Mode::Explain);
  EXPECT_EQ(explain.pod_namespace, "gpu");
  EXPECT_EQ(explain.pod, "dcgm-x");
}

TEST(RelayOptions, SayWhatIsWrong) {
  static const struct {
    std::vector<std::string> arguments;
    std::string why;
  } kCases[] = {{{"--shard", "3/3"}, "--shard '3/3': I/N expected"},
                {{"--shard", "-1/3"}, "I/N expected"},
                {{"--shard", "1"}, "I/N expected"},
                {{"--shard", "0/0"}, "I/N expected"},
                {{"--shard-lease", "Relay"}, "--shard-lease 'Relay': at most 58 lower-case letters"},
                {{"--shard-lease", "-a"}, "--shard-lease '-a'"},
                {{"--shard-lease", std::string(59, 'a')}, "at most 58"},
                {{"--shard-lease-duration", "2s"}, "--shard-lease-duration '2s': whole seconds expected"},
                {{"--shard-lease-duration", "3500ms"}, "whole seconds expected"},
                {{"--shard-lease-duration", "soon"}, "whole seconds expected"},
                {{"--explain", "pod"}, "--explain 'pod': NAMESPACE/POD expected"},
                {{"--explain", "/pod"}, "NAMESPACE/POD expected"},
                {{"--explain", "ns/"}, "NAMESPACE/POD expected"},
                {{"--adress", ":1"}, "did you mean --address?"},
                {{"--log-format", "xml"}, "one of json|text is expected"},
                {{"--config"}, "--config"},
                {{"extra"}, "See: tessera-relay --help"}};
  for (const auto& c : kCases) {
    const auto parsed = parse_options(c.arguments);
    ASSERT_FALSE(parsed) << c.why;
    EXPECT_EQ(parsed.error().code, Code::Invalid);
    EXPECT_THAT(parsed.error().what, HasSubstr(c.why));
  }
}

TEST(RelayOptions, HelpAndVersionAreTexts) {
  const auto help = parse_options({"--help"});
  ASSERT_TRUE(help && std::holds_alternative<Text>(*help));
  for (const auto* flag :
       {"--config", "--address", "--data", "--shard", "--shard-lease", "--check-config", "--dry-run", "--explain",
        "--web-config-file", "--service-account", "--log-format", "--log-level", "--version"})
    EXPECT_THAT(std::get<Text>(*help).text, HasSubstr(flag));
  for (const std::string words : {"--log-format text|json", "--log-level debug|info|warn|error"})
    EXPECT_THAT(std::get<Text>(*help).text, AllOf(HasSubstr(words), Not(HasSubstr(words + ":")))) << "once";
  const auto version = parse_options({"--version"});
  ASSERT_TRUE(version && std::holds_alternative<Text>(*version));
  EXPECT_THAT(std::get<Text>(*version).text, testing::StartsWith("tessera-relay "));
}

}  // namespace
}  // namespace tessera::relay

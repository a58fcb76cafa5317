#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "cli/checks.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;

DoctorCommand doctor(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "doctor");
  auto command = parse_arguments(arguments);
  EXPECT_TRUE(command) << command.error().what;
  return std::get<DoctorCommand>(*command);
}

TEST(ParseArguments, LooksAtThisMachineUnlessTold) {
  const auto plain = doctor({});
  EXPECT_EQ(plain.places.proc, "/proc");
  EXPECT_EQ(plain.places.kubelet_socket, "/var/lib/kubelet/pod-resources/kubelet.sock");
  EXPECT_EQ(plain.places.nvml, "libnvidia-ml.so.1");
  EXPECT_EQ(plain.places.agent, "http://127.0.0.1:9400");
  EXPECT_FALSE(plain.places.textfile_dir);
  EXPECT_EQ(plain.print, Print::Text);
  EXPECT_EQ(plain.patience, Milliseconds(5'000));
  EXPECT_EQ(doctor({"--patience", "250ms"}).patience, Milliseconds(250));
}

TEST(ParseArguments, ARootMovesEveryFolderThatWasNotNamed) {
  const auto moved = doctor({"--root", "/host", "--proc=/p", "--textfile-dir", "/t", "--print", "json"});
  EXPECT_EQ(moved.places.root, "/host");
  EXPECT_EQ(moved.places.dev, "/host/dev");
  EXPECT_EQ(moved.places.pod_logs, "/host/var/log");
  EXPECT_EQ(moved.places.proc, "/p");
  EXPECT_EQ(moved.places.textfile_dir, "/t");
  EXPECT_EQ(moved.print, Print::Json);
}

TEST(ParseArguments, TakesEveryPlace) {
  const auto all =
      doctor({"--nvml", "/n", "--sys", "/s", "--dev", "/d", "--pod-logs", "/l", "--pod-resources-kubelet-socket", "/k",
              "--node-exporter", "http://a", "--agent", "http://b", "--log-level", "debug", "--log-format", "json"});
  EXPECT_EQ(all.places.nvml, "/n");
  EXPECT_EQ(all.places.sys, "/s");
  EXPECT_EQ(all.places.dev, "/d");
  EXPECT_EQ(all.places.pod_logs, "/l");
  EXPECT_EQ(all.places.kubelet_socket, "/k");
  EXPECT_EQ(all.places.node_exporter, "http://a");
  EXPECT_EQ(all.places.agent, "http://b");
  EXPECT_EQ(all.log_level, log::Level::Debug);
  EXPECT_EQ(all.log_format, log::Format::Json);
}

TEST(ParseArguments, GetsTargetsOfTheRelayNamed) {
  const auto parsed = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"get", "targets"});
    const auto command = parse_arguments(arguments);
    EXPECT_TRUE(command) << (command ? "" : command.error().what);
    return std::get<GetTargetsCommand>(*command);
  };
  EXPECT_EQ(parsed({}).relay, "http://127.0.0.1:9411");
  const auto all = parsed({"--relay", "http://r", "--print", "json", "--patience", "1s"});
  EXPECT_EQ(all.relay, "http://r");
  EXPECT_EQ(all.print, Print::Json);
  EXPECT_EQ(all.patience, Milliseconds(1'000));
  EXPECT_FALSE(parse_arguments({"get"}));
  EXPECT_FALSE(parse_arguments({"get", "target"}));
}

class ParseArgumentsWithFile : public testing::Test {
 protected:
  std::string file(std::string_view yaml) {
    EXPECT_TRUE(write_file_atomically(path_, yaml));
    return path_.string();
  }
  TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "tessera.yaml";
};

TEST_F(ParseArgumentsWithFile, TakesTheFilesValuesWhereNoFlagIs) {
  const auto path = file("podLogs: /l\nagent: http://b\npatience: 2s\nprint: json\nlogFormat: json\nlogLevel:\n");
  for (const auto& command :
       {doctor({"--config", path, "--agent", "http://flag"}),
        std::get<DoctorCommand>(*parse_arguments({"--config", path, "doctor", "--agent=http://flag"}))}) {
    EXPECT_EQ(command.places.pod_logs, "/l");
    EXPECT_EQ(command.places.agent, "http://flag") << "a flag wins over the file";
    EXPECT_EQ(command.patience, Milliseconds(2'000));
    EXPECT_EQ(command.print, Print::Json);
    EXPECT_EQ(command.log_format, log::Format::Json);
    EXPECT_EQ(command.log_level, log::Level::Error) << "nothing is the default";
  }
  EXPECT_EQ(doctor({"--config", file("")}).print, Print::Text) << "an empty file says nothing";
}

TEST_F(ParseArgumentsWithFile, SaysWhereTheFileIsWrong) {
  static constexpr struct {
    std::string_view yaml;
    std::string_view says;
  } kCases[] = {
      {"agnet: x\n", ":1:1: "},
      {"agnet: x\n", "agent"},
      {"config: other.yaml\n", "config"},
      {"\nprint: xml\n", ":2:8: print: --print: 'xml', but one of text|json"},
      {"patience: 0s\n", "more than 0 is expected"},
      {"proc: [a, b]\n", ":1:7: proc: "},
      {"- a\n", ":1:1: "},
  };
  for (const auto& c : kCases) {
    const auto command = parse_arguments({"doctor", "--config", file(c.yaml)});
    ASSERT_FALSE(command) << c.yaml;
    EXPECT_EQ(command.error().code, Code::Invalid);
    EXPECT_THAT(command.error().what, HasSubstr("tessera.yaml"));
    EXPECT_THAT(command.error().what, HasSubstr(std::string(c.says)));
  }
  const auto none = parse_arguments({"doctor", "--config", (dir_.path() / "none.yaml").string()});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::NotFound);
}

TEST(ParseArguments, HelpsAndSaysItsVersion) {
  const auto text = [](const std::vector<std::string>& arguments) {
    return std::get<Text>(*parse_arguments(arguments)).text;
  };
  EXPECT_THAT(text({}), HasSubstr("doctor"));
  EXPECT_THAT(text({"--help"}), HasSubstr("tessera doctor --help"));
  EXPECT_THAT(text({"--version"}), HasSubstr("tessera "));
  for (const auto* flag : {"--config FILE", "--log-format text|json", "--log-level error|warn|info|debug"})
    EXPECT_THAT(text({"--help"}), HasSubstr(flag));
  const auto help = text({"doctor", "--help"});
  for (const auto& check : checks()) EXPECT_THAT(help, HasSubstr(std::string(check.name)));
  EXPECT_THAT(help, HasSubstr("Exit status"));
}

TEST(ParseArguments, SaysWhatIsWrongAndWhatWasMeant) {
  static const struct {
    std::vector<std::string> arguments;
    std::string_view says;
  } kCases[] = {
      {{"docter"}, "did you mean doctor?"},
      {{"doctor", "--pod-log", "/x"}, "did you mean --pod-logs?"},
      {{"doctor", "--agnet=http://x"}, "did you mean --agent?"},
      {{"doctor", "--print", "xml"}, "--print: 'xml', but one of text|json is expected"},
      {{"doctor", "--proc"}, "--proc"},
      {{"doctor", "--patience", "soon"}, "--patience: duration 'soon'"},
      {{"doctor", "--patience", "0s"}, "--patience: more than 0"},
      {{"doctor", "stray"}, "stray"},
  };
  for (const auto& c : kCases) {
    const auto command = parse_arguments(c.arguments);
    ASSERT_FALSE(command);
    EXPECT_EQ(command.error().code, Code::Invalid);
    EXPECT_THAT(command.error().what, HasSubstr(c.says));
    EXPECT_THAT(command.error().what, HasSubstr("--help"));
  }
}

}  // namespace
}  // namespace tessera::cli

#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(ParseArguments, HelpsAndSaysItsVersion) {
  const auto text = [](const std::vector<std::string>& arguments) {
    return std::get<Text>(*parse_arguments(arguments)).text;
  };
  EXPECT_THAT(text({}), HasSubstr("doctor"));
  EXPECT_THAT(text({"--help"}), HasSubstr("tessera doctor --help"));
  EXPECT_THAT(text({"--version"}), HasSubstr("tessera "));
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

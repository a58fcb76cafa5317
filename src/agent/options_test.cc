#include "agent/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/option_table.h"
#include "base/files.h"
#include "base/text.h"

namespace tessera::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

using Arguments = std::vector<std::string>;
using Variables = Environment;

Result<std::variant<Options, Text>> parse(const Arguments& arguments, const Variables& variables = {}) {
  return parse_options(arguments, variables);
}

Options options_of(const Arguments& arguments, const Variables& variables = {}) {
  const auto parsed = parse(arguments, variables);
  EXPECT_TRUE(parsed) << parsed.error().what;
  if (!parsed || !std::holds_alternative<Options>(*parsed)) return {};
  return std::get<Options>(*parsed);
}

std::string error_of(const Arguments& arguments, const Variables& variables = {}) {
  const auto parsed = parse(arguments, variables);
  return parsed ? "no error" : parsed.error().what;
}

std::string text_of(const Arguments& arguments) {
  const auto parsed = parse(arguments);
  EXPECT_TRUE(parsed) << parsed.error().what;
  return parsed && std::holds_alternative<Text>(*parsed) ? std::get<Text>(*parsed).text : "no text";
}

TEST(Options, HaveDefaults) {
  const Options options = options_of({});
  EXPECT_EQ(options.address, ":9400");
  EXPECT_EQ(options.interval, 15s);
  EXPECT_EQ(options.deadline, 1s);
  EXPECT_TRUE(options.kubernetes);
  EXPECT_FALSE(options.node_name.empty()) << "the host's name";
  EXPECT_THAT(options.warnings, IsEmpty());
}

TEST(Options, TakeOurFlags) {
  const Options options = options_of({"--nvml",     "/x/libnvidia-ml.so.1",
                                      "--proc",     "/host/proc",
                                      "--sys",      "/host/sys",
                                      "--pod-logs", "/host/log",
                                      "--interval", "1m30s",
                                      "--deadline", "250ms",
                                      "--textfile", "/t/gpu_sessions.prom",
                                      "--once",     "--print",
                                      "json",       "--session-labels",
                                      "command",    "--session-memory-label",
                                      "true",       "--dcgm-names",
                                      "4.9",        "--hostname-label",
                                      "hostname",   "--address",
                                      "[::1]:0",    "--log-format",
                                      "json",       "--log-level",
                                      "warn",       "--node-name",
                                      "worker-01"});
  EXPECT_EQ(options.nvml, "/x/libnvidia-ml.so.1");
  EXPECT_EQ(options.proc, "/host/proc");
  EXPECT_EQ(options.sys, "/host/sys");
  EXPECT_EQ(options.pod_logs, "/host/log");
  EXPECT_EQ(options.interval, 90s);
  EXPECT_EQ(options.deadline, 250ms);
  EXPECT_EQ(options.textfile, "/t/gpu_sessions.prom");
  EXPECT_TRUE(options.once);
  EXPECT_EQ(options.print, Print::Json);
  EXPECT_FALSE(options.session_pid);
  EXPECT_TRUE(options.session_command);
  EXPECT_TRUE(options.session_memory_label);
  EXPECT_EQ(options.dcgm_names, DcgmNames::V4_9);
  EXPECT_EQ(options.hostname_label, "hostname");
  EXPECT_EQ(options.address, "[::1]:0");
  EXPECT_EQ(options.log_format, log::Format::Json);
  EXPECT_EQ(options.log_level, log::Level::Warn);
  EXPECT_EQ(options.node_name, "worker-01");
}

TEST(Options, TakeDcgmExportersArgumentsAsItDoes) {
  static const Arguments kForms[] = {
      {"-f", "x.csv", "-a", ":1", "-c", "30000", "-n", "-k=false", "-d", "g:0,2-3", "--rbmn"},
      {"--collectors=x.csv", "--address=:1", "--collect-interval=30000", "--no-hostname", "--kubernetes=false",
       "--devices=g:0,2-3", "--replace-blanks-in-model-name"},
      {"-collectors", "x.csv", "-a=:1", "--c", "30s", "-n", "true", "-kubernetes=0", "-devices", "g:2,0,3,2",
       "-rbmn=true"}};
  for (const auto& form : kForms) {
    SCOPED_TRACE(form[0]);
    const Options options = options_of(form);
    EXPECT_EQ(options.collectors, "x.csv");
    EXPECT_EQ(options.address, ":1");
    EXPECT_EQ(options.interval, 30s);
    EXPECT_TRUE(options.hostname_off);
    EXPECT_TRUE(options.model_without_blanks);
    EXPECT_FALSE(options.kubernetes);
    EXPECT_THAT(options.devices, ElementsAre(0U, 2U, 3U));
    EXPECT_THAT(options.warnings, IsEmpty());
  }
}

TEST(Options, TakeDcgmExportersVariables) {
  const Options options = options_of({}, {{"DCGM_EXPORTER_LISTEN", ":9401"},
                                          {"DCGM_EXPORTER_INTERVAL", "10000"},
                                          {"DCGM_EXPORTER_COLLECTORS", "/etc/dcgm-exporter/dcp-metrics-included.csv"},
                                          {"DCGM_EXPORTER_KUBERNETES", "true"},
                                          {"DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE", "device-name"},
                                          {"DCGM_EXPORTER_DEVICES_STR", "f"},
                                          {"DCGM_EXPORTER_NO_HOSTNAME", "1"},
                                          {"DCGM_EXPORTER_REPLACE_BLANKS_IN_MODEL_NAME", "true"},
                                          {"DCGM_EXPORTER_WEB_CONFIG_FILE", "/etc/web.yaml"},
                                          {"DCGM_POD_RESOURCES_KUBELET_SOCKET", "/k/kubelet.sock"},
                                          {"DCGM_EXPORTER_CONFIGMAP_DATA", "none"},
                                          {"DCGM_EXPORTER_KUBERNETES_ENABLE_POD_UID", "true"},
                                          {"DCGM_EXPORTER_DEBUG", "true"},
                                          {"NODE_NAME", "worker-07"}});
  EXPECT_EQ(options.address, ":9401");
  EXPECT_EQ(options.interval, 10s);
  EXPECT_EQ(options.collectors, "/etc/dcgm-exporter/dcp-metrics-included.csv");
  EXPECT_TRUE(options.kubernetes);
  EXPECT_THAT(options.devices, IsEmpty());
  EXPECT_TRUE(options.hostname_off);
  EXPECT_TRUE(options.model_without_blanks);
  EXPECT_EQ(options.web_config, "/etc/web.yaml");
  EXPECT_EQ(options.pod_resources_socket, "/k/kubelet.sock");
  EXPECT_EQ(options.log_level, log::Level::Debug);
  EXPECT_EQ(options.node_name, "worker-07");
  EXPECT_THAT(options.warnings, IsEmpty());
}

TEST(Options, PreferFlagsToVariablesAndOursToTheirs) {
  const Variables both{{"TESSERA_INTERVAL", "5s"}, {"DCGM_EXPORTER_INTERVAL", "7s"}};
  EXPECT_EQ(options_of({}, both).interval, 5s);
  EXPECT_EQ(options_of({"-c", "9s"}, both).interval, 9s);
  EXPECT_EQ(options_of({"-c", "9s", "--interval", "8s"}).interval, 8s) << "the last of two";
  EXPECT_FALSE(
      options_of({"--session-memory-label=false"}, {{"TESSERA_SESSION_MEMORY_LABEL", "true"}}).session_memory_label);
  EXPECT_EQ(options_of({}, {{"DCGM_EXPORTER_DEBUG", "1"}, {"TESSERA_LOG_LEVEL", "error"}}).log_level,
            log::Level::Error);
}

class OptionsFile : public ::testing::Test {
 protected:
  std::string write(std::string_view text) const {
    const std::string path = (dir_.path() / "agent.yaml").string();
    const auto written = write_file_atomically(path, text);
    EXPECT_TRUE(written) << written.error().what;
    return path;
  }
  TempDir dir_;
};

TEST_F(OptionsFile, HasEverySettingInCamelCase) {
  const std::string path = write(
      "# the agent\n"
      "address: '[::1]:9400'\ninterval: 5s\ncollectors: /x.csv\ndcgmNames: 4.9\nsessionLabels: [pid]\n"
      "sessionMemoryLabel: yes\nkubernetes: false\npodResourcesKubeletSocket: /k.sock\nlogLevel: debug\n"
      "devices: g:1\nnodeName:\nremoteHostengineInfo: x:1\n");
  for (const Options& options : {options_of({"--config", path}), options_of({}, {{"TESSERA_CONFIG", path}})}) {
    EXPECT_EQ(options.address, "[::1]:9400");
    EXPECT_EQ(options.interval, 5s);
    EXPECT_EQ(options.collectors, "/x.csv");
    EXPECT_EQ(options.dcgm_names, DcgmNames::V4_9);
    EXPECT_TRUE(options.session_pid);
    EXPECT_FALSE(options.session_command);
    EXPECT_TRUE(options.session_memory_label);
    EXPECT_FALSE(options.kubernetes);
    EXPECT_EQ(options.pod_resources_socket, "/k.sock");
    EXPECT_EQ(options.log_level, log::Level::Debug);
    EXPECT_THAT(options.devices, ElementsAre(1U));
    EXPECT_FALSE(options.node_name.empty()) << "null is unset";
    EXPECT_THAT(options.warnings, ElementsAre(StartsWith(path + ":13:23: remoteHostengineInfo has no effect")));
  }
}

TEST_F(OptionsFile, GivesWayToVariablesAndFlags) {
  const std::string path = write("collectInterval: 5000\nkubernetes: true\nlogFormat: json\n");
  const Options options = options_of({"--config", path, "-k=false"},
                                     {{"DCGM_EXPORTER_INTERVAL", "7000"}, {"DCGM_EXPORTER_LOG_FORMAT", ""}});
  EXPECT_EQ(options.interval, 7s);
  EXPECT_FALSE(options.kubernetes);
  EXPECT_EQ(options.log_format, log::Format::Json);
}

TEST_F(OptionsFile, SaysWhereItIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"logFormat: xml\n", ":1:12: logFormat 'xml': one of text, json expected"},
      {"interval: 15s\nkubernetes: perhaps\n", ":2:13: kubernetes: "},
      {"intervall: 15s\n", ":1:1: "},
      {"config: other.yaml\n", ":1:1: "},
      {"interval: {a: b}\n", ":1:11: interval: "},
      {"configmapData: a:b\n", ":1:16: configmapData is not supported: "},
      {"interval: [", ":"}};
  for (const auto& [text, want] : cases) {
    const std::string path = write(text);
    EXPECT_THAT(error_of({"--config", path}), StartsWith(path + std::string(want))) << text;
  }
  EXPECT_THAT(error_of({"--config", write("intervall: 15s\n")}), HasSubstr("interval"));
  const std::string missing = (dir_.path() / "no.yaml").string();
  EXPECT_THAT(error_of({"--config", missing}), HasSubstr(missing));
}

TEST(Options, TakeAnEmptyValueForNone) {
  const Options options = options_of({"--web-config-file=", "--once", "--collectors", "", "-f="},
                                     {{"TESSERA_INTERVAL", ""}, {"DCGM_EXPORTER_COLLECTORS", "x.csv"}});
  EXPECT_EQ(options.web_config, "");
  EXPECT_TRUE(options.once) << "not the file's name";
  EXPECT_EQ(options.collectors, "x.csv");
  EXPECT_EQ(options.interval, 15s);
}

TEST(Options, SayWhatWasExpected) {
  static const std::pair<Arguments, std::string_view> kCases[] = {
      {{"--intervall", "3s"}, "unknown flag --intervall; did you mean --interval?"},
      {{"--xyzzy-plugh=1"}, "unknown flag --xyzzy-plugh; see --help"},
      {{"start"}, "argument 'start': a flag expected; see --help"},
      {{"--interval", "5x"},
       "--interval '5x': a duration such as 15s or 1m30s, or whole milliseconds such as 15000, expected"},
      {{"-c", "30"}, "--interval '30': 100ms to 1h expected (a whole number is milliseconds)"},
      {{"-c", "2h"}, "--interval '2h': 100ms to 1h expected"},
      {{"-c", "-1"}, "--interval '-1': 100ms to 1h expected (a whole number is milliseconds)"},
      {{"--deadline", "1ms"}, "--deadline '1ms': 10ms to 1m expected"},
      {{"-a", "9400"}, "--address '9400': HOST:PORT, [IPv6]:PORT or :PORT expected"},
      {{"-a", "::1:9400"}, "--address '::1:9400': HOST:PORT, [IPv6]:PORT or :PORT expected"},
      {{"-a", ":99999"}, "--address ':99999': HOST:PORT, [IPv6]:PORT or :PORT expected"},
      {{"--kubernetes=perhaps"}, "--kubernetes 'perhaps': true or false expected"},
      {{"--once", "--print", "xml"}, "--print 'xml': one of table, json, prom expected"},
      {{"--print", "json"}, "--print writes one collection and ends: add --once"},
      {{"--dcgm-names", "5"}, "--dcgm-names '5': one of 4.8, 4.9 expected"},
      {{"--hostname-label", "node"}, "--hostname-label 'node': one of Hostname, hostname expected"},
      {{"--session-labels", "pid,user"},
       "--session-labels 'pid,user': pid, command, both as pid,command, or none expected"},
      {{"--log-format", "xml"}, "--log-format 'xml': one of text, json expected"},
      {{"--kubernetes-gpu-id-type", "uuid"}, "--kubernetes-gpu-id-type 'uuid': one of uid, device-name expected"},
      {{"-d", "0,1"}, "--devices '0,1': f (all), g (all), g:0,1 or g:0-3 expected"},
      {{"-d", "g+x"}, "--devices 'g+x': f (all), g (all), g:0,1 or g:0-3 expected"},
      {{"-d", "g+"}, "--devices 'g+': f (all), g (all), g:0,1 or g:0-3 expected"},
      {{"-d", "f+i"}, "--devices 'f+i': f (all), g (all), g:0,1 or g:0-3 expected"},
      {{"-d", "g:x+i"}, "--devices 'g:x+i': device indices as in g:0,1 or g:0-3 (the driver's, not UUIDs) expected"},
      {{"-d", "g:0+i:1-2"},
       "--devices 'g:0+i:1-2': instances cannot be chosen by DCGM's numbers; choose devices as in g:0,1 (all their "
       "instances show), or drop the others in Prometheus by GPU_I_ID"},
      {{"-d", "g:3-1"}, "--devices 'g:3-1': a range from low to high expected at '3-1'"},
      {{"-d", "g:GPU-1"},
       "--devices 'g:GPU-1': device indices as in g:0,1 or g:0-3 (the driver's, not UUIDs) expected"},
      {{"-d", "g:0-99999999"},
       "--devices 'g:0-99999999': device indices as in g:0,1 or g:0-3 (the driver's, not UUIDs) expected"},
      {{"-d", "i:0"},
       "--devices 'i:0': instances cannot be chosen by DCGM's numbers; choose devices as in g:0,1 (all their instances "
       "show), or drop the others in Prometheus by GPU_I_ID"},
      {{"-m", "default:metrics"},
       "--configmap-data is not supported: the API server is not asked; mount the ConfigMap as a volume and name its "
       "file by --collectors"},
      {{"--fake-gpus"}, "--fake-gpus is not supported: name a simulated driver by --nvml instead"}};
  for (const auto& [arguments, want] : kCases) EXPECT_EQ(error_of(arguments), want);
  EXPECT_THAT(error_of({"--textfile"}), StartsWith("--textfile: 1 required FILE missing"));
}

TEST(Options, NameTheVariableInErrors) {
  EXPECT_EQ(error_of({}, {{"DCGM_EXPORTER_INTERVAL", "fast"}}),
            "DCGM_EXPORTER_INTERVAL 'fast': a duration such as 15s or 1m30s, or whole milliseconds such as 15000, "
            "expected");
  EXPECT_THAT(error_of({}, {{"DCGM_EXPORTER_USE_OLD_NAMESPACE", "true"}}),
              StartsWith("DCGM_EXPORTER_USE_OLD_NAMESPACE is not supported: "));
}

TEST(Options, WarnOfWhatHasNoEffect) {
  const Options options =
      options_of({"-r", "localhost:5555", "-x", "60000", "--fake-gpus=false", "-s", "f"},
                 {{"DCGM_EXPORTER_ENABLE_PPROF", "true"}, {"DCGM_EXPORTER_DCGM_LOG_LEVEL", "NONE"}});
  EXPECT_THAT(options.warnings,
              ElementsAre("DCGM_EXPORTER_ENABLE_PPROF has no effect: there is no profiler in this program",
                          "--remote-hostengine-info has no effect: the driver is asked directly, without DCGM's host "
                          "engine",
                          StartsWith("--xid-count-window-size has no effect: gpu_xid_errors_total")));
  EXPECT_THAT(options_of({"-d", "i"}).warnings, SizeIs(1));
}

TEST(Options, TakeDevicesAndInstancesTogether) {
  static const struct {
    std::string_view value;
    std::vector<unsigned> devices;
    std::string_view warning;
  } kCases[] = {{"g+i", {}, "is taken for f"},
                {"i+g", {}, "is taken for f"},
                {"g:0+i", {0}, "no instances of other devices"},
                {"g:0,2-3+i", {0, 2, 3}, "no instances of other devices"}};
  for (const auto& c : kCases) {
    const Options options = options_of({"-d", std::string(c.value)});
    EXPECT_EQ(options.devices, c.devices) << c.value;
    EXPECT_THAT(options.warnings, ElementsAre(HasSubstr(c.warning))) << c.value;
    EXPECT_THAT(options.warnings, ElementsAre(StartsWith(fmt::format("devices '{}' ", c.value))));
  }
}

TEST(Options, RefuseVariablesOfOursThatAreNone) {
  static const std::pair<std::string_view, std::string_view> kCases[] = {
      {"TESSERA_INTERVALL", "unknown variable TESSERA_INTERVALL; did you mean TESSERA_INTERVAL?"},
      {"TESSERA_SESSIONLABELS", "unknown variable TESSERA_SESSIONLABELS; did you mean TESSERA_SESSION_LABELS?"},
      {"TESSERA_XYZZY", "unknown variable TESSERA_XYZZY; see --help"},
      {"TESSERA_", "unknown variable TESSERA_; see --help"},
      {"TESSERA_SIMULATION", "unknown variable TESSERA_SIMULATION; see --help"}};
  for (const auto& [name, want] : kCases) {
    EXPECT_EQ(error_of({}, {{std::string(name), "x"}}), want);
    EXPECT_EQ(error_of({}, {{std::string(name), ""}}), "no error") << "an empty value counts as unset";
  }
}

TEST(Options, WarnOfATextfileThatNobodyWouldRead) {
  EXPECT_THAT(options_of({"--textfile", "/t/x.txt"}).warnings,
              ElementsAre("textfile '/t/x.txt': node_exporter reads files named *.prom only"));
  EXPECT_THAT(options_of({"--textfile", "/t/x.prom"}).warnings, IsEmpty());
}

TEST(Options, WarnOfVariablesOfDcgmExporterThatAreUnknown) {
  const Options options =
      options_of({}, {{"DCGM_EXPORTER_COLECTORS", "x"}, {"DCGM_EXPORTER_XYZZY_PLUGH", "x"}, {"DCGM_EXPORTER_NEW", ""}});
  EXPECT_THAT(options.warnings, ElementsAre("DCGM_EXPORTER_COLECTORS has no effect: unknown variable; did you mean "
                                            "DCGM_EXPORTER_COLLECTORS?",
                                            "DCGM_EXPORTER_XYZZY_PLUGH has no effect: unknown variable; see --help"));
}

TEST(Options, LeaveOtherPeoplesVariablesAlone) {
  Variables variables{{"TESSERA_SIM_STATE", "/x"}, {"TESSERA_SIM_SCENARIO", "/y"},   {"TESSERA_KUBE", "/z"},
                      {"TESSERA_PEERS", "/z"},     {"TESSERA_PROFILE", "x"},         {"DCGM_HOME", "/x"},
                      {"TESSERAE", "x"},           {"NVIDIA_VISIBLE_DEVICES", "all"}};
  for (const std::string_view service : {"TESSERA_AGENT", "TESSERA", "DCGM_EXPORTER", "DCGM_EXPORTER_SERVICE"})
    for (const std::string_view part : {"SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_METRICS", "PORT", "PORT_9400_TCP",
                                        "PORT_9400_TCP_PROTO", "PORT_9400_TCP_PORT", "PORT_9400_TCP_ADDR"})
      variables.emplace(fmt::format("{}_{}", service, part), "tcp://10.0.0.1:9400");
  EXPECT_THAT(options_of({}, variables).warnings, IsEmpty());
}

TEST(Options, KeepTheDeadlineWithinTheInterval) {
  EXPECT_EQ(options_of({"--interval", "200ms"}).deadline, 200ms);
  EXPECT_EQ(options_of({"--interval", "2s", "--deadline", "1500"}).deadline, 1500ms);
}

TEST(Options, HelpAndVersion) {
  EXPECT_THAT(text_of({"--version"}), StartsWith("tessera-agent "));
  EXPECT_THAT(text_of({"-v"}), StartsWith("tessera-agent "));
  const std::string help = text_of({"-h"});
  for (const Flag& flag : flags())
    EXPECT_EQ(help.find("--" + std::string(flag.name)) != std::string::npos, has(Command::Serve, flag)) << flag.name;
  for (const ForeignFlag& flag : foreign_flags()) EXPECT_THAT(help, HasSubstr("--" + std::string(flag.name)));
  for (const auto line : split(help, '\n')) EXPECT_LE(line.size(), 100U) << line;
}

TEST(LayoutOptions, AreThoseOfTheCommand) {
  const Options options = options_of(
      {"layout", "--server", "https://t.example.org", "--token-file", "/t", "--ca-file=/ca", "--cluster", "east",
       "--data", "/d", "--window", "22:00-04:00,12:00-12:30", "--dry-run", "--pause", "2s", "--node-name", "worker-01"},
      {{"TESSERA_NVML", "/x/libnvidia-ml.so.1"}});
  EXPECT_EQ(options.command, Command::Layout);
  EXPECT_EQ(options.layout.server, "https://t.example.org");
  EXPECT_EQ(options.layout.token_file, "/t");
  EXPECT_EQ(options.layout.ca_file, "/ca");
  EXPECT_EQ(options.layout.cluster, "east");
  EXPECT_EQ(options.layout.data, "/d");
  EXPECT_EQ(options.layout.windows, (std::vector<Window>{{22 * 60, 4 * 60}, {12 * 60, 12 * 60 + 30}}));
  EXPECT_TRUE(options.layout.dry_run);
  EXPECT_EQ(options.layout.pause, 2s);
  EXPECT_EQ(options.node_name, "worker-01");
  EXPECT_EQ(options.nvml, "/x/libnvidia-ml.so.1");
  EXPECT_FALSE(options_of({"layout", "--server", "http://t"}).layout.dry_run);
}

TEST(LayoutOptions, SayWhatIsWrong) {
  EXPECT_THAT(error_of({"layout"}), HasSubstr("--server URL is needed"));
  EXPECT_THAT(error_of({"layout", "--address", ":9400"}), HasSubstr("unknown flag --address"));
  EXPECT_THAT(error_of({"--dry-run"}), HasSubstr("unknown flag --dry-run"));
  EXPECT_THAT(error_of({"layout", "--window", "22:00"}), HasSubstr("--window '22:00': '22:00': a time of the day"));
  EXPECT_THAT(error_of({"layout", "--pause", "1ms"}), HasSubstr("a duration from 100ms"));
}

TEST(LayoutOptions, HaveAHelpOfTheirOwn) {
  const std::string help = text_of({"layout", "--help"});
  for (const Flag& flag : flags())
    EXPECT_EQ(help.find("--" + std::string(flag.name)) != std::string::npos, has(Command::Layout, flag)) << flag.name;
  EXPECT_THAT(help, HasSubstr("Usage: tessera-agent layout"));
  for (const auto line : split(help, '\n')) EXPECT_LE(line.size(), 100U) << line;
}

TEST(OptionTable, HasNoVariableThatIsSomebodyElses) {
  for (const Flag& flag : flags()) {
    std::string name = "TESSERA_";
    for (const char c : flag.name)
      name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_FALSE(is_foreign_variable(name)) << name;
    EXPECT_THAT(error_of({}, {{name, "?"}}), Not(HasSubstr("unknown variable")));
    EXPECT_FALSE(is_foreign_variable(flag.environment)) << flag.environment;
  }
  for (const ForeignFlag& flag : foreign_flags()) EXPECT_FALSE(is_foreign_variable(flag.environment));
}

TEST(OptionTable, HasEachNameOnce) {
  std::set<std::string> names{"h", "help", "v", "version"};
  std::set<std::string_view> variables;
  const auto take = [&](std::string_view name, std::string_view aliases, std::string_view variable) {
    EXPECT_TRUE(names.insert(std::string(name)).second) << name;
    for (const auto alias : split(aliases, ' '))
      EXPECT_TRUE(alias.empty() || names.insert(std::string(alias)).second) << alias;
    EXPECT_TRUE(variable.empty() || variables.insert(variable).second) << variable;
  };
  for (const Flag& flag : flags()) take(flag.name, flag.aliases, flag.environment);
  for (const ForeignFlag& flag : foreign_flags()) take(flag.name, flag.aliases, flag.environment);
}

}  // namespace
}  // namespace tessera::agent

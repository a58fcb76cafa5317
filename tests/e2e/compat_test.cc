// An existing DaemonSet of dcgm-exporter, with only the image changed.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/pages.h"
#include "tests/e2e/parsed_page.h"

namespace tessera::e2e {
namespace {

const std::string kFields = TESSERA_SOURCE_DIR "/deploy/dcgm-exporter/dcp-metrics-included.csv";
constexpr const char* kOpenMetrics = "application/openmetrics-text; version=1.0.0";

/// What such a manifest says, and of ours only where the simulated node is.
class Container {
 public:
  Container(std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
    const auto flags = node_.agent_flags();
    for (std::size_t i = 0; i + 1 < flags.size(); i += 2)
      if (flags[i] != "--node-name") environment.emplace(variable(flags[i]), flags[i + 1]);
    environment.merge(node_.environment());
    environment["DCGM_EXPORTER_LISTEN"] = ":" + port_;
    arguments.insert(arguments.begin(), program("tessera-agent"));
    agent_ = std::make_unique<Child>(std::move(arguments), std::move(environment));
    EXPECT_TRUE(agent_->says("agent ready")) << agent_->output();
  }

  /// The body of a reply; fails the test on anything but 200.
  std::string get(const std::string& accept = "", const std::string& path = "/metrics") {
    http::ClientRequest request;
    request.url = "http://127.0.0.1:" + port_ + path;
    request.headers.emplace_back("Accept", accept);
    const auto reply = client_.send(request);
    EXPECT_TRUE(reply && reply->status == 200) << path << '\n' << agent_->output();
    return reply ? reply->body : "";
  }
  /// The first page with rates, which come half a second after the start, however long the interval is.
  Page page() {
    std::optional<Page> page;
    EXPECT_TRUE(eventually([&] {
      page = read_page(get());
      return page && !page->of("DCGM_FI_PROF_GR_ENGINE_ACTIVE").empty();
    })) << agent_->output();
    return page.value_or(Page{});
  }
  const Child& agent() const { return *agent_; }

 private:
  /// "--pod-logs" as TESSERA_POD_LOGS.
  static std::string variable(const std::string& flag) {
    std::string name = "TESSERA_";
    for (const char c : flag.substr(2))
      name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
  }

  Node node_{test_scenario("compat")};
  std::string port_ = std::to_string(free_port());
  http::Client client_;
  std::unique_ptr<Child> agent_;
};

/// Name and type of every row of a CSV.
std::map<std::string, std::string> csv_types(const std::string& file) {
  std::map<std::string, std::string> types;
  const auto text = read_file(file);
  EXPECT_TRUE(text) << file;
  if (!text) return types;
  for (const auto line : split(*text, '\n')) {
    const auto cells = split(line, ',');
    if (!line.starts_with('#') && cells.size() >= 3) types.emplace(trim(cells[0]), trim(cells[1]));
  }
  return types;
}

using Names = std::vector<std::string>;

struct Manifest {
  const char* name;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  const char* interval;  ///< as the log tells it
};

void PrintTo(const Manifest& manifest, std::ostream* out) { *out << manifest.name; }

class DropIn : public testing::TestWithParam<Manifest> {};

TEST_P(DropIn, HasTheSeriesTheTypesAndTheLabelsInTheirOrder) {
  auto environment = GetParam().environment;
  environment["NODE_NAME"] = "gpu-node-7";
  Container container(GetParam().arguments, environment);
  const Page page = container.page();
  EXPECT_NE(container.agent().output().find(GetParam().interval), std::string::npos) << container.agent().output();

  const auto whole = page.of("DCGM_FI_DEV_GPU_TEMP", {{"gpu", "0"}});
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].label_names(), (Names{"gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname",
                                           "DCGM_FI_DRIVER_VERSION", "container", "namespace", "pod", "pod_uid"}));
  EXPECT_EQ(whole[0].label("Hostname"), "gpu-node-7");
  EXPECT_EQ(whole[0].label("device"), "nvidia0");
  EXPECT_EQ(whole[0].label("modelName"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(whole[0].label("namespace") + "/" + whole[0].label("pod") + "/" + whole[0].label("container"),
            "ml/trainer-0/main");
  EXPECT_EQ(whole[0].value, 71);

  const auto slice = page.of("DCGM_FI_DEV_FB_USED", {{"gpu", "1"}, {"GPU_I_PROFILE", "3g.40gb"}});
  ASSERT_EQ(slice.size(), 1U);
  EXPECT_EQ(slice[0].label_names(),
            (Names{"gpu", "UUID", "pci_bus_id", "device", "modelName", "GPU_I_PROFILE", "GPU_I_ID", "Hostname",
                   "DCGM_FI_DRIVER_VERSION", "container", "namespace", "pod", "pod_uid"}));
  EXPECT_EQ(slice[0].label("pod"), "llm-0");
  const auto unheld = page.of("DCGM_FI_DEV_FB_USED", {{"gpu", "1"}, {"GPU_I_PROFILE", "1g.10gb"}});
  ASSERT_EQ(unheld.size(), 1U);
  EXPECT_EQ(unheld[0].label("pod"), "") << "nobody holds it";

  std::size_t fields = 0;
  for (const auto& [name, type] : csv_types(kFields)) {
    const auto shown = page.types.find(name);
    if (shown == page.types.end()) continue;
    EXPECT_EQ(shown->second, type) << name;
    ++fields;
  }
  EXPECT_GE(fields, 40U);
}

INSTANTIATE_TEST_SUITE_P(Manifests, DropIn,
                         testing::Values(Manifest{"FileByArgument",
                                                  {"-f", kFields},
                                                  {{"DCGM_EXPORTER_KUBERNETES", "true"},
                                                   {"DCGM_EXPORTER_INTERVAL", "30000"}},
                                                  "interval=30s"},
                                         Manifest{"FileByVariable",
                                                  {},
                                                  {{"DCGM_EXPORTER_KUBERNETES", "true"},
                                                   {"DCGM_EXPORTER_COLLECTORS", kFields},
                                                   {"DCGM_EXPORTER_INTERVAL", "30000"}},
                                                  "interval=30s"},
                                         Manifest{"AsAnOperatorWritesIt",
                                                  {},
                                                  {{"DCGM_EXPORTER_KUBERNETES", "true"},
                                                   {"DCGM_EXPORTER_COLLECTORS", kFields},
                                                   {"DCGM_REMOTE_HOSTENGINE_INFO", "localhost:5555"},
                                                   {"DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE", "device-name"},
                                                   {"DCGM_EXPORTER_KUBERNETES_ENABLE_POD_UID", "true"}},
                                                  "interval=15s"},
                                         Manifest{"LongFlags",
                                                  {"--collectors=" + kFields, "--kubernetes=true", "--collect-interval",
                                                   "20000", "--kubernetes-gpu-id-type", "uid", "--devices", "f"},
                                                  {},
                                                  "interval=20s"}),
                         [](const auto& manifest) { return std::string(manifest.param.name); });

TEST(Compat, TellsWhichSettingsOfAManifestHaveNoEffect) {
  Container container({}, {{"DCGM_REMOTE_HOSTENGINE_INFO", "localhost:5555"}});
  EXPECT_NE(container.agent().output().find("DCGM_REMOTE_HOSTENGINE_INFO has no effect"), std::string::npos)
      << container.agent().output();
}

TEST(Compat, AnswersTheProbesOfTheChart) {
  Container container({"-f", kFields}, {});
  EXPECT_EQ(container.get("", "/health"), container.get("", "/livez"));
}

TEST(Compat, LeavesServicesOfItsNamespaceAlone) {
  Container container({"-d", "g+i"}, {{"DCGM_EXPORTER_PORT", "tcp://10.0.0.1:9400"},
                                      {"DCGM_EXPORTER_SERVICE_HOST", "10.0.0.1"},
                                      {"DCGM_EXPORTER_PORT_9400_TCP_ADDR", "10.0.0.1"},
                                      {"TESSERA_AGENT_SERVICE_PORT_METRICS", "9400"},
                                      {"DCGM_EXPORTER_COLECTORS", kFields}});
  const std::string output = container.agent().output();
  EXPECT_NE(output.find("did you mean DCGM_EXPORTER_COLLECTORS?"), std::string::npos) << output;
  EXPECT_NE(output.find("devices 'g+i' is taken for f"), std::string::npos) << output;
  EXPECT_EQ(output.find("SERVICE"), std::string::npos) << output;
  EXPECT_EQ(output.find("_PORT"), std::string::npos) << output;
}

TEST(Compat, OpenMetricsKeepsTheNamesAndCallsSuchCountersUnknown) {
  Container container({"-f", kFields}, {});
  container.page();
  const std::string text = container.get(kOpenMetrics);
  EXPECT_TRUE(text.ends_with("# EOF\n"));
  const auto page = read_page(text);
  ASSERT_TRUE(page);
  std::size_t counters = 0;
  for (const auto& [name, type] : csv_types(kFields)) {
    const auto shown = page->types.find(name);
    if (shown == page->types.end()) continue;
    EXPECT_EQ(shown->second, type == "counter" ? "unknown" : type) << name;
    EXPECT_FALSE(page->of(name).empty()) << name;
    counters += type == "counter";
  }
  EXPECT_GE(counters, 8U);
  EXPECT_EQ(page->types.at("gpu_sessions_started"), "counter");
  EXPECT_FALSE(page->of("gpu_sessions_started_total").empty());
}

/// The fields of a page under any name, and how many rows they have.
std::map<std::string, std::size_t> dcgm_families(const Page& page) {
  std::map<std::string, std::size_t> out;
  for (const Row& row : page.rows)
    if (row.name.starts_with("DCGM_")) ++out[row.name];
  return out;
}

TEST(Compat, LaterNamesReplaceTheFirstOnes) {
  static constexpr struct {
    const char *first, *later;
  } kNames[] = {{"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS"},
                {"DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS"},
                {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO"},
                {"DCGM_FI_DEV_FB_USED_PERCENT", "DCGM_FI_DEV_FB_USED_RATIO"},
                {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"},
                {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO"}};
  const Node node(test_scenario("compat"));
  Agent first(node);
  Agent later(node, {"--dcgm-names", "4.9"});
  const auto complete = [](const std::string& page) { return collections(page) >= 3; };
  const auto old_page = read_page(page_where(first, complete));
  const auto new_page = read_page(page_where(later, complete));
  ASSERT_TRUE(old_page && new_page);
  auto old_fields = dcgm_families(*old_page);
  auto new_fields = dcgm_families(*new_page);
  EXPECT_EQ(old_fields.size(), new_fields.size());
  for (const auto& names : kNames) {
    EXPECT_GT(old_fields.count(names.first), 0U) << names.first;
    EXPECT_EQ(old_fields.count(names.later), 0U) << names.later;
    EXPECT_EQ(new_fields.count(names.first), 0U) << names.first;
    EXPECT_EQ(new_fields[names.later], old_fields[names.first]) << names.later;
  }
  const Labels device{{"gpu", "0"}};
  EXPECT_EQ(new_page->value("DCGM_FI_DEV_GPU_UTIL_RATIO", device), 60) << "still 0 to 100, in spite of the name";
  EXPECT_EQ(new_page->of("DCGM_FI_DEV_GPU_TEMP_CELSIUS", device)[0].label("DCGM_FI_SYSTEM_DRIVER_VERSION"),
            "550.54.15-tessera-sim");
}

std::optional<Page> page_with(const Node& node, std::vector<std::string> flags) {
  Agent agent(node, std::move(flags));
  return read_page(page_where(agent, [](const std::string& page) { return collections(page) >= 2; }));
}

TEST(Compat, NamesTheNodeAsAsked) {
  const Node node(test_scenario("compat"));
  const auto lower = page_with(node, {"--hostname-label", "hostname"});
  const auto none = page_with(node, {"-n"});
  ASSERT_TRUE(lower && none);
  for (const Row& row : lower->rows) {
    EXPECT_EQ(row.label("Hostname"), "") << row.name;
    if (row.name.starts_with("DCGM_") || row.name.starts_with("gpu_")) {
      EXPECT_EQ(row.label("hostname"), "worker-01") << row.name;
    }
  }
  for (const Row& row : none->rows) EXPECT_EQ(row.label("Hostname") + row.label("hostname"), "") << row.name;
}

TEST(Compat, ShowsOnlyTheDevicesAskedFor) {
  const Node node(test_scenario("compat"));
  const auto page = page_with(node, {"-d", "g:0,2"});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->of("DCGM_FI_DEV_GPU_TEMP", {{"gpu", "0"}}).size(), 1U);
  EXPECT_EQ(page->of("DCGM_FI_DEV_GPU_TEMP", {{"gpu", "2"}}).size(), 1U);
  for (const Row& row : page->rows) {
    EXPECT_NE(row.label("gpu"), "1") << row.name;
    EXPECT_FALSE(row.label("gpu").starts_with("1_")) << row.name;
  }
}

TEST(Compat, ObeysTheTypesAndLabelRowsOfAnyCsv) {
  const TempDir dir;
  const std::string file = (dir.path() / "fields.csv").string();
  ASSERT_TRUE(write_file_atomically(file,
                                    "# Format\n"
                                    "DCGM_FI_DEV_SERIAL, label, Board's serial number.\n"
                                    "DCGM_FI_DEV_GPU_TEMP, counter, A strange type.\n"
                                    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, gauge, \"Energy, in mJ.\"\n"
                                    "DCGM_FI_DEV_NAME, label, Name.\n"
                                    "DCGM_FI_PROF_TENSOR_ACTIVE, gauge, The other name of PIPE_TENSOR_ACTIVE.\n"));
  const Node node(test_scenario("compat"));
  Agent agent(node, {"-f", file});
  const std::string text = page_where(agent, [](const std::string& page) { return collections(page) >= 3; });
  const auto page = read_page(text);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->types.at("DCGM_FI_DEV_GPU_TEMP"), "counter");
  EXPECT_EQ(page->types.at("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"), "gauge");
  const auto other = agent.get("/metrics", {{"Accept", kOpenMetrics}}).body;
  EXPECT_NE(other.find("# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"), std::string::npos) << "what it is by nature";
  EXPECT_NE(text.find("# HELP DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION Energy, in mJ.\n"), std::string::npos);
  const auto fields = dcgm_families(*page);
  EXPECT_EQ(fields.size(), 3U);
  EXPECT_TRUE(fields.contains("DCGM_FI_PROF_TENSOR_ACTIVE") || fields.contains("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"));
  const auto row = page->of("DCGM_FI_DEV_GPU_TEMP", {{"gpu", "0"}});
  ASSERT_EQ(row.size(), 1U);
  EXPECT_EQ(row[0].label_names(),
            (Names{"gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DEV_SERIAL",
                   "DCGM_FI_DEV_NAME", "container", "namespace", "pod", "pod_uid"}));
  EXPECT_EQ(row[0].label("DCGM_FI_DEV_NAME"), "NVIDIA H100 80GB HBM3");
}

TEST(Compat, RefusesWhatItCannotDoWithAHint) {
  static const struct {
    std::vector<std::string> arguments;
    const char* words;
  } kCases[] = {{{"--colectors", "x.csv"}, "unknown flag --colectors; did you mean --collectors?"},
                {{"--nonsense-entirely"}, "unknown flag --nonsense-entirely; see --help"},
                {{"serve"}, "argument 'serve': a flag expected"},
                {{"-o"}, "--use-old-namespace is not supported"},
                {{"-m", "gpu:metrics"}, "mount the ConfigMap as a volume"},
                {{"-d", "i:3"}, "choose devices as in g:0,1"},
                {{"-c", "5"}, "a whole number is milliseconds"},
                {{"--dcgm-names", "5"}, "one of 4.8, 4.9 expected"},
                {{"-f"}, "see --help"}};
  for (const auto& c : kCases) {
    auto arguments = c.arguments;
    arguments.insert(arguments.begin(), program("tessera-agent"));
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 2) << finished.output;
    EXPECT_NE(finished.output.find(c.words), std::string::npos) << finished.output;
  }
  const Finished finished = run({program("tessera-agent")}, {{"TESSERA_INTERVALL", "1s"}});
  EXPECT_EQ(finished.code, 2) << finished.output;
  EXPECT_NE(finished.output.find("did you mean TESSERA_INTERVAL?"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace tessera::e2e

// Every query of the shipped Grafana dashboards, in Debian's Prometheus, over a simulated fleet that has what they ask
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {

using Json = nlohmann::json;
using Variables = std::map<std::string, std::string>;

constexpr const char* kNames[] = {"sessions", "mig", "fleet"};  // of agents; that of the server: tests/e2e_server
constexpr const char* kFiles[] = {"sessions", "mig", "fleet", "cost"};
const Variables kAll = {{"node", ".*"}, {"pod", ".*"}};

Json file(const std::string& path) {
  const auto text = read_file(TESSERA_SOURCE_DIR "/deploy/grafana/" + path + ".json");
  EXPECT_TRUE(text);
  return Json::parse(text ? *text : "", nullptr, false);
}

/// As Grafana puts the variables' values in.
std::string filled(std::string query, Variables values) {
  values.emplace("__rate_interval", "1m");
  for (const auto& [name, value] : values)
    for (std::size_t at = query.find('$' + name); at != std::string::npos; at = query.find('$' + name, at))
      query.replace(at, name.size() + 1, value);
  EXPECT_EQ(query.find('$'), std::string::npos) << query;
  return query;
}

class Dashboards : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (peer("prometheus").empty()) return;
    add("worker-01", scenario("fleet"));
    add("known-01", TESSERA_SOURCE_DIR "/tests/e2e/scenarios/queries.yaml");
    add("mixed-01", scenario("mixed_models"));
    std::vector<std::string> addresses;
    for (const auto& agent : agents_) addresses.push_back(agent->address());
    whole_ = Prometheus::scraping(addresses);
    // What dcgm-exporter has of it: its families, with its labels.
    dcgm_ = Prometheus::scraping(
        addresses, "  metric_relabel_configs:\n  - {source_labels: [__name__], regex: DCGM_.*, action: keep}\n");
    ASSERT_TRUE(whole_->scraped(4) && dcgm_->scraped(4));
  }
  static void TearDownTestSuite() {
    whole_.reset();
    dcgm_.reset();
    agents_.clear();
    nodes_.clear();
  }
  void SetUp() override {
    if (!whole_) GTEST_SKIP() << "prometheus is neither in TESSERA_PEERS nor on the PATH";
  }
  static void add(const std::string& name, const std::filesystem::path& scenario) {
    nodes_.push_back(std::make_unique<Node>(scenario));
    agents_.push_back(std::make_unique<Agent>(*nodes_.back(), std::vector<std::string>{"--node-name", name}));
  }

  /// Every query of these panels has an answer that is not empty.
  static void expect_data(Prometheus& prometheus, const std::vector<Json>& panels, const Variables& values) {
    int asked = 0;
    for (const Json& panel : panels)
      for (const Json& target : panel.value("targets", Json::array())) {
        const std::string query = filled(target.at("expr"), values);
        EXPECT_FALSE(prometheus.query(query).empty()) << panel.at("title") << " has no data: " << query;
        ++asked;
      }
    EXPECT_GT(asked, 10);
  }
  static double one(const std::string& name, const std::string& title, std::size_t target, const Variables& values) {
    const Json dashboard = file(name);
    for (const Json& panel : dashboard.at("panels"))
      if (panel.at("title") == title) {
        const auto found = whole_->query(filled(panel.at("targets").at(target).at("expr"), values));
        EXPECT_EQ(found.size(), 1U) << title;
        return found.empty() ? -1 : found[0].value;
      }
    ADD_FAILURE() << name << " has no panel " << title;
    return -1;
  }

  static std::vector<std::unique_ptr<Node>> nodes_;
  static std::vector<std::unique_ptr<Agent>> agents_;
  static std::unique_ptr<Prometheus> whole_, dcgm_;
};
std::vector<std::unique_ptr<Node>> Dashboards::nodes_;
std::vector<std::unique_ptr<Agent>> Dashboards::agents_;
std::unique_ptr<Prometheus> Dashboards::whole_, Dashboards::dcgm_;

TEST_F(Dashboards, EveryPanelHasDataOfTheAgents) {
  for (const char* name : kNames) expect_data(*whole_, file(name).at("panels"), kAll);
}

TEST_F(Dashboards, EveryPanelHasDataOfOneNodeAndOnePod) {
  for (const char* name : kNames)
    expect_data(*whole_, file(name).at("panels"), {{"node", "worker-01"}, {"pod", "llm-7b-0"}});
}

TEST_F(Dashboards, PanelsAboveTheAgentsRowsHaveDataOfADcgmExporter) {
  for (const char* name : {"mig", "fleet"}) {
    std::vector<Json> panels = file(name).at("panels");
    const auto row = std::ranges::find_if(panels, [](const Json& panel) { return panel.at("type") == "row"; });
    ASSERT_NE(row, panels.end()) << name;
    EXPECT_THAT(row->at("title").get<std::string>(), testing::HasSubstr("ith tessera-agent"));
    panels.erase(row, panels.end());
    expect_data(*dcgm_, panels, kAll);
  }
}

TEST_F(Dashboards, VariablesOfferWhatThereIs) {
  static const std::regex kLabelValues("label_values\\((.*), ([A-Za-z_]+)\\)");
  for (const char* name : kNames) {
    const Json dashboard = file(name);
    for (const Json& variable : dashboard.at("templating").at("list")) {
      if (variable.at("type") != "query") continue;
      const std::string query = filled(variable.at("query").at("query"), kAll);
      std::smatch parts;
      ASSERT_TRUE(std::regex_match(query, parts, kLabelValues)) << query;
      const auto found = whole_->query("count by (" + parts[2].str() + ") (" + parts[1].str() + ")");
      EXPECT_TRUE(std::ranges::any_of(found, [&](const Vector& one) { return one.labels.contains(parts[2]); }))
          << name << " offers nothing for " << variable.at("name");
    }
  }
}

TEST_F(Dashboards, NumbersAreTheScenarios) {
  const Variables known = {{"node", "known-01"}, {"pod", ".*"}};
  EXPECT_NEAR(one("mig", "Busy, weighted, over the instances", 0, known), 0.725, 0.01);
  EXPECT_NEAR(one("mig", "Busy, weighted, over each whole board", 0, known), 2.9 / 7, 0.01);
  EXPECT_NEAR(one("mig", "Simple against weighted", 0, known), (0.9 + 0.6 + 0.8) / 3, 0.01);
  EXPECT_NEAR(one("mig", "Simple against weighted", 1, known), 0.725, 0.01);
  EXPECT_NEAR(one("mig", "Simple against weighted", 2, known), 2.9 / 7, 0.01);
  EXPECT_EQ(one("mig", "Instances", 0, known), 3);
  EXPECT_EQ(one("mig", "Instances held", 0, known), 1);
  EXPECT_EQ(one("sessions", "Busy GPUs", 0, known), 2);
  EXPECT_EQ(one("sessions", "GPUs", 0, known), 5);
  EXPECT_EQ(one("sessions", "Sessions", 0, known), 4);
  EXPECT_EQ(one("sessions", "Held and not used", 0, {{"node", "worker-01"}}), 1);
  EXPECT_EQ(one("fleet", "GPUs", 0, {{"node", "worker-01|known-01"}}), 5);
  EXPECT_EQ(one("fleet", "Nodes", 0, kAll), 3);
}

TEST(DashboardFiles, FitOnTheirGridAndInTheApisForm) {
  for (const char* name : kFiles) {
    const Json dashboard = file(name);
    EXPECT_EQ(file(std::string("api/") + name).at("dashboard"), dashboard);
    EXPECT_EQ(dashboard.at("uid"), std::string("tessera-") + name);
    std::set<std::pair<int, int>> taken;
    std::set<int> ids;
    for (const Json& panel : dashboard.at("panels")) {
      EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second);
      const Json& at = panel.at("gridPos");
      EXPECT_LE(at.at("x").get<int>() + at.at("w").get<int>(), 24) << panel.at("title");
      for (int x = 0; x < at.at("w"); ++x)
        for (int y = 0; y < at.at("h"); ++y)
          EXPECT_TRUE(taken.emplace(at.at("x").get<int>() + x, at.at("y").get<int>() + y).second) << panel.at("title");
    }
  }
}

}  // namespace
}  // namespace tessera::e2e

// tessera-agent layout as a process: devices are cut anew beside those in use, on good days and bad ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/node.h"
#include "tests/e2e_layout/played_server.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using Layout = std::multiset<std::string>;  // "1g.10gb 0:1"

Json place(const std::string& profile, unsigned start, unsigned size) {
  return {{"profile", profile}, {"start", start}, {"size", size}};
}
Json one(unsigned start) { return place("1g.10gb", start, 1); }
Json two(unsigned start) { return place("2g.20gb", start, 2); }
Json three(unsigned start) { return place("3g.40gb", start, 4); }

class LayoutContainer : public testing::Test {
 protected:
  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{program("tessera-agent"), "layout"};
    for (auto& flag : node.agent_flags()) arguments.push_back(std::move(flag));
    const std::vector<std::string> own{
        "--server", server.url(), "--token-file", token(), "--data", (data.path() / "d").string(),
        "--pause",  "200ms",      "--deadline",   "20s"};
    arguments.insert(arguments.end(), own.begin(), own.end());
    for (auto& flag : more) arguments.push_back(std::move(flag));
    agent = std::make_unique<Child>(std::move(arguments), node.environment());
    ASSERT_TRUE(agent->says("layout ready")) << agent->output();
  }
  std::string token() const { return (data.path() / "token").string(); }

  std::string uuid(unsigned gpu) {
    const Json told = server.report_where([&](const Json& report) { return report["devices"].size() > gpu; });
    return told.at("devices").at(gpu).at("uuid");
  }
  /// What the server wants of one device; the rest of the document may be changed before it is given.
  Json document(unsigned gpu, std::vector<Json> from, std::vector<Json> to) {
    ++generation;
    const EpochMs now = now_epoch_ms();
    return {
        {"cluster", "default"},
        {"node", "worker-01"},
        {"generation", generation},
        {"epoch", 3},
        {"issuedAt", format_time(now)},
        {"expiresAt", format_time(now + 600'000)},
        {"devices",
         Json::array({{{"uuid", uuid(gpu)}, {"generation", generation}, {"plannedFrom", from}, {"instances", to}}})}};
  }
  Json report_of(unsigned gpu, const Json& told) { return told.at("devices").at(gpu).value("report", Json::object()); }
  /// Waits until the device tells this of the newest generation.
  Json told(unsigned gpu, const std::string& state) {
    return report_of(gpu, server.report_where([&](const Json& report) {
      const Json one = report_of(gpu, report);
      return one.value("generation", 0U) == generation && one.value("state", "") == state;
    }));
  }
  /// As tessera-sim lists it, which asks the driver.
  Layout standing(unsigned gpu) {
    Layout out;
    const std::string list = node.sim({"mig", "list", "--gpu", std::to_string(gpu)});
    for (const auto line : split(list, '\n')) {
      std::vector<std::string> words;
      for (const auto word : split(line, ' '))
        if (!word.empty()) words.emplace_back(word);
      if (words.size() > 3 && words[0] == "GI") out.insert(words[2] + " " + words[3]);
    }
    return out;
  }
  static std::vector<std::string> done(const Json& report) {
    std::vector<std::string> out;
    for (const Json& step : report.value("steps", Json::array()))
      if (step["state"] == "done")
        out.push_back(step["action"].get<std::string>() + " " + step.value("profile", "mode"));
    return out;
  }
  std::string line_of(unsigned gpu, const std::string& what) {
    const std::string list = node.sim({"mig", "list", "--gpu", std::to_string(gpu)});
    for (const auto line : split(list, '\n'))
      if (line.find(what) != std::string_view::npos) return std::string(line);
    return "";
  }

  void SetUp() override { std::ofstream(token()) << "right\n"; }

  Node node{fs::path(TESSERA_SOURCE_DIR) / "tests/e2e_layout/layout.yaml"};
  PlayedServer server;
  TempDir data;
  std::uint64_t generation = 0;
  std::unique_ptr<Child> agent;
};

const Layout kFirst{"1g.10gb 0:1", "1g.10gb 1:1", "1g.10gb 2:1", "3g.40gb 4:4"};
const Layout kRecut{"1g.10gb 2:1", "2g.20gb 0:2", "3g.40gb 4:4"};

TEST_F(LayoutContainer, TellsWhatIsAndCutsWhatIsIdleBesideWhatRuns) {
  start();
  const std::string neighbour = line_of(0, "3g.40gb");
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  const Json report = told(0, "done");
  EXPECT_EQ(report["state"], "done") << report.dump(2) << agent->output();
  EXPECT_EQ(done(report), (std::vector<std::string>{"destroy 1g.10gb", "destroy 1g.10gb", "create 2g.20gb"}));
  EXPECT_EQ(standing(0), kRecut);
  EXPECT_EQ(line_of(0, "3g.40gb"), neighbour) << "the same instance with the same UUID";
  const Json device = server.last()["devices"][0];
  EXPECT_EQ(device["migMode"]["current"], true);
  for (const Json& instance : device["instances"])
    if (instance["profile"] == "3g.40gb") {
      EXPECT_EQ(instance["heldBy"], "both");
      EXPECT_EQ(instance["holder"], "serving/llm-7b-0");
    }
  EXPECT_EQ(agent->stop(), 0) << agent->output();
}

TEST_F(LayoutContainer, GoesOnAfterAKillBetweenDestroyAndCreate) {
  start();
  server.hold_where([&](const Json& report) { return done(report_of(0, report)).size() == 2; });
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  ASSERT_TRUE(server.holding()) << agent->output();
  agent->signal(SIGKILL);
  agent->wait();
  EXPECT_EQ(standing(0), (Layout{"1g.10gb 2:1", "3g.40gb 4:4"}));
  server.release();
  start();
  EXPECT_EQ(told(0, "done")["state"], "done") << agent->output();
  EXPECT_EQ(standing(0), kRecut);
}

TEST_F(LayoutContainer, TellsBeforeItEndsWhatItHasTaken) {
  start();
  server.hold_where([&](const Json& report) { return done(report_of(0, report)).size() == 1; });
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  ASSERT_TRUE(server.holding()) << agent->output();
  const auto before = server.reports();
  agent->signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return server.reports() > before; })) << "the last step is told once more";
  server.release();
  EXPECT_EQ(agent->wait(), 0) << agent->output();
  EXPECT_EQ(standing(0).size(), 3U) << "no further step was taken";
}

TEST_F(LayoutContainer, TouchesNothingInADryRun) {
  start({"--dry-run"});
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  const Json report = told(0, "dry-run");
  EXPECT_EQ(report["steps"].size(), 3U) << report.dump();
  EXPECT_EQ(server.last()["mode"], "dry-run");
  EXPECT_EQ(standing(0), kFirst);
  EXPECT_FALSE(fs::exists(data.path() / "d/layout.json")) << "nothing was acted on";
}

TEST_F(LayoutContainer, RefusesWhatItMayNotActOn) {
  start();
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {one(0), one(1), one(2), three(4)}));
  ASSERT_EQ(told(0, "done")["state"], "done") << agent->output();
  const std::vector<Json> from{one(0), one(1), one(2), three(4)}, to{two(0), one(2), three(4)};
  const struct {
    const char* why;
    std::function<void(Json&)> change;
  } kCases[] = {
      {"for node worker-02", [](Json& d) { d["node"] = "worker-02"; }},
      {"epoch 2, where 3", [](Json& d) { d["epoch"] = 2; }},
      {"expired", [](Json& d) { d["expiresAt"] = d["issuedAt"]; }},
      {"expiresAt is missing", [](Json& d) { d.erase("expiresAt"); }},
      {"longer than 1h", [](Json& d) { d["expiresAt"] = format_time(now_epoch_ms() + 7'200'000); }},
      {"an old one",
       [](Json& d) {
         d["issuedAt"] = format_time(now_epoch_ms() - 1'200'000);
         d["expiresAt"] = format_time(now_epoch_ms() - 900'000);
       }},
      {"illegal for this driver", [](Json& d) { d["devices"][0]["instances"] = Json::array({two(1)}); }},
  };
  for (const auto& c : kCases) {
    Json changed = document(0, from, to);
    c.change(changed);
    server.want(std::move(changed));
    const Json report = report_of(0, server.report_where([&](const Json& all) {
      return report_of(0, all).value("reason", "").find(c.why) != std::string::npos;
    }));
    EXPECT_EQ(report["state"], "hands-off") << c.why << agent->output();
    EXPECT_THAT(report.value("reason", ""), HasSubstr(c.why));
  }
  EXPECT_EQ(standing(0), kFirst);
}

TEST_F(LayoutContainer, WaitsForWhatIsInUseAndGoesOnWhenItEnds) {
  start();
  // One is used by a process, the other held by a pod without one.
  server.want(document(1, {one(0), one(1)}, {two(2), one(1)}));
  const Json waiting = told(1, "waiting");
  EXPECT_THAT(waiting.value("reason", ""), HasSubstr("destroy 1g.10gb at 0:1: a process"));
  EXPECT_EQ(standing(1), (Layout{"1g.10gb 0:1", "1g.10gb 1:1", "2g.20gb 2:2"})) << "what needs no room is there";
  std::string pid;
  for (const auto& entry : fs::directory_iterator(node.root() / "proc"))
    if (const auto name = read_file(entry.path() / "comm"); name && *name == "e2e-eval\n")
      pid = entry.path().filename().string();
  ASSERT_FALSE(pid.empty());
  ::kill(std::stoi(pid), SIGKILL);
  EXPECT_EQ(told(1, "done")["state"], "done") << agent->output();
  EXPECT_EQ(standing(1), (Layout{"1g.10gb 1:1", "2g.20gb 2:2"}));

  server.want(document(1, {one(1), two(2)}, {two(2)}));
  EXPECT_THAT(told(1, "waiting").value("reason", ""), HasSubstr("the pod research/idle-holder holds it"));
  EXPECT_EQ(standing(1), (Layout{"1g.10gb 1:1", "2g.20gb 2:2"}));
}

TEST_F(LayoutContainer, TakesNothingAwayWhileTheKubeletIsAway) {
  start({"--pod-resources-kubelet-socket", (data.path() / "none.sock").string()});
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  EXPECT_THAT(told(0, "waiting").value("reason", ""), HasSubstr("the kubelet cannot be asked"));
  EXPECT_EQ(standing(0), kFirst);
}

TEST_F(LayoutContainer, KeepsItsHandsOffWhatSomebodyElseChanged) {
  start();
  const Json planned = document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)});
  node.sim({"mig", "create", "--gpu", "0", "--profile", "1g.10gb", "--start", "3"});
  server.want(planned);
  EXPECT_THAT(told(0, "hands-off").value("reason", ""), HasSubstr("changed by somebody else: 1g.10gb at 3:1"));
  EXPECT_EQ(standing(0).size(), 5U);
}

TEST_F(LayoutContainer, SaysWhyTheDriverRefuses) {
  node.sim({"fault", "return", "--symbol", "nvmlDeviceCreateGpuInstanceWithPlacement", "--code", "23"});
  start();
  server.want(document(0, {one(0), one(1), one(2), three(4)}, {two(0), one(2), three(4)}));
  const Json report = told(0, "failed");
  EXPECT_THAT(report.value("reason", ""), HasSubstr("creating 2g.20gb at 0:2"));
  EXPECT_THAT(report.value("reason", ""), HasSubstr("Insufficient Resources"));
  node.sim({"fault", "clear"});
  server.want(document(0, {one(2), three(4)}, {two(0), one(2), three(4)}));
  EXPECT_EQ(told(0, "done")["state"], "done") << "a new generation is tried again";
}

TEST_F(LayoutContainer, SwitchesTheModeAndBringsBackWhatARebootTook) {
  start();
  Json wish = document(2, {}, {one(0), three(4)});
  wish["devices"][0]["mode"] = "mig";
  server.want(wish);
  EXPECT_EQ(done(told(2, "done")), (std::vector<std::string>{"mode mode", "create 1g.10gb", "create 3g.40gb"}))
      << agent->output();
  // A reboot: the driver has forgotten mode and instances, and the program begins anew.
  agent->stop();
  node.sim({"reload"});
  EXPECT_EQ(standing(2), Layout{});
  start();
  EXPECT_TRUE(eventually([&] { return standing(2) == Layout{"1g.10gb 0:1", "3g.40gb 4:4"}; })) << agent->output();

  Json ampere = document(3, {}, {one(0)});
  ampere["devices"][0]["mode"] = "mig";
  server.want(ampere);
  EXPECT_THAT(told(3, "waiting").value("reason", ""), HasSubstr("never done here"));
}

TEST_F(LayoutContainer, ReadsItsTokenAnew) {
  server.expect_token("renewed");
  start();
  EXPECT_TRUE(agent->says("status 401")) << agent->output();
  EXPECT_THAT(agent->output(), HasSubstr("--token-file"));
  std::ofstream(token()) << "renewed\n";
  EXPECT_TRUE(eventually([&] { return server.reports() > 0; })) << agent->output();
}

}  // namespace
}  // namespace tessera::e2e

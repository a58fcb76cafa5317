// The whole way of a re-cut: asked for at the real server, carried out by the layout container on the simulated driver,
// and seen in the inventory by what the agent then tells.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "tests/e2e_layout/played_server.h"
#include "tests/e2e_layout/real_server.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;
using testing::Not;

TEST_F(LayoutWithServer, AWishIsCarriedOutBesideWhatRunsAndSeen) {
  start_layout(node_key);
  const std::string device = "worker-01-GPU-00";
  ASSERT_TRUE(eventually([&] { return profiles(device) == Profiles{"1g.10gb", "1g.10gb", "1g.10gb", "3g.40gb"}; }))
      << server->output();

  const auto planned = send("POST", "/gpu/devices/" + device + "/mig?dryRun=true", R"(["H100_7G80GB"])");
  EXPECT_EQ(planned.status, 409);
  EXPECT_THAT(planned.body, HasSubstr("serving/llm-7b-0"));

  const auto wanted = send("POST", "/gpu/devices/" + device + "/mig", R"(["H100_2G20GB","H100_1G10GB","H100_3G40GB"])");
  ASSERT_EQ(wanted.status, 202) << wanted.body;
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; }))
      << get("/gpu/devices/" + device + "/mig").dump() << layout->output();
  EXPECT_TRUE(eventually([&] { return profiles(device) == Profiles{"1g.10gb", "2g.20gb", "3g.40gb"}; }))
      << node.sim({"mig", "list", "--gpu", "0"});

  // The server dies and comes back: it still knows what is wanted, and then no longer.
  const auto generation = Json::parse(wanted.body)["generation"];
  server->signal(SIGKILL);
  server->wait();
  start_server(address);
  EXPECT_TRUE(eventually([&] { return tell() && get("/gpu/devices/" + device + "/mig").contains("wanted"); }));
  EXPECT_EQ(get("/gpu/devices/" + device + "/mig")["wanted"]["generation"], generation);
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; })) << layout->output();
  EXPECT_EQ(send("DELETE", "/gpu/devices/" + device + "/mig").status, 204);
  EXPECT_TRUE(get("/gpu/devices/" + device + "/mig")["wanted"].is_null());
}

/// Between the real server and the layout container, which takes three steps: it holds the question after the first.
struct BetweenSteps : LayoutWithServer {
  void SetUp() override {
    LayoutWithServer::SetUp();
    ASSERT_TRUE(eventually([&] { return profiles(device).size() == 4; })) << server->output();
    between.pass_on_to("http://" + address);
    between.expect_token(node_key);
    between.hold_where([held = false](const Json& report) mutable {
      return steps_done(report.at("devices").at(0).value("report", Json::object())) == 1 && !std::exchange(held, true);
    });
    start_layout(node_key, between.url());
    const auto wanted =
        send("POST", "/gpu/devices/" + device + "/mig", R"(["H100_2G20GB","H100_1G10GB","H100_3G40GB"])");
    ASSERT_EQ(wanted.status, 202) << wanted.body;
    ASSERT_TRUE(between.holding()) << layout->output();
  }
  static long steps_done(const Json& report) {
    const Json steps = report.value("steps", Json::array());
    return std::ranges::count_if(steps, [](const Json& step) { return step["state"] == "done"; });
  }
  const std::string device = "worker-01-GPU-00";
  PlayedServer between;
};

TEST_F(BetweenSteps, TheServerHearsOfTheFirstAndThenOfTheOthers) {
  EXPECT_TRUE(reported(device).empty());
  between.release();
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; })) << layout->output();
  EXPECT_EQ(between.refused(), 0U) << layout->output();
  EXPECT_EQ(steps_done(reported(device)), 3);
}

TEST_F(BetweenSteps, AWithdrawalIsHeard) {
  ASSERT_EQ(send("DELETE", "/gpu/devices/" + device + "/mig").status, 204);
  between.release();
  between.report_where([](const Json& report) { return !report.at("devices").at(0).contains("report"); });
  EXPECT_FALSE(between.last().at("devices").at(0).contains("report")) << layout->output();
  EXPECT_EQ(between.last().at("devices").at(0).at("instances").size(), 3U) << "no further step was taken";
}

TEST_F(BetweenSteps, TheLastWordOfOneThatIsStoppedArrives) {
  layout->signal(SIGTERM);
  EXPECT_EQ(layout->wait(), 0);
  EXPECT_THAT(layout->rest(), Not(HasSubstr("was not told")));
  EXPECT_EQ(reported(device).value("state", ""), "working") << layout->output();
  EXPECT_EQ(steps_done(reported(device)), 1);
}

/// The node has acted by numbers that the older database gives anew.
TEST_F(LayoutWithServer, AfterARestoreWhatIsAskedForIsCarriedOut) {
  const std::string device = "worker-01-GPU-00", wanted = "/gpu/devices/" + device + "/mig";
  const Profiles first{"1g.10gb", "1g.10gb", "1g.10gb", "3g.40gb"}, second{"1g.10gb", "2g.20gb", "3g.40gb"};
  ASSERT_TRUE(eventually([&] { return profiles(device) == first; })) << server->output();
  const std::string copy = folder("backup");
  const Finished saved = run({program("tessera-server"), "backup", "--data", folder("server"), copy});
  ASSERT_EQ(saved.code, 0) << saved.output;
  PlayedServer between;
  between.pass_on_to("http://" + address);
  between.expect_token(node_key);
  start_layout(node_key, between.url());
  const auto forgotten = send("POST", wanted, R"(["H100_2G20GB","H100_1G10GB","H100_3G40GB"])");
  ASSERT_EQ(forgotten.status, 202) << forgotten.body;
  ASSERT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; })) << layout->output();

  between.hold_where([](const Json&) { return true; });
  server->signal(SIGKILL);
  server->wait();
  const Finished restored = run({program("tessera-server"), "restore", "--data", folder("server"), copy});
  ASSERT_EQ(restored.code, 0) << restored.output;
  ASSERT_TRUE(between.holding()) << layout->output();
  start_server(address);
  ASSERT_TRUE(eventually([&] { return profiles(device) == second; })) << server->output();
  const auto anew = send("POST", wanted, R"(["H100_1G10GB","H100_1G10GB","H100_1G10GB","H100_3G40GB"])");
  ASSERT_EQ(anew.status, 202) << anew.body;
  EXPECT_EQ(Json::parse(anew.body)["generation"], Json::parse(forgotten.body)["generation"]);
  between.release();
  EXPECT_TRUE(server->says("a node has acted on newer layouts")) << server->output();
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; }))
      << get(wanted).dump() << layout->output();
  EXPECT_TRUE(eventually([&] { return profiles(device) == first; })) << layout->output();
  EXPECT_THAT(layout->output(), Not(HasSubstr("document refused")));
}

TEST_F(LayoutWithServer, AnotherNodesKeyIsToldNothing) {
  start_layout(key("worker-02", "node"));
  EXPECT_TRUE(layout->says("another-node")) << layout->output();
}

}  // namespace
}  // namespace tessera::e2e

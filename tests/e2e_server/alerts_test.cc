// Alerts from a simulated GPU to a real Alertmanager, and through the absence of who is told.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/every.h"
#include "http/server.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_server/alertmanager.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

/// Takes what Alertmanager, or the server in its manner, posts; while it is away it answers 503.
class Hook {
 public:
  Hook() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto made =
        http::Server::listen(options, {{"POST", "/hook", [this](const http::Request& one) { return take(one); }}});
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    if (made) server_ = *std::move(made);
  }
  std::string url() const { return "http://" + server_->address() + "/hook"; }
  void be_away(bool away) { away_ = away; }
  int refused() const { return refused_; }
  /// `firing GPUOverheating 0`, one for each alert that was taken, without immediate repetitions.
  std::vector<std::string> told(const std::string& alert) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const json& one : alerts_) {
      const std::string line = fmt::format("{} {} {}", one.at("status").get<std::string>(),
                                           one.at("labels").value("alertname", ""), one.at("labels").value("gpu", ""));
      if (one.at("labels").value("alertname", "") == alert && (out.empty() || out.back() != line)) out.push_back(line);
    }
    return out;
  }

 private:
  http::Response take(const http::Request& request) {
    http::Response out;
    if (away_) {
      ++refused_;
      out.status = 503;
      return out;
    }
    const json body = json::parse(request.body);
    const std::lock_guard lock(mutex_);
    for (const json& one : body.at("alerts")) alerts_.push_back(one);
    return out;
  }

  std::atomic<bool> away_ = false;
  std::atomic<int> refused_ = 0;
  mutable std::mutex mutex_;
  std::vector<json> alerts_;  // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

/// A simulated node, whose agent's page reaches the server each half second.
class Watched {
 public:
  explicit Watched(const std::string& receivers)
      : server(fmt::format(R"(gpu.management:
  metrics: {{collection-interval: 5s}}
  alerts:
    resend-every: 1s
    rules: [{{name: GPUOverheating, for: 1s}}]
    {}
)",
                           receivers)) {
    feeding_ = std::jthread([this](const std::stop_token& stop) {
      http::Client client;
      every(500ms, stop, [&] {
        http::ClientRequest asked;
        asked.url = agent.url("/metrics");
        const auto page = client.send(asked);
        if (!page) return;
        http::ClientRequest sent;
        sent.method = "POST";
        sent.url = to();
        sent.body = page->body;
        if (!client.send(sent)) return;  // while the server is away
      });
    });
  }
  ~Watched() { feeding_ = {}; }

  void heat(double celsius) {
    node.sim({"fault", "temperature", "--gpu", "0", "--celsius", fmt::format("{}", celsius)});
  }
  /// Its device is told of as this hot.
  bool is_at(double celsius) {
    return eventually([&] {
      const json devices = server.get("/gpu/devices").at("items");
      return !devices.empty() && devices.at(0).value("temperatureCelsius", 0.0) == celsius;
    });
  }
  json standing() { return server.get("/alerts?alert=GPUOverheating&state=firing").at("items"); }
  void restart() {
    const std::lock_guard lock(mutex_);
    server.kill();
    server.start();
  }

  Node node{scenario("default")};
  Agent agent{node, {"--interval", "1s"}};
  Server server;

 private:
  std::string to() {
    const std::lock_guard lock(mutex_);
    return server.api("/import/prometheus?node=worker-01");
  }
  std::mutex mutex_;
  std::jthread feeding_;
};

TEST(Alerts, ReachAnAlertmanagerWhenAGpuOverheatsAndAreResolvedThere) {
  Hook hook;
  const auto alertmanager = Alertmanager::telling(hook.url(), free_port());
  if (!alertmanager) GTEST_SKIP() << "no Alertmanager on this machine: ./dev unpacks it";
  Watched watched("alertmanagers: ['" + alertmanager->url() + "']");
  watched.heat(60);
  ASSERT_TRUE(watched.is_at(60));
  EXPECT_THAT(watched.standing(), IsEmpty());
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return alertmanager->active("GPUOverheating").size() == 1; }))
      << watched.server.process().output() << watched.server.get("/alerts");
  EXPECT_EQ(watched.standing().at(0).at("runbook"), "docs/alerts.md#gpuoverheating");
  const json one = alertmanager->active("GPUOverheating").at(0);
  EXPECT_EQ(one.at("labels").at("severity"), "critical");
  EXPECT_EQ(one.at("labels").at("device_id"), "worker-01-GPU-00");
  EXPECT_EQ(one.at("annotations").at("summary"), "GPU 0 of worker-01 is at 95 °C.");
  EXPECT_EQ(one.at("annotations").at("runbook_url"), "docs/alerts.md#gpuoverheating");
  EXPECT_THAT(alertmanager->active("GPUTemperatureNotice"), IsEmpty());
  watched.heat(60);
  ASSERT_TRUE(eventually([&] { return alertmanager->active("GPUOverheating").empty(); }));
  ASSERT_TRUE(eventually([&] { return hook.told("GPUOverheating").size() == 2; }));
  EXPECT_THAT(hook.told("GPUOverheating"), ElementsAre("firing GPUOverheating 0", "resolved GPUOverheating 0"));
  EXPECT_THAT(watched.standing(), IsEmpty());
  const json history = watched.server.get("/alerts/history?alert=GPUOverheating").at("items");
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history.at(0).at("state"), "resolved");
  EXPECT_EQ(history.at(1).at("state"), "firing");
}

TEST(Alerts, ReachAnAlertmanagerThatAsksForAUser) {
  Hook hook;
  const auto alertmanager = Alertmanager::guarded(hook.url());
  if (!alertmanager) GTEST_SKIP() << "no Alertmanager on this machine: ./dev unpacks it";
  TempDir folder;
  const std::string password = (folder.path() / "password").string();
  ASSERT_TRUE(write_file_atomically(password, "another\n"));
  Watched watched(
      fmt::format("alertmanagers: ['{}']\n    alertmanager-username: tessera\n    "
                  "alertmanager-password-file: {}",
                  alertmanager->url(), password));
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return watched.standing().size() == 1; }));
  const std::string messages = "tessera_server_alert_messages_total{receiver=\"alertmanager " + alertmanager->url();
  ASSERT_TRUE(eventually([&] { return watched.server.metric(messages + "\",result=\"failed\"}") > 0; }));
  EXPECT_THAT(alertmanager->active("GPUOverheating"), IsEmpty());
  ASSERT_TRUE(write_file_atomically(password, std::string(Alertmanager::kPassword) + "\n"));
  ASSERT_TRUE(eventually([&] { return alertmanager->active("GPUOverheating").size() == 1; }, 2 * kPatience))
      << watched.server.process().output();
  EXPECT_EQ(watched.server.metric(messages + "\",result=\"dropped\"}"), 0);
}

TEST(Alerts, AreNotLostWhileAnAlertmanagerIsDown) {
  Hook hook;
  const int port = free_port();
  if (peer("prometheus-alertmanager").empty()) GTEST_SKIP() << "no Alertmanager on this machine: ./dev unpacks it";
  Watched watched(fmt::format("alertmanagers: ['http://127.0.0.1:{}']", port));
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return watched.standing().size() == 1; }));
  ASSERT_TRUE(eventually([&] {
    return watched.server.metric(
               fmt::format("tessera_server_alert_messages_total{{receiver=\"alertmanager http://127.0.0.1:{}\","
                           "result=\"failed\"}}",
                           port)) > 1;
  }));
  watched.restart();
  EXPECT_EQ(watched.standing().size(), 1U) << "a restart does not forget";
  const auto alertmanager = Alertmanager::telling(hook.url(), port);
  ASSERT_TRUE(alertmanager);
  ASSERT_TRUE(eventually([&] { return alertmanager->active("GPUOverheating").size() == 1; }));
  const json fired = watched.server.get("/alerts/history?alert=GPUOverheating").at("items");
  EXPECT_EQ(fired.size(), 1U) << "and fires nothing anew: " << fired;
}

TEST(Alerts, ThatEndWhileAnAlertmanagerIsDownAreResolvedThereWhenItIsBack) {
  Hook hook;
  const auto alertmanager = Alertmanager::telling(hook.url(), free_port());
  if (!alertmanager) GTEST_SKIP() << "no Alertmanager on this machine: ./dev unpacks it";
  Watched watched("alertmanagers: ['" + alertmanager->url() + "']");
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return hook.told("GPUOverheating").size() == 1; })) << watched.server.get("/alerts");
  alertmanager->stop();
  watched.heat(60);
  ASSERT_TRUE(eventually([&] { return watched.standing().empty(); }));
  const std::string failed =
      "tessera_server_alert_messages_total{receiver=\"alertmanager " + alertmanager->url() + "\",result=\"failed\"}";
  ASSERT_TRUE(eventually([&] { return watched.server.metric(failed) > 1; }));
  EXPECT_THAT(hook.told("GPUOverheating"), ElementsAre("firing GPUOverheating 0"));
  alertmanager->start();
  ASSERT_TRUE(eventually([&] { return hook.told("GPUOverheating").size() == 2; }, 2 * kPatience))
      << watched.server.process().output();
  EXPECT_THAT(hook.told("GPUOverheating"), ElementsAre("firing GPUOverheating 0", "resolved GPUOverheating 0"));
  EXPECT_THAT(alertmanager->active("GPUOverheating"), IsEmpty());
}

TEST(Alerts, AreToldInFullToAWebhookThatWasAway) {
  Hook hook;
  hook.be_away(true);
  Watched watched("webhooks: ['" + hook.url() + "']");
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return watched.standing().size() == 1; }));
  watched.heat(60);
  ASSERT_TRUE(eventually([&] { return watched.standing().empty(); }));
  ASSERT_TRUE(eventually([&] { return hook.refused() > 0; }));
  watched.restart();
  EXPECT_THAT(hook.told("GPUOverheating"), IsEmpty());
  hook.be_away(false);
  ASSERT_TRUE(eventually([&] { return hook.told("GPUOverheating").size() == 2; }, 2 * kPatience));
  EXPECT_THAT(hook.told("GPUOverheating"), ElementsAre("firing GPUOverheating 0", "resolved GPUOverheating 0"));
}

TEST(Alerts, AreSilencedAndTestedOnRequest) {
  Hook hook;
  Watched watched("webhooks: ['" + hook.url() + "']");
  const std::vector<std::pair<std::string, std::string>> kJson = {{"Content-Type", "application/json"}};
  const auto made = watched.server.post(
      "/alerts/silences", R"({"matchers": [{"label": "node", "value": "worker-01"}], "duration": "1h"})", kJson);
  ASSERT_EQ(made.status, 201) << made.body;
  watched.heat(95);
  ASSERT_TRUE(eventually([&] { return watched.standing().size() == 1; }));
  EXPECT_EQ(watched.standing().at(0).at("silencedBy"), json::parse(made.body).at("id"));
  const auto tested = watched.server.post("/alerts/test", "", kJson);
  ASSERT_EQ(tested.status, 200) << tested.body;
  EXPECT_EQ(json::parse(tested.body).at("receivers").at(0).at("delivered"), true) << tested.body;
  EXPECT_THAT(hook.told("TesseraTest"), ElementsAre("firing TesseraTest "));
  EXPECT_THAT(hook.told("GPUOverheating"), IsEmpty());
}

}  // namespace
}  // namespace tessera::e2e

#pragma once
// For tests: a fleet of one GPU whose alerts are told to receivers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "server/alerts/alerts.h"
#include "server/alerts/json.h"
#include "server/alerts/notifier.h"

namespace tessera::server {

inline constexpr EpochMs kStart = 1'800'000'000'000, kSecond = 1'000;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

inline http::Request request(const char* method) {
  http::Request out;
  out.method = method;
  out.path = "/alerts/silences";
  return out;
}

/// A fleet of one GPU, a round each 30 s, and a database that outlives the server.
struct AlertsTest : testing::Test {
  AlertsTest() { open(); }

  void open() {
    notifier.reset();
    alerts.reset();
    changes = std::make_unique<Changes>(must(store::Database::open(url)));
    settings.alertmanagers = alertmanagers;
    settings.webhooks = webhooks;
    settings.webhook_files = webhook_files;
    settings.slack_files = slack_files;
    AlertOptions options{.settings = settings,
                         .platform_namespaces = platform_namespaces,
                         .budgets = [this] { return crossed; },
                         .runs = false};
    options.tell = [this](const std::vector<fleet::Change>& news) {
      told_news.insert(told_news.end(), news.begin(), news.end());
    };
    alerts = must(Alerts::open(published, *changes, [] { return true; }, options));
    notifier = std::make_unique<Notifier>(*alerts, *changes, [] { return true; }, false);
  }

  void at(int round, double celsius) {
    const EpochMs now = kStart + round * 30 * kSecond;
    told.scrape(now, R"(node="w")",
                fmt::format("DCGM_FI_DEV_GPU_TEMP{{gpu=\"0\",UUID=\"GPU-1\"}} {}\n"
                            "DCGM_FI_DEV_XID_ERRORS{{gpu=\"0\",UUID=\"GPU-1\"}} 0\n",
                            celsius) +
                    beside);
    told.fleet.advance(now);
    Published next;
    next.view = told.fleet.publish(now);
    next.serving = told.serving.publish(now);
    published.publish(std::move(next));
    alerts->look();
    notifier->round();
  }
  void heat() {
    for (int round = 0; round <= 10; ++round) at(round, 90);
  }

  /// Behind a failure a receiver is left alone for a second.
  void deliver() {
    for (int tries = 0; tries < 500 && notifier->stats()[0].behind > 0; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      notifier->round();
    }
  }

  /// `GPUOverheating firing`, the latest first.
  std::vector<std::string> history() {
    std::vector<std::string> out;
    for (const store::AlertEvent& one : must(alerts->history(0, kStart * 2, "", 100)))
      out.push_back(fmt::format("{} {}{}", one.alert, fleet::alerts::phase_name(one.phase), one.told ? "" : " untold"));
    return out;
  }

  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "t.db").string();
  AlertSettings settings;
  std::vector<std::string> platform_namespaces;
  std::string beside;  ///< what else the node tells
  std::vector<std::string> alertmanagers, webhooks, webhook_files, slack_files;
  Latest<Published> published;
  fleet::ToldPages told;
  std::unique_ptr<Changes> changes;
  std::unique_ptr<Alerts> alerts;
  std::unique_ptr<Notifier> notifier;
  std::vector<fleet::Change> told_news;
  std::vector<fleet::alerts::BudgetCrossed> crossed;  ///< thresholds that are in force
};

/// What a webhook that answers with `status` was sent.
struct Hook {
  Hook() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    const auto to = [this](const http::Request& one) { return take(one); };
    server = must(http::Server::listen(options, {{"POST", "/", to}, {"POST", "/api/v2/alerts", to}}));
  }
  http::Response take(const http::Request& request) {
    http::Response out;
    reached = true;
    while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::lock_guard lock(mutex);
    out.status = status;
    if (!token.empty() && request.header("Authorization") != token) out.status = 401;
    if (status != 200) out.body = "nothing at " + request.path;
    if (!refuses.empty() && request.body.find(refuses) != std::string::npos) out.status = refusal;
    if (out.status == 200) bodies.push_back(request.body);
    return out;
  }
  std::string url() const { return "http://" + server->address() + "/"; }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return bodies.size();
  }
  std::atomic<int> status = 200;
  std::atomic<bool> hangs = false, reached = false;
  std::string token{};  ///< that is asked for; empty: none
  std::mutex mutex;
  std::string refuses;  ///< a body with this in it is answered with `refusal`
  int refusal = 400;
  std::vector<std::string> bodies;
  std::unique_ptr<http::Server> server;
};

/// `firing GPUOverheating`, one for each alert that a webhook was sent.
std::vector<std::string> lines_of(const std::vector<std::string>& bodies);

}  // namespace tessera::server

#include "server/alerts/alerts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "server/alerts/json.h"
#include "server/alerts/news.h"
#include "server/alerts/notifier.h"
#include "store/xids.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kSecond = 1'000;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

http::Request request(const char* method) {
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
    AlertOptions options{.settings = settings, .budgets = [this] { return crossed; }, .runs = false};
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
                            celsius));
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
  std::vector<std::string> alertmanagers, webhooks, webhook_files, slack_files;
  Latest<Published> published;
  fleet::ToldPages told;
  std::unique_ptr<Changes> changes;
  std::unique_ptr<Alerts> alerts;
  std::unique_ptr<Notifier> notifier;
  std::vector<fleet::Change> told_news;
  std::vector<fleet::alerts::BudgetCrossed> crossed;  ///< thresholds that are in force
};

/// `alert.firing GPUOverheating w`
std::vector<std::string> news_lines(const std::vector<fleet::Change>& news) {
  std::vector<std::string> out;
  for (const fleet::Change& one : news)
    out.push_back(fmt::format("{} {} {}", fleet::change_name(one.kind), one.alert->name, one.node));
  return out;
}

TEST_F(AlertsTest, BeginAndEndAreEventsOfWhoLeadsAndOfWhoFollows) {
  AlertNews follower(*changes, published);
  at(0, 40);
  EXPECT_THAT(follower.next(), IsEmpty());
  for (int round = 1; round <= 11; ++round) at(round, 90);
  at(12, 40);
  EXPECT_THAT(news_lines(told_news), testing::UnorderedElementsAre(
                                         "alert.firing GPUTemperatureNotice w", "alert.firing GPUOverheating w",
                                         "alert.resolved GPUTemperatureNotice w", "alert.resolved GPUOverheating w"));
  EXPECT_EQ(news_lines(follower.next()), news_lines(told_news));
  EXPECT_THAT(follower.next(), IsEmpty()) << "once";
  EXPECT_THAT(AlertNews(*changes, published).next(), IsEmpty()) << "what was before is no news";
  const fleet::Change& first = told_news[0];
  EXPECT_EQ(first.uuid, "GPU-1");
  EXPECT_THAT(first.spaces, IsEmpty()) << "nobody has anything of the device";
}

TEST(AlertNewsTest, ConcernsTheNamespaceThatItNamesOrThoseOnTheDevice) {
  fleet::ToldPages told;
  const std::string who =
      R"({gpu="0",UUID="GPU-1",pid="7",command="py",status="active",type="C",namespace="ml",pod="p",container="c"})";
  told.scrape(kStart, R"(cluster="c",node="w")",
              "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 40\ngpu_process_info" + who + " 1\n");
  told.fleet.advance(kStart);
  const auto view = told.fleet.publish(kStart);
  const struct {
    fleet::alerts::LabelSet labels;
    std::vector<std::string> spaces;
  } kCases[] = {{{{"cluster", "c"}, {"uuid", "GPU-1"}}, {"ml"}},
                {{{"cluster", "d"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"gpu_instance", "1"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"namespace", "other"}, {"uuid", "GPU-1"}}, {"other"}},
                {{{"cluster", "c"}, {"node", "w"}}, {}},
                {{{"scope", "team:ml"}, {"team", "ml"}}, {}}};
  for (const auto& one : kCases) {
    store::AlertEvent event;
    event.labels = one.labels;
    EXPECT_EQ(alert_change(event, *view).spaces, one.spaces) << fleet::alerts::label_of(one.labels, "cluster");
  }
}

TEST_F(AlertsTest, BeginAndEndOnceAlsoBehindARestart) {
  for (int round = 0; round < 8; ++round) at(round, 90);
  EXPECT_THAT(history(), IsEmpty());
  open();
  for (int round = 8; round < 11; ++round) at(round, 90);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice firing untold", "GPUOverheating firing"));
  open();
  EXPECT_THAT(alerts->book()->standing, SizeIs(2)) << "before the first round";
  at(11, 90);
  at(12, 40);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice resolved untold", "GPUOverheating resolved",
                                     "GPUTemperatureNotice firing untold", "GPUOverheating firing"));
  EXPECT_THAT(alerts->book()->standing, IsEmpty());
}

TEST_F(AlertsTest, ARoundThatIsLikeTheOneBeforeWritesNothing) {
  auto other = must(store::Database::open(url));
  const auto version = [&] {  // changes with each transaction of another connection that wrote
    std::int64_t out = 0;
    EXPECT_TRUE(
        other->each("PRAGMA data_version", {}, [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  heat();
  const std::int64_t before = version();
  for (int round = 11; round < 60; ++round) at(round, 90);
  EXPECT_EQ(version(), before);
  EXPECT_EQ(alerts->stats().tracks_written, 4U) << "two that were about to fire, and fire";
  EXPECT_THAT(alerts->book()->standing, SizeIs(2));
  at(60, 40);
  EXPECT_NE(version(), before);
}

TEST_F(AlertsTest, TellOfXidsOfTheDatabase) {
  at(0, 40);
  const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-1", 79, kStart, 2}};
  ASSERT_TRUE(changes->read([&](store::Database& database) { return store::write_xids(database, seen); }));
  at(1, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice firing"));
  for (int round = 2; round <= 31; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice resolved", "GPUXidDevice firing"));
}

TEST_F(AlertsTest, XidsAreNotOverWhileTheDatabaseDoesNotTellThem) {
  at(0, 40);
  const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-1", 79, kStart, 2}};
  ASSERT_TRUE(changes->read([&](store::Database& database) { return store::write_xids(database, seen); }));
  at(1, 40);
  const auto run = [&](const std::string& sql) {
    return changes->read([&](store::Database& database) { return database.run(sql, {}); });
  };
  ASSERT_TRUE(run("ALTER TABLE device_xid RENAME TO away"));
  for (int round = 2; round <= 8; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice firing"));
  ASSERT_TRUE(run("ALTER TABLE away RENAME TO device_xid"));
  for (int round = 9; round <= 31; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice resolved", "GPUXidDevice firing"));
}

TEST_F(AlertsTest, ASilenceCountsAtOnce) {
  heat();
  auto silence = must(parse_silence(R"({"matchers": [{"label": "node", "value": "w"}], "duration": "1h"})", kStart));
  const auto made = alerts->add_silence(request("POST"), silence);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = Json::parse(made.body).value("id", "");
  for (const auto& one : alerts->book()->standing) EXPECT_EQ(one.silenced_by, id);
  open();
  EXPECT_THAT(alerts->silences(), SizeIs(1)) << "it is kept";
  EXPECT_EQ(alerts->drop_silence(request("DELETE"), "nobody").status, 404);
  EXPECT_EQ(alerts->drop_silence(request("DELETE"), id).status, 204);
  for (const auto& one : alerts->book()->standing) EXPECT_EQ(one.silenced_by, "");
}

TEST_F(AlertsTest, SilencesThatAreOverGoAndThereIsAnEndToTheirNumber) {
  settings.history_kept = std::chrono::hours(24);
  open();
  const auto put = [&](const std::string& id, EpochMs ends, fleet::alerts::Repeat repeat) {
    const fleet::alerts::Silence one{.id = id, .starts = ends - 1'000, .ends = ends, .repeat = repeat};
    ASSERT_TRUE(changes->read([&](store::Database& database) { return store::put_alert_silence(database, one); }));
  };
  put("over", kStart - 25 * 3'600 * kSecond, fleet::alerts::Repeat::Never);
  put("again", kStart - 25 * 3'600 * kSecond, fleet::alerts::Repeat::Daily);
  put("of-late", kStart - 3'600 * kSecond, fleet::alerts::Repeat::Never);
  at(0, 40);
  EXPECT_THAT(alerts->silences(), SizeIs(2));
  put("of-late", kStart, fleet::alerts::Repeat::Weekly);
  for (int i = 0; i < 997; ++i) put(std::to_string(i), kStart * 2, fleet::alerts::Repeat::Never);
  put("long-over", 2'000, fleet::alerts::Repeat::Never);
  auto silence = must(parse_silence(R"({"matchers": [], "duration": "1h"})", kStart));
  EXPECT_EQ(alerts->add_silence(request("POST"), silence).status, 201);
  const auto refused = alerts->add_silence(request("POST"), silence);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("no-room"));
}

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

TEST_F(AlertsTest, AWebhookThatWasAwayIsToldAllOfItInOrderAlsoBehindARestart) {
  Hook hook;
  hook.status = 503;
  webhooks = {hook.url()};
  open();
  heat();
  at(11, 40);
  EXPECT_EQ(notifier->stats()[0].behind, 4);
  EXPECT_THAT(notifier->stats()[0].last_error, HasSubstr("503"));
  open();
  hook.status = 200;
  at(12, 40);
  ASSERT_THAT(hook.bodies, SizeIs(1)) << "of the one whose begin was told";
  const Json first = Json::parse(hook.bodies[0]);
  EXPECT_EQ(first["alerts"].size(), 2U);
  EXPECT_EQ(first["alerts"][0]["status"], "firing");
  EXPECT_EQ(first["alerts"][1]["status"], "resolved");
  EXPECT_EQ(first["groupLabels"]["alertname"], "GPUOverheating");
  EXPECT_EQ(notifier->stats()[0].behind, 0);
  at(13, 40);
  EXPECT_THAT(hook.bodies, SizeIs(1)) << "once";
}

/// Two alerts begin in one round.
struct TwoAtOnce : AlertsTest {
  TwoAtOnce() {
    settings.rules = {};
    for (fleet::alerts::Rule rule : fleet::alerts::builtin_rules()) {
      rule.hold_for = Milliseconds(0);
      if (rule.name == "GPUOverheating") rule.threshold = 100, rule.clear = 99;  // it would explain the others
      if (rule.name == "GPUOverheating" || rule.name == "GPUTemperatureNotice" || rule.name == "GPUXidDevice")
        settings.rules.push_back(rule);
    }
  }
  void begin() {
    open();
    at(0, 40);
    const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-1", 79, kStart, 2}};
    ASSERT_TRUE(changes->read([&](store::Database& database) { return store::write_xids(database, seen); }));
    at(1, 90);
  }
};

/// `firing GPUOverheating`, one for each alert that a webhook was sent.
std::vector<std::string> lines_of(const std::vector<std::string>& bodies) {
  std::vector<std::string> out;
  for (const std::string& body : bodies) {
    const Json message = Json::parse(body);
    for (const Json& one : message["alerts"])
      out.push_back(one["status"].get<std::string>() + ' ' + one["labels"]["alertname"].get<std::string>());
  }
  return out;
}

TEST_F(AlertsTest, ReceiversAreToldNoMoreThanTheBookHas) {
  Hook hook;
  hook.status = 503;
  webhooks = {hook.url()};
  open();
  heat();
  auto next = must(alerts->history(0, kStart * 2, "GPUOverheating", 9));
  next[0].phase = fleet::alerts::Phase::Resolved;
  ASSERT_TRUE(changes->read([&](store::Database& database) {
    return database.atomically([&] { return store::add_alert_events(database, next); });
  })) << "a round has kept it, and published nothing yet";
  hook.status = 200;
  deliver();
  EXPECT_THAT(lines_of(hook.bodies), ElementsAre("firing GPUOverheating"));
}

TEST_F(AlertsTest, AnEndIsToldWhereItsBeginWas) {
  Hook hook;
  webhooks = {hook.url()};
  open();
  heat();
  const auto silence = must(parse_silence(R"({"matchers": [], "duration": "1h"})", kStart));
  ASSERT_EQ(alerts->add_silence(request("POST"), silence).status, 201);
  at(11, 90);
  open();
  at(12, 40);
  EXPECT_THAT(lines_of(hook.bodies), ElementsAre("firing GPUOverheating", "resolved GPUOverheating"));
  for (int round = 13; round <= 30; ++round) at(round, 90);
  at(31, 40);
  EXPECT_THAT(lines_of(hook.bodies), SizeIs(2)) << "of what began and ended in silence nothing is told";
}

TEST_F(AlertsTest, ABeginIsToldOnceNothingIsInItsWay) {
  Hook hook;
  webhooks = {hook.url()};
  open();
  const auto silence = must(parse_silence(R"({"matchers": [], "duration": "10m"})", kStart));
  ASSERT_EQ(alerts->add_silence(request("POST"), silence).status, 201);
  for (int round = 0; round < 20; ++round) at(round, 90);
  EXPECT_THAT(hook.bodies, IsEmpty());
  at(20, 90);
  EXPECT_THAT(lines_of(hook.bodies), ElementsAre("firing GPUOverheating"));
  at(21, 79);
  EXPECT_THAT(lines_of(hook.bodies),
              ElementsAre("firing GPUOverheating", "resolved GPUOverheating", "firing GPUTemperatureNotice"))
      << "nothing explains the notice any longer";
  at(22, 40);
  EXPECT_THAT(lines_of(hook.bodies), testing::Contains("resolved GPUTemperatureNotice"));
  EXPECT_EQ(must(alerts->history(0, kStart * 2, "GPUTemperatureNotice", 9))[1].why, "nowTold");
}

TEST_F(AlertsTest, AnAlertmanagerIsToldOfWhatItKnowsUntilThatEnds) {
  Hook hook;
  alertmanagers = {hook.url()};
  open();
  heat();
  ASSERT_THAT(hook.bodies, Not(IsEmpty()));
  const auto silence = must(parse_silence(R"({"matchers": [], "duration": "1h"})", kStart));
  ASSERT_EQ(alerts->add_silence(request("POST"), silence).status, 201);
  hook.bodies.clear();
  open();  // it tells again at once
  at(11, 90);
  ASSERT_THAT(hook.bodies, SizeIs(1));
  EXPECT_THAT(hook.bodies[0], HasSubstr("GPUOverheating"));
  EXPECT_THAT(hook.bodies[0], Not(HasSubstr("GPUTemperatureNotice")));
}

/// A crossing that counts anew, or that of the next period, begins while the one before it is in force.
TEST_F(AlertsTest, CrossingsOfOneThresholdThatOverlapAreToldApart) {
  Hook manager, hook;
  alertmanagers = {manager.url()};
  webhooks = {hook.url()};
  open();
  const auto crossing = [](EpochMs at) {
    return fleet::alerts::BudgetCrossed{{"b", {kStart, kStart + 3'600 * kSecond}, {{}, 80}, at, 100, 90}, "search"};
  };
  at(0, 40);
  crossed = {crossing(kStart)};
  at(1, 40);
  crossed = {crossing(kStart + 30 * kSecond)};  // its amount was raised, and it is over that, too
  for (int round = 2; round < 6; ++round) at(round, 40);
  std::vector<std::string> told;
  std::set<Json> labels;
  for (const std::string& body : hook.bodies) {
    const Json message = Json::parse(body);
    for (const Json& one : message["alerts"]) {
      labels.insert(one["labels"]);
      told.push_back(one["status"].get<std::string>() + ' ' + one["labels"].value("crossed", ""));
    }
  }
  EXPECT_THAT(told, ElementsAre("firing 2027-01-15T08:00:00+00:00", "firing 2027-01-15T08:00:30+00:00",
                                "resolved 2027-01-15T08:00:00+00:00"));
  EXPECT_THAT(labels, SizeIs(2));
  const auto ended = must(alerts->history(0, kStart * 2, "BudgetThresholdCrossed", 1));
  std::map<std::string, bool> over;
  for (const Json& one : Json::parse(manager.bodies.back()))
    over[one["labels"].value("crossed", "")] = one["endsAt"] == format_time(ended[0].time);
  EXPECT_THAT(over, ElementsAre(testing::Pair("2027-01-15T08:00:00+00:00", true),
                                testing::Pair("2027-01-15T08:00:30+00:00", false)))
      << "the end of the old one is told where the new one stands";
}

/// An Alertmanager that knew the alert, and a webhook, are away for longer than a message has room for.
TEST_F(AlertsTest, WhatCameInALongAbsenceIsToldInOrder) {
  settings.rules = {*std::ranges::find(fleet::alerts::builtin_rules(), "GPUOverheating", &fleet::alerts::Rule::name)};
  settings.rules[0].hold_for = Milliseconds(0);
  Hook manager, hook;
  alertmanagers = {manager.url()};
  webhooks = {hook.url()};
  open();
  at(0, 40);
  at(1, 90);
  ASSERT_THAT(manager.bodies, SizeIs(1));
  ASSERT_THAT(lines_of(hook.bodies), ElementsAre("firing GPUOverheating"));
  manager.status = hook.status = 503;
  constexpr int kMissed = 221;  // an odd number: it is over
  for (int round = 2; round < 2 + kMissed; ++round) at(round, round % 2 == 0 ? 40 : 90);
  for (const ReceiverStats& one : notifier->stats()) EXPECT_EQ(one.behind, kMissed) << one.receiver;
  manager.status = hook.status = 200;
  open();  // without the pauses between tries
  at(2 + kMissed, 40);
  for (int round = 0; round < 3; ++round) notifier->round();
  for (const ReceiverStats& one : notifier->stats()) EXPECT_EQ(one.behind, 0) << one.receiver;
  const std::vector<std::string> lines = lines_of(hook.bodies);
  ASSERT_THAT(lines, SizeIs(kMissed + 1));
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(lines[i], i % 2 == 0 ? "firing GPUOverheating" : "resolved GPUOverheating") << i;
  const Json last = Json::parse(manager.bodies.back()).back();
  EXPECT_EQ(last["labels"]["alertname"], "GPUOverheating");
  EXPECT_EQ(last["endsAt"], format_time(must(alerts->history(0, kStart * 2, "", 1))[0].time)) << "it is over";
}

/// A copy of a rule stands beside its original, and is told, explained and shown as that is.
TEST_F(AlertsTest, ACopyOfARuleBehavesAsItsOriginal) {
  Hook hook;
  webhooks = {hook.url()};
  ASSERT_TRUE(read_alert_rules(must(config::load("- {name: GPUOverheating, scope: {node: elsewhere}}\n"
                                                 "- {name: GPUOverheating, as: HotHere, for: 1m, scope: {node: w}}\n",
                                                 "s.yaml")),
                               settings));
  open();
  for (int round = 0; round <= 10; ++round) at(round, 90);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice firing untold", "HotHere firing"))
      << "the notice is explained by the copy as by its original";
  for (const auto& one : alerts->book()->standing)
    if (one.track.rule == "GPUTemperatureNotice") EXPECT_EQ(one.inhibited_by, "HotHere");
  open();
  at(11, 40);
  EXPECT_THAT(lines_of(hook.bodies), ElementsAre("firing HotHere", "resolved HotHere"));
  EXPECT_THAT(hook.bodies[0], HasSubstr("docs/alerts.md#gpuoverheating"));
}

TEST_F(AlertsTest, OneThatHangsKeepsNobodyWaiting) {
  Hook stuck, hook;
  stuck.hangs = true;
  webhooks = {stuck.url(), hook.url()};
  open();
  notifier = std::make_unique<Notifier>(*alerts, *changes, [] { return false; }, false);  // whose rounds are none
  Notifier running(*alerts, *changes, [] { return true; });
  const auto waits = [](std::chrono::seconds most, const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + most;
    while (!holds() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return holds();
  };
  at(0, 90);
  ASSERT_TRUE(waits(std::chrono::seconds(60), [&] { return running.stats().size() == 2; }));
  for (int round = 1; round <= 10; ++round) at(round, 90);
  EXPECT_TRUE(waits(std::chrono::seconds(60), [&] { return stuck.reached.load(); }));
  EXPECT_TRUE(waits(std::chrono::seconds(8), [&] { return hook.count() > 0; })) << "before the other one's deadline";
  stuck.hangs = false;
}

TEST_F(AlertsTest, AnAlertmanagerIsShownCredentialsAndRefusesNoMessageForThem) {
  Hook hook;
  hook.token = "Bearer right";
  const std::string file = (folder.path() / "token").string();
  ASSERT_TRUE(write_file_atomically(file, "wrong\n"));
  settings.alertmanager_bearer_token_file = file;
  alertmanagers = {hook.url()};
  open();
  heat();
  EXPECT_THAT(hook.bodies, IsEmpty());
  EXPECT_EQ(notifier->stats()[0].dropped, 0U);
  EXPECT_THAT(notifier->stats()[0].last_error, HasSubstr("401"));
  ASSERT_TRUE(write_file_atomically(file, "right\n"));
  deliver();
  EXPECT_THAT(hook.bodies, Not(IsEmpty()));
}

TEST_F(TwoAtOnce, AMessageThatIsRefusedIsDroppedAndKeepsNothingBack) {
  Hook hook;
  hook.refuses = "GPUTemperatureNotice";
  webhooks = {hook.url()};
  begin();
  EXPECT_THAT(hook.bodies, ElementsAre(HasSubstr("GPUXidDevice")));
  EXPECT_EQ(notifier->stats()[0].dropped, 1U);
  EXPECT_EQ(notifier->stats()[0].failed, 0U);
  EXPECT_EQ(notifier->stats()[0].behind, 0);
  EXPECT_THAT(notifier->stats()[0].last_error, HasSubstr("400"));
}

TEST_F(TwoAtOnce, WhatAReceiverHasTakenIsNotRepeatedWhereItDoesNotTakeTheRest) {
  Hook hook;
  hook.refusal = 429;
  hook.refuses = "GPUXidDevice";
  webhooks = {hook.url()};
  begin();
  EXPECT_THAT(hook.bodies, ElementsAre(HasSubstr("GPUTemperatureNotice")));
  EXPECT_EQ(notifier->stats()[0].behind, 2);
  hook.refuses.clear();
  deliver();
  EXPECT_THAT(hook.bodies, ElementsAre(HasSubstr("GPUTemperatureNotice"), HasSubstr("GPUXidDevice")));
}

TEST_F(AlertsTest, ShowNothingOfAUrlButSchemeAndHost) {
  Hook hook;
  hook.status = 403;
  const std::string host = hook.url().substr(7, hook.url().size() - 8);
  const std::string slack = (folder.path() / "slack").string(), hidden = (folder.path() / "hook").string();
  ASSERT_TRUE(write_file_atomically(slack, "http://u:p@ss@" + host + "/services/secret\n"));
  ASSERT_TRUE(write_file_atomically(hidden, "http://" + host + "/?token=secret\n"));
  webhooks = {"http://ada:se@cret@" + host + "/secret?token=secret", "http://" + host + "?secret",
              "http://127.0.0.1:1/secret"};
  webhook_files = {hidden};
  slack_files = {slack};
  open();
  heat();
  const std::vector<std::string> names = {"webhook http://" + host, "webhook http://" + host + " #2",
                                          "webhook http://127.0.0.1:1", "webhook " + hidden, "slack " + slack};
  ASSERT_THAT(notifier->stats(), SizeIs(names.size()));
  const auto tested = notifier->test();
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(notifier->stats()[i].receiver, names[i]);
    EXPECT_THAT(notifier->stats()[i].last_error, HasSubstr(names[i]));
    EXPECT_THAT(notifier->stats()[i].last_error, Not(HasSubstr("cret")));
    EXPECT_THAT(tested[i].detail, Not(HasSubstr("cret")));
  }
}

TEST_F(AlertsTest, ReceiversThatDifferInWhatIsNotShownAreSeveral) {
  Hook hook;
  webhooks = {hook.url() + "?token=a", hook.url() + "?token=b"};
  open();
  hook.refuses = "#2";  // the name that the second one is told under
  hook.refusal = 503;
  heat();
  EXPECT_THAT(hook.bodies, SizeIs(1));
  EXPECT_EQ(notifier->stats()[0].behind, 0);
  EXPECT_EQ(notifier->stats()[1].behind, 2);
  hook.refuses.clear();
  open();
  at(11, 90);
  EXPECT_THAT(hook.bodies, SizeIs(2)) << "the second one, and the first not again";
}

TEST(Messages, AreWhatReceiversTake) {
  const ToldAlert one{"A",
                      {{"alertname", "A"}, {"cluster", "c"}, {"gpu", "0"}, {"severity", "critical"}},
                      "GPU 0 is <hot>.",
                      "docs/alerts.md#a",
                      90,
                      1'000,
                      2'000,
                      false};
  ToldAlert other = one;
  other.labels[2].second = "1";
  other.resolved = true;
  ToldAlert elsewhere = one;
  elsewhere.labels[1].second = "d";
  const std::vector<ToldAlert> all = {one, elsewhere, other};
  const Json posted = Json::parse(alertmanager_body(all));
  ASSERT_EQ(posted.size(), 3U);
  EXPECT_EQ(posted[0]["labels"]["alertname"], "A");
  EXPECT_EQ(posted[0]["startsAt"], "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(posted[0]["endsAt"], "1970-01-01T00:00:02.000Z");
  EXPECT_EQ(posted[0]["annotations"]["summary"], "GPU 0 is <hot>.");
  ToldAlert backwards = one;
  backwards.ends = 500;
  EXPECT_EQ(Json::parse(alertmanager_body(std::span(&backwards, 1)))[0]["endsAt"], "1970-01-01T00:00:01.000Z")
      << "a clock was set back";
  const auto groups = grouped(all);
  ASSERT_THAT(groups, SizeIs(2));
  const Json hook = Json::parse(webhook_body(groups[0], "r"));
  EXPECT_EQ(hook["version"], "4");
  EXPECT_EQ(hook["status"], "firing");
  EXPECT_EQ(hook["commonLabels"], Json({{"alertname", "A"}, {"cluster", "c"}, {"severity", "critical"}}));
  EXPECT_EQ(hook["groupKey"], "{}:{alertname=\"A\", cluster=\"c\"}");
  EXPECT_EQ(hook["alerts"][1]["status"], "resolved");
  EXPECT_EQ(Json::parse(slack_body(groups[0]))["text"],
            ":fire: *A* (critical)\nGPU 0 is &lt;hot&gt;.\nresolved: GPU 0 is &lt;hot&gt;.\ndocs/alerts.md#a");
}

TEST(Silences, SayWhatIsWrongWithThem) {
  static constexpr struct {
    const char* body;
    const char* why;
  } kCases[] = {
      {"[]", "no JSON object"},
      {R"({"duration": "1h"})", "matchers"},
      {R"({"matchers": []})", "ends"},
      {R"({"matchers": [], "duration": "x"})", "duration"},
      {R"({"matchers": [], "duration": "2h", "ends": "2030-01-01T00:00:00Z"})", "duration"},
      {R"({"matchers": [], "ends": "2000-01-01T00:00:00Z"})", "ends"},
      {R"({"matchers": [], "ends": "tomorrow"})", "ends"},
      {R"({"matchers": [{"value": "a"}], "duration": "1h"})", "label"},
      {R"({"matchers": [{"label": "a", "value": 1}], "duration": "1h"})", "value"},
      {R"({"matchers": [], "duration": "25h", "repeat": "daily"})", "repeat"},
      {R"({"matchers": [], "duration": "1h", "why": ""})", "why"},
  };
  for (const auto& one : kCases) {
    const auto read = parse_silence(one.body, kStart);
    ASSERT_FALSE(read) << one.body;
    EXPECT_THAT(read.error().what, HasSubstr(one.why)) << one.body;
  }
  const auto fine = must(parse_silence(
      R"({"matchers": [{"label": "a", "value": "b", "equal": false}], "duration": "2h", "repeat": "weekly"})", kStart));
  EXPECT_EQ(fine.starts, kStart);
  EXPECT_EQ(fine.ends, kStart + 7'200'000);
  EXPECT_FALSE(fine.matchers[0].equal);
}

TEST(AlertSettings, ChangeWhatIsBuiltIn) {
  const auto read = [](const std::string& text) {
    AlertSettings out;
    auto done = read_alert_rules(must(config::load(text, "s.yaml")), out);
    return done ? Result<AlertSettings>(out) : Result<AlertSettings>(done.error());
  };
  const auto changed =
      must(read("- {name: GPUOverheating, threshold: 90, for: 10m, severity: info, scope: {cluster: a}}\n"
                "- {name: HighGPUUsage, enabled: false}\n"));
  const auto& hot = changed.rules[0];
  EXPECT_EQ(hot.threshold, 90);
  EXPECT_EQ(hot.clear, 85) << "as far from it as before";
  EXPECT_EQ(hot.hold_for, std::chrono::minutes(10));
  EXPECT_EQ(hot.severity, fleet::Severity::Info);
  EXPECT_EQ(hot.scope.size(), 1U);
  EXPECT_FALSE(hot.action);
  const auto acting =
      must(read("- {name: GPUOverheating, action: {do: cordon}}\n"
                "- {name: GPUXidDevice, action: {do: webhook, dry-run: false, url-file: /u}}\n"));
  EXPECT_EQ(acting.rules[0].action, (fleet::alerts::Action{fleet::alerts::Deed::Cordon, true}));
  const auto& xid = *std::ranges::find(acting.rules, "GPUXidDevice", &fleet::alerts::Rule::name);
  EXPECT_EQ(xid.action, (fleet::alerts::Action{fleet::alerts::Deed::Webhook, false, "/u"}));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: reboot}}").error().what, HasSubstr("cordon"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {dry-run: true}}").error().what, HasSubstr("do"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: webhook}}").error().what, HasSubstr("url-file"));
  EXPECT_THAT(read("- {name: GPUOverheating, action: {do: taint, url-file: /u}}").error().what, HasSubstr("url-file"));
  EXPECT_THAT(read("- {name: GPUNodeSilent, action: {do: exclude}}").error().what, HasSubstr("is about a node"));
  EXPECT_THAT(read("- {name: HighGPUUsage, action: {do: cordon}}").error().what, HasSubstr("is about a cluster"));
  const auto copied =
      must(read("- {name: GPUOverheating, threshold: 90, scope: {cluster: prod}}\n"
                "- {name: GPUOverheating, as: DevOverheating, for: 1m, severity: info, scope: {cluster: dev}, runbook: "
                "'https://wiki/dev'}\n"));
  const auto& copy = copied.rules.back();
  EXPECT_EQ(copied.rules.size(), fleet::alerts::builtin_rules().size() + 1);
  EXPECT_EQ(copy.name, "DevOverheating");
  EXPECT_EQ(copy.original(), "GPUOverheating");
  EXPECT_EQ(copy.threshold, 85) << "as it is built in";
  EXPECT_EQ(copy.hold_for, std::chrono::minutes(1));
  EXPECT_EQ(copy.scope, (std::vector<fleet::alerts::Matcher>{{"cluster", "dev"}}));
  EXPECT_EQ(runbook_of(copy, "docs/"), "https://wiki/dev");
  EXPECT_EQ(runbook_of(copied.rules[0], "docs/"), "docs/alerts.md#gpuoverheating");
  EXPECT_EQ(copied.rules[0].threshold, 90);
  EXPECT_THAT(read("- {name: GPUOverheating, as: HighGPUUsage}").error().what, HasSubstr("already"));
  EXPECT_THAT(read("- {name: GPUOverheating, as: A}\n- {name: GPUNearSlowdown, as: A}").error().what,
              HasSubstr("already"));
  for (const std::string& bad : std::vector<std::string>{"''", "'a b'", "9a", "a_", "ü", std::string(64, 'a')})
    EXPECT_THAT(read("- {name: GPUOverheating, as: " + bad + "}").error().what, HasSubstr("as: ")) << bad;
  EXPECT_THAT(read("- {name: GPUOverheatin}").error().what, HasSubstr("did you mean 'GPUOverheating'"));
  EXPECT_THAT(read("- {name: GPUOverheating, clear: 99}").error().what, HasSubstr("clear"));
  EXPECT_THAT(read("- {name: GPUOverheating, treshold: 9}").error().what, HasSubstr("threshold"));
}

}  // namespace
}  // namespace tessera::server

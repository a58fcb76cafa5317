#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "server/alerts/alerts_test.h"
#include "store/xids.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

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

}  // namespace
}  // namespace tessera::server

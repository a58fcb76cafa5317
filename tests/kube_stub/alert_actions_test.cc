// What is done about alerts: by a cluster's API, a webhook, and the database, through restarts, refusals and what
// people do meanwhile.
#include "server/alerts/actions.h"

#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/server.h"
#include "server/alerts/json.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using fleet::alerts::Action;
using fleet::alerts::Deed;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr const char* kMerge = "application/merge-patch+json";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

std::string result_of(const store::AuditRow& row) {
  return fmt::format("{} {} {} {}", row.entry.actor, row.entry.action, row.entry.object, row.entry.result);
}

kube_stub::Json tainted(std::string_view key, std::string_view value, std::string_view effect) {
  kube_stub::Json out;
  out["spec"]["taints"].push_back({{"key", key}, {"value", value}, {"effect", effect}});
  return out;
}

/// One GPU of one node, a round of the rules each 30 s, and a database that outlives the server.
struct AlertActionsTest : testing::Test {
  AlertActionsTest() {
    stub = must(kube_stub::Stub::start("127.0.0.1:0", Milliseconds(200)));
    put({{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "w"}}}});
    for (fleet::alerts::Rule& one : settings.rules) one.hold_for = one.keep_firing = 0ms;
    url_file = (folder.path() / "hook").string();
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    hook = must(http::Server::listen(options, {{"POST", "/", [this](const http::Request& one) { return take(one); }}}));
    EXPECT_TRUE(write_file_atomically(url_file, "http://" + hook->address() + "/?token=secret\n"));
  }
  ~AlertActionsTest() override { actions.reset(); }

  http::Response take(const http::Request& request) {
    http::Response out;
    out.status = status;
    if (status == 200) posted.push_back(Json::parse(request.body).at("status").get<std::string>());
    return out;
  }

  // ---- The cluster

  void put(const kube_stub::Json& one) { ASSERT_LT(stub->store().put(one).code, 300) << one; }
  void patch(const kube_stub::Json& with, const std::string& manager = "kubectl") {
    ASSERT_EQ(stub->store().patch(nodes, "", "w", with, kMerge, "", {manager}).code, 200) << with;
  }
  kube_stub::Json node() { return *stub->store().get(nodes, "", "w").body; }
  bool cordoned() { return node().value("/spec/unschedulable"_json_pointer, false); }
  /// `key=value`, in their order.
  std::vector<std::string> taints() {
    std::vector<std::string> out;
    for (const kube_stub::Json& one : node().value("/spec/taints"_json_pointer, kube_stub::Json::array()))
      out.push_back(one.value("key", "") + '=' + one.value("value", ""));
    return out;
  }

  // ---- The server

  void rule(std::string_view name, std::optional<Action> action) {
    std::ranges::find(settings.rules, name, &fleet::alerts::Rule::name)->action = std::move(action);
  }
  void open(bool in_cluster = true) {
    actions.reset();
    alerts.reset();
    changes = std::make_unique<Changes>(must(store::Database::open(url)));
    alerts = must(Alerts::open(published, *changes, [] { return true; }, {.settings = settings, .runs = false}));
    ActionOptions options{.runs = false, .first_pause = 0ms};
    if (in_cluster) options.nodes = kube::ApiServer{.url = stub->url()};
    actions = must(AlertActions::open(*alerts, *changes, options));
  }
  /// A sample, the rules' round, and what is done about it.
  void at(double celsius, bool acts = true) {
    time += 30'000;
    told.scrape(time, R"(node="w")", fmt::format("DCGM_FI_DEV_GPU_TEMP{{gpu=\"0\",UUID=\"GPU-1\"}} {}\n", celsius));
    told.fleet.advance(time);
    Published next;
    next.view = told.fleet.publish(time);
    next.serving = told.serving.publish(time);
    published.publish(std::move(next));
    alerts->look();
    if (acts) actions->round();
  }
  /// `cordon standing`, the latest first.
  std::vector<std::string> states() {
    std::vector<std::string> out;
    for (const auto& one : must(alerts->actions(100)))
      out.push_back(fmt::format("{} {}", fleet::alerts::deed_name(one.deed), fleet::alerts::stage_name(one.stage)));
    return out;
  }
  std::vector<std::string> audit() {
    std::vector<std::string> out;
    const auto rows = must(changes->read([](store::Database& database) { return store::audit_rows(database, 0, 99); }));
    for (const store::AuditRow& one : rows) out.push_back(result_of(one));
    return out;
  }
  std::uint64_t counted(Deed deed, ActionResult result) {
    return actions->stats().results[static_cast<std::size_t>(deed)][static_cast<std::size_t>(result)];
  }

  const kube_stub::Resource nodes{.version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
  std::unique_ptr<kube_stub::Stub> stub;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "t.db").string();
  std::string url_file;
  std::atomic<int> status = 200;
  std::vector<std::string> posted;
  std::unique_ptr<http::Server> hook;
  AlertSettings settings;
  EpochMs time = kStart;
  Latest<Published> published;
  fleet::ToldPages told;
  std::unique_ptr<Changes> changes;
  std::unique_ptr<Alerts> alerts;
  std::unique_ptr<AlertActions> actions;
};

TEST_F(AlertActionsTest, ACordonBeginsAndEndsWithItsAlertAlsoBehindARestart) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  at(40);
  EXPECT_FALSE(cordoned());
  at(90);
  EXPECT_TRUE(cordoned());
  EXPECT_THAT(states(), ElementsAre("cordon standing"));
  open();
  actions->round();
  EXPECT_TRUE(cordoned()) << "nothing has been looked at yet";
  patch({{"spec", {{"unschedulable", nullptr}}}});
  at(90);
  EXPECT_FALSE(cordoned()) << "what a person took back is not done again";
  at(40);
  EXPECT_THAT(states(), ElementsAre("cordon ended"));
  EXPECT_THAT(audit(), ElementsAre("alert:GPUOverheating alert-action.begin cordon:w done",
                                   "alert:GPUOverheating alert-action.end cordon:w done"));
  EXPECT_EQ(counted(Deed::Cordon, ActionResult::Ended), 1U);
}

TEST_F(AlertActionsTest, ADryRunIsNotedAlone) {
  rule("GPUOverheating", Action{Deed::Cordon});
  rule("GPUNearSlowdown", Action{Deed::Exclude});
  open();
  at(90);
  at(40);
  EXPECT_FALSE(cordoned());
  EXPECT_THAT(states(), ElementsAre("cordon ended"));
  EXPECT_THAT(audit(), ElementsAre("alert:GPUOverheating alert-action.begin cordon:w dry-run",
                                   "alert:GPUOverheating alert-action.end cordon:w dry-run"));
}

TEST_F(AlertActionsTest, SomebodyElsesCordonStays) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  patch({{"spec", {{"unschedulable", true}}}});
  at(90);
  at(40);
  EXPECT_THAT(states(), ElementsAre("cordon ended"));
  EXPECT_TRUE(cordoned()) << "a person's";
}

TEST_F(AlertActionsTest, EndWhereTheRuleHasLostItsActionOrOnlyNotesIt) {
  for (const auto& next : {std::optional<Action>(), std::optional(Action{Deed::Cordon, true})}) {
    rule("GPUOverheating", Action{Deed::Cordon, false});
    open();
    at(90);
    EXPECT_TRUE(cordoned());
    rule("GPUOverheating", next);
    open();
    at(90);
    EXPECT_FALSE(cordoned());
    at(40);
  }
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  at(90);
  EXPECT_TRUE(cordoned());
  settings.enabled = false;
  open();
  actions->round();
  EXPECT_FALSE(cordoned()) << "no rule is evaluated any longer";
}

TEST_F(AlertActionsTest, WhatWasBegunBeforeACrashIsEnded) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  at(90, false);
  ASSERT_TRUE(stub->faults().add({{"request", {{"at", "write"}, {"status", 503}, {"times", 9}}}}));
  actions->round();
  EXPECT_THAT(states(), ElementsAre("cordon beginning"));
  EXPECT_THAT(must(alerts->actions(9))[0].last_error, HasSubstr("503"));
  EXPECT_THAT(audit(), ElementsAre(HasSubstr("alert-action.begin cordon:w failed: ")));
  stub->faults().clear();
  open();  // it may have been done, and nobody has noted it
  ASSERT_TRUE(NodeMarker(kube::ApiServer{.url = stub->url()}).cordon("w", true, {}));
  at(40);
  EXPECT_FALSE(cordoned());
  EXPECT_THAT(states(), ElementsAre("cordon ended"));
}

TEST_F(AlertActionsTest, OfSeveralAlertsOnOneNodeTheLastTakesTheCordonBack) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  rule("GPUNodeSilent", Action{Deed::Cordon, false});
  rule("GPUTemperatureNotice", Action{Deed::Cordon, false});
  open();
  at(90);
  EXPECT_THAT(states(), SizeIs(1)) << "one that is explained is not told, and asks for nothing";
  at(79);
  EXPECT_TRUE(cordoned()) << "the notice is no longer explained";
  EXPECT_THAT(states(), ElementsAre("cordon standing", "cordon ended"));
  at(40);
  EXPECT_FALSE(cordoned());
}

TEST_F(AlertActionsTest, ATaintIsPutBesideOthersAndTakenFromAmongThem) {
  rule("GPUOverheating", Action{Deed::Taint, false});
  open();
  patch(tainted("a", "b", "NoExecute"));
  at(90);
  EXPECT_THAT(taints(), ElementsAre("a=b", "tessera.dev/alert=GPUOverheating"));
  at(40);
  EXPECT_THAT(taints(), ElementsAre("a=b"));
}

TEST_F(AlertActionsTest, ATaintOfAPersonStaysAndIsSaid) {
  rule("GPUOverheating", Action{Deed::Taint, false});
  open();
  patch(tainted(kAlertTaint, "Mine", "NoSchedule"));
  at(90);
  EXPECT_THAT(states(), ElementsAre("taint beginning"));
  EXPECT_THAT(must(alerts->actions(9))[0].last_error, HasSubstr("tessera.dev/alert=Mine:NoSchedule is there already"));
  at(40);
  EXPECT_THAT(taints(), ElementsAre("tessera.dev/alert=Mine"));
  EXPECT_THAT(states(), ElementsAre("taint ended"));
}

TEST_F(AlertActionsTest, ARightThatIsMissingIsSaidAndCounted) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  ASSERT_TRUE(
      stub->faults().add({{"request", {{"at", "write"}, {"status", 403}, {"reason", "Forbidden"}, {"times", 1}}}}));
  at(90);
  EXPECT_THAT(must(alerts->actions(9))[0].last_error, HasSubstr("must allow \"patch\" on \"nodes\""));
  EXPECT_EQ(counted(Deed::Cordon, ActionResult::Denied), 1U);
  open(false);
  at(90);
  EXPECT_THAT(must(alerts->actions(9))[0].last_error, HasSubstr("watches no cluster"));
}

TEST_F(AlertActionsTest, ANodeThatHasGoneHasNothingToBeUndone) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  at(90);
  stub->store().remove(nodes, "", "w");
  at(40);
  EXPECT_THAT(states(), ElementsAre("cordon ended"));
  EXPECT_THAT(audit(), testing::Contains(HasSubstr("alert-action.end cordon:w given up: ")));
}

TEST_F(AlertActionsTest, ADeviceIsExcludedAsLongAsItsAlertFires) {
  rule("GPUOverheating", Action{Deed::Exclude, false});
  open();
  at(90);
  ASSERT_EQ(actions->excluded()->count({"default", "GPU-1"}), 1U);
  EXPECT_THAT(actions->excluded()->at({"default", "GPU-1"}), HasSubstr("alert GPUOverheating fires"));
  open();
  EXPECT_THAT(*actions->excluded(), SizeIs(1)) << "from the start on";
  const auto follower = must(AlertActions::open(*alerts, *changes, {.leads = false}));
  EXPECT_THAT(*follower->excluded(), SizeIs(1));
  at(40);
  EXPECT_THAT(*actions->excluded(), IsEmpty());
}

TEST_F(AlertActionsTest, AWebhookIsToldOfBeginAndEndInTheirOrderHoweverLongItWasAway) {
  rule("GPUOverheating", Action{Deed::Webhook, false, url_file});
  status = 503;
  open();
  at(90);
  at(40);
  at(90);
  EXPECT_THAT(states(), ElementsAre("webhook beginning", "webhook ending"));
  EXPECT_THAT(must(alerts->actions(9))[1].last_error, HasSubstr("answered 503"));
  EXPECT_THAT(must(alerts->actions(9))[1].last_error, testing::Not(HasSubstr("secret")));
  open();
  status = 200;
  for (int round = 0; round < 3; ++round) actions->round();
  at(90);
  EXPECT_THAT(posted, ElementsAre("resolved", "firing"));
  at(40);
  at(40);
  EXPECT_THAT(posted, ElementsAre("resolved", "firing", "resolved"));
  EXPECT_THAT(states(), ElementsAre("webhook ended", "webhook ended"));
}

TEST_F(AlertActionsTest, AreNotDoneByWhoMayNotWrite) {
  rule("GPUOverheating", Action{Deed::Cordon, false});
  open();
  actions = must(AlertActions::open(
      *alerts, *changes,
      {.nodes = kube::ApiServer{.url = stub->url()}, .may_write = [] { return false; }, .runs = false}));
  at(90);
  EXPECT_THAT(states(), IsEmpty());
}

TEST(Taints, AreOursAloneToChange) {
  const auto with = [](const std::string& taints, const fleet::alerts::NodeMarks& marks, bool add) {
    return must(taints_with(R"({"spec":{"taints":)" + taints + "}}", marks, add));
  };
  const std::string a = R"([{"key":"tessera.dev/alert","value":"A","effect":"NoSchedule"}])";
  EXPECT_EQ(must(taints_with("{}", {false, "A", {"A"}}, true)), a);
  EXPECT_EQ(with(a, {false, "A", {"A"}}, true), "") << "it is so already";
  EXPECT_EQ(with(a, {false, "A", {"A", "B"}}, false), "");
  EXPECT_EQ(with(a, {false, "", {"A"}}, false), "[]");
  EXPECT_THAT(with(a, {false, "B", {"A", "B"}}, false), HasSubstr("\"B\""));
  EXPECT_EQ(with("[]", {false, "B", {"A", "B"}}, false), "") << "a person has taken it away";
  EXPECT_EQ(with(a, {false, "", {"B"}}, false), "") << "somebody else's";
}

}  // namespace
}  // namespace tessera::server

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/access/viewer.h"
#include "server/advice/api.h"
#include "server/advice/json.h"
#include "server/cost/told_history.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
using store::AdviceAnswer;
using store::AdviceSaid;
using store::AdviceState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute, kHour = 60 * kMinute;

/// Two boards that are held, one of them for nothing; an hour stands for a day.
struct AdvisorTest : testing::Test {
  AdvisorTest() {
    options.runs = false;
    options.advice.time_scale = 1.0 / 24;
    options.windowing.loading = Milliseconds(10 * kMinute);
    history.scrape("w1", kStart, now, [](EpochMs) { return two_boards(0, "train-0"); });
    history.keep(now);
    advisor =
        std::make_unique<Advisor>(history.published, changes, history.readers, &costs, [] { return true; }, options);
  }

  http::Response ask(const char* method, const std::string& path, const std::string& id = "",
                     const std::string& body = "", const std::string& query = "") {
    http::Request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.body = body;
    if (viewer) request.caller = std::make_shared<const Caller>(Caller{viewer, {}});
    if (!body.empty()) request.headers.emplace_back("content-type", "application/json");
    if (!id.empty()) request.params = {{"adviceId", id}};
    const std::string pattern =
        id.empty() ? path : "/advice/{adviceId}" + path.substr(std::string_view("/advice/").size() + id.size());
    for (const http::Route& one : advice_routes(*advisor, ""))
      if (one.method == method && one.path == pattern) return one.handle(request);
    return {};
  }
  Json list(const std::string& query = "") { return Json::parse(ask("GET", "/advice", "", "", query).body)["items"]; }

  const EpochMs now = kStart + 3 * kHour;
  ToldHistory history;
  CostsOptions cost_options;
  Costs costs{cost_options, history.published, history.readers};
  Changes changes{history.open()};
  AdvisorOptions options;
  std::unique_ptr<Advisor> advisor;
  std::shared_ptr<const Viewer> viewer;  ///< who asks; null: nobody is asked who he is
};

TEST_F(AdvisorTest, SaysWhatIsHeldForNothingAndNothingElse) {
  ASSERT_TRUE(advisor->run(now));
  const Json items = list();
  ASSERT_EQ(items.size(), 1U) << items.dump(1);
  EXPECT_EQ(items[0]["kind"], "idle-held");
  EXPECT_EQ(items[0]["subject"]["name"], "train-0");
  EXPECT_EQ(items[0]["savingPerMonth"], "5840.00");
  EXPECT_EQ(items[0]["currency"], "USD");
  EXPECT_EQ(items[0]["state"], "open");
  EXPECT_GE(items[0]["evidence"]["observedShare"].get<double>(), 0.9);
  EXPECT_THAT(items[0]["change"]["text"].get<std::string>(), HasSubstr("kubectl --namespace ml"));
  EXPECT_THAT(list("kind=share"), IsEmpty());
  EXPECT_THAT(list("namespace=ml&state=open"), SizeIs(1));
}

/// Which an operator has in the place of the built-in rule.
TEST_F(AdvisorTest, SaysOfABoardWhatACopyOfARuleTold) {
  store::AlertEvent fired;
  fired.time = fired.fired = now - kHour;
  fired.phase = fleet::alerts::Phase::Firing;
  fired.alert = "ProdRowRemapFailed";
  fired.labels = {{"uuid", "GPU-0"}};
  std::vector<store::AlertEvent> events = {fired};
  ASSERT_TRUE(changes.read([&](store::Database& database) { return store::add_alert_events(database, events); }));
  ASSERT_TRUE(advisor->run(now));
  EXPECT_THAT(list("kind=hardware"), IsEmpty()) << "nobody says what it is a copy of";
  options.alert_copies = {{"ProdRowRemapFailed", "GPURowRemapFailed"}, {"Hot", "GPUOverheating"}};
  advisor =
      std::make_unique<Advisor>(history.published, changes, history.readers, &costs, [] { return true; }, options);
  ASSERT_TRUE(advisor->run(now));
  const Json items = list("kind=hardware");
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_THAT(items[0]["sentence"].get<std::string>(), HasSubstr("ProdRowRemapFailed"));
}

TEST_F(AdvisorTest, SaysWhatLiesApartForADayAlsoAcrossARestart) {
  options.run_every = Milliseconds(10 * kMinute);
  options.consolidations = [](const Published&) {
    return std::vector<Consolidated>{{"default", "A100_80GB", {"w1-GPU-01"}, {"serving/llm-0 moves"}}};
  };
  for (EpochMs at = now; at <= now + kHour; at += 10 * kMinute) {  // each time a server that has just started
    advisor =
        std::make_unique<Advisor>(history.published, changes, history.readers, &costs, [] { return true; }, options);
    ASSERT_TRUE(advisor->run(at));
    EXPECT_THAT(list("kind=defragment"), SizeIs(at < now + kHour ? 0 : 1)) << (at - now) / kMinute;
  }
}

TEST_F(AdvisorTest, SaysThatAQuotaIsTooSmallWhereItRefusedPodsForDays) {
  options.note_every = Milliseconds(10 * kMinute);
  options.windowing.most = std::chrono::hours(24 * 14);
  std::optional<std::vector<QuotaRefusal>> standing;
  options.refusals = [&](EpochMs) { return standing; };
  advisor =
      std::make_unique<Advisor>(history.published, changes, history.readers, &costs, [] { return true; }, options);
  auto cluster = std::make_shared<fleet::ClusterView>();
  cluster->watched = cluster->synced = cluster->quotas_synced = true;
  cluster->cluster = "default";
  fleet::ClusterNode node;
  node.name = "w1";
  node.ready = true;
  node.allocatable = {{"nvidia.com/gpu", 2}};
  cluster->nodes["w1"] = std::make_shared<const fleet::ClusterNode>(node);
  cluster->quotas["ml/gpus"] = std::make_shared<const fleet::ClusterQuota>(
      fleet::ClusterQuota{"ml", "gpus", {{"nvidia.com/gpu", 1}}, {{"nvidia.com/gpu", 1}}});
  auto known = *history.published.get();
  known.cluster = cluster;
  history.published.publish(std::make_shared<const Published>(known));
  const auto looks = [&](EpochMs from, EpochMs to) {
    for (EpochMs at = from; at <= to; at += 10 * kMinute) {
      if (standing) standing = {{"ml", "ReplicaSet/chat", "gpus", "nvidia.com/gpu", 1, 1, at}};
      ASSERT_TRUE(advisor->note(at));
    }
  };
  looks(now - 60 * kHour, now);
  ASSERT_TRUE(advisor->run(now));
  EXPECT_THAT(list("kind=quota-too-small"), IsEmpty()) << "nobody has told of refusals";
  standing.emplace();
  looks(now + 10 * kMinute, now + 60 * kHour);
  ASSERT_TRUE(advisor->run(now + 60 * kHour));
  const Json items = list("kind=quota-too-small");
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0]["aim"], "2 of nvidia.com/gpu");
  EXPECT_EQ(items[0]["savingPerMonth"], nullptr);
  EXPECT_EQ(items[0]["costPerMonth"], "5840.00") << items[0].dump(1);
  EXPECT_EQ(items[0]["subject"]["namespace"], "ml");
  EXPECT_THAT(items[0]["evidence"]["numbers"].dump(), HasSubstr("unusedElsewhere"));
  auto restricted = std::make_shared<Viewer>();
  restricted->spaces = {"ml"};
  viewer = restricted;
  const Json own = list("kind=quota-too-small");
  ASSERT_THAT(own, SizeIs(1));
  EXPECT_THAT(own[0].dump(), Not(HasSubstr("unusedElsewhere"))) << "it is of other namespaces";
  EXPECT_THAT(own[0]["evidence"]["numbers"], SizeIs(4));
  const std::string id = own[0]["id"];
  EXPECT_THAT(ask("GET", "/advice/" + id, id).body, Not(HasSubstr("unusedElsewhere")));
}

TEST_F(AdvisorTest, OfAnotherTeamsNamespaceNothingIsTold) {
  ASSERT_TRUE(advisor->run(now));
  const std::string id = list()[0]["id"];
  const auto restricted_to = [&](const char* space) {
    auto out = std::make_shared<Viewer>();
    out->spaces = {space};
    viewer = out;
  };
  restricted_to("serving");
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(list("namespace=ml"), IsEmpty());
  EXPECT_EQ(ask("GET", "/advice/" + id, id).status, 404);
  restricted_to("ml");
  EXPECT_THAT(list(), SizeIs(1));
  EXPECT_EQ(ask("GET", "/advice/" + id, id).status, 200);
}

TEST_F(AdvisorTest, OfWhatIsOfNoNamespaceTheRestrictedAreNotTold) {
  AdviceSaid sick;
  sick.id = "hardware-1";
  sick.kind = "hardware";
  sick.name = "w1-GPU-00";
  sick.body = "{}";
  ASSERT_TRUE(store::keep_advice(*history.database, {sick}));
  EXPECT_THAT(list(), SizeIs(1));
  auto restricted = std::make_shared<Viewer>();
  restricted->spaces = {"ml"};
  viewer = restricted;
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(ask("GET", "/advice/hardware-1", "hardware-1").status, 404);
}

TEST_F(AdvisorTest, IsWhatTheDocumentSays) {
  ASSERT_TRUE(advisor->run(now));
  const SchemaCheck& check = own_schema();
  const auto schema = [&](const std::string& path) {
    const auto reply = check.resolved(check.at({"paths", path, "get", "responses", "200"}));
    return reply.find("content")->find("application/json")->find("schema").value();
  };
  const Json page = Json::parse(ask("GET", "/advice").body);
  EXPECT_THAT(check.wrong_in(page, schema("/advice")), IsEmpty());
  const std::string id = page["items"][0]["id"];
  EXPECT_EQ(ask("POST", "/advice/" + id + "/accept", id).status, 200);
  const Json one = Json::parse(ask("GET", "/advice/" + id, id).body);
  EXPECT_THAT(check.wrong_in(one, schema("/advice/{adviceId}")), IsEmpty());
}

TEST_F(AdvisorTest, IsAnsweredAndComesBackAsItIsAnswered) {
  ASSERT_TRUE(advisor->run(now));
  const std::string id = list()[0]["id"];
  const std::string one = "/advice/" + id;
  EXPECT_EQ(ask("POST", one + "/dismiss", id).status, 400);
  EXPECT_EQ(ask("POST", one + "/snooze", id, R"({"reason":"later"})").status, 400);
  EXPECT_EQ(ask("POST", one + "/snooze", id, R"({"for":"9999d"})").status, 400);
  EXPECT_EQ(ask("POST", one + "/accept", id, R"({"colour":"red"})").status, 400);
  EXPECT_EQ(ask("POST", "/advice/none/accept", "none").status, 404);
  EXPECT_EQ(ask("POST", one + "/dismiss", id, R"({"reason":"a demonstration stands there"})").status, 200);
  ASSERT_TRUE(advisor->run(now + 10 * kMinute));
  EXPECT_EQ(list()[0]["state"], "dismissed");
  EXPECT_EQ(list()[0]["answer"]["reason"], "a demonstration stands there");
  EXPECT_EQ(ask("POST", one + "/reopen", id).status, 200);
  EXPECT_EQ(list()[0]["state"], "open");
  EXPECT_EQ(ask("POST", one + "/accept", id).status, 200);
  const Json shown = Json::parse(ask("GET", one, id).body);
  EXPECT_EQ(shown["state"], "accepted");
  EXPECT_EQ(shown["realised"]["known"], false);
  EXPECT_TRUE(shown["realised"]["savingPerMonth"].is_null());
  std::vector<std::string> audited;
  ASSERT_TRUE(history.database->each("SELECT action FROM audit ORDER BY sequence", {},
                                     [&](const store::Row& row) { audited.push_back(row.text(0)); }));
  EXPECT_THAT(audited, testing::IsSupersetOf({"advice.dismissed", "advice.open", "advice.accepted"}));
}

AdviceSaid said(std::optional<fleet::Micros> per_month, const std::string& aim = "stopped") {
  AdviceSaid out;
  out.id = "idle-held-1";
  out.kind = "idle-held";
  out.aim = aim;
  out.per_month = per_month;
  out.body = "{}";
  return out;
}

/// Advice on the board, as it is said now.
fleet::advice::Advice sick(const std::string& uuid) {
  fleet::advice::Facts facts;
  facts.troubles = {{"c", "w1", "w1-GPU-00", "H100_80GB", "GPURowRemapFailed", kStart - 7 * 24 * kHour, kStart, 1, 1,
                     Milliseconds(0), fleet::kUnit, uuid}};
  return fleet::advice::advise(facts).at(0);
}

TEST(AdoptByBoard, AnAnswerByPlaceGoesToTheBoardThatItWasAbout) {
  ToldHistory history;
  const auto now = sick("GPU-a");
  const auto adopted = [&](const std::string& answered_of) {
    AdviceAnswer answer;
    answer.id = id_by_slot(now);
    answer.state = AdviceState::Dismissed;
    answer.body = answered_of.empty() ? "{}" : advice_body(sick(answered_of));
    EXPECT_TRUE(store::put_advice_answer(*history.database, answer));
    EXPECT_TRUE(adopt_by_board(*history.database, {now}));
    EXPECT_TRUE(adopt_by_board(*history.database, {now})) << "and does not again";
    const std::string id = store::advice_answers(*history.database)->at(0).id;
    EXPECT_TRUE(store::drop_advice_answer(*history.database, id));
    return id;
  };
  EXPECT_EQ(adopted("GPU-a"), now.id);
  EXPECT_EQ(adopted(""), now.id) << "a version that kept no UUID has said it";
  EXPECT_EQ(adopted("GPU-b"), id_by_slot(now)) << "of a board that is not there any longer";
}

TEST(ToldAdvice, ComesBackWhenItsTimeIsOverOrItIsSomethingElse) {
  AdviceAnswer answer;
  answer.id = "idle-held-1";
  answer.state = AdviceState::Snoozed;
  answer.until = 100;
  answer.aim = "stopped";
  answer.per_month = 100;
  const auto state = [&](const AdviceSaid& one, EpochMs now) { return told_advice({one}, {answer}, now).at(0).state; };
  EXPECT_EQ(state(said(100), 99), AdviceState::Snoozed);
  EXPECT_EQ(state(said(100), 100), AdviceState::Open);
  answer.state = AdviceState::Dismissed;
  EXPECT_EQ(state(said(125), 1'000), AdviceState::Dismissed);
  EXPECT_EQ(state(said(126), 1'000), AdviceState::Open);
  EXPECT_EQ(state(said(100, "1g.10gb"), 1'000), AdviceState::Open);
  answer.state = AdviceState::Accepted;
  EXPECT_EQ(state(said(500), 1'000), AdviceState::Accepted);
  EXPECT_THAT(told_advice({}, {answer}, 1), SizeIs(1)) << "what was accepted is told when it is said no longer";
  EXPECT_FALSE(told_advice({}, {answer}, 1)[0].said.standing);
  answer.state = AdviceState::Dismissed;
  EXPECT_THAT(told_advice({}, {answer}, 1), IsEmpty());
}

TEST(ToldAdvice, MoneyIsOfThePodsThatTheOwnerMakesAnew) {
  fleet::advice::Subject of;
  of.cluster = "c";
  of.space = "ml";
  of.kind = "Deployment";
  of.name = "chat";
  of.pods = {"odd"};
  of.owners = {{"Deployment", "chat"}};
  const auto is = [&](const char* pod) { return is_of(of, {"c", "ml", pod, "", "", "", ""}); };
  EXPECT_TRUE(is("odd"));
  EXPECT_TRUE(is("chat-5d9c7-x2x4z"));
  EXPECT_FALSE(is("chat-web-5d9c7-x2x4z"));
  EXPECT_FALSE(is("chatter-5d9c7-x2x4z"));
  EXPECT_FALSE(is("chat-cache-0")) << "a StatefulSet's, whose name begins alike";
  EXPECT_FALSE(is("chat-cache-x2x4z")) << "a DaemonSet's: no hash has an a";
  of.owners = {{"StatefulSet", "chat"}};
  EXPECT_TRUE(is("chat-0"));
  EXPECT_FALSE(is("chat-web-0"));
  EXPECT_FALSE(is_of(of, {"c", "other", "chat-0", "", "", "", ""}));
  of.owners = {{"LeaderWorkerSet", "chat"}};
  EXPECT_TRUE(is("chat-0"));
  EXPECT_TRUE(is("chat-0-1"));
  EXPECT_FALSE(is("chat-0-1-2"));
  EXPECT_FALSE(is("chat-web-0"));
  of.owners = {{"InferenceService", "chat"}};
  EXPECT_TRUE(is("chat-predictor-5d9c7-x2x4z"));
  EXPECT_TRUE(is("chat-predictor-worker-5d9c7-x2x4z")) << "of one on several nodes";
  EXPECT_FALSE(is("chat-5d9c7-x2x4z"));
  EXPECT_FALSE(is("chat-predictor-web-predictor-5d9c7-x2x4z"));
  of.name = "chat and train";
  of.owners = {{"Deployment", "chat"}, {"Pod", "train"}};
  EXPECT_TRUE(is("chat-5d9c7-x2x4z"));
  EXPECT_TRUE(is("train"));
}

TEST(RealisedSaving, IsWhatTheWorkloadCostBeforeLessWhatItCostBehind) {
  fleet::advice::Subject of;
  of.cluster = "c";
  of.space = "ml";
  of.kind = "StatefulSet";
  of.name = "chat";
  of.owners = {{"StatefulSet", "chat"}};
  const fleet::CostSubject device;
  const fleet::CostOwner ours{"c", "ml", "chat-0", "", "", "", ""}, other{"c", "ml", "train-0", "", "", "", ""};
  Realised out;
  out.from = kStart;
  out.accepted = kStart + kRealisedWindow.count();
  out.to = out.accepted + kRealisedWindow.count();
  const auto row = [&](EpochMs bucket, const fleet::CostOwner* owner, fleet::CostKind kind, fleet::Micros micros) {
    fleet::CostRow one;
    one.bucket = bucket;
    one.subject = &device;
    one.owner = owner;
    one.kind = kind;
    one.amount.micros = micros;
    return one;
  };
  const EpochMs later = out.from + kHour, behind = out.accepted + kHour;
  std::vector<fleet::CostRow> rows = {row(later, &ours, fleet::CostKind::Used, 100 * fleet::kUnit),
                                      row(later, &ours, fleet::CostKind::HeldIdle, 68 * fleet::kUnit),
                                      row(later, &other, fleet::CostKind::Used, 9 * fleet::kUnit),
                                      row(behind, &ours, fleet::CostKind::Used, 84 * fleet::kUnit),
                                      row(behind, nullptr, fleet::CostKind::Unallocated, 5 * fleet::kUnit)};
  ASSERT_TRUE(reckon(out, rows, of, "schedule"));
  EXPECT_FALSE(out.per_month) << "the ledger had not begun";
  rows.push_back(row(out.from, nullptr, fleet::CostKind::Unobserved, fleet::kUnit));
  ASSERT_TRUE(reckon(out, rows, of, "schedule"));
  EXPECT_EQ(out.before, 168 * fleet::kUnit);
  EXPECT_EQ(out.after, 84 * fleet::kUnit);
  EXPECT_EQ(out.per_month, 365 * fleet::kUnit) << "84 in 168 hours, for 730";
  const auto per_month = [&](const std::string& kind) {
    out.before = out.after = out.per_month = std::nullopt;
    EXPECT_TRUE(reckon(out, rows, of, kind));
    return out.per_month;
  };
  std::erase_if(rows, [&](const fleet::CostRow& one) { return one.bucket == behind; });
  EXPECT_FALSE(per_month("schedule")) << "none of its pods is found: it may have another name by now";
  EXPECT_FALSE(out.after);
  EXPECT_EQ(per_month("idle-held"), 730 * fleet::kUnit) << "it was to be stopped";
  of.pods = {"chat-0"};
  of.owners = {{"Job", "chat-29384756"}};
  EXPECT_FALSE(per_month("idle-held")) << "the next job of its CronJob has another name";
  of.owners = {{"Job", "other"}};
  std::erase_if(rows, [&](const fleet::CostRow& one) { return one.owner == &ours; });
  EXPECT_FALSE(per_month("idle-held")) << "nor is anything of it found before";
}

TEST(RealisedSaving, OfABoardOrOfAllOfAModelIsWhatTheseCost) {
  fleet::advice::Subject of;
  of.cluster = "c";
  of.model = "H100_80GB";
  fleet::CostSubject first, second, other;
  first.cluster = second.cluster = other.cluster = "c";
  first.model = second.model = "H100_80GB";
  first.device_id = "w1-GPU-00";
  first.device_uuid = "GPU-a";
  second.device_id = "w1-GPU-01";
  second.device_uuid = "GPU-b";
  other.model = "L4";
  Realised out;
  out.from = kStart;
  out.accepted = kStart + kRealisedWindow.count();
  out.to = out.accepted + kRealisedWindow.count();
  const auto row = [](EpochMs bucket, const fleet::CostSubject& subject, fleet::CostKind kind, fleet::Micros micros) {
    fleet::CostRow one;
    one.bucket = bucket;
    one.subject = &subject;
    one.kind = kind;
    one.amount.micros = micros * fleet::kUnit;
    return one;
  };
  const EpochMs behind = out.accepted + kHour;
  std::vector<fleet::CostRow> rows = {
      row(out.from, first, fleet::CostKind::Unallocated, 100), row(out.from, second, fleet::CostKind::Used, 68),
      row(out.from, other, fleet::CostKind::Used, 9), row(behind, second, fleet::CostKind::Used, 84)};
  const auto per_month = [&](const char* kind) {
    out.before = out.after = out.per_month = std::nullopt;
    EXPECT_TRUE(reckon(out, rows, of, kind));
    return out.per_month;
  };
  EXPECT_EQ(per_month("reserve"), 365 * fleet::kUnit) << "168 less 84 in 168 hours, for 730";
  of.device_id = "w1-GPU-00";
  EXPECT_FALSE(per_month("hardware")) << "which board was there is not known";
  of.device_uuid = "GPU-a";
  EXPECT_EQ(per_month("hardware"), 100 * fleet::kUnit * 730 / 168) << "it has gone";
  fleet::CostSubject instead = first;
  instead.device_uuid = "GPU-c";
  rows.push_back(row(behind, instead, fleet::CostKind::Used, 100));
  EXPECT_EQ(per_month("hardware"), 100 * fleet::kUnit * 730 / 168) << "another board is in its place";
  rows.back().subject = &first;
  EXPECT_EQ(per_month("hardware"), 0) << "it is still there";
  rows.pop_back();
  of.device_id = "w1-GPU-07";
  of.device_uuid = "GPU-z";
  EXPECT_FALSE(per_month("hardware")) << "nothing of it is found before";
  of.device_id.clear();
  of.device_uuid.clear();
  rows.pop_back();
  EXPECT_FALSE(per_month("reserve")) << "all of them may have another name by now";
}

TEST(ServingSince, IsWhatEnginesDidAndNothingOfThoseThatDoNotTell) {
  auto one = std::make_shared<fleet::Served>();
  one->cluster = "c";
  one->space = "serving";
  one->pod = "llm-0";
  one->running = 2;
  one->waiting = 1;
  one->prompt_tokens_per_second = 10;
  one->finished_per_second = 0.5;
  one->kv_used_ratio = 0.25;
  one->kv_capacity_tokens = 1'000;
  auto silent = std::make_shared<fleet::Served>(*one);
  silent->pod = "llm-1";
  silent->waiting.reset();
  const auto seen = serving_since({{one, one, silent}}, kStart, kStart + kMinute, Milliseconds(5 * kMinute));
  ASSERT_THAT(seen, SizeIs(1)) << "engines of one pod are one";
  EXPECT_EQ(seen[0].slot.observed_ms, kMinute);
  EXPECT_DOUBLE_EQ(seen[0].slot.tokens, 1'200);
  EXPECT_DOUBLE_EQ(seen[0].slot.finished, 60);
  EXPECT_EQ(seen[0].slot.running_most, 4);
  EXPECT_EQ(*seen[0].slot.kv_tokens_most, 500);
  EXPECT_EQ(seen[0].slot.begin % (5 * kMinute), 0);
}

}  // namespace
}  // namespace tessera::server

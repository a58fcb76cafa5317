#include "server/budgets/api.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "http/router.h"
#include "server/access/viewer.h"
#include "server/allocations.h"
#include "server/api_allocations.h"
#include "server/api_json.h"
#include "server/budgets/json.h"
#include "server/budgets/start.h"
#include "server/budgets/told_budgets.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string wish(const std::string& more = "", const std::string& name = "search in a day") {
  return R"({"name": ")" + name +
         R"(", "scope": "team", "scopeName": "search", "period": "day", "amount": "10.5", )"
         R"("thresholds": [{"percent": 100, "on": "forecast"}, {"percent": 50, "on": "actual"}])" +
         more + "}";
}

std::string etag_in(const http::Response& reply) {
  for (const auto& [name, value] : reply.headers)
    if (name == "ETag") return value;
  return "";
}

/// Two boards, of which one is cut; a day's budget, and allocations that ask it.
struct ApiBudgetsTest : ToldBudgets {
  ApiBudgetsTest() {
    // Devices that are told of shortly before the ledger's time.
    history.scrape("w1", kStart - 60'000, kStart, [](EpochMs) { return two_boards(0.5, "train-0"); });
    look(0);
    AllocationOptions options;
    options.look_every = Milliseconds(0);
    options.budgets = budget_words({}, budgets.get());
    allocations = *Allocations::open(history.published, changes, layouts, events, [] { return true; }, options);
    auto all = budget_routes(budgets.get(), "/api");
    for (http::Route& one : allocation_routes(history.published, *allocations, {}, "/api"))
      all.push_back(std::move(one));
    router.emplace(*http::Router::build(std::move(all)));
  }

  http::Response send(const std::string& method, const std::string& path, const std::string& body = "",
                      std::vector<std::pair<std::string, std::string>> headers = {},
                      const std::shared_ptr<const Viewer>& viewer = nullptr) {
    http::Request request;
    request.method = method;
    request.path = "/api" + path;
    if (const auto query = request.path.find('?'); query != std::string::npos) {
      request.query = request.path.substr(query + 1);
      request.path.resize(query);
    }
    request.body = body;
    request.headers = std::move(headers);
    request.headers.emplace_back("Content-Type", "application/json");
    if (viewer) request.caller = std::make_shared<const Caller>(Caller{viewer, {}});
    auto match = std::get<http::Router::Match>(router->find(method, request.path));
    request.params = match.params;
    return match.route->handle(request);
  }
  Json made(const std::string& body, int status = 201) {
    const auto reply = send("POST", "/budgets", body);
    EXPECT_EQ(reply.status, status) << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  Json get(const std::string& path, int status = 200) {
    const auto reply = send("GET", path);
    EXPECT_EQ(reply.status, status) << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  std::string refused(const std::string& body) { return made(body, 400).value("detail", ""); }
  void hold(const Json& body, const std::string& path, const std::string& method, const std::string& status) {
    const auto reply = check.resolved(check.at({"paths", path, method, "responses", status}));
    EXPECT_THAT(check.wrong_in(body, reply.find("content")
                                         ->find(status == "409" ? "application/problem+json" : "application/json")
                                         ->find("schema")
                                         .value()),
                IsEmpty())
        << body;
  }
  std::vector<std::string> audit() {
    std::vector<std::string> out;
    EXPECT_TRUE(history.database->each("SELECT action FROM audit ORDER BY sequence", {},
                                       [&](const store::Row& row) { out.push_back(row.text(0)); }));
    return out;
  }
  /// Answer to POST /gpu/allocations for a pod of the team.
  http::Response ask(const std::string& pod, const std::string& team, const std::string& more = "") {
    return send("POST", "/gpu/allocations",
                fmt::format(R"({{"namespace": "ml", "podName": "{}", "team": "{}", "requiredMemoryGb": 5{}}})", pod,
                            team, more));
  }

  WantedLayouts layouts{0, {}};
  Events events{history.published, [] { return false; }};
  std::unique_ptr<Allocations> allocations;
  std::optional<http::Router> router;
  const SchemaCheck& check = own_schema();
};

TEST_F(ApiBudgetsTest, ABudgetIsMadeShownChangedAndRemoved) {
  close(0, 4, {{"search", 2 * kUnit}});
  look(4);
  const Json one = made(wish());
  const std::string path = "/budgets/" + one.value("id", "");
  EXPECT_EQ(one["amount"], "10.50");
  EXPECT_EQ(one["currency"], "USD");
  EXPECT_EQ(one["standing"]["spent"], "8.00");
  EXPECT_EQ(one["standing"]["remaining"], "2.50");
  EXPECT_EQ(one["standing"]["spentPercent"], 76.19);
  EXPECT_EQ(one["standing"]["evenPace"], "0.4375");
  EXPECT_EQ(one["standing"]["period"]["end"], "2027-01-16T00:00:00+00:00");
  EXPECT_EQ(one["standing"]["forecast"], nullptr);
  EXPECT_THAT(one["standing"]["noForecast"].get<std::string>(), HasSubstr("too little history"));
  ASSERT_EQ(one["standing"]["crossings"].size(), 1U);
  EXPECT_EQ(one["standing"]["crossings"][0]["percent"], 50);
  EXPECT_EQ(one["standing"]["burnDown"].size(), 1U);
  EXPECT_EQ(get(path), one);
  const Json list = get("/budgets");
  ASSERT_EQ(list["items"].size(), 1U);
  EXPECT_FALSE(list["items"][0]["standing"].contains("burnDown"));
  EXPECT_EQ(get("/budgets?scope=fleet")["total"], 0);

  const auto shown = send("GET", path);
  const std::string etag = etag_in(shown);
  EXPECT_EQ(send("PUT", path, wish(R"(, "enforcement": "warn")"), {{"If-Match", "\"old\""}}).status, 412);
  const auto changed = send("PUT", path, wish(R"(, "enforcement": "warn")"), {{"If-Match", etag}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(Json::parse(changed.body)["enforcement"], "warn");
  EXPECT_NE(etag_in(changed), etag);
  EXPECT_EQ(send("DELETE", path, "", {{"If-Match", etag}}).status, 412);
  EXPECT_EQ(send("DELETE", path).status, 204);
  EXPECT_EQ(send("DELETE", path).status, 404);
  EXPECT_EQ(send("PUT", path, wish()).status, 404);
  get(path, 404);
  EXPECT_THAT(audit(), testing::IsSupersetOf({"budget.create", "budget.change", "budget.delete"}));
}

TEST_F(ApiBudgetsTest, RepliesAreWhatTheDocumentSays) {
  close(-5 * 96, 5 * 96 + 4, {{"search", kUnit / 10}});
  look(4);
  const Json one = made(wish());
  EXPECT_NE(one["standing"]["forecast"], nullptr) << one["standing"];
  made(R"({"name": "b", "scope": "fleet", "period": "custom", "begin": "2027-01-16T00:00:00+05:45",
           "end": "2027-01-17T00:00:00+05:45", "timeZone": "Asia/Kathmandu", "amount": "0"})");
  const std::string id = one.value("id", "");
  hold(one, "/budgets", "post", "201");
  hold(get("/budgets"), "/budgets", "get", "200");
  hold(get("/budgets/" + id), "/budgets/{budgetId}", "get", "200");
  hold(Json::parse(send("PUT", "/budgets/" + id, wish()).body), "/budgets/{budgetId}", "put", "200");
  http::Request table;
  table.method = "GET";
  table.path = "/api/budgets";
  table.headers = {{"Accept", "text/csv"}};
  const auto csv = std::get<http::Router::Match>(router->find("GET", table.path)).route->handle(table);
  EXPECT_THAT(csv.body, testing::StartsWith("id,name,scope,scopeName,period"));
  EXPECT_THAT(csv.body, HasSubstr("search in a day,team,search,day,UTC,10.50,USD"));
}

TEST_F(ApiBudgetsTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(refused("[]"), "the body is no JSON object");
  EXPECT_EQ(refused(R"({"name": "a"})"), "scope: it is not there, and is needed");
  EXPECT_THAT(refused(wish(R"(, "colour": "red")")), HasSubstr("colour: there is no such member; there are name"));
  EXPECT_EQ(refused(wish(R"(, "amount": 7)")), "amount: a text expected");
  EXPECT_EQ(refused(wish(R"(, "amount": "-1")")), "amount: -1.00 is below 0");
  EXPECT_EQ(refused(wish(R"(, "amount": "9223372036854.775808")")), "amount: '9223372036854.775808': too large");
  EXPECT_THAT(refused(wish(R"(, "currency": "KRW")")), HasSubstr("two currencies have no sum"));
  EXPECT_THAT(refused(wish(R"(, "period": "year")")), HasSubstr("one of day, week, month, quarter, custom"));
  EXPECT_THAT(refused(wish(R"(, "timeZone": "Asia/Seul")")), HasSubstr("no such zone"));
  EXPECT_THAT(refused(wish(R"(, "thresholds": [{"percent": 0}])")), HasSubstr("1 to 1000 expected"));
  EXPECT_THAT(refused(wish(R"(, "thresholds": [{"percent": 5}, {"percent": 5}])")), HasSubstr("twice"));
  EXPECT_THAT(refused(wish(R"(, "begin": "2027-01-16T00:00:00Z")")), HasSubstr("begin and end are of a custom one"));
  made(wish());
  EXPECT_EQ(made(wish(), 409).value("type", ""), "urn:tessera:problem:name-taken");
  EXPECT_EQ(made(wish(R"(, "amount": "9223372036854.775807")", "most")).value("amount", ""), "9223372036854.775807");
}

TEST_F(ApiBudgetsTest, ARepetitionMakesNoSecondOne) {
  const auto first = send("POST", "/budgets", wish(), {{"Idempotency-Key", "k"}}),
             second = send("POST", "/budgets", wish(), {{"Idempotency-Key", "k"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(Json::parse(first.body)["id"], Json::parse(second.body)["id"]);
  hold(Json::parse(second.body), "/budgets", "post", "201");
  EXPECT_EQ(get("/budgets")["total"], 1);
}

TEST_F(ApiBudgetsTest, WithoutCostsThereAreNone) {
  const auto without = *http::Router::build(budget_routes(nullptr, "/api"));
  http::Request request;
  request.method = "GET";
  request.path = "/api/budgets";
  const auto reply = std::get<http::Router::Match>(without.find("GET", request.path)).route->handle(request);
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, HasSubstr("gpu.management.cost.enabled is false"));
}

TEST_F(ApiBudgetsTest, MetricsSayWhatStands) {
  close(0, 4, {{"search", 2 * kUnit}});
  look(4);
  made(wish());
  metrics::Page page;
  add_budget_metrics(page, *budgets);
  const std::string text = metrics::write_text(page);
  EXPECT_THAT(text, HasSubstr(R"(gpu_budget_amount{budget="search in a day",scope="team:search"} 10.5)"));
  EXPECT_THAT(text, HasSubstr(R"(gpu_budget_spent{budget="search in a day",scope="team:search"} 8)"));
  EXPECT_THAT(text, HasSubstr(R"(gpu_budget_threshold_crossed{budget="search in a day",scope="team:search",)"
                              R"(threshold="50",kind="actual"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("gpu_budget_forecast{"))) << "what is not known is absent";
}

TEST_F(ApiBudgetsTest, ASpentBudgetThatRefusesIsInTheWayOfAnAllocation) {
  close(0, 4, {{"search", 3 * kUnit}});
  look(4);
  const Json one = made(wish(R"(, "enforcement": "refuse")"));
  EXPECT_EQ(one["standing"]["overspent"], true);
  const auto reply = ask("p", "search");
  ASSERT_EQ(reply.status, 409) << reply.body;
  const Json body = Json::parse(reply.body);
  EXPECT_THAT(body["type"].get<std::string>(), HasSubstr("over-budget"));
  EXPECT_EQ(body["detail"],
            "budget 'search in a day' of team:search is spent for its period, which ends "
            "2027-01-16T00:00:00+00:00");
  ASSERT_EQ(body["refusal"]["budgets"].size(), 1U);
  const Json& word = body["refusal"]["budgets"][0];
  EXPECT_EQ(word["id"], one["id"]);
  EXPECT_EQ(word["amount"], "10.50");
  EXPECT_EQ(word["spent"], "12.00");
  EXPECT_EQ(word["enforcement"], "refuse");
  hold(body, "/gpu/allocations", "post", "409");
  EXPECT_EQ(ask("p", "search", R"(, "dryRun": true)").status, 409) << "a preview says it, too";

  const auto waits = ask("p", "search", R"(, "wait": true)");
  ASSERT_EQ(waits.status, 202) << waits.body;
  const std::string id = Json::parse(waits.body).value("id", "");
  const Json waiting = get("/gpu/allocations/" + id);
  EXPECT_EQ(waiting["state"], "waiting");
  EXPECT_EQ(waiting["decision"]["budgets"][0]["name"], "search in a day");
  hold(waiting, "/gpu/allocations/{allocationId}", "get", "200");
  allocations->look();
  EXPECT_EQ(get("/gpu/allocations/" + id)["state"], "waiting");
  ASSERT_EQ(send("PUT", "/budgets/" + one.value("id", ""), wish(R"(, "amount": "20", "enforcement": "refuse")")).status,
            200);
  look(5);
  allocations->look();
  EXPECT_NE(get("/gpu/allocations/" + id)["decision"]["budgets"], waiting["decision"]["budgets"])
      << "there is money again, and only room is in the way";
}

TEST_F(ApiBudgetsTest, ASpentBudgetThatWarnsIsInTheAnswer) {
  close(0, 4, {{"search", 3 * kUnit}});
  look(4);
  made(wish(R"(, "enforcement": "warn")"));
  const auto preview = ask("p", "search", R"(, "dryRun": true)"), other = ask("q", "chat", R"(, "dryRun": true)");
  const auto budgets_in = [](const http::Response& reply) {
    const Json body = Json::parse(reply.body);
    return body[body.contains("decision") ? "decision" : "refusal"]["budgets"];
  };
  ASSERT_EQ(budgets_in(preview).size(), 1U) << preview.body;
  EXPECT_THAT(budgets_in(preview)[0]["sentence"].get<std::string>(), HasSubstr("is spent"));
  EXPECT_EQ(budgets_in(preview)[0]["enforcement"], "warn");
  EXPECT_EQ(budgets_in(other), Json::array()) << "another team pays";
  EXPECT_THAT(preview.body, Not(HasSubstr("over-budget")));
}

TEST_F(ApiBudgetsTest, AmountsAreForThoseWhoSeeTheBudget) {
  close(0, 4, {{"search", 3 * kUnit}, {"ml", kUnit}});
  look(4);
  made(R"({"name": "all", "scope": "fleet", "period": "day", "amount": "1", "enforcement": "warn"})");
  made(R"({"name": "own", "scope": "namespace", "scopeName": "ml", "period": "day", "amount": "0",
           "enforcement": "refuse"})");
  const auto ml = viewer_of("key:1", "key:1 a", {Scope::Read, Scope::Operate}, Restriction{{"ml"}, {}}, {});
  const Json list = Json::parse(send("GET", "/budgets", "", {}, ml).body);
  ASSERT_EQ(list["items"].size(), 1U);
  EXPECT_EQ(list["items"][0]["name"], "own");
  const auto reply =
      send("POST", "/gpu/allocations", R"({"namespace": "ml", "podName": "p", "requiredMemoryGb": 5})", {}, ml);
  ASSERT_EQ(reply.status, 409) << reply.body;
  const Json told = Json::parse(reply.body)["refusal"]["budgets"];
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["amount"], "0.00") << "his own";
  EXPECT_EQ(told[1]["amount"], nullptr) << "the fleet's";
  EXPECT_EQ(told[1]["spent"], nullptr);
  EXPECT_THAT(told[1]["sentence"].get<std::string>(), HasSubstr("'all' of fleet is spent"));
}

TEST(Payer, IsWhoTheLedgerWillName) {
  Published known;
  fleet::ClusterView cluster;
  cluster.cluster = "c";
  cluster.watched = true;
  fleet::ClusterNamespace space;
  space.labels = {{"team", "vision"}};
  cluster.namespaces["ml"] = std::make_shared<const fleet::ClusterNamespace>(space);
  fleet::ClusterPod pod;
  pod.labels = {{"team", "chat"}, {"project", "cats"}};
  cluster.pods["ml/p"] = std::make_shared<const fleet::ClusterPod>(pod);
  known.cluster = std::make_shared<const fleet::ClusterView>(cluster);
  const fleet::OwnerRules rules = owner_rules({}, {"team"}, {});
  const auto payer = [&](const std::string& in, const std::string& space_name, const std::string& name) {
    AllocationWish wish;
    wish.cluster = in;
    wish.space = space_name;
    wish.pod = name;
    wish.team = "claimed";
    const Payer found = payer_of(rules, known, wish);
    return found.owner.team + "/" + found.owner.project + (found.overhead ? " overhead" : "");
  };
  EXPECT_EQ(payer("c", "ml", "p"), "chat/cats");
  EXPECT_EQ(payer("c", "ml", "not there yet"), "vision/") << "whatever the wish claims";
  EXPECT_EQ(payer("c", "other", "p"), "claimed/") << "where no rule says otherwise";
  EXPECT_EQ(payer("d", "ml", "p"), "claimed/") << "another cluster's namespace";
  EXPECT_EQ(payer("c", "kube-system", "p"), "claimed/ overhead");
}

}  // namespace
}  // namespace tessera::server

#include "server/cost/api_cost_told.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/cluster/cluster_state.h"
#include "fleet/cost/ledger.h"
#include "server/cost/ledger_closer.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGroupings[] = {"",         "cluster", "node",     "pool",       "model",
                                      "purchase", "device",  "instance", "profile",    "namespace",
                                      "pod",      "team",    "project",  "costCentre", "team,model,node"};
/// Whole hours, pieces of one, what is open, and all.
std::vector<std::string> windows() {
  constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute;
  const auto at = [](EpochMs minutes) { return format_time(kStart + minutes * kMinute); };
  return {"24h", "90m", at(15) + "," + at(30), at(75) + "," + at(240), at(330) + "," + at(360)};
}

TEST_F(ApiCostTest, EachGroupingAndWindowComesToWhatItsDevicesCost) {
  for (const std::string& window : windows())
    for (const char* by : kGroupings)
      for (const char* more : {"&includeIdle=true", "&includeIdle=true&step=1h", "&includeIdle=true&shareIdle=true",
                               "&includeIdle=true&shareIdle=even&idleByNode=true&accumulate=hour"}) {
        const std::string query = "window=" + window + (*by ? std::string("&aggregate=") + by : "") + more;
        const Json reply = get("/cost/allocation", query);
        ASSERT_EQ(reply["data"].size(), reply["totals"].size()) << query;
        for (std::size_t i = 0; i < reply["data"].size(); ++i) {
          fleet::Micros sum = 0;
          for (const auto& [name, group] : reply["data"][i].items()) {
            const Json& money = group["money"];
            sum += micros(money["cost"]);
            EXPECT_EQ(micros(money["cost"]), micros(money["used"]) + micros(money["heldIdle"]) +
                                                 micros(money["heldUnknown"]) + micros(money["sharedIdle"]) +
                                                 micros(money["unallocated"]) + micros(money["unobserved"]) +
                                                 micros(money["overhead"]));
          }
          EXPECT_EQ(sum, micros(reply["totals"][i]["cost"])) << query;
        }
      }
}

TEST_F(ApiCostTest, PiecesComeToTheWhole) {
  const std::string window = "window=" + format_time(kStart) + "," + format_time(kStart + 5 * 60 * kMinute);
  const fleet::Micros whole = micros(get("/cost/allocation", window)["totals"][0]["cost"]);
  const fleet::Micros h100 = 5 * 8'000'000, a100 = 5 * 6'000'000;
  const fleet::Micros rtx = 2'000'000 * (300 - 77) / 60;  // it costs from 77 minutes on, silent at the end
  EXPECT_NEAR(static_cast<double>(whole), static_cast<double>(h100 + a100 + rtx), 1.0);
  for (const char* pieces : {"step=15m", "step=2h", "accumulate=hour", "accumulate=day", "accumulate=true"}) {
    fleet::Micros sum = 0;
    const Json allocation = get("/cost/allocation", window + "&" + pieces),
               trend = get("/cost/trend", window + "&" + pieces);
    for (const Json& one : allocation["totals"]) sum += micros(one["cost"]);
    EXPECT_EQ(sum, whole) << pieces;
    sum = 0;
    for (const Json& one : trend["items"]) sum += micros(one["all"]);
    EXPECT_EQ(sum, whole) << pieces;
  }
  const Json teams = get("/cost/teams", window), projects = get("/cost/projects", window);
  EXPECT_EQ(micros(teams["all"]), whole);
  for (const Json* list : {&teams, &projects}) {
    fleet::Micros sum = 0;
    for (const Json& one : (*list)["items"]) sum += micros(one["cost"]);
    for (const auto& [kind, money] : (*list)["nobodys"].items()) sum += micros(money);
    EXPECT_EQ(sum, whole);
  }
}

TEST_F(ApiCostTest, OnePieceIsInMemoryAtATime) {
  const auto pieces = fleet::pieces({kStart, kStart + 6 * 60 * kMinute}, Milliseconds(15 * kMinute));
  ASSERT_TRUE(pieces);
  std::vector<fleet::CostWindow> seen;
  fleet::Micros sum = 0;
  const auto until = costs->each(*pieces, fleet::Zone::utc(), history.published.get()->view->time,
                                 [&](const fleet::CostWindow& piece, store::CostRows rows) -> Result<void> {
                                   seen.push_back(piece);
                                   for (const fleet::CostRow& row : rows.rows) {
                                     EXPECT_EQ(row.bucket, piece.from);
                                     sum += row.amount.micros;
                                   }
                                   return {};
                                 });
  ASSERT_TRUE(until);
  EXPECT_EQ(seen, *pieces);
  const auto all = costs->known(*pieces, fleet::Zone::utc(), history.published.get()->view->time);
  ASSERT_TRUE(all);
  for (const fleet::CostRow& row : all->ledger.rows) sum -= row.amount.micros;
  EXPECT_EQ(sum, 0) << "they come to what all at once does";
  EXPECT_EQ(until->closed_until, all->closed_until);
}

TEST_F(ApiCostTest, AQuestionThatComesToTooMuchIsRefusedAndSaysWhatToDo) {
  const struct {
    CostLimits limits;
    const char* path;
    const char* query;
    const char* says;
  } kCases[] = {{{.rows = 3}, "/cost/allocation", "window=24h&aggregate=all", "shorter window or longer pieces"},
                {{.groups = 20}, "/cost/allocation", "window=24h&step=15m", "for fewer pieces"},
                {{.groups = 20}, "/cost/trend", "window=24h&accumulate=hour&aggregate=pod", "with a filter"},
                {{.rows = 3}, "/cost/export", "window=24h&accumulate=true", "shorter window or longer pieces"},
                {{.rows = 3}, "/cost/export", "window=24h&format=focus", "shorter window or longer pieces"}};
  for (const auto& one : kCases) {
    options.limits = one.limits;
    serve();
    const Json refused = get(one.path, one.query, 400);
    EXPECT_EQ(refused["type"], "urn:tessera:problem:invalid-parameter") << refused;
    EXPECT_THAT(refused["detail"].get<std::string>(), HasSubstr(one.says)) << one.path;
  }
  options.limits = {};
  serve();
  get("/cost/allocation", "window=24h&step=15m");
}

TEST_F(ApiCostTest, WhatIsNotClosedYetIsToldAsFarAsItHasCome) {
  const Json teams = get("/cost/teams", "window=24h");
  EXPECT_EQ(teams["closedUntil"], format_time(kStart + 23 * kBucket));
  EXPECT_EQ(teams["knownUntil"], format_time(kStart + 24 * kBucket - 90'000)) << "usage may lack the last samples";
  EXPECT_EQ(teams["items"][0]["team"], "vision");
  EXPECT_NEAR(static_cast<double>(micros(teams["items"][0]["cost"])), 8e6 * (6 - 1.5 / 60), 1e5);
  const Json trend = get("/cost/trend", "window=6h&accumulate=hour");
  EXPECT_EQ(trend["items"][0]["closed"], true);
  EXPECT_EQ(trend["items"].back()["closed"], false);
}

TEST_F(ApiCostTest, TellsWhoWorkedAndWhoHeldAndDidNothing) {
  const Json teams = get("/cost/teams", "window=24h")["items"];
  const auto of = [&](const char* team) {
    for (const Json& one : teams)
      if (one["team"] == team) return one;
    return Json();
  };
  EXPECT_NEAR(of("vision")["efficiencyPercent"].get<double>(), 37, 0.5);
  EXPECT_NEAR(of("=chat")["efficiencyPercent"].get<double>(), 25, 0.5);
  EXPECT_GT(teams.back()["unpricedGpuHours"].get<double>() + teams[1]["unpricedGpuHours"].get<double>() +
                teams[2]["unpricedGpuHours"].get<double>(),
            1.5)
      << "nobody knows what a T4 costs: " << teams;
}

TEST_F(ApiCostTest, RepliesAreWhatTheDocumentSays) {
  for (const char* path : {"/cost/allocation", "/cost/teams", "/cost/projects", "/cost/trend", "/cost/tokens"}) {
    const bool of_time = std::string_view(path) != "/cost/tokens";
    EXPECT_THAT(check.wrong_in(get(path, of_time ? "window=24h&shareIdle=true" : ""), schema(path)), IsEmpty()) << path;
  }
  EXPECT_THAT(check.wrong_in(get("/cost/allocation", "window=24h&aggregate=team,pod&includeIdle=true&step=6h"),
                             schema("/cost/allocation")),
              IsEmpty());
  EXPECT_THAT(check.wrong_in(get("/cost/trend", "window=24h&aggregate=team"), schema("/cost/trend")), IsEmpty());
}

TEST_F(ApiCostTest, TakesTheParametersOfTheDocumentAndNoOthers) {
  for (const char* path : {"/cost/allocation", "/cost/teams", "/cost/projects", "/cost/trend", "/cost/export"}) {
    std::set<std::string> written, known;
    for (const config::Node& one : *check.at({"paths", path, "get", "parameters"}).list())
      written.insert(*check.resolved(one).find("name")->text());
    const std::string detail = get(path, "zzzzzzzzzzzz=1", 400)["errors"][0]["detail"];
    const auto list = detail.find("there are ");
    ASSERT_NE(list, std::string::npos) << detail;
    for (const std::string_view name : split(std::string_view(detail).substr(list + 10), ','))
      known.emplace(trim(name));
    EXPECT_EQ(known, written) << path;
  }
}

TEST_F(ApiCostTest, SharesIdleAsTheSettingsSayWhereTheQuestionDoesNot) {
  const auto cost = [&](const std::string& more) { return get("/cost/teams", "window=24h" + more)["items"]; };
  const Json apart = cost(""), weighted = cost("&shareIdle=true"), even = cost("&shareIdle=even");
  ASSERT_NE(apart, weighted);
  ASSERT_NE(even, weighted);
  const auto table = [&](const std::string& more = "") { return ask("/cost/teams", "window=24h" + more, "text/csv"); };
  const std::string as_table = table("&shareIdle=even").body, file = ask("/cost/export", "window=24h").body;
  options.settings.share_idle = fleet::ShareIdle::Even;
  serve();
  EXPECT_EQ(cost(""), even);
  EXPECT_EQ(table().body, as_table);
  EXPECT_EQ(cost("&shareIdle=false"), apart);
  EXPECT_EQ(cost("&shareIdle=weighted"), weighted);
  EXPECT_EQ(get("/cost/allocation", "window=24h&aggregate=team")["data"],
            get("/cost/allocation", "window=24h&aggregate=team&shareIdle=even")["data"]);
  EXPECT_EQ(ask("/cost/export", "window=24h").body, file) << "the ledger's lines are what they are";
}

/// Lines of the ledger are what they are: what would share them out differently is refused, and not passed over.
TEST_F(ApiCostTest, AFileIsNotSharedOut) {
  for (const char* format : {"csv", "focus"})
    for (const char* more : {"shareIdle=true", "shareIdle=false", "idleByNode=true"}) {
      const Json refused = get("/cost/export", fmt::format("window=24h&format={}&{}", format, more), 400);
      EXPECT_THAT(refused["detail"].get<std::string>(), HasSubstr("there is no such parameter here")) << refused;
    }
}

TEST_F(ApiCostTest, GroupsAsOpenCostDoes) {
  const auto names = [&](const std::string& query) {
    std::vector<std::string> out;
    const Json reply = get("/cost/allocation", "window=24h" + query);
    for (const auto& [name, group] : reply["data"][0].items()) out.push_back(name);
    return out;
  };
  EXPECT_THAT(names(""), testing::Contains("default/w1/serving/llm-0"));
  EXPECT_THAT(names("&aggregate=all"), ElementsAre("all"));
  EXPECT_THAT(names("&aggregate=team&filter=team:%22__unallocated__%22"), ElementsAre("__unallocated__"));
  EXPECT_THAT(names("&aggregate=team&filter=team!:%22__unallocated__%22"),
              testing::UnorderedElementsAre("vision", "=chat"));
  EXPECT_THAT(names("&aggregate=instance,pod&filter=instance:%223%22"), ElementsAre("3/llm-0"));
  get("/cost/allocation", "window=24h&aggregate=all,team", 400);
}

/// A pod with labels of its own, whose namespace has some too.
struct ApiCostLabelsTest : ApiCostTest {
  ApiCostLabelsTest() {
    fleet::ClusterState state("default", {"team"});
    fleet::ClusterPod pod;
    pod.space = "serving";
    pod.name = "llm-0";
    pod.uid = "u-llm";
    pod.labels = {{"app", "web"}, {"squad", "blue"}, {"other", "x"}};
    state.put(pod);
    state.put(fleet::ClusterNamespace{"ml", {{"app", "train"}}, {}});
    for (std::size_t list = 0; list < fleet::kClusterLists; ++list)
      state.complete(static_cast<fleet::ClusterList>(list), 0);
    history.cluster = state.view();
    options.settings.labels = {"app", "example.com/stage"};
    options.settings.owners = {{fleet::OwnerField::Team, "", "squad", ""}};
    options.owners = owner_rules(options.settings, {"team"}, {});
  }
  void close(EpochMs now) {
    history.publish(now);
    LedgerOptions closing{options.settings, options.owners};
    closing.look_every = closing.settled_for = 0ms;
    closing.spend = 1h;
    LedgerCloser closer(history.open(), history.published, [] { return true; }, closing);
    ASSERT_TRUE(closer.look());
    serve();
  }
  std::map<std::string, fleet::Micros> groups(const std::string& query) {
    std::map<std::string, fleet::Micros> out;
    const Json reply = get("/cost/allocation", query);
    for (const auto& [name, group] : reply["data"][0].items()) out[name] = micros(group["money"]["cost"]);
    return out;
  }
};

TEST_F(ApiCostLabelsTest, GroupsAndFiltersByLabelsThatTheLedgerKeeps) {
  // A quarter of an hour after what the fixture has, whose last half interval nobody observed.
  constexpr EpochMs kFrom = kStart + 6 * 60 * kMinute + kBucket, kTo = kFrom + 4 * kBucket;
  history.scrape("w1", kFrom - kBucket, kTo + kBucket, [](EpochMs) { return two_boards(0.5, "train-0"); });
  history.keep(kTo + kBucket);
  close(kTo + 2 * kBucket);
  const std::string hour = "window=" + format_time(kFrom) + "," + format_time(kTo);
  const auto apps = groups(hour + "&aggregate=label:app");
  ASSERT_THAT(apps, ElementsAre(testing::Key("train"), testing::Key("web"))) << "a pod's own, else its namespace's";
  EXPECT_NEAR(static_cast<double>(apps.at("web")), 6e6 * 2 / 7, 10);
  EXPECT_EQ(apps.at("train"), 8'000'000);
  EXPECT_EQ(groups(hour + "&aggregate=team"), groups(hour + "&aggregate=label:squad")) << "by the rule of owners";
  EXPECT_THAT(groups(hour + "&aggregate=label:example_com_stage"), ElementsAre(testing::Key("__unallocated__")));
  EXPECT_THAT(groups(hour + "&aggregate=all&filter=label[app]:%22web%22"),
              ElementsAre(std::pair("all", apps.at("web"))));
  const Json both = get("/cost/allocation", hour + "&aggregate=namespace,label:app,label:squad");
  const Json& properties = both["data"][0]["serving/web/blue"]["properties"];
  EXPECT_EQ(properties, Json::parse(R"({"namespace":"serving","labels":{"app":"web","squad":"blue"}})")) << both;
  EXPECT_THAT(check.wrong_in(both, schema("/cost/allocation")), IsEmpty());
  EXPECT_THAT(ask("/cost/export", hour).body, testing::ContainsRegex(",blue,,,used,[^\n]*,app=web\r\n"));
  EXPECT_THAT(ask("/cost/export", hour + "&format=focus").body, HasSubstr(R"(""label:app"": ""web"")"));
}

TEST_F(ApiCostLabelsTest, RefusesALabelThatIsNotKeptAndSaysHowToKeepIt) {
  serve();
  for (const char* query : {"aggregate=label:other", "filter=label[other]:%22x%22"}) {
    const std::string says = get("/cost/allocation", std::string("window=24h&") + query, 400)["detail"];
    EXPECT_THAT(says, HasSubstr("label 'other' is not kept")) << query;
    EXPECT_THAT(says, HasSubstr("app, example.com/stage, squad")) << query;
    EXPECT_THAT(says, HasSubstr("gpu.management.cost.labels")) << query;
  }
}

TEST_F(ApiCostTest, SaysWhatIsWrongWithAQuestion) {
  const std::pair<const char*, const char*> rows[] = {{"window=soon", "lastmonth"},
                                                      {"window=24h&aggregate=colour", "costCentre"},
                                                      {"window=24h&filter=team=x", "filter"},
                                                      {"window=24h&timezone=Asia/Soul", "Asia/Soul"},
                                                      {"window=24h&step=1m", "step"},
                                                      {"window=24h&accumulate=fortnight", "quarter"},
                                                      {"window=30d&step=15m", "1000 at most"},
                                                      {"window=24h&shareIdle=some", "weighted"}};
  for (const auto& [query, what] : rows)
    EXPECT_THAT(get("/cost/allocation", query, 400)["detail"].get<std::string>(), HasSubstr(what)) << query;
  const auto off = cost_routes(history.published, nullptr, "/api");
  EXPECT_EQ(off.front().handle({}).status, 403);
}

TEST_F(ApiCostTest, MonthsAreThoseOfATimeZone) {
  const auto first = [&](const char* zone) {
    return get("/cost/trend", std::string("window=6h&accumulate=day&timezone=") + zone)["items"][0]["start"];
  };
  EXPECT_EQ(first("UTC"), "2027-01-15T08:00:00+00:00");
  EXPECT_EQ(first("Asia/Kathmandu"), "2027-01-15T13:45:00+05:45");
  EXPECT_EQ(get("/cost/trend", "window=6h&accumulate=day&timezone=Asia/Tokyo")["items"].size(), 1U);
  EXPECT_EQ(get("/cost/trend", "window=6h&accumulate=day&timezone=Pacific/Auckland")["items"].size(), 2U);
}

}  // namespace
}  // namespace tessera::server

#include "server/api_cost.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/cluster/cluster_state.h"
#include "fleet/cost/focus.h"
#include "fleet/cost/ledger.h"
#include "http/router.h"
#include "server/api_json.h"
#include "server/cost/ledger_closer.h"
#include "server/cost/told_history.h"
#include "server/openapi.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute, kBucket = fleet::kCostBucket.count();

/// Six hours of two boards, of which the last half hour is not closed, with a device that comes, one that goes silent,
/// and a pod that changes each ten minutes.
struct ApiCostTest : testing::Test {
  ApiCostTest() {
    options.settings.owners = {{fleet::OwnerField::Team, "ml", "", "vision"},
                               {fleet::OwnerField::Project, "ml", "", "cats"},
                               {fleet::OwnerField::Team, "serving", "", "=chat"}};
    options.owners = owner_rules(options.settings, {"team"}, {});
    constexpr EpochMs kEnd = kStart + 6 * 60 * kMinute;
    history.scrape("w1", kStart, kEnd, [](EpochMs at) {
      return two_boards(0.37, fmt::format("train-{}", (at - kStart) / (10 * kMinute) % 7));
    });
    history.scrape("w2", kStart + 77 * kMinute, kStart + 200 * kMinute, [](EpochMs) { return std::string(kOther); });
    history.keep(kEnd);
    LedgerOptions closing{options.settings, options.owners};
    closing.look_every = closing.settled_for = 0ms;
    closing.spend = 1h;
    LedgerCloser closer(history.open(), history.published, [] { return true; }, closing);
    const auto done = closer.look();
    if (!done) throw std::runtime_error(done.error().what);
    serve();
  }

  void serve() {
    costs.emplace(options, history.published, history.readers);
    router.emplace(*http::Router::build(cost_routes(history.published, &*costs, "/api")));
  }

  http::Response ask(const std::string& path, const std::string& query = "", const std::string& accept = "") {
    http::Request request;
    request.method = "GET";
    request.path = "/api" + path;
    request.query = query;
    if (!accept.empty()) request.headers = {{"Accept", accept}};
    auto reply = std::get<http::Router::Match>(router->find("GET", request.path)).route->handle(request);
    for (std::string piece = " "; reply.pieces && !piece.empty(); reply.body += piece) piece = *reply.pieces();
    return reply;
  }
  Json get(const std::string& path, const std::string& query = "", int status = 200) {
    const auto reply = ask(path, query);
    EXPECT_EQ(reply.status, status) << path << '?' << query << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  static fleet::Micros micros(const Json& money) {
    const auto out = fleet::parse_decimal(money.get<std::string>());
    EXPECT_TRUE(out) << money;
    return out ? *out : 0;
  }
  config::Node schema(const std::string& path) const {
    const auto reply = check.resolved(check.at({"paths", path, "get", "responses", "200"}));
    return reply.find("content")->find("application/json")->find("schema").value();
  }

  static constexpr const char* kOther =
      "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-x\",modelName=\"Tesla "
      "T4\",pod=\"p\",namespace=\"other\",container=\"c\"} "
      "10\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-y\",modelName=\"NVIDIA GeForce RTX 4090\",pod=\"q\",namespace="
      "\"other\",container=\"c\"} 70\n";
  ToldHistory history;
  CostsOptions options;
  std::optional<Costs> costs;
  std::optional<http::Router> router;
  SchemaCheck check{*config::load(openapi_yaml(), "openapi.yaml")};
};

constexpr const char* kGroupings[] = {"",         "cluster", "node",       "pool",           "model",
                                      "purchase", "device",  "profile",    "namespace",      "pod",
                                      "team",     "project", "costCentre", "team,model,node"};
/// Whole hours, pieces of one, what is open, and all.
std::vector<std::string> windows() {
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

// What the validator below checks of FOCUS 1.2: https://focus.finops.org/focus-specification/v1-2/
struct FocusRule {
  std::string_view column;
  bool may_be_null;
  std::vector<std::string_view> allowed{};  ///< empty: anything
};
const FocusRule kFocus[] = {
    {"BilledCost", false},
    {"BillingAccountId", false},
    {"BillingAccountName", true},
    {"BillingCurrency", false},
    {"BillingPeriodEnd", false},
    {"BillingPeriodStart", false},
    {"ChargeCategory", false, {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}},
    {"ChargeClass", true, {"Correction"}},
    {"ChargeDescription", true},
    {"ChargePeriodEnd", false},
    {"ChargePeriodStart", false},
    {"ContractedCost", false},
    {"EffectiveCost", false},
    {"InvoiceIssuerName", false},
    {"ListCost", false},
    {"PricingQuantity", true},
    {"PricingUnit", true},
    {"ProviderName", false},
    {"PublisherName", false},
    {"ServiceCategory", false, {"Compute", "AI and Machine Learning"}},
    {"ServiceName", false},
};

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

struct FocusFile {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> wrong;
};

FocusFile validated(const std::string& text) {
  FocusFile out;
  auto lines = split(std::string_view(text), '\n');
  if (lines.back().empty()) lines.pop_back();
  for (std::string_view line : lines) {
    if (!line.ends_with('\r')) out.wrong.emplace_back("a line without CR LF");
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto cells = cells_of(line);
    if (out.columns.empty()) {
      out.columns = cells;
      continue;
    }
    if (cells.size() != out.columns.size()) out.wrong.push_back("as many cells as columns: " + std::string(line));
    auto& row = out.rows.emplace_back();
    for (std::size_t i = 0; i < std::min(cells.size(), out.columns.size()); ++i) row[out.columns[i]] = cells[i];
  }
  for (const FocusRule& rule : kFocus) {
    const std::string name(rule.column);
    if (std::ranges::find(out.columns, name) == out.columns.end()) out.wrong.push_back("no column " + name);
    for (auto& row : out.rows) {
      const std::string& cell = row[name];
      if (cell.empty() && !rule.may_be_null) out.wrong.push_back(name + " is null");
      if (!cell.empty() && !rule.allowed.empty() && std::ranges::find(rule.allowed, cell) == rule.allowed.end())
        out.wrong.push_back(name + " is " + cell);
      if (name.ends_with("Cost") && !fleet::parse_decimal(cell)) out.wrong.push_back(name + " is no decimal: " + cell);
      if ((name.ends_with("Start") || name.ends_with("End")) && (cell.size() != 20 || !cell.ends_with('Z')))
        out.wrong.push_back(name + " is no UTC time: " + cell);
    }
  }
  for (auto& row : out.rows) {
    if (row["ChargePeriodStart"] >= row["ChargePeriodEnd"])
      out.wrong.emplace_back("a charge period that does not last");
    if (row["ChargePeriodStart"] < row["BillingPeriodStart"] || row["ChargePeriodEnd"] > row["BillingPeriodEnd"])
      out.wrong.emplace_back("a charge outside of its billing period");
  }
  return out;
}

TEST_F(ApiCostTest, AFileForFinanceIsFocusAndComesToTheSame) {
  const auto reply = ask("/cost/export", "format=focus&window=24h&accumulate=hour");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(std::string(reply.content_type), HasSubstr("text/csv"));
  FocusFile file = validated(reply.body);
  EXPECT_THAT(file.wrong, IsEmpty());
  ASSERT_GT(file.rows.size(), 40U);
  fleet::Micros sum = 0;
  for (auto& row : file.rows) sum += *fleet::parse_decimal(row["BilledCost"]);
  EXPECT_EQ(sum, micros(get("/cost/teams", "window=24h")["all"]));
  EXPECT_FALSE(validated("BilledCost\r\nx\r\n").wrong.empty()) << "the validator finds nothing";
}

TEST_F(ApiCostTest, AFileForFinanceHasNoChargeOfTwoMonths) {
  store::CostWriter writer(*history.database);
  const auto close = [&](const char* bucket, fleet::Micros micros) {
    store::CostPosting one;
    one.subject.device_uuid = "GPU-old";
    one.amount = {micros, 900'000, 0};
    ASSERT_TRUE(writer.close(*fleet::parse_time(bucket), {one}, kStart));
  };
  close("2026-12-31T12:00:00Z", 1'000'000);
  close("2027-01-01T12:00:00Z", 2'000'000);
  for (const char* by : {"true", "week", "quarter"}) {
    const auto reply = ask("/cost/export", std::string("format=focus&window=2026-12-27T00:00:00Z,2027-01-03T00:00:00Z"
                                                       "&accumulate=") +
                                               by);
    FocusFile file = validated(reply.body);
    EXPECT_THAT(file.wrong, IsEmpty());
    std::map<std::string, std::string> billed;
    for (auto& row : file.rows) billed[row["BillingPeriodStart"]] += row["BilledCost"];
    EXPECT_THAT(billed,
                ElementsAre(std::pair("2026-12-01T00:00:00Z", "1.00"), std::pair("2027-01-01T00:00:00Z", "2.00")))
        << by;
  }
}

/// November of a zone, of a device that costs as much in each hour: clocks in New York were set back in it.
TEST_F(ApiCostTest, AMonthCostsTheHoursThatItHasInItsZone) {
  constexpr fleet::Micros kAnHour = 1'234'567;
  const EpochMs from = *fleet::parse_time("2026-10-31T00:00:00Z"), to = *fleet::parse_time("2026-12-02T00:00:00Z");
  store::CostWriter writer(*history.database);
  store::CostPosting one;
  one.subject.device_uuid = "GPU-old";
  one.kind = fleet::CostKind::Used;
  one.amount = {kAnHour, 60 * kMinute, 0};
  one.owner.emplace();
  one.owner->space = "ml";
  one.owner->team = "vision";
  for (EpochMs at = from; at < to; at += 60 * kMinute) ASSERT_TRUE(writer.close(at, {one}, kStart));
  const struct {
    const char* zone;
    const char* begins;  ///< in UTC
    fleet::Micros hours;
  } kCases[] = {{"Asia/Seoul", "2026-10-31T15:00:00Z", 720},
                {"America/New_York", "2026-11-01T04:00:00Z", 721},
                {"Asia/Kolkata", "2026-10-31T18:30:00Z", 720},
                {"Asia/Kathmandu", "2026-10-31T18:15:00Z", 720}};
  for (const auto& [zone, begins, hours] : kCases) {
    const std::string month = std::string("window=2026-11&timezone=") + zone;
    const Json teams = get("/cost/teams", month);
    EXPECT_EQ(micros(teams["all"]), hours * kAnHour) << zone;
    ASSERT_EQ(teams["items"].size(), 1U) << teams;
    EXPECT_EQ(micros(teams["items"][0]["cost"]), hours * kAnHour) << zone;
    EXPECT_EQ(teams["items"][0]["gpuHours"], hours) << zone;
    fleet::Micros days = 0, dearest = 0;
    const Json trend = get("/cost/trend", month + "&accumulate=day")["items"];
    EXPECT_EQ(trend.size(), 30U);
    for (const Json& day : trend) {
      days += micros(day["all"]);
      dearest = std::max(dearest, micros(day["all"]));
    }
    EXPECT_EQ(days, hours * kAnHour) << zone;
    EXPECT_EQ(dearest, (24 + hours - 720) * kAnHour) << zone;
    FocusFile file = validated(ask("/cost/export", "format=focus&accumulate=day&" + month).body);
    EXPECT_THAT(file.wrong, IsEmpty());
    EXPECT_EQ(file.rows.size(), 30U);
    fleet::Micros billed = 0;
    for (auto& row : file.rows) {
      billed += *fleet::parse_decimal(row["BilledCost"]);
      EXPECT_EQ(row["BillingPeriodStart"], begins) << zone;
    }
    EXPECT_EQ(billed, hours * kAnHour) << zone;
  }
}

TEST_F(ApiCostTest, LinesComeToTheSameAndAreNoFormulas) {
  const auto reply = ask("/cost/export", "window=24h");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto lines = split(std::string_view(reply.body), '\n');
  const auto head = cells_of(lines.front().substr(0, lines.front().size() - 1));
  EXPECT_EQ(head.front(), "start");
  EXPECT_THAT(std::vector(head.end() - 2, head.end()), ElementsAre("cost", "labels"))
      << "columns keep their places, and new ones come last";
  fleet::Micros sum = 0;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i)
    sum += *fleet::parse_decimal(cells_of(lines[i].substr(0, lines[i].size() - 1)).at(head.size() - 2));
  EXPECT_EQ(sum, micros(get("/cost/teams", "window=24h")["all"]));
  EXPECT_THAT(reply.body, HasSubstr(",'=chat,"));
  const auto only = ask("/cost/export", "window=24h&filter=team:%22vision%22");
  EXPECT_THAT(only.body, testing::Not(HasSubstr("chat")));
  EXPECT_THAT(only.body, HasSubstr("vision"));
}

TEST_F(ApiCostTest, ListsAreTablesToo) {
  const auto reply = ask("/cost/teams", "window=24h", "text/csv");
  EXPECT_THAT(reply.body, testing::StartsWith("team,cost,used,heldIdle"));
  for (const char* path : {"/cost/teams", "/cost/projects"}) {
    const std::string text = ask(path, "window=24h", "text/csv").body;
    auto lines = split(std::string_view(text), '\n');
    if (lines.back().empty()) lines.pop_back();
    fleet::Micros sum = 0;
    std::set<std::string> names;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const auto cells = cells_of(trim(lines[i]));
      names.insert(cells[0]);
      sum += *fleet::parse_decimal(cells[1]);
      EXPECT_EQ(cells.back(), "USD");
    }
    EXPECT_EQ(sum, micros(get(path, "window=24h")["all"])) << text;
    EXPECT_THAT(names, testing::IsSupersetOf({"__idle__", "__unobserved__", "__overhead__"}));
  }
  EXPECT_THAT(ask("/cost/trend", "window=24h", "text/csv").body, testing::StartsWith("start,end,closed,all,cost"));
}

TEST_F(ApiCostTest, TokensCostWhatTheirPodsHold) {
  fleet::Served engine;
  engine.cluster = "default";
  engine.space = "serving";
  engine.pod = "llm-0";
  engine.model = "llama";
  engine.window_seconds = 300;
  engine.prompt_tokens_per_second = 1'000;
  engine.generation_tokens_per_second = 250;
  engine.prefix_hit_ratio = 0.5;
  Published next = *history.published.get();
  fleet::ServingView serving;
  serving.engines = {std::make_shared<const fleet::Served>(engine)};
  engine.pod = "silent";
  engine.prompt_tokens_per_second = engine.generation_tokens_per_second = std::nullopt;
  serving.engines.push_back(std::make_shared<const fleet::Served>(engine));
  next.serving = std::make_shared<const fleet::ServingView>(serving);
  history.published.publish(std::move(next));
  const Json items = get("/cost/tokens")["items"];
  ASSERT_EQ(items.size(), 1U) << items;
  EXPECT_EQ(items[0]["team"], "=chat");
  EXPECT_EQ(items[0]["costPerHour"], "1.714285");
  EXPECT_EQ(items[0]["promptTokensPerHour"], 3'600'000);
  EXPECT_NEAR(items[0]["perMillionTokens"]["blended"].get<double>(), 1.714285 / 4.5, 1e-9);
  EXPECT_NEAR(items[0]["perMillionTokens"]["blendedOfUsed"].get<double>(), 1.714285 / 4.5 / 4, 1e-6);
}

TEST_F(ApiCostTest, TokensOfAWindowCostWhatTheirPodsHaveCostInIt) {
  const auto add = [&](EpochMs bucket, double prompt, double generated) {
    ASSERT_TRUE(
        store::add_served_tokens(*history.database, bucket,
                                 {{"default", "serving", "llm-0", "llama", {"llm-0"}, prompt, prompt / 2, generated},
                                  {"default", "ml", "gone", "llama", {"gone"}, 10, 0, 0}}));
  };
  EXPECT_EQ(get("/cost/tokens", "window=24h")["items"].size(), 0U) << "nothing was summed up";
  add(kStart + 4 * kBucket, 900'000, 225'000);
  add(kStart + 5 * kBucket, 900'000, 225'000);
  const std::string hour = "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(kStart + 8 * kBucket);
  const Json reply = get("/cost/tokens", hour);
  EXPECT_THAT(check.wrong_in(reply, schema("/cost/tokens")), IsEmpty()) << reply;
  ASSERT_EQ(reply["items"].size(), 2U) << reply;
  const Json& none = reply["items"][0];
  EXPECT_EQ(none["team"], nullptr) << "whose a pod is of which nothing was seen";
  EXPECT_EQ(none["costPerHour"], nullptr);
  const Json& chat = reply["items"][1];
  EXPECT_EQ(chat["team"], "=chat");
  EXPECT_NEAR(static_cast<double>(micros(chat["costPerHour"])), 6e6 * 2 / 7, 10) << "two slices of seven";
  EXPECT_EQ(chat["coveredSeconds"], 1'800) << "of an hour";
  EXPECT_NEAR(chat["gpuHours"].get<double>(), 2.0 / 7, 1e-5) << "in all of the hour";
  EXPECT_EQ(chat["coverage"], nullptr) << "of that, nobody knows how much was told";
  EXPECT_EQ(chat["unobservedGpuHours"], nullptr);
  EXPECT_EQ(chat["promptTokensPerHour"], 3'600'000);
  EXPECT_NEAR(chat["perMillionTokens"]["blended"].get<double>(), 6.0 * 2 / 7 / 4.5, 1e-5);
  // Before the first tokens there was money too, which no token could be held against.
  const Json longer = get("/cost/tokens", "window=" + format_time(kStart) + "," + format_time(kStart + 8 * kBucket));
  EXPECT_EQ(longer["window"], reply["window"]);
  EXPECT_EQ(longer["items"], reply["items"]);
  EXPECT_EQ(get("/cost/tokens")["window"], nullptr);
  get("/cost/tokens", "window=never", 400);
}

TEST_F(ApiCostTest, TokensOfAWindowSayHowMuchOfTheirPodsTimeWasObserved) {
  const auto add = [&](EpochMs bucket, const std::string& model, EpochMs observed) {
    store::ServedTokens one{"default", "serving", "llm-0", model, {"llm-0"}, 0, 0, 100};
    one.observed_ms = observed;
    ASSERT_TRUE(store::add_served_tokens(*history.database, bucket, {one}));
  };
  add(kStart + 4 * kBucket, "a", 2 * kBucket);  // more than there is: of clocks that went back
  add(kStart + 5 * kBucket, "a", kBucket / 3);
  const std::string hour = "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(kStart + 8 * kBucket);
  const auto expect = [&](const Json& row, double hours, double observed) {
    EXPECT_NEAR(row["gpuHours"].get<double>(), hours * 2 / 7, 1e-5) << row;
    EXPECT_NEAR(row["coverage"].get<double>(), observed / hours, 1e-5) << row;
    EXPECT_NEAR(row["unobservedGpuHours"].get<double>(), (hours - observed) * 2 / 7, 1e-5) << row;
  };
  Json items = get("/cost/tokens", hour)["items"];
  ASSERT_EQ(items.size(), 1U) << items;
  EXPECT_EQ(items[0]["coveredSeconds"], 1'800);
  expect(items[0], 1, 0.25 + 0.25 / 3);
  // Another model has the third quarter; of the fourth, in which nobody told, each has a half.
  add(kStart + 6 * kBucket, "b", kBucket);
  items = get("/cost/tokens", hour)["items"];
  ASSERT_EQ(items.size(), 2U) << items;
  expect(items[0], 0.625, 0.25 + 0.25 / 3);
  expect(items[1], 0.375, 0.25);
  EXPECT_EQ(get("/cost/tokens")["items"].size(), 0U);
}

TEST_F(ApiCostTest, APodThatServedTwoModelsCostsOnce) {
  const auto add = [&](EpochMs bucket, const std::string& model, double generated) {
    ASSERT_TRUE(store::add_served_tokens(*history.database, bucket,
                                         {{"default", "serving", "llm-0", model, {"llm-0"}, 0, 0, generated}}));
  };
  add(kStart + 4 * kBucket, "a", 100);
  add(kStart + 5 * kBucket, "a", 300);
  add(kStart + 5 * kBucket, "b", 100);
  add(kStart + 6 * kBucket, "b", 0);
  const auto window = [](EpochMs to) { return "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(to); };
  const Json items = get("/cost/tokens", window(kStart + 7 * kBucket))["items"];
  ASSERT_EQ(items.size(), 2U) << items;
  const double hourly = 6e6 * 2 / 7;
  const double of_two[] = {1.75 / 2, 1.25 / 2};
  for (const std::size_t i : {0UL, 1UL}) {
    EXPECT_EQ(items[i]["coveredSeconds"], 1'800);
    EXPECT_NEAR(static_cast<double>(micros(items[i]["costPerHour"])), hourly * of_two[i], 10) << items[i];
  }
  // Of tokens of a quarter of which the money is not known yet nothing is told.
  const EpochMs ahead = fleet::cost_bucket_of(history.published.get()->view->time);
  add(ahead, "b", 1e9);
  const Json reply = get("/cost/tokens", window(ahead + kBucket));
  EXPECT_EQ(reply["items"][1]["coveredSeconds"], 1'800) << reply;
  EXPECT_THAT(check.wrong_in(reply, schema("/cost/tokens")), IsEmpty()) << reply;
}

TEST_F(ApiCostTest, TokensAreSummedUpByWhoClosesTheLedger) {
  fleet::Served engine;
  engine.cluster = "default";
  engine.space = "serving";
  engine.pod = "llm-0";
  engine.model = "llama";
  engine.prompt_tokens_per_second = 100;
  engine.generation_tokens_per_second = 10;
  fleet::ServingView serving;
  serving.engines = {std::make_shared<const fleet::Served>(engine)};
  LedgerOptions closing{options.settings, options.owners};
  closing.look_every = 0ms;
  LedgerCloser closer(history.open(), history.published, [] { return true; }, closing);
  const EpochMs begin = kStart + 6 * 60 * kMinute;
  for (EpochMs now = begin; now <= begin + 5 * kMinute / 2; now += kMinute / 2) {
    history.publish(now);
    Published next = *history.published.get();
    next.serving = std::make_shared<const fleet::ServingView>(serving);
    history.published.publish(std::move(next));
    ASSERT_TRUE(closer.look());
    ASSERT_TRUE(closer.look()) << "of the same view: nothing more was done";
  }
  const auto kept = store::served_tokens(*history.database, 0, begin * 2);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_DOUBLE_EQ(kept->front().prompt, 100 * 150);
  EXPECT_DOUBLE_EQ(kept->front().generated, 10 * 150);
}

}  // namespace
}  // namespace tessera::server

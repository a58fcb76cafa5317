#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "fleet/cost/ledger.h"
#include "fleet/cost/money.h"
#include "http/router.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/cost/told_history.h"
#include "server/forecast/api.h"
#include "server/schema_check.h"
#include "store/cost_ledger.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using fleet::CostKind;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kHour = kForecastHour, kDay = 24 * kHour, kBucket = fleet::kCostBucket.count();
constexpr EpochMs kEnd = ToldHistory::kStart / kDay * kDay;  // midnight, UTC
constexpr EpochMs kBegin = kEnd - 28 * kDay;
constexpr double kRate = 8e6;  // of both boards, an hour

/// GPUs that `vision` uses: a rhythm of the day, and one that grows by 1 % of a board a day.
double busy(EpochMs time) {
  const double hour = static_cast<double>(time / kHour % 24);
  return 0.4 + 0.2 * std::sin(hour / 12 * std::numbers::pi) + 0.01 * static_cast<double>((time - kBegin) / kDay);
}

/// Four weeks of two boards, of which nobody saw ten hours of each third day; and `chat`, which is there since
/// yesterday.
struct World {
  World() {
    store::CostWriter writer(*history.database);
    for (EpochMs bucket = kBegin; bucket < kEnd; bucket += kBucket) {
      const auto done = writer.close(bucket, postings(bucket), bucket + kBucket);
      if (!done) throw std::runtime_error(done.error().what);
    }
    for (EpochMs hour = kBegin; hour < kEnd; hour += kHour) {
      const auto done = store::add_queue(*history.database, hour, kHour, {{"vision", "H100_80GB", kHour / 2}});
      if (!done) throw std::runtime_error(done.error().what);
    }
    history.scrape("w1", kEnd, kEnd + 60'000, [](EpochMs) { return two_boards(0.5, "t"); });
    history.publish(kEnd + 2 * 60'000);
    forecasts.look();
  }

  static std::vector<store::CostPosting> postings(EpochMs bucket) {
    const bool dark = bucket / kDay % 3 == 1 && bucket % kDay >= 4 * kHour && bucket % kDay < 14 * kHour;
    if (dark) return {posting("", CostKind::Unobserved, 2)};
    const double used = busy(bucket), chat = bucket >= kEnd - kDay ? 0.25 : 0;
    return {posting("vision", CostKind::Used, used), posting("chat", CostKind::Used, chat),
            posting("", CostKind::Unallocated, 2 - used - chat)};
  }

  static store::CostPosting posting(const std::string& team, CostKind kind, double boards) {
    store::CostPosting out;
    out.subject.model = "H100_80GB";
    out.subject.device_uuid = "GPU-0";
    out.kind = kind;
    out.amount = {std::llround(boards * kRate / 4), std::llround(boards * static_cast<double>(kBucket)), 0};
    if (team.empty()) return out;
    out.owner.emplace();
    out.owner->team = team;
    out.owner->pod = team + "-0";
    out.basis = fleet::CostBasis::Held;
    return out;
  }

  ToldHistory history;
  CostsOptions options;
  Costs costs{options, history.published, history.readers};
  Forecasts forecasts{history.readers, {0ms}};
};

struct ApiForecastTest : testing::Test {
  static void SetUpTestSuite() { world = std::make_unique<World>(); }
  static void TearDownTestSuite() { world.reset(); }

  ApiForecastTest() { serve(&world->forecasts, &world->costs); }

  void serve(Forecasts* forecasts, Costs* costs) {
    const auto book = [] { return std::make_shared<const fleet::AllocationBook>(); };
    router.emplace(*http::Router::build(forecast_routes(world->history.published, forecasts, costs, book, "/api")));
  }
  Json get(const std::string& path, const std::string& query = "", int status = 200,
           const std::optional<Restriction>& restriction = std::nullopt) {
    http::Request request;
    auto caller = std::make_shared<Caller>();
    caller->viewer = viewer_of("key:a", "key:a", {Scope::Read}, restriction, {{"v", "vision"}, {"c", "chat"}});
    request.caller = std::move(caller);
    request.method = "GET";
    request.path = "/api/forecast" + path;
    request.query = query;
    const auto reply = std::get<http::Router::Match>(router->find("GET", request.path)).route->handle(request);
    EXPECT_EQ(reply.status, status) << path << '?' << query << reply.body;
    Json out = Json::parse(reply.body, nullptr, false);
    if (status == 200) {
      const auto described = check.resolved(check.at({"paths", "/forecast" + path, "get", "responses", "200"}));
      EXPECT_THAT(check.wrong_in(out, described.find("content")->find("application/json")->find("schema").value()),
                  IsEmpty())
          << path << '?' << query;
    }
    return out;
  }
  static double money(const Json& text) {
    return static_cast<double>(*fleet::parse_decimal(text.get<std::string>())) / fleet::kUnit;
  }

  static std::unique_ptr<World> world;
  std::optional<http::Router> router;
  const SchemaCheck& check = own_schema();
};
std::unique_ptr<World> ApiForecastTest::world;

TEST_F(ApiForecastTest, UsageGoesOnAsItWas) {
  const Json reply = get("/usage", "scope=team:vision&horizon=24h");
  EXPECT_EQ(reply["state"], "forecast");
  EXPECT_EQ(reply["reason"], nullptr);
  ASSERT_EQ(reply["items"].size(), 24U);
  for (std::size_t i = 0; i < 24; ++i) {
    const Json& one = reply["items"][i];
    const EpochMs time = kEnd + static_cast<EpochMs>(i) * kHour;
    EXPECT_EQ(one["time"], time_json(time));
    EXPECT_NEAR(one["value"].get<double>(), busy(time), 0.03);
    EXPECT_LE(one["low"], one["value"]);
    EXPECT_GE(one["high"], one["value"]);
  }
}

TEST_F(ApiForecastTest, TheErrorStandsBesideThatOfNoForecast) {
  const Json reply = get("/usage");
  const Json& error = reply["error"];
  EXPECT_LT(error["mean"].get<double>(), error["lastValue"].get<double>());
  EXPECT_NEAR(error["mean"].get<double>() / error["sameHourYesterday"].get<double>(),
              error["ofSameHourYesterday"].get<double>(), 1e-3);
  EXPECT_GE(error["origins"], 1);
  double weights = 0;
  for (const Json& one : reply["methods"]) weights += one["weightPercent"].get<double>();
  EXPECT_NEAR(weights, 100, 0.5);
}

TEST_F(ApiForecastTest, HoursThatNobodySawAreGaps) {
  const Json history = get("/usage", "history=1344h")["history"];
  EXPECT_EQ(history["hours"], 28 * 24);
  EXPECT_GT(history["gapHours"], 80);
  EXPECT_EQ(history["observedHours"].get<int>() + history["gapHours"].get<int>(), 28 * 24);
  int gaps = 0;
  for (const Json& one : history["points"]) gaps += one["value"].is_null() ? 1 : 0;
  EXPECT_EQ(gaps, history["gapHours"]);
  EXPECT_EQ(get("/usage", "history=5h")["history"]["points"].size(), 5U);
}

TEST_F(ApiForecastTest, DemandIsWhatIsHadAndWhatWaits) {
  const Json usage = get("/usage", "scope=team:vision"), demand = get("/demand", "scope=team:vision");
  for (std::size_t i = 0; i < 48; ++i)
    EXPECT_NEAR(demand["items"][i]["value"].get<double>(), usage["items"][i]["value"].get<double>() + 0.5, 0.05);
}

TEST_F(ApiForecastTest, TooLittleHistorySaysSoAndHasNoNumbers) {
  const Json young = get("/usage", "scope=team:chat");
  EXPECT_EQ(young["state"], "tooLittleHistory");
  EXPECT_THAT(young["reason"].get<std::string>(), HasSubstr("24 values, 96 needed"));
  EXPECT_THAT(young["items"], IsEmpty());
  EXPECT_THAT(young["methods"], IsEmpty());
  EXPECT_EQ(young["error"], nullptr);
  const Json none = get("/cost", "scope=team:nobody");
  EXPECT_EQ(none["state"], "noHistory");
  EXPECT_EQ(none["month"]["projected"], nullptr);
  const Json pattern = get("/patterns", "scope=team:chat");
  EXPECT_EQ(pattern["state"], "tooLittleHistory");
  EXPECT_THAT(pattern["items"], IsEmpty());
  EXPECT_EQ(pattern["busiest"], nullptr);
}

TEST_F(ApiForecastTest, AMonthIsWhatHasComeAndTheRest) {
  const Json cost = get("/cost", "timezone=Asia/Kolkata");
  const Json& month = cost["month"];
  EXPECT_THAT(month["start"].get<std::string>(), HasSubstr("T00:00:00+05:30"));
  EXPECT_THAT(month["end"].get<std::string>(), HasSubstr("T00:00:00+05:30"));
  // Two boards cost 16 an hour, whoever has them.
  const auto zone = *fleet::Zone::named("Asia/Kolkata");
  fleet::Day first = zone.day_at(kEnd + 1);
  first.day = 1;
  const EpochMs from = zone.begin_of(first), to = fleet::end_of_month(kEnd + 1, zone);
  const double hours = static_cast<double>(to - from) / static_cast<double>(kHour);
  EXPECT_NEAR(money(month["soFar"]), 16 * static_cast<double>(kEnd - from) / static_cast<double>(kHour), 0.01);
  EXPECT_NEAR(money(month["projected"]), 16 * hours, 0.01) << "half an hour is half an hour";
  EXPECT_LE(money(month["low"]), money(month["projected"]));
  const Json team = get("/cost", "scope=team:vision");
  EXPECT_LT(money(team["month"]["projected"]), 16 * hours);
  EXPECT_GT(money(team["month"]["projected"]), money(team["month"]["soFar"]));
  EXPECT_NEAR(money(get("/cost")["items"][0]["value"]), 16, 1e-3);
}

TEST_F(ApiForecastTest, AHourOfTheWeekIsThatOfTheZone) {
  const Json utc = get("/patterns", "scope=team:vision"),
             seoul = get("/patterns", "scope=team:vision&timezone=Asia/Seoul");
  ASSERT_EQ(utc["items"].size(), 168U);
  ASSERT_EQ(utc["byHour"].size(), 24U);
  EXPECT_EQ(utc["busiest"]["hour"], 6);
  EXPECT_EQ(seoul["busiest"]["hour"], 15);
  EXPECT_EQ(seoul["byHour"][15]["mean"], utc["byHour"][6]["mean"]);
  for (const Json& one : utc["byHour"]) EXPECT_GE(one["peak"], one["mean"]);
  EXPECT_EQ(get("/patterns", "timezone=Asia/Kolkata")["items"].size(), 168U);
}

TEST_F(ApiForecastTest, APoolIsFullOnADay) {
  const Json all = get("/capacity", "add=1");
  ASSERT_EQ(all["items"].size(), 2U) << all.dump();
  const Json& h100 = all["items"][1];
  EXPECT_EQ(h100["model"], "H100_80GB");
  EXPECT_EQ(h100["capacity"], 1);
  EXPECT_EQ(h100["state"], "dated") << h100.dump();
  // Its fullest hour was 0.6 + 0.27 of one yesterday, 0.25 of chat's apart, and it grows by a hundredth a day.
  EXPECT_NEAR(h100["trend"]["perDay"].get<double>(), 0.01, 0.003);
  EXPECT_LE(h100["earliest"], h100["fullAt"]);
  EXPECT_GT(h100["whatIf"]["capacity"], h100["capacity"]);
  EXPECT_TRUE(h100["whatIf"]["fullAt"].is_null() || h100["whatIf"]["fullAt"] > h100["fullAt"]);
  EXPECT_EQ(all["items"][0]["state"], "noHistory") << "of the other board the ledger has nothing";
  EXPECT_EQ(all["items"][0]["trend"], nullptr);
  EXPECT_EQ(get("/capacity", "model=A100_80GB")["total"], 1);
  EXPECT_EQ(get("/capacity")["items"][1]["whatIf"], nullptr);
}

TEST_F(ApiForecastTest, WhatIsMissingIsNoCapacity) {
  ToldHistory history;
  Forecasts forecasts(history.readers, {0ms});
  forecasts.look();
  history.scrape("w1", kEnd, kEnd + 60'000, [](EpochMs) { return two_boards(0.5, "t"); });
  const auto told = [&](EpochMs now) {
    history.publish(now);
    const auto book = [] { return std::make_shared<const fleet::AllocationBook>(); };
    router.emplace(*http::Router::build(forecast_routes(history.published, &forecasts, &world->costs, book, "/api")));
    const Json pool = get("/capacity", "model=H100_80GB")["items"][0];
    return std::pair(pool["capacity"].get<double>(), pool["missing"].get<double>());
  };
  EXPECT_EQ(told(kEnd + 2 * 60'000), std::pair(1.0, 0.0)) << "silent for a minute";
  EXPECT_EQ(told(kEnd + 20 * 60'000), std::pair(0.0, 1.0));
}

TEST_F(ApiForecastTest, WhoThereIs) {
  const Json reply = get("/scopes");
  std::vector<std::string> scopes;
  for (const Json& one : reply["items"]) scopes.push_back(one["scope"]);
  EXPECT_THAT(scopes, testing::ElementsAre("fleet", "model:H100_80GB", "team:chat", "team:vision"));
}

TEST_F(ApiForecastTest, WhatIsWrongIsNamed) {
  for (const char* query : {"scope=pod:x", "horizon=15d", "horizon=0s", "history=2000h", "horizn=2h"})
    EXPECT_EQ(get("/usage", query, 400)["status"], 400) << query;
  EXPECT_EQ(get("/usage", "timezone=UTC", 400)["status"], 400) << "hours of UTC are told";
  EXPECT_EQ(get("/cost", "timezone=Mars/Base", 400)["status"], 400);
  EXPECT_EQ(get("/capacity", "add=-1", 400)["status"], 400);
  EXPECT_EQ(get("/patterns", "measure=tokens", 400)["status"], 400);
}

TEST_F(ApiForecastTest, AnEmptyLedgerIsNoHistoryUntilItsFirstHour) {
  ToldHistory history;
  Forecasts forecasts(history.readers, {0ms});
  forecasts.look();
  ASSERT_TRUE(forecasts.past());
  EXPECT_THAT(forecasts.past()->scopes(), IsEmpty());
  serve(&forecasts, &world->costs);
  EXPECT_EQ(get("/usage")["state"], "noHistory");
  EXPECT_EQ(get("/patterns")["state"], "noHistory");
  EXPECT_EQ(get("/capacity")["until"], nullptr);
  store::CostWriter writer(*history.database);
  for (EpochMs bucket = kEnd - kHour; bucket < kEnd; bucket += kBucket)
    ASSERT_TRUE(*writer.close(bucket, World::postings(bucket), bucket));
  forecasts.look();
  EXPECT_EQ(forecasts.past()->series("fleet", Measure::Held).size(), 1U);
}

TEST_F(ApiForecastTest, WithoutALedgerThereIsNoForecast) {
  serve(nullptr, nullptr);
  for (const char* path : {"/usage", "/cost", "/demand", "/patterns", "/capacity", "/scopes"})
    EXPECT_THAT(get(path, "", 403)["detail"].get<std::string>(), HasSubstr("gpu.management.cost.enabled"));
  Forecasts unread(world->history.readers, {0ms});
  serve(&unread, &world->costs);
  EXPECT_THAT(get("/usage", "", 503)["type"].get<std::string>(), HasSubstr("starting"));
}

TEST_F(ApiForecastTest, WhatIsMadeIsMadeOnceAnHour) {
  const auto past = world->forecasts.past();
  const auto make = [&] { return world->forecasts.make(past, "fleet", Measure::Usage, 48); };
  EXPECT_EQ(make(), make());
  world->forecasts.look();
  EXPECT_EQ(world->forecasts.past(), past) << "no hour has been closed";
}

/// An hour more, a correction of an older one, and one that is closed late.
TEST_F(ApiForecastTest, AClosedHourAndACorrectionAreSeen) {
  World own;
  Forecasts& forecasts = own.forecasts;
  const auto before = forecasts.past();
  store::CostWriter writer(*own.history.database);
  const auto close = [&](EpochMs from) {
    for (EpochMs bucket = from; bucket < from + kHour; bucket += kBucket)
      ASSERT_TRUE(*writer.close(bucket, World::postings(bucket), bucket + kBucket));
  };
  close(kEnd + kHour);  // the hour before it is open
  EXPECT_TRUE(*writer.correct({kEnd - 2 * kBucket, 0}, {World::posting("", CostKind::Unallocated, 2)}, kEnd));
  forecasts.look();
  const auto after = forecasts.past();
  ASSERT_EQ(after->end(), kEnd + 2 * kHour);
  const auto series = after->series("team:vision", Measure::Held);
  ASSERT_GE(series.size(), 3U);
  EXPECT_FALSE(series[series.size() - 2]) << "it is not closed";
  EXPECT_TRUE(series.back());
  EXPECT_LT(*series[series.size() - 3], *before->series("team:vision", Measure::Held).back()) << "it was corrected";
  close(kEnd);
  close(kEnd + 2 * kHour);
  forecasts.look();
  const auto late = forecasts.past()->series("team:vision", Measure::Held);
  EXPECT_TRUE(late[late.size() - 3]) << "what was closed late is there";
}

TEST_F(ApiForecastTest, WhoIsRestrictedToTeamsSeesThoseAlone) {
  const Restriction vision{{}, {"vision"}}, space{{"v"}, {}};
  EXPECT_EQ(get("/usage", "", 200, vision)["scope"], "team:vision");
  EXPECT_EQ(get("/cost", "scope=team:vision", 200, vision)["month"]["soFar"],
            get("/cost", "scope=team:vision")["month"]["soFar"]);
  EXPECT_EQ(get("/patterns", "", 200, vision)["scope"], "team:vision");
  for (const char* other : {"scope=fleet", "scope=team:chat", "scope=model:H100_80GB", "scope=team:nobody"})
    for (const char* path : {"/usage", "/demand", "/cost", "/patterns"}) {
      const Json refused = get(path, other, 403, vision);
      EXPECT_THAT(refused.dump(), HasSubstr("restricted")) << path << other;
    }
  const Json scopes = get("/scopes", "", 200, vision);
  ASSERT_EQ(scopes["total"], 1);
  EXPECT_EQ(scopes["items"][0]["scope"], "team:vision");
  EXPECT_EQ(get("/scopes", "", 200, space)["total"], 0);
  get("/cost", "", 403, space);
  get("/cost", "scope=team:vision", 403, space);
}

}  // namespace
}  // namespace tessera::server

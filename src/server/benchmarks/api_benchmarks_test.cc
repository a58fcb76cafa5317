#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "http/router.h"
#include "server/api_json.h"
#include "server/benchmarks/api.h"
#include "server/benchmarks/json.h"
#include "server/cost/told_history.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
namespace benchmarks = fleet::benchmarks;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kHead = "model,driver,name,version,value,unit,better,source,time,watts\n";

std::string line_of(const std::string& model, double value, int minute, const std::string& driver = "580.1",
                    const std::string& watts = "") {
  return fmt::format("{},{},tokens,1,{},tokens/s,higher,\"lab, rack 4\",2026-01-31T12:{:02}:00Z,{}\n", model, driver,
                     value, minute, watts);
}

/// Two boards of a model with one power limit, two of another whose limits differ.
std::string boards() {
  std::string out;
  const std::pair<const char*, int> kBoards[] = {{"NVIDIA H100 80GB HBM3", 700},
                                                 {"NVIDIA H100 80GB HBM3", 700},
                                                 {"NVIDIA A100-SXM4-80GB", 400},
                                                 {"NVIDIA A100-SXM4-80GB", 300}};
  int index = 0;
  for (const auto& [model, watts] : kBoards) {
    out += fmt::format(
        "gpu_device_info{{gpu=\"{0}\",UUID=\"GPU-{0}\",model=\"{1}\"}} 1\n"
        "DCGM_FI_DEV_POWER_MGMT_LIMIT{{gpu=\"{0}\",UUID=\"GPU-{0}\"}} {2}\n",
        index, model, watts);
    ++index;
  }
  return out;
}

struct ApiBenchmarksTest : testing::Test {
  ApiBenchmarksTest() {
    history.scrape("w1", ToldHistory::kStart - 60'000, ToldHistory::kStart, [](EpochMs) { return boards(); });
    history.publish(ToldHistory::kStart);
  }

  http::Response send(const std::string& method, const std::string& path, const std::string& body = "",
                      const std::string& type = "application/json", const std::string& accept = "") {
    http::Request request;
    request.method = method;
    request.path = "/api" + path;
    if (const auto query = request.path.find('?'); query != std::string::npos) {
      request.query = request.path.substr(query + 1);
      request.path.resize(query);
    }
    request.body = body;
    request.headers = {{"Content-Type", type}};
    if (!accept.empty()) request.headers.emplace_back("Accept", accept);
    auto match = std::get<http::Router::Match>(router.find(method, request.path));
    request.params = match.params;
    return match.route->handle(request);
  }
  Json asked(const std::string& path, const std::string& what) {
    const auto reply = send("GET", path);
    EXPECT_EQ(reply.status, 200) << reply.body;
    Json out = Json::parse(reply.body, nullptr, false);
    hold(out, what, "get");
    return out;
  }
  Json taken(const std::string& body, const std::string& type = "text/csv", const std::string& query = "") {
    const auto reply = send("POST", "/benchmarks" + query, body, type);
    EXPECT_EQ(reply.status, 200) << reply.body;
    Json out = Json::parse(reply.body, nullptr, false);
    hold(out, "/benchmarks", "post");
    return out;
  }
  Json refused(const http::Response& reply, int status, const std::string& type) {
    EXPECT_EQ(reply.status, status) << reply.body;
    Json out = Json::parse(reply.body, nullptr, false);
    EXPECT_EQ(out.value("type", ""), "urn:tessera:problem:" + type);
    return out;
  }
  void hold(const Json& body, const std::string& path, const std::string& method) {
    const auto reply = check.resolved(check.at({"paths", path, method, "responses", "200"}));
    EXPECT_THAT(check.wrong_in(body, reply.find("content")->find("application/json")->find("schema").value()),
                IsEmpty())
        << body;
  }
  std::vector<std::string> audit() {
    std::vector<std::string> out;
    EXPECT_TRUE(history.database->each(
        "SELECT action, object, result, detail FROM audit ORDER BY sequence", {}, [&](const store::Row& row) {
          out.push_back(fmt::format("{} {} {} {}", row.text(0), row.text(1), row.text(2), row.text(3)));
        }));
    return out;
  }

  ToldHistory history;
  Changes changes{history.open()};
  Costs costs{{}, history.published, history.readers};
  Benchmarks of{history.published, changes, history.readers, &costs};
  http::Router router = *http::Router::build(benchmark_routes(of, "/api"));
  const SchemaCheck& check = own_schema();
};

TEST_F(ApiBenchmarksTest, WhatIsTakenComesOnceAndTheRestIsTold) {
  const std::string file = std::string(kHead) + line_of("H100_80GB", 3'000, 0) + line_of("H100_80GB", -1, 1) +
                           line_of("A100_80GB", 2'400, 2);
  const Json dry = taken(file, "text/csv; charset=utf-8", "?dryRun=true");
  EXPECT_EQ(dry["dryRun"], true);
  EXPECT_EQ(dry["added"], 2);
  EXPECT_EQ(asked("/benchmarks", "/benchmarks")["total"], 0) << "a dry run does nothing";
  const Json first = taken(file);
  EXPECT_EQ(first["taken"], 2);
  EXPECT_EQ(first["added"], 2);
  EXPECT_EQ(first["refused"], 1);
  EXPECT_EQ(first["refusals"][0]["where"], "line 3");
  EXPECT_EQ(first["refusals"][0]["why"], "value: a number above 0 expected, up to 1e+30");
  const Json again = taken(std::string(kHead) + line_of("H100_80GB", 3'100, 0) + line_of("A100_80GB", 2'400, 2));
  EXPECT_EQ(again["corrected"], 1);
  EXPECT_EQ(again["unchanged"], 1);
  const Json list = asked("/benchmarks", "/benchmarks");
  ASSERT_EQ(list["total"], 2);
  EXPECT_EQ(list["items"][0]["model"], "A100_80GB") << "the newest first";
  EXPECT_EQ(list["items"][1]["value"], 3'100);
  EXPECT_EQ(list["items"][1]["watts"], nullptr);
  EXPECT_THAT(audit(),
              ElementsAre(R"(benchmark.import benchmarks done {"added":2,"corrected":0,"unchanged":0,"refused":1})",
                          R"(benchmark.import benchmarks done {"added":0,"corrected":1,"unchanged":1,"refused":0})"));
}

TEST_F(ApiBenchmarksTest, JsonIsOneRecordOrAList) {
  const std::string one =
      R"({"model": "H100_80GB", "name": "tokens", "value": 3000, "unit": "tokens/s", "better": "higher", "time": "2026-01-31T12:00:00Z")";
  EXPECT_EQ(taken(one + "}", "application/json")["added"], 1);
  const Json list = taken("[" + one + "}, " + one + R"(, "watts": 600}, )" + one + R"(, "colour": 1}, 5, )" + one +
                              R"(, "time": "2199-01-31T12:00:00Z"}])",
                          "application/json");
  EXPECT_EQ(list["unchanged"], 1);
  EXPECT_EQ(list["corrected"], 1);
  ASSERT_EQ(list["refused"], 3);
  EXPECT_EQ(list["refusals"][0]["where"], "record 3");
  EXPECT_THAT(list["refusals"][0]["why"].get<std::string>(), HasSubstr("colour: no such member; there are model"));
  EXPECT_EQ(list["refusals"][1]["why"], "an object expected");
  EXPECT_THAT(list["refusals"][2]["why"].get<std::string>(), HasSubstr("has not come yet"));
}

TEST_F(ApiBenchmarksTest, WhatNothingCanBeTakenOfIsAProblem) {
  const auto post = [&](const std::string& body, const std::string& type = "text/csv") {
    return send("POST", "/benchmarks", body, type);
  };
  EXPECT_THAT(refused(post("model,colour\n"), 400, "invalid-records")["detail"].get<std::string>(),
              HasSubstr("no column is called 'colour'"));
  refused(post(std::string(kHead)), 400, "invalid-records");
  refused(post("[]", "application/json"), 400, "invalid-records");
  refused(post("]", "application/json"), 400, "invalid-records");
  const Json all = refused(post(std::string(kHead) + "A\nB\n"), 400, "invalid-records");
  EXPECT_EQ(all["errors"][1]["parameter"], "line 3");
  EXPECT_EQ(all["errors"][1]["detail"], "10 cells expected, 1 found");
  refused(post("a=1", "application/x-www-form-urlencoded"), 415, "unsupported-type");
  refused(post(std::string((4U << 20U) + 1, ' ')), 413, "too-large");
  EXPECT_THAT(audit(), IsEmpty());
}

TEST_F(ApiBenchmarksTest, AreListedByFiltersWithCommasInThem) {
  taken(std::string(kHead) + line_of("H100_80GB", 3'000, 0, "") + line_of("A100_80GB", 2'400, 2) +
        line_of("L40S", 1'000, 3));
  EXPECT_EQ(asked("/benchmarks?source=lab%2C+rack+4&model=L40S&model=A100_80GB", "/benchmarks")["total"], 2);
  EXPECT_EQ(asked("/benchmarks?driver=", "/benchmarks")["items"][0]["model"], "H100_80GB") << "of which none is told";
  EXPECT_EQ(asked("/benchmarks?sort=value&limit=1", "/benchmarks")["items"][0]["model"], "L40S");
  const Json page = asked("/benchmarks?limit=2", "/benchmarks");
  const Json next = asked("/benchmarks?limit=2&cursor=" + page["nextCursor"].get<std::string>(), "/benchmarks");
  EXPECT_EQ(next["items"][0]["model"], "H100_80GB");
  EXPECT_EQ(next["nextCursor"], nullptr);
  EXPECT_EQ(send("GET", "/benchmarks?nme=x").status, 400);
  const auto table = send("GET", "/benchmarks?model=L40S", "", "", "text/csv");
  EXPECT_THAT(table.body, HasSubstr("id,model,driver,name"));
  EXPECT_THAT(table.body, HasSubstr(",L40S,580.1,tokens,1,1000"));
}

TEST_F(ApiBenchmarksTest, WhatIsGivenOutIsTakenInAgain) {
  taken(std::string(kHead) + line_of("H100_80GB", 3'000.25, 0) + line_of("'=H", 0.1, 1, "", "612.5"));
  const auto table = send("GET", "/benchmarks/export"), json = send("GET", "/benchmarks/export?format=json");
  EXPECT_THAT(table.content_type, HasSubstr("text/csv"));
  EXPECT_EQ(json.content_type, "application/json");
  EXPECT_EQ(taken(table.body)["unchanged"], 2);
  EXPECT_EQ(taken(json.body, "application/json")["unchanged"], 2);
  EXPECT_EQ(send("DELETE", "/benchmarks?name=tokens").status, 200);
  EXPECT_EQ(taken(json.body, "application/json")["added"], 2);
  EXPECT_EQ(send("GET", "/benchmarks/export").body, table.body);
  EXPECT_EQ(send("GET", "/benchmarks/export?format=xml").status, 400);
}

TEST_F(ApiBenchmarksTest, AreRemovedOneByOneOrByWhatTheyAreOf) {
  taken(std::string(kHead) + line_of("H100_80GB", 3'000, 0) + line_of("H100_80GB", 3'000, 1) + line_of("L40S", 1, 2));
  const std::string id = asked("/benchmarks?sort=time", "/benchmarks")["items"][0]["id"];
  EXPECT_EQ(send("DELETE", "/benchmarks/" + id).status, 204);
  refused(send("DELETE", "/benchmarks/" + id), 404, "not-found");
  refused(send("DELETE", "/benchmarks"), 400, "invalid-parameter");
  const auto removed = [&](const std::string& query) {
    const auto reply = send("DELETE", "/benchmarks?" + query);
    const Json body = Json::parse(reply.body, nullptr, false);
    hold(body, "/benchmarks", "delete");
    return body.value("removed", -1);
  };
  EXPECT_EQ(removed("model=H100_80GB&dryRun=true"), 1);
  EXPECT_EQ(removed("model=H100_80GB"), 1);
  EXPECT_EQ(removed("model=H100_80GB"), 0);
  EXPECT_EQ(asked("/benchmarks", "/benchmarks")["total"], 1);
  EXPECT_THAT(audit().back(),
              HasSubstr(R"(benchmark.delete benchmarks done {"removed":0,"filter":{"model":["H100_80GB"]}})"));
}

TEST_F(ApiBenchmarksTest, AreComparedByMoneyAndPower) {
  taken(std::string(kHead) + line_of("H100_80GB", 3'000, 0) + line_of("H100_80GB", 3'200, 1) +
        line_of("A100_80GB", 2'480, 2) + line_of("L40S", 1'000, 3, "580.1", "250"));
  const Json reply = asked("/benchmarks/compare", "/benchmarks/compare");
  EXPECT_EQ(reply["currency"], "USD");
  ASSERT_EQ(reply["items"].size(), 1U);
  const Json rows = reply["items"][0]["rows"];
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]["model"], "H100_80GB");
  EXPECT_EQ(rows[0]["median"], 3'100);
  EXPECT_EQ(rows[0]["verdict"], "baseline");
  EXPECT_EQ(rows[0]["perHour"], "8.00");
  EXPECT_EQ(rows[0]["perMoney"], 387.5);
  EXPECT_EQ(rows[0]["wattsFrom"], "limit");
  EXPECT_EQ(rows[0]["watts"], 700);
  EXPECT_EQ(rows[1]["ratio"], 0.8);
  EXPECT_EQ(rows[1]["verdict"], "worse");
  EXPECT_EQ(rows[1]["watts"], nullptr) << "its boards have different limits";
  EXPECT_EQ(rows[1]["perWatt"], nullptr);
  EXPECT_EQ(rows[2]["perHour"], nullptr) << "it has no rate";
  EXPECT_EQ(rows[2]["wattsFrom"], "measured");
  EXPECT_EQ(rows[2]["perWatt"], 4);
  const Json by_driver = asked("/benchmarks/compare?by=driver&model=H100_80GB", "/benchmarks/compare");
  EXPECT_EQ(by_driver["items"][0]["model"], "H100_80GB");
  EXPECT_EQ(by_driver["items"][0]["baseline"], "580.1");
  const Json of_nobody = asked("/benchmarks/compare?baseline=T4", "/benchmarks/compare");
  EXPECT_EQ(of_nobody["items"][0]["rows"][0]["ratio"], nullptr);
  EXPECT_EQ(send("GET", "/benchmarks/compare?by=colour").status, 400);
}

TEST_F(ApiBenchmarksTest, TellWhatHasBecomeSlower) {
  std::string file(kHead);
  for (int i = 0; i < 20; ++i)
    file += line_of("H100_80GB", (i < 15 ? 3'000 : 2'700) + i % 3, i, i < 15 ? "580.1" : "590.1");
  for (int i = 0; i < 14; ++i) file += line_of("L40S", 1, i);
  taken(file);
  const Json reply = asked("/benchmarks/regressions", "/benchmarks/regressions");
  EXPECT_EQ(reply["judged"], 1);
  EXPECT_EQ(reply["tooFew"], 1);
  ASSERT_EQ(reply["items"].size(), 1U);
  EXPECT_EQ(reply["items"][0]["driverBefore"], "580.1");
  EXPECT_EQ(reply["items"][0]["driverNow"], "590.1");
  EXPECT_NEAR(reply["items"][0]["worse"].get<double>(), 0.1, 0.001);
  EXPECT_EQ(reply["items"][0]["since"], "2026-01-31T12:15:00.000Z");
  EXPECT_EQ(asked("/benchmarks/regressions?model=L40S", "/benchmarks/regressions")["judged"], 0);
}

TEST_F(ApiBenchmarksTest, WithoutRatesNothingCostsAnything) {
  Benchmarks free(history.published, changes, history.readers, nullptr);
  taken(std::string(kHead) + line_of("H100_80GB", 3'000, 0));
  const auto how = free.known_of_models(*free.kept({}), now_epoch_ms());
  ASSERT_TRUE(how);
  EXPECT_THAT(how->prices, IsEmpty());
  EXPECT_EQ(free.currency(), "");
}

}  // namespace
}  // namespace tessera::server

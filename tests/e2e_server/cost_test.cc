// Money through a running server: hours of a simulated fleet come in as they were, the ledger closes, and whatever is
// asked adds up; also where the server is killed while it closes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <random>
#include <thread>

#include "fleet/cost/money.h"
#include "store/database.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using fleet::Micros;
using nlohmann::json;
using testing::HasSubstr;

constexpr EpochMs kStep = 20'000, kBucket = 15 * 60'000;
constexpr const char* kSettings = R"(gpu.management:
  metrics: {collection-interval: 20s}
  cost:
    owners:
    - {field: team, namespace: ml, value: vision}
    - {field: team, namespace: serving, value: chat}
    - {field: project, namespace: "*", value: all}
    nodes: [{node: "worker-02", pool: cheap, purchase: spot}]
    rates:
    - {model: A100_80GB, purchase: spot, per-hour: 2.345678}
    - {model: L40S, per-hour: 1.1}
)";

Micros micros(const json& money) {
  const auto out = fleet::parse_decimal(money.get<std::string>());
  EXPECT_TRUE(out) << money;
  return out ? *out : 0;
}

constexpr const char* kWorker1 = R"(nodes:
  - name: worker-01
    gpus:
      - model: h100_sxm
        processes: [{pid: 4101, command: python3, memory: 5GiB, sm: 80, pod: ml/trainer-0}]
      - model: h100_sxm
        mig: {layout: [{profile: 3g.40gb, start: 4, load: 50}, {profile: 2g.20gb, start: 0}]}
        processes: [{pid: 5301, command: vllm, memory: 9GiB, instance: 0, pod: serving/llm-0}]
    pods:
      - {namespace: ml, name: trainer-0, containers: [{name: main, devices: [{gpu: 0}]}]}
      - {namespace: serving, name: llm-0, containers: [{name: main, devices: [{gpu: 1, instance: 0}]}]}
)";
constexpr const char* kWorker2 = R"(nodes:
  - name: worker-02
    gpus:
      - model: a100_sxm4_80gb
        processes: [{pid: 6101, command: torchrun, memory: 72GiB, sm: 90, pod: ml/pretrain-0}]
      - model: a100_sxm4_80gb
      - model: a100_sxm4_80gb
        mig: {layout: [{profile: 3g.40gb, start: 0, load: 40}, {profile: 3g.40gb, start: 4}]}
    pods:
      - {namespace: ml, name: pretrain-0, containers: [{name: main, devices: [{gpu: 0}]}]}
)";
// An hour of it by kSettings: two H100, and three A100 by the price of spot.
constexpr Micros kHourly = 2 * 8'000'000 + 3 * 2'345'678;

/// What agents of two simulated nodes tell.
struct PlayedFleet {
  PlayedFleet() {
    for (const auto& [name, text] : {std::pair{"worker-01", kWorker1}, {"worker-02", kWorker2}}) {
      const TempDir folder;
      const auto file = folder.path() / "scenario.yaml";
      EXPECT_TRUE(write_file_atomically(file, text));
      const Node node(file);
      Agent agent(node, {"--interval", "1s"}, {{"NODE_NAME", name}});
      EXPECT_TRUE(eventually([&, of = name] {
        pages[of] = agent.metrics();
        return pages[of].find("\ngpu_process_info{") != std::string::npos;
      }));
    }
  }
  std::map<std::string, std::string> pages;
};

struct CostE2e : testing::Test {
  static const PlayedFleet& played() {
    static const PlayedFleet kFleet;
    return kFleet;
  }
  /// Each step of it, as senders tell it that were away.
  void tell(Server& server, EpochMs from, EpochMs to) {
    for (EpochMs at = from; at < to; at += kStep)
      for (const auto& [node, page] : played().pages) {
        const auto reply =
            server.post(fmt::format("/import/prometheus?cluster=here&node={}&timestamp={}", node, at), page, {});
        ASSERT_EQ(reply.status, 204) << reply.body;
      }
  }
  bool closes(Server& server, double buckets) {
    return eventually([&] { return server.metric("tessera_server_cost_buckets_closed_total") >= buckets; });
  }
  const EpochMs end = now_epoch_ms() / kBucket * kBucket - kBucket;  // closed since five minutes at least
};

TEST_F(CostE2e, AddsUpAtEachGroupingAndWindow) {
  Server server(kSettings);
  tell(server, end - 8 * kBucket, end);
  tell(server, now_epoch_ms(), now_epoch_ms() + 1);
  ASSERT_TRUE(closes(server, 8)) << server.process().output();
  const auto time = [&](int buckets) { return format_time(end + buckets * kBucket); };
  json teams;
  // What the keeper had not saved when a bucket was closed is entered as a correction.
  ASSERT_TRUE(eventually(
      [&] {
        teams = server.get("/cost/teams?window=" + time(-8) + "," + time(0));
        return micros(teams.at("nobodys").at("unobserved")) == 0;
      },
      std::chrono::minutes(3)))
      << teams;
  const std::string windows[] = {"24h", "today", time(-8) + "," + time(0), time(-5) + "," + time(-4), "90m"};
  std::size_t groups = 0;
  for (const std::string& window : windows)
    for (const char* by : {"cluster", "node", "pool", "model", "purchase", "device", "profile", "namespace", "pod",
                           "team", "project", "costCentre", "team,namespace,device"})
      for (const char* more : {"", "&shareIdle=true", "&step=15m", "&accumulate=hour&shareIdle=even&idleByNode=true"}) {
        const json reply =
            server.get(fmt::format("/cost/allocation?window={}&aggregate={}&includeIdle=true{}", window, by, more));
        ASSERT_EQ(reply.at("data").size(), reply.at("totals").size());
        for (std::size_t i = 0; i < reply.at("data").size(); ++i) {
          Micros sum = 0;
          for (const auto& [name, group] : reply.at("data")[i].items()) sum += micros(group.at("money").at("cost"));
          EXPECT_EQ(sum, micros(reply.at("totals")[i].at("cost"))) << window << ' ' << by << more;
          groups += reply.at("data")[i].size();
        }
      }
  EXPECT_GT(groups, 500U) << "there was nothing to add up";

  const Micros all = 2 * kHourly;
  EXPECT_NEAR(static_cast<double>(micros(teams.at("all"))), static_cast<double>(all), 20.0) << teams;
  ASSERT_FALSE(teams.at("items").empty()) << teams;
  EXPECT_EQ(teams.at("items")[0].at("team"), "vision");
  EXPECT_NE(teams.at("nobodys").at("unallocated"), "0.00");
  EXPECT_EQ(server.get("/cost/tokens").at("items").size(), 0U);

  const Finished table =
      run({program("tessera"), "cost", "--window", time(-8) + "," + time(0), "--server", server.url("")});
  EXPECT_EQ(table.code, 0) << table.output;
  EXPECT_THAT(table.output, HasSubstr("vision"));
  EXPECT_THAT(table.output, HasSubstr("all GPUs"));
  const Finished csv = run({program("tessera"), "cost", "allocation", "--csv", "--window", "24h", "--aggregate", "pod",
                            "--server", server.url("")});
  EXPECT_EQ(csv.code, 0) << csv.output;
  EXPECT_THAT(csv.output, testing::StartsWith("name,start,end,gpuHours"));
}

TEST_F(CostE2e, WhatItCostsNowIsToldAsItChangesAndToPrometheus) {
  Server server(kSettings);
  if (peer("curl").empty()) GTEST_SKIP() << "no curl on this machine";
  Child events({peer("curl"), "-sN", server.api("/events?type=cost.rate")});
  ASSERT_TRUE(events.says("event: ready")) << events.output();
  tell(server, end - 2 * kBucket, end);
  tell(server, now_epoch_ms(), now_epoch_ms() + 1);
  EXPECT_TRUE(events.says("\"perHour\":\"" + fleet::decimal(kHourly) + "\"")) << events.output();
  // A whole H100 and a whole A100.
  EXPECT_TRUE(eventually([&] { return server.metric("gpu_hourly_cost{team=\"vision\",project=\"all\"}") > 10; }));
  if (peer("prometheus").empty()) GTEST_SKIP() << "no Prometheus on this machine";
  ASSERT_TRUE(closes(server, 1)) << server.process().output();
  const auto prometheus = Prometheus::scraping({server.address()});
  ASSERT_TRUE(prometheus && prometheus->scraped(3));
  const auto dashboard = read_file(TESSERA_SOURCE_DIR "/deploy/grafana/cost.json");
  ASSERT_TRUE(dashboard);
  // Steps of a second, for there is no minute of it yet.
  const std::pair<const char*, const char*> kValues[] = {
      {"$team", ".*"}, {"$project", ".*"}, {"$__range", "1h"}, {":1m]", ":1s]"}};
  std::size_t asked = 0;
  const json panels = json::parse(*dashboard).at("panels");
  for (const json& panel : panels)
    for (const json& target : panel.value("targets", json::array())) {
      std::string query = target.at("expr");
      for (const auto& [name, value] : kValues)
        for (auto at = query.find(name); at != std::string::npos; at = query.find(name))
          query.replace(at, std::string_view(name).size(), value);
      const auto found = prometheus->query(query);
      EXPECT_FALSE(found.empty()) << panel.at("title") << " has no data: " << query;
      if (panel.at("title") == "An hour, all GPUs" && !found.empty()) {
        EXPECT_NEAR(found[0].value, kHourly / 1e6, 1e-6);
      }
      ++asked;
    }
  EXPECT_GT(asked, 10U);
}

/// Whenever it dies: each bucket is closed once, as a whole, and comes to what its devices cost.
TEST_F(CostE2e, IsKilledWhileItClosesAndClosesEachBucketOnce) {
  std::mt19937 random(3);
  Server server(kSettings);
  constexpr int kBuckets = 24;
  tell(server, end - kBuckets * kBucket, end);
  std::int64_t closed = 0;
  const auto count = [&](const std::string& what) {
    std::int64_t out = 0;
    const auto opened = store::Database::open("sqlite:" + (server.data() / "tessera.db").string(), {.migrate = false});
    EXPECT_TRUE(opened);
    if (!opened) return out;
    EXPECT_TRUE((*opened)->each(what, {}, [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  for (int life = 0; life < 40 && closed < kBuckets; ++life) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 400));  // whenever that may be
    server.kill();
    closed = count("SELECT COUNT(*) FROM cost_bucket");
    server.start();
  }
  tell(server, now_epoch_ms(), now_epoch_ms() + 1);  // else nobody tells that the last one is over
  ASSERT_TRUE(eventually([&] { return count("SELECT COUNT(*) FROM cost_bucket") >= kBuckets; }));
  ASSERT_TRUE(eventually([&] {
    return count(
               "SELECT COUNT(*) FROM cost_late l JOIN cost_bucket b ON b.bucket = l.bucket "
               "WHERE b.bucket < " +
               std::to_string(end / 1'000)) == 0;
  })) << "what the journal still held is entered as corrections";
  const std::int64_t whole = kHourly / 4;
  EXPECT_EQ(
      count(fmt::format("SELECT COUNT(*) FROM (SELECT bucket, SUM(micros) AS sum FROM cost_entry WHERE bucket > {} "
                        "AND bucket < {} GROUP BY bucket) WHERE sum < {} OR sum > {}",
                        (end - kBuckets * kBucket) / 1'000, end / 1'000, whole - 3, whole + 3)),
      0);
  EXPECT_EQ(count(fmt::format("SELECT COUNT(DISTINCT bucket) FROM cost_entry WHERE revision = 0 AND bucket >= {} AND "
                              "bucket < {}",
                              (end - kBuckets * kBucket) / 1'000, end / 1'000)),
            kBuckets);
  EXPECT_EQ(server.stop(), 0);
}

/// An alert tells of it, once, also where the server is killed in between; and an allocation hears of it.
TEST_F(CostE2e, ABudgetIsCrossedOnceWhateverBecomesOfTheServer) {
  Server server(kSettings);
  tell(server, end - 4 * kBucket, end);
  tell(server, now_epoch_ms(), now_epoch_ms() + 1);
  ASSERT_TRUE(closes(server, 4)) << server.process().output();
  const auto made = server.post(
      "/budgets",
      fmt::format(R"({{"name": "vision", "scope": "team", "scopeName": "vision", "period": "custom", "begin": "{}",
                      "end": "{}", "amount": "1.00", "thresholds": [{{"percent": 100, "on": "actual"}}],
                      "enforcement": "refuse"}})",
                  format_time(end - 4 * kBucket), format_time(end + 96 * kBucket)),
      {{"Content-Type", "application/json"}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = json::parse(made.body).at("id");
  const auto events = [&] {
    tell(server, now_epoch_ms(), now_epoch_ms() + 1);  // the rules are held against what is new
    return server.get("/alerts/history?alert=BudgetThresholdCrossed").at("total").get<int>();
  };
  // Rules are looked at once a collection interval.
  ASSERT_TRUE(eventually([&] { return events() == 1; }, std::chrono::minutes(3))) << server.process().output();
  server.kill();
  server.start();
  ASSERT_TRUE(eventually([&] { return !server.get("/budgets/" + id).at("standing").is_null(); }));
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(events(), 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // that nothing comes needs some time to see
  }
  const json standing = server.get("/budgets/" + id).at("standing");
  EXPECT_EQ(standing.at("crossings").size(), 1U);
  EXPECT_GT(micros(standing.at("spent")), fleet::kUnit) << standing;
  const auto refused = server.post("/gpu/allocations", R"({"namespace": "ml", "podName": "p", "requiredMemoryGb": 5})",
                                   {{"Content-Type", "application/json"}});
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("over-budget"));
  const Finished table = run({program("tessera"), "budgets", "--server", server.url("")});
  EXPECT_EQ(table.code, 0) << table.output;
  EXPECT_THAT(table.output, HasSubstr("team:vision"));
  EXPECT_THAT(table.output, HasSubstr("overspent"));
  const Finished one = run({program("tessera"), "budgets", "vision", "--server", server.url("")});
  EXPECT_EQ(one.code, 0) << one.output;
  EXPECT_THAT(one.output, HasSubstr("100 % actual"));
}

TEST_F(CostE2e, AnotherCurrencyIsRefusedAtTheStart) {
  Server server(kSettings);
  EXPECT_EQ(server.stop(), 0);
  const std::string file = (server.data() / "other.yaml").string();
  ASSERT_TRUE(write_file_atomically(file, "gpu.management.cost.currency: KRW\n"));
  const Finished refused =
      run({program("tessera-server"), "--address", "127.0.0.1:0", "--data", server.data().string(), "--config", file});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, HasSubstr("is in USD: two currencies have no sum"));
}

}  // namespace
}  // namespace tessera::e2e

// The relay's pages: as texts of a sample, and over HTTP from a pipeline that runs.
#include "relay/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/files.h"
#include "http/client.h"
#include "metrics/page.h"
#include "metrics/parse.h"
#include "relay/json.h"
#include "relay/overview_test.h"
#include "relay/self_metrics.h"
#include "relay/targets_html.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kPatience = 60s;

TEST(RelayPages, TargetsComeWithProblemsFirst) {
  Overview seen = sample_overview();
  sort_for_people(seen.targets);
  const auto page = json::parse(targets_json(seen));
  ASSERT_EQ(page["targets"].size(), 3U);
  const auto& down = page["targets"][0];
  EXPECT_EQ(down["health"], "down");
  EXPECT_EQ(down["lastError"], "HTTP status 404 <b>\xEF\xBF\xBD");
  EXPECT_EQ(page["targets"][1]["health"], "unknown");
  EXPECT_FALSE(page["targets"][1].contains("lastScrape"));
  EXPECT_FALSE(page["targets"][1].contains("samplesScraped"));
  const auto& up = page["targets"][2];
  const json want = {{"job", "dcgm"},
                     {"url", "http://up-1/metrics"},
                     {"labels", {{"instance", "up-1"}, {"job", "dcgm"}}},
                     {"origin", "pod gpu/up-1"},
                     {"health", "up"},
                     {"intervalSeconds", 15.0},
                     {"timeoutSeconds", 10.0},
                     {"lastScrape", "2027-01-15T07:59:57.500Z"},
                     {"lastScrapeDurationSeconds", 0.25},
                     {"bodyBytes", 0},
                     {"samplesScraped", 420},
                     {"samplesKept", 400},
                     {"scrapes", 7},
                     {"failures", 1},
                     {"missed", 0},
                     {"duplicates", 0},
                     {"tooFarAhead", 0},
                     {"unfitNames", 0},
                     {"clamped", 0},
                     {"collisions", 0}};
  EXPECT_EQ(up, want);
  EXPECT_EQ(page["sources"][1]["problem"], "HTTP status 403");
  EXPECT_EQ(page["dropped"][0]["why"], "tessera-agent tells of this node");
  EXPECT_EQ(page["droppedNotShown"], 0);
  const json sharing = {
      {"shard", 1},
      {"of", 3},
      {"lease", "gpu/relay"},
      {"held", true},
      {"problem", "leases: HTTP status 503 <i>"},
      {"members",
       {{{"shard", 0}, {"state", "living"}, {"holder", "relay-0_1"}, {"lastHeard", "2027-01-15T07:59:58.000Z"}},
        {{"shard", 1}, {"state", "living"}, {"holder", "relay-1_2"}, {"lastHeard", "2027-01-15T07:59:59.000Z"}},
        {{"shard", 2}, {"state", "away"}}}}};
  EXPECT_EQ(page["sharing"], sharing);
  seen.sharing.reset();
  EXPECT_FALSE(json::parse(targets_json(seen)).contains("sharing")) << "the split is static";
}

TEST(RelayPages, ShowAsManyDroppedTargetsAsTheirJobsKeep) {
  std::vector<Job> jobs(3);
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].id = std::string(1, static_cast<char>('a' + i));
  jobs[0].scrape.limits.keep_dropped_targets = 1;
  jobs[1].scrape.limits.keep_dropped_targets = 2;
  std::vector<Sifted::Dropped> dropped;
  for (const char* job : {"a", "b", "a", "c", "b", "b", "c", "c"}) {
    dropped.emplace_back().target.job_id = job;
    dropped.back().why = std::to_string(dropped.size());
  }
  EXPECT_EQ(keep_dropped(dropped, jobs), 2U);
  std::string kept;
  for (const auto& one : dropped) kept += one.target.job_id + one.why + " ";
  EXPECT_EQ(kept, "a1 b2 c4 b5 c7 c8 ");
  Overview seen = sample_overview();
  seen.dropped_unshown = 2;
  EXPECT_EQ(nlohmann::json::parse(targets_json(seen))["droppedNotShown"], 2);
  EXPECT_THAT(targets_html(seen), HasSubstr("and 2 more"));
  EXPECT_THAT(metrics::write_text(self_metrics(seen, {})), HasSubstr("\ntessera_relay_targets_dropped 3\n"));
}

TEST(RelayPages, TheTableHoldsNoMarkupOfOthers) {
  const std::string page = targets_html(sample_overview());
  EXPECT_THAT(page, HasSubstr("HTTP status 404 &lt;b&gt;\xEF\xBF\xBD"));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
  EXPECT_THAT(page, HasSubstr("{instance=&quot;up-1&quot;, job=&quot;dcgm&quot;}"));
  EXPECT_THAT(page, HasSubstr("tessera-agent tells of this node"));
  EXPECT_THAT(page, HasSubstr("shard 1 of 3, by the leases gpu/relay-0 and on. leases: HTTP status 503 &lt;i&gt;"));
  EXPECT_THAT(page, HasSubstr("<td class=\"n\">2<td>away"));
}

TEST(RelayPages, StatusTellsOfEveryDestination) {
  const auto page = json::parse(status_json(sample_overview()));
  EXPECT_EQ(page["configuration"]["file"], "relay.yaml");
  const auto& way = page["destinations"][0];
  EXPECT_EQ(way["protocol"], "remote write 2.0");
  EXPECT_EQ(way["protocolAgreed"], true);
  EXPECT_EQ(way["queue"]["pendingSamples"], 350);
  EXPECT_EQ(way["queue"]["pendingBytes"], 4'600);
  EXPECT_EQ(way["queue"]["lagSeconds"], 12.5);
  EXPECT_EQ(way["queue"]["oldest"], "2027-01-15T07:59:47.500Z");
  EXPECT_EQ(way["droppedSamples"]["full"], 70);
  EXPECT_EQ(way["droppedSamples"]["status_400"], 11);
  EXPECT_EQ(way["trouble"][0]["attempts"], 4);
  EXPECT_EQ(way["lastError"]["error"], "HTTP status 503");
  EXPECT_EQ(page["abandonedQueues"][0]["bytes"], 3'400);
  const auto& quiet = page["destinations"][1];
  for (const auto* absent : {"trouble", "lastError", "newestSent", "lastSuccess", "lastLatencySeconds"})
    EXPECT_FALSE(quiet.contains(absent)) << absent;
  EXPECT_FALSE(quiet["queue"].contains("lagSeconds"));
}

std::unique_ptr<http::Server> listen(std::vector<http::Route> routes) {
  http::ServerOptions anywhere;
  anywhere.address = "127.0.0.1:0";
  auto server = http::Server::listen(anywhere, std::move(routes));
  EXPECT_TRUE(server);
  return *std::move(server);
}

http::Response text(std::string body, int status = 200) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

/// A relay with a target that answers, one that does not, and a pod of a cluster that tells of it when it may.
class RelayServer : public testing::Test {
 protected:
  void SetUp() override {
    target_ = listen({{"GET", "/metrics", [](const http::Request&) { return text("x 1\ny 2\n"); }}});
    const json pod = {{"metadata", {{"name", "p1"}, {"namespace", "gpu"}, {"uid", "u1"}}},
                      {"spec", {{"containers", {{{"name", "c"}, {"ports", {{{"containerPort", target_->port()}}}}}}}}},
                      {"status", {{"phase", "Running"}, {"podIP", "127.0.0.1"}}}};
    api_ = listen(
        {{"GET", "/api/v1/pods",
          [this, pod](const http::Request& request) {
            if (!request.query_value("watch").empty()) return text("");
            may_list_.wait();
            const json list = {
                {"kind", "PodList"}, {"apiVersion", "v1"}, {"metadata", {{"resourceVersion", "1"}}}, {"items", {pod}}};
            return text(list.dump());
          }},
         {"GET", "/api/v1/namespaces/gpu/pods/{pod}", [pod](const http::Request& request) {
            return request.param("pod") == "p1" ? text(pod.dump()) : text("{}", 404);
          }}});
    auto config = parse_config(
        fmt::format("global: {{scrape_interval: 1s}}\nscrape_configs:\n"
                    "- {{job_name: fixed, static_configs: [{{targets: ['{0}']}}]}}\n"
                    "- {{job_name: missing, metrics_path: /no, static_configs: [{{targets: ['{0}']}}]}}\n"
                    "- {{job_name: pods, kubernetes_sd_configs: [{{role: pod, api_server: 'http://{1}'}}]}}\n",
                    target_->address(), api_->address()),
        "r.yaml");
    ASSERT_TRUE(config) << config.error().what;
    Options options;
    options.data = (dir_.path() / "data").string();
    auto pipeline = Pipeline::start(*std::move(config), options);
    ASSERT_TRUE(pipeline) << pipeline.error().what;
    running_ = std::make_unique<Running>(*std::move(pipeline));
    server_ = listen(
        relay_routes(*running_, {[] { return std::optional(http::ServerStats{}); }, [] { return std::nullopt; }}));
  }
  void TearDown() override {
    if (!may_list_.try_wait()) may_list_.count_down();
  }

  http::ClientResponse get(const std::string& path, const std::string& accept = "*/*") {
    http::ClientRequest request;
    request.url = "http://" + server_->address() + path;
    request.deadline = kPatience;
    request.headers = {{"Accept", accept}};
    const auto reply = client_.send(request);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().what);
    return reply ? *reply : http::ClientResponse{};
  }

  /// Lets the cluster tell of its pod, and asks until all three targets have been scraped.
  json targets() {
    may_list_.count_down();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto is_scraped = [](const json& target) { return target["scrapes"] > 0; };
    json all;
    do {
      all = json::parse(get("/targets").body)["targets"];
      if (all.size() == 3 && std::ranges::all_of(all, is_scraped)) break;
      wait_until(std::chrono::steady_clock::now() + 20ms, {});
    } while (std::chrono::steady_clock::now() < deadline);
    return all;
  }

  TempDir dir_;
  std::latch may_list_{1};
  std::unique_ptr<http::Server> target_, api_;
  std::unique_ptr<Running> running_;
  std::unique_ptr<http::Server> server_;
  http::Client client_;
};

TEST_F(RelayServer, ShowsItsTargets) {
  const json all = targets();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["job"], "missing");
  EXPECT_EQ(all[0]["health"], "down");
  EXPECT_THAT(all[0]["lastError"].get<std::string>(), HasSubstr("404"));
  EXPECT_EQ(all[1]["samplesScraped"], 2);
  EXPECT_EQ(all[2]["origin"], "pod gpu/p1");
  const auto table = get("/targets", "text/html,application/xml;q=0.9,*/*;q=0.8");
  EXPECT_THAT(std::string(table.header("content-type")), StartsWith("text/html"));
  EXPECT_EQ(table.header("vary"), "Accept, Accept-Encoding");
}

TEST_F(RelayServer, ServesItsMetricsInBothFormats) {
  struct : metrics::PageReader {
    void sample(const metrics::Sample&) override {}
  } reader;
  targets();
  const auto plain = get("/metrics");
  EXPECT_EQ(plain.header("content-type"), metrics::kTextContentType);
  EXPECT_TRUE(metrics::parse_text(plain.body, reader, metrics::Rules::Strict));
  EXPECT_THAT(plain.body, HasSubstr("tessera_relay_targets{job=\"missing\",state=\"down\"} 1\n"));
  EXPECT_THAT(plain.body, HasSubstr("tessera_relay_targets{job=\"pods\",state=\"up\"} 1\n"));
  const auto open = get("/metrics", "application/openmetrics-text");
  EXPECT_EQ(open.header("content-type"), metrics::kOpenMetricsContentType);
  EXPECT_TRUE(metrics::parse_openmetrics(open.body, reader, metrics::Rules::Strict));
}

TEST_F(RelayServer, IsReadyOnceItKnowsItsTargets) {
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/status").status, 200);
  EXPECT_THAT(get("/").body, HasSubstr("/explain?namespace="));
  const auto early = get("/readyz");
  EXPECT_EQ(early.status, 503);
  EXPECT_THAT(early.body, testing::MatchesRegex("pods of all namespaces of http://[^ ]*: not read yet\n"));
  targets();
  EXPECT_EQ(get("/readyz").status, 200);
}

TEST_F(RelayServer, ExplainsAPod) {
  targets();
  const auto told = get("/explain?namespace=gpu&pod=p1", "text/plain");
  EXPECT_EQ(told.status, 200);
  EXPECT_THAT(told.body, StartsWith("pod gpu/p1: scraped, as one target\n\njob pods (r.yaml:5)\n"));
  EXPECT_THAT(told.body, HasSubstr("2 samples on the page, 2 kept"));
  EXPECT_EQ(json::parse(get("/explain?namespace=gpu&pod=p1").body)["jobs"].size(), 3U);
  EXPECT_EQ(get("/explain").status, 400);
  EXPECT_EQ(get("/explain?namespace=gpu").status, 400);
  EXPECT_EQ(get("/explain?namespace=gpu&pod=p2").status, 404);
}

TEST_F(RelayServer, SaysSoWhereNothingRuns) {
  const Running none(nullptr);
  server_ = listen(relay_routes(none, {[] { return std::nullopt; }, [] { return std::nullopt; }}));
  EXPECT_EQ(get("/livez").status, 503);
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/metrics").status, 200);
  EXPECT_EQ(get("/explain?namespace=gpu&pod=p1").status, 503);
  server_.reset();
}

}  // namespace
}  // namespace tessera::relay

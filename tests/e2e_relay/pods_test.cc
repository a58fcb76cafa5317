// Pods of a played cluster as targets, by the short configuration and by none; the API's bad days; and explanations.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/listener.h"
#include "tests/e2e/node.h"
#include "tests/e2e_relay/cluster.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;

/// One store is enough here: what both make of samples is forward_test's.
class Pods : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = missing_receivers(); !missing.empty()) GTEST_SKIP() << missing;
    store_ = prometheus_receiver();
  }
  std::string config(const std::string& targets) const {
    return "globalInterval: 250ms\n" + targets + "remote_write:\n" + write_to("prometheus", store_->write_url());
  }
  Relay relay(const std::string& text) { return Relay(text, cluster_.flags(), cluster_.environment()); }
  bool is_up(const std::string& selector) {
    return eventually([&] { return !store_->at("up{" + selector + "} == 1", now_epoch_ms()).empty(); });
  }
  bool is_gone(const std::string& selector) {
    return eventually([&] { return store_->at("up{" + selector + "}", now_epoch_ms()).empty(); });
  }
  PlayedPod worker(const std::string& name, const std::string& space = "ml") const {
    return {.space = space, .name = name, .labels = {{"app", "worker"}}, .ports = {{"metrics", target_.port()}}};
  }

  Cluster cluster_;
  std::unique_ptr<Receiver> store_;
  ScriptedTarget target_{"work 1\n"};
};

constexpr const char* kMonitor = R"(targets:
- targetName: workers
  namespaceSelector: {any: true}
  selector: {matchLabels: {app: worker}}
  endpoints: [{port: metrics}]
)";

TEST_F(Pods, AreFoundByThePortsNameInEveryNamespaceAsTheyComeAndGo) {
  cluster_.put(worker("a"));
  cluster_.put(worker("b", "other"));
  PlayedPod done = worker("done");
  done.phase = "Succeeded";
  cluster_.put(done);
  PlayedPod stranger = worker("stranger");
  stranger.labels = {{"app", "else"}};
  cluster_.put(stranger);
  PlayedPod unnamed = worker("unnamed");
  unnamed.ports = {{"http", target_.port()}};
  cluster_.put(unnamed);
  Relay relay = this->relay(config(kMonitor));
  ASSERT_TRUE(is_up("pod=\"a\",namespace=\"ml\""));
  ASSERT_TRUE(is_up("pod=\"b\",namespace=\"other\""));
  const Labels want = {{"__name__", "work"},
                       {"job", "workers"},
                       {"namespace", "ml"},
                       {"pod", "a"},
                       {"container", "main"},
                       {"endpoint", "metrics"},
                       {"instance", target_.address()}};
  EXPECT_THAT(store_->samples("work"), Contains(Key(want)));
  cluster_.put(worker("c"));
  EXPECT_TRUE(is_up("pod=\"c\""));
  cluster_.remove("ml", "c");
  EXPECT_TRUE(is_gone("pod=\"c\""));
  done = worker("a");
  done.phase = "Failed";
  cluster_.put(done);
  EXPECT_TRUE(is_gone("pod=\"a\""));
  EXPECT_THAT(store_->samples("up{pod=~\"done|stranger|unnamed\"}"), IsEmpty());
}

TEST_F(Pods, AreFoundByThePortsNumberInChosenNamespacesAndOverIpv6) {
  cluster_.put(worker("a"));
  cluster_.put(worker("b", "other"));
  const bool has_ipv6 = static_cast<bool>(http::listen_on("[::1]:0"));
  http::ServerOptions options;
  options.address = has_ipv6 ? "[::1]:0" : "127.0.0.1:0";
  const auto server =
      http::Server::listen(options, {{"GET", "/metrics", [](const http::Request&) { return text_page("six 6\n"); }}});
  ASSERT_TRUE(server);
  PlayedPod six = worker("six");
  six.ip = has_ipv6 ? "::1" : "127.0.0.1";
  six.labels = {{"app", "six"}};
  six.ports = {};
  cluster_.put(six);
  const std::string text = fmt::format(R"(targets:
- targetName: numbered
  namespaceSelector: {{matchNames: [ml]}}
  selector: {{matchExpressions: [{{key: app, operator: In, values: [worker]}}]}}
  endpoints: [{{port: {}, addNodeLabel: true, relabelings: [{{targetLabel: tier, replacement: gold}}]}}]
- targetName: undeclared
  selector: {{matchLabels: {{app: six}}}}
  endpoints: [{{port: {}}}]
)",
                                       target_.port(), (*server)->port());
  Relay relay = this->relay(config(text));
  ASSERT_TRUE(is_up("job=\"numbered\",pod=\"a\",tier=\"gold\",node=\"worker-01\""));
  ASSERT_TRUE(is_up(fmt::format("job=\"undeclared\",pod=\"six\",instance=\"{}\"", (*server)->address())));
  EXPECT_THAT(store_->samples("up{pod=\"b\"}"), IsEmpty());
}

TEST_F(Pods, AreKeptThroughTheBadDaysOfTheApi) {
  cluster_.put(worker("a"));
  Relay relay = this->relay(config(kMonitor));
  ASSERT_TRUE(is_up("pod=\"a\""));

  cluster_.stub().go_away();
  EXPECT_TRUE(target_.asked(4)) << "known pods are scraped all the same";
  cluster_.put(worker("b"));
  ASSERT_TRUE(cluster_.stub().come_back());
  EXPECT_TRUE(is_up("pod=\"b\"")) << "what came meanwhile is found";

  ASSERT_TRUE(cluster_.stub().faults().add({{"stream", {{"do", "gone"}}}}));
  cluster_.stub().compact();
  cluster_.stub().wake();
  cluster_.remove("ml", "b");
  cluster_.put(worker("c"));
  EXPECT_TRUE(is_up("pod=\"c\"")) << "after 410 the list is read anew";
  EXPECT_TRUE(is_gone("pod=\"b\""));

  cluster_.rotate_token("second");
  ASSERT_TRUE(cluster_.stub().faults().add({{"stream", {{"do", "close"}}}}));
  cluster_.stub().wake();
  cluster_.put(worker("d"));
  EXPECT_TRUE(is_up("pod=\"d\"")) << "the new token is read";
  EXPECT_FALSE(store_->at("up{pod=\"a\"} == 1", now_epoch_ms()).empty());
}

TEST_F(Pods, AreKnownWithoutAnyConfiguration) {
  PlayedPod agent = worker("agent-1");
  agent.labels = {{"app.kubernetes.io/name", "tessera-agent"}};
  PlayedPod vllm = worker("llm-0");
  vllm.image = "vllm/vllm-openai:v0.9";
  vllm.labels = {};
  vllm.command = {"vllm", "serve", "--port", std::to_string(target_.port())};
  vllm.ports = {};
  PlayedPod other = worker("other");
  for (const auto& pod : {agent, vllm, other}) cluster_.put(pod);
  Relay relay = this->relay("");
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_targets") == 2; }));
  const auto seen = nlohmann::json::parse(relay.page("/targets"));
  std::map<std::string, std::string> jobs;
  for (const auto& target : seen["targets"]) jobs[target["labels"]["pod"]] = target["job"];
  EXPECT_EQ(jobs, (std::map<std::string, std::string>{{"agent-1", "tessera-agent"}, {"llm-0", "vllm"}}));
  EXPECT_TRUE(relay.process().says("nothing is forwarded"));
  EXPECT_EQ(relay.stop(), 0);

  target_.become("work{pod=\"own\"} 1\n");
  Relay with_receiver = this->relay(config(""));
  EXPECT_TRUE(is_up("pod=\"agent-1\",node=\"worker-01\""));
  EXPECT_TRUE(is_up("pod=\"llm-0\",node=\"worker-01\""));
  EXPECT_TRUE(eventually([&] { return store_->samples("work{pod=\"own\",job=\"tessera-agent\"}").size() == 1; }))
      << "their labels are honored";
}

TEST_F(Pods, AreExplained) {
  cluster_.put(worker("good"));
  PlayedPod stranger = worker("stranger");
  stranger.labels = {{"app", "else"}};
  PlayedPod unnamed = worker("unnamed");
  unnamed.ports = {{"http", target_.port()}};
  PlayedPod done = worker("done");
  done.phase = "Succeeded";
  PlayedPod deaf = worker("deaf");
  deaf.ports = {{"metrics", free_port()}};
  for (const auto& pod : {stranger, unnamed, done, deaf}) cluster_.put(pod);
  Relay relay = this->relay(config(kMonitor));
  ASSERT_TRUE(is_up("pod=\"good\""));
  const struct {
    const char* pod;
    std::vector<const char*> words;
  } kCases[] = {{"good", {"scrape"}},
                {"stranger", {"app=else"}},
                {"unnamed", {"a port named 'metrics'", "http="}},
                {"done", {"Succeeded"}},
                {"deaf", {"refused"}}};
  for (const auto& c : kCases)
    EXPECT_TRUE(eventually([&] {
      const std::string text = relay.page(fmt::format("/explain?namespace=ml&pod={}", c.pod));
      return std::ranges::all_of(c.words, [&](const char* word) { return text.find(word) != std::string::npos; });
    })) << c.pod
        << ": " << relay.page(fmt::format("/explain?namespace=ml&pod={}", c.pod));
  std::vector<std::string> words = {program("tessera-relay"), "--config", (relay.folder() / "relay.yaml").string(),
                                    "--explain", "ml/stranger"};
  for (const auto& flag : cluster_.flags()) words.push_back(flag);
  const auto told = run(words, cluster_.environment());
  EXPECT_THAT(told.output, HasSubstr("app=else"));
}

}  // namespace
}  // namespace tessera::e2e

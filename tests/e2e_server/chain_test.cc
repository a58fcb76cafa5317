// The whole chain: simulated driver, agents on three nodes, relay and a real Prometheus, server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/duration.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_server/server.h"
#include "tests/e2e_server/usage_rows.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;

constexpr const char* kNode = R"(nodes:
  - name: {}
    gpus:
      - model: h100_sxm
        processes: [{{pid: 4101, command: python3, memory: 5GiB, sm: 80, pod: ml/trainer-0}}]
      - model: h100_sxm
        mig: {{layout: [{{profile: 3g.40gb, start: 4, load: 50}}, {{profile: 2g.20gb, start: 0}}]}}
    pods:
      - {{namespace: ml, name: trainer-0, containers: [{{name: main, devices: [{{gpu: 0}}]}}]}}
)";

struct ThreeNodes : testing::Test {
  /// UUIDs follow from the node's name.
  struct Machine {
    Machine(const std::filesystem::path& folder, const std::string& name)
        : node(described(folder, name)), agent(node, {"--interval", "1s"}, {{"NODE_NAME", name}}) {}
    static std::filesystem::path described(const std::filesystem::path& folder, const std::string& name) {
      const auto path = folder / (name + ".yaml");
      EXPECT_TRUE(write_file_atomically(path, fmt::format(kNode, name)));
      return path;
    }
    Node node;
    Agent agent;
  };
  TempDir folder;
  std::vector<std::unique_ptr<Machine>> machines;
  ThreeNodes() {
    for (const char* name : {"worker-01", "worker-02", "worker-03"})

      machines.push_back(std::make_unique<Machine>(folder.path(), name));
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> out;
    for (const auto& machine : machines) out.push_back(machine->agent.address());
    return out;
  }
  static bool knows(Server& server, std::size_t devices) {
    return eventually([&] { return server.get("/gpu/overview").at("totalGpuDevices") == devices; });
  }
};

TEST_F(ThreeNodes, AreOneFleet) {
  Server server;
  Relay relay(global("1s") + "scrape_configs:\n" + static_job("tessera-agent", addresses(), "  honor_labels: true\n") +
              "remote_write:\n" + write_to("server", server.write_url()));
  ASSERT_TRUE(knows(server, 6)) << relay.page("/targets") << server.process().output();
  const auto overview = server.get("/gpu/overview");
  EXPECT_EQ(overview.at("devicesByModel"), nlohmann::json({{"H100_80GB", 6}}));
}

TEST_F(ThreeNodes, AreTheSameByWayOfPrometheus) {
  Server server;
  if (peer("prometheus").empty()) GTEST_SKIP() << "no Prometheus on this machine";
  const auto prometheus = Prometheus::scraping(addresses(), "remote_write:\n- {url: \"" + server.write_url() +
                                                                "\", queue_config: {batch_send_deadline: 200ms}}\n");
  ASSERT_TRUE(prometheus);
  EXPECT_TRUE(knows(server, 6)) << server.process().output();
}

/// What is told of the fleet that does not depend on when.
nlohmann::json told_of(Server& server) {
  const auto overview = server.get("/gpu/overview");
  nlohmann::json out;
  for (const char* name : {"totalGpuDevices", "totalMigInstances", "activeAllocations", "totalSessions", "totalNodes"})
    out[name] = overview.at(name);
  return out;
}

TEST_F(ThreeNodes, AreCountedOnceWhereTwoSendersTellOfThem) {
  constexpr const char* kShort = "gpu.management.metrics.collection-interval: 2s\n";
  if (peer("prometheus").empty()) GTEST_SKIP() << "no Prometheus on this machine";
  Server alone(kShort), both(kShort);
  Relay relay(global("1s") + "scrape_configs:\n" + static_job("tessera-agent", addresses(), "  honor_labels: true\n") +
              "remote_write:\n" + write_to("alone", alone.write_url()) + write_to("both", both.write_url()));
  const auto prometheus = Prometheus::scraping(addresses(), "remote_write:\n- {url: \"" + both.write_url() +
                                                                "\", queue_config: {batch_send_deadline: 200ms}}\n");
  ASSERT_TRUE(prometheus);
  ASSERT_TRUE(prometheus->scraped(10));
  ASSERT_TRUE(knows(alone, 6));
  EXPECT_TRUE(eventually([&] { return told_of(both) == told_of(alone); })) << told_of(both) << told_of(alone);
  // Both senders' series are there.
  const auto series = [](Server& server) { return server.metric("tessera_server_series"); };
  EXPECT_TRUE(eventually([&] { return series(both) > 1.8 * series(alone); })) << series(both) << ", " << series(alone);
  const auto before = now_epoch_ms();
  EXPECT_TRUE(eventually([&] { return now_epoch_ms() - before > 8'000; }));  // of usage that both have told
  EXPECT_EQ(told_of(both), told_of(alone));
  EXPECT_EQ(both.stop(), 0);
  EXPECT_THAT(rows_of_too_much(both, 2), IsEmpty());
}

TEST_F(ThreeNodes, ComeBackAfterAKill) {
  Server server;
  Relay relay(global("1s") + "scrape_configs:\n" + static_job("tessera-agent", addresses(), "  honor_labels: true\n") +
              "remote_write:\n" + write_to("server", server.write_url()));
  ASSERT_TRUE(knows(server, 6));
  server.kill();
  server.start();
  relay.configure(global("1s") + "scrape_configs:\n" +
                  static_job("tessera-agent", addresses(), "  honor_labels: true\n") + "remote_write:\n" +
                  write_to("server", server.write_url()));
  EXPECT_TRUE(knows(server, 6));
  EXPECT_EQ(server.stop(), 0);
}

TEST(Server, SaysWhatItCannotTakeIn) {
  Server server;
  const auto reply = server.post("/write", "this is no snappy", {{"Content-Encoding", "snappy"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(nlohmann::json::parse(reply.body).at("status"), 400);
  EXPECT_EQ(server.post("/write", "x", {{"Content-Encoding", "br"}}).status, 415);
  EXPECT_EQ(server.post("/gpu/overview", "x", {}).status, 405);
  EXPECT_EQ(server.post("/nothing", "x", {}).status, 404);
}

}  // namespace
}  // namespace tessera::e2e

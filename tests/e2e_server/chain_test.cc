// The whole chain: simulated driver, agents on three nodes, relay and a real Prometheus, server.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using testing::UnorderedElementsAre;

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

// The wall clock of the server's machine is set while samples come in; the clocks of those who send them stay right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/duration.h"
#include "tests/e2e/node.h"
#include "tests/e2e/set_clock.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_server/server.h"
#include "tests/e2e_server/usage_rows.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using testing::IsEmpty;

constexpr const char* kNode = R"(nodes:
  - name: worker-01
    gpus:
      - model: h100_sxm
        processes: [{pid: 4101, command: python3, memory: 5GiB, sm: 80, pod: ml/trainer-0}]
    pods:
      - {namespace: ml, name: trainer-0, containers: [{name: main, devices: [{gpu: 0}]}]}
)";

TEST(ClockOfTheServer, ThatIsSetWrongMakesNothingSilentAndCountsNothingTwice) {
  TempDir folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "node.yaml", std::string(kNode)));
  const Node node(folder.path() / "node.yaml");
  const Agent agent(node, {"--interval", "500ms"}, {{"NODE_NAME", "worker-01"}});
  SetClock clock;
  Server server("gpu.management.metrics.collection-interval: 2s\n", clock.environment());
  Relay relay(global("500ms") + "scrape_configs:\n" +
              static_job("tessera-agent", {agent.address()}, "  honor_labels: true\n") + "remote_write:\n" +
              write_to("server", server.write_url()));
  const auto begin = now_epoch_ms();
  const auto hears_more = [&] {
    const double requests = server.metric("tessera_server_write_requests_total");
    return eventually([&] { return server.metric("tessera_server_write_requests_total") >= requests + 12; });
  };
  ASSERT_TRUE(eventually([&] { return server.get("/gpu/overview").at("totalSessions") == 1; }));
  const auto session = server.get("/gpu/sessions").at("items").at(0).at("id");
  for (const auto offset : {1h, 0h, -1h, 0h, 24h * 800, 0h}) {
    SCOPED_TRACE(offset.count());
    clock.move_by(offset);
    ASSERT_TRUE(hears_more());
    const auto overview = server.get("/gpu/overview");
    EXPECT_EQ(overview.at("devicesByPresence").at("present"), 1) << overview;
    EXPECT_EQ(overview.at("totalSessions"), 1) << overview;
    EXPECT_EQ(server.get("/gpu/health").at("total"), 0);
    EXPECT_NEAR(server.metric("tessera_server_clock_disbelieved_seconds"),
                std::chrono::duration<double>(offset).count(), 5);
  }
  EXPECT_EQ(server.get("/gpu/sessions?state=past").at("total"), 0);
  EXPECT_EQ(server.get("/gpu/sessions").at("items").at(0).at("id"), session);
  EXPECT_EQ(server.metric("tessera_server_ignored_samples_total{reason=\"future\"}"), 0);
  EXPECT_EQ(server.metric("tessera_server_ignored_samples_total{reason=\"too_old\"}"), 0);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_THAT(rows_of_too_much(server, 2), IsEmpty());
  const auto usage = usage_begins(server);
  EXPECT_NEAR(static_cast<double>(usage.first), static_cast<double>(begin) / 1'000, 30) << "nothing was dropped as old";
  EXPECT_LE(usage.last, now_epoch_ms() / 1'000);
}

}  // namespace
}  // namespace tessera::e2e

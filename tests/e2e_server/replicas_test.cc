// Two servers on one PostgreSQL: one leads, and when it is killed or cut off the other does.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/files.h"
#include "http/client.h"
#include "store/database.h"
#include "store/postgres_peer.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"
#include "tests/e2e_server/byte_gate.h"
#include "wire/compression.h"
#include "wire/write_request.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

/// A request that tells of one device, as a dcgm-exporter would.
std::string device_told(const std::string& node) {
  wire::WriteRequest request;
  wire::Series& series = request.series.emplace_back();
  series.labels = {{"Hostname", node},
                   {"UUID", "GPU-" + node},
                   {"__name__", "DCGM_FI_DEV_GPU_TEMP"},
                   {"gpu", "0"},
                   {"modelName", "NVIDIA H100 80GB HBM3"}};
  series.samples.push_back({40, now_epoch_ms()});
  const std::string message = wire::encode(wire::Protocol::V1, request);
  return std::string(wire::Compressor(wire::Compression::Snappy).compress(message));
}

class Replica {
 public:
  explicit Replica(std::string url) : url_(std::move(url)) { start(); }

  void start() {
    const auto config = folder_.path() / "server.yaml";
    EXPECT_TRUE(write_file_atomically(config, "database.url: " + url_ + "\n"));
    process_ = std::make_unique<Child>(std::vector<std::string>{program("tessera-server"), "--config", config.string(),
                                                                "--address", "127.0.0.1:0", "--data",
                                                                (folder_.path() / "data").string()});
    const std::string rest = process_->after("server listens address=");
    address_ = rest.substr(0, rest.find(' '));
    EXPECT_FALSE(address_.empty()) << process_->output();
  }
  void kill() {
    process_->signal(SIGKILL);
    EXPECT_EQ(process_->wait(), 128 + SIGKILL);
  }
  Child& process() { return *process_; }
  const std::string& address() const { return address_; }

  http::ClientResponse write(const std::string& node) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = api("/write");
    request.body = device_told(node);
    request.headers = {{"Content-Encoding", "snappy"}, {"Content-Type", "application/x-protobuf"}};
    const auto reply = client_.send(request);
    return reply ? *reply : http::ClientResponse{};
  }
  bool takes(const std::string& node) { return write(node).status == 204; }

  /// How many devices it shows; nothing while it answers otherwise.
  std::optional<std::size_t> devices() {
    http::ClientRequest request;
    request.url = api("/gpu/overview");
    const auto reply = client_.send(request);
    if (!reply || reply->status != 200) return std::nullopt;
    return nlohmann::json::parse(reply->body).at("totalGpuDevices").get<std::size_t>();
  }
  bool shows(std::size_t count) {
    return eventually([&] { return devices() == count; });
  }

 private:
  std::string api(const std::string& path) const { return "http://" + address_ + "/k8s-monitor/api/v1" + path; }
  const std::string url_;
  TempDir folder_;
  std::unique_ptr<Child> process_;
  std::string address_;
  http::Client client_;
};

struct PostgresReplicas : testing::Test {
  void SetUp() override {
    auto* peer = store::PostgresPeer::instance();
    if (!peer) GTEST_SKIP() << store::PostgresPeer::kMissing;
    url = peer->fresh_url();
    gate = std::make_unique<ByteGate>(peer->socket());
    gated_url = peer->by_port(url, gate->port());
  }
  std::int64_t epoch() const {
    std::int64_t out = 0;
    auto database = store::Database::open(url, {.migrate = false});
    EXPECT_TRUE(database && (*database)->each("SELECT epoch FROM leader", {},
                                              [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  }
  std::string url, gated_url;
  std::unique_ptr<ByteGate> gate;
};

TEST_F(PostgresReplicas, OneLeadsAndBothShowTheSame) {
  Replica leader(url);
  ASSERT_TRUE(eventually([&] { return leader.takes("n1"); })) << leader.process().output();
  Replica follower(url);
  EXPECT_TRUE(follower.shows(1)) << follower.process().output();
  ASSERT_TRUE(leader.takes("n2"));
  EXPECT_TRUE(follower.shows(2));
  const auto refused = follower.write("n3");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("X-Tessera-Leader"), leader.address());
  EXPECT_EQ(leader.process().stop(), 0);
  EXPECT_TRUE(eventually([&] { return follower.takes("n3"); })) << "a lease that is given back is taken at once";
}

TEST_F(PostgresReplicas, AKilledLeaderIsReplacedAndHandsOverWhatItHad) {
  Replica first(gated_url), second(url);
  ASSERT_TRUE(eventually([&] { return first.takes("n1"); })) << first.process().output();
  ASSERT_TRUE(second.shows(1));
  gate->block();  // what it accepts from now on stays in its journal
  ASSERT_TRUE(first.takes("only-there"));
  first.kill();
  const auto killed = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return second.takes("n1"); })) << second.process().output();
  const auto took = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - killed);
  RecordProperty("replaced_after_ms", static_cast<int>(took.count()));
  EXPECT_EQ(epoch(), 2);
  gate->cut();
  gate->unblock();
  first.start();
  EXPECT_TRUE(first.process().says("server follows")) << first.process().output();
  EXPECT_TRUE(second.shows(2)) << first.process().output() << second.process().output();
  EXPECT_TRUE(first.shows(2));
  EXPECT_EQ(first.write("n1").status, 503);
}

TEST_F(PostgresReplicas, ALeaderThatIsCutOffStopsBeforeAnotherBegins) {
  Replica first(gated_url), second(url);
  ASSERT_TRUE(eventually([&] { return first.takes("n1"); })) << first.process().output();
  ASSERT_TRUE(second.shows(1));
  gate->block();
  bool both = false;
  ASSERT_TRUE(eventually([&] {
    const bool first_takes = first.takes("n1"), second_takes = second.takes("n2");
    both |= first_takes && second_takes;
    return second_takes;
  })) << second.process().output();
  EXPECT_FALSE(both);
  EXPECT_EQ(first.write("n1").status, 503);
  gate->unblock();
  EXPECT_TRUE(first.process().says("server follows")) << first.process().output();
  EXPECT_TRUE(eventually([&] { return first.devices() >= 2U; })) << first.process().output();
  EXPECT_EQ(first.write("n1").header("X-Tessera-Leader"), second.address());
  EXPECT_EQ(epoch(), 2);
}

}  // namespace
}  // namespace tessera::e2e

// kill -9 while samples come in: nothing that was accepted is lost, and nothing is counted twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "store/database.h"
#include "tests/e2e/child.h"
#include "tests/e2e_server/server.h"
#include "wire/compression.h"
#include "wire/write_request.h"

namespace tessera::e2e {
namespace {

// A state holds for 5 s here, so that each sample counts for that long and no other counts in its place. What is sent
// again is known again for five intervals, which a restart on a busy machine has to fit in.
constexpr const char* kSettings = "gpu.management.metrics.collection-interval: 2s\n";
constexpr EpochMs kHold = 5'000;
constexpr EpochMs kStep = 6'000;  // a hundred lives at most fit in the 23 hours before now
constexpr int kDevices = 4;
constexpr int kMostInOneLife = 120;

int value_of(int device, int step) { return (step * 7 + device * 13) % 101; }

std::string request_of(int step, EpochMs time) {
  wire::WriteRequest request;
  for (int device = 0; device < kDevices; ++device)
    request.series.push_back({{{"Hostname", "node"},
                               {"UUID", fmt::format("GPU-{}", device)},
                               {"__name__", "DCGM_FI_DEV_GPU_UTIL"},
                               {"gpu", std::to_string(device)},
                               {"modelName", "Tesla T4"},
                               {"namespace", "ml"},
                               {"pod", fmt::format("pod-{}", device % 2)}},
                              {{static_cast<double>(value_of(device, step)), time}},
                              {},
                              {}});
  return std::string(wire::Compressor(wire::Compression::Snappy).compress(wire::encode(wire::Protocol::V1, request)));
}

struct Sums {
  std::int64_t observed = 0, util = 0, owned = 0, rows = 0;
  bool operator==(const Sums&) const = default;
};
void PrintTo(const Sums& of, std::ostream* out) {
  *out << fmt::format("observed {} ms, util {}, owned {} ms, {} rows", of.observed, of.util, of.owned, of.rows);
}

Sums sums_in(const std::string& database, const std::string& table) {
  Sums out;
  const auto opened = store::Database::open("sqlite:" + database, {.migrate = false});
  EXPECT_TRUE(opened);
  if (!opened) return out;
  const auto done =
      (*opened)->each("SELECT SUM(observed_ms), SUM(util_sum), SUM(owned_ms), COUNT(*) FROM usage_" + table, {},
                      [&](const store::Row& row) {
                        out = {row.integer(0).value_or(0), row.integer(1).value_or(0), row.integer(2).value_or(0),
                               row.integer(3).value_or(0)};
                      });
  EXPECT_TRUE(done);
  return out;
}

/// TESSERA_KILLS and TESSERA_KILL_SEED: see tests/soak/server_kills.sh.
int number_of(const char* name, int fallback) {
  const char* given = std::getenv(name);
  return given ? std::atoi(given) : fallback;
}

TEST(Kills, LoseNothingAndCountNothingTwice) {
  const int kills = number_of("TESSERA_KILLS", 5);
  std::mt19937 random(static_cast<unsigned>(number_of("TESSERA_KILL_SEED", 1)));
  Server server(kSettings);
  http::Client client;
  const EpochMs begin = now_epoch_ms() - 23 * 3'600'000;
  int step = 0;
  const auto send = [&] {
    http::ClientRequest request;
    request.method = "POST";
    request.url = server.write_url();
    request.body = request_of(step, begin + step * kStep);
    request.headers = {{"Content-Encoding", "snappy"}, {"Content-Type", "application/x-protobuf"}};
    const auto reply = client.send(request);
    return reply && reply->status == 204;
  };
  for (int life = 0; life < kills; ++life) {
    const std::chrono::milliseconds wait(random() % 2'500);
    // Whenever that may be, in the middle of a request or of a save.
    std::jthread killer([&] {
      std::this_thread::sleep_for(wait);
      server.process().signal(SIGKILL);
    });
    for (int sent = 0; sent < kMostInOneLife && send(); ++sent) ++step;
    killer.join();
    ASSERT_EQ(server.process().wait(), 128 + SIGKILL);
    server.start();
    ASSERT_TRUE(eventually(send)) << "what was sent last is sent again: it may have been accepted";
    ++step;
  }
  Sums wanted;
  wanted.observed = std::int64_t{step} * kDevices * kHold;
  wanted.owned = wanted.observed;
  for (int one = 0; one < step; ++one)
    for (int device = 0; device < kDevices; ++device) wanted.util += kHold * 100 * value_of(device, one);
  const std::string database = (server.data() / "tessera.db").string();
  const auto are = [&](const char* table) {
    Sums is = sums_in(database, table);
    is.rows = 0;
    return is;
  };
  eventually([&] { return are("raw") == wanted; });
  for (const char* table : {"raw", "5m", "1h"}) EXPECT_EQ(are(table), wanted) << table << ", " << step << " steps";
  EXPECT_EQ(server.get("/gpu/overview").at("totalGpuDevices"), kDevices);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace tessera::e2e

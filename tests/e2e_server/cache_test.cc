// Two servers on one PostgreSQL that keep replies for each other in a Redis, and what becomes of them without it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/e2e_server/redis_peer.h"
#include "tests/e2e_server/replica.h"

namespace tessera::e2e {
namespace {

constexpr const char* kDevices = "/gpu/devices?sort=-utilization";

struct PostgresAndRedis : OnPostgres {
  void SetUp() override {
    OnPostgres::SetUp();
    if (IsSkipped()) return;
    if (!RedisPeer::is_here()) GTEST_SKIP() << RedisPeer::kMissing;
    redis = std::make_unique<RedisPeer>();
    redis_gate = std::make_unique<ByteGate>(redis->socket());
    settings = "cache.url: redis://127.0.0.1:" + std::to_string(redis_gate->port()) + "\n";
    leader = std::make_unique<Replica>(url, settings);
    ASSERT_TRUE(eventually([&] { return leader->takes("n1"); })) << leader->process().output();
    follower = std::make_unique<Replica>(url, settings);
    ASSERT_TRUE(follower->shows(1)) << follower->process().output();
  }

  /// A family of the server's own page, without labels or with these.
  static double metric(Replica& of, const std::string& name) {
    const std::string page = of.ask("GET", "/metrics").body;
    const auto at = page.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size() + 2));
  }
  static double shared(Replica& of) { return metric(of, "tessera_server_answers_total{from=\"shared_cache\"}"); }
  static double failures(Replica& of) { return metric(of, "tessera_server_shared_cache_failures_total"); }

  /// Both tell of these devices, by the list and by the overview.
  bool both_show(std::size_t devices) {
    return eventually([&] {
      for (Replica* one : {leader.get(), follower.get()}) {
        const auto list = one->get(kDevices);
        if (!list || nlohmann::json::parse(*list).at("total") != devices || one->devices() != devices) return false;
      }
      return true;
    });
  }

  std::unique_ptr<RedisPeer> redis;
  std::unique_ptr<ByteGate> redis_gate;
  std::string settings;
  std::unique_ptr<Replica> leader, follower;
};

TEST_F(PostgresAndRedis, WhatOneHasMadeTheOtherNeedNotMakeAgain) {
  std::map<std::string, std::string> by_time;  // replies of both, by the view they are of
  EXPECT_TRUE(eventually([&] {
    for (Replica* one : {leader.get(), follower.get()}) {
      const auto list = one->get(kDevices);
      if (!list) continue;
      const std::string time = nlohmann::json::parse(*list).at("time");
      const auto [known, fresh] = by_time.emplace(time, *list);
      EXPECT_EQ(known->second, *list) << "two replies of one view differ";
    }
    return shared(*leader) + shared(*follower) >= 3;
  })) << leader->process().output()
      << follower->process().output();
  EXPECT_EQ(metric(*leader, "tessera_server_shared_cache_up"), 1);
  EXPECT_EQ(failures(*leader) + failures(*follower), 0);
}

TEST_F(PostgresAndRedis, ASilentCacheMakesNothingWrong) {
  ASSERT_TRUE(both_show(1));
  redis_gate->block();
  ASSERT_TRUE(leader->takes("n2"));
  EXPECT_TRUE(both_show(2));
  EXPECT_TRUE(follower->process().says("the shared cache does not answer"));
  redis_gate->unblock();
  EXPECT_TRUE(eventually([&] {
    both_show(2);
    return metric(*follower, "tessera_server_shared_cache_up") == 1;
  })) << "it is asked again";
}

TEST_F(PostgresAndRedis, ACacheThatIsGoneComesBack) {
  ASSERT_TRUE(both_show(1));
  redis->kill();
  redis_gate->cut();
  ASSERT_TRUE(leader->takes("n2"));
  EXPECT_TRUE(both_show(2));
  EXPECT_TRUE(eventually([&] { return failures(*leader) > 0 || failures(*follower) > 0; }));
  redis->start();
  const double before = shared(*leader) + shared(*follower);
  EXPECT_TRUE(eventually([&] {
    both_show(2);
    return shared(*leader) + shared(*follower) > before;
  }));
}

TEST_F(PostgresAndRedis, AFullCacheMakesNothingWrong) {
  ASSERT_TRUE(both_show(1));
  redis->command({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(leader->takes("n2"));
  EXPECT_TRUE(both_show(2));
  EXPECT_TRUE(eventually([&] {
    both_show(2);
    return failures(*leader) > 0;
  }));
  EXPECT_TRUE(leader->process().says("OOM")) << leader->process().output();
}

TEST_F(PostgresAndRedis, WhatIsNoReplyIsNotTakenForOne) {
  ASSERT_TRUE(both_show(1));
  ASSERT_TRUE(leader->takes("n2"));
  const std::string spoil =
      "for _,k in ipairs(redis.call('KEYS','*')) do redis.call('SET',k,'tessera 1\\nnonsense') end return 1";
  for (int i = 0; i < 20; ++i) {
    redis->command({"EVAL", spoil, "0"});
    for (Replica* one : {leader.get(), follower.get()})
      if (const auto list = one->get(kDevices)) {
        EXPECT_TRUE(nlohmann::json::parse(*list).contains("total"));
      }
  }
  EXPECT_TRUE(both_show(2));
}

}  // namespace
}  // namespace tessera::e2e

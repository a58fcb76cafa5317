// Sessions that run while the server does not: those that go on are the same sessions after it, and those that ended
// meanwhile have ended once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "store/database.h"
#include "tests/e2e/child.h"
#include "tests/e2e_server/replica.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {

using Json = nlohmann::json;

// What is not told of for 5 s has ended; numbers are noted every 4 s.
constexpr const char* kSettings = "gpu.management.metrics.collection-interval: 2s\n";
constexpr std::int64_t kPeak = 9'000'000'000, kLater = 1'000'000'000;

/// A device with these processes.
std::string page_of(std::initializer_list<int> pids, std::int64_t memory, int percent) {
  std::string out = "gpu_device_info{gpu=\"0\",UUID=\"GPU-1\",model=\"NVIDIA L40S\"} 1\n";
  for (const int pid : pids) {
    const std::string who = fmt::format(R"({{gpu="0",pid="{}",command="python3",UUID="GPU-1"}})", pid);
    out += fmt::format("gpu_process_info{} 1\ngpu_process_start_time_seconds{} 1700000000\n", who, who);
    out += fmt::format("gpu_process_memory_used_bytes{} {}\ngpu_process_utilization{} {}\n", who, memory, who, percent);
  }
  return out;
}

/// Tells of the device, and counts what it has told.
struct Teller {
  template <class To>
  bool tell(To& server, std::initializer_list<int> pids, std::int64_t memory, int percent) {
    const EpochMs now = std::max(now_epoch_ms(), time + 1);
    if (!push(server, now, page_of(pids, memory, percent))) return false;
    time = now;
    sum += percent;
    ++count;
    return true;
  }
  static bool push(Server& server, EpochMs time, const std::string& page) {
    return server.post(fmt::format("/import/prometheus?node=n&timestamp={}", time), page, {}).status == 204;
  }
  static bool push(Replica& server, EpochMs time, const std::string& page) {
    return server.push("n", time, page).status == 204;
  }
  double mean() const { return sum / count; }
  EpochMs time = 0;
  double sum = 0, count = 0;
};

Json the_session(const Json& list, int pid) {
  for (const Json& one : list.at("items"))
    if (one.at("pid") == pid) return one;
  return Json::object();
}

/// The session of this process, once it is as it was told last.
Json session_of(Server& server, int pid, EpochMs told) {
  Json out;
  const auto is_there = [&] {
    out = the_session(server.get("/gpu/sessions"), pid);
    return out.contains("lastSeen") && out.at("lastSeen") == format_time(told);
  };
  EXPECT_TRUE(eventually(is_there)) << out << ", told at " << format_time(told);
  return out;
}

std::int64_t noted(const std::string& url, const std::string& what) {
  std::int64_t out = -1;
  const auto database = store::Database::open(url, {.migrate = false});
  EXPECT_TRUE(database && (*database)->each("SELECT " + what + " FROM running_session", {},
                                            [&](const store::Row& row) { out = row.integer(0).value_or(-1); }));
  return out;
}

void go_on_after_a_kill(bool with_journal) {
  Server server(kSettings);
  const std::string database = "sqlite:" + (server.data() / "tessera.db").string();
  Teller teller;
  ASSERT_TRUE(teller.tell(server, {1, 2}, kPeak, 80));
  ASSERT_TRUE(teller.tell(server, {1, 2}, kLater, 80));
  const EpochMs last = teller.time;
  const Json before = session_of(server, 1, last), other = session_of(server, 2, last);
  ASSERT_EQ(before.at("peakMemoryBytes"), kPeak);
  ASSERT_TRUE(eventually([&] { return noted(database, "SUM(utilization_samples)") == 4; }));
  server.kill();
  if (!with_journal) std::filesystem::remove_all(server.data() / "intake");
  server.start();
  ASSERT_TRUE(teller.tell(server, {1}, kLater, 20));
  EXPECT_EQ(session_of(server, 1, teller.time).at("firstSeen"), before.at("firstSeen"));
  ASSERT_TRUE(eventually(
      [&] { return teller.tell(server, {1}, kLater, 20) && server.get("/gpu/sessions?state=past").at("total") == 1; }));
  for (const bool again : {false, true}) {
    SCOPED_TRACE(again ? "after another kill" : "after a kill");
    if (again) {
      server.kill();
      server.start();
      ASSERT_TRUE(teller.tell(server, {1}, kLater, 20));
    }
    const Json after = session_of(server, 1, teller.time);
    for (const char* same : {"id", "firstSeen", "startTime", "peakMemoryBytes"})
      EXPECT_EQ(after.at(same), before.at(same)) << same;
    // Without the journal, what came since the last note is not known any more.
    EXPECT_NEAR(after.at("meanUtilizationPercent").get<double>(), teller.mean(), 0.1);
    const Json past = server.get("/gpu/sessions?state=past");
    ASSERT_EQ(past.at("total"), 1) << past;
    const Json ended = the_session(past, 2);
    for (const char* same : {"id", "firstSeen", "peakMemoryBytes"}) EXPECT_EQ(ended.at(same), other.at(same)) << same;
    EXPECT_EQ(ended.at("endTime"), format_time(last)) << "when it was last told of";
  }
  // What the journal told once more of the other has ended again, as the same.
  ASSERT_TRUE(eventually([&] { return teller.tell(server, {1}, kLater, 20) && noted(database, "COUNT(*)") == 1; }));
  EXPECT_EQ(server.get("/gpu/sessions?state=past").at("total"), 1);
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(noted(database, "COUNT(*)"), 1);
  EXPECT_EQ(noted(database, "SUM(utilization_samples)"), teller.count);
}

TEST(RunningSessions, GoOnAfterAKill) { go_on_after_a_kill(true); }

TEST(RunningSessions, GoOnWhereTheDiskOfTheJournalIsLost) { go_on_after_a_kill(false); }

TEST(RunningSessions, AreAllNotedWhenTheServerStops) {
  Server server("gpu.management.metrics.collection-interval: 1m\n");
  const std::string database = "sqlite:" + (server.data() / "tessera.db").string();
  Teller teller;
  ASSERT_TRUE(teller.tell(server, {1}, kPeak, 80));
  ASSERT_TRUE(eventually([&] { return noted(database, "COUNT(*)") == 1; }));
  ASSERT_TRUE(teller.tell(server, {1}, kLater, 60));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(noted(database, "MAX(utilization_samples)"), 2) << "not a minute later";
}

struct SessionsOnPostgres : OnPostgres {};

TEST_F(SessionsOnPostgres, GoOnWithTheNextLeader) {
  Replica first(url, kSettings);
  Teller teller;
  ASSERT_TRUE(eventually([&] { return teller.tell(first, {1, 2}, kPeak, 80); })) << first.process().output();
  const EpochMs last = teller.time;
  Replica second(url, kSettings);
  const auto sessions = [&](Replica& of, const std::string& query, const std::string& what) {
    const auto body = of.get("/gpu/sessions" + query);
    const Json session = body ? the_session(Json::parse(*body), query.empty() ? 1 : 2) : Json::object();
    return session.contains(what) ? session.at(what) : Json();
  };
  ASSERT_TRUE(eventually([&] { return sessions(second, "", "peakMemoryBytes") == kPeak; }));
  ASSERT_TRUE(eventually([&] { return noted(url, "SUM(utilization_samples)") == 2; }));
  const Json first_seen = sessions(second, "", "firstSeen");
  first.kill();
  ASSERT_TRUE(eventually([&] { return teller.tell(second, {1}, kLater, 20); })) << second.process().output();
  ASSERT_TRUE(eventually([&] {
    return teller.tell(second, {1}, kLater, 20) && sessions(second, "?state=past", "endTime") == format_time(last);
  })) << second.process().output();
  ASSERT_TRUE(eventually([&] { return sessions(second, "", "lastSeen") == format_time(teller.time); }));
  EXPECT_EQ(sessions(second, "", "firstSeen"), first_seen);
  EXPECT_EQ(sessions(second, "", "peakMemoryBytes"), kPeak);
  EXPECT_NEAR(sessions(second, "", "meanUtilizationPercent").get<double>(), teller.mean(), 0.1);
}

}  // namespace
}  // namespace tessera::e2e

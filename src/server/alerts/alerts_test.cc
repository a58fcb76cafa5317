#include "server/alerts/alerts_test.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/alerts/news.h"
#include "store/xids.h"

namespace tessera::server {

std::vector<std::string> lines_of(const std::vector<std::string>& bodies) {
  std::vector<std::string> out;
  for (const std::string& body : bodies) {
    const Json message = Json::parse(body);
    for (const Json& one : message["alerts"])
      out.push_back(one["status"].get<std::string>() + ' ' + one["labels"]["alertname"].get<std::string>());
  }
  return out;
}

namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// `alert.firing GPUOverheating w`
std::vector<std::string> news_lines(const std::vector<fleet::Change>& news) {
  std::vector<std::string> out;
  for (const fleet::Change& one : news)
    out.push_back(fmt::format("{} {} {}", fleet::change_name(one.kind), one.alert->name, one.node));
  return out;
}

TEST_F(AlertsTest, BeginAndEndAreEventsOfWhoLeadsAndOfWhoFollows) {
  AlertNews follower(*changes, published);
  at(0, 40);
  EXPECT_THAT(follower.next(), IsEmpty());
  for (int round = 1; round <= 11; ++round) at(round, 90);
  at(12, 40);
  EXPECT_THAT(news_lines(told_news), testing::UnorderedElementsAre(
                                         "alert.firing GPUTemperatureNotice w", "alert.firing GPUOverheating w",
                                         "alert.resolved GPUTemperatureNotice w", "alert.resolved GPUOverheating w"));
  EXPECT_EQ(news_lines(follower.next()), news_lines(told_news));
  EXPECT_THAT(follower.next(), IsEmpty()) << "once";
  EXPECT_THAT(AlertNews(*changes, published).next(), IsEmpty()) << "what was before is no news";
  const fleet::Change& first = told_news[0];
  EXPECT_EQ(first.uuid, "GPU-1");
  EXPECT_THAT(first.spaces, IsEmpty()) << "nobody has anything of the device";
}

TEST(AlertNewsTest, ConcernsTheNamespaceThatItNamesOrThoseOnTheDevice) {
  fleet::ToldPages told;
  const std::string who =
      R"({gpu="0",UUID="GPU-1",pid="7",command="py",status="active",type="C",namespace="ml",pod="p",container="c"})";
  told.scrape(kStart, R"(cluster="c",node="w")",
              "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 40\ngpu_process_info" + who + " 1\n");
  told.fleet.advance(kStart);
  const auto view = told.fleet.publish(kStart);
  const struct {
    fleet::alerts::LabelSet labels;
    std::vector<std::string> spaces;
  } kCases[] = {{{{"cluster", "c"}, {"uuid", "GPU-1"}}, {"ml"}},
                {{{"cluster", "d"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"gpu_instance", "1"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"namespace", "other"}, {"uuid", "GPU-1"}}, {"other"}},
                {{{"cluster", "c"}, {"node", "w"}}, {}},
                {{{"cluster", "c"}, {"command", "python3"}, {"pid", "11"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"command", "python3"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"pid", "17"}, {"uuid", "GPU-1"}}, {}},
                {{{"cluster", "c"}, {"namespace", "ml"}, {"pid", "7"}, {"uuid", "GPU-1"}}, {"ml"}},
                {{{"scope", "team:ml"}, {"team", "ml"}}, {}}};
  for (const auto& one : kCases) {
    store::AlertEvent event;
    event.labels = one.labels;
    EXPECT_EQ(alert_change(event, *view).spaces, one.spaces) << fleet::alerts::label_of(one.labels, "cluster");
  }
}

TEST_F(AlertsTest, KnowsBehindARestartForHowLongClocksWereHeldDown) {
  beside =
      "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\"} 99\n"
      "DCGM_FI_DEV_CLOCKS_EVENT_REASONS{gpu=\"0\",UUID=\"GPU-1\"} 64\n";
  for (int round = 0; round < 60; ++round) at(round, 40);
  open();
  at(60, 40);  // what is kept in it goes on with what was kept before
  const auto kept =
      must(changes->read([](store::Database& database) { return store::alert_state(database, "recent"); }));
  const auto words = split(kept, '\t');
  ASSERT_EQ(words.size(), 3U) << kept;
  EXPECT_THAT(std::string(words[0]), HasSubstr("GPU-1"));
  EXPECT_EQ(parse_int(words[1]), kStart + 60 * 30 * kSecond);
  EXPECT_EQ(trim(words[2]), std::string(31, '1')) << "of half an hour, and the minute that is not over";
}

TEST_F(AlertsTest, BeginAndEndOnceAlsoBehindARestart) {
  for (int round = 0; round < 8; ++round) at(round, 90);
  EXPECT_THAT(history(), IsEmpty());
  open();
  for (int round = 8; round < 11; ++round) at(round, 90);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice firing untold", "GPUOverheating firing"));
  open();
  EXPECT_THAT(alerts->book()->standing, SizeIs(2)) << "before the first round";
  at(11, 90);
  at(12, 40);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice resolved untold", "GPUOverheating resolved",
                                     "GPUTemperatureNotice firing untold", "GPUOverheating firing"));
  EXPECT_THAT(alerts->book()->standing, IsEmpty());
}

TEST_F(AlertsTest, ARoundThatIsLikeTheOneBeforeWritesNothing) {
  auto other = must(store::Database::open(url));
  const auto version = [&] {  // changes with each transaction of another connection that wrote
    std::int64_t out = 0;
    EXPECT_TRUE(
        other->each("PRAGMA data_version", {}, [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  heat();
  const std::int64_t before = version();
  for (int round = 11; round < 60; ++round) at(round, 90);
  EXPECT_EQ(version(), before);
  EXPECT_EQ(alerts->stats().tracks_written, 4U) << "two that were about to fire, and fire";
  EXPECT_THAT(alerts->book()->standing, SizeIs(2));
  at(60, 40);
  EXPECT_NE(version(), before);
}

TEST_F(AlertsTest, TellOfXidsOfTheDatabase) {
  at(0, 40);
  const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-1", 79, kStart, 2}};
  ASSERT_TRUE(changes->read([&](store::Database& database) { return store::write_xids(database, seen); }));
  at(1, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice firing"));
  for (int round = 2; round <= 31; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice resolved", "GPUXidDevice firing"));
}

TEST_F(AlertsTest, XidsAreNotOverWhileTheDatabaseDoesNotTellThem) {
  at(0, 40);
  const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-1", 79, kStart, 2}};
  ASSERT_TRUE(changes->read([&](store::Database& database) { return store::write_xids(database, seen); }));
  at(1, 40);
  const auto run = [&](const std::string& sql) {
    return changes->read([&](store::Database& database) { return database.run(sql, {}); });
  };
  ASSERT_TRUE(run("ALTER TABLE device_xid RENAME TO away"));
  for (int round = 2; round <= 8; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice firing"));
  ASSERT_TRUE(run("ALTER TABLE away RENAME TO device_xid"));
  for (int round = 9; round <= 31; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("GPUXidDevice resolved", "GPUXidDevice firing"));
}

TEST_F(AlertsTest, ASilenceCountsAtOnce) {
  heat();
  auto silence = must(parse_silence(R"({"matchers": [{"label": "node", "value": "w"}], "duration": "1h"})", kStart));
  const auto made = alerts->add_silence(request("POST"), silence);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = Json::parse(made.body).value("id", "");
  for (const auto& one : alerts->book()->standing) EXPECT_EQ(one.silenced_by, id);
  open();
  EXPECT_THAT(alerts->silences(), SizeIs(1)) << "it is kept";
  EXPECT_EQ(alerts->drop_silence(request("DELETE"), "nobody").status, 404);
  EXPECT_EQ(alerts->drop_silence(request("DELETE"), id).status, 204);
  for (const auto& one : alerts->book()->standing) EXPECT_EQ(one.silenced_by, "");
}

TEST_F(AlertsTest, SilencesThatAreOverGoAndThereIsAnEndToTheirNumber) {
  settings.history_kept = std::chrono::hours(24);
  open();
  const auto put = [&](const std::string& id, EpochMs ends, fleet::alerts::Repeat repeat) {
    const fleet::alerts::Silence one{.id = id, .starts = ends - 1'000, .ends = ends, .repeat = repeat};
    ASSERT_TRUE(changes->read([&](store::Database& database) { return store::put_alert_silence(database, one); }));
  };
  put("over", kStart - 25 * 3'600 * kSecond, fleet::alerts::Repeat::Never);
  put("again", kStart - 25 * 3'600 * kSecond, fleet::alerts::Repeat::Daily);
  put("of-late", kStart - 3'600 * kSecond, fleet::alerts::Repeat::Never);
  at(0, 40);
  EXPECT_THAT(alerts->silences(), SizeIs(2));
  put("of-late", kStart, fleet::alerts::Repeat::Weekly);
  for (int i = 0; i < 997; ++i) put(std::to_string(i), kStart * 2, fleet::alerts::Repeat::Never);
  put("long-over", 2'000, fleet::alerts::Repeat::Never);
  auto silence = must(parse_silence(R"({"matchers": [], "duration": "1h"})", kStart));
  EXPECT_EQ(alerts->add_silence(request("POST"), silence).status, 201);
  const auto refused = alerts->add_silence(request("POST"), silence);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("no-room"));
}

/// A copy of a rule stands beside its original, and is told, explained and shown as that is.
TEST_F(AlertsTest, ACopyOfARuleBehavesAsItsOriginal) {
  Hook hook;
  webhooks = {hook.url()};
  ASSERT_TRUE(read_alert_rules(must(config::load("- {name: GPUOverheating, scope: {node: elsewhere}}\n"
                                                 "- {name: GPUOverheating, as: HotHere, for: 1m, scope: {node: w}}\n",
                                                 "s.yaml")),
                               settings));
  open();
  for (int round = 0; round <= 10; ++round) at(round, 90);
  EXPECT_THAT(history(), ElementsAre("GPUTemperatureNotice firing untold", "HotHere firing"))
      << "the notice is explained by the copy as by its original";
  for (const auto& one : alerts->book()->standing)
    if (one.track.rule == "GPUTemperatureNotice") {
      EXPECT_EQ(one.inhibited_by, "HotHere");
    }
  open();
  at(11, 40);
  EXPECT_THAT(lines_of(hook.bodies), ElementsAre("firing HotHere", "resolved HotHere"));
  EXPECT_THAT(hook.bodies[0], HasSubstr("docs/alerts.md#gpuoverheating"));
}

}  // namespace
}  // namespace tessera::server

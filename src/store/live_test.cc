#include "store/live.h"

#include <gmock/gmock.h>

#include "store/archive.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::ElementsAre;

struct LiveTest : EachDatabase {
  static std::shared_ptr<const fleet::Node> node(const std::string& name, EpochMs seen) {
    return std::make_shared<const fleet::Node>(fleet::Node{"default", name, {}, seen});
  }
  Live live(std::vector<std::shared_ptr<const fleet::Node>> nodes) {
    return {std::make_shared<const fleet::View>(fleet::View{++time_, std::move(nodes)}), serving};
  }
  void write(LiveWriter& writer, std::vector<std::shared_ptr<const fleet::Node>> nodes) {
    const auto done = writer.write(live(std::move(nodes)));
    EXPECT_TRUE(done) << done.error().what;
  }
  static std::vector<std::string> seen(LiveReader& reader) {
    const auto view = reader.read();
    EXPECT_TRUE(view) << view.error().what;
    std::vector<std::string> out;
    if (view && *view)
      for (const auto& one : (*view)->view->nodes) out.push_back(one->name + "@" + std::to_string(one->last_seen));
    return out;
  }
  std::int64_t rows_newer_than(std::int64_t version) const {
    std::int64_t out = -1;
    const Value value = version;
    EXPECT_TRUE(database->each("SELECT COUNT(*) FROM live_node WHERE version > ?", {&value, 1},
                               [&](const Row& row) { out = *row.integer(0); }));
    return out;
  }
  EpochMs time_ = 1000;
  std::shared_ptr<const fleet::ServingView> serving = std::make_shared<const fleet::ServingView>();
};
INSTANTIATE_EACH_DATABASE(LiveTest);

TEST_P(LiveTest, FollowersSeeWhatTheLeaderSees) {
  LiveWriter writer(*database, 1);
  const auto follower = open();
  LiveReader reader(*follower);
  const auto a = node("a", 1), b = node("b", 1);
  write(writer, {a, b});
  EXPECT_THAT(seen(reader), ElementsAre("a@1", "b@1"));
  const auto again = reader.read();
  EXPECT_TRUE(again && !*again) << "nothing new";
  write(writer, {a, node("b", 2)});
  EXPECT_EQ(rows_newer_than((std::int64_t{1} << 32U) + 1), 1) << "what has not changed is not written again";
  EXPECT_THAT(seen(reader), ElementsAre("a@1", "b@2"));
  write(writer, {a});
  EXPECT_THAT(seen(reader), ElementsAre("a@1"));
  LiveReader late(*follower);
  EXPECT_THAT(seen(late), ElementsAre("a@1"));
}

TEST_P(LiveTest, ANewLeaderTakesTheRowsOver) {
  LiveWriter old(*database, 1);
  write(old, {node("a", 1), node("gone", 1)});
  const auto follower = open();
  LiveReader reader(*follower);
  EXPECT_EQ(seen(reader).size(), 2U);
  write(old, {node("a", 1)});  // which this follower has not seen yet
  LiveWriter next(*database, 2);
  write(next, {node("a", 5)});
  EXPECT_THAT(seen(reader), ElementsAre("a@5"));
}

TEST_P(LiveTest, WhatCouldNotBeWrittenIsWrittenNext) {
  LiveWriter writer(*database, 1);
  bool may = true;
  database->guard([&](Database&) { return may ? Result<void>() : fail(Code::Denied, "no"); });
  write(writer, {node("a", 1)});
  const auto changed = node("a", 2);
  may = false;
  EXPECT_FALSE(writer.write(live({changed})));
  may = true;
  write(writer, {changed});
  LiveReader reader(*database);
  EXPECT_THAT(seen(reader), ElementsAre("a@2"));
}

TEST_P(LiveTest, EnginesComeAndGoAsNodesDo) {
  const auto engine = [](const std::string& pod, double running) {
    fleet::Served out;
    out.cluster = "default";
    out.pod = pod;
    out.running = running;
    return std::make_shared<const fleet::Served>(out);
  };
  LiveWriter writer(*database, 1);
  LiveReader reader(*database);
  const auto told = [&] {
    const auto read = reader.read();
    EXPECT_TRUE(read && *read);
    std::vector<std::string> out;
    for (const auto& one : (*read)->serving->engines) out.push_back(one->pod + "@" + std::to_string(*one->running));
    return out;
  };
  const auto stays = engine("a", 1);
  serving = std::make_shared<const fleet::ServingView>(fleet::ServingView{{stays, engine("b", 1)}});
  write(writer, {});
  EXPECT_THAT(told(), ElementsAre("a@1.000000", "b@1.000000"));
  serving = std::make_shared<const fleet::ServingView>(fleet::ServingView{{stays, engine("b", 2)}});
  write(writer, {});
  EXPECT_THAT(told(), ElementsAre("a@1.000000", "b@2.000000"));
  serving = std::make_shared<const fleet::ServingView>(fleet::ServingView{{stays}});
  write(writer, {});
  EXPECT_THAT(told(), ElementsAre("a@1.000000"));
}

TEST_P(LiveTest, RecordsAreHandedOverOnceAndInOrder) {
  EXPECT_FALSE(position_of(*database, "j")->has_value());
  const std::string body = std::string("\0\x01", 2) + "body";
  for (const std::uint64_t sequence : {7U, 5U, 7U})
    ASSERT_TRUE(hand_over(*database, {"j", sequence, 0x11, body, 1'000, sequence == 5, sequence == 7}));
  EXPECT_EQ(*handed_over_bytes(*database), 2 * body.size());
  const auto records = handed_over(*database, {}, 10);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ((*records)[0].sequence, 5U);
  EXPECT_TRUE((*records)[0].counted);
  EXPECT_FALSE((*records)[0].last);
  EXPECT_EQ((*records)[1].kind, 0x11);
  EXPECT_EQ((*records)[1].body, body);
  EXPECT_EQ((*records)[1].arrived, 1'000);
  EXPECT_FALSE((*records)[1].counted);
  EXPECT_TRUE((*records)[1].last);
  const auto behind = handed_over(*database, {{"j", 5}, {"k", 9}}, 10);
  ASSERT_TRUE(behind);
  ASSERT_EQ(behind->size(), 1U);
  EXPECT_EQ(behind->front().sequence, 7U);
}

TEST_P(LiveTest, WhatIsHandedOverGoesWithWhatItCameTo) {
  constexpr EpochMs kNow = 1'800'000'000'000;
  ASSERT_TRUE(prepare_usage(*database, Milliseconds(30'000)));
  ASSERT_TRUE(database->run("INSERT INTO journal_progress VALUES ('j', 4, 1, 77)"));
  for (const std::uint64_t sequence : {5U, 6U, 7U})
    ASSERT_TRUE(hand_over(*database, {"j", sequence, 1, "body", kNow, false, sequence == 7}));
  Archive archive(*database, Milliseconds(30'000), {});
  fleet::Usage usage;
  usage.subjects.push_back({3, kNow, {}});
  usage.subjects.back().totals.observed_ms = 20'000;
  const auto subject_of = [](std::uint32_t) { return fleet::UsageSubject{"c", "GPU-1", {}, {}, {}, {}}; };
  const auto observed = [&] {
    std::int64_t out = 0;
    EXPECT_TRUE(database->each("SELECT COALESCE(SUM(observed_ms), 0) FROM usage_raw", {},
                               [&](const Row& row) { out = row.integer(0).value_or(-1); }));
    return out;
  };
  for (int again = 0; again < 2; ++again) {  // where the answer to COMMIT was lost, the same is asked for again
    const auto kept = archive.keep_handed_over("j", 6, usage, subject_of, kNow);
    ASSERT_TRUE(kept) << kept.error().what;
    EXPECT_EQ(observed(), 20'000);
    EXPECT_EQ(handed_over(*database, {}, 10)->size(), 1U);
    EXPECT_EQ((*position_of(*database, "j"))->counted, 6U);
    EXPECT_EQ((*position_of(*database, "j"))->counted_at, 77);
  }
}

}  // namespace
}  // namespace tessera::store

#include "store/allocations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "fleet/allocation/book.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using fleet::AllocationState;
using testing::ElementsAre;
using testing::IsEmpty;

struct Allocations : EachDatabase {
  std::vector<fleet::PodAllocation> all() {
    auto out = allocations(*database);
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out ? *std::move(out) : std::vector<fleet::PodAllocation>();
  }
  static bool put(Database& into, const fleet::PodAllocation& one) {
    return bool(into.atomically([&] { return put_allocation(into, one); }));
  }
  static fleet::PodAllocation promised(const std::string& id, const std::string& pod, unsigned start, unsigned size) {
    fleet::PodAllocation out;
    out.id = id;
    out.cluster = "c";
    out.space = "ml";
    out.pod = pod;
    out.request = R"({"requiredMemoryGb":20})";
    out.team = "vision";
    out.priority = -3;
    out.waits = true;
    out.lease = Milliseconds(600'000);
    out.asked_by = "key:a ada";
    out.asked_at = 1'000;
    out.state = AllocationState::Promised;
    out.why = "2g.20gb at 0 is idle";
    out.who = "key:a ada";
    out.since = 2'000;
    out.parts = {{"w-1", "GPU-1", "2g.20gb", {start, size}, true}};
    out.expires = 602'000;
    out.decision = R"({"policy":"default"})";
    return out;
  }
};

TEST_P(Allocations, AreKeptWithoutALookAtAllClaims) {
  if (postgres()) GTEST_SKIP() << "of a table with few rows PostgreSQL reads all, index or not";
  for (const char* table : {"promised_slice", "allocated_pod"})
    ASSERT_TRUE(
        database->each(fmt::format("EXPLAIN QUERY PLAN DELETE FROM {} WHERE allocation = 'a'", table), {},
                       [&](const Row& row) { EXPECT_THAT(row.text(3), testing::HasSubstr("SEARCH")) << table; }));
}

TEST_P(Allocations, HaveWhatTheirDecisionsWereMadeOnUntilTheyAreDropped) {
  fleet::PodAllocation one = promised("a", "p", 0, 2);
  ASSERT_TRUE(put(*database, one));
  const auto scene = [&](const std::string& id) {
    const auto out = scene_of(*database, id);
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out && *out ? std::optional((*out)->text) : std::nullopt;
  };
  EXPECT_FALSE(scene("a"));
  for (const char* text : {R"({"policy":"default"})", R"({"policy":"fgd"})"}) {
    ASSERT_TRUE(put_scene(*database, {"a", text}));
    EXPECT_EQ(scene("a"), text);
  }
  ASSERT_TRUE(drop_allocations(*database, {"a"}));
  EXPECT_TRUE(scene("a")) << "it is not over";
  one.state = AllocationState::Ended;
  ASSERT_TRUE(put(*database, one));
  EXPECT_TRUE(scene("a")) << "it is written anew, and what its decision was made on stays";
  ASSERT_TRUE(drop_allocations(*database, {"a"}));
  EXPECT_FALSE(scene("a"));
  ASSERT_TRUE(put_scene(*database, {"b", "x"}));
  ASSERT_TRUE(put_scene(*database, {"b"}));
  EXPECT_FALSE(scene("b"));
}

TEST_P(Allocations, HaveWhatWasExpectedOnceForAllWhoNameIt) {
  const auto mixes = [&] {
    std::vector<std::string> out;
    EXPECT_TRUE(database->each("SELECT mix FROM allocation_mix ORDER BY name", {},
                               [&](const Row& row) { out.push_back(row.text(0)); }));
    return out;
  };
  const auto early = std::make_shared<const SceneMix>(SceneMix{"1", "[early]"});
  const auto late = std::make_shared<const SceneMix>(SceneMix{"2", "[late]"});
  for (const char* id : {"a", "b"}) {
    fleet::PodAllocation one = promised(id, id, id[0] == 'a' ? 0 : 2, 2);
    one.state = AllocationState::Ended;
    ASSERT_TRUE(put(*database, one));
    ASSERT_TRUE(put_scene(*database, {id, "{}", early}));
  }
  ASSERT_TRUE(put_scene(*database, {"c", "{}", late}));
  ASSERT_TRUE(put_scene(*database, {"d", "{}"}));
  EXPECT_THAT(mixes(), ElementsAre("[early]", "[late]"));
  const auto kept = scene_of(*database, "b");
  ASSERT_TRUE(kept && *kept && (*kept)->mix);
  EXPECT_EQ((*kept)->mix->text, "[early]");
  EXPECT_EQ((*scene_of(*database, "d"))->mix, nullptr);
  ASSERT_TRUE(drop_allocations(*database, {"a"}));
  EXPECT_THAT(mixes(), ElementsAre("[early]", "[late]")) << "one names it still";
  ASSERT_TRUE(drop_allocations(*database, {"b"}));
  EXPECT_THAT(mixes(), ElementsAre("[late]"));
  ASSERT_TRUE(put_scene(*database, {"c"}));
  ASSERT_TRUE(drop_allocations(*database, {}));
  EXPECT_THAT(mixes(), IsEmpty());
}

TEST_P(Allocations, AreReadAsTheyWereWritten) {
  fleet::PodAllocation one = promised("a", "p", 0, 2);
  ASSERT_TRUE(put(*database, one));
  EXPECT_THAT(all(), ElementsAre(one));
  one.state = AllocationState::Bound;
  one.pod_uid = "u1";
  one.ready_since = 3'000;
  one.expires = {};
  one.parts.push_back({"w-1", "GPU-2", "", {0, 8}});
  ASSERT_TRUE(put(*database, one));
  fleet::PodAllocation other = promised("b", "q", 2, 2);
  ASSERT_TRUE(put(*database, other));
  EXPECT_THAT(all(), ElementsAre(one, other));
  const auto book = fleet::AllocationBook::of(all());
  ASSERT_TRUE(book);
  EXPECT_EQ(book->owner_of("c", {"w-1", "GPU-2", "", {7, 1}})->id, "a");
}

TEST_P(Allocations, ASliceIsWrittenForOneAlone) {
  ASSERT_TRUE(put(*database, promised("a", "p", 0, 2)));
  const auto second = open();
  EXPECT_FALSE(put(*second, promised("b", "q", 1, 1)));
  EXPECT_FALSE(put(*second, promised("b", "p", 4, 2))) << "the pod has an allocation that is not over";
  EXPECT_THAT(all(), ElementsAre(promised("a", "p", 0, 2))) << "nothing of it stays";
  fleet::PodAllocation gone = promised("a", "p", 0, 2);
  gone.state = AllocationState::Released;
  ASSERT_TRUE(put(*database, gone));
  EXPECT_TRUE(put(*second, promised("b", "p", 1, 1)));
}

TEST_P(Allocations, ThoseThatAreOverAreDropped) {
  ASSERT_TRUE(put(*database, promised("a", "p", 0, 2)));
  for (const auto& [id, pod] : {std::pair("b", "q"), std::pair("c", "r")}) {
    fleet::PodAllocation gone = promised(id, pod, 2, 2);
    gone.state = AllocationState::Expired;
    ASSERT_TRUE(put(*database, gone));
  }
  ASSERT_TRUE(drop_allocations(*database, {"a", "b", "unknown"}));
  const auto left = all();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0], promised("a", "p", 0, 2)) << "it is not over";
  EXPECT_EQ(left[1].id, "c");
}

INSTANTIATE_EACH_DOOR(Allocations);

TEST(AllocationsText, LeavesOutWhatIsNotOfItsForm) {
  const std::vector<fleet::PromisedPart> some = {{"w-1", "GPU-1", "2g.20gb", {0, 2}, true},
                                                 {"w-1", "GPU-2", "", {0, 8}}};
  EXPECT_EQ(parts_text(some), "w-1 GPU-1 2g.20gb 0+2 made|w-1 GPU-2 - 0+8 found");
  EXPECT_EQ(read_parts(parts_text(some)), some);
  const std::vector<fleet::PromisedPart> replica = {{"w-1", "GPU-3", "", {2, 1}, false, 4, "nvidia.com/gpu.shared"}};
  EXPECT_EQ(parts_text(replica), "w-1 GPU-3 nvidia.com/gpu.shared:4 2+1 found");
  EXPECT_EQ(read_parts(parts_text(replica)), replica);
  EXPECT_THAT(read_parts("w-1 GPU-3 nvidia.com/gpu: 2+1 found|w-1 GPU-3 x:0 2+1 found"), IsEmpty());
  EXPECT_THAT(read_parts(""), IsEmpty());
  EXPECT_THAT(read_parts("w-1 GPU-1 2g.20gb|a b c 1+ made|a b c x+2 made|a b c 0+0 made"), IsEmpty());
}

}  // namespace
}  // namespace tessera::store

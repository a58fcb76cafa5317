#include "store/wanted_layouts.h"

#include <gmock/gmock.h>

#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

struct WantedLayouts : EachDatabase {
  std::vector<WantedLayout> all() {
    auto out = wanted_layouts(*database);
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out ? *std::move(out) : std::vector<WantedLayout>();
  }
  std::int64_t want(const WantedLayout& layout) {
    std::int64_t out = 0;
    const auto done = database->atomically([&]() -> Result<void> {
      out = TRY(want_layout(*database, layout));
      return {};
    });
    EXPECT_TRUE(done) << (done ? "" : done.error().what);
    return out;
  }
};

TEST_P(WantedLayouts, TakeEachOthersPlaceAndGrowInGeneration) {
  WantedLayout one{"c", "GPU-1", "worker-01", 0, {{"2g.20gb", {0, 2}}, {"1g.10gb+me", {2, 1}}}, {}, "key:a ada", 1000};
  WantedLayout other{"c", "GPU-2", "worker-01", 0, {}, {{"7g.80gb", {0, 8}}}, "key:b bob", 2000};
  one.generation = want(one);
  other.generation = want(other);
  EXPECT_GT(one.generation, 0);
  EXPECT_GT(other.generation, one.generation);
  EXPECT_THAT(all(), ElementsAre(one, other));

  one.instances = {{"7g.80gb", {0, 8}}};
  const auto before = other.generation;
  one.generation = want(one);
  EXPECT_GT(one.generation, before);
  EXPECT_THAT(all(), ElementsAre(one, other));

  const auto gone = forget_wanted_layout(*database, "c", "GPU-2");
  ASSERT_TRUE(gone);
  EXPECT_TRUE(*gone);
  EXPECT_FALSE(*forget_wanted_layout(*database, "c", "GPU-2"));
  EXPECT_THAT(all(), ElementsAre(one));
  other.generation = want(other);
  EXPECT_GT(other.generation, one.generation) << "a generation is given once";
  EXPECT_EQ(*last_layout_generation(*database), other.generation);
}

TEST_P(WantedLayouts, ForgetWhatTheyWerePlannedFromUnlessANewerOneIsWanted) {
  WantedLayout one{"c", "GPU-1", "worker-01", 0, {{"2g.20gb", {0, 2}}}, {{"7g.80gb", {0, 8}}}, "key:a ada", 1000};
  one.generation = want(one);
  WantedLayout stale = one;
  --stale.generation;
  ASSERT_TRUE(settle_wanted_layout(*database, stale));
  EXPECT_THAT(all(), ElementsAre(one));
  ASSERT_TRUE(settle_wanted_layout(*database, one));
  one.planned_from.clear();
  EXPECT_THAT(all(), ElementsAre(one)) << "of the same generation";
}

TEST_P(WantedLayouts, GoOnAboveWhatIsSkipped) {
  const auto skip = [&](std::int64_t generation, std::int64_t epochs) {
    const auto done = database->atomically([&] { return skip_layout_numbers(*database, generation, epochs); });
    EXPECT_TRUE(done) << (done ? "" : done.error().what);
  };
  EXPECT_EQ(*layout_epochs_ahead(*database), 0);
  skip(40, 0);
  EXPECT_EQ(*layout_epochs_ahead(*database), 0);
  EXPECT_EQ(want({"c", "GPU-1", "worker-01"}), 41);
  skip(12, 3);
  skip(12, 2);
  EXPECT_EQ(*layout_epochs_ahead(*database), 5);
  EXPECT_EQ(want({"c", "GPU-1", "worker-01"}), 42) << "it never goes back";
}

INSTANTIATE_EACH_DOOR(WantedLayouts);

TEST(WantedLayoutsText, LeavesOutWhatIsNotOfItsForm) {
  const std::vector<WantedInstance> some = {{"2g.20gb", {0, 2}}, {"1g.10gb", {2, 1}}};
  EXPECT_EQ(instances_text(some), "2g.20gb 0+2|1g.10gb 2+1");
  EXPECT_EQ(read_instances(instances_text(some)), some);
  EXPECT_THAT(read_instances(""), IsEmpty());
  EXPECT_THAT(read_instances("2g.20gb|1g.10gb 1+|x -1+2|y 0+0"), IsEmpty());
}

}  // namespace
}  // namespace tessera::store

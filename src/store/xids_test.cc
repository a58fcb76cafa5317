#include "store/xids.h"

#include <gmock/gmock.h>

#include "store/test_database.h"

namespace tessera::store {
namespace {
using fleet::XidsSeen;
using testing::ElementsAre;
using testing::IsEmpty;

struct XidsKept : EachDatabase {
  std::vector<XidsSeen> of(const std::string& uuid, EpochMs from = 0, EpochMs to = 1'000, std::size_t most = 100) {
    auto out = xids_of(*database, "c", uuid, from, to, most);
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out ? *std::move(out) : std::vector<XidsSeen>();
  }
};

TEST_P(XidsKept, AreThereTheLatestFirst) {
  const XidsSeen one{"c", "GPU-1", 79, 100, 1}, two{"c", "GPU-1", 13, 200, 4}, three{"c", "GPU-1", 48, 200, 1},
      others{"c", "GPU-2", 79, 150, 1}, elsewhere{"d", "GPU-1", 79, 150, 1};
  ASSERT_TRUE(write_xids(*database, std::vector{one, others, elsewhere, three, two}));
  EXPECT_THAT(of("GPU-1"), ElementsAre(two, three, one));
  EXPECT_THAT(of("GPU-1", 100, 200), ElementsAre(one));
  EXPECT_THAT(of("GPU-1", 101, 200), IsEmpty());
  EXPECT_THAT(of("GPU-1", 0, 1'000, 1), ElementsAre(two));
  const auto some = xids_of(*database, "c", "GPU-1", 0, 1'000, 1, std::vector{48U, 79U});
  ASSERT_TRUE(some);
  EXPECT_THAT(*some, ElementsAre(three)) << "of these codes the latest, not the latest of all";
}

TEST_P(XidsKept, AreKeptOnceHoweverOftenTheyAreTold) {
  const XidsSeen one{"c", "GPU-1", 79, 100, 1};
  XidsSeen again = one;
  again.events = 7;
  ASSERT_TRUE(write_xids(*database, std::vector{one}));
  ASSERT_TRUE(write_xids(*database, std::vector{one, again}));
  EXPECT_THAT(of("GPU-1"), ElementsAre(one));
}

TEST_P(XidsKept, GoWithTheirTime) {
  const XidsSeen one{"c", "GPU-1", 79, 100, 1}, two{"c", "GPU-1", 79, 200, 1};
  ASSERT_TRUE(write_xids(*database, std::vector{one, two}));
  ASSERT_TRUE(drop_xids_before(*database, 200));
  EXPECT_THAT(of("GPU-1"), ElementsAre(two));
}

INSTANTIATE_EACH_DOOR(XidsKept);

}  // namespace
}  // namespace tessera::store

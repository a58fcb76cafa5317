#include "relay/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/members.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Milliseconds kDuration = 15s;
const Milliseconds kLook = Roster::look_every(kDuration);

/// Shard 1 of three, and what it finds at each look.
class RosterTest : public testing::Test {
 protected:
  /// The words of shards 0 and 2; nullptr: no lease, "": given back.
  std::vector<Roster::Change> look(Milliseconds at, const char* zero, const char* two) {
    const auto lease = [](const char* word) -> std::optional<kube::Lease> {
      if (!word) return std::nullopt;
      kube::Lease out;
      out.holder = *word == '\0' ? "" : "pod";
      out.renewed = word;
      out.duration = kDuration;
      return out;
    };
    return roster_.look({lease(zero), std::nullopt, lease(two)}, start_ + at, 0);
  }

  Roster roster_{Share{1, 3}, kDuration};
  const SteadyTime start_ = std::chrono::steady_clock::now();
};

TEST_F(RosterTest, AllAreThereAtFirst) {
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1, 2));
  EXPECT_THAT(look(0s, "a", "a"), IsEmpty());
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1, 2));
}

/// Of shard 2 the last word was written right after one look, so that the next one finds it: the longest way to a
/// verdict.
TEST_F(RosterTest, WhoIsSilentForALeaseIsAwayAndNotMuchBefore) {
  look(0s, "a", "a");
  const Milliseconds last_word = 1ms;
  EXPECT_THAT(look(kLook, "b", "b"), IsEmpty());
  Milliseconds at = kLook;
  while (at + kLook < kDuration) {
    at += kLook;
    ASSERT_THAT(look(at, std::to_string(at.count()).c_str(), "b"), IsEmpty()) << at.count() << " ms";
  }
  const auto verdict = roster_.next_verdict();
  ASSERT_TRUE(verdict);
  EXPECT_LE(*verdict - start_, last_word + kDuration);
  EXPECT_GE(*verdict - start_, last_word + kDuration - kLook);
  const auto changes = look(std::chrono::ceil<Milliseconds>(*verdict - start_), "c", "b");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].shard, 2U);
  EXPECT_FALSE(changes[0].lives);
  EXPECT_EQ(changes[0].why, "its lease is not renewed");
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1));
  const auto back = look(kDuration + kLook, "d", "e");
  ASSERT_EQ(back.size(), 1U);
  EXPECT_TRUE(back[0].lives);
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1, 2));
}

TEST_F(RosterTest, WhoGivesItsLeaseBackIsAwayAtOnce) {
  look(0s, "a", "a");
  const auto changes = look(kLook, "", "b");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].why, "it gave its lease back");
  EXPECT_THAT(roster_.living(), ElementsAre(1, 2));
}

TEST_F(RosterTest, WhoNeverCameIsAwayAfterALease) {
  Milliseconds at = 0s;
  for (; at < kDuration - kLook; at += kLook) ASSERT_THAT(look(at, "a", nullptr), IsEmpty()) << at.count() << " ms";
  const auto changes = look(at, "b", nullptr);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].shard, 2U);
  EXPECT_EQ(changes[0].why, "it has no lease");
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1));
}

/// The API server was away for an hour, so that nobody could renew: at its return nobody is dead.
TEST_F(RosterTest, TimeInWhichNobodyCouldLookIsNoSilence) {
  look(0s, "a", "a");
  EXPECT_THAT(look(1h, "a", "a"), IsEmpty());
  EXPECT_THAT(look(1h + kLook, "b", "a"), IsEmpty());
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1, 2));
}

TEST_F(RosterTest, ADeletedLeaseBringsNobodyBack) {
  look(0s, "a", "a");
  look(kLook, "b", "");
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1));
  EXPECT_THAT(look(2 * kLook, "c", nullptr), IsEmpty());
  EXPECT_THAT(roster_.living(), ElementsAre(0, 1));
}

TEST_F(RosterTest, LeasesSayHowLongTheyLast) {
  kube::Lease brief;
  brief.holder = "pod";
  brief.duration = 6s;
  const std::optional<kube::Lease> none;
  roster_.look({brief, none, none}, start_, 0);
  roster_.look({brief, none, none}, start_ + kLook, 0);
  const auto changes = roster_.look({brief, none, none}, start_ + 2 * kLook, 0);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].shard, 0U);
}

TEST(LeaseName, IsTheStatefulSets) {
  EXPECT_EQ(lease_name("tessera-relay-2", {2, 3}), "tessera-relay");
  EXPECT_EQ(lease_name("gpu-relay-12", {12, 13}), "gpu-relay");
  EXPECT_EQ(lease_name("gpu-relay-12", {2, 13}), "tessera-relay") << "the number is not the shard's";
  EXPECT_EQ(lease_name("relay-7f9c-x2", {2, 3}), "tessera-relay");
  EXPECT_EQ(lease_name("-2", {2, 3}), "tessera-relay");
  EXPECT_EQ(lease_name("", {0, 1}), "tessera-relay");
}

}  // namespace
}  // namespace tessera::relay

// Devices that somebody changes by hand, while something is wanted of them and after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/allocations_fixture.h"
#include "store/wanted_layouts.h"

namespace tessera::server {
namespace {
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

struct ByHandTest : AllocationsTest {
  store::WantedLayout wish() { return layouts.of("default", "GPU-a").value_or(store::WantedLayout{}); }
  /// As what sees to nodes does, before its agent is told anything.
  void see_changed(std::int64_t generation) {
    layouts.course("default", "w-1",
                   {.state = "waiting",
                    .reason = "the next maintenance window",
                    .changed = {{"GPU-a", generation, "changed by somebody else: 3g.40gb at 4"}}});
  }
  /// By its agent, of a wish.
  void tell_done(std::int64_t generation, EpochMs seconds) {
    layouts.ask("default", "w-1", {{"GPU-a", generation, "done", "", "[]", kStart + seconds * 1'000}}, Milliseconds(0));
  }
  std::vector<store::WantedInstance> planned_from() { return wish().planned_from; }
  /// What was made for a pod that has gone is taken away: its wish, which is not done yet.
  store::WantedInstance cleaned_up() {
    const auto [id, start] = made_held_and_given_up();
    look(instance(3, start), 80);
    EXPECT_THAT(wanted(), IsEmpty());
    return {"2g.20gb", {start, 2}};
  }
  static std::string page_of(const store::WantedInstance& one) { return instance(9, one.placement.start); }
};

/// A wish for "w", for which a 1g is made.
std::string small() { return R"({"namespace":"ml","podName":"w","useMig":true,"requiredMemoryGb":9})"; }

TEST_F(ByHandTest, APromiseIsTakenBackWhoseDeviceIsChangedBeforeItsNodeIsReady) {
  layouts.prepare("default");
  const Json made = asked(body("p", R"(,"wait":true)"));
  const store::WantedInstance own = wanted().front();
  see_changed(wish().generation);
  look("", 5);  // the inventory does not show it yet
  EXPECT_EQ(shown(made)["state"], "waiting");
  EXPECT_THAT(shown(made)["decision"].dump(), HasSubstr("changed by somebody else: 3g.40gb at 4"));
  EXPECT_THAT(wanted(), Not(Contains(own))) << "nor is it cut later";
  const std::string by_hand = instance(8, 4, "3g.40gb", 4);
  see_changed(wish().generation);
  look(by_hand, 10);
  look(by_hand, 11);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"3g.40gb", {4, 4}})) << "it makes way for what stands";
  EXPECT_EQ(shown(made)["state"], "waiting") << "it is not tried there again at once";
  look(by_hand, 700);
  EXPECT_EQ(shown(made)["state"], "promised") << "beside it: " << shown(made);
  expect_kept();
}

TEST_F(ByHandTest, WhatWasSeenByAnEarlierWishTakesNoPromiseBack) {
  layouts.prepare("default");
  const auto before = wish().generation;
  const Json made = asked(body("p", R"(,"wait":true)"));
  see_changed(before);
  look("", 5);
  EXPECT_EQ(shown(made)["state"], "promised");
}

TEST_F(ByHandTest, WhatIsMadeWhereSomethingWasCleanedUpIsNobodyElses) {
  const store::WantedInstance gone = cleaned_up();
  const auto generation = wish().generation;
  ASSERT_THAT(planned_from(), ElementsAre(gone));
  tell_done(generation, 85);
  look("", 90);
  EXPECT_THAT(planned_from(), IsEmpty());
  EXPECT_EQ(wish().generation, generation) << "nothing else is wanted";
  EXPECT_THAT(must(store::wanted_layouts(*must(store::Database::open(url)))), ElementsAre(wish()));

  asked(small());
  const store::WantedInstance next = wanted().front();
  EXPECT_THAT(planned_from(), Not(Contains(gone)));
  tell_done(wish().generation, 95);
  const std::string page = instance(4, next.placement.start, "1g.10gb", 1) + page_of(gone);
  look(page, 100);
  layouts.ask("default", "w-1", {{"GPU-a", wish().generation, "hands-off", "why"}}, Milliseconds(0));
  look(page, 101);
  look(page, 102);
  EXPECT_THAT(wanted(), UnorderedElementsAre(next, gone)) << "it stays";
}

TEST_F(ByHandTest, WhatAnAgentMayNotHaveDoneYetIsPlannedFrom) {
  const store::WantedInstance gone = cleaned_up();
  const auto before = wish().generation;
  asked(small());
  const auto next = wish().generation;
  ASSERT_GT(next, before);
  EXPECT_THAT(planned_from(), Contains(gone)) << "its agent may be in the middle of it";
  tell_done(before, 85);
  look("", 90);
  EXPECT_THAT(planned_from(), Contains(gone)) << "that was of the one before";
  tell_done(next, 95);
  look(instance(4, wanted().front().placement.start, "1g.10gb", 1), 100);
  EXPECT_THAT(planned_from(), IsEmpty());
}

/// An inventory of before would show as free what has gone.
TEST_F(ByHandTest, WhatHasGoneIsForgottenOnceTheInventoryIsOfAfterThat) {
  const store::WantedInstance gone = cleaned_up();
  tell_done(wish().generation, 85);
  look(page_of(gone), 84);
  EXPECT_THAT(planned_from(), ElementsAre(gone)) << "it was told before";
  look(page_of(gone), 90);
  EXPECT_THAT(planned_from(), ElementsAre(gone)) << "its agent may have looked before";
  look(page_of(gone), 85 + 121);
  EXPECT_THAT(planned_from(), IsEmpty()) << "this one was made since";
}

TEST_F(ByHandTest, WhatSomebodyAsksForIsNotPlannedFromWhatHasGoneLongAgoEither) {
  const store::WantedInstance gone = cleaned_up();
  tell_done(wish().generation, 85);
  look("", 90);
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["1g.10gb"])").status, 202);
  EXPECT_THAT(planned_from(), IsEmpty());
}

}  // namespace
}  // namespace tessera::server

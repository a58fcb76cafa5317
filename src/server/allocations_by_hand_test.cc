// Devices that somebody changes by hand, while something is wanted of them and after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/allocations_fixture.h"

namespace tessera::server {
namespace {
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct ByHandTest : AllocationsTest {
  store::WantedLayout wish() { return layouts.of("default", "GPU-a").value_or(store::WantedLayout{}); }
  /// As what sees to nodes does, before its agent is told anything.
  void see_changed(std::int64_t generation) {
    layouts.course("default", "w-1",
                   {.state = "waiting",
                    .reason = "the next maintenance window",
                    .changed = {{"GPU-a", generation, "changed by somebody else: 3g.40gb at 4"}}});
  }
};

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

}  // namespace
}  // namespace tessera::server

// What is cut for allocations, what is cleaned up after them, and what is somebody else's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/allocations_fixture.h"
#include "store/allocations.h"
#include "store/wanted_layouts.h"

namespace tessera::server {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST_F(AllocationsTest, MigIsSwitchedOnForAnInstanceWhereThatIsAllowed) {
  std::string board = uncut();
  const std::string_view off = "DCGM_FI_DEV_MIG_MODE=\"0\"";
  board.insert(board.find(off), "compute_capability=\"8.0\",");
  scrape("", 1, board);
  EXPECT_EQ(ask(body("p")).status, 409) << "it is not allowed";
  options.may_switch_on = true;
  open();
  EXPECT_EQ(ask(body("p")).status, 409) << "before Hopper it takes a reset";
  board.replace(board.find("\"8.0\""), 5, "\"9.0\"");
  scrape("", 2, board);
  const Json first = asked(body("p"));
  EXPECT_EQ(first["decision"]["grants"][0]["switchesMigOn"], true);
  EXPECT_EQ(wanted().size(), 1U);
  const Json second = asked(body("q"));
  EXPECT_EQ(second["decision"]["grants"][0]["switchesMigOn"], false) << "it is about to be on";
  EXPECT_EQ(wanted().size(), 2U);
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"w","useMig":false})").status, 409);
  expect_kept();
}

TEST_F(AllocationsTest, OfADeviceThatMayBeCutOrGivenWholeThePartIsGivenThatIsEnough) {
  options.may_switch_on = true;
  open();
  std::string board = uncut();
  board.insert(board.find("DCGM_FI_DEV_MIG_MODE=\"0\""), "compute_capability=\"9.0\",");
  board += "gpu_device_memory_bytes{gpu=\"0\",UUID=\"GPU-a\"} 85899345920\n";
  scrape("", 1, board);
  // Neither a part nor the whole is asked for by name.
  const Json part = asked(R"({"namespace":"ml","podName":"p","requiredMemoryGb":10})");
  EXPECT_EQ(part["decision"]["grants"][0]["kind"], "placement");
  EXPECT_EQ(part["decision"]["grants"][0]["switchesMigOn"], true);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + part["id"].get<std::string>()).status, 204);
  const Json whole = asked(R"({"namespace":"ml","podName":"q","useMig":false,"requiredMemoryGb":10})");
  EXPECT_EQ(whole["decision"]["grants"][0]["kind"], "device");
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"r","requiredMemoryGb":10})").status, 409)
      << "nothing is left beside it";
  expect_kept();
}

TEST_F(AllocationsTest, WhatWasMadeForOneAndUsedByTheNextIsCleanedUpAfterIt) {
  const auto [id, start] = made_held_and_given_up();
  const Json next = asked(body("q"));
  EXPECT_EQ(next["ready"], true) << "it is the same instance";
  look(instance(3, start) + held(3, "q"), 50);
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start) + held(3, "q"), kDays);
  EXPECT_EQ(shown(next)["state"], "bound");
  look(instance(3, start), kDays + 30);
  look(instance(3, start), kDays + 60);
  ASSERT_EQ(shown(next)["state"], "ended");
  look(instance(3, start), kDays + 100);
  EXPECT_TRUE(wanted().empty());
  expect_kept();
}

TEST_F(AllocationsTest, WhatWasMadeForAPromiseThatIsTakenBackIsCleanedUp) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(shown(made)["ready"], true);
  look(instance(3, start) + held(3, "stranger"), 10);
  EXPECT_EQ(shown(made)["state"], "promised") << "of another one by now";
  EXPECT_NE(shown(made)["parts"][0]["start"], start);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  look(instance(3, start), 20);
  look(instance(3, start), 51);
  EXPECT_TRUE(wanted().empty());
  expect_kept();
}

TEST_F(AllocationsTest, WhatIsToBeCleanedUpIsNotForgotten) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start) + held(3, "stranger"), 10);
  look(instance(3, start) + held(3, "stranger"), kDays);
  EXPECT_EQ(allocations->book()->all().size(), 1U);
  look(instance(3, start), kDays + 10);
  look(instance(3, start), kDays + 50);
  EXPECT_TRUE(wanted().empty());
  look("", kDays + 60);
  look("", kDays + 2 * 3'600);
  EXPECT_TRUE(allocations->book()->all().empty()) << "now it is";
  expect_kept();
}

TEST_F(AllocationsTest, WhatCannotBeCutIsTakenBackAndNotTriedAgainAtOnce) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const auto generation = layouts.of("default", "GPU-a")->generation;
  layouts.ask("default", "w-1", {{"GPU-a", generation, "failed", "insufficient permissions"}}, Milliseconds(0));
  look("", 5);
  EXPECT_EQ(shown(made)["state"], "waiting");
  EXPECT_TRUE(wanted().empty());
  const auto after = layouts.of("default", "GPU-a")->generation;
  look("", 300);
  EXPECT_THAT(shown(made)["decision"].dump(), HasSubstr("insufficient permissions"));
  EXPECT_EQ(layouts.of("default", "GPU-a")->generation, after) << "nothing new is wanted of it";
  look("", 606);
  EXPECT_EQ(shown(made)["state"], "promised");
}

TEST_F(AllocationsTest, NothingToBeCutIsPromisedWhereNobodyCuts) {
  layouts.prepare("default");
  layouts.leave_uncut({{"w-1", "no layout container of this node asks"}});
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("no layout container of this node asks"));
  EXPECT_TRUE(allocations->foresee([] {
    auto wish = must(parse_allocation_wish(body("p")));
    wish.cluster = "default";
    return wish;
  }()))
      << "somebody may tomorrow";
  look(instance(3, 0), 5);
  EXPECT_EQ(asked(body("p"))["ready"], true) << "what stands is given";
}

TEST_F(AllocationsTest, WhatANodeIsBlockedForIsTakenBack) {
  layouts.prepare("default");
  const Json made = asked(body("p", R"(,"wait":true,"leaseSeconds":3600)"));
  layouts.course("default", "w-1", {false, "waiting", "GPU-a: 1g at 0 is held by a process", kStart, kStart});
  look("", 599);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 600);
  EXPECT_EQ(shown(made)["state"], "waiting");
  EXPECT_THAT(shown(made)["decision"].dump(), HasSubstr("held by a process"));
  EXPECT_TRUE(wanted().empty()) << "nor is it cut later";
}

TEST_F(AllocationsTest, ALayoutThatSomebodyWantsKeepsWhatIsPromised) {
  asked(body("p"));
  const auto all = send("POST", "/gpu/devices/GPU-a/mig", R"(["3g.40gb","3g.40gb"])");
  EXPECT_EQ(all.status, 409) << all.body;
  EXPECT_THAT(all.body, HasSubstr("ml/p"));
  const auto beside = send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])");
  EXPECT_EQ(beside.status, 202) << beside.body;
  EXPECT_EQ(wanted().size(), 2U);
}

/// Half of what the administrator asked for stands by then.
TEST_F(AllocationsTest, WhatSomebodyHasCutGoesOnThoughSomethingElseGoes) {
  look(instance(3, 0) + held(3, "x") + instance(4, 2), 1);
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb","1g.10gb","1g.10gb"])").status, 202);
  auto to_be = wanted();
  ASSERT_EQ(to_be.size(), 4U);
  const auto small = std::ranges::find(to_be, std::string("1g.10gb"), &store::WantedInstance::profile);
  look(instance(3, 0) + held(3, "x") + instance(5, small->placement.start, "1g.10gb", 1), 5);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/5").status, 202);
  to_be.erase(small);
  EXPECT_THAT(wanted(), testing::UnorderedElementsAreArray(to_be)) << "the other two come all the same";
}

TEST_F(AllocationsTest, WhatSomebodyHasCutGoesOnThoughAPromiseEnds) {
  const Json made = asked(body("p"));
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])").status, 202);
  ASSERT_EQ(wanted().size(), 2U);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  ASSERT_EQ(wanted().size(), 1U);
  EXPECT_EQ(wanted().front().profile, "1g.10gb");
}

TEST_F(AllocationsTest, AWholeDeviceThatIsPromisedIsNotCut) {
  constexpr std::string_view kWhole = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";
  scrape("", 1, kWhole);
  const Json made = asked(R"({"namespace":"ml","podName":"p","useMig":false})");
  EXPECT_EQ(made["state"], "promised");
  const auto cut = send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])");
  EXPECT_EQ(cut.status, 409) << cut.body;
  EXPECT_THAT(cut.body, HasSubstr("promised to ml/p"));
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  EXPECT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
}

TEST_F(AllocationsTest, WhereNothingIsToBeCutNoInstanceIsTakenAway) {
  options.may_cut = false;
  open();
  look(instance(3, 0), 1);
  const auto reply = send("DELETE", "/gpu/devices/GPU-a/mig/3");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, HasSubstr("gpu.management.mig.enabled"));
  EXPECT_TRUE(wanted().empty());
}

TEST_F(AllocationsTest, WhereNothingIsToBeCutARefusalSaysThatNobodyMay) {
  options.may_cut = false;
  open();
  look(instance(3, 0, "1g.10gb", 1), 1);
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("it is not to be cut: gpu.management.mig.enabled is false"),
                                  testing::Not(HasSubstr("compute"))));
  EXPECT_EQ(Json::parse(refused.body)["refusal"]["misses"][0]["cause"], "no_room");
  const auto larger = ask(R"({"namespace":"ml","podName":"p","useMig":true,"computeSlices":7})");
  EXPECT_THAT(larger.body, HasSubstr("no profile has that much compute")) << "whoever may cut";
  EXPECT_EQ(asked(R"({"namespace":"ml","podName":"p","useMig":true,"requiredMemoryGb":9})")["ready"], true);
}

/// A server that did not keep whose a wish was has written who asked for the allocation that it was for.
TEST_F(AllocationsTest, AWishOfBeforeItsOriginWasKeptIsSomebodysAndWhatWasMadeForOneIsCleanedUp) {
  const std::string id = asked(body("p"))["id"].get<std::string>();
  auto stored = *layouts.of("default", "GPU-a");
  stored.wanted_by = "key:a ada";
  layouts.want(stored);
  const store::WantedInstance own = stored.instances.front();
  look(instance(3, own.placement.start), 5);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + id).status, 204);
  const std::string more =
      instance(3, own.placement.start) + instance(9, own.placement.start < 4 ? 4 : 0, "3g.40gb", 4);
  look(more, 6);
  layouts.ask("default", "w-1", {{"GPU-a", stored.generation, "hands-off", "why"}}, Milliseconds(0));
  look(more, 7);
  EXPECT_THAT(wanted(), ElementsAre(own)) << "it may be his: it does not make way for what stands";
  EXPECT_TRUE(is_to_go(id)) << "it was made after the wish, so he has not asked for it";
  look(more, 60);
  EXPECT_THAT(wanted(), testing::Not(testing::Contains(own)));
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_by, "key:a ada");
}

/// Of several parts, as no engine gives them now: one is exchanged for an equal one, and the other is still to be made.
TEST_F(AllocationsTest, WhatIsPromisedAnewInTheSameLookIsStillCut) {
  allocations.reset();
  const auto promised = [](const std::string& pod, std::vector<fleet::PromisedPart> parts) {
    fleet::PodAllocation one;
    one.id = "a-" + pod;
    one.cluster = "default";
    one.space = "ml";
    one.pod = pod;
    one.request = body(pod);
    one.lease = Milliseconds(3'600'000);
    return must(fleet::promised(std::move(one), std::move(parts), "{}", {"", "", kStart}));
  };
  const auto part = [](unsigned start, bool made) {
    return fleet::PromisedPart{"w-1", "GPU-a", "2g.20gb", {start, 2}, made};
  };
  store::WantedLayout layout{
      "default", "GPU-a",          "w-1", 0, {{"2g.20gb", {0, 2}}, {"2g.20gb", {2, 2}}, {"2g.20gb", {4, 2}}},
      {},        "tessera-server", kStart};
  const auto database = must(store::Database::open(url));
  ASSERT_TRUE(database->atomically([&]() -> Result<void> {
    TRY(store::put_allocation(*database, promised("x", {part(4, false)})));
    TRY(store::put_allocation(*database, promised("y", {part(0, false), part(2, true)})));
    layout.generation = TRY(store::want_layout(*database, layout));
    return {};
  }));
  layouts.want(layout);
  open();
  look(instance(3, 0) + instance(5, 4) + held(3, "x"), 5);
  const auto* displaced = allocations->book()->find("a-y");
  ASSERT_EQ(displaced->state, fleet::AllocationState::Promised) << displaced->why;
  EXPECT_THAT(displaced->parts, ElementsAre(part(4, false), part(2, true)));
  EXPECT_EQ(wanted(), layout.instances) << "the one that is to be made comes all the same";
  expect_kept();
}

TEST_F(AllocationsTest, AnInstanceThatNobodyHasIsTakenAway) {
  look(instance(3, 0) + instance(4, 2) + held(4, "x"), 1);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/4").status, 409);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/9").status, 404);
  EXPECT_EQ(send("DELETE", "/gpu/devices/w-1-GPU-00/mig/MIG-3").status, 202);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"2g.20gb", {2, 2}}));
}

/// Of the wait for the lock on, the instance may be another one than when the request came.
TEST_F(AllocationsTest, AnInstanceIsTakenAwayByWhatIsKnownOnceItIsItsTurn) {
  look(instance(3, 0), 1);
  const auto before = fleet.get()->view;
  const fleet::Node& node = *before->nodes.front();
  const auto drop = [&] {
    http::Request request;
    request.method = "DELETE";
    request.path = "/gpu/devices/GPU-a/mig/3";
    return allocations->drop_instance(request, node, node.devices.front(), {3U, std::nullopt});
  };
  look(instance(3, 0) + held(3, "late"), 2);
  const auto in_use = drop();
  EXPECT_EQ(in_use.status, 409);
  EXPECT_THAT(in_use.body, HasSubstr("ml/late"));
  look(instance(3, 4), 60);
  const auto another = drop();
  EXPECT_EQ(another.status, 409);
  EXPECT_THAT(another.body, HasSubstr("ask again"));
  EXPECT_THAT(wanted(), testing::IsEmpty());
}

/// Where it is not in the way of anything.
std::string large(const std::string& pod) {
  return R"({"namespace":"ml","podName":")" + pod + R"(","useMig":true,"requiredMemoryGb":35})";
}

TEST_F(AllocationsTest, WhatIsToBeTakenAwayIsNotKeptByTheNextCut) {
  look(instance(3, 0) + instance(4, 2) + held(4, "x"), 1);
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/3").status, 202);
  asked(large("q"));
  EXPECT_THAT(wanted(),
              UnorderedElementsAre(store::WantedInstance{"2g.20gb", {2, 2}}, store::WantedInstance{"3g.40gb", {4, 4}}));
}

TEST_F(AllocationsTest, WhatIsToBeTakenAwayIsNotPromisedAsIfItStood) {
  look(instance(3, 0), 1);
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/3").status, 202);
  const Json made = asked(body("q"));
  EXPECT_EQ(made["ready"], false);
  EXPECT_EQ(wanted().size(), 1U) << "it is made for this one";
}

TEST_F(AllocationsTest, WhatIsCleanedUpIsNotKeptByTheNextCutAndNotForgottenBeforeItIsGone) {
  const auto [id, start] = made_held_and_given_up();
  look(instance(3, start), 80);
  ASSERT_TRUE(wanted().empty());
  EXPECT_TRUE(is_to_go(id));
  asked(large("q"));
  ASSERT_EQ(wanted().size(), 1U);
  EXPECT_EQ(wanted().front().profile, "3g.40gb");
  look("", 90);
  EXPECT_FALSE(is_to_go(id));
  expect_kept();
}

TEST_F(AllocationsTest, WhatSomebodyElseHasMadeOfADeviceTakesThePlaceOfWhatWasWantedForAnAllocation) {
  const auto [id, start] = made_held_and_given_up();
  const std::string by_hand = instance(9, 0, "3g.40gb", 4) + held(9, "x");
  look(by_hand, 50);
  EXPECT_THAT(ask(body("q")).body, HasSubstr("changed by somebody else"));
  const auto hands_off = [&] {
    layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
                Milliseconds(0));
  };
  hands_off();
  look(by_hand, 55);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"3g.40gb", {0, 4}}));
  asked(body("q"));
  EXPECT_EQ(wanted().size(), 2U) << "beside it";
  expect_kept();
}

TEST_F(AllocationsTest, WhatSomebodyHasCutTellsHimThatSomebodyElseHasChangedIt) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const auto own = wanted();
  const unsigned other_half = own.front().placement.start < 4 ? 4 : 0;
  layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
              Milliseconds(0));
  look(instance(9, other_half, "3g.40gb", 4), 5);
  EXPECT_EQ(wanted(), own) << "it is his";
  EXPECT_THAT(ask(body("q")).body, HasSubstr("DELETE /gpu/devices/w-1-GPU-00/mig"));
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig").status, 204);
  asked(body("q"));
}

/// What is made by hand beside an instance in one half of the board: a small one there, and a 3g in the other half.
struct ByHand {
  explicit ByHand(unsigned start) : small(start == 0 ? 2 : start == 2 ? 0 : 6), large(start < 4 ? 4 : 0) {}
  std::string page() const { return instance(8, small, "1g.10gb", 1) + instance(9, large, "3g.40gb", 4); }
  unsigned small, large;
};

TEST_F(AllocationsTest, WhatWasMadeByHandStaysWhenItsNeighbourIsGiven) {
  asked(body("p"));
  const store::WantedInstance own = wanted().front();
  const ByHand hand(own.placement.start);
  look(instance(3, own.placement.start) + held(3, "p") + hand.page(), 10);
  const Json next = asked(large("q"));
  ASSERT_EQ(next["parts"][0]["start"], hand.large) << next;
  EXPECT_THAT(wanted(), UnorderedElementsAre(own, store::WantedInstance{"1g.10gb", {hand.small, 1}},
                                             store::WantedInstance{"3g.40gb", {hand.large, 4}}));
}

struct HandsOff : AllocationsTest {
  /// Its agent says so of what is wanted now, and the server looks.
  void look_at_hands_off(const std::string& page, EpochMs seconds) {
    look(page, seconds);
    layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
                Milliseconds(0));
    look(page, seconds + 1);
    look(page, seconds + 2);
  }
};

TEST_F(HandsOff, WhatWasReadyForAPodThatHasNotComeMakesWayForWhatStands) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(shown(made)["ready"], true);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_by, "tessera-server");
  const std::string by_hand = instance(8, 0, "3g.40gb", 4);
  look_at_hands_off(by_hand, 10);
  EXPECT_THAT(wanted(), testing::Contains(store::WantedInstance{"3g.40gb", {0, 4}}));
  look(by_hand, 700);
  EXPECT_EQ(shown(made)["state"], "promised") << "he does not wait for ever: " << shown(made);
  expect_kept();
}

TEST_F(HandsOff, WhatWasWantedForAnAllocationThatIsForgottenMakesWayForWhatStands) {
  options.cleanup = false;
  open();
  const auto [id, start] = made_held_and_given_up();
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start), kDays);
  ASSERT_TRUE(allocations->book()->all().empty());
  look_at_hands_off(instance(9, 0, "3g.40gb", 4), kDays + 10);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"3g.40gb", {0, 4}}));
}

TEST_F(HandsOff, WhatSomebodyAskedForStaysHisThoughTheServerAddsToIt) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const store::WantedInstance own = wanted().front();
  const auto before = *layouts.of("default", "GPU-a");
  look(instance(3, own.placement.start) + held(3, "x"), 5);
  asked(large("q"));
  ASSERT_EQ(wanted().size(), 2U);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_by, before.wanted_by);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_since, before.wanted_since);
  const unsigned other = own.placement.start < 4 ? 0 : 4;
  look_at_hands_off(instance(8, other, "3g.40gb", 4), 10);
  EXPECT_THAT(wanted(), ElementsAre(own)) << "his is not given up, and nothing more is to be made beside it";
  EXPECT_THAT(layouts.of("default", "GPU-a")->planned_from,
              testing::Not(testing::Contains(store::WantedInstance{"3g.40gb", {other, 4}})))
      << "nor is what was made by hand taken away for it";
}

TEST_F(AllocationsTest, WhatSomebodyHasAskedForIsNotCleanedUp) {
  const auto [id, start] = made_held_and_given_up();
  ASSERT_TRUE(is_to_go(id));
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])").status, 202);
  const auto all = wanted();
  ASSERT_THAT(all, testing::Contains(store::WantedInstance{"2g.20gb", {start, 2}}));
  look(instance(3, start), 45);
  EXPECT_FALSE(is_to_go(id));
  for (const EpochMs later : {80, 200}) look(instance(3, start), later);
  EXPECT_EQ(wanted(), all);
  expect_kept();
}

TEST_F(AllocationsTest, WhatIsAddedToWhatSomebodyHasAskedForIsCleanedUp) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const store::WantedInstance own = wanted().front();
  const std::string page = instance(3, own.placement.start) + held(3, "x");
  look(page, 5);
  const Json made = asked(large("q"));
  const unsigned start = made["parts"][0]["start"].get<unsigned>();
  const std::string with = page + instance(9, start, "3g.40gb", 4);
  look(with, 10);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  look(with, 20);
  look(with, 60);
  EXPECT_THAT(wanted(), ElementsAre(own));
}

TEST_F(AllocationsTest, WhereNothingIsToBeCutNobodyIsMissedWhoWouldCut) {
  clock += kAsksWithin + Milliseconds(1);
  options.may_cut = false;
  open();
  look("", 1);
  EXPECT_EQ(layouts.why_uncut("default", "w-1"), "");
  options.may_cut = true;
  open();
  look("", 2);
  EXPECT_THAT(layouts.why_uncut("default", "w-1"), HasSubstr("layout container"));
}

TEST_F(AllocationsTest, WhoHoldsAllOfADeviceIsToldWhereNobodyCuts) {
  clock += kAsksWithin + Milliseconds(1);
  look(instance(3, 0) + held(3, "x") + instance(4, 2) + held(4, "y") + instance(5, 4) + held(5, "z"), 1);
  const std::string small = R"({"namespace":"ml","podName":"p","useMig":true,"requiredMemoryGb":9})";
  EXPECT_THAT(ask(small).body,
              AllOf(HasSubstr("ml/x"), HasSubstr("ml/z"), testing::Not(HasSubstr("layout container"))));
  look(instance(3, 0) + held(3, "x"), 2);
  EXPECT_THAT(ask(small).body, HasSubstr("layout container")) << "of what is free";
}

}  // namespace
}  // namespace tessera::server

// Leases, clocks and restarts, and what is told again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <utility>

#include "server/allocations_fixture.h"
#include "server/api_json.h"
#include "store/allocations.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

TEST_F(AllocationsTest, ADecisionIsMadeAgainOnWhatIsKeptOfIt) {
  const auto replayed = [&](const Json& one) {
    const auto reply = send("GET", "/gpu/allocations/" + one["id"].get<std::string>(), "", "replay=true");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body)["replay"];
  };
  look(instance(3, 0), 1);
  const Json first = asked(body("p")), second = asked(body("q", R"(,"policy":"spread")"));
  for (const char* pod : {"r", "late"}) asked(body(pod, R"(,"wait":true)"), pod == std::string("r") ? 201 : 202);
  look(instance(3, 0) + held(3, "p"), 300);  // nothing is as it was then
  allocations.reset();
  options.cleanup = false;  // what is still to be removed is kept for longer
  open();
  for (const Json* one : {&first, &second}) {
    const Json again = replayed(*one);
    EXPECT_EQ(again["same"], true) << again.dump(2);
    EXPECT_EQ(again["asOf"], time_json(kStart + 1'000));
    EXPECT_EQ(again["devices"], 1);
    EXPECT_EQ(again["decision"]["grants"], (*one)["decision"]["grants"]);
    EXPECT_EQ(again["decision"]["factors"], (*one)["decision"]["factors"]);
  }
  EXPECT_FALSE(shown(first).contains("replay")) << "where nobody asks for it";
  const auto* late = allocations->book()->of_pod("default", "ml", "late");
  EXPECT_TRUE(replayed({{"id", late->id}}).is_null()) << "it was refused";

  // Who came from the queue has his, too; and what is over is forgotten with its allocation.
  const std::string late_id = late->id;
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + second["id"].get<std::string>()).status, 204);
  allocations->look();
  EXPECT_EQ(replayed({{"id", late_id}})["same"], true);
  auto viewer = std::make_shared<Viewer>();
  viewer->caller = viewer->actor = "key:b bob";
  viewer->spaces = {"ml"};
  const auto seen = send("GET", "/gpu/allocations/" + late_id, "", "replay=true", viewer);
  EXPECT_FALSE(Json::parse(seen.body)["replay"]["decision"].contains("runnersUp")) << "what others have is not his";
  look(instance(3, 0) + held(3, "p"), 9 * 24 * 3'600);
  ASSERT_FALSE(allocations->book()->find(second["id"].get<std::string>()));
  EXPECT_FALSE(*store::scene_of(*must(store::Database::open(url)), second["id"].get<std::string>()));
}

/// By a later version, or by hand.
TEST_F(AllocationsTest, WhatADecisionWasMadeOnThatCannotBeReadIsAsIfItWereNotKept) {
  const Json made = asked(body("p"));
  const auto database = must(store::Database::open(url));
  for (const char* text : {"nothing", R"({"policy":"of tomorrow"})"}) {
    ASSERT_TRUE(store::put_scene(*database, {made["id"].get<std::string>(), text}));
    const auto reply = send("GET", "/gpu/allocations/" + made["id"].get<std::string>(), "", "replay=true");
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(Json::parse(reply.body)["replay"].is_null());
  }
}

/// What is told of a place grows from version to version.
TEST_F(AllocationsTest, ADecisionIsTheSameWhereMoreOrLessIsToldOfThePlace) {
  const std::string id = asked(body("p"))["id"].get<std::string>();
  const auto is_the_same = [&](const std::function<void(Json&)>& change) {
    const auto database = must(store::Database::open(url));
    auto kept = must(store::allocations(*database));
    Json decision = Json::parse(kept.at(0).decision);
    change(decision["grants"][0]);
    kept[0].decision = decision.dump();
    allocations.reset();
    EXPECT_TRUE(database->atomically([&] { return store::put_allocation(*database, kept[0]); }));
    open();
    return Json::parse(send("GET", "/gpu/allocations/" + id, "", "replay=true").body)["replay"]["same"].get<bool>();
  };
  EXPECT_TRUE(is_the_same([](Json&) {}));
  EXPECT_TRUE(is_the_same([](Json& grant) { grant["numaNode"] = 1; }));
  EXPECT_TRUE(is_the_same([](Json& grant) { grant.erase("smCount"); }));
  for (const char* member : {"cluster", "node", "deviceUuid", "kind", "profile", "start", "size", "replicas",
                             "pricePerHour", "switchesMigOn"}) {
    Json before;
    EXPECT_FALSE(is_the_same([&](Json& grant) { before = std::exchange(grant[member], "another"); })) << member;
    EXPECT_TRUE(is_the_same([&](Json& grant) { grant[member] = before; })) << member;
  }
}

TEST_F(AllocationsTest, NothingIsPromisedWithoutWhatItWasDecidedOn) {
  for (const char* pod : {"a", "b", "c"}) asked(body(pod));
  const Json waits = asked(body("late", R"(,"wait":true)"), 202);
  const auto database = must(store::Database::open(url));
  const auto scene = [&] { return must(store::scene_of(*database, waits["id"].get<std::string>())); };
  ASSERT_TRUE(store::put_scene(*database, {waits["id"].get<std::string>(), "of another one"}));
  const auto rename = [&](const char* from, const char* to) {
    ASSERT_TRUE(database->run(fmt::format("ALTER TABLE {} RENAME TO {}", from, to)));
  };
  rename("allocation_scene", "away");
  const std::string a = allocations->book()->of_pod("default", "ml", "a")->id;
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + a).status, 204);
  allocations->look();
  EXPECT_EQ(shown(waits)["state"], "waiting");
  EXPECT_GE(ask(body("d")).status, 500);
  EXPECT_FALSE(allocations->book()->of_pod("default", "ml", "d"));
  expect_kept();
  rename("away", "allocation_scene");
  allocations->look();
  EXPECT_EQ(shown(waits)["state"], "promised");
  ASSERT_TRUE(scene());
  EXPECT_NE(scene()->text, "of another one");
}

TEST_F(AllocationsTest, ARestartKnowsAllOfIt) {
  const Json made = asked(body("p"));
  asked(body("q"));
  const fleet::AllocationBook before = *allocations->book();
  allocations.reset();
  open();
  EXPECT_EQ(*allocations->book(), before);
  EXPECT_EQ(asked(body("p"), 200)["id"], made["id"]);
}

TEST_F(AllocationsTest, ThePodThatDoesNotComeLosesWhatWasToBeCut) {
  const Json made = asked(body("p", R"(,"leaseSeconds":20)"));
  EXPECT_EQ(wanted().size(), 1U);
  look("", 19);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 20);
  EXPECT_EQ(shown(made)["state"], "expired");
  EXPECT_TRUE(wanted().empty());
}

/// A day of asking, cutting, coming and going, drawn by a seed, with an agent that cuts at once.
class Day : public AllocationsTest {
 public:
  Day(unsigned seed, bool restarts) : random_(seed), restarts_(restarts) {
    options.cleanup = false;  // how long something has been idle is not kept over a restart
    allocations.reset();
    open();
  }
  void TestBody() override {}

  /// What was decided and became of it, in words.
  std::vector<std::string> live() {
    std::vector<std::string> out;
    for (int step = 1; step <= 60; ++step) {
      const unsigned what = number(4), pod = number(kPods);
      if (restarts_ && step % 7 == 0) {
        const fleet::AllocationBook before = *allocations->book();
        allocations.reset();
        open();
        EXPECT_EQ(*allocations->book(), before) << "what is rebuilt of the store is what was in memory";
      }
      if (what == 0 || what == 1) {
        const unsigned gigabytes = 5 + 15 * number(3);
        const bool waits = number(2) == 0;
        if (asked_ < kMostAsked) out.push_back(ask_for(pod, gigabytes, waits));
      } else if (what == 2) {
        if (const auto* own = allocations->book()->of_pod("default", "ml", name(pod)))
          send("DELETE", "/gpu/allocations/" + own->id);
        here_.erase(pod);
      } else {
        here_.insert(pod);
      }
      look(page(), step * 5);
      for (const auto& [id, one] : by_pod()) out.push_back(id + ": " + one);
    }
    return out;
  }

 private:
  static constexpr unsigned kPods = 5, kMostAsked = 18;  // from twenty on what was asked for counts
  unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }
  static std::string name(unsigned pod) { return "p-" + std::to_string(pod); }

  std::string ask_for(unsigned pod, unsigned gigabytes, bool waits) {
    if (allocations->book()->of_pod("default", "ml", name(pod))) return "has one";
    ++asked_;
    const auto reply =
        ask(R"({"namespace":"ml","podName":")" + name(pod) + R"(","useMig":true,"requiredMemoryGb":)" +
            std::to_string(gigabytes) + R"(,"leaseSeconds":100000,"wait":)" + (waits ? "true" : "false") + "}");
    const Json body = Json::parse(reply.body);
    return std::to_string(reply.status) + body.value(reply.status == 409 ? "refusal" : "decision", Json()).dump();
  }
  /// What is wanted stands, and who is here and was promised something has it.
  std::string page() {
    std::string out;
    const auto book = allocations->book();
    for (const store::WantedInstance& one : wanted()) {
      const unsigned gi = 1 + one.placement.start;
      out += instance(gi, one.placement.start, one.profile, one.placement.size);
      for (const unsigned pod : here_)
        if (const auto* own = book->of_pod("default", "ml", name(pod)))
          for (const fleet::PromisedPart& part : own->parts)
            if (part.placement == one.placement) out += held(gi, name(pod));
    }
    return out;
  }
  std::map<std::string, std::string> by_pod() {
    std::map<std::string, std::string> out;
    for (const auto& [id, one] : allocations->book()->all())
      if (!fleet::is_over(one.state))
        out[one.pod] = std::string(fleet::allocation_state_name(one.state)) + " " + store::parts_text(one.parts) + " " +
                       one.why + one.decision;
    return out;
  }

  std::mt19937 random_;
  const bool restarts_;
  unsigned asked_ = 0;
  std::set<unsigned> here_;
};

TEST(AllocationsReplay, TheSameDayHasTheSameDecisionsThoughTheServerIsRestarted) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const auto once = Day(seed, false).live(), again = Day(seed, true).live();
    for (std::size_t i = 0; i < std::min(once.size(), again.size()); ++i)
      ASSERT_EQ(once[i], again[i]) << "seed " << seed << ", line " << i;
    EXPECT_EQ(once.size(), again.size()) << seed;
  }
}

TEST_F(AllocationsTest, ARestartNeitherEndsALeaseNorBeginsItAnew) {
  const Json made = asked(body("p", R"(,"leaseSeconds":600)"));
  ASSERT_EQ(made["expires"], time_json(kStart + 600'000));
  for (const EpochMs restart : {100, 200, 300}) {
    scrape("", restart);
    allocations.reset();
    open();
    look("", restart + 1);
    EXPECT_EQ(shown(made)["expires"], made["expires"]) << "however often";
  }
  scrape("", 5'000);  // nobody was there when it ended
  allocations.reset();
  open();
  look("", 5'001);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 5'060);
  EXPECT_EQ(shown(made)["state"], "promised") << "its pod may be seen yet";
  look("", 5'061);
  EXPECT_EQ(shown(made)["state"], "expired");
  expect_kept();
}

TEST_F(AllocationsTest, SeveralThatDoNotComeLeaveNothingToBeCut) {
  for (const char* pod : {"p", "q", "r"}) asked(body(pod, R"(,"leaseSeconds":60)"));
  ASSERT_EQ(wanted().size(), 3U);
  look("", 61);
  EXPECT_TRUE(wanted().empty());
  EXPECT_EQ(ask(body("s")).status, 201);
}

/// A server takes over from one whose clock was ahead of its own, or behind it.
struct ClocksApart : AllocationsTest, testing::WithParamInterface<EpochMs> {};
INSTANTIATE_TEST_SUITE_P(By, ClocksApart, testing::Values(0, 3'600));

TEST_P(ClocksApart, NothingExpiresEarlyOrIsPromisedTwice) {
  // The first clock says 1,800; that of the one who takes over the same, or an hour more.
  look("", 1'800);
  const Json made = asked(body("p", R"(,"leaseSeconds":60)"));
  for (const char* other : {"q", "r"}) asked(body(other));
  ASSERT_EQ(ask(body("s")).status, 409) << "three have room";
  const EpochMs own = 1'801 + GetParam();
  scrape("", own);
  allocations.reset();
  open();
  look("", own + 1);
  EXPECT_EQ(shown(made)["state"], "promised") << "by the other clock it has had a moment of its minute";
  EXPECT_EQ(ask(body("s")).status, 409);
  look("", own + 60);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", own + 61);
  EXPECT_EQ(shown(made)["state"], "expired");
  EXPECT_EQ(ask(body("s")).status, 201);
  expect_kept();
}

/// As often as the reason stays the same: who has what, and what would help, may be otherwise.
TEST_F(AllocationsTest, WhoWaitsIsToldInTheEndWhatHasChangedBehindTheSameReason) {
  const auto full_of = [](const std::string& pod) {
    return instance(3, 0) + held(3, "x") + instance(4, 2) + held(4, "y") + instance(5, 4) + held(5, pod);
  };
  look(full_of("z"), 1);
  const Json late = asked(body("late", R"(,"wait":true)"), 202);
  const auto told = [&] { return shown(late)["decision"]["misses"].dump(); };
  ASSERT_THAT(told(), HasSubstr("ml/z at 4"));
  look(full_of("other"), 100);
  EXPECT_THAT(told(), HasSubstr("ml/z at 4")) << "not each look writes it";
  look(full_of("other"), 301);
  EXPECT_THAT(told(), HasSubstr("ml/other at 4"));
  EXPECT_EQ(shown(late)["reason"], late["reason"]);
  EXPECT_EQ(shown(late)["since"], late["since"]);
  look(full_of("third"), 600);
  EXPECT_THAT(told(), HasSubstr("ml/other at 4"));
  look(full_of("third"), 602);
  EXPECT_THAT(told(), HasSubstr("ml/third at 4"));
  expect_kept();
}

TEST_F(AllocationsTest, TheQueueSaysOfARefusalAllThatIsSaidWhereOneAsks) {
  const std::string full = instance(3, 0, "3g.40gb", 4) + held(3, "x") + instance(4, 4, "3g.40gb", 4) + held(4, "y");
  look(full, 1);
  const Json near = asked(
      R"({"namespace":"ml","podName":"near","useMig":true,"requiredMemoryMib":20480,"computeSlices":2,"wait":true})",
      202);
  ASSERT_THAT(near["decision"]["hint"].get<std::string>(), HasSubstr("2g.20gb has 20,096"));
  told.scrape(kStart + 4'000, R"(node="w-2",job="agent")", R"(
tessera_agent_device_up{gpu="0",UUID="GPU-t"} 1
gpu_device_info{gpu="0",UUID="GPU-t",model="Tesla T4"} 1
)");
  look(full, 5);
  const Json now = shown(near);
  ASSERT_EQ(now["state"], "waiting");
  ASSERT_NE(now["decision"]["sentence"], near["decision"]["sentence"]) << "it is told anew";
  for (const char* member : {"hint", "requiredMib", "assumed", "budgets"})
    EXPECT_EQ(now["decision"].value(member, Json("it is not told")), near["decision"][member]) << member;
}

}  // namespace
}  // namespace tessera::server

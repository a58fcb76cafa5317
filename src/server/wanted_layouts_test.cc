#include "server/wanted_layouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "server/wanted_layouts_json.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Milliseconds kLong{60'000};

store::WantedLayout wish(const std::string& uuid, std::int64_t generation, const std::string& node = "worker-01") {
  return {"c", uuid, node, generation, {{"2g.20gb", {0, 2}}}, {{"1g.10gb", {4, 1}}}, "key:a ada", 1000};
}
std::vector<LayoutReport> done(const std::string& uuid, std::int64_t generation) {
  return {{.device_uuid = uuid, .generation = generation, .state = "done"}};
}

/// What has come of a reply that went on, once it has ended.
std::string rest_of(const http::Response& reply) {
  while (reply.stream->state() == http::Stream::State::Open) std::this_thread::yield();
  std::string out;
  for (const auto& piece : reply.stream->take().pieces) out += *piece;
  return out;
}

TEST(WantedLayouts, AreToldAtOnceWhereTheyAreNews) {
  WantedLayouts layouts(7, {wish("GPU-1", 3), wish("GPU-2", 4, "worker-02")});
  const auto reply = layouts.ask("c", "worker-01", {}, kLong);
  ASSERT_FALSE(reply.stream);
  const Json told = Json::parse(reply.body);
  EXPECT_EQ(told["node"], "worker-01");
  EXPECT_EQ(told["epoch"], 7);
  EXPECT_EQ(told["generation"], 4) << "of all nodes";
  ASSERT_EQ(told["devices"].size(), 1U);
  EXPECT_EQ(told["devices"][0]["generation"], 3);
  EXPECT_EQ(told["devices"][0]["instances"], Json::parse(R"([{"profile":"2g.20gb","start":0,"size":2}])"));
  EXPECT_EQ(told["devices"][0]["plannedFrom"], Json::parse(R"([{"profile":"1g.10gb","start":4,"size":1}])"));
  EXPECT_LT(told["issuedAt"].get<std::string>(), told["expiresAt"].get<std::string>());
  EXPECT_EQ(layouts.ask("c", "worker-09", {}, Milliseconds(0)).status, 204);
  EXPECT_THAT(layouts.ask("another", "worker-01", {}, Milliseconds(0)).body, IsEmpty());
}

TEST(WantedLayouts, AreWaitedForAndToldWhenTheyCome) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  const auto waiting = layouts.ask("c", "worker-01", done("GPU-1", 3), kLong);
  const auto other = layouts.ask("c", "worker-02", {}, kLong);
  ASSERT_TRUE(waiting.stream && other.stream);
  EXPECT_EQ(layouts.report_of("c", "GPU-1")->state, "done");
  layouts.want(wish("GPU-1", 4));
  EXPECT_EQ(Json::parse(rest_of(waiting))["generation"], 4);
  EXPECT_EQ(other.stream->state(), http::Stream::State::Open) << "that is none of its";

  const auto again = layouts.ask("c", "worker-01", done("GPU-1", 4), kLong);
  layouts.forget("c", "GPU-1");
  EXPECT_THAT(rest_of(again), IsEmpty());
  EXPECT_FALSE(layouts.of("c", "GPU-1"));
  EXPECT_FALSE(layouts.report_of("c", "GPU-1"));
}

TEST(WantedLayouts, AreNewerOrOlderByDevice) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.want(wish("GPU-3", 9));
  layouts.want(wish("GPU-2", 5));
  EXPECT_EQ(layouts.of("c", "GPU-2")->generation, 5) << "that of another device says nothing of it";
  layouts.want(wish("GPU-3", 8));
  EXPECT_EQ(layouts.of("c", "GPU-3")->generation, 9);
  EXPECT_EQ(Json::parse(layouts.ask("c", "worker-01", {}, kLong).body)["generation"], 9) << "which never goes back";
}

TEST(WantedLayouts, AreInTheEndWhatTheDatabaseHas) {
  WantedLayouts layouts(1, {wish("GPU-1", 3), wish("GPU-2", 4)});
  const auto waiting = layouts.ask("c", "worker-02", {}, kLong);
  layouts.replace({wish("GPU-3", 7), wish("GPU-2", 6), wish("GPU-4", 5, "worker-02")});
  EXPECT_FALSE(layouts.of("c", "GPU-1"));
  EXPECT_EQ(layouts.of("c", "GPU-2")->generation, 6);
  EXPECT_EQ(layouts.of("c", "GPU-3")->generation, 7);
  EXPECT_EQ(layouts.of("c", "GPU-4")->generation, 5);
  EXPECT_EQ(Json::parse(rest_of(waiting))["devices"].size(), 1U);
}

TEST(WantedLayouts, AreToldAtOnceToWhoIsNotThroughWithThem) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  for (const char* state : {"working", "waiting", "hands-off"})
    EXPECT_FALSE(
        layouts.ask("c", "worker-01", {{.device_uuid = "GPU-1", .generation = 3, .state = state}}, kLong).stream)
        << state;
  for (const char* state : {"done", "failed", "dry-run"})
    EXPECT_TRUE(
        layouts.ask("c", "worker-01", {{.device_uuid = "GPU-1", .generation = 3, .state = state}}, kLong).stream)
        << state;
}

std::vector<LayoutReport> done_at(std::int64_t generation, EpochMs time) {
  auto out = done("GPU-1", generation);
  out[0].time = time;
  return out;
}

TEST(WantedLayouts, AreFinishedOnceTheirAgentHasToldSoOfThisVeryOne) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.ask("c", "worker-01", {{.device_uuid = "GPU-1", .generation = 3, .state = "working"}}, Milliseconds(0));
  EXPECT_THAT(layouts.finished(), IsEmpty());
  layouts.want(wish("GPU-1", 4));
  layouts.ask("c", "worker-01", done_at(3, 5), Milliseconds(0));
  EXPECT_THAT(layouts.finished(), IsEmpty()) << "of the one before, told after the next one was made";
  layouts.ask("c", "worker-01", done_at(4, 6), Milliseconds(0));
  layouts.ask("c", "worker-01", done_at(4, 7), Milliseconds(0));
  ASSERT_EQ(layouts.finished().size(), 1U);
  EXPECT_EQ(layouts.finished()[0].layout, wish("GPU-1", 4));
  EXPECT_EQ(layouts.finished()[0].since, 6);
  layouts.ask("c", "worker-01", {{.device_uuid = "GPU-1", .generation = 4, .state = "hands-off"}}, Milliseconds(0));
  EXPECT_EQ(layouts.finished().size(), 1U) << "once it was";
  layouts.want(wish("GPU-1", 5));
  EXPECT_THAT(layouts.finished(), IsEmpty());
}

/// What was wanted in the place of somebody else's work stands from the start, so its agent is never told.
TEST(WantedLayouts, AreFinishedWhereTheyStandAndNothingIsInForce) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.prepare("c");
  const auto tell = [&](std::vector<std::string> compute, EpochMs time) {
    const ToldInstance stands{{"2g.20gb", {0, 2}}, std::move(compute)};
    layouts.hear("c", "worker-01", {.devices = {{.uuid = "GPU-1", .instances = {stands}}}, .time = time});
    layouts.ask("c", "worker-01", {}, Milliseconds(0));
  };
  tell({"2g.20gb"}, 5);
  EXPECT_THAT(layouts.finished(), IsEmpty()) << "a server before may have told it something else";
  tell({}, 6);
  EXPECT_THAT(layouts.finished(), IsEmpty()) << "it cannot be used yet";
  tell({"2g.20gb"}, 7);
  ASSERT_EQ(layouts.finished().size(), 1U);
  EXPECT_EQ(layouts.finished()[0].since, 7);
  layouts.want(wish("GPU-1", 4));
  layouts.course("c", "worker-01", {.told = true, .state = "changing"});
  tell({"2g.20gb"}, 8);
  EXPECT_THAT(layouts.finished(), IsEmpty()) << "it may be in the middle of the one before";
}

TEST(WantedLayouts, OfWhatSomebodyElseHasChangedAreKeptHandsOffWithoutTheirAgentsWord) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.prepare("c");
  EXPECT_THAT(layouts.hands_off(), IsEmpty());
  layouts.course("c", "worker-01", {.state = "waiting", .changed = {{"GPU-1", 2, "3g.40gb at 4"}}});
  EXPECT_THAT(layouts.hands_off(), IsEmpty()) << "by what was wanted before";
  EXPECT_FALSE(layouts.why_changed("c", "GPU-1"));
  layouts.course("c", "worker-01", {.state = "waiting", .changed = {{"GPU-1", 3, "3g.40gb at 4"}}});
  EXPECT_THAT(layouts.hands_off(), testing::ElementsAre(wish("GPU-1", 3)));
  EXPECT_EQ(layouts.why_changed("c", "GPU-1"), "3g.40gb at 4");
  EXPECT_FALSE(layouts.why_changed("c", "GPU-2"));
}

TEST(WantedLayouts, NoteByWhichWishANodeWasTold) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.hear("c", "worker-01", {});
  layouts.want(wish("GPU-2", 4, "worker-02"));
  EXPECT_EQ(layouts.told_by("c", "worker-01", {})->generation, 3);
  layouts.hear("c", "worker-01", {});
  EXPECT_EQ(layouts.told_by("c", "worker-01", {})->generation, 4);
}

TEST(WantedLayouts, AreToldAgainBeforeTheyEnd) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  EXPECT_EQ(Json::parse(rest_of(layouts.ask("c", "worker-01", done("GPU-1", 3), Milliseconds(20))))["generation"], 3);
  EXPECT_THAT(rest_of(layouts.ask("c", "worker-02", {}, Milliseconds(20))), IsEmpty());
}

TEST(WantedLayouts, AreWaitedForAsLongAsEachAskedFor) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  const auto first = layouts.ask("c", "worker-01", done("GPU-1", 3), kLong);
  layouts.want(wish("GPU-1", 4));
  rest_of(first);  // as many wait as before, and for another time
  EXPECT_THAT(rest_of(layouts.ask("c", "worker-02", {}, Milliseconds(20))), IsEmpty());
}

TEST(WantedLayouts, KeepOneQuestionOfANodeAndNoneOfWhoHasGone) {
  WantedLayouts layouts(1, {});
  const auto first = layouts.ask("c", "worker-01", {}, kLong);
  const auto gone = layouts.ask("c", "worker-02", {}, kLong);
  gone.stream->leave();
  const auto second = layouts.ask("c", "worker-01", {}, kLong);
  EXPECT_THAT(rest_of(first), IsEmpty());
  EXPECT_EQ(second.stream->state(), http::Stream::State::Open);
  std::vector<http::Response> many;
  for (int i = 0; i < 1'100; ++i) many.push_back(layouts.ask("c", "node-" + std::to_string(i), {}, kLong));
  EXPECT_FALSE(many.back().stream) << "there is an end to how many wait";
  EXPECT_TRUE(many.front().stream);
}

TEST(WantedLayouts, NeverGoBackInGeneration) {
  WantedLayouts layouts(1, {wish("GPU-1", 3), wish("GPU-2", 5)}, 7);
  const auto told = [&] {
    return Json::parse(layouts.ask("c", "worker-01", {}, Milliseconds(0)).body)["generation"].get<int>();
  };
  EXPECT_EQ(told(), 7) << "a wish that was taken back had it";
  layouts.want(wish("GPU-2", 8));
  EXPECT_EQ(told(), 8);
  layouts.want(wish("GPU-2", 6));
  EXPECT_EQ(layouts.of("c", "GPU-2")->generation, 8) << "an older wish that comes late";
  layouts.forget("c", "GPU-2");
  EXPECT_EQ(told(), 8);
}

TEST(WantedLayouts, LeaveNobodyWaitingAtTheEnd) {
  std::vector<http::Response> waiting;
  {
    WantedLayouts layouts(1, {});
    for (int i = 0; i < 100; ++i) waiting.push_back(layouts.ask("c", std::to_string(i), {}, kLong));
  }
  for (const auto& one : waiting) EXPECT_EQ(one.stream->state(), http::Stream::State::Closed);
}

TEST(WantedLayouts, KeepNoReportOfWhatIsNotWantedOfThatNode) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.ask("c", "worker-02", done("GPU-1", 3), Milliseconds(0));
  layouts.ask("c", "worker-02", done("GPU-9", 3), Milliseconds(0));
  EXPECT_FALSE(layouts.report_of("c", "GPU-1"));
  EXPECT_FALSE(layouts.report_of("c", "GPU-9"));
}

TEST(WantedLayouts, OfAClusterWhoseNodesArePreparedAreToldWhenANodeIsReady) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.prepare("c");
  EXPECT_FALSE(layouts.let_go("c", "worker-01")) << "a server before this one may have told";
  EXPECT_EQ(layouts.ask("c", "worker-01", {}, kLong).status, 204) << "at once: it is to let go of what it was told";
  EXPECT_TRUE(layouts.let_go("c", "worker-01"));
  const auto parked = layouts.ask("c", "worker-01", {}, kLong);
  ASSERT_TRUE(parked.stream) << "that it is told nothing is no news any more";
  layouts.course("c", "worker-01", {.told = true, .state = "changing"});
  EXPECT_EQ(Json::parse(rest_of(parked))["generation"], 3);
  EXPECT_FALSE(layouts.let_go("c", "worker-01"));

  const auto again = layouts.ask("c", "worker-01", done("GPU-1", 3), kLong);
  ASSERT_TRUE(again.stream);
  layouts.course("c", "worker-01", {.told = false, .state = "listing"});
  EXPECT_THAT(rest_of(again), IsEmpty());
  EXPECT_TRUE(layouts.let_go("c", "worker-01"));
  layouts.want(wish("GPU-1", 4));
  EXPECT_EQ(layouts.course_of("c", "worker-01")->state, "listing");
  EXPECT_TRUE(layouts.ask("c", "worker-01", done("GPU-1", 3), kLong).stream) << "a newer wish waits too";
}

TEST(WantedLayouts, OfOtherClustersAreToldAtOnce) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.prepare("another");
  EXPECT_EQ(Json::parse(layouts.ask("c", "worker-01", {}, kLong).body)["generation"], 3);
}

TEST(WantedLayouts, KnowWhatAgentsTellOfTheirNodes) {
  WantedLayouts layouts(1, {wish("GPU-1", 3)});
  layouts.prepare("c");
  layouts.ask("c", "worker-01", {{.device_uuid = "GPU-1", .generation = 3, .state = "failed"}}, Milliseconds(0));
  layouts.hear("c", "worker-01", {.devices = {{.uuid = "GPU-1"}}});
  EXPECT_FALSE(layouts.report_of("c", "GPU-1")) << "it was started anew, and knows no more of it";
  EXPECT_TRUE(layouts.told_by("c", "worker-01", {}));
  EXPECT_FALSE(layouts.told_by("c", "worker-01", std::chrono::steady_clock::now() + kLong)) << "too long ago";
  EXPECT_FALSE(layouts.told_by("c", "worker-02", {}));
}

TEST(ToldNodes, HaveWhatStandsAndWhoHasIt) {
  const auto told = read_told(
      R"({"mode":"dry-run","devices":[{"uuid":"GPU-1","busy":true,"migMode":{"current":true},"instances":[
        {"profile":"2g.20gb","start":0,"size":2,"computeInstances":[{"profile":"1c.2g.20gb"},{"profile":"1c.2g.20gb"}],
         "heldBy":"pod","holder":"serving/llm-0"},
        {"profile":"1g.10gb","start":4,"size":1,"heldBy":"process"},
        {"profile":"1g.10gb","start":5,"size":1},{"profile":"1g.10gb","start":-1,"size":1},7]}]})",
      5);
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_TRUE(told->dry_run);
  ASSERT_EQ(told->devices.size(), 1U);
  const ToldDevice& device = told->devices[0];
  EXPECT_TRUE(device.busy);
  EXPECT_EQ(device.mig, true);
  ASSERT_EQ(device.instances.size(), 3U);
  EXPECT_EQ(device.instances[0].placed, (store::WantedInstance{"2g.20gb", {0, 2}}));
  EXPECT_EQ(device.instances[0].compute, (std::vector<std::string>{"1c.2g.20gb", "1c.2g.20gb"}));
  EXPECT_EQ(device.instances[0].held_by, "serving/llm-0");
  EXPECT_EQ(device.instances[1].held_by, "a process");
  EXPECT_EQ(device.instances[2].held_by, "");
}

TEST(LayoutReports, AreReadOrRefusedWithTheirPlace) {
  const auto read = read_told(
      R"({"devices":[{"uuid":"GPU-1"},{"uuid":"GPU-2","report":{"generation":4,"state":"waiting","reason":"in use","steps":[{"action":"create"}]}}]})",
      5);
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->reports.size(), 1U);
  EXPECT_EQ(read->reports[0].device_uuid, "GPU-2");
  EXPECT_EQ(read->reports[0].reason, "in use");
  EXPECT_EQ(read->reports[0].steps, R"([{"action":"create"}])");
  EXPECT_EQ(read->reports[0].time, 5);

  static const struct {
    std::string body;
    const char* says;
  } kCases[] = {{"", "no JSON object"},
                {"[]", "no JSON object"},
                {"{}", "devices"},
                {R"({"devices":[{}]})", "devices[0].uuid"},
                {R"({"devices":[{"uuid":"a","report":{"state":"done"}}]})", "devices[0].report.generation"},
                {R"({"devices":[{"uuid":"a","report":{"generation":1,"state":"fine"}}]})", "'fine'"},
                {R"({"devices":)" + std::string(30'000, '[') + std::string(30'000, ']') + "}", "levels"}};
  for (const auto& c : kCases) {
    const auto refused = read_told(c.body, 5);
    ASSERT_FALSE(refused) << c.body.substr(0, 80);
    EXPECT_THAT(refused.error().what, HasSubstr(c.says));
  }
}

TEST(WantedLayouts, OnANodeWhoseAgentIsSilentNothingIsCut) {
  SteadyTime now{};
  WantedLayouts layouts(0, {}, 0, [&] { return now; });
  std::uint64_t seen = 0;
  const auto changed = [&] {
    layouts.note_silent();
    const auto nodes = layouts.changed_since(seen);
    return !nodes || !nodes->empty();
  };
  const auto why = [&](const char* node) { return layouts.why_uncut("default", node); };
  now += kAsksWithin - std::chrono::seconds(1);
  layouts.hear("default", "w-1", {});
  EXPECT_FALSE(changed());
  EXPECT_EQ(why("w-2"), "") << "it has had no time to ask";
  now += std::chrono::seconds(1);
  EXPECT_TRUE(changed());
  EXPECT_EQ(why("w-1"), "");
  EXPECT_THAT(why("w-2"), testing::HasSubstr("tessera-agent layout"));
  layouts.hear("default", "w-2", {});
  EXPECT_TRUE(changed()) << "whoever decides looks at it anew";
  EXPECT_EQ(why("w-2"), "");
  now += kAsksWithin;
  layouts.hear("default", "w-2", {});
  EXPECT_TRUE(changed());
  EXPECT_NE(why("w-1"), "");
  EXPECT_EQ(why("w-2"), "");
  EXPECT_FALSE(changed());
}

TEST(WantedLayouts, AServerThatNobodyAsksSaysNothingOfSilence) {
  SteadyTime now{};
  const WantedLayouts layouts(0, {}, 0, [&] { return now; });
  now += 2 * kAsksWithin;
  EXPECT_EQ(layouts.why_uncut("default", "w-1"), "") << "it follows: agents ask the one who leads";
}

/// Agents take no document that is older than what they have acted on, be it by another database.
struct Restored : testing::Test {
  WantedLayouts layouts{2, {wish("GPU-1", 3), wish("GPU-2", 4, "worker-02")}};
  std::optional<LayoutNumber> after(const std::string& node, const LayoutNumber& newest) {
    return layouts.number_after("c", node, newest);
  }
  Json told(const std::string& node) { return Json::parse(layouts.ask("c", node, {}, Milliseconds(0)).body); }
};

TEST_F(Restored, NothingIsSkippedForWhoKnowsNoMoreThanTheDatabase) {
  for (const LayoutNumber& newest : {LayoutNumber{}, LayoutNumber{1, 3}, LayoutNumber{2, 4}}) {
    EXPECT_FALSE(after("worker-01", newest));
    EXPECT_FALSE(layouts.is_anothers("c", "worker-01", newest));
  }
  layouts.want(wish("GPU-1", 5));
  told("worker-01");
  EXPECT_FALSE(after("worker-01", {2, 5}));
  EXPECT_FALSE(layouts.is_anothers("c", "worker-01", {2, 5})) << "it is of what it was told here";
}

TEST_F(Restored, DocumentsGoOnAboveWhatANodeHasActedOn) {
  const auto next = after("worker-01", {7, 9});
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, (LayoutNumber{7, 10}));
  layouts.go_on_from("c", "worker-01", *next);
  for (const std::string node : {"worker-01", "worker-02"}) {
    EXPECT_EQ(told(node)["epoch"], 7);
    EXPECT_EQ(told(node)["generation"], 10);
  }
  EXPECT_FALSE(after("worker-01", {7, 9}));
  EXPECT_EQ(after("worker-02", {8, 6}), (LayoutNumber{8, 10}));
  EXPECT_FALSE(after("worker-01", {50, 5'000})) << "each node once: it has had no such document from here";
}

TEST_F(Restored, WhatIsToldOfAnotherDatabasesWishIsKnown) {
  layouts.want(wish("GPU-1", 5));
  EXPECT_TRUE(layouts.is_anothers("c", "worker-01", {2, 5})) << "5 was not told to it here";
  EXPECT_EQ(after("worker-01", {2, 5}), (LayoutNumber{2, 6})) << "so that the two are told from each other";
  layouts.go_on_from("c", "worker-01", {2, 6});
  EXPECT_EQ(told("worker-01")["generation"], 6);
  EXPECT_TRUE(layouts.is_anothers("c", "worker-01", {2, 5})) << "until it has taken that";
  EXPECT_FALSE(layouts.is_anothers("c", "worker-01", {2, 6}));
  EXPECT_TRUE(layouts.is_anothers("c", "worker-02", {2, 5}));
}

}  // namespace
}  // namespace tessera::server

#include "operator/decision.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;
using Step = Decision::Step;

const SteadyTime kStart = SteadyTime{} + 1h;

Json wanted(std::string_view replicas = "2") {
  return with_hash(json_of("{kind: Deployment, metadata: {name: a}, spec: {replicas: " + std::string(replicas) + "}}"));
}

/// As the server has it, with defaults and a version.
Json live_of(Json object, const std::string& version = "1") {
  object["metadata"]["resourceVersion"] = version;
  object["spec"]["paused"] = false;
  object["status"] = {{"replicas", 2}};
  return object;
}

kube::Status status(int code) { return {.code = code}; }

TEST(Decide, WritesWhereItIsMissingOrOtherwiseAndNowhereElse) {
  const Json live = live_of(wanted());
  Json scaled = live;
  scaled["spec"]["replicas"] = 7;
  Json foreign = live;
  foreign["metadata"]["annotations"]["theirs"] = "x";
  Json going = scaled;
  going["metadata"]["deletionTimestamp"] = "now";
  Json bare = live;
  bare["metadata"].erase("annotations");
  const struct {
    const char* what;
    const Json* live;
    Step step;
    std::size_t repairs;
  } kCases[] = {{"missing", nullptr, Step::Create, 0},       {"as it is wanted", &live, Step::Nothing, 0},
                {"scaled", &scaled, Step::Apply, 1},         {"with fields of others", &foreign, Step::Nothing, 0},
                {"being deleted", &going, Step::Nothing, 0}, {"never applied", &bare, Step::Apply, 0}};
  for (const auto& c : kCases) {
    const Decision decision = decide(wanted(), c.live, {}, kStart);
    EXPECT_EQ(decision.step, c.step) << c.what;
    EXPECT_EQ(decision.repairs.size(), c.repairs) << c.what;
  }
  EXPECT_EQ(decide(wanted("3"), &live, {}, kStart).step, Step::Apply) << "the wish has changed";
}

TEST(Decide, SeesWhatIsNotWantedAnyMore) {
  Json more = json_of("{kind: Deployment, metadata: {name: a}, spec: {replicas: 2, minReadySeconds: 5}}");
  const Json live = live_of(with_hash(more));
  EXPECT_TRUE(differences(json_of("{spec: {replicas: 2}}"), live).empty());
  EXPECT_EQ(decide(wanted(), &live, {}, kStart).step, Step::Apply);
}

TEST(Decide, WaitsForTheEchoOfItsOwnWrite) {
  Attempts attempts;
  const Json old = live_of(wanted(), "1");
  Json other = old;
  other["spec"]["replicas"] = 7;
  note_success(attempts, wanted(), live_of(wanted(), "2"), "1", kStart);
  EXPECT_EQ(decide(wanted(), &other, attempts, kStart + 1ms).step, Step::Echo) << "the watch still has the old one";
  const Json told = live_of(wanted(), "2");
  EXPECT_EQ(decide(wanted(), &told, attempts, kStart + 1ms).step, Step::Nothing);
  EXPECT_EQ(decide(wanted(), &other, attempts, kStart + 1min).step, Step::Apply) << "an echo that never comes";
  note_success(attempts, wanted(), live_of(wanted(), "2"), "2", kStart);
  EXPECT_NE(decide(wanted(), &other, attempts, kStart + 1ms).step, Step::Echo) << "what changed nothing has no echo";
}

TEST(Decide, TakesWhatTheServerKeepsOtherwise) {
  Attempts attempts;
  Json answer = live_of(wanted(), "2");
  answer["spec"]["replicas"] = 1;  // an admission webhook has its own mind
  note_success(attempts, wanted(), answer, "1", kStart);
  EXPECT_EQ(decide(wanted(), &answer, attempts, kStart + 1min).step, Step::Nothing);
  answer["spec"]["replicas"] = 5;
  EXPECT_EQ(decide(wanted(), &answer, attempts, kStart + 1min).step, Step::Apply);
}

TEST(Decide, BacksOffAndForgetsItForANewWish) {
  Attempts attempts;
  note_failure(attempts, hash_of(wanted()), status(500), "no", 0, kStart);
  EXPECT_EQ(decide(wanted(), nullptr, attempts, kStart + 1ms).step, Step::Wait);
  EXPECT_EQ(decide(wanted(), nullptr, attempts, attempts.not_before).step, Step::Create);
  EXPECT_EQ(decide(wanted("3"), nullptr, attempts, kStart + 1ms).step, Step::Create);
}

TEST(NoteFailure, WaitsByReason) {
  const struct {
    int code;
    std::optional<Milliseconds> asked;
    unsigned times;
    Milliseconds want;
  } kCases[] = {{500, {}, 1, 500ms}, {500, {}, 2, 1s},    {500, {}, 3, 2s},    {503, 20s, 1, 20s},
                {429, 7s, 1, 7s},    {403, {}, 1, 10s},   {403, {}, 2, 20s},   {422, {}, 1, 5min},
                {400, {}, 1, 5min},  {409, {}, 1, 500ms}, {500, {}, 40, 5min}, {429, 24h, 1, 5min}};
  for (const auto& c : kCases) {
    Attempts attempts;
    for (unsigned i = 0; i < c.times; ++i)
      note_failure(attempts, "h", {.code = c.code, .retry_after = c.asked}, "no", 0, kStart);
    EXPECT_EQ(attempts.not_before, kStart + c.want) << c.code << " after " << c.times;
    EXPECT_EQ(attempts.trouble, "no");
  }
  Attempts spread;
  note_failure(spread, "h", status(500), "no", 1, kStart);
  EXPECT_EQ(spread.not_before, kStart + 600ms);
}

TEST(NoteSuccess, RepairsEverMoreSeldomWhatIsUndone) {
  Attempts attempts;
  SteadyTime now = kStart;
  note_success(attempts, wanted(), live_of(wanted()), "", now);
  EXPECT_EQ(attempts.repairs, 0U) << "that was the first";
  std::vector<Milliseconds> pauses;
  for (int i = 0; i < 14; ++i) {
    note_success(attempts, wanted(), live_of(wanted()), "", now);
    pauses.push_back(std::chrono::duration_cast<Milliseconds>(attempts.not_before - now));
    now = attempts.not_before + 1s;
    EXPECT_EQ(is_fought_over(attempts, now), i >= 3) << i;
  }
  EXPECT_EQ(pauses[2], 0ms);
  EXPECT_EQ(pauses[3], 2s);
  EXPECT_EQ(pauses[4], 4s);
  EXPECT_EQ(pauses[13], 5min);
  note_success(attempts, wanted(), live_of(wanted()), "", now + 1h);
  EXPECT_FALSE(is_fought_over(attempts, now + 1h)) << "a quiet time ends it";
}

TEST(MayDelete, OnceAndAgainOnlyAfterAWhile) {
  Attempts attempts;
  EXPECT_TRUE(may_delete(attempts, kStart));
  note_deletion(attempts, kStart);
  EXPECT_FALSE(may_delete(attempts, kStart + 1ms));
  EXPECT_TRUE(may_delete(attempts, kStart + 10s));
}

}  // namespace
}  // namespace tessera::operate

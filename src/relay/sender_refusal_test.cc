// Requests that a receiver refuses because of what is in them.
#include <algorithm>
#include <bit>

#include "relay/sender_test.h"

namespace tessera::relay {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Refuses the whole of a request that holds one of these, as Prometheus does.
ScriptedReceiver::Answer strict(int code, std::vector<double> bad) {
  return [code, bad](const Heard& heard) {
    const auto values = heard.values();
    const bool refused = std::ranges::any_of(bad, [&](double b) { return std::ranges::count(values, b) > 0; });
    return refused ? status(code, heard.kind == RequestKind::V2Snappy ? 0 : -1) : taken(heard);
  };
}

std::vector<double> without(std::vector<double> values, const std::vector<double>& bad) {
  std::erase_if(values, [&](double value) { return std::ranges::count(bad, value) > 0; });
  return values;
}

TEST(SenderRefusal, LosesOneSeriesAmongAThousand) {
  for (const int code : {400, 409, 413, 422}) {
    for (const auto kind : {RequestKind::V1Snappy, RequestKind::V2Snappy}) {
      SCOPED_TRACE(code);
      ScriptedReceiver receiver(strict(code, {617}));
      Bench bench(receiver.url(), kind == RequestKind::V1Snappy ? Protocol::V1 : Protocol::Auto);
      bench.put(counting(1'000), kind);
      bench.put({1'000}, kind);
      bench.send_all();
      EXPECT_EQ(receiver.kept(), without(counting(1'001), {617}));
      EXPECT_LE(receiver.count(), 2U + 2 * std::bit_width(1'000U));
      const auto stats = bench.state().stats();
      EXPECT_THAT(stats.dropped, ElementsAre(Pair("status_" + std::to_string(code), 1U)));
      EXPECT_EQ(stats.samples_sent, 1'000U);
      EXPECT_EQ(bench.queue().stats().pending.records, 0U);
    }
  }
}

TEST(SenderRefusal, LosesEachOfSeveralAlone) {
  const std::vector<double> bad = {0, 1, 500, 998, 999};
  ScriptedReceiver receiver(strict(400, bad));
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(1'000), RequestKind::V1Snappy);
  bench.send_all();
  EXPECT_EQ(receiver.kept(), without(counting(1'000), bad));
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_400", bad.size())));
}

TEST(SenderRefusal, GivesUpSoonWhereAllIsRefused) {
  ScriptedReceiver receiver([](const Heard&) { return status(400); });
  Bench bench(receiver.url());
  bench.put(counting(1'000));
  bench.put({1});
  bench.send_all();
  EXPECT_LE(receiver.count(), Bisection::kMaxRefusedInARow + 3);  // the whole as 2.0 and as 1.0, and the second record
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_400", 1'001U)));
}

// A part meets a receiver that is away for a while: it is sent until it is taken, and the order stays.
TEST(SenderRefusal, RepeatsPartsThatFail) {
  const auto answer = strict(400, {33});
  ScriptedReceiver receiver([&](const Heard& heard) { return heard.number % 2 == 1 ? status(503) : answer(heard); });
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(100), RequestKind::V1Snappy);
  bench.send_all();
  EXPECT_EQ(receiver.kept(), without(counting(100), {33}));
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_400", 1U)));
}

TEST(SenderRefusal, AStopInTheMiddleKeepsTheWholeRecord) {
  const auto answer = strict(400, {33});
  ScriptedReceiver receiver([&](const Heard& heard) { return heard.number >= 2 ? status(503) : answer(heard); });
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(100), RequestKind::V1Snappy);
  auto sender = bench.sender();
  ASSERT_TRUE(receiver.wait_for(4));
  sender.reset();
  EXPECT_EQ(bench.queue().stats().pending.items, 100U);
}

// Falls back in the middle: the receiver was replaced by an older one.
TEST(SenderRefusal, ChangesTheFormOfParts) {
  const auto answer = strict(400, {3});
  ScriptedReceiver receiver([&](const Heard& heard) {
    return heard.number > 2 && heard.kind == RequestKind::V2Snappy ? status(204) : answer(heard);
  });
  Bench bench(receiver.url());
  bench.put({100});
  bench.put(counting(8));
  bench.send_all();
  EXPECT_EQ(bench.state().kind(), RequestKind::V1Snappy);
  auto kept = without(counting(8), {3});
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_400", 1U)));
  EXPECT_EQ(bench.state().stats().samples_sent, 8U);
}

TEST(SenderRefusal, TakesAFailureForPoisonOnlyWhileOthersGetThrough) {
  ScriptedReceiver receiver(strict(500, {33}));
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(64), RequestKind::V1Snappy);
  const auto sender = bench.sender(0);
  // Alone, it is a receiver that is broken: nothing is given up.
  ASSERT_TRUE(receiver.wait_for(40));
  EXPECT_EQ(bench.queue().stats().pending.items, 64U);
  EXPECT_THAT(bench.state().stats().dropped, IsEmpty());
  // Another shard's requests are taken: so it is this one.
  Destination same = bench.destination();
  const TempDir dir;
  auto other = journal::Journal::open({.dir = dir.path() / "queue"});
  ASSERT_TRUE(other) << other.error().what;
  wire::WriteRequest good;
  good.series = {{{{"__name__", "good"}}, {{1'000, kTime}}, {}, {}}};
  const std::string body = pack(RequestKind::V1Snappy, good);
  const Sender second(same, 1, **other, bench.state());
  EXPECT_TRUE(eventually([&] {
    if ((*other)->stats().pending.records == 0 && !(*other)->append(kTime, 1, 1, body)) return false;
    return bench.queue().stats().pending.records == 0;
  }));
  auto kept = receiver.kept();
  std::erase(kept, 1'000);
  EXPECT_EQ(kept, without(counting(64), {33}));
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 1U)));
}

// "Not now" is no word on a request, however often it is said.
TEST(SenderRefusal, NeverTakes503ForPoison) {
  ScriptedReceiver receiver([](const Heard& heard) {
    return heard.values() == counting(2) && heard.number < 100 ? status(503) : taken(heard);
  });
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(2), RequestKind::V1Snappy);
  const auto sender = bench.sender();
  while (bench.queue().stats().pending.records > 0) bench.state().taken(1, RequestKind::V1Snappy, 1, kTime);
  EXPECT_THAT(bench.state().stats().dropped, IsEmpty());
  EXPECT_EQ(receiver.count(), 101U);
}

}  // namespace
}  // namespace tessera::relay

// Requests that a receiver refuses because of what is in them.
#include <algorithm>
#include <bit>

#include "relay/sender_test.h"

namespace tessera::relay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Refuses the whole of a request that holds one of these, as Prometheus does.
ScriptedReceiver::Answer strict(int code, const std::vector<double>& bad) {
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

TEST(SenderRefusal, LosesAloneWhatTheReceiverFailsAt) {
  for (const int bad : {0, 33, 63}) {
    for (const auto kind : {RequestKind::V1Snappy, RequestKind::V2Snappy}) {
      SCOPED_TRACE(bad);
      ScriptedReceiver receiver(strict(500, {static_cast<double>(bad)}));
      Bench bench(receiver.url(), kind == RequestKind::V1Snappy ? Protocol::V1 : Protocol::Auto);
      bench.put(counting(64), kind);
      bench.put({64}, kind);
      bench.send_all();
      auto kept = receiver.kept();
      EXPECT_EQ(kept.back(), 64);
      std::ranges::sort(kept);
      EXPECT_EQ(kept, without(counting(65), {static_cast<double>(bad)})) << "each once";
      EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 1U)));
    }
  }
}

/// One sample of each series for each of the times.
std::string over_time(std::size_t series, const std::vector<EpochMs>& times) {
  wire::WriteRequest request;
  for (const EpochMs time : times)
    for (std::size_t i = 0; i < series; ++i)
      request.series.push_back(
          {{{"__name__", "m"}, {"n", std::to_string(i)}}, {{static_cast<double>(i), time}}, {}, {}});
  return pack(RequestKind::V1Snappy, request);
}

// Requests that hold the culprit again and again, some of them twice: it is known then, and no series is overtaken.
TEST(SenderRefusal, KeepsTheOrderOfEachSeriesAndKnowsTheCulpritAgain) {
  constexpr std::size_t kSeries = 48;
  ScriptedReceiver receiver(strict(500, {20}));
  Bench bench(receiver.url(), Protocol::V1);
  constexpr int kRecords = 5;
  for (int i = 0; i < kRecords; ++i)
    ASSERT_TRUE(bench.queue().append(kTime, 2 * kSeries, static_cast<std::uint8_t>(RequestKind::V1Snappy),
                                     over_time(kSeries, {kTime + 2 * i, kTime + 2 * i + 1})));
  bench.send_all();
  std::map<double, std::vector<EpochMs>> times;
  for (const Heard& heard : receiver.heard())
    if (std::ranges::count(heard.values(), 20) == 0)
      for (const auto& series : heard.message.series)
        for (const auto& sample : series.samples) times[sample.value].push_back(sample.time);
  EXPECT_EQ(times.size(), kSeries - 1);
  std::vector<EpochMs> all(2 * kRecords);
  std::iota(all.begin(), all.end(), kTime);
  for (const auto& [value, seen] : times) EXPECT_EQ(seen, all) << value;
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 2U * kRecords)));
  const auto heard = receiver.heard();
  const auto first_of_second = std::ranges::find_if(heard, [](const Heard& each) {
    return std::ranges::any_of(each.message.series, [](const auto& s) { return s.samples[0].time == kTime + 2; });
  });
  EXPECT_EQ(heard.end() - first_of_second, 3 * (kRecords - 1)) << "the whole, the rest, the culprit";
}

TEST(SenderRefusal, LosesNothingWhileTheReceiverIsDownOrFailsNowAndThen) {
  std::minstd_rand random(4);
  const std::pair<const char*, std::function<bool(const Heard&)>> kDays[] = {
      {"down", [](const Heard& heard) { return heard.number < 200; }},
      {"down again", [](const Heard& heard) { return heard.number % 60 != 0; }},
      {"seven of ten", [&](const Heard&) { return random() % 10 < 7; }},
      {"a third of the series", [](const Heard& heard) {
         const auto values = heard.values();
         return heard.number < 300 &&
                std::ranges::any_of(values, [](double value) { return static_cast<int>(value) % 3 == 1; });
       }}};
  for (const auto& [name, fails] : kDays) {
    SCOPED_TRACE(name);
    std::mutex mutex;
    ScriptedReceiver receiver([&](const Heard& heard) {
      const std::lock_guard lock(mutex);
      return fails(heard) ? status(500) : taken(heard);
    });
    Bench bench(receiver.url(), Protocol::V1);
    bench.put(counting(256), RequestKind::V1Snappy);
    bench.put({256}, RequestKind::V1Snappy);
    bench.send_all();
    auto kept = receiver.kept();
    std::ranges::sort(kept);
    EXPECT_EQ(kept, counting(257));
    EXPECT_THAT(bench.state().stats().dropped, IsEmpty());
  }
}

// Other failures than the receiver's own are no word on the request.
TEST(SenderRefusal, SuspectsNothingBetweenFailuresOfSeveralKinds) {
  ScriptedReceiver receiver([](const Heard& heard) {
    return heard.number < 100 ? status(500 + static_cast<int>(heard.number % 2) * 2) : taken(heard);
  });
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(64), RequestKind::V1Snappy);
  bench.send_all();
  for (const Heard& heard : receiver.heard()) EXPECT_EQ(heard.values(), counting(64));
}

// With nothing in it to compare it with, one series waits for others of the destination to get through.
TEST(SenderRefusal, TakesOneSeriesForPoisonOnlyWhileOthersGetThrough) {
  ScriptedReceiver receiver(strict(500, {33}));
  Bench bench(receiver.url(), Protocol::V1);
  bench.put({33}, RequestKind::V1Snappy);
  const auto sender = bench.sender(0);
  ASSERT_TRUE(receiver.wait_for(40));
  EXPECT_EQ(bench.queue().stats().pending.items, 1U);
  EXPECT_THAT(bench.state().stats().dropped, IsEmpty());
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
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 1U)));
}

// While a refused request is taken apart, a part of it meets a failure of its own.
TEST(SenderRefusal, FindsWhatItFailsAtInWhatItRefuses) {
  ScriptedReceiver receiver([refuses = strict(400, {5}), fails = strict(500, {50})](const Heard& heard) {
    const auto refused = refuses(heard);
    return refused.status == 400 ? refused : fails(heard);
  });
  Bench bench(receiver.url(), Protocol::V1);
  bench.put(counting(64), RequestKind::V1Snappy);
  bench.send_all();
  auto kept = receiver.kept();
  std::ranges::sort(kept);
  EXPECT_EQ(kept, without(counting(64), {5, 50}));
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 1U), Pair("status_400", 1U)));
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

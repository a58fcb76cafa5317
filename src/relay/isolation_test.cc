#include "relay/isolation.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <set>

namespace tessera::relay {
namespace {

struct Outcome {
  std::set<std::size_t> kept, lost;
  std::size_t requests = 0;
  bool ended = false;
};

/// A receiver that fails at every part in which one of `bad` is, and takes others if `well` says so.
Outcome run(Isolation& parts, const std::set<std::size_t>& bad, const std::function<bool(Part)>& well,
            std::size_t most = 20'000) {
  Outcome out;
  std::uint64_t successes = 0;
  while (const auto part = parts.next()) {
    if (++out.requests > most) return out;
    const auto first = bad.lower_bound(part->begin);
    if ((first == bad.end() || *first >= part->end) && well(*part)) {
      for (std::size_t i = part->begin; i < part->end; ++i) EXPECT_TRUE(out.kept.insert(i).second) << "taken twice";
      ++successes;
      parts.taken();
    } else if (parts.failed(successes)) {
      EXPECT_EQ(part->size(), 1U);
      out.lost.insert(part->begin);
    }
  }
  out.ended = true;
  return out;
}

bool always(Part) { return true; }

TEST(Isolation, LosesTheCulpritsAlone) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const std::size_t series = 4 + random() % 3'000;
    const std::size_t most = std::clamp<std::size_t>(series / Isolation::kCulpritIn, 1, 8);
    std::set<std::size_t> bad;
    for (std::size_t n = 1 + random() % most; n > 0; --n) bad.insert(random() % series);
    Isolation parts(series, 0, 0);
    const Outcome outcome = run(parts, bad, always);
    EXPECT_TRUE(outcome.ended);
    EXPECT_EQ(outcome.lost, bad) << series;
    EXPECT_EQ(outcome.kept.size() + outcome.lost.size(), series);
    EXPECT_LE(outcome.requests, 150 * bad.size()) << series;
  }
}

TEST(Isolation, LosesCulpritsThatStandTogether) {
  Isolation parts(5'000, 0, 0);
  std::set<std::size_t> bad;
  for (std::size_t i = 0; i < Isolation::kMaxCulprits; ++i) bad.insert(2'000 + i);
  EXPECT_EQ(run(parts, bad, always).lost, bad);
}

TEST(Isolation, NeedsThreeRequestsForWhatItKnows) {
  for (const std::set<std::size_t>& bad : {std::set<std::size_t>{99}, {97, 98, 99}}) {
    Isolation parts(100, bad.size(), 0);
    const Outcome outcome = run(parts, bad, always);
    EXPECT_EQ(outcome.lost, bad);
    EXPECT_EQ(outcome.requests, 1 + bad.size());
  }
  Isolation healed(100, 3, 0);
  EXPECT_EQ(run(healed, {}, always).kept.size(), 100U);
  Isolation another(100, 3, 0);
  EXPECT_EQ(run(another, {40}, always).lost, std::set<std::size_t>{40});
}

TEST(Isolation, ProvesNothingByAReceiverThatIsDown) {
  for (const std::size_t series : {1U, 2U, 64U, 1'000U}) {
    Isolation parts(series, 0, 0);
    const Outcome outcome = run(parts, {}, [](Part) { return false; });
    EXPECT_FALSE(outcome.ended) << "it goes on for ever";
    EXPECT_TRUE(outcome.lost.empty());
  }
}

TEST(Isolation, GivesBackWhatIsLeftWhereTheReceiverGoesDownInTheMiddle) {
  std::size_t before = 0;
  Isolation parts(10'000, 0, 0);
  const Outcome outcome = run(parts, {5'000}, [&](Part) { return ++before < 7; });
  EXPECT_TRUE(outcome.ended);
  EXPECT_TRUE(outcome.lost.empty());
  std::size_t left = 0, end = 0;
  for (const Part part : parts.unsettled()) {
    EXPECT_GE(part.begin, end) << "in order";
    end = part.end;
    left += part.size();
  }
  EXPECT_EQ(left + outcome.kept.size(), 10'000U);
}

// Large parts always hold some of what is gone, small ones do not: no proof.
TEST(Isolation, ProvesNothingByAReceiverThatHasLostAPart) {
  std::set<std::size_t> gone;
  std::mt19937 random(3);
  while (gone.size() < 500) gone.insert(random() % 10'000);
  Isolation parts(10'000, 0, 0);
  EXPECT_TRUE(run(parts, gone, always).lost.empty());
  // And where a part passes by chance, it are too many.
  Isolation small(400, 0, 0);
  EXPECT_TRUE(run(small, {3,   7,   20,  21,  40,  60,  77,  80,  99,  100, 110, 120, 130, 140, 150, 155, 160, 165,
                          170, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195},
                  always)
                  .lost.empty());
}

TEST(Isolation, ProvesNothingByAReceiverThatFailsNowAndThen) {
  std::mt19937 random(11);
  for (const unsigned of_ten : {3U, 5U, 8U}) {
    std::size_t lost = 0;
    for (int round = 0; round < 200; ++round) {
      Isolation parts(500, 0, 0);
      lost += run(parts, {}, [&](Part) { return random() % 10 >= of_ten; }).lost.size();
    }
    EXPECT_EQ(lost, 0U) << of_ten;
  }
}

TEST(Isolation, TakesOthersWordForTheReceiver) {
  for (const bool at_once : {true, false}) {
    Isolation parts(3, 0, 0);
    if (at_once) parts.prove();
    std::set<std::size_t> lost;
    std::uint64_t successes = 0;
    while (const auto part = parts.next())
      if (parts.failed(++successes)) lost.insert(part->begin);  // all of it is bad, and others got through
    EXPECT_EQ(lost.size(), 3U);
  }
  Isolation alone(3, 0, 0);
  alone.prove();
  EXPECT_TRUE(run(alone, {1}, always).lost.empty()) << "nobody got through any more";
}

TEST(Isolation, BelievesAWordOnTheContent) {
  Isolation parts(8, 0, 0);
  std::set<std::size_t> lost;
  while (const auto part = parts.next())
    if (part->begin > 2 || part->end <= 2)
      parts.taken();
    else if (parts.refused())
      lost.insert(part->begin);
  EXPECT_EQ(lost, std::set<std::size_t>{2});
}

}  // namespace
}  // namespace tessera::relay

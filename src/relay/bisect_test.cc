#include "relay/bisect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <set>

namespace tessera::relay {
namespace {

struct Outcome {
  std::vector<std::size_t> kept;
  std::vector<std::size_t> lost;
  std::size_t requests = 0;
};

/// A receiver that refuses every part in which one of `bad` is.
Outcome run(std::size_t series, const std::set<std::size_t>& bad) {
  Outcome out;
  Bisection parts(series);
  while (const auto part = parts.next()) {
    if (parts.hopeless()) {
      for (std::size_t i = part->begin; i < series; ++i) out.lost.push_back(i);
      break;
    }
    ++out.requests;
    const auto first = bad.lower_bound(part->begin);
    if (first == bad.end() || *first >= part->end) {
      for (std::size_t i = part->begin; i < part->end; ++i) out.kept.push_back(i);
      parts.taken();
    } else if (parts.refused() == Bisection::Refused::Culprit) {
      out.lost.push_back(part->begin);
    }
  }
  return out;
}

TEST(Bisection, LosesTheCulpritsAloneAndKeepsTheOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t series = 1 + random() % 2'000;
    std::set<std::size_t> bad;
    for (std::size_t n = random() % 6; n > 0; --n) bad.insert(random() % series);
    const Outcome outcome = run(series, bad);
    EXPECT_TRUE(std::ranges::is_sorted(outcome.kept));
    EXPECT_EQ(outcome.kept.size() + outcome.lost.size(), series);
    EXPECT_EQ(std::set<std::size_t>(outcome.lost.begin(), outcome.lost.end()), bad);
    EXPECT_LE(outcome.requests, 2 * std::max<std::size_t>(bad.size(), 1) * std::bit_width(series)) << series;
  }
}

TEST(Bisection, EndsSoonWhereAllIsRefused) {
  for (const std::size_t series : {2U, 31U, 1'000U, 200'000U}) {
    std::set<std::size_t> all;
    for (std::size_t i = 0; i < series; ++i) all.insert(all.end(), i);
    const Outcome outcome = run(series, all);
    EXPECT_EQ(outcome.lost.size(), series);
    EXPECT_LE(outcome.requests, Bisection::kMaxRefusedInARow);
  }
}

TEST(Bisection, EndsWhereGoodAndBadTakeTurns) {
  std::set<std::size_t> odd;
  for (std::size_t i = 1; i < 10'000; i += 2) odd.insert(odd.end(), i);
  const Outcome outcome = run(10'000, odd);
  EXPECT_EQ(outcome.kept.size() + outcome.lost.size(), 10'000U);
  EXPECT_LE(outcome.requests, 2 * Bisection::kMaxRefused);
}

}  // namespace
}  // namespace tessera::relay

#include "server/alerts/saved_tracks.h"

#include <gtest/gtest.h>

#include <random>

#include "fleet/alerts/evaluator.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

constexpr Milliseconds kHolds{75'000};
constexpr EpochMs kRound = 30'000, kStart = 1'800'000'000'000;

/// As a database that is told of changes alone.
struct Kept {
  void apply(const SavedTracks::Changes& changes) {
    for (const store::KeptTrack& one : changes.put) rows[{one.track.rule, one.track.subject->key}] = one;
    for (const SavedTracks::Key& one : changes.gone) rows.erase(one);
    looked = changes.looked.value_or(looked);
  }
  SavedTracks read() const {
    std::vector<store::KeptTrack> out;
    for (const auto& [key, one] : rows) out.push_back(one);
    return SavedTracks(kHolds, std::move(out), looked);
  }
  std::map<SavedTracks::Key, store::KeptTrack> rows;
  EpochMs looked = 0;
};

alerts::Track hot(alerts::Phase phase, EpochMs last, double value = 90) {
  return {"Hot",        std::make_shared<const alerts::Subject>(alerts::Subject{"c/1", "c/n", {}}),
          phase,        kStart,
          last,         phase == alerts::Phase::Firing ? kStart : 0,
          std::nullopt, std::nullopt,
          value};
}

TEST(SavedTracks, WhatGoesOnAsItWasIsNotWritten) {
  SavedTracks saved(kHolds);
  const auto first = saved.changes({hot(alerts::Phase::Firing, kStart)}, kStart);
  EXPECT_EQ(first.put.size(), 1U);
  EXPECT_FALSE(first.looked) << "nothing is counted";
  saved.saved(first);
  for (EpochMs now = kStart + kRound; now < kStart + 100 * kRound; now += kRound)
    EXPECT_TRUE(saved.changes({hot(alerts::Phase::Firing, now)}, now).empty());
  EXPECT_TRUE(saved.changes({hot(alerts::Phase::Firing, kStart, 91)}, kStart + kRound).empty());
  EXPECT_EQ(saved.changes({hot(alerts::Phase::Firing, kStart, 91)}, kStart + 10 * kRound).put.size(), 1U)
      << "a value for others to see";
  EXPECT_EQ(saved.changes({}, kStart + kRound).gone.size(), 1U);
}

TEST(SavedTracks, OfOneThatCountsTheRoundIsWrittenAlone) {
  SavedTracks saved(kHolds);
  saved.saved(saved.changes({hot(alerts::Phase::Pending, kStart)}, kStart));
  const auto next = saved.changes({hot(alerts::Phase::Pending, kStart + kRound)}, kStart + kRound);
  EXPECT_TRUE(next.put.empty());
  EXPECT_EQ(next.looked, kStart + kRound);
}

TEST(SavedTracks, ThoseOfTheVersionBeforeAreWrittenAnew) {
  SavedTracks saved(kHolds, {{hot(alerts::Phase::Firing, kStart), 0}});
  EXPECT_EQ(saved.changes({hot(alerts::Phase::Firing, kStart)}, kStart).put.size(), 1U);
  EXPECT_EQ(saved.changes({}, kStart).gone.size(), 1U);
}

/// Random rounds of devices that warm up, cool down, fall silent and leave.
TEST(SavedTracks, AServerThatIsKilledAtAnyTimeGoesOnAsIfItHadNotBeen) {
  alerts::Rule rule{.name = "Hot", .kind = alerts::Kind::Device, .signal = alerts::Signal::TemperatureCelsius};
  rule.threshold = 5, rule.clear = 4, rule.hold_for = Milliseconds(120'000), rule.keep_firing = Milliseconds(60'000);
  std::size_t rounds = 0, quiet = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned end) { return static_cast<int>(random() % end); };
    alerts::Evaluator evaluator({rule}, kHolds);
    SavedTracks saved(kHolds);
    Kept kept;
    std::vector<int> values(6, 5);
    for (int i = 0; i < 60; ++i) {
      const EpochMs now = kStart + i * kRound;
      alerts::Round round{now, {}, {}};
      for (std::size_t device = 0; device < values.size(); ++device) {
        if (below(8) == 0) values[device] = below(9);
        const int silent = below(12);
        if (silent == 0) continue;
        const auto subject = std::make_shared<const alerts::Subject>(
            alerts::Subject{"c/" + std::to_string(device), "c/n", {{"gpu", std::to_string(device)}}});
        round.observations.push_back({alerts::Signal::TemperatureCelsius, subject, now - below(2) * 1'000,
                                      silent < 3 ? std::nullopt : std::optional<double>(values[device])});
      }
      evaluator.take(round);
      const auto tracks = evaluator.tracks();
      const auto changes = saved.changes(tracks, now);
      kept.apply(changes);
      saved.saved(changes);
      ++rounds;
      quiet += changes.put.empty() && changes.gone.empty() ? 1 : 0;
      const auto resumed = kept.read().resumed();
      ASSERT_EQ(resumed.size(), tracks.size());
      for (std::size_t at = 0; at < tracks.size(); ++at) {
        alerts::Track as = resumed[at];
        const alerts::Track& is = tracks[at];
        if (is.phase == alerts::Phase::Pending || is.clear_since) {
          ASSERT_GE(as.last, is.last) << seed << ' ' << i;
          ASSERT_LE(as.last, is.last + kHolds.count()) << "no longer than a value holds";
        }
        as.last = is.last, as.value = is.value;
        ASSERT_EQ(as, is) << seed << ' ' << i;
      }
    }
  }
  EXPECT_GT(quiet * 10, rounds) << "there are quiet rounds";
}

}  // namespace
}  // namespace tessera::server

#include "fleet/usage/meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fleet/inventory/node.h"

namespace tessera::fleet {
namespace {
using namespace std::chrono_literals;
using Having = Meter::Having;

constexpr EpochMs kStart = 1'800'000'000'000;  // a multiple of every span
constexpr EpochMs kSecond = 1'000;
const MeterOptions kOptions{30s, 75s};

using Key = std::pair<EpochMs, std::uint32_t>;
using ByBucket = std::map<Key, Totals>;

void add(ByBucket& into, const Usage& usage) {
  for (const SubjectUsage& one : usage.subjects) into[{one.bucket, one.subject}].add(one.totals);
}

Totals sum_of(const ByBucket& all) {
  Totals out;
  for (const auto& [key, totals] : all) out.add(totals);
  return out;
}

std::shared_ptr<const Workload> pod(const std::string& name) {
  return std::make_shared<const Workload>(Workload{"ml", name, "", "u-" + name});
}

TEST(SpanFor, MakesUpFiveMinutes) {
  EXPECT_EQ(span_for(30s), 30s);
  EXPECT_EQ(span_for(15s), 15s);
  EXPECT_EQ(span_for(45s), 30s);
  EXPECT_EQ(span_for(1s), 1s);
  EXPECT_EQ(span_for(1500ms), 1s);
  EXPECT_EQ(span_for(2h), 300s);
}

TEST(Meter, AStateHoldsUntilTheNextAndNoLongerThanAHold) {
  Meter meter(kOptions);
  meter.read(0, Field::Power, 100, kStart);
  meter.read(0, Field::Power, 200, kStart + 30 * kSecond);
  meter.read(0, Field::Power, 300, kStart + 200 * kSecond);  // 95 s of it nobody knows
  ByBucket all;
  add(all, meter.take());
  EXPECT_EQ(all.at({kStart, 0}).mean(Field::Power), 100);
  EXPECT_EQ(all.at({kStart + 30 * kSecond, 0}).mean(Field::Power), 200);
  const Totals& half = all.at({kStart + 90 * kSecond, 0});
  EXPECT_EQ(half.observed_ms, 15 * kSecond);
  EXPECT_EQ(half.mean(Field::Power), 200);
  EXPECT_EQ(half.max(Field::Power), 200);
  EXPECT_EQ(half.mean(Field::Temperature), std::nullopt);
  EXPECT_EQ(sum_of(all).observed_ms, 105 * kSecond);
}

TEST(Meter, ABacklogCountsAsWhatIsToldAsItHappens) {
  Meter meter(kOptions);
  ByBucket live, late;
  for (int i = 0; i < 100; ++i) {
    meter.arrived(kStart + i * 30 * kSecond);
    meter.read(0, Field::Power, i, kStart + i * 30 * kSecond);
    meter.settle(kStart + i * 30 * kSecond);
    add(live, meter.take());
  }
  Meter other(kOptions);
  for (int i = 0; i < 100; ++i) {
    other.arrived(kStart + 9'000 * kSecond + i);
    other.read(0, Field::Power, i, kStart + i * 30 * kSecond);
    if (i % 7 == 0) other.settle(kStart + 9'000 * kSecond + i);
  }
  add(late, other.take());
  EXPECT_EQ(live, late);
}

TEST(Meter, SettlesWhatHasFallenSilent) {
  Meter meter(kOptions);
  meter.arrived(kStart);
  meter.read(0, Field::Power, 100, kStart);
  meter.settle(kStart + 74 * kSecond);
  EXPECT_TRUE(meter.take().subjects.empty());
  meter.settle(kStart + 75 * kSecond);
  ByBucket all;
  add(all, meter.take());
  EXPECT_EQ(sum_of(all)[Field::Power].ms, 75 * kSecond);
  meter.settle(kStart + 1000 * kSecond);
  EXPECT_TRUE(meter.take().subjects.empty()) << "once";
}

TEST(Meter, AFieldThatIsNotToldAnyLongerIsAGap) {
  Meter meter(kOptions);
  for (int i = 0; i < 20; ++i) {
    meter.read(0, Field::Power, 100, kStart + i * 30 * kSecond);
    if (i < 3) meter.read(0, Field::Temperature, 50, kStart + i * 30 * kSecond);
    if (i == 10) meter.read(0, Field::SmActive, 0.5, kStart + i * 30 * kSecond);
    if (i == 11) meter.read(0, Field::SmActive, std::nullopt, kStart + i * 30 * kSecond);
  }
  meter.settle(0);
  ByBucket all;
  add(all, meter.take());
  const Totals sum = sum_of(all);
  EXPECT_EQ(sum.observed_ms, 19 * 30 * kSecond);
  EXPECT_EQ(sum[Field::Temperature].ms, (60 + 75) * kSecond);
  EXPECT_EQ(sum[Field::SmActive].ms, 30 * kSecond);
}

TEST(Meter, TheBetterSourceOfUtilizationIsBelieved) {
  Meter meter(kOptions);
  for (int i = 0; i < 10; ++i) {
    meter.read_second_best(0, Field::Utilization, 1.0, kStart + i * 30 * kSecond);
    if (i < 4) meter.read(0, Field::Utilization, 0.5, kStart + i * 30 * kSecond + 1);
  }
  const Totals sum = [&] {
    ByBucket all;
    add(all, meter.take());
    return sum_of(all);
  }();
  EXPECT_GT(*sum.mean(Field::Utilization), 0.5);
  EXPECT_LE(sum[Field::Utilization].ms, 270 * kSecond);
}

/// Seconds of a window in a field's state, worked out second by second.
TEST(Meter, IsWhatALookAtEverySecondComesTo) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<EpochMs, int>> samples;  // some are doubles, some come late
    EpochMs time = kStart + static_cast<EpochMs>(random() % 60) * kSecond;
    for (int i = 0; i < 40; ++i) {
      samples.emplace_back(time, static_cast<int>(random() % 1000));
      if (random() % 8 == 0) samples.push_back(samples.back());
      time += static_cast<EpochMs>(random() % 8 == 0 ? 200 : 1 + random() % 60) * kSecond;
    }
    for (int i = 0; i < 5; ++i) std::swap(samples[random() % samples.size()], samples[random() % samples.size()]);
    Meter meter(kOptions);
    ByBucket all;
    std::map<EpochMs, int> accepted;
    for (const auto& [at, value] : samples) {
      meter.read(3, Field::Power, value, at);
      if (accepted.empty() || at > accepted.rbegin()->first) accepted[at] = value;
      if (random() % 5 == 0) add(all, meter.take());
    }
    add(all, meter.take());
    ByBucket wanted;
    for (EpochMs at = kStart; at < accepted.rbegin()->first; at += kSecond) {
      const auto next = accepted.upper_bound(at);
      if (next == accepted.begin()) continue;
      const auto& [since, value] = *std::prev(next);
      if (at - since >= 75 * kSecond) continue;
      Totals& totals = wanted[{at / 30'000 * 30'000, 3}];
      totals.observed_ms += kSecond;
      FieldTotal& power = totals[Field::Power];
      power.ms += kSecond;
      power.sum += value * 10 * kSecond;
      power.max = std::max<std::int64_t>(power.max, value * 10);
    }
    ASSERT_EQ(all, wanted) << "round " << round;
    for (const auto& [key, totals] : all) ASSERT_LE(totals.observed_ms, 30 * kSecond);
  }
}

TEST(Meter, OwnersShareWhatTheyHaveAtOneTime) {
  Meter meter(kOptions);
  const auto a = meter.tenure(0, 1, pod("a")), b = meter.tenure(0, std::nullopt, pod("b"));
  for (int i = 0; i <= 10; ++i) {
    const EpochMs time = kStart + i * 30 * kSecond;
    meter.have(a, Having::Holds, time);
    if (i >= 5) meter.have(a, Having::Uses, time);
    if (i < 5) meter.have(b, Having::Holds, time);
    if (i == 5) meter.leave(b, Having::Holds, time);
  }
  const Usage usage = meter.take();
  std::map<std::string, OwnerUsage> owners;
  std::int64_t shared = 0, owned = 0;
  for (const OwnerUsage& one : usage.owners) {
    owners[one.owner->pod].held_ms += one.held_ms;
    owners[one.owner->pod].used_ms += one.used_ms;
    owners[one.owner->pod].share_ms += one.share_ms;
    shared += one.share_ms;
  }
  for (const SubjectUsage& one : usage.subjects) owned += one.totals.owned_ms;
  EXPECT_EQ(owned, 300 * kSecond);
  EXPECT_EQ(shared, owned);
  EXPECT_EQ(owners.at("a").held_ms, 300 * kSecond);
  EXPECT_EQ(owners.at("a").used_ms, 150 * kSecond);
  EXPECT_EQ(owners.at("a").share_ms, 225 * kSecond);
  EXPECT_EQ(owners.at("b").share_ms, 75 * kSecond);
}

TEST(Meter, WhoFellSilentBeforeAnotherBeganHadItAllTheSame) {
  Meter meter(kOptions);
  const auto a = meter.tenure(0, std::nullopt, pod("a"));
  const auto b = meter.tenure(0, std::nullopt, pod("b"));
  meter.have(a, Having::Holds, kStart);
  for (int i = 0; i < 4; ++i) meter.have(b, Having::Holds, kStart + (100 + i * 30) * kSecond);  // before it is settled
  meter.settle(kStart + 1'000 * kSecond);
  ByBucket all;
  add(all, meter.take());
  EXPECT_EQ(sum_of(all).owned_ms, (75 + 90 + 75) * kSecond);
}

TEST(Meter, SharesMakeUpTheWholeWhateverIsShared) {
  std::mt19937 random(11);
  Meter meter(kOptions);
  std::vector<Meter::Tenure> tenures;
  for (int i = 0; i < 7; ++i) tenures.push_back(meter.tenure(i % 2 == 0 ? 0 : 1, std::nullopt, pod(std::to_string(i))));
  EpochMs time = kStart;
  std::map<Key, std::int64_t> shared, owned;
  for (int i = 0; i < 2'000; ++i) {
    time += static_cast<EpochMs>(random() % 40'000);
    const auto tenure = tenures[random() % tenures.size()];
    const auto having = random() % 2 == 0 ? Having::Holds : Having::Uses;
    if (random() % 4 == 0)
      meter.leave(tenure, having, time);
    else
      meter.have(tenure, having, time - static_cast<EpochMs>(random() % 10'000));
    if (random() % 9 == 0) meter.settle(0);
    if (random() % 5 != 0) continue;
    const Usage usage = meter.take();
    for (const OwnerUsage& one : usage.owners) shared[{one.bucket, one.subject}] += one.share_ms;
    for (const SubjectUsage& one : usage.subjects)
      if (one.totals.owned_ms > 0) owned[{one.bucket, one.subject}] += one.totals.owned_ms;
  }
  std::erase_if(shared, [](const auto& one) { return one.second == 0; });
  EXPECT_FALSE(shared.empty());
  for (const auto& [key, ms] : owned) {
    EXPECT_LE(ms, 30 * kSecond);
    EXPECT_EQ(shared[key], ms);
  }
}

/// Told up to some record, counted, forgotten by a crash, told again from before it.
TEST(Meter, ARestartCountsNothingTwiceAndLosesNothing) {
  struct Record {
    EpochMs arrived, time;
    std::uint32_t subject;
    double value;
  };
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    std::vector<Record> records;
    std::array<bool, 5> silent{};
    for (EpochMs now = kStart; now < kStart + 1'800 * kSecond; now += 10 * kSecond)
      for (std::uint32_t subject = 0; subject < 5; ++subject) {
        if (random() % 40 == 0) silent[subject] = !silent[subject];
        if (!silent[subject] && random() % 3 == 0)
          records.push_back({now, now - static_cast<EpochMs>(random() % 2000), subject, double(random() % 500)});
      }
    const auto tell = [](Meter& meter, const Record& one) {
      meter.arrived(one.arrived);
      meter.read(one.subject, Field::Power, one.value, one.time);
      meter.have(meter.tenure(one.subject, std::nullopt, pod("p")), Having::Holds, one.time);
    };
    // The reference counts at the same times and never ends.
    const auto run = [&](bool crashes) {
      ByBucket all;
      auto meter = std::make_unique<Meter>(kOptions);
      std::mt19937 when(seed + 1'000);
      for (std::size_t i = 0; i < records.size(); ++i) {
        tell(*meter, records[i]);
        if (when() % 20 != 0) continue;
        const EpochMs now = records[i].arrived;
        meter->settle(now);
        add(all, meter->take());
        const bool crash = when() % 2 == 0;
        if (!crash || !crashes) continue;
        meter = std::make_unique<Meter>(kOptions);
        for (std::size_t again = 0; again <= i; ++again)
          if (records[again].arrived >= now - 150 * kSecond) tell(*meter, records[again]);
        meter->settle(now);
        meter->take();
      }
      meter->settle(kStart + 100'000 * kSecond);
      add(all, meter->take());
      return all;
    };
    ASSERT_EQ(run(true), run(false)) << "seed " << seed;
  }
}

TEST(Meter, AnOwnerThatHasGoneIsForgotten) {
  Meter meter(kOptions);
  const auto a = meter.tenure(0, std::nullopt, pod("a"));
  EXPECT_EQ(meter.tenure(0, std::nullopt, pod("a")), a);
  meter.have(a, Having::Holds, kStart);
  meter.leave(a, Having::Holds, kStart + kSecond);
  meter.release(a);
  meter.take(kStart);
  EXPECT_EQ(meter.tenure(0, std::nullopt, pod("a")), a) << "somebody still speaks of it";
  meter.release(a);
  meter.release(a);
  meter.take(kStart);
  const auto b = meter.tenure(7, std::nullopt, pod("b"));
  EXPECT_EQ(b, a) << "its place is taken again";
  meter.have(b, Having::Holds, kStart);
  meter.have(b, Having::Holds, kStart + kSecond);
  EXPECT_EQ(meter.take().owners.at(0).subject, 7U);
}

}  // namespace
}  // namespace tessera::fleet

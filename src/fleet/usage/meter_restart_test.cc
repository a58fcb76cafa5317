// A meter that begins anew with what the database and the last few intervals tell, and requests that come again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fleet/inventory/node.h"
#include "fleet/usage/meter.h"

namespace tessera::fleet {
namespace {
using namespace std::chrono_literals;
using Having = Meter::Having;

constexpr EpochMs kStart = 1'800'000'000'000;  // a multiple of every span
constexpr EpochMs kInterval = 30'000;
constexpr EpochMs kKnownFor = 5 * kInterval;
const MeterOptions kOptions{30s, 75s};

struct Told {
  EpochMs arrived = 0;
  std::uint32_t subject = 0;
  int what = 0;  ///< a field; kFields and behind it: an owner that holds
  double value = 0;
  EpochMs time = 0;
};

std::shared_ptr<const Workload> pod(int number) {
  return std::make_shared<const Workload>(Workload{"ml", "pod-" + std::to_string(number), "", "u"});
}

/// What the keeper does with a meter, and what its database has of it.
class Ledger {
 public:
  void tell(const Told& one) {
    log_.push_back(one);
    apply(one);
  }

  void commit(EpochMs now) {
    meter_->settle(now);
    Usage usage = meter_->take(now - kKnownFor + 1'000);
    for (const SubjectUsage& row : usage.subjects) rows[{row.bucket, row.subject}].add(row.totals);
    for (const OwnerUsage& row : usage.owners) {
      held[row.subject] += row.held_ms;
      shares[row.subject] += row.share_ms;
    }
    for (Counted& one : usage.silent) counted_.push_back(std::move(one));
    committed_ = log_.size();
    committed_at_ = now;
  }

  /// What had not been committed is read again from the log, and counts.
  void restart() {
    meter_ = std::make_unique<Meter>(kOptions);
    for (const Counted& one : counted_) meter_->remember(one);
    std::size_t at = 0;
    for (; at < committed_; ++at)
      if (log_[at].arrived >= committed_at_ - kKnownFor) apply(log_[at]);
    meter_->settle(committed_at_);
    meter_->take();
    for (; at < log_.size(); ++at) apply(log_[at]);
  }

  std::map<std::pair<EpochMs, std::uint32_t>, Totals> rows;
  std::map<std::uint32_t, std::int64_t> held, shares;

 private:
  void apply(const Told& one) {
    meter_->arrived(one.arrived);
    if (one.what < static_cast<int>(kFields)) {
      meter_->read(one.subject, static_cast<Field>(one.what), one.value, one.time);
      return;
    }
    const auto tenure = meter_->tenure(one.subject, {}, pod(one.what));
    meter_->have(tenure, Having::Holds, one.time);
    meter_->release(tenure);
  }

  std::unique_ptr<Meter> meter_ = std::make_unique<Meter>(kOptions);
  std::vector<Told> log_;
  std::vector<Counted> counted_;
  std::size_t committed_ = 0;
  EpochMs committed_at_ = 0;
};

TEST(MeterRestart, ARequestThatComesAgainAfterHoursIsNotCountedAgain) {
  for (const int what : {static_cast<int>(Field::Power), static_cast<int>(kFields)}) {
    Ledger ledger;
    const Told only{kStart, 0, what, 0.5, kStart};
    ledger.tell(only);
    for (int i = 1; i < 20; ++i) ledger.commit(kStart + i * kInterval);
    const auto rows = ledger.rows;
    const auto held = ledger.held;
    EXPECT_FALSE(rows.empty());
    ledger.restart();
    Told again = only;
    again.arrived = kStart + 20 * kInterval;
    ledger.tell(again);
    for (int i = 21; i < 40; ++i) ledger.commit(kStart + i * kInterval);
    EXPECT_EQ(ledger.rows, rows);
    EXPECT_EQ(ledger.held, held);
  }
}

TEST(MeterRestart, SilenceIsNotedOnce) {
  Meter meter(kOptions);
  meter.arrived(kStart);
  meter.read(3, Field::Power, 100, kStart);
  meter.settle(kStart + kInterval);
  EXPECT_THAT(meter.take(kStart).silent, testing::IsEmpty()) << "it may be read again from the journal";
  meter.settle(kStart + 10 * kInterval);
  const auto silent = meter.take(kStart + 5 * kInterval).silent;
  ASSERT_THAT(silent, testing::SizeIs(2)) << "that it is there, and its power";
  EXPECT_EQ(silent[0].what, kWhetherThere);
  EXPECT_EQ(silent[1].what, static_cast<std::uint8_t>(Field::Power));
  for (const Counted& one : silent) EXPECT_EQ(one.until, kStart + 75'000);
  EXPECT_THAT(meter.take(kStart + 9 * kInterval).silent, testing::IsEmpty());
}

TEST(MeterRestart, WhatHoldsStillWhenItIsNotedIsNotCountedTwiceEither) {
  Meter before(kOptions), after(kOptions);
  before.arrived(kStart);
  before.read(0, Field::Power, 100, kStart);
  for (const Counted& one : before.take(kStart + 1'000).silent) after.remember(one);
  after.read(0, Field::Power, 100, kStart);
  after.settle(kStart + 10 * kInterval);
  EXPECT_THAT(after.take().subjects, testing::IsEmpty());
}

/// Kills at any time and requests that come again at any time change nothing.
TEST(MeterRestart, KillsAndRepetitionsChangeNothing) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned most) { return static_cast<int>(random() % most); };
    Ledger plain, hard;
    std::vector<Told> past;
    std::map<std::pair<std::uint32_t, int>, int> silent_until;
    EpochMs end = kStart;
    for (int step = 0; step < 120; ++step) {
      const EpochMs now = kStart + step * kInterval;
      for (std::uint32_t subject = 0; subject < 3; ++subject)
        for (int what = 4; what < 10; ++what) {  // three fields and three owners
          int& quiet = silent_until[{subject, what}];
          if (quiet > step) continue;
          if (below(12) == 0) quiet = step + below(30);
          const Told one{now, subject, what, below(100) / 100.0, now};
          plain.tell(one);
          hard.tell(one);
          past.push_back(one);
        }
      if (below(4) == 0) {
        Told again = past[random() % past.size()];
        again.arrived = now;
        hard.tell(again);
      }
      end = now + 1'000;
      plain.commit(end);
      if (below(5) != 0) hard.commit(end);
      if (below(5) == 0) hard.restart();
    }
    for (int i = 1; i < 10; ++i) plain.commit(end + i * kInterval), hard.commit(end + i * kInterval);
    EXPECT_EQ(hard.rows, plain.rows) << "seed " << seed;
    EXPECT_EQ(hard.held, plain.held) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tessera::fleet

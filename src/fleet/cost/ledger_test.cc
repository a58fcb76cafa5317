#include "fleet/cost/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <random>
#include <set>

#include "fleet/cost/usage_slot.h"
#include "fleet/inventory/node.h"
#include "fleet/usage/meter.h"

namespace tessera::fleet {
namespace {
using namespace std::chrono_literals;

constexpr EpochMs kStart = 1'800'000'000'000, kMinute = 60'000, kSlot = 5 * kMinute, kBucketMs = kCostBucket.count();
constexpr PricedAs kPriced{"M", "default", "worker-01", "", Purchase::OnDemand};
const MeterOptions kOptions{30s, 75s};

RateBook book(std::vector<std::pair<EpochMs, Micros>> changes) {
  std::vector<Rate> rates;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Rate one;
    one.model = "M";
    one.from = changes[i].first;
    if (i + 1 < changes.size()) one.to = changes[i + 1].first;
    one.per_hour = changes[i].second;
    rates.push_back(one);
  }
  return *RateBook::of(rates);
}

Posting posting(std::int64_t subject, std::int64_t owner, Micros micros) {
  return {{subject, owner, CostKind::Used, CostBasis::Held}, {micros, micros, 0}};
}

TEST(Ledger, BucketsBeginOnQuartersOfAnHour) {
  EXPECT_EQ(cost_bucket_of(kStart), kStart);
  EXPECT_EQ(cost_bucket_of(kStart + kBucketMs - 1), kStart);
  EXPECT_EQ(cost_bucket_of(-1), -kBucketMs);
}

TEST(Ledger, ClosesABucketOnceAndCorrectsItBeside) {
  CostLedger ledger;
  EXPECT_EQ(*ledger.settle(kStart, {posting(1, 7, 500), posting(1, 8, 300)}), 0);
  const auto closed = ledger.entries(kStart, kStart + 1);
  EXPECT_FALSE(ledger.settle(kStart, {posting(1, 7, 500), posting(1, 8, 300)})) << "twice says nothing new";
  EXPECT_EQ(*ledger.settle(kStart, {posting(1, 7, 600), posting(1, 9, 200)}), 1);
  EXPECT_EQ(*ledger.settle(kStart, {posting(1, 7, 600)}), 2);
  const auto all = ledger.entries(kStart, kStart + kBucketMs);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_TRUE(std::equal(closed.begin(), closed.end(), all.begin())) << "what was closed is as it was";
  EXPECT_EQ(all[2], (CostEntry{kStart, 1, posting(1, 7, 100)}));
  EXPECT_EQ(all[3], (CostEntry{kStart, 1, posting(1, 8, -300)}));
  EXPECT_EQ(all[5], (CostEntry{kStart, 2, posting(1, 9, -200)}));
  EXPECT_FALSE(ledger.settle(kStart + 1, {}));
}

/// Devices and those who have them, told to a meter; what it comes to is kept as the database keeps it.
class World {
 public:
  explicit World(unsigned seed) : random_(seed), meter_(kOptions) {}

  static constexpr std::uint32_t kDevices = 3, kInstances = 3;  // of each device
  static constexpr std::uint32_t kSubjects = kDevices * (1 + kInstances);
  static std::uint32_t device_of(std::uint32_t subject) { return subject / (1 + kInstances); }
  static constexpr std::int64_t kOutside = 9;  ///< the owner of what runs outside of pods
  static bool is_instance(std::uint32_t subject) { return subject % (1 + kInstances) != 0; }

  std::int64_t up_to(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }

  /// A sample of everything at a time. Devices are cut anew and change hands as it comes.
  void tell(EpochMs time) {
    for (std::uint32_t device = 0; device < kDevices; ++device) {
      if (silent_until_[device] > time) continue;
      if (up_to(400) == 0) silent_until_[device] = time + up_to(3 * 60) * kMinute;  // three hours at the most
      if (up_to(40) == 0) cut_[device] = !cut_[device];
      const std::uint32_t own = device * (1 + kInstances);
      meter_.seen(own, time);
      if (device != 0) use_outside(own, time);  // all the time
      if (!cut_[device]) tell_of(own, time);
      if (!cut_[device]) continue;
      for (std::uint32_t i = 1; i <= kInstances; ++i) tell_of(own + i, time);
    }
  }

  /// What has been counted by the clock; the buckets of which something has come that had not.
  std::set<EpochMs> count(EpochMs now) {
    meter_.settle(now);
    const Usage usage = meter_.take();
    std::set<EpochMs> out;
    for (const SubjectUsage& one : usage.subjects) {
      rows_[{one.bucket / kSlot * kSlot, one.subject}].totals.add(one.totals);
      out.insert(cost_bucket_of(one.bucket));
    }
    for (const OwnerUsage& one : usage.owners) {
      Tenant& tenant = rows_[{one.bucket / kSlot * kSlot, one.subject}].tenants[one.owner->pod];
      tenant.outside = !one.owner->is_pod();
      tenant.owner = tenant.outside ? kOutside : 1 + one.owner->pod.back() - '0';
      tenant.held_ms += one.held_ms;
      tenant.used_ms += one.used_ms;
      out.insert(cost_bucket_of(one.bucket));
    }
    return out;
  }

  /// What a bucket comes to, as far as is known.
  std::vector<Posting> bucket(EpochMs begin, const RateBook& rates, const PostingOptions& options) const {
    std::vector<Posting> all;
    for (EpochMs slot = begin; slot < begin + kBucketMs; slot += kSlot)
      for (std::uint32_t device = 0; device < kDevices; ++device) {
        const auto postings = post(slot_of(device, slot), rates.charge(kPriced, slot, slot + kSlot), options);
        all.insert(all.end(), postings.begin(), postings.end());
      }
    return merged(std::move(all));
  }

  std::mt19937& random() { return random_; }
  Meter& meter() { return meter_; }

 private:
  struct Counted {
    Totals totals;
    std::map<std::string, Tenant> tenants;
  };

  void tell_of(std::uint32_t subject, EpochMs time) {
    if (is_instance(subject)) meter_.seen(subject, time);
    if (up_to(10) != 0) meter_.read(subject, Field::Utilization, static_cast<double>(up_to(101)) / 100, time);
    if (up_to(12) == 0) who_[subject] = up_to(6);  // ten times an hour
    const std::int64_t who = who_[subject];
    if (who == 4) return use_outside(subject, time);
    if (who == 5) return;  // nobody
    const auto owner = std::make_shared<const Workload>(Workload{"ml", "pod-" + std::to_string(who), "", ""});
    const Meter::Tenure tenure = meter_.tenure(subject, std::nullopt, owner);
    meter_.have(tenure, up_to(5) == 0 ? Meter::Having::Uses : Meter::Having::Holds, time);
    meter_.release(tenure);
  }

  void use_outside(std::uint32_t subject, EpochMs time) {
    const Meter::Tenure tenure = meter_.tenure(subject, std::nullopt, std::make_shared<const Workload>());
    meter_.have(tenure, Meter::Having::Uses, time);
    meter_.release(tenure);
  }

  DeviceUsage slot_of(std::uint32_t device, EpochMs slot) const {
    std::vector<SubjectSlot> slots;
    for (std::uint32_t i = 0; i <= kInstances; ++i) {
      const std::uint32_t subject = device * (1 + kInstances) + i;
      const auto found = rows_.find({slot, subject});
      if (found == rows_.end()) continue;
      SubjectSlot one;
      one.subject = subject;
      if (i > 0) one.gpu_instance = i;
      one.slices = {2, i == 3 ? 4 : 2};
      one.totals = found->second.totals;
      one.replicas = device == 2 && i == 0 ? 4 : 1;
      for (const auto& [pod, tenant] : found->second.tenants) one.tenants.push_back(tenant);
      slots.push_back(std::move(one));
    }
    return device_usage(device * (1 + kInstances), {7, 8}, slot, slot + kSlot, std::move(slots));
  }

  std::mt19937 random_;
  Meter meter_;
  std::array<EpochMs, kDevices> silent_until_{};
  std::array<bool, kDevices> cut_{};
  std::array<std::int64_t, kSubjects> who_{};
  std::map<std::pair<EpochMs, std::uint32_t>, Counted> rows_;
};

struct Sums {
  Wide micros = 0, device_ms = 0;
};

template <class Wanted>
Sums sum(const std::vector<CostEntry>& entries, const Wanted& wanted) {
  Sums out;
  for (const CostEntry& one : entries) {
    if (!wanted(one)) continue;
    out.micros += one.posting.amount.micros;
    out.device_ms += one.posting.amount.device_ms;
  }
  return out;
}

/// Each device, in each window, by each grouping, comes to what the rate says.
void expect_conservation(const CostLedger& ledger, EpochMs from, EpochMs to, const RateBook& rates) {
  for (std::uint32_t device = 0; device < World::kDevices; ++device)
    for (EpochMs at = from; at < to; at += kBucketMs) {
      const auto entries = ledger.entries(at, at + kBucketMs);
      const Sums of = sum(entries, [&](const CostEntry& one) {
        return World::device_of(static_cast<std::uint32_t>(one.posting.line.subject)) == device;
      });
      ASSERT_TRUE(of.micros == rates.charge(kPriced, at, at + kBucketMs).micros) << device << ' ' << at;
      ASSERT_TRUE(of.device_ms == kBucketMs) << device << ' ' << at;
    }
  const auto all = ledger.entries(from, to);
  std::map<std::int64_t, Wide> by_owner, by_kind, by_subject;
  for (const CostEntry& one : all) {
    if (one.posting.line.owner == World::kOutside) {
      ASSERT_EQ(one.posting.line.kind, CostKind::Used) << "what is outside of pods holds nothing";
    }
    by_owner[one.posting.line.owner] += one.posting.amount.micros;
    by_kind[static_cast<std::int64_t>(one.posting.line.kind)] += one.posting.amount.micros;
    by_subject[one.posting.line.subject] += one.posting.amount.micros;
  }
  const Wide whole = Wide{rates.charge(kPriced, from, to).micros} * World::kDevices;
  for (const auto* groups : {&by_owner, &by_kind, &by_subject}) {
    Wide sum = 0;
    for (const auto& [key, micros] : *groups) sum += micros;
    ASSERT_TRUE(sum == whole);
  }
}

/// Samples come in order, late, twice and out of order; rates change mid-hour, and afterwards for what has been.
TEST(Ledger, KeepsEveryMicroUnitOfARandomFleet) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    World world(seed);
    const RateBook rates = book({{kStart, static_cast<Micros>(1 + world.up_to(9'000'000))},
                                 {kStart + 100 * kMinute + 17'013, static_cast<Micros>(world.up_to(kMostPerHour))}});
    const PostingOptions options{static_cast<ShareBy>(world.up_to(3)), static_cast<SharedBy>(world.up_to(2))};
    CostLedger ledger;
    constexpr EpochMs kEnd = kStart + 6 * 60 * kMinute;
    std::vector<EpochMs> late;
    std::map<EpochMs, std::vector<CostEntry>> first;
    for (EpochMs now = kStart; now < kEnd + 30 * kMinute; now += 30'000) {
      world.meter().arrived(now);
      if (now < kEnd) {
        if (world.up_to(6) == 0)
          late.push_back(now);
        else
          world.tell(now);
        if (world.up_to(20) == 0) world.tell(now);  // once more
      }
      if (!late.empty() && world.up_to(30) == 0) {
        world.tell(late.back());
        late.pop_back();
      }
      for (const EpochMs changed : world.count(now))
        if (ledger.is_closed(changed)) (void)ledger.settle(changed, world.bucket(changed, rates, options));
      const EpochMs over = cost_bucket_of(now - 2 * kBucketMs);
      if (over < kStart || ledger.is_closed(over)) continue;
      ASSERT_TRUE(ledger.settle(over, world.bucket(over, rates, options)));
      first[over] = ledger.entries(over, over + 1);
    }
    expect_conservation(ledger, kStart, kEnd, rates);
    for (const auto& [bucket, entries] : first) {
      const auto now = ledger.entries(bucket, bucket + 1);
      ASSERT_GE(now.size(), entries.size());
      ASSERT_TRUE(std::equal(entries.begin(), entries.end(), now.begin())) << "a closed bucket has changed";
      std::vector<Posting> entered;
      for (const CostEntry& one : now) entered.push_back(one.posting);
      ASSERT_TRUE(correction(entered, world.bucket(bucket, rates, options)).empty()) << "corrections leave nothing out";
    }
    const RateBook afterwards = book({{kStart - 1, static_cast<Micros>(world.up_to(7'000'000))}});
    for (EpochMs at = kStart; at < kEnd; at += kBucketMs)
      (void)ledger.settle(at, world.bucket(at, afterwards, options));
    expect_conservation(ledger, kStart, kEnd, afterwards);
  }
}

TEST(Ledger, AFleetThatIsNotObservedCostsAndAFleetOfNothingDoesNot) {
  const RateBook rates = book({{0, 8 * kUnit}});
  World world(1);
  const auto postings = world.bucket(kStart, rates, {});
  ASSERT_EQ(postings.size(), World::kDevices);
  for (const Posting& one : postings) {
    EXPECT_EQ(one.line.kind, CostKind::Unobserved);
    EXPECT_EQ(one.amount, (CostAmount{2 * kUnit, kBucketMs, 0}));
  }
  CostLedger empty;
  EXPECT_EQ(*empty.settle(kStart, {}), 0);
  EXPECT_TRUE(empty.entries(0, std::numeric_limits<EpochMs>::max()).empty());
}

TEST(UsageSlot, KnowsWhatShareOfADeviceAProfileIs) {
  static constexpr struct {
    std::string_view profile;
    unsigned memory_gib;
    Slices slices;
  } kCases[] = {{"1g.10gb", 80, {1, 1}},    {"1g.20gb", 80, {1, 2}},  {"3g.40gb", 80, {3, 4}},  {"7g.80gb", 80, {7, 8}},
                {"1g.5gb+me", 40, {1, 1}},  {"1g.18gb", 141, {1, 1}}, {"3g.71gb", 141, {3, 4}}, {"1g.6gb", 24, {1, 2}},
                {"1c.3g.40gb", 80, {3, 4}}, {"2g.35gb", 141, {2, 2}}};
  for (const auto& c : kCases) EXPECT_EQ(profile_slices(c.profile, std::nullopt, c.memory_gib), c.slices) << c.profile;
  EXPECT_EQ(profile_slices("2g.20gb", 3, 80), (Slices{3, 2})) << "the driver's word is better than a name";
  for (const std::string_view bad : {"", "g.5gb", "1g", "1g.gb", "x"}) EXPECT_FALSE(profile_slices(bad, {}, 80)) << bad;
  EXPECT_FALSE(profile_slices("1g.10gb", {}, 0));
  EXPECT_EQ(whole_slices(4, 7), (Slices{4, 8}));
  EXPECT_EQ(whole_slices({}, 4), (Slices{4, 8}));
  EXPECT_EQ(whole_slices({}, 0), (Slices{7, 8}));
}

}  // namespace
}  // namespace tessera::fleet

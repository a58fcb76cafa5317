// What two servers count of one stream that broke off between them, against one server that was told all of it.
#include "server/inheritance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "wire/write_request.h"

namespace tessera::server {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;  // a multiple of every span
constexpr EpochMs kInterval = 30'000, kHold = 75'000;

/// What one scrape of a node tells: a device with its power and a pod that holds it, or nobody.
struct Scrape {
  int device = 0;
  EpochMs time = 0;
  double watts = 0;
  int pod = 0;  ///< which holds it; 0: nobody
  const char* metric = "DCGM_FI_DEV_POWER_USAGE";
};

Batch batch_of(const Scrape& one, EpochMs arrived) {
  std::vector<wire::Label> labels = {{"Hostname", "node"},
                                     {"UUID", "GPU-" + std::to_string(one.device)},
                                     {"__name__", one.metric},
                                     {"gpu", std::to_string(one.device)}};
  if (one.pod != 0) {
    labels.push_back({"namespace", "ml"});
    labels.push_back({"pod", "pod-" + std::to_string(one.pod)});
  }
  std::ranges::sort(labels, {}, &wire::Label::name);
  wire::WriteRequest request;
  request.series.push_back({labels, {{one.watts, one.time}}, {}, {}});
  JudgedSeries judged;
  LeftOut left_out;
  auto batch = read_batch(wire::Protocol::V1, wire::encode(wire::Protocol::V1, request), {}, {arrived, arrived}, judged,
                          left_out);
  batch->arrived = arrived;
  return *std::move(batch);
}

/// By bucket and subject: observed, owned, power's integral and how long it was known; and what each owner held.
struct Sums {
  std::map<std::tuple<EpochMs, std::string>, std::array<std::int64_t, 4>> subjects;
  std::map<std::tuple<EpochMs, std::string, std::string>, std::int64_t> held;
  void add(const fleet::Fleet& fleet, const fleet::Usage& usage) {
    for (const fleet::SubjectUsage& row : usage.subjects) {
      auto& of = subjects[{row.bucket, std::string(fleet.usage_subject(row.subject).device_uuid)}];
      const fleet::FieldTotal& power = row.totals[fleet::Field::Power];
      for (std::size_t i = 0;
           const std::int64_t one : {row.totals.observed_ms, row.totals.owned_ms, power.sum, power.ms})
        of[i++] += one;
    }
    for (const fleet::OwnerUsage& row : usage.owners)
      held[{row.bucket, std::string(fleet.usage_subject(row.subject).device_uuid), row.owner->pod}] += row.held_ms;
  }
  /// A line for each.
  std::string told() const {
    std::string out;
    for (const auto& [key, of] : subjects)
      out += fmt::format("{} {}: {}\n", std::get<0>(key) - kStart, std::get<1>(key), fmt::join(of, " "));
    for (const auto& [key, ms] : held)
      out += fmt::format("{} {} {}: {}\n", std::get<0>(key) - kStart, std::get<1>(key), std::get<2>(key), ms);
    return out;
  }
};

/// A server: what it is told, and what comes of it.
struct Server {
  fleet::FleetOptions options{.interval = Milliseconds(kInterval)};
  fleet::Fleet fleet{options};
  fleet::Serving serving;
  SampleRouter router{fleet, serving, 1'000};
  Inheritance inheritance{options, fleet, {}};

  void tell(const Batch& batch) {
    if (batch.of_another) inheritance.apply(batch);
    if (batch.of_another && batch.of_another->counted) return;
    fleet.meter().tell_of_before(batch.of_another.has_value());
    fleet.arrived(batch.arrived);
    router.apply(batch);
  }
  void count(EpochMs now, Sums& into) {
    fleet.meter().settle(now);
    into.add(fleet, fleet.meter().take());
    inherit(now, into);
  }
  void inherit(EpochMs now, Sums& into) {
    for (const Inheritance::Share& share : inheritance.take(now)) into.add(*share.fleet, share.usage);
  }
};

/// Three devices, each told every interval at a time of its own, two of which a pod has; now and then one is silent for
/// a while.
std::vector<Scrape> stream(std::mt19937_64& random) {
  std::vector<Scrape> out;
  for (int device = 0; device < 3; ++device) {
    const EpochMs offset = static_cast<EpochMs>(random() % kInterval);
    bool silent = false;
    for (EpochMs time = kStart + offset; time < kStart + 20 * kInterval; time += kInterval) {
      if (random() % 5 == 0) silent = !silent;
      if (!silent) out.push_back({device, time, static_cast<double>(100 + random() % 300), device});
    }
  }
  std::ranges::sort(out, {}, [](const Scrape& one) { return std::pair(one.time, one.device); });
  return out;
}

Batch handed(const Scrape& scrape, const OfAnother& from) {
  Batch batch = batch_of(scrape, scrape.time);
  batch.of_another = from;
  return batch;
}

/// What a server has in its journal when it dies: what it has counted of it, and what of that is read again.
struct Left {
  std::vector<Scrape> records;
  std::size_t recalled = 0, counted = 0;  ///< reading begins behind the first number, and counting behind the second
  EpochMs counted_at = 0;
  Batch handed_over(std::size_t at, bool direct = true) const {
    return handed(records[at], {"dead", at + 1, at < counted, counted_at, at + 1 == records.size(), direct});
  }
};

Left live_and_die(const std::vector<Scrape>& told, EpochMs counted_at, EpochMs dead, Sums& sums) {
  Left out;
  out.counted_at = counted_at;
  Server server;
  for (const Scrape& scrape : told) {
    if (scrape.time >= dead) break;
    out.records.push_back(scrape);
    if (scrape.time >= counted_at) continue;
    server.tell(batch_of(scrape, scrape.time));
    out.recalled += scrape.time < counted_at - 5 * kInterval ? 1 : 0;
    ++out.counted;
  }
  server.count(counted_at, sums);
  return out;
}

TEST(Inheritance, TogetherTwoServersCountWhatOneWouldHave) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    std::mt19937_64 random(seed);
    const std::vector<Scrape> told = stream(random);
    const EpochMs dead = kStart + static_cast<EpochMs>(1 + random() % (10 * kInterval));
    const EpochMs back = dead + kHold + static_cast<EpochMs>(random() % (20 * kInterval));
    const EpochMs end = kStart + 60 * kInterval;
    Sums alone, both;
    Server one;
    for (const Scrape& scrape : told) one.tell(batch_of(scrape, scrape.time));
    one.count(end, alone);

    const Left left = live_and_die(told, dead - static_cast<EpochMs>(random() % kInterval), dead, both);
    if (left.counted == left.records.size()) continue;  // nothing is handed over
    ++compared;
    std::size_t next = left.recalled;
    Server heir;
    for (const Scrape& scrape : told) {
      if (scrape.time < dead) continue;
      heir.tell(batch_of(scrape, scrape.time));
      if (random() % 4 == 0) heir.count(scrape.time, both);
      for (; scrape.time >= back && next < left.records.size() && random() % 3 != 0; ++next) {
        heir.tell(left.handed_over(next));
        if (random() % 4 == 0) heir.tell(left.handed_over(next));
        if (random() % 4 == 0) heir.inherit(scrape.time, both);
      }
    }
    for (; next < left.records.size(); ++next) heir.tell(left.handed_over(next));
    heir.count(end, both);
    EXPECT_EQ(both.told(), alone.told()) << "seed " << seed;
  }
  EXPECT_GE(compared, 40);
}

TEST(Inheritance, WhereTheHeirHasBegunAnewNothingIsCountedTwice) {
  Server heir;
  heir.tell(batch_of({0, kStart + 70'000, 100, 0}, kStart + 70'000));
  heir.tell(handed({0, kStart, 100, 0}, {"dead", 1, false, kStart, true, false}));
  Sums sums;
  heir.count(kStart + 10 * kInterval, sums);
  std::int64_t observed = 0;
  for (const auto& [key, of] : sums.subjects) observed += of[0];
  EXPECT_EQ(observed, kHold) << "of the heir's own sample: how long the other's lasted nobody knows";
}

TEST(Inheritance, WhatTheHeirIsNotToldOfEndsWhereItBegins) {
  Server heir;
  heir.tell(batch_of({0, kStart + 40'000, 100, 0}, kStart + 40'000));
  heir.tell(handed({0, kStart, 50, 0, "DCGM_FI_DEV_GPU_TEMP"}, {"dead", 1, false, kStart, true, true}));
  heir.fleet.meter().settle(kStart + 20 * kInterval);
  fleet::Usage own = heir.fleet.meter().take();
  std::int64_t known = 0;
  const auto add = [&](const fleet::Usage& usage) {
    for (const fleet::SubjectUsage& row : usage.subjects) known += row.totals[fleet::Field::Temperature].ms;
  };
  add(own);
  EXPECT_EQ(known, 0);
  for (const Inheritance::Share& share : heir.inheritance.take(kStart + 20 * kInterval)) add(share.usage);
  EXPECT_EQ(known, 40'000);
}

TEST(Inheritance, ABacklogOfTheHeirsThatComesLaterIsNotCountedAgain) {
  Server heir;
  heir.tell(handed({0, kStart, 100, 0}, {"dead", 1, false, kStart, true, true}));
  Sums sums;
  heir.inherit(kStart + 10 * kInterval, sums);
  for (const EpochMs late : {kInterval, 2 * kInterval})
    heir.tell(batch_of({0, kStart + late, 100, 0}, kStart + 400'000));
  heir.count(kStart + 600'000, sums);
  std::int64_t observed = 0;
  for (const auto& [key, of] : sums.subjects) observed += of[0];
  EXPECT_EQ(observed, kHold) << "which both lie in";
}

TEST(Inheritance, OfAJournalThatDoesNotEndWhatIsCertainCounts) {
  Server heir;
  heir.tell(batch_of({0, kStart + 300'000, 100, 0}, kStart + 300'000));
  for (const std::uint64_t number : {0U, 1U})
    heir.tell(handed({0, kStart + static_cast<EpochMs>(number) * kInterval, 200, 0},
                     {"dead", number + 1, false, kStart, false, true}));
  Sums sums;
  heir.count(kStart + 320'000, sums);
  EXPECT_EQ((sums.subjects[{kStart, "GPU-0"}][3]), kInterval);
  heir.count(kStart + 3'000'000, sums);
  EXPECT_EQ((sums.subjects[{kStart + kInterval, "GPU-0"}][3]), 0);
}

}  // namespace
}  // namespace tessera::server

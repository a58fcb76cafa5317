#include "fleet/cost/posting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tessera::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum CostKind;

constexpr EpochMs kStart = 1'800'000'000'000, kHour = 3'600'000;
constexpr std::int64_t kDevice = 1, kSmall = 2, kLarge = 3;
constexpr Slices kWhole{7, 8};
constexpr Charge kEightDollars{8 * kUnit, 0};

Tenant holder(std::int64_t owner, std::int64_t held_ms) {
  Tenant out;
  out.owner = owner;
  out.held_ms = held_ms;
  return out;
}

PartUsage part(std::int64_t subject, Slices slices, std::vector<Tenant> tenants = {}) {
  PartUsage out;
  out.subject = subject;
  out.slices = slices;
  out.observed_ms = kHour;
  out.busy_known_ms = kHour;
  for (const Tenant& one : tenants) out.owned_ms = std::min(kHour, out.owned_ms + one.held_ms);
  out.tenants = std::move(tenants);
  return out;
}

DeviceUsage hour_of(std::vector<PartUsage> parts) {
  return {kDevice, kStart, kStart + kHour, kWhole, kHour, std::move(parts)};
}

/// "7/used held 1.00" for each line: owner, kind, basis, money.
std::vector<std::string> shown(const std::vector<Posting>& postings) {
  std::vector<std::string> out;
  for (const Posting& one : postings)
    out.push_back(fmt::format("{}:{} {} {} {}", one.line.subject, one.line.owner, cost_kind_name(one.line.kind),
                              cost_basis_name(one.line.basis), decimal(one.amount.micros)));
  return out;
}

std::vector<std::string> posted(const DeviceUsage& of, const PostingOptions& options = {}) {
  return shown(post(of, kEightDollars, options));
}

TEST(Post, AWholeDeviceIsUsedHeldIdleAndUnallocated) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour / 2)});
  whole.busy_ms = kHour / 4;
  EXPECT_THAT(posted(hour_of({whole})),
              ElementsAre("1:0 unallocated none 4.00", "1:7 used held 2.00", "1:7 held-idle held 2.00"));
}

TEST(Post, WhatNobodyTellsIsSaidAndNot0) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour)});
  whole.observed_ms = kHour / 2;
  whole.busy_known_ms = kHour / 4;
  whole.busy_ms = kHour / 8;
  DeviceUsage of = hour_of({whole});
  of.observed_ms = kHour / 2;
  EXPECT_THAT(posted(of), ElementsAre("1:0 unobserved none 4.00", "1:7 used held 1.00", "1:7 held-idle held 1.00",
                                      "1:7 held-unknown held 2.00"));
}

TEST(Post, InstancesAreChargedByTheirShareOfTheDevice) {
  const DeviceUsage of = hour_of(
      {part(kSmall, {1, 2}, {holder(7, kHour)}), part(kLarge, {3, 4}, {holder(8, kHour)})});  // 1g.20gb, 3g.40gb
  EXPECT_THAT(
      posted(of, {ShareBy::ComputeSlices, {}}),
      ElementsAre("1:0 unallocated none 3.428572", "2:7 held-idle held 1.142857", "3:8 held-idle held 3.428571"));
  EXPECT_THAT(posted(of, {ShareBy::Memory, {}}),
              ElementsAre("1:0 unallocated none 2.00", "2:7 held-idle held 2.00", "3:8 held-idle held 4.00"));
  EXPECT_THAT(posted(of, {ShareBy::LargerOfBoth, {}}),
              ElementsAre("1:0 unallocated none 2.00", "2:7 held-idle held 2.00", "3:8 held-idle held 4.00"));
}

TEST(Post, SharesThatAreMoreThanTheDeviceAreSqueezed) {
  const DeviceUsage of = hour_of({part(kSmall, {3, 4}, {holder(7, kHour)}), part(kLarge, {4, 4}, {holder(8, kHour)})});
  EXPECT_THAT(posted(of, {ShareBy::LargerOfBoth, {}}),  // 4/8 and 4/7
              ElementsAre("2:7 held-idle held 3.733333", "3:8 held-idle held 4.266667"));
}

TEST(Post, AnInstanceThatNobodyHasIsItsOwnLine) {
  EXPECT_THAT(posted(hour_of({part(kSmall, {1, 1})})),
              ElementsAre("1:0 unallocated none 6.857143", "2:0 unallocated none 1.142857"));
}

TEST(Post, WhoHoldsItPaysAndNotWhoAlsoUsesIt) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour / 2)});
  whole.tenants.push_back({});
  whole.tenants.back().owner = 8;
  whole.tenants.back().used_ms = kHour;
  whole.tenants.push_back({});
  whole.tenants.back().owner = 9;
  whole.tenants.back().promised_ms = kHour / 4;
  whole.owned_ms = kHour;
  EXPECT_THAT(posted(hour_of({whole})),
              ElementsAre("1:7 held-idle held 4.00", "1:8 held-idle used 2.00", "1:9 held-idle promised 2.00"));
}

TEST(Post, ASharedDeviceByReplicasOrByUse) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour), holder(8, kHour)});
  whole.replicas = 4;
  whole.tenants[0].used_ms = kHour / 4;
  whole.tenants[1].used_ms = 3 * kHour / 4;
  EXPECT_THAT(posted(hour_of({whole}), {{}, SharedBy::Requested}),
              ElementsAre("1:0 unallocated none 4.00", "1:7 held-idle held 2.00", "1:8 held-idle held 2.00"));
  whole.tenants[1].replicas = 2;
  EXPECT_THAT(posted(hour_of({whole}), {{}, SharedBy::Requested}),
              ElementsAre("1:0 unallocated none 2.00", "1:7 held-idle held 2.00", "1:8 held-idle held 4.00"));
  EXPECT_THAT(posted(hour_of({whole}), {{}, SharedBy::Used}),
              ElementsAre("1:7 held-idle held 2.00", "1:8 held-idle held 6.00"));
}

Tenant on_host(std::int64_t owner, std::int64_t used_ms) {
  Tenant out;
  out.owner = owner;
  out.used_ms = used_ms;
  out.outside = true;
  return out;
}

TEST(Post, AnIdleProcessOutsideOfPodsHasNothing) {
  PartUsage whole = part(kDevice, kWhole, {on_host(9, kHour)});
  whole.owned_ms = kHour;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 8.00"));
  whole.busy_known_ms = 0;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 8.00")) << "nor does it where nobody tells";
}

TEST(Post, WorkOutsideOfPodsIsUsedByNobody) {
  PartUsage whole = part(kDevice, kWhole, {on_host(9, kHour)});
  whole.owned_ms = kHour;
  whole.busy_ms = kHour / 4;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 6.00", "1:9 used used 2.00"));
  whole.tenants[0].used_ms = kHour / 8;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 7.00", "1:9 used used 1.00"))
      << "for as long as it was there";
  whole.replicas = 4;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 7.00", "1:9 used used 1.00"));
  whole.tenants[0].overhead = true;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:0 unallocated none 7.00", "1:9 overhead used 1.00"));
}

TEST(Post, BesideAProcessOutsideOfPodsAPodHasWhatItHasWithoutIt) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour / 2), on_host(9, kHour)});
  whole.owned_ms = kHour;
  whole.busy_ms = kHour / 4;
  EXPECT_THAT(posted(hour_of({whole})),
              ElementsAre("1:0 unallocated none 4.00", "1:7 used held 2.00", "1:7 held-idle held 2.00"));
  whole.busy_ms = 3 * kHour / 4;
  EXPECT_THAT(posted(hour_of({whole})),
              ElementsAre("1:0 unallocated none 2.00", "1:7 used held 4.00", "1:9 used used 2.00"))
      << "the pod cannot have done all of it";
}

TEST(Post, AProcessOutsideOfPodsTakesNoReplica) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour), holder(8, kHour), on_host(9, kHour)});
  whole.replicas = 4;
  whole.busy_ms = kHour / 2;
  for (Tenant& one : whole.tenants) one.used_ms = kHour;
  EXPECT_THAT(posted(hour_of({whole}), {{}, SharedBy::Requested}),
              ElementsAre("1:0 unallocated none 4.00", "1:7 used held 1.00", "1:7 held-idle held 1.00",
                          "1:8 used held 1.00", "1:8 held-idle held 1.00"));
  EXPECT_THAT(
      posted(hour_of({whole}), {{}, SharedBy::Used}),
      ElementsAre("1:7 used held 2.00", "1:7 held-idle held 2.00", "1:8 used held 2.00", "1:8 held-idle held 2.00"));
}

TEST(Post, WhatTheKubeletSaysIsHeldWithoutAPodIsHeld) {
  PartUsage whole = part(kDevice, kWhole, {on_host(9, kHour)});
  whole.tenants[0].held_ms = whole.owned_ms = kHour;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:9 held-idle held 8.00"));
}

/// An hour minute by minute: of two pods that hold a part in turn, one that uses it alone and a process outside of
/// pods; and without that.
struct RandomHour {
  explicit RandomHour(unsigned seed) : random(seed) {
    constexpr std::int64_t kMinute = 60'000;
    together = part(kDevice, kWhole);
    together.replicas = up_to(2) == 0 ? 1 : 4;
    for (std::int64_t owner = 1; owner <= 4; ++owner) {
      Tenant one = owner == 4 ? on_host(owner, 0) : holder(owner, 0);
      one.replicas = 1 + up_to(2);
      together.tenants.push_back(one);
    }
    PartUsage& alone = pods = together;
    pods.tenants.pop_back();
    std::int64_t now = up_to(4);
    for (int minute = 0; minute < 60; ++minute) {
      if (up_to(6) == 0) now = up_to(4);  // 3: no pod
      const bool is_pod = now < 3, uses = up_to(4) != 0, host = up_to(3) != 0, busy = up_to(2) == 0;
      const std::int64_t ms = is_pod ? kMinute : 0;
      if (is_pod)
        for (PartUsage* one : {&together, &alone}) {
          Tenant& tenant = one->tenants[static_cast<std::size_t>(now)];
          (now == 2 ? tenant.used_ms : tenant.held_ms) += kMinute;
          if (now < 2 && uses) tenant.used_ms += kMinute;
        }
      alone.owned_ms += ms;
      together.owned_ms += is_pod || host ? kMinute : 0;
      together.tenants.back().used_ms += host ? kMinute : 0;
      if (busy && (is_pod || host)) together.busy_ms += kMinute;
    }
    alone.busy_ms = std::min(together.busy_ms, alone.owned_ms);
  }
  std::int64_t up_to(std::int64_t limit) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
  }
  std::mt19937 random;
  PartUsage together, pods;
};

using ByOwnerAndKind = std::map<std::pair<std::int64_t, CostKind>, std::int64_t>;
ByOwnerAndKind time_of(const std::vector<Posting>& postings) {
  ByOwnerAndKind out;
  for (const Posting& one : postings) out[{one.line.owner, one.line.kind}] += one.amount.device_ms;
  return out;
}

TEST(Post, WhoIsOutsideOfPodsTakesNothingFromAnybodyAndAllAddsUp) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const RandomHour hour(seed);
    const PostingOptions options{{}, seed % 2 == 0 ? SharedBy::Requested : SharedBy::Used};
    const auto together = post(hour_of({hour.together}), kEightDollars, options);
    Micros micros = 0;
    std::int64_t ms = 0;
    for (const Posting& one : together) micros += one.amount.micros, ms += one.amount.device_ms;
    ASSERT_EQ(micros, 8 * kUnit) << seed;
    ASSERT_EQ(ms, kHour) << seed;
    auto with = time_of(together), without = time_of(post(hour_of({hour.pods}), kEightDollars, options));
    std::int64_t outside = 0;
    for (const auto& [line, time] : with) {
      if (line.first != 4) continue;
      ASSERT_EQ(line.second, CostKind::Used) << seed;
      outside += time;
    }
    ASSERT_LE(outside, std::min(hour.together.busy_ms, hour.together.tenants.back().used_ms)) << seed;
    for (std::int64_t owner = 1; owner < 4; ++owner) {
      std::int64_t more = 0;
      for (const auto kind : {Used, HeldIdle, HeldUnknown}) more += with[{owner, kind}] - without[{owner, kind}];
      ASSERT_NEAR(static_cast<double>(more), 0, 3) << seed << ' ' << owner;
    }
    ASSERT_NEAR(static_cast<double>(without[{0, Unallocated}] - with[{0, Unallocated}]), static_cast<double>(outside),
                9)
        << seed;
  }
}

TEST(Post, ThePlatformsOwnPodsAreOverhead) {
  PartUsage whole = part(kDevice, kWhole, {holder(7, kHour)});
  whole.tenants[0].overhead = true;
  EXPECT_THAT(posted(hour_of({whole})), ElementsAre("1:7 overhead held 8.00"));
}

TEST(Post, TheFormerLayoutThatHoldsStillTakesNothingMoreThanThereIs) {
  DeviceUsage of = hour_of({part(kSmall, {7, 8}, {holder(7, kHour)}), part(kLarge, {7, 8}, {holder(8, kHour)})});
  of.parts[0].observed_ms = of.parts[0].owned_ms = of.parts[0].busy_known_ms = 35 * 60'000;
  of.parts[1].observed_ms = of.parts[1].owned_ms = of.parts[1].busy_known_ms = 35 * 60'000;
  EXPECT_THAT(posted(of), ElementsAre("2:7 held-idle held 4.00", "3:8 held-idle held 4.00"));
}

TEST(Post, TimeWithoutARateHasNoPrice) {
  const auto postings = post(hour_of({part(kDevice, kWhole, {holder(7, kHour)})}), {0, kHour}, {});
  ASSERT_EQ(postings.size(), 1U);
  EXPECT_EQ(postings[0].amount, (CostAmount{0, kHour, kHour}));
}

TEST(Post, NoTimeIsNothing) {
  DeviceUsage of = hour_of({});
  of.to = of.from;
  EXPECT_THAT(post(of, {}, {}), IsEmpty());
  of = hour_of({});
  EXPECT_THAT(posted(of), ElementsAre("1:0 unallocated none 8.00")) << "there, and nobody has any of it";
}

}  // namespace
}  // namespace tessera::fleet

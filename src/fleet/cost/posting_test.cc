#include "fleet/cost/posting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

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

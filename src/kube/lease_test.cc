#include "kube/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/json_slice.h"

namespace tessera::kube {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kWritten = R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
 "metadata":{"name":"relay-0","namespace":"gpu","resourceVersion":"17","labels":{"team":"a","n":1},"uid":"u-1"},
 "spec":{"holderIdentity":"pod-a","leaseDurationSeconds":15,"acquireTime":"2026-01-02T03:04:05.000006Z",
  "renewTime":"2026-01-02T03:05:05.000006Z","leaseTransitions":3,"strategy":"OldestEmulationVersion"}})";

TEST(Lease, IsRead) {
  const auto lease = parse_lease(kWritten);
  ASSERT_TRUE(lease) << lease.error().what;
  EXPECT_EQ(lease->name, "relay-0");
  EXPECT_EQ(lease->holder, "pod-a");
  EXPECT_EQ(lease->duration, 15s);
  EXPECT_EQ(lease->acquired, "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(lease->renewed, "2026-01-02T03:05:05.000006Z");
  EXPECT_EQ(lease->transitions, 3);
  EXPECT_EQ(lease->version, "17");
  EXPECT_EQ(lease->labels, (std::map<std::string, std::string>{{"team", "a"}}));
}

TEST(Lease, WhatIsAbsentOrStrangeIsLeftOut) {
  static const struct {
    const char* json;
    const char* why;  ///< null: it is read, as nobody's
  } kCases[] = {{R"({"metadata":{"name":"a"}})", nullptr},
                {R"({"metadata":{"name":"a"},"spec":null})", nullptr},
                {R"({"metadata":{"name":"a"},"spec":{"holderIdentity":null,"leaseDurationSeconds":"15"}})", nullptr},
                {R"({"metadata":{"name":"a"},"spec":{"leaseDurationSeconds":-1,"leaseTransitions":1e30}})", nullptr},
                {R"({"metadata":{"name":"a","labels":[1]},"spec":[]})", nullptr},
                {R"({"metadata":{}})", "no metadata.name"},
                {R"([])", "a JSON object expected"},
                {R"({"metadata")", "a JSON object expected"}};
  for (const auto& c : kCases) {
    const auto lease = parse_lease(c.json);
    ASSERT_EQ(static_cast<bool>(lease), c.why == nullptr) << c.json;
    if (!lease) {
      EXPECT_THAT(lease.error().what, HasSubstr(c.why));
      continue;
    }
    EXPECT_EQ(lease->holder, "");
    EXPECT_EQ(lease->duration, 0s);
    EXPECT_EQ(lease->transitions, 0);
    EXPECT_TRUE(is_json(lease_json(*lease, "gpu"))) << c.json;
  }
}

TEST(Lease, IsWrittenAsItsHolderMeansAndKeepsTheRest) {
  constexpr EpochMs kNow = 1'800'000'000'250;
  const Lease lease = *parse_lease(kWritten);
  const Lease renewed = held_by(lease, "pod-a", 15s, kNow);
  EXPECT_EQ(renewed.acquired, lease.acquired);
  EXPECT_EQ(renewed.transitions, 3);
  EXPECT_EQ(renewed.renewed, "2027-01-15T08:00:00.250000Z") << "six digits, or the API server refuses it";
  const Lease taken = held_by(lease, "pod-b", 4'500ms, kNow);
  EXPECT_EQ(taken.holder, "pod-b");
  EXPECT_EQ(taken.acquired, taken.renewed);
  EXPECT_EQ(taken.transitions, 4);
  const std::string json = lease_json(taken, "gpu");
  EXPECT_THAT(json, HasSubstr("\"leaseDurationSeconds\":5")) << "whole seconds, rather longer";
  EXPECT_THAT(json, HasSubstr("\"resourceVersion\":\"17\""));
  EXPECT_THAT(json, HasSubstr("\"strategy\":\"OldestEmulationVersion\""));
  const Lease back = *parse_lease(json);
  EXPECT_EQ(back.holder, "pod-b");
  EXPECT_EQ(back.labels, taken.labels);
  EXPECT_EQ(released(taken, kNow + 1).holder, "");
  EXPECT_NE(released(taken, kNow + 1).renewed, taken.renewed);

  Lease fresh;
  fresh.name = "relay-1";
  const Lease first = held_by(fresh, "pod-a", 0ms, kNow);
  EXPECT_EQ(first.transitions, 0);
  EXPECT_THAT(lease_json(first, "gpu"), HasSubstr("\"leaseDurationSeconds\":1"));
  EXPECT_THAT(lease_json(first, "gpu"), Not(HasSubstr("resourceVersion")));
}

/// The lease goes with the account that wrote it, and other owners that somebody gave it stay.
TEST(Lease, BelongsToWhoWritesIt) {
  static const ServiceAccount kOwner{"gpu", "tessera-relay", "u-1"};
  const auto owners = [](const std::string& json) {
    return std::string(*member(*member(json, "metadata"), "ownerReferences"));
  };
  constexpr const char* kOwn = R"([{"apiVersion":"v1","kind":"ServiceAccount","name":"tessera-relay","uid":"u-1"}])";
  const Lease lease = *parse_lease(kWritten);
  EXPECT_EQ(owners(lease_json(lease, "gpu", kOwner)), kOwn);
  EXPECT_THAT(lease_json(lease, "other", kOwner), Not(HasSubstr("ownerReferences"))) << "owners are of one namespace";
  EXPECT_THAT(lease_json(lease, "gpu"), Not(HasSubstr("ownerReferences")));

  const Lease owned = *parse_lease(R"({"metadata":{"name":"relay-0","ownerReferences":[
    {"apiVersion":"v1","kind":"ServiceAccount","name":"tessera-relay","uid":"u-0"},
    {"apiVersion":"v1","kind":"ConfigMap","name":"tessera-relay","uid":"u-2"}]}})");
  const std::string written = owners(lease_json(owned, "gpu", kOwner));
  EXPECT_THAT(written, Not(HasSubstr("u-0"))) << "an account that was made anew has another uid";
  EXPECT_THAT(written, HasSubstr("u-2"));
  EXPECT_THAT(written, HasSubstr("u-1"));
  EXPECT_EQ(owners(lease_json(*parse_lease(lease_json(owned, "gpu", kOwner)), "gpu", kOwner)), written) << "once";
}

/// What was seen at which time, and how long the silence was then.
TEST(LeaseSight, CountsTheSilenceThatItSaw) {
  static const struct {
    const char* what;
    struct Look {
      int at;            ///< seconds
      const char* word;  ///< the holder's last; null: no such lease
      int silence;
    };
    std::vector<Look> looks;
  } kCases[] = {
      {"a holder that renews", {{0, "a", 0}, {5, "b", 0}, {9, "b", 4}, {10, "c", 0}}},
      {"one that dies", {{0, "a", 0}, {4, "a", 4}, {8, "a", 8}, {12, "a", 12}, {16, "a", 16}}},
      {"one that comes back", {{0, "a", 0}, {5, "a", 5}, {10, "a", 10}, {12, "b", 0}}},
      {"a gap counts as the longest time between looks", {{0, "a", 0}, {5, "a", 5}, {600, "a", 10}, {601, "a", 11}}},
      {"none ever", {{0, nullptr, 0}, {5, nullptr, 5}, {10, nullptr, 10}, {11, "a", 0}}},
      {"one that is deleted", {{0, "a", 0}, {5, nullptr, 5}, {10, nullptr, 10}, {12, "a", 0}}},
  };
  for (const auto& c : kCases) {
    LeaseSight sight(5s);
    const SteadyTime start = std::chrono::steady_clock::now();
    for (const auto& look : c.looks) {
      Lease lease;
      lease.holder = "pod";
      lease.renewed = look.word ? look.word : "";
      sight.saw(look.word ? &lease : nullptr, start + std::chrono::seconds(look.at));
      EXPECT_EQ(sight.silence(), std::chrono::seconds(look.silence)) << c.what << " at " << look.at;
      EXPECT_FALSE(sight.is_released());
    }
  }
}

TEST(LeaseSight, OtherPeoplesEditsAreNoSignOfLife) {
  LeaseSight sight(5s);
  Lease lease = *parse_lease(kWritten);
  const SteadyTime start = std::chrono::steady_clock::now();
  sight.saw(&lease, start);
  lease.version = "18";
  lease.labels["edited"] = "yes";
  sight.saw(&lease, start + 3s);
  EXPECT_EQ(sight.silence(), 3s);
  const Lease free = released(lease, 1'800'000'000'000);
  sight.saw(&free, start + 4s);
  EXPECT_TRUE(sight.is_released());
  sight.saw(&lease, start + 5s);
  EXPECT_FALSE(sight.is_released());
}

}  // namespace
}  // namespace tessera::kube

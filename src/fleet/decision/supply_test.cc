#include "fleet/decision/supply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/decision/decide.h"
#include "fleet/decision/samples.h"
#include "fleet/inventory/fleet.h"

namespace tessera::fleet::decision {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'700'000'000'000;

Device device(unsigned index, bool mig) {
  auto facts = std::make_shared<DeviceFacts>();
  facts->uuid = fmt::format("GPU-{}", index);
  facts->index = index;
  facts->name = mig ? "NVIDIA H100 80GB HBM3" : "Tesla T4";
  facts->memory_bytes = (mig ? 81'559 : 15'360) * kMib;
  if (mig) {
    facts->mig_enabled = true;
    facts->profiles = h100_profiles();
  }
  Device out;
  out.facts = facts;
  out.up = true;
  out.last_seen = kNow;
  return out;
}

void add_instance(Device& to, unsigned gi, const char* profile, gpu::Placement at) {
  auto facts = std::make_shared<InstanceFacts>();
  facts->uuid = fmt::format("MIG-{}", gi);
  facts->profile = profile;
  facts->placement = at;
  Instance instance;
  instance.part = {gi, 0};
  instance.facts = facts;
  to.instances.push_back(instance);
}

void hold(Device& on, Part part, std::string pod, std::optional<unsigned> replicas = {}) {
  Allocation one;
  one.part = part;
  one.facts = std::make_shared<AllocationFacts>(
      AllocationFacts{.workload = {.space = "ml", .pod = std::move(pod), .container = {}, .pod_uid = {}},
                      .resource = "nvidia.com/gpu",
                      .shared = replicas.has_value(),
                      .replicas = replicas});
  one.first_seen = kNow;
  on.allocations.push_back(one);
}

Supply supply_of(const std::vector<Device>& devices, const std::vector<Promise>& promises = {},
                 const std::optional<Shares>& labelled = {}) {
  Node node;
  node.cluster = "c";
  node.name = "w";
  Supply out{kNow, {}};
  for (const Device& one : devices) out.candidates.push_back(candidate_of(node, one, promises, labelled));
  return out;
}

TEST(Supply, SeesWhatStandsAndWhoHasIt) {
  Device cut = device(0, true);
  add_instance(cut, 1, "1g.10gb", {6, 1});
  add_instance(cut, 2, "1c.3g.40gb", {0, 4});
  hold(cut, {1U, 0U}, "a");
  const Supply supply = supply_of({cut, device(1, false)});
  ASSERT_EQ(supply.candidates.size(), 2U);
  const Candidate& one = supply.candidates[0];
  EXPECT_EQ(one.unfit, "");
  EXPECT_EQ(one.model, "H100_80GB");
  EXPECT_EQ(one.mig, MigMode::On);
  ASSERT_EQ(one.pieces.size(), 2U);
  EXPECT_EQ(one.pieces[0].placed, (gpu::Placed{k3g, {0, 4}}));
  EXPECT_TRUE(one.pieces[0].parted);
  EXPECT_EQ(one.pieces[1].held_by, "ml/a");
  EXPECT_EQ(one.pieces[1].uuid, "MIG-1");
  EXPECT_EQ(supply.candidates[1].id, "w-GPU-01");
  EXPECT_TRUE(supply.candidates[1].is_empty());
}

TEST(Supply, WhatIsPromisedIsHeldAndNotTwice) {
  Device whole = device(1, false), shared = device(2, false);
  hold(shared, {}, "b", 1);
  const auto told = [&](const std::vector<Promise>& promises) {
    auto out = supply_of({device(0, true), whole}, promises).candidates;
    out.push_back(supply_of({shared}, promises, Shares{.replicas = 4}).candidates[0]);
    return out;
  };
  const auto none = told({});
  EXPECT_EQ(none[2].shares->left, 3U);
  const auto all = told({{.device_uuid = "GPU-0", .holder = "ml/x", .placed = gpu::Placed{k2g, {4, 2}}},
                         {.device_uuid = "GPU-1", .holder = "ml/y"},
                         {.device_uuid = "GPU-2", .holder = "ml/z", .share = true, .memory_mib = 1'000},
                         {.device_uuid = "GPU-2", .holder = "ml/b", .share = true}});
  ASSERT_EQ(all[0].pieces.size(), 1U);
  EXPECT_FALSE(all[0].pieces[0].stands);
  EXPECT_EQ(all[0].pieces[0].held_by, "ml/x");
  EXPECT_EQ(all[1].held_by, "ml/y");
  EXPECT_EQ(none[2].shares->left_memory_bytes - all[2].shares->left_memory_bytes, 1'000 * kMib);
  EXPECT_EQ(all[2].shares->left, 2U) << "that of ml/b is told of by the inventory";
  const auto policy = *make_policy("default", {});
  const auto verdict = decide(Supply{0, {all[0]}}, {.memory_mib = 30'000}, *policy);
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].placed, (gpu::Placed{k3g, {0, 4}}))
      << "not where something is promised";
}

TEST(Supply, OfASharedDeviceIsLeftWhatHoldersDoNotHaveOfWhatTheNodeTells) {
  struct Case {
    std::vector<unsigned> held;  ///< by each container
    unsigned labelled;           ///< 0: nobody tells
    unsigned replicas, left;
  };
  for (const Case& one : std::vector<Case>{{{1}, 4, 4, 3},
                                           {{2}, 4, 4, 2},
                                           {{3}, 4, 4, 1},
                                           {{3, 1}, 4, 4, 0},
                                           {{1, 2}, 4, 4, 1},
                                           {{0}, 4, 4, 3},
                                           {{3, 2}, 4, 5, 0},
                                           {{1}, 0, 1, 0},
                                           {{2, 1}, 0, 3, 0}}) {
    SCOPED_TRACE(testing::PrintToString(one.held));
    Device shared = device(2, false);
    for (std::size_t i = 0; i < one.held.size(); ++i) hold(shared, {}, fmt::format("p-{}", i), one.held[i]);
    const auto labelled = one.labelled > 0 ? std::optional(Shares{.replicas = one.labelled}) : std::nullopt;
    const Candidate told = supply_of({shared}, {}, labelled).candidates[0];
    ASSERT_TRUE(told.shares);
    EXPECT_EQ(told.shares->replicas, one.replicas);
    EXPECT_EQ(told.shares->left, one.left);
    EXPECT_FALSE(told.is_empty());
  }
}

TEST(Supply, WhatIsPromisedAsAWholeIsNotSharedWhenALabelComes) {
  Device shared = device(2, false);
  hold(shared, {}, "a", 1);
  const auto told = supply_of({shared}, {{.device_uuid = "GPU-2", .holder = "ml/a"}}, Shares{.replicas = 4});
  EXPECT_TRUE(std::holds_alternative<Refusal>(decide(told, {.compute_milli = 250}, **make_policy("default", {}))));
}

TEST(Supply, WhatIsNotWellOrNotKnownIsUnfit) {
  Device silent = device(0, true), lost = device(1, true), unwatched = device(2, true), blind = device(3, true);
  silent.presence = Presence::Stale;
  lost.up = false;
  unwatched.up.reset();
  add_instance(blind, 1, "1g.10gb", {6, 1});
  auto facts = std::make_shared<InstanceFacts>(*blind.instances[0].facts);
  facts->placement.reset();
  blind.instances[0].facts = facts;
  const auto candidates = supply_of({silent, lost, unwatched, blind}).candidates;
  EXPECT_THAT(candidates[0].unfit, HasSubstr("stale"));
  EXPECT_THAT(candidates[1].unfit, HasSubstr("does not answer"));
  EXPECT_THAT(candidates[2].unfit, HasSubstr("processes"));
  EXPECT_THAT(candidates[3].unfit, HasSubstr("root"));
}

}  // namespace
}  // namespace tessera::fleet::decision

// Pods that are promised replicas of devices that are shared. The kubelet gives any replica of any such device of the
// node, also to pods that nobody has promised anything; the book counts no device's replicas twice all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "fleet/allocation/review.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr unsigned kReplicas = 2;
constexpr const char* kResource = "nvidia.com/gpu.shared";

PromisedPart replica(unsigned gpu, unsigned number) {
  return {"w-1", "GPU-" + std::to_string(gpu), "", {number, 1}, false, kReplicas, kResource};
}
std::string device(unsigned gpu) {
  const std::string of = "gpu=\"" + std::to_string(gpu) + "\",UUID=\"GPU-" + std::to_string(gpu) + "\"";
  return "tessera_agent_device_up{" + of + "} 1\ngpu_device_info{" + of + ",model=\"Tesla T4\"} 1\n";
}
/// As the agent tells it: `replicas` is what the container has.
std::string held(unsigned gpu, const std::string& pod, unsigned replicas) {
  return R"(gpu_allocation_info{gpu=")" + std::to_string(gpu) + R"(",UUID="GPU-)" + std::to_string(gpu) +
         R"(",resource=")" + kResource + R"(",share="shared",replicas=")" + std::to_string(replicas) +
         R"(",container="c",namespace="ml",pod=")" + pod + "\"} 1\n";
}

struct Shares : testing::Test {
  Shares() { label(kReplicas); }
  /// As GPU feature discovery labels the node; 0: it does not.
  void label(unsigned replicas) {
    ClusterNode node;
    node.name = "w-1";
    if (replicas > 0) node.labels["nvidia.com/gpu.replicas"] = std::to_string(replicas);
    cluster.watched = true;
    cluster.cluster = "default";
    cluster.nodes["w-1"] = std::make_shared<const ClusterNode>(node);
  }
  /// By pod, the device of which it has replicas; one, but for those in `several`.
  void look(const std::map<std::string, unsigned>& has, const std::map<std::string, unsigned>& several = {}) {
    now += 5'000;
    std::string page = device(0) + device(1);
    for (const auto& [pod, gpu] : has) page += held(gpu, pod, several.contains(pod) ? several.at(pod) : 1);
    told.scrape(now, R"(node="w-1",job="agent")", page);
    told.fleet.advance(now);
    const auto view = told.fleet.publish(now);
    sightings.take(*view);
    for (PodAllocation& one : review.turns(book, {*view, cluster, sightings})) {
      const auto put = book.put(std::move(one));
      EXPECT_TRUE(put) << "promised twice: " << put.error().what;
    }
  }
  void ask(const std::string& pod) {
    PodAllocation one;
    one.id = one.pod = pod;
    one.cluster = "default";
    one.space = "ml";
    one.lease = Milliseconds(600'000);
    one.waits = true;
    one.asked_at = now;
    ASSERT_TRUE(book.put(one));
  }
  void promise(const std::string& pod, const PromisedPart& part) {
    const auto next = promised(*book.find(pod), {part}, "{}", {"", "", now});
    ASSERT_TRUE(next) << next.error().what;
    ASSERT_TRUE(book.put(*next));
  }
  const PodAllocation& of(const std::string& pod) { return *book.find(pod); }

  EpochMs now = kStart;
  ToldPages told;
  ClusterView cluster;
  PodSightings sightings;
  AllocationBook book;
  AllocationReview review{Milliseconds(1'000)};
};

TEST_F(Shares, APodHasTheReplicaThatItWasGivenAndTheOthersKeepTheirs) {
  for (const char* pod : {"a", "b", "c"}) ask(pod);
  promise("a", replica(0, 0));
  promise("b", replica(0, 1));
  promise("c", replica(1, 0));
  look({{"a", 1}});
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, ElementsAre(replica(1, 1))) << "what was not promised of it";
  EXPECT_EQ(of("b").state, Promised);
  EXPECT_EQ(of("c").state, Promised) << "of that device two have room";
  look({{"a", 1}, {"b", 1}});
  EXPECT_THAT(of("b").parts, ElementsAre(replica(1, 0)));
  EXPECT_EQ(of("c").state, Promised);
  EXPECT_THAT(of("c").parts, ElementsAre(replica(0, 1))) << "exchanged for what b has left";
  look({{"a", 1}, {"b", 1}, {"c", 0}});
  EXPECT_EQ(of("c").state, Bound);
  look({{"b", 1}, {"c", 0}});
  look({{"b", 1}, {"c", 0}});
  EXPECT_EQ(of("a").state, Ended);
  EXPECT_EQ(of("b").state, Bound);
}

TEST_F(Shares, WhereOthersHaveAllOfThemThePromiseIsTakenBack) {
  ask("a");
  promise("a", replica(0, 0));
  look({{"x", 0}});
  EXPECT_EQ(of("a").state, Promised);
  look({{"x", 0}, {"y", 0}});
  EXPECT_EQ(of("a").state, Waiting);
  EXPECT_THAT(of("a").why, HasSubstr("is on what was promised to it"));
}

TEST_F(Shares, WhatOthersHaveIsCountedByReplicasAndNotByPods) {
  for (const unsigned held : {1U, 2U, 3U, 4U}) {
    SCOPED_TRACE(held);
    label(4);
    const std::string pod = "a-" + std::to_string(held), x = "x-" + std::to_string(held);
    ask(pod);
    PromisedPart part = replica(0, 0);
    part.replicas = 4;
    promise(pod, part);
    look({{x, 0}}, {{x, held}});
    EXPECT_EQ(of(pod).state, held < 4 ? Promised : Waiting);
    look({{x, 0}, {"y", 0}}, {{x, held}});
    EXPECT_EQ(of(pod).state, held < 3 ? Promised : Waiting);
    book.drop(pod);
  }
}

TEST_F(Shares, APodOnTheDeviceThatNobodyWasPromisedHasOneOfItsReplicas) {
  for (const unsigned labelled : {kReplicas, 0U}) {
    SCOPED_TRACE(labelled);
    label(labelled);
    const std::string pod = "a-" + std::to_string(labelled), next = "b-" + std::to_string(labelled);
    ask(pod);
    promise(pod, replica(0, 0));
    look({{pod, 1}});
    ASSERT_EQ(of(pod).state, Bound);
    const PromisedPart& has = of(pod).parts.at(0);
    EXPECT_EQ(has.device_uuid, "GPU-1");
    EXPECT_EQ(has.replicas, labelled == 0 ? 1U : kReplicas) << "one at least, so that it is not the whole";
    EXPECT_EQ(has.placement, (gpu::Placement{0, 1}));
    ask(next);
    promise(next, replica(1, *book.free_replica("default", "GPU-1", kReplicas)));
    EXPECT_EQ(of(next).parts.at(0).placement.start, 1U);
    book.drop(pod);
    book.drop(next);
  }
}

TEST_F(Shares, AProcessThatIsSeenBeforeTheKubeletTellsSharesByTheLabel) {
  ask("a");
  now += 5'000;
  told.scrape(
      now, R"(node="w-1",job="agent")",
      device(0) + device(1) +
          R"(gpu_process_info{gpu="1",UUID="GPU-1",pid="7",command="c",namespace="ml",pod="a",container="c",status="active"} 1)" +
          "\n");
  told.fleet.advance(now);
  const auto view = told.fleet.publish(now);
  sightings.take(*view);
  const auto turns = review.turns(book, {*view, cluster, sightings});
  ASSERT_EQ(turns.size(), 1U);
  EXPECT_EQ(turns[0].parts.at(0).replicas, kReplicas);
}

TEST(Overlap, ASharedDeviceIsNobodysAsAWhole) {
  const PromisedPart whole{"w-1", "GPU-0", "", {0, 1}};
  EXPECT_TRUE(overlap(whole, replica(0, 1)));
  EXPECT_FALSE(overlap(replica(0, 0), replica(0, 1)));
  EXPECT_FALSE(overlap(whole, replica(1, 0)));
}

TEST_F(Shares, NoReplicaIsPromisedTwiceWhateverTheKubeletGives) {
  constexpr unsigned kPods = 8, kAsking = 5;
  std::mt19937 random(7);
  std::map<std::string, unsigned> has;
  const auto left = [&](unsigned gpu) {
    return std::ranges::count(has, gpu, [](const auto& one) { return one.second; }) < std::ptrdiff_t{kReplicas};
  };
  int bound = 0;
  for (int round = 0; round < 600; ++round) {
    const std::string pod = "p-" + std::to_string(random() % kPods);
    const bool asks = pod < "p-" + std::to_string(kAsking);
    const PodAllocation* own = book.of_pod("default", "ml", pod);
    if (has.contains(pod)) {
      if (random() % 3 == 0) has.erase(pod);
    } else if (asks && !own) {
      book.drop(pod);
      ask(pod);
    } else if (const auto gpu = static_cast<unsigned>(random() % 2); left(gpu) && (!asks || own->state == Promised)) {
      has[pod] = gpu;
    }
    for (const PodAllocation* one : book.queue())
      for (unsigned gpu = 0; gpu < 2; ++gpu) {
        // As the engine counts: what is held, and what is promised to others than those that hold.
        auto open = static_cast<unsigned>(std::ranges::count(has, gpu, [](const auto& h) { return h.second; }));
        for (const auto& taken : book.taken("default", "GPU-" + std::to_string(gpu)))
          open += !has.contains(taken.by->pod) || has[taken.by->pod] != gpu;
        const auto number = book.free_replica("default", "GPU-" + std::to_string(gpu), kReplicas);
        if (open >= kReplicas) continue;
        ASSERT_TRUE(number);
        const std::string waiting = one->pod;
        promise(waiting, replica(gpu, *number));
        break;
      }
    look(has);
    for (unsigned gpu = 0; gpu < 2; ++gpu)
      ASSERT_LE(book.taken("default", "GPU-" + std::to_string(gpu)).size(), kReplicas);
    for (const auto& [name, gpu] : has)
      if (const auto* one = book.of_pod("default", "ml", name)) bound += one->state == Bound;
    if (HasFailure()) return;
  }
  EXPECT_GT(bound, 100);
}

}  // namespace
}  // namespace tessera::fleet
